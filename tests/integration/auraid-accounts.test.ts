/** Several Matrix accounts on one person, one of them primary, each attached by its own proof; over a real database. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ACCOUNTS_MAX } from '../../auralink-communication-service/auralink-modules/auraid/matrix-accounts.ts';
import { AuraError } from '../../auralink-communication-service/core/errors.ts';
import type { PersonId, UserId } from '../../auralink-communication-service/core/ids.ts';
import { registryStore } from '../../auralink-communication-service/store/auraid.ts';
import { openDatabase } from '../../auralink-communication-service/store/db.ts';
import { testDatabase } from '../harness.ts';
import { namesRoom, ROOM_PASSWORD } from '../support/names-room.ts';

const db = openDatabase(await testDatabase());
after(() => db.close());
const room = namesRoom(db);
const registry = registryStore(db.pool);

/** An account that a Matrix user made elsewhere. */
async function account(localpart: string, password = `${localpart} has a password`) {
  const matrixUserId = `@${localpart}:example.org` as UserId;
  await room.matrix.createAccount(matrixUserId);
  await room.matrix.setPassword(matrixUserId, password);
  return { matrixUserId, password };
}

async function refusal(work: Promise<unknown>): Promise<{ code: string; reason: unknown; message: string }> {
  const error = await work.then(
    () => assert.fail('it was not refused'),
    (e: unknown) => e,
  );
  assert.ok(error instanceof AuraError, String(error));
  return { code: error.code, reason: error.details.reason, message: error.message };
}

const idsOf = async (personId: PersonId) => (await room.accounts.list(personId)).map((a) => a.userId);

test('an account is attached by its own password, and nothing less', async () => {
  const { personId, userId } = await room.person('anna');
  const element = await account('anna-element');
  const bad = await refusal(room.accounts.attach(personId, { ...element, password: 'a guess' }, '::1'));
  assert.deepEqual([bad.code, bad.reason], ['forbidden', 'bad_proof']);
  assert.deepEqual(await idsOf(personId), [userId]);
  const attached = await room.accounts.attach(personId, element, '::1');
  assert.deepEqual([attached.primary, attached.attachedBy], [false, 'sign_in']);
  assert.deepEqual(await idsOf(personId), [userId, element.matrixUserId]);
  assert.equal((await registry.findSignInByAccount(element.matrixUserId))?.personId, personId);
  assert.equal(room.told.acts.at(-1)?.act, 'account.attached');
  assert.equal(room.told.topics.at(-1), 'identity.matrix_profile');
});

test('attaching what is hers already changes nothing', async () => {
  const { personId } = await room.person('berta');
  const element = await account('berta-element');
  const first = await room.accounts.attach(personId, element, '::1');
  const acts = room.told.acts.length;
  assert.deepEqual(await room.accounts.attach(personId, element, '::1'), first);
  assert.equal(room.told.acts.length, acts);
});

test('an OpenID token proves an account once, and only the one that it is of', async () => {
  const { personId } = await room.person('clara');
  const mine = (await account('clara-element')).matrixUserId;
  room.openIdTokens.set('token-of-clara', mine);
  const other = await refusal(
    room.accounts.attach(
      personId,
      { matrixUserId: '@anna-element:example.org', openIdToken: 'token-of-clara' },
      '::1',
    ),
  );
  assert.equal(other.reason, 'bad_proof');
  const unknown = await refusal(
    room.accounts.attach(personId, { matrixUserId: mine, openIdToken: 'no token' }, '::1'),
  );
  assert.equal(unknown.reason, 'bad_proof');
  const proof = { matrixUserId: mine, openIdToken: 'token-of-clara' };
  assert.equal((await room.accounts.attach(personId, proof, '::1')).attachedBy, 'openid');
  const replay = await refusal(room.accounts.attach(personId, proof, '::1'));
  assert.deepEqual([replay.code, replay.reason], ['conflict', 'proof_used']);
  await room.accounts.detach(personId, mine);
  assert.equal((await refusal(room.accounts.attach(personId, proof, '::1'))).reason, 'proof_used');
});

test('another letter case is the same account', async () => {
  const { personId } = await room.person('dora');
  const { personId: thief } = await room.person('doris');
  const { matrixUserId, password } = await account('dora-element');
  await room.accounts.attach(personId, { matrixUserId, password }, '::1');
  const shouted = { matrixUserId: '@DORA-Element:example.org', password };
  assert.equal((await refusal(room.accounts.attach(thief, shouted, '::1'))).reason, 'account_taken');
  const claim = room.names.claimForAccount(
    '@DORA-element:example.org' as UserId,
    password,
    'dora-two',
    null,
    '::1',
  );
  assert.equal((await refusal(claim)).reason, 'already_registered');
});

test('an account is one person’s only, and the refusal does not tell whose', async () => {
  const { personId: first } = await room.person('emma');
  const { personId: second } = await room.person('frieda');
  const { personId: third, userId: provisioned } = await room.person('greta');
  const element = await account('emma-element');
  await room.accounts.attach(first, element, '::1');
  const texts = [
    await refusal(room.accounts.attach(second, element, '::1')),
    await refusal(
      room.accounts.attach(second, { matrixUserId: provisioned, password: ROOM_PASSWORD }, '::1'),
    ),
  ];
  await room.names.release(third);
  texts.push(
    await refusal(
      room.accounts.attach(second, { matrixUserId: provisioned, password: ROOM_PASSWORD }, '::1'),
    ),
  );
  assert.deepEqual(texts[0], { code: 'conflict', reason: 'account_taken', message: texts[0]?.message });
  for (const text of texts) assert.deepEqual(text, texts[0]);
});

