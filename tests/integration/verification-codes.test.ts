/**
 * Codes and links over a real database, with messages that are only written down: what proves an address, what does not,
 * and that whatever does not is said clearly and has no effect.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  CODE_SENDS_MAX,
  CODE_TRIES_MAX,
  LIVE_PROOFS_MAX,
} from '../../auralink-communication-service/auralink-modules/verification/model.ts';
import { AuraError } from '../../auralink-communication-service/core/errors.ts';
import type { PersonId, VerificationId } from '../../auralink-communication-service/core/ids.ts';
import { openDatabase } from '../../auralink-communication-service/store/db.ts';
import { testDatabase } from '../harness.ts';
import { planOf, statementsOf } from '../support/plans.ts';
import { codesRoom, provingPerson } from '../support/verification-room.ts';

const address = await testDatabase();
const dbs = [openDatabase(address), openDatabase(address)] as const;
const [db] = dbs;
after(async () => {
  for (const one of dbs) await one.close();
});
const room = codesRoom(db);
/** Another process. */
const other = codesRoom(dbs[1], room.ring, room.courier);
const { codes, courier } = room;
const IP = '192.0.2.1';

let count = 0;
const fresh = (): string => `person${++count}@example.org`;

async function begun(to = fresh()) {
  const personId = await provingPerson(db);
  const { verificationId } = await codes.start(personId, 'email', to, IP);
  const { code, token, messageId } = courier.last(to);
  return { personId, verificationId: verificationId as VerificationId, to, code, token, messageId };
}

const stateOf = async (personId: PersonId) => (await room.store.list(personId, 10)).map(({ state }) => state);
const wrongOf = (code: string): string => String((Number(code) + 1) % 1_000_000).padStart(6, '0');

/** What is thrown, as a client hears it. */
async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof AuraError, String(error));
  return `${error.code} ${error.details.reason}`;
}

test('a code that was sent proves the address, once', async () => {
  const { personId, verificationId, code, to } = await begun();
  const view = await codes.submit(personId, verificationId, code);
  assert.deepEqual(
    [view.state, view.level, view.subject, view.challenge],
    ['verified', 'email_controlled', to, null],
  );
  const days = (Date.parse(view.expiresAt ?? '') - Date.now()) / 86_400_000;
  assert.ok(days > 364.9 && days <= 365, `${days} days`);
  assert.equal(await refusal(codes.submit(personId, verificationId, code)), 'conflict already_verified');
  assert.deepEqual(courier.used.length, 1);
});

test('a code that is void is not sent: replaced, dead, given up, or sent anew', async () => {
  const since = courier.cancelled.length;
  const voided = (): string[] => courier.cancelled.slice(since);
  const one = await begun();
  await db.pool.query("UPDATE verification_challenges SET sent_at = now() - interval '1 h'");
  await codes.resend(one.personId, one.verificationId, IP);
  assert.deepEqual(voided(), [one.messageId], 'the same code need not come twice');
  const { messageId: again } = courier.last(one.to);
  await codes.start(one.personId, 'email', one.to, IP);
  assert.deepEqual(voided().slice(1), [again], 'another code is on its way');
  const { messageId: newest, code } = courier.last(one.to);
  for (let n = 0; n < CODE_TRIES_MAX; n++) {
    await codes.submit(one.personId, one.verificationId, wrongOf(code)).catch(() => {});
  }
  assert.deepEqual(voided().slice(2), [newest], 'it opens nothing any more');
  const two = await begun();
  const { personId, verificationId } = two;
  await db.unitOfWork.run((tx) =>
    room.proofs.withdraw(tx, { personId, verificationId, reason: 'by_herself' }),
  );
  assert.deepEqual(voided().slice(3), [two.messageId], 'she gave it up');
});

test('a number is proved by a code in an SMS', async () => {
  const personId = await provingPerson(db);
  const { verificationId } = await codes.start(personId, 'phone', '+49 (151) 23456789', IP);
  const { code, channel, content } = courier.last('+4915123456789');
  assert.equal(channel, 'sms');
  assert.ok(content.text.length <= 160, content.text);
  const view = await codes.submit(personId, verificationId as VerificationId, code);
  assert.deepEqual([view.state, view.level], ['verified', 'phone_controlled']);
});

