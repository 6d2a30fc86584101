/**
 * What happens by itself, and what comes in the same moment: silent apps, fail-open to the next app of the device,
 * time-outs of ringing and of media. The constellation's deadlines are short; nothing here waits longer than for them.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RING_ACK_TIMEOUT_MS } from '../../../auralink-communication-service/auralink-modules/calls/model.ts';
import type { Phone } from '../../support/phone.ts';
import { openStage, type Stage } from '../../support/stage.ts';

const RING_TIMEOUT_SECONDS = 4;
const MEDIA_TIMEOUT_SECONDS = 2;
const AT_ONCE = 12;
const stage: Stage = await openStage('deadlines', {
  env: {
    RING_TIMEOUT_SECONDS: String(RING_TIMEOUT_SECONDS),
    MEDIA_TIMEOUT_SECONDS: String(MEDIA_TIMEOUT_SECONDS),
  },
});

interface Device {
  readonly alice: Phone;
  readonly callId: string;
  /** Of one device, in the order in which they ring. */
  readonly apps: readonly Phone[];
  readonly placedAt: number;
}

/** Alice calls somebody with three apps on one device; `silent` of them do not acknowledge. */
async function oneDevice(silent: number): Promise<Device> {
  const bob = await stage.person();
  const alice = await stage.phone(await stage.person());
  const apps: Phone[] = [];
  // The one used last rings first.
  for (const [i, app] of ['play', 'market', 'chat'].entries()) {
    apps.unshift(await stage.phone(bob, { app, device: 'one', acknowledge: 2 - i >= silent }));
  }
  const placedAt = performance.now();
  const { callId } = (await alice.place(bob.auraId)).body;
  return { alice, apps, callId, placedAt };
}

const ringId = (phone: Phone): string => String(phone.frames[0]?.data.ringId);
const isAlerting = (data: Record<string, unknown>): boolean =>
  (data.invitation as { alerting: boolean }).alerting;

/** Those that never acknowledge catch up, so that the world can be whole at the end. */
function acknowledgeAll(phones: readonly Phone[]): void {
  for (const phone of phones) {
    phone.acknowledge = true;
    phone.ack(phone.lastSeq);
  }
}

describe('a device with several apps', () => {
  it('rings in the first alone when it acknowledges and is silent: missed, and all are told', async () => {
    const { alice, apps, callId } = await oneDevice(0);
    const ended = await alice.frame('call.updated', (data) => data.state === 'ended');
    assert.deepEqual([ended.data.callId, ended.data.endReason], [callId, 'missed']);
    for (const [i, phone] of apps.entries()) {
      assert.equal((await phone.frame('ring.stopped')).data.reason, 'timeout');
      assert.deepEqual(
        phone.frames.map((frame) => frame.type),
        [i === 0 ? 'ring' : 'ring.notice', 'ring.stopped'],
      );
    }
    const late = await apps[0]?.answer(ringId(apps[0]));
    assert.deepEqual([late?.status, late?.body.reason], [409, 'timed_out']);
    const decline = await apps[0]?.decline(ringId(apps[0]));
    assert.deepEqual([decline?.status, decline?.body.reason], [409, 'timed_out']);
    await stage.settle();
    await stage.clear();
  });

  it('rings in the next after a second without acknowledgement, and so on', async () => {
    const { alice, apps, callId, placedAt } = await oneDevice(2);
    const rings = await Promise.all(apps.map((phone) => phone.frame('ring')));
    for (const [i, ring] of rings.entries()) {
      const afterMs = ring.at - placedAt;
      assert.ok(afterMs >= i * RING_ACK_TIMEOUT_MS, `the ${i + 1}. app rang after ${afterMs} ms`);
      assert.ok(
        afterMs < i * (RING_ACK_TIMEOUT_MS + 700) + 700,
        `the ${i + 1}. app rang after ${afterMs} ms`,
      );
    }
    await alice.frame('call.updated', isAlerting);
    // Late, but not too late: the first one, silent so far, answers.
    assert.equal((await apps[0]?.answer(ringId(apps[0] as Phone)))?.status, 200);
    const reasons = await Promise.all(apps.map((phone) => phone.frame('ring.stopped')));
    assert.deepEqual(
      reasons.map((stop) => stop.data.reason),
      ['answered_here', 'answered_elsewhere', 'answered_elsewhere'],
    );
    acknowledgeAll(apps);
    await alice.hangUp(callId);
    await stage.settle();
    await stage.clear();
  });

  it('has one outcome when it declines in the moment of the fail-open', async () => {
    const devices = await Promise.all(Array.from({ length: AT_ONCE }, () => oneDevice(1)));
    const next = await Promise.all(
      devices.map(async ({ apps, placedAt }, i) => {
        const [first, second] = apps as [Phone, Phone];
        await first.frame('ring');
        // The timer is looked at every quarter of a second from then on.
        await sleep(Math.max(0, placedAt + RING_ACK_TIMEOUT_MS + i * 25 - performance.now()));
        assert.equal((await first.decline(ringId(first))).status, 200);
        assert.equal((await first.frame('ring.stopped')).data.reason, 'declined_here');
        assert.equal((await second.frame('ring.stopped')).data.reason, 'declined_elsewhere');
        acknowledgeAll(apps);
        return second.ofType('ring').length;
      }),
    );
    assert.ok(next.every((count) => count <= 1));
    await stage.settle();
    await stage.clear();
  });
});