test('of two people who attach one account at once, one gets it', async () => {
  const people = await Promise.all(['hanna', 'ida', 'jana', 'karla'].map((name) => room.person(name)));
  const element = await account('shared-element');
  const tries = await Promise.allSettled(
    people.map(({ personId }) => room.accounts.attach(personId, element, '::1')),
  );
  assert.equal(tries.filter((t) => t.status === 'fulfilled').length, 1);
});

test('the primary account changes by that account’s password, is one only, and cannot be detached', async () => {
  const { personId, userId } = await room.person('lena');
  const element = await account('lena-element');
  const notYet = room.accounts.makePrimary(personId, element.matrixUserId, element.password, '::1');
  assert.equal((await refusal(notYet)).code, 'not_found');
  await room.accounts.attach(personId, element, '::1');
  const guess = room.accounts.makePrimary(personId, element.matrixUserId, ROOM_PASSWORD, '::1');
  assert.equal((await refusal(guess)).reason, 'bad_proof');
  await room.accounts.makePrimary(personId, element.matrixUserId, element.password, '::1');
  assert.deepEqual(
    (await room.accounts.list(personId)).map((a) => [a.userId, a.primary]),
    [
      [element.matrixUserId, true],
      [userId, false],
    ],
  );
  await room.accounts.proveHerself(personId, element.password, '::1');
  const old = await refusal(room.accounts.proveHerself(personId, ROOM_PASSWORD, '::1'));
  assert.deepEqual([old.code, old.reason], ['forbidden', 'wrong_password']);
  const held = await refusal(room.accounts.detach(personId, element.matrixUserId));
  assert.deepEqual([held.code, held.reason], ['conflict', 'is_primary']);
  await room.accounts.detach(personId, userId);
  assert.deepEqual(await idsOf(personId), [element.matrixUserId]);
  assert.equal(await registry.findSignInByAccount(userId), null);
});

test('nobody detaches another’s account, or one that is not there', async () => {
  const { personId } = await room.person('mona');
  const { personId: other } = await room.person('olga');
  const element = await account('mona-element');
  await room.accounts.attach(personId, element, '::1');
  const strange = await refusal(room.accounts.detach(other, element.matrixUserId));
  const absent = await refusal(room.accounts.detach(other, '@nobody:example.org' as UserId));
  assert.deepEqual(strange, absent);
  assert.equal((await idsOf(personId)).length, 2);
});

test(`a person has at most ${ACCOUNTS_MAX} accounts`, async () => {
  const { personId } = await room.person('paula');
  for (let i = 1; i < ACCOUNTS_MAX; i++) {
    await room.accounts.attach(personId, await account(`paula-${i}`), '::1');
  }
  const more = await refusal(room.accounts.attach(personId, await account('paula-more'), '::1'));
  assert.deepEqual([more.code, more.reason], ['conflict', 'too_many_accounts']);
});

test('a Matrix user claims a name for her account, once, and with no account of ours', async () => {
  const element = await account('rosa');
  const accounts = room.matrix.passwords.size;
  const claim = (name: string) =>
    room.names.claimForAccount(element.matrixUserId, element.password, name, 'Rosa', '::1');
  const made = await claim('rosa');
  assert.deepEqual([made.auraId, made.userId, made.created], ['@rosa.aura', element.matrixUserId, true]);
  assert.equal(room.matrix.passwords.size, accounts);
  assert.deepEqual(
    (await room.accounts.list(made.personId)).map(({ userId, primary, attachedBy }) => [
      userId,
      primary,
      attachedBy,
    ]),
    [[element.matrixUserId, true, 'sign_in']],
  );
  assert.deepEqual(await claim('rosa'), { ...made, created: false });
  assert.equal((await refusal(claim('rosa-two'))).reason, 'already_registered');
});

test('the Dashboard is told how each person came: by its own order, the page, a Matrix account, or back again', async () => {
  const { via } = room.told;
  via.length = 0;
  await room.registration.register({
    registrationKey: 'dashboard:d-77',
    ...{ auraId: 'sigrid', displayName: null, dashboardUserId: 'd-77', password: null },
  });
  await room.person('susan');
  const element = await account('svenja');
  const claim = (name: string) =>
    room.names.claimForAccount(element.matrixUserId, element.password, name, null, '::1');
  const { personId } = await claim('svenja');
  await room.names.release(personId);
  assert.equal((await claim('svenja')).personId, personId);
  assert.deepEqual(via, ['dashboard', 'page', 'matrix_account', 'returned']);
});

test('of ten claims for one account at once, one makes a person', async () => {
  const element = await account('sofia');
  const tries = await Promise.allSettled(
    Array.from({ length: 10 }, (_, i) =>
      room.names.claimForAccount(
        element.matrixUserId,
        element.password,
        `sofia-${'abcdefghij'[i]}`,
        null,
        '::1',
      ),
    ),
  );
  assert.equal(tries.filter((t) => t.status === 'fulfilled').length, 1);
  const { rows } = await db.pool.query(
    `SELECT count(*) AS n FROM aura_id_registry WHERE skeleton LIKE 'sofla%'`,
  );
  assert.equal(rows[0].n, 1);
});
