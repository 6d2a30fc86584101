/** A forgotten password over a real database: who may set a new one, and that asking tells nothing. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { CODE_TRIES_MAX } from '../../auralink-communication-service/auralink-modules/verification/model.ts';
import { AuraError } from '../../auralink-communication-service/core/errors.ts';
import type { ChallengeId, PersonId, VerificationId } from '../../auralink-communication-service/core/ids.ts';
import { openDatabase } from '../../auralink-communication-service/store/db.ts';
import { testDatabase } from '../harness.ts';
import { codesRoom, provingPerson } from '../support/verification-room.ts';

const db = openDatabase(await testDatabase());
after(() => db.close());
const room = codesRoom(db);
const { codes, courier, forgotten, passwords } = room;
const IP = '192.0.2.7';

let count = 0;
const fresh = (): string => `forgot${++count}@example.org`;

async function provedPerson(...addresses: string[]): Promise<{ personId: PersonId; auraId: string }> {
  const personId = await provingPerson(db);
  for (const to of addresses) {
    const { verificationId } = await codes.start(personId, 'email', to, IP);
    await codes.submit(personId, verificationId as VerificationId, courier.last(to).code);
  }
  const { rows } = await db.pool.query('SELECT aura_id FROM aura_id_registry WHERE person_id = $1', [
    personId,
  ]);
  return { personId, auraId: rows[0].aura_id };
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof AuraError, String(error));
  return `${error.code} ${error.details.reason}`;
}

test('a code to a proved address sets a new password, once, and her other addresses hear of it', async () => {
  const [one, two] = [fresh(), fresh()];
  const { personId, auraId } = await provedPerson(one, two);
  const { resetId } = await forgotten.ask(auraId, one.toUpperCase(), IP);
  const { code, purpose } = courier.last(one);
  assert.equal(purpose, 'password');
  assert.equal(await forgotten.reset(resetId, code, 'a new password', IP), personId);
  assert.equal(passwords.get(personId), 'a new password');
  assert.match(courier.last(two).content.text, /a new password was asked for/);
  assert.equal(courier.last(one).purpose, 'password', 'the address that was used gets no notice');
  assert.equal(
    await refusal(forgotten.reset(resetId, code, 'another password', IP)),
    'conflict already_verified',
  );
  assert.ok(room.told.acts.some(({ act, subject }) => act === 'password.reset' && subject === personId));
});

test('an address that is not hers, not proved any more, or nobody’s gets nothing, and looks the same', async () => {
  const [hers, withdrawn, pending] = [fresh(), fresh(), fresh()];
  const { personId, auraId } = await provedPerson(hers, withdrawn);
  const [, proof] = (await room.store.list(personId, 5)).reverse();
  const verificationId = proof?.verificationId as VerificationId;
  await db.unitOfWork.run((tx) =>
    room.proofs.withdraw(tx, { personId, verificationId, reason: 'by_herself' }),
  );
  await codes.start(personId, 'email', pending, IP);
  const stranger = await provedPerson(fresh());
  const sent = courier.sent.length;
  const asked: [string, string][] = [
    [auraId, withdrawn],
    [auraId, pending],
    [auraId, 'nobody@example.org'],
    [stranger.auraId, hers],
    ['@nobody-at-all.aura', hers],
  ];
  for (const [user, to] of asked) {
    const { resetId, expiresAt } = await forgotten.ask(user, to, IP);
    assert.ok(expiresAt > new Date());
    assert.equal(courier.sent.length, sent, `${user} ${to}`);
    for (let n = 1; n < CODE_TRIES_MAX; n++) {
      assert.equal(
        await refusal(forgotten.reset(resetId, '123456', 'a new password', IP)),
        'invalid wrong_code',
      );
    }
    assert.equal(
      await refusal(forgotten.reset(resetId, '123456', 'a new password', IP)),
      'conflict code_dead',
    );
  }
  assert.equal(passwords.get(personId), undefined);
});

test('a code that may not be sent now looks like one that was', async () => {
  const to = fresh();
  const { auraId } = await provedPerson(to);
  const sent = courier.sent.length;
  courier.refuse = new AuraError('rate_limited', 'Too many.', { reason: 'address', retryAfterSeconds: 99 });
  const { resetId } = await forgotten.ask(auraId, to, IP);
  courier.refuse = null;
  assert.equal(courier.sent.length, sent);
  assert.equal(await refusal(forgotten.reset(resetId, '123456', 'a new password', IP)), 'invalid wrong_code');
});

test('a code for a password proves no address, and a code for an address sets no password', async () => {
  const to = fresh();
  const { personId, auraId } = await provedPerson(to);
  const { verificationId } = await codes.start(personId, 'email', to, IP);
  const ofProof = courier.last(to).code;
  const { resetId } = await forgotten.ask(auraId, to, IP);
  const ofPassword = courier.last(to).code;
  if (ofProof === ofPassword) return;
  assert.equal(await refusal(forgotten.reset(resetId, ofProof, 'a new password', IP)), 'invalid wrong_code');
  const submitted = codes.submit(personId, verificationId as VerificationId, ofPassword);
  assert.equal(await refusal(submitted), 'invalid wrong_code');
});

test('a code dies with its time, and with the proof of its address', async () => {
  const to = fresh();
  const { personId, auraId } = await provedPerson(to);
  const first = await forgotten.ask(auraId, to, IP);
  const ofFirst = courier.last(to).code;
  await db.pool.query(
    "UPDATE verification_challenges SET expires_at = now() - interval '1 s' WHERE challenge_id = $1",
    [first.resetId],
  );
  assert.equal(
    await refusal(forgotten.reset(first.resetId, ofFirst, 'a new password', IP)),
    'conflict code_expired',
  );
  const second = await forgotten.ask(auraId, to, IP);
  const ofSecond = courier.last(to).code;
  const [proof] = await room.store.list(personId, 1);
  const verificationId = proof?.verificationId as VerificationId;
  await db.unitOfWork.run((tx) =>
    room.proofs.withdraw(tx, { personId, verificationId, reason: 'by_herself' }),
  );
  assert.equal(
    await refusal(forgotten.reset(second.resetId, ofSecond, 'a new password', IP)),
    'conflict code_replaced',
  );
  assert.equal(passwords.get(personId), undefined);
});

test('a stranger who asks in her name, and guesses, voids none of her codes; her own voids all of them', async () => {
  const to = fresh();
  const { personId, auraId } = await provedPerson(to);
  const hers = await forgotten.ask(auraId, to, IP);
  const { code } = courier.last(to);
  const strangers: ChallengeId[] = [];
  for (let n = 0; n < 2; n++) strangers.push((await forgotten.ask(auraId, to, '198.51.100.1')).resetId);
  const sentTo = courier.sent.filter((message) => message.to === to).map(({ messageId }) => messageId);
  const [first, second] = strangers as [ChallengeId, ChallengeId];
  const wrong = code === '123456' ? '654321' : '123456';
  for (let n = 0; n <= CODE_TRIES_MAX; n++) {
    await forgotten.reset(first, wrong, 'a new password', '198.51.100.1').catch(() => {});
  }
  assert.equal(await forgotten.reset(hers.resetId, code, 'a new password', IP), personId);
  assert.deepEqual(courier.cancelled.slice(-2).toSorted(), sentTo.slice(-2).toSorted(), 'nor are they sent');
  assert.equal(
    await refusal(forgotten.reset(second, courier.last(to).code, 'her word', IP)),
    'conflict code_replaced',
  );
});

test('a password that the homeserver refuses, or is away for, spends no code', async () => {
  const to = fresh();
  const { personId, auraId } = await provedPerson(to);
  const { resetId } = await forgotten.ask(auraId, to, IP);
  const { code } = courier.last(to);
  for (const refused of ['invalid', 'unavailable'] as const) {
    room.homeserver.refusal = new AuraError(refused, 'Not this one.', { reason: 'of_this_test' });
    assert.equal(
      await refusal(forgotten.reset(resetId, code, 'a weak password', IP)),
      `${refused} of_this_test`,
    );
  }
  room.homeserver.refusal = null;
  assert.equal(await forgotten.reset(resetId, code, 'a strong password', IP), personId);
  assert.equal(passwords.get(personId), 'a strong password');
  assert.equal(
    await refusal(forgotten.reset(resetId, code, 'another password', IP)),
    'conflict already_verified',
  );
});

test('who asks twice learns nothing from the first one', async () => {
  const hers = fresh();
  const { auraId } = await provedPerson(hers);
  const told: unknown[] = [];
  for (const address of [hers, fresh()]) {
    const { resetId } = await forgotten.ask(auraId, address, IP);
    await forgotten.ask(auraId, address, IP);
    const refusals: string[] = [];
    for (let i = 0; i <= CODE_TRIES_MAX; i++) {
      refusals.push(await refusal(forgotten.reset(resetId, '000000', 'a new password', IP)));
    }
    told.push(refusals);
  }
  assert.deepEqual(told[0], told[1]);
});

test('an unknown reset, and what is no address, are said to be so to everybody', async () => {
  const unknown = '01890000-0000-7000-8000-000000000000' as ChallengeId;
  assert.equal(
    await refusal(forgotten.reset(unknown, '123456', 'a new password', IP)),
    'not_found unknown_reset',
  );
  assert.equal(await refusal(forgotten.ask('@alice.aura', 'no address', IP)), 'invalid bad_address');
});

test('of two who give the right code at the same moment one sets the password', async () => {
  const to = fresh();
  const { auraId } = await provedPerson(to);
  const { resetId } = await forgotten.ask(auraId, to, IP);
  const { code } = courier.last(to);
  const tries = await Promise.allSettled([
    forgotten.reset(resetId, code, 'the first password', IP),
    forgotten.reset(resetId, code, 'the second password', IP),
  ]);
  assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 1);
});
