/**
 * Names at rest: a name that somebody gave up rings her on for 90 days, rests for 90 more, and is nobody else's all
 * that time, whether she renamed herself, gave it back or was erased. Time passes by moving the holds' dates.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { HOLDS_MAX } from '../../auralink-communication-service/auralink-modules/auraid/names-service.ts';
import { createSignIn } from '../../auralink-communication-service/auralink-modules/auraid/sign-in.ts';
import { AuraError } from '../../auralink-communication-service/core/errors.ts';
import type { AuraId, PersonId } from '../../auralink-communication-service/core/ids.ts';
import { registryStore, signInCodeStore } from '../../auralink-communication-service/store/auraid.ts';
import { openDatabase } from '../../auralink-communication-service/store/db.ts';
import { nameStore } from '../../auralink-communication-service/store/names.ts';
import { personDirectory } from '../../auralink-communication-service/store/people.ts';
import { testDatabase } from '../harness.ts';
import { namesRoom, ROOM_PASSWORD } from '../support/names-room.ts';

const db = openDatabase(await testDatabase());
after(() => db.close());
const room = namesRoom(db);
const directory = personDirectory(db.pool);
const registry = registryStore(db.pool);

/** Makes the holds so many days older. */
const passDays = (auraId: string, days: number) =>
  db.pool.query(
    `UPDATE aura_id_holds SET resolves_until = resolves_until - make_interval(days => $2),
       held_until = held_until - make_interval(days => $2) WHERE aura_id = $1`,
    [auraId, days],
  );

async function refusal(work: Promise<unknown>): Promise<AuraError> {
  const error = await work.then(
    () => assert.fail('it was not refused'),
    (e: unknown) => e,
  );
  assert.ok(error instanceof AuraError, String(error));
  return error;
}

/** Whether somebody new gets the name, or what the check of names says: both must agree. */
async function isFreeForOthers(name: string, key: string): Promise<boolean> {
  const { status } = await room.registration.checkAvailability(name);
  const claim = room.registration.register({
    registrationKey: `dashboard:${key}`,
    ...{ auraId: name, displayName: null, dashboardUserId: key, password: null },
  });
  const got = await claim.then(
    () => true,
    (error: unknown) => {
      assert.ok(error instanceof AuraError && error.code === 'taken', String(error));
      return false;
    },
  );
  assert.equal(status, got ? 'free' : 'taken');
  return got;
}

async function leadsTo(auraId: string): Promise<{ called: PersonId | null; signedIn: PersonId | null }> {
  const [person, target] = await Promise.all([
    directory.findPerson(auraId as AuraId),
    registry.findSignInByName(auraId as AuraId),
  ]);
  return { called: person?.personId ?? null, signedIn: target?.personId ?? null };
}

test('a renamed person is reached by both names; callers see the one they know', async () => {
  const { personId } = await room.person('anna');
  const { auraId, aliasUntil } = await room.names.rename(personId, 'Anna.Berg');
  assert.equal(auraId, '@anna.berg.aura');
  const days = ((aliasUntil?.getTime() ?? 0) - Date.now()) / 86_400_000;
  assert.ok(Math.abs(days - 90) < 0.1, `${days} days`);
  for (const name of ['@anna.aura', '@anna.berg.aura']) {
    assert.deepEqual(await leadsTo(name), { called: personId, signedIn: personId }, name);
    assert.equal((await directory.findPerson(name as AuraId))?.auraId, name);
  }
  assert.deepEqual(
    [room.told.acts.at(-1)?.act, room.told.fannedOut.at(-1), room.told.changed.at(-1)],
    ['name.renamed', personId, personId],
  );
  const { current, holds } = await room.names.getNames(personId);
  assert.equal(current, '@anna.berg.aura');
  assert.deepEqual(
    holds.map(({ auraId: held, cause }) => [held, cause]),
    [['@anna.aura', 'renamed']],
  );
});

test('an alias rings for 90 days, rests until 180, and is free after that', async () => {
  const { personId } = await room.person('berta');
  await room.names.rename(personId, 'bertha-new');
  const at = async (days: number) => {
    await passDays('@berta.aura', days);
    const free = days === 181 ? null : await isFreeForOthers('b3rta', `never-${days}`);
    const same = await isFreeForOthers('berta', `thief-berta-${days}`);
    const led = (await leadsTo('@berta.aura')).called === personId;
    await passDays('@berta.aura', -days);
    return { led, same, free };
  };
  assert.deepEqual(await at(0), { led: true, same: false, free: true });
  assert.deepEqual((await at(89)).led, true);
  assert.deepEqual((await at(91)).led, false);
  assert.equal((await at(91)).same, false);
  assert.equal((await at(179)).same, false);
  assert.deepEqual(await at(181), { led: false, same: true, free: null });
});