test('a wrong code is counted, and the fifth kills the right one', async () => {
  const { personId, verificationId, code } = await begun();
  for (let left = CODE_TRIES_MAX - 1; left > 0; left--) {
    await assert.rejects(codes.submit(personId, verificationId, wrongOf(code)), (error: AuraError) => {
      assert.deepEqual(
        [error.code, error.details.reason, error.details.triesLeft],
        ['invalid', 'wrong_code', left],
      );
      return true;
    });
  }
  assert.equal(await refusal(codes.submit(personId, verificationId, wrongOf(code))), 'conflict code_dead');
  assert.equal(await refusal(codes.submit(personId, verificationId, code)), 'conflict code_dead');
  assert.deepEqual(await stateOf(personId), ['pending']);
});

test('codes of another person, of another verification, and for another’s are wrong or unknown', async () => {
  const [alice, eve] = [await begun(), await begun()];
  assert.equal(
    await refusal(codes.submit(eve.personId, alice.verificationId, alice.code)),
    'not_found unknown_verification',
  );
  const forged = alice.code === eve.code ? wrongOf(alice.code) : alice.code;
  assert.equal(await refusal(codes.submit(eve.personId, eve.verificationId, forged)), 'invalid wrong_code');
  const second = await codes.start(alice.personId, 'email', fresh(), IP);
  const ofFirst = await refusal(
    codes.submit(alice.personId, second.verificationId as VerificationId, alice.code),
  );
  assert.equal(ofFirst, 'invalid wrong_code');
  assert.deepEqual(await stateOf(eve.personId), ['pending']);
});

test('a code that lapsed proves nothing, and a new one does', async () => {
  const { personId, verificationId, code, to } = await begun();
  await lapse(verificationId);
  assert.equal(await refusal(codes.submit(personId, verificationId, code)), 'conflict code_expired');
  await codes.resend(personId, verificationId, IP);
  const next = courier.last(to).code;
  assert.equal((await codes.submit(personId, verificationId, next)).state, 'verified');
});

async function lapse(verificationId: string): Promise<void> {
  const sql =
    "UPDATE verification_challenges SET expires_at = now() - interval '1 s' WHERE verification_id = $1";
  await db.pool.query(sql, [verificationId]);
}

async function pauseOver(verificationId: string): Promise<void> {
  const sql =
    "UPDATE verification_challenges SET sent_at = sent_at - interval '10 min' WHERE verification_id = $1";
  await db.pool.query(sql, [verificationId]);
}

test('sent again it is the same code, after a pause and not for ever', async () => {
  const { personId, verificationId, code, token, to } = await begun();
  assert.equal(await refusal(codes.resend(personId, verificationId, IP)), 'rate_limited resend_pause');
  for (let sends = 2; sends <= CODE_SENDS_MAX; sends++) {
    await pauseOver(verificationId);
    await codes.resend(personId, verificationId, IP);
    const again = courier.last(to);
    assert.deepEqual([again.code, again.token], [code, token]);
  }
  await pauseOver(verificationId);
  assert.equal(await refusal(codes.resend(personId, verificationId, IP)), 'conflict sent_often');
  assert.equal((await codes.submit(personId, verificationId, code)).state, 'verified');
});

test('begun anew, the code before is dead', async () => {
  const { personId, verificationId, token, to } = await begun();
  const first = courier.last(to).code;
  const again = await codes.start(personId, 'email', to.toUpperCase(), IP);
  assert.equal(again.verificationId, verificationId);
  const { code } = courier.last(to);
  if (first !== code)
    assert.equal(await refusal(codes.submit(personId, verificationId, first)), 'invalid wrong_code');
  assert.equal(await refusal(codes.confirmLink(token, IP)), 'not_found unknown_link');
  assert.equal((await codes.submit(personId, verificationId, code)).state, 'verified');
});

