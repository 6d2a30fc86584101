/**
 * Glare: two people call each other. Exactly one call goes on, between the endpoints that placed them; the other ends
 * as merged into it, and nothing rings any more. In either order and at the same moment, over two processes.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Answer, Phone } from '../../support/phone.ts';
import { openStage, type Stage } from '../../support/stage.ts';

const ROUNDS = 15;
const stage: Stage = await openStage('glare');

interface Two {
  readonly alice: Phone;
  readonly bob: Phone;
  /** Further devices, which ring too. */
  readonly others: readonly Phone[];
}

async function two(): Promise<Two> {
  const [a, b] = await Promise.all([stage.person(), stage.person()]);
  const [alice, bob, ...others] = await Promise.all([
    stage.phone(a),
    stage.phone(b, { app: 'market' }),
    stage.phone(a, { app: 'play' }),
    stage.phone(b, { app: 'chat' }),
  ]);
  return { alice, bob, others };
}

const call = (from: Phone, to: Phone): Promise<Answer> => from.place(to.endpoint.person.auraId);

/** Both have placed; whichever went on, both sides know, and it can be ended from either. */
async function assertMerged(
  { alice, bob }: Two,
  placed: readonly [Answer, Answer],
  round: number,
): Promise<void> {
  for (const one of placed) assert.equal(one.status, 201, JSON.stringify(one.body));
  const ids = placed.map((one) => one.body.callId);
  const rows = await stage.world.db.query<{ call_id: string; state: string; end_reason: string | null }>(
    'SELECT call_id, state, end_reason FROM cross_app_calls WHERE call_id = ANY ($1) ORDER BY call_id',
    [ids],
  );
  // The lower call id wins.
  assert.deepEqual(
    rows.rows.map((row) => [row.state, row.end_reason]),
    [
      ['active', null],
      ['ended', 'merged'],
    ],
  );
  const [winner, loser] = rows.rows.map((row) => row.call_id);
  for (const [i, phone] of [alice, bob].entries()) {
    const active = await phone.frame('call.updated', (d) => d.callId === winner && d.state === 'active');
    if (ids[i] === loser) {
      const ended = await phone.frame('call.updated', (d) => d.callId === loser && d.state === 'ended');
      assert.deepEqual([ended.data.endReason, ended.data.mergedIntoCallId], ['merged', winner]);
      assert.ok(ended.seq < active.seq, 'the loser is told of its end first');
    }
    assert.equal((await phone.call(winner ?? '')).status, 200);
  }
  const hungUp = await [alice, bob][round % 2]?.hangUp(winner ?? '');
  assert.equal(hungUp?.body.endReason, 'hung_up');
  await stage.settle();
}

describe('glare', () => {
  it('merges two calls placed at the same moment', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const all = await two();
      const placed = await Promise.all([call(all.alice, all.bob), call(all.bob, all.alice)]);
      await assertMerged(all, placed, round);
      await stage.clear();
    }
  });

  it('merges a call into one that rings already, in either order', async () => {
    for (let round = 0; round < 4; round++) {
      const all = await two();
      const [first, second] = round % 2 === 0 ? [all.alice, all.bob] : [all.bob, all.alice];
      const one = await call(first, second);
      const ring = await second.frame('ring');
      const other = await call(second, first);
      const stopped = await second.frame('ring.stopped', (data) => data.ringId === ring.data.ringId);
      assert.equal(stopped.data.reason, 'answered_here');
      await assertMerged(all, round % 2 === 0 ? [one, other] : [other, one], round);
      for (const phone of all.others) {
        for (const stop of phone.ofType('ring.stopped')) assert.equal(stop.data.reason, 'answered_elsewhere');
      }
      await stage.clear();
    }
  });

  it('has one outcome when the ringing call is answered or cancelled in the same moment', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const all = await two();
      const one = await call(all.alice, all.bob);
      const ring = await all.others[1]?.frame('ring');
      const rival =
        round % 2 === 0
          ? all.others[1]?.answer(String(ring?.data.ringId))
          : all.alice.cancel(one.body.callId);
      const [acted, placed] = await Promise.all([rival, call(all.bob, all.alice)]);
      assert.equal(placed.status, 201);
      assert.ok(acted?.status === 200 || acted?.status === 409, `${acted?.status}`);
      await all.alice.hangUp(one.body.callId);
      await all.bob.hangUp(placed.body.callId);
      await stage.settle();
      await stage.clear();
    }
  });
});