test('look-alikes of a name at rest are taken, too', async () => {
  const { personId } = await room.person('clarisse');
  await room.names.rename(personId, 'somebody-else');
  for (const name of ['clarisse', 'c1arisse', 'clar.isse', 'cIarisse']) {
    assert.equal(await isFreeForOthers(name, `thief-${name}`), false, name);
  }
  const { personId: other } = await room.person('dora');
  const error = await refusal(room.names.rename(other, 'c1arisse'));
  assert.equal(error.code, 'taken');
  const suggestions = error.details.suggestions as string[];
  assert.ok(suggestions.length > 0);
  for (const name of suggestions) {
    assert.equal((await room.registration.checkAvailability(name)).status, 'free', name);
  }
  assert.equal((await room.names.getNames(other)).current, '@dora.aura');
});

test('she takes an old name of hers back, resting or not, and nothing of it stays on hold', async () => {
  const { personId } = await room.person('emma');
  await room.names.rename(personId, 'emma-one');
  await passDays('@emma.aura', 120);
  await room.names.rename(personId, 'emma');
  const { current, holds } = await room.names.getNames(personId);
  assert.deepEqual([current, holds.map((hold) => hold.auraId)], ['@emma.aura', ['@emma-one.aura']]);
  const again = await room.names.rename(personId, 'emma');
  assert.equal(again.aliasUntil, null);
});

test('three old names ring at a time; taking one back makes room', async () => {
  const { personId } = await room.person('frieda');
  for (const name of ['frieda-one', 'frieda-two', 'frieda-three']) await room.names.rename(personId, name);
  const error = await refusal(room.names.rename(personId, 'frieda-four'));
  assert.deepEqual([error.code, error.details.reason], ['conflict', 'too_many_aliases']);
  await room.names.rename(personId, 'frieda-one');
  await passDays('@frieda.aura', 91);
  await room.names.rename(personId, 'frieda-four');
});

test('nobody keeps more names from others than so many, whether she renames herself or leaves and comes back', async () => {
  const { personId, userId } = await room.person('olga');
  await db.pool.query(
    `INSERT INTO aura_id_holds (hold_id, skeleton, aura_id, person_id, cause, resolves_until, held_until)
     SELECT gen_random_uuid(), 'olga-old' || n, '@olga-old' || n || '.aura', $1, 'renamed', now(), now() + interval '1 day'
     FROM generate_series(1, $2::int) n`,
    [personId, HOLDS_MAX - 1],
  );
  await room.names.rename(personId, 'olga-next');
  const renamed = await refusal(room.names.rename(personId, 'olga-third'));
  assert.deepEqual([renamed.code, renamed.details.reason], ['conflict', 'too_many_names']);
  await room.names.release(personId);
  const claim = (name: string) => room.names.claimForAccount(userId, ROOM_PASSWORD, name, null, '::1');
  const returned = await refusal(claim('olga-third'));
  assert.deepEqual([returned.code, returned.details.reason], ['conflict', 'too_many_names']);
  await passDays('@olga-old1.aura', 2);
  const own = await claim('olga-next');
  assert.equal(own.personId, personId, 'one of hers she may take back');
});

test('a name that was given back leads nowhere, is nobody else’s, and comes back to who proves her account', async () => {
  const { personId, userId } = await room.person('greta');
  await room.names.rename(personId, 'greta-new');
  await room.names.release(personId);
  for (const name of ['@greta.aura', '@greta-new.aura']) {
    assert.deepEqual(await leadsTo(name), { called: null, signedIn: null }, name);
    assert.equal(await isFreeForOthers(name, `thief-${name}`), false, name);
  }
  const { rows } = await db.pool.query(
    'SELECT aura_id, state, skeleton FROM aura_id_registry WHERE person_id = $1',
    [personId],
  );
  assert.match(rows[0].aura_id, /^@gone-[0-9a-f]{22}\.aura$/);
  assert.deepEqual([rows[0].state, rows[0].skeleton], ['released', `gone:${personId}`]);
  const wrong = await refusal(room.names.claimForAccount(userId, 'a wrong one', 'greta-new', null, '::1'));
  assert.deepEqual([wrong.code, wrong.details.reason], ['unauthenticated', 'bad_credentials']);
  const back = await room.names.claimForAccount(userId, ROOM_PASSWORD, 'greta-new', null, '::1');
  assert.deepEqual([back.personId, back.created], [personId, true]);
  assert.deepEqual(await leadsTo('@greta-new.aura'), { called: personId, signedIn: personId });
  assert.equal(room.told.acts.at(-1)?.act, 'name.taken_back');
});

test('who gave her name back signs in by it, as long as it rests for her, and is offered a new one', async () => {
  const signIn = createSignIn({
    ...{ unitOfWork: db.unitOfWork, registry, codes: signInCodeStore(db.pool), accounts: room.matrix },
    ...{ limiter: { hit: async () => {} }, nameChecks: { hit: async () => {} } },
    ...{ metrics: { signedIn: () => {} }, invitationCode: 'invited', serverName: 'auralink.network' },
  });
  const { personId, userId } = await room.person('thea');
  await room.names.rename(personId, 'thea-new');
  await room.names.release(personId);
  for (const user of ['thea-new', '@thea.aura', userId]) {
    const guess = await refusal(signIn.signIn(user, 'a guess', '::1'));
    assert.deepEqual([guess.code, guess.details], ['unauthenticated', { reason: 'bad_credentials' }]);
    const offered = await refusal(signIn.signIn(user, ROOM_PASSWORD, '::1'));
    assert.deepEqual(offered.details, { reason: 'no_auraid', matrixUserId: userId }, user);
  }
  await passDays('@thea.aura', 181);
  assert.equal(
    (await refusal(signIn.signIn('thea', ROOM_PASSWORD, '::1'))).details.reason,
    'bad_credentials',
  );
  const back = await room.names.claimForAccount(userId, ROOM_PASSWORD, 'thea-again', null, '::1');
  assert.equal(back.personId, personId);
  assert.equal(await signIn.signIn('thea-again', ROOM_PASSWORD, '::1'), personId);
});