describe('the deadline of ringing', () => {
  it('and an answer in the same moment have one outcome, which everybody is told', async () => {
    const outcomes = await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => answerAtDeadline(i)));
    await stage.settle();
    assert.equal(outcomes.length, AT_ONCE);
    await stage.clear();
  });
});

async function answerAtDeadline(i: number): Promise<void> {
  const { alice, bob, bobs } = await stage.pair(2);
  const { callId } = (await alice.place(bob.auraId)).body;
  const [ring] = await Promise.all(bobs.map((phone) => phone.frame('ring')));
  const deadlineMs = Date.parse(String(ring?.data.deadlineAt));
  await sleep(deadlineMs - Date.now() - 60 + i * 8);
  const answer = await bobs[0]?.answer(ringId(bobs[0]));
  const stops = await Promise.all(bobs.map((phone) => phone.frame('ring.stopped')));
  const reasons = stops.map((stop) => stop.data.reason);
  if (answer?.status === 200) {
    assert.deepEqual(reasons, ['answered_here', 'answered_elsewhere']);
    await alice.hangUp(callId);
  } else {
    assert.deepEqual([answer?.status, answer?.body.reason], [409, 'timed_out']);
    assert.deepEqual(reasons, ['timeout', 'timeout']);
  }
}

describe('an answered call', () => {
  it('without media ends as failed, and both are told why', async () => {
    const { alice, bob, bobs } = await stage.pair(2);
    const { callId } = (await alice.place(bob.auraId)).body;
    const ring = await bobs[0]?.frame('ring');
    const begin = performance.now();
    assert.equal((await bobs[0]?.answer(String(ring?.data.ringId)))?.status, 200);
    for (const phone of [alice, bobs[0] as Phone]) {
      const ended = await phone.frame('call.updated', (data) => data.state === 'ended');
      assert.equal(ended.data.endReason, 'no_media');
      assert.equal((ended.data.invitation as { state: string }).state, 'failed');
      assert.ok(ended.at - begin >= MEDIA_TIMEOUT_SECONDS * 1_000);
    }
    const again = await alice.hangUp(callId);
    assert.deepEqual([again.status, again.body.endReason], [200, 'no_media']);
    await stage.settle();
    await stage.clear();
  });

  it('rings and is answered while LiveKit is away; only its media are not available', async () => {
    await stage.constellation.halt('livekit');
    const { alice, bob, bobs } = await stage.pair(1);
    const { callId } = (await alice.place(bob.auraId)).body;
    const ring = await bobs[0]?.frame('ring');
    assert.equal((await bobs[0]?.answer(String(ring?.data.ringId)))?.status, 200);
    const refused = await alice.mediaToken(callId);
    assert.deepEqual([refused.status, refused.body.errcode], [503, 'AURALINK_UNAVAILABLE']);
    assert.ok(Number(refused.headers.get('retry-after')) > 0);
    await alice.hangUp(callId);
    await stage.settle();
    await stage.clear();
  });
});