test('a link proves the address when it is confirmed, not when it is looked at, and once', async () => {
  const { personId, token, to } = await begun();
  const seen = await codes.lookAtLink(token, IP);
  assert.equal(seen.address, `p…${to.slice(to.indexOf('@'))}`);
  for (let scans = 0; scans < 3; scans++) await codes.lookAtLink(token, IP);
  assert.deepEqual(await stateOf(personId), ['pending']);
  assert.deepEqual(await codes.confirmLink(token, IP), seen);
  assert.deepEqual(await stateOf(personId), ['verified']);
  assert.equal(await refusal(codes.confirmLink(token, IP)), 'not_found unknown_link');
  assert.equal(await refusal(codes.lookAtLink(token, IP)), 'not_found unknown_link');
  assert.equal(await refusal(codes.confirmLink('A'.repeat(43), IP)), 'not_found unknown_link');
});

test('a link that lapsed proves nothing', async () => {
  const { personId, verificationId, token } = await begun();
  await lapse(verificationId);
  assert.equal(await refusal(codes.confirmLink(token, IP)), 'not_found unknown_link');
  assert.deepEqual(await stateOf(personId), ['pending']);
});

test('two processes are given the code at the same moment, and the link besides: one proof', async () => {
  for (let round = 0; round < 5; round++) {
    const { personId, verificationId, code, token } = await begun();
    const tries = await Promise.allSettled([
      codes.submit(personId, verificationId, code),
      other.codes.submit(personId, verificationId, code),
      other.codes.confirmLink(token, IP),
    ]);
    assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 1);
    const { rows } = await db.pool.query('SELECT state FROM aura_id_verifications WHERE person_id = $1', [
      personId,
    ]);
    assert.deepEqual(rows, [{ state: 'verified' }]);
    const proved = [...room.told.acts, ...other.told.acts].filter(
      ({ act, subject }) => act === 'verification.proved' && subject === personId,
    );
    assert.equal(proved.length, 1);
  }
});

test('what is answered is the same whether somebody has the address or nobody', async () => {
  const known = await begun();
  await codes.submit(known.personId, known.verificationId, known.code);
  const [alice, bob] = [await provingPerson(db), await provingPerson(db)];
  const answers = [
    await codes.start(alice, 'email', known.to, IP),
    await codes.start(bob, 'email', fresh(), IP),
  ].map(({ verificationId: _id, subject: _subject, createdAt: _at, challenge, ...rest }) => ({
    ...rest,
    challenge: { ...challenge, expiresAt: null, resendAt: null },
  }));
  assert.deepEqual(answers[0], answers[1]);
  assert.deepEqual(await stateOf(known.personId), ['verified']);
});

test('who loses an address hears of it at her other ones', async () => {
  const shared = fresh();
  const alice = await begun(shared);
  await codes.submit(alice.personId, alice.verificationId, alice.code);
  const own = fresh();
  const { verificationId } = await codes.start(alice.personId, 'email', own, IP);
  await codes.submit(alice.personId, verificationId as VerificationId, courier.last(own).code);
  const bob = await begun(shared);
  await codes.submit(bob.personId, bob.verificationId, bob.code);
  const notice = courier.last(own);
  assert.equal(notice.purpose, 'notice');
  assert.match(notice.content.text, /Somebody else has confirmed p…@example\.org/);
  assert.ok(!notice.content.text.includes(shared));
});

test('what is no address is said to be none, and what cannot be sent leaves nothing behind', async () => {
  const personId = await provingPerson(db);
  await assert.rejects(codes.start(personId, 'phone', '0151 23456789', IP), (error: AuraError) => {
    assert.deepEqual([error.code, error.details.field], ['invalid', 'address']);
    return /with its country/.test(error.message);
  });
  courier.refuse = new AuraError('rate_limited', 'Too many.', { reason: 'address', retryAfterSeconds: 9 });
  assert.equal(await refusal(codes.start(personId, 'email', fresh(), IP)), 'rate_limited address');
  courier.refuse = null;
  assert.deepEqual(await stateOf(personId), []);
});

