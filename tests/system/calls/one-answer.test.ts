/**
 * One answer, whatever is asked at the same time: over two service processes, without Redis and with it. After every
 * round the database and every socket are held against the invariants.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Answer, Phone } from '../../support/phone.ts';
import { openStage, type Stage } from '../../support/stage.ts';

const LATE = new Set(['already_answered', 'already_declined', 'cancelled', 'timed_out', 'already_ended']);

const stages: Record<string, Promise<Stage>> = {
  'without Redis': openStage('one-answer', { redis: false }),
  'with Redis': openStage('one-answer-redis', { redis: true }),
};

for (const [name, opening] of Object.entries(stages)) {
  describe(`one answer ${name}`, () => {
    it('holds sockets in both processes', async () => {
      const stage = await opening;
      const { bobs } = await stage.pair(16);
      const { n } = await stage.one<{ n: number }>(
        'SELECT count(DISTINCT process_id)::int AS n FROM endpoint_sockets WHERE endpoint_id = ANY ($1)',
        [bobs.map((bob) => bob.endpoint.endpointId)],
      );
      assert.equal(n, 2);
      await stage.clear();
    });

    it('lets one of 2 … 50 simultaneous answers win', async () => {
      const stage = await opening;
      for (const devices of name === 'with Redis' ? [3, 30] : [2, 3, 5, 8, 13, 21, 50]) {
        await answersAtOnce(stage, devices);
      }
    });

    it('lets one of all answers and declines at once win', async () => {
      const stage = await opening;
      for (let round = 0; round < 6; round++) await answersAndDeclines(stage);
    });

    it('lets cancel or answer win, and tells both the truth', async () => {
      const stage = await opening;
      const winners = new Map<string, number>();
      for (let round = 0; round < 12; round++) {
        const won = await answerAgainstCancel(stage, round);
        winners.set(won, (winners.get(won) ?? 0) + 1);
      }
      assert.equal(
        [...winners.values()].reduce((a, b) => a + b),
        12,
      );
    });

    it('ends the call when the caller hangs up in the moment of the answer', async () => {
      const stage = await opening;
      for (let round = 0; round < 12; round++) await hangUpAgainstAnswer(stage, round);
    });
  });
}

async function ringing(
  stage: Stage,
  devices: number,
): Promise<{ alice: Phone; bobs: Phone[]; callId: string; ringIds: string[] }> {
  const { alice, bob, bobs } = await stage.pair(devices);
  const placed = await alice.place(bob.auraId);
  assert.equal(placed.status, 201, JSON.stringify(placed.body));
  const { callId } = placed.body;
  const rings = await Promise.all(bobs.map((phone) => phone.frame('ring', (data) => data.callId === callId)));
  return { alice, bobs, callId, ringIds: rings.map((ring) => String(ring.data.ringId)) };
}

async function answersAtOnce(stage: Stage, devices: number): Promise<void> {
  const { alice, bobs, callId, ringIds } = await ringing(stage, devices);
  const answers = await Promise.all(bobs.map((phone, i) => phone.answer(ringIds[i] ?? '')));
  const winner = winnerOf(answers);
  for (const [i, answer] of answers.entries()) {
    if (i !== winner) assertRefused(answer, 'already_answered');
  }
  const stops = await Promise.all(
    bobs.map((phone) => phone.frame('ring.stopped', (d) => d.callId === callId)),
  );
  for (const [i, stop] of stops.entries()) {
    assert.equal(stop.data.reason, i === winner ? 'answered_here' : 'answered_elsewhere');
  }
  await alice.frame('call.updated', (data) => data.state === 'active');
  assert.equal((await alice.hangUp(callId)).body.endReason, 'hung_up');
  await bobs[winner]?.frame('call.updated', (data) => data.state === 'ended');
  await stage.settle();
  for (const [i, phone] of bobs.entries()) {
    assert.equal(phone.ofType('ring').length, 1);
    assert.equal(phone.ofType('ring.stopped').length, 1);
    assert.equal(phone.ofType('call.updated').length, i === winner ? 2 : 0);
  }
  await stage.clear();
}

function winnerOf(answers: readonly Answer[]): number {
  const winners = [...answers.keys()].filter((i) => answers[i]?.status === 200);
  assert.equal(winners.length, 1, `${winners.length} answers won: ${answers.map((a) => a.status)}`);
  return winners[0] ?? -1;
}

function assertRefused(answer: Answer, reason: string): void {
  assert.deepEqual(
    [answer.status, answer.body.errcode, answer.body.reason],
    [409, 'AURALINK_CONFLICT', reason],
  );
}

async function answersAndDeclines(stage: Stage): Promise<void> {
  const { alice, bobs, callId, ringIds } = await ringing(stage, 6);
  const outcomes = await Promise.all(
    bobs.map((phone, i) => (i % 2 === 0 ? phone.answer(ringIds[i] ?? '') : phone.decline(ringIds[i] ?? ''))),
  );
  const { state } = await stage.one<{ state: string }>(
    'SELECT state FROM call_invitations WHERE call_id = $1',
    [callId],
  );
  assert.match(state, /^(?:answered|declined)$/);
  for (const [i, outcome] of outcomes.entries()) {
    if (state === 'answered') {
      if (outcome.status !== 200) assertRefused(outcome, 'already_answered');
      else assert.equal(i % 2, 0, 'a decline of an answered call was accepted');
    } else if (i % 2 === 0) assertRefused(outcome, 'already_declined');
    else assert.equal(outcome.status, 200);
  }
  if (state === 'answered') {
    winnerOf(outcomes);
    await alice.hangUp(callId);
  }
  await stage.settle();
  await stage.clear();
}

async function answerAgainstCancel(stage: Stage, round: number): Promise<string> {
  const { alice, bobs, callId, ringIds } = await ringing(stage, 2);
  const first = () => bobs[0]?.answer(ringIds[0] ?? '') as Promise<Answer>;
  const both = round % 2 === 0 ? [first(), alice.cancel(callId)] : [alice.cancel(callId), first()].reverse();
  const [answer, cancel] = (await Promise.all(both)) as [Answer, Answer];
  const statuses = [answer.status, cancel.status].sort();
  assert.deepEqual(statuses, [200, 409], `answer ${answer.status}, cancel ${cancel.status}`);
  if (answer.status === 200) {
    assertRefused(cancel, 'already_answered');
    await alice.hangUp(callId);
  } else assertRefused(answer, 'cancelled');
  await stage.settle();
  await stage.clear();
  return answer.status === 200 ? 'answer' : 'cancel';
}

async function hangUpAgainstAnswer(stage: Stage, round: number): Promise<void> {
  const { alice, bobs, callId, ringIds } = await ringing(stage, 2);
  const answering = () => bobs[round % 2]?.answer(ringIds[round % 2] ?? '') as Promise<Answer>;
  const [answer, hangUp] =
    round % 3 === 0
      ? await Promise.all([answering(), alice.hangUp(callId)])
      : ((await Promise.all([alice.hangUp(callId), answering()])).reverse() as [Answer, Answer]);
  // Whoever was first: she meant to end it, and it has ended.
  assert.deepEqual([hangUp.status, hangUp.body.state], [200, 'ended']);
  if (answer.status !== 200) {
    assert.equal(answer.status, 409);
    assert.ok(LATE.has(answer.body.reason ?? ''), answer.body.reason);
  }
  await stage.settle();
  await stage.clear();
}

describe('one answer of one endpoint', () => {
  it('is the same answer for the same key, and too late for another tab', async () => {
    const stage = await (stages['without Redis'] as Promise<Stage>);
    for (let round = 0; round < 8; round++) await twoTabs(stage);
  });

  it('makes one call of one idempotency key, whoever is asked', async () => {
    const stage = await (stages['without Redis'] as Promise<Stage>);
    for (let round = 0; round < 8; round++) {
      const { alice, bob, bobs } = await stage.pair(1);
      const key = randomUUID();
      const placed = await Promise.all(Array.from({ length: 6 }, () => alice.place(bob.auraId, { key })));
      assert.deepEqual(placed.map((p) => p.status).sort(), [200, 200, 200, 200, 200, 201]);
      assert.equal(new Set(placed.map((p) => p.body.callId)).size, 1);
      await bobs[0]?.frame('ring');
      await alice.cancel(placed[0]?.body.callId ?? '');
      await stage.settle();
      assert.equal(bobs[0]?.ofType('ring').length, 1);
      await stage.clear();
    }
  });

  it('refuses one key for two callees, also at the same moment', async () => {
    const stage = await (stages['without Redis'] as Promise<Stage>);
    for (let round = 0; round < 8; round++) {
      const { alice, bob } = await stage.pair(1);
      const carol = await stage.person();
      const key = randomUUID();
      const placed = await Promise.all([
        alice.place(bob.auraId, { key }),
        alice.place(carol.auraId, { key }),
      ]);
      assert.deepEqual(
        placed.map((p) => p.status).sort(),
        [201, 409],
        JSON.stringify(placed.map((p) => p.body)),
      );
      const refused = placed.find((p) => p.status === 409);
      assert.equal(refused?.body.reason, 'idempotency_key_reused');
      await alice.cancel(placed.find((p) => p.status === 201)?.body.callId ?? '');
      await stage.settle();
      await stage.clear();
    }
  });

  it('keeps 100 calls that are placed, answered and ended at once apart', async () => {
    const stage = await (stages['without Redis'] as Promise<Stage>);
    const pairs = await Promise.all(Array.from({ length: 100 }, () => stage.pair(1)));
    await Promise.all(
      pairs.map(async ({ alice, bob, bobs }) => {
        const { status, body } = await alice.place(bob.auraId);
        assert.equal(status, 201, JSON.stringify(body));
        const ring = await bobs[0]?.frame('ring');
        assert.equal(ring?.data.callId, body.callId);
        const answer = await bobs[0]?.answer(String(ring?.data.ringId));
        assert.equal(answer?.status, 200, JSON.stringify(answer?.body));
        assert.equal((await bobs[0]?.hangUp(body.callId))?.status, 200);
      }),
    );
    await stage.settle();
    await stage.clear();
  });
});

async function twoTabs(stage: Stage): Promise<void> {
  const { alice, bob, bobs } = await stage.pair(2);
  const [tab, other] = bobs as [Phone, Phone];
  const twin = await stage.tab(tab);
  const { callId } = (await alice.place(bob.auraId)).body;
  const rings = await Promise.all([tab.frame('ring'), twin.frame('ring'), other.frame('ring')]);
  const ringId = String(rings[0].data.ringId);
  assert.equal(rings[1].data.ringId, ringId);
  const keys = [randomUUID(), randomUUID()] as const;
  const answers = await Promise.all([tab.answer(ringId, keys[0]), twin.answer(ringId, keys[1])]);
  const winner = winnerOf(answers);
  assertRefused(answers[1 - winner] as Answer, 'already_answered');
  assert.equal((await tab.answer(ringId, keys[winner] ?? '')).status, 200);
  assertRefused(await tab.answer(ringId, keys[1 - winner] ?? ''), 'already_answered');
  for (const page of [tab, twin]) {
    assert.equal((await page.frame('ring.stopped')).data.reason, 'answered_here');
  }
  assert.equal((await other.frame('ring.stopped')).data.reason, 'answered_elsewhere');
  await alice.hangUp(callId);
  await stage.settle();
  for (const page of [tab, twin, other]) assert.equal(page.ofType('ring.stopped').length, 1);
  await stage.clear();
}
