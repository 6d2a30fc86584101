/** What time does to proofs: reminders, expiry, proving again before it, and the tidying of what ended. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  expireProofs,
  remind,
} from '../../auralink-communication-service/auralink-modules/verification/expiry.ts';
import {
  ENDED_KEPT_DAYS,
  PENDING_HOURS,
  REMIND_AGAIN_HOURS,
  REMINDER_DAYS,
} from '../../auralink-communication-service/auralink-modules/verification/model.ts';
import { AuraError } from '../../auralink-communication-service/core/errors.ts';
import type { PersonId, VerificationId } from '../../auralink-communication-service/core/ids.ts';
import { openDatabase } from '../../auralink-communication-service/store/db.ts';
import { testDatabase } from '../harness.ts';
import { planOf, statementsOf } from '../support/plans.ts';
import { codesRoom, provingPerson } from '../support/verification-room.ts';

const db = openDatabase(await testDatabase());
after(() => db.close());
const room = codesRoom(db);
const { codes, courier } = room;

let count = 0;
async function proved(
  to = `time${++count}@example.org`,
): Promise<{ personId: PersonId; id: VerificationId; to: string }> {
  const personId = await provingPerson(db);
  const id = (await codes.start(personId, 'email', to, '')).verificationId as VerificationId;
  await codes.submit(personId, id, courier.last(to).code);
  return { personId, id, to };
}

const lapsesIn = (id: VerificationId, days: number) =>
  db.pool.query(
    'UPDATE aura_id_verifications SET expires_at = now() + make_interval(days => $2) WHERE verification_id = $1',
    [id, days],
  );
const stateOf = async (personId: PersonId, id: VerificationId) => {
  const found = await room.store.find(personId, id);
  return found === null ? null : [found.state, found.reason];
};

test('who has a proof that lapses soon is reminded once, at that address', async () => {
  const [soon, late] = [await proved(), await proved()];
  await lapsesIn(soon.id, REMINDER_DAYS - 1);
  await lapsesIn(late.id, REMINDER_DAYS + 2);
  assert.equal(await remind(room.expiry), 1);
  const notice = courier.last(soon.to);
  assert.equal(notice.purpose, 'notice');
  assert.match(notice.content.text, new RegExp(`lapses in ${REMINDER_DAYS - 1} days`));
  assert.notEqual(courier.last(late.to).purpose, 'notice');
  assert.ok(room.told.events.filter(({ personId }) => personId === soon.personId).length >= 3);
  assert.equal(await remind(room.expiry), 0);
});

test('of a document that lapses soon she is told at what else she has proved', async () => {
  const { personId, to } = await proved();
  const expiresAt = new Date(Date.now() + (REMINDER_DAYS - 1) * 86_400_000);
  await db.unitOfWork.run((tx) =>
    room.proofs.prove(tx, {
      ...{
        personId,
        method: 'document',
        level: 'document_seen',
        subject: 'UTO TIME1',
        evidence: {},
        expiresAt,
      },
    }),
  );
  assert.equal(await remind(room.expiry), 1);
  assert.match(courier.last(to).content.text, /Your identity document counts for @p.* for 29 days yet/);
  assert.equal(await remind(room.expiry), 0);
});

test('a reminder that cannot be sent is tried again a day later, and does not keep others from theirs', async () => {
  const [first, second] = [await proved(), await proved()];
  for (const { id } of [first, second]) await lapsesIn(id, REMINDER_DAYS - 1);
  const before = courier.sent.length;
  courier.refuse = new AuraError('rate_limited', 'Too many.', { reason: 'day', retryAfterSeconds: 9 });
  assert.equal(await remind(room.expiry), 0);
  courier.refuse = null;
  assert.equal(await remind(room.expiry), 0, 'not at once');
  await db.pool.query(
    'UPDATE aura_id_verifications SET remind_after = remind_after - make_interval(hours => $1)',
    [REMIND_AGAIN_HOURS],
  );
  assert.equal(await remind(room.expiry), 2);
  assert.deepEqual(
    courier.sent.slice(before).map(({ to }) => to),
    [first.to, second.to],
  );
  assert.equal(await remind(room.expiry), 0);
});

test('a proof that lapsed ends, with its field; one that was never finished ends quietly', async () => {
  const over = await proved();
  await lapsesIn(over.id, -1);
  const waiting = await provingPerson(db);
  const { verificationId } = await codes.start(waiting, 'email', 'waiting@example.org', '');
  const sql =
    'UPDATE aura_id_verifications SET updated_at = now() - make_interval(hours => $2) WHERE verification_id = $1';
  await db.pool.query(sql, [verificationId, PENDING_HOURS + 1]);
  assert.equal(await expireProofs(room.expiry), 2);
  assert.deepEqual(await stateOf(over.personId, over.id), ['expired', 'lapsed']);
  assert.deepEqual(await stateOf(waiting, verificationId as VerificationId), ['expired', 'never_finished']);
  const { rows } = await db.pool.query('SELECT verified_at FROM personal_fields WHERE person_id = $1', [
    over.personId,
  ]);
  assert.deepEqual(rows, [{ verified_at: null }]);
  const acts = room.told.acts
    .filter(({ act }) => act === 'verification.expired')
    .map(({ subject }) => subject);
  assert.deepEqual(acts, [over.personId]);
  assert.equal(await expireProofs(room.expiry), 0);
});

test('proving again before it lapses keeps the old proof until the new one holds', async () => {
  const { personId, id, to } = await proved();
  await lapsesIn(id, 3);
  const again = (await codes.start(personId, 'email', to, '')).verificationId as VerificationId;
  assert.notEqual(again, id);
  assert.deepEqual(await stateOf(personId, id), ['verified', null]);
  await codes.submit(personId, again, courier.last(to).code);
  assert.deepEqual(await stateOf(personId, id), ['superseded', 'renewed']);
  assert.deepEqual(await stateOf(personId, again), ['verified', null]);
});

test('codes die in time, and what ended long ago is deleted', async () => {
  const { personId, id } = await proved();
  await db.unitOfWork.run((tx) =>
    room.proofs.withdraw(tx, { personId, verificationId: id, reason: 'by_herself' }),
  );
  const waiting = await provingPerson(db);
  const { verificationId } = await codes.start(waiting, 'email', 'dies@example.org', '');
  await db.pool.query(
    "UPDATE verification_challenges SET expires_at = now() - interval '1 s' WHERE verification_id = $1",
    [verificationId],
  );
  const aged =
    'UPDATE aura_id_verifications SET ended_at = now() - make_interval(days => $2) WHERE verification_id = $1';
  await db.pool.query(aged, [id, ENDED_KEPT_DAYS + 1]);
  await expireProofs(room.expiry);
  assert.equal(await stateOf(personId, id), null);
  const sql = 'SELECT end_reason, secret_envelope FROM verification_challenges WHERE verification_id = $1';
  assert.deepEqual((await db.pool.query(sql, [verificationId])).rows, [
    { end_reason: 'expired', secret_envelope: null },
  ]);
});

test('every statement of these rounds has its index', async () => {
  const { id } = await proved();
  await lapsesIn(id, 2);
  const texts = await statementsOf(async () => {
    await remind(room.expiry);
    await expireProofs(room.expiry);
  });
  for (const text of [...texts].filter((one) => /verification_challenges|aura_id_verifications/.test(one))) {
    const plan = await planOf(db.pool, text);
    assert.ok(!plan.some((line) => line.includes('Seq Scan')), `${text}\n${plan.join('\n')}`);
  }
});