test('a released name rests for 180 days in all, then it is anybody’s', async () => {
  const { personId } = await room.person('hanna');
  await room.names.release(personId);
  for (const days of [0, 89, 91, 179]) {
    await passDays('@hanna.aura', days);
    assert.equal(await isFreeForOthers('hanna', `thief-hanna-${days}`), false, `${days}`);
    await passDays('@hanna.aura', -days);
  }
  await passDays('@hanna.aura', 181);
  assert.equal(await isFreeForOthers('hanna', 'new-hanna'), true);
  const late = await refusal(
    room.names.claimForAccount((await primaryOf(personId)) as never, ROOM_PASSWORD, 'hanna', null, '::1'),
  );
  assert.equal(late.code, 'taken');
});

async function primaryOf(personId: PersonId): Promise<string> {
  const { rows } = await db.pool.query(
    'SELECT matrix_user_id FROM matrix_user_mappings WHERE person_id = $1 AND is_primary',
    [personId],
  );
  return rows[0].matrix_user_id;
}

test('giving the name back ends every session, and a return does not bring them back', async () => {
  const { personId } = await room.person('ida');
  await db.pool.query(
    `INSERT INTO apps (app_id, name, icon, origins, redirect_uris, scopes)
     VALUES ('phone', 'Phone', '', '{}', '{}', '{}') ON CONFLICT DO NOTHING`,
  );
  const { rows } = await db.pool.query(
    `INSERT INTO endpoints (endpoint_id, person_id, app_id, device_key, scopes, grant_id)
     VALUES (gen_random_uuid(), $1, 'phone', 'device-of-ida', '{}', 'grant-ida') RETURNING endpoint_id`,
    [personId],
  );
  await db.pool.query(
    `INSERT INTO oidc_documents (model, id, grant_id, payload) VALUES
       ('Session', 'session-ida', NULL, jsonb_build_object('accountId', $1::text)),
       ('RefreshToken', 'token-ida', 'grant-ida', '{}'), ('Grant', 'grant-ida', NULL, '{}'),
       ('Session', 'session-other', NULL, '{"accountId": "another"}')`,
    [personId],
  );
  await room.names.release(personId);
  assert.deepEqual(room.told.revoked.slice(-1), [rows[0].endpoint_id]);
  const left = await db.pool.query('SELECT id FROM oidc_documents ORDER BY id');
  assert.deepEqual(
    left.rows.map((row) => row.id),
    ['session-other'],
  );
  await room.names.claimForAccount((await primaryOf(personId)) as never, ROOM_PASSWORD, 'ida', null, '::1');
  const { rows: live } = await db.pool.query(
    'SELECT FROM endpoints WHERE person_id = $1 AND revoked_at IS NULL',
    [personId],
  );
  assert.equal(live.length, 0);
});

test('of an erased person the names rest without telling whose they were', async () => {
  const { personId } = await room.person('jana');
  await room.names.rename(personId, 'jana-new');
  await db.unitOfWork.run(async (tx) => {
    await room.names.holdForErased(tx, personId);
    await nameStore(db.pool).leave(tx, personId, '@gone-0123456789abcdef012345.aura' as AuraId);
  });
  const { rows } = await db.pool.query(
    `SELECT aura_id, person_id FROM aura_id_holds WHERE skeleton IN ('jana', 'jananevv')`,
  );
  assert.deepEqual(rows, [
    { aura_id: null, person_id: null },
    { aura_id: null, person_id: null },
  ]);
  for (const name of ['jana', 'jana-new', 'j-a-n-a']) {
    assert.equal(await isFreeForOthers(name, `thief-${name}`), false, name);
    assert.deepEqual((await leadsTo(`@${name}.aura`)).called, null);
  }
  await db.pool.query(
    `UPDATE aura_id_holds SET resolves_until = now() - interval '2 days', held_until = now() - interval '1 day'
     WHERE skeleton = 'jana'`,
  );
  await nameStore(db.pool).pruneHolds(10);
  assert.equal(await isFreeForOthers('jana', 'new-jana'), true);
});

test('nobody claims a made-up address', async () => {
  const name = 'gone-0123456789abcdef012345';
  for (const spelled of [name, name.replace('-', '.')]) {
    assert.equal((await room.registration.checkAvailability(spelled)).reason, 'reserved', spelled);
  }
});