test('she may have so many verifications and no more', async () => {
  const personId = await provingPerson(db);
  for (let n = 0; n < LIVE_PROOFS_MAX; n++) await codes.start(personId, 'email', fresh(), IP);
  assert.equal(await refusal(codes.start(personId, 'email', fresh(), IP)), 'conflict too_many_verifications');
});

test('what became of the message is told to her pages', async () => {
  const { personId, messageId } = await begun();
  const settled = await db.unitOfWork.run((tx) =>
    room.challenges.setDelivery(tx, messageId, 'refused', '550 no such mailbox'),
  );
  assert.equal(settled?.personId, personId);
  const [stored] = await room.store.list(personId, 1);
  assert.deepEqual(
    [stored?.challenge?.delivery, stored?.challenge?.deliveryReason],
    ['refused', '550 no such mailbox'],
  );
});

test('a code that expired unsent is told as that, one that lapsed and one that was used up as what they are', async () => {
  const { personId, verificationId, messageId } = await begun();
  const over = () =>
    db.pool.query(
      "UPDATE verification_challenges SET expires_at = now() - interval '1 s' WHERE verification_id = $1",
      [verificationId],
    );
  const shown = async () => {
    const [view] = await room.store.list(personId, 1);
    const challenge = view?.challenge ?? null;
    return challenge === null ? null : [challenge.isOver, challenge.delivery];
  };
  assert.deepEqual(await shown(), [false, null]);
  await over();
  assert.deepEqual(await shown(), [true, null]);
  await db.unitOfWork.run((tx) => room.challenges.setDelivery(tx, messageId, 'expired', null));
  assert.deepEqual(await shown(), [true, 'expired']);
  await room.challenges.expire(10, 1);
  assert.deepEqual(await shown(), [true, 'expired'], 'also after the chore');
  await pauseOver(verificationId);
  await codes.resend(personId, verificationId, IP);
  assert.deepEqual(await shown(), [false, null], 'the next one is another one');
  for (let n = 0; n < CODE_TRIES_MAX; n++) {
    await codes.submit(personId, verificationId, '000000').catch(() => {});
  }
  assert.deepEqual(await shown(), null);
});

test('neither code nor link is in the database, and what sends them again is wiped at the end', async () => {
  const { personId, verificationId, code, token, to } = await begun();
  const dump = async () =>
    JSON.stringify(
      (
        await db.pool.query(
          `SELECT c.*, v.*, encode(c.secret_envelope, 'escape') AS secret, encode(c.code_hash, 'escape') AS hash,
             encode(v.subject_envelope, 'escape') AS subject
           FROM verification_challenges c JOIN aura_id_verifications v USING (verification_id) WHERE v.person_id = $1`,
          [personId],
        )
      ).rows,
    );
  const before = await dump();
  for (const secret of [code, token, to]) assert.ok(!before.includes(secret), secret);
  await codes.submit(personId, verificationId, code);
  const { rows } = await db.pool.query(
    'SELECT secret_envelope FROM verification_challenges WHERE verification_id = $1',
    [verificationId],
  );
  assert.deepEqual(rows, [{ secret_envelope: null }]);
});

test('every statement about codes has its index', async () => {
  const texts = await statementsOf(async () => {
    const { personId, verificationId, token, messageId } = await begun();
    await pauseOver(verificationId);
    await codes.resend(personId, verificationId, IP);
    await codes.submit(personId, verificationId, '000000').catch(() => {});
    await codes.confirmLink(token, IP);
    await db.unitOfWork.run((tx) => room.challenges.setDelivery(tx, messageId, 'sent', null));
    await room.challenges.expire(1, 1);
  });
  for (const text of [...texts].filter((one) => /verification_challenges|aura_id_verifications/.test(one))) {
    const plan = await planOf(db.pool, text);
    assert.ok(!plan.some((line) => line.includes('Seq Scan')), `${text}\n${plan.join('\n')}`);
  }
});
