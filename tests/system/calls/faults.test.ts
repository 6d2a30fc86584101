/**
 * Parts that die by kill -9 in the worst moments: a service process between an answer and the others' stop, the
 * database in mid-ring, either of them in a storm of calls, Redis at any time. Apps reconnect as real ones do.
 * Afterwards every invariant holds, and everything that was acknowledged is there.
 */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, Phone } from '../../support/phone.ts';
import { eventually, openStage, type Stage } from '../../support/stage.ts';

/** After the part has come back. */
const WHOLE_AGAIN_MS = 10_000;
/** How long a part may need to start on a busy machine. */
const BACK_MS = 60_000;
const STORM_MS = 7_000;
const STORM_PAIRS = 8;
const stage: Stage = await openStage('faults', {
  redis: true,
  env: { RING_TIMEOUT_SECONDS: '90', MEDIA_TIMEOUT_SECONDS: '90' },
});
const { constellation } = stage;

/** Reconnects every phone that lost its socket, from where it was. */
const reconnecting = setInterval(() => {
  for (const phone of stage.phones) {
    if (phone.closeCode !== null) phone.connect({ lastSeq: phone.lastSeq }).catch(() => {});
  }
}, 100);
after(() => clearInterval(reconnecting));

/** Null when the connection broke: nobody knows what happened to the request. */
async function attempt(request: () => Promise<Answer>): Promise<Answer | null> {
  try {
    return await request();
  } catch {
    return null;
  }
}

/** Tries again over a part's absence, as an app would: after a broken connection, and after a 503. */
async function insist(request: () => Promise<Answer>): Promise<Answer> {
  const deadline = performance.now() + BACK_MS;
  for (;;) {
    const answer = await attempt(request);
    if (answer !== null && answer.status !== 503) return answer;
    if (performance.now() > deadline)
      throw new Error(`not whole again: ${answer?.status ?? 'no connection'}`);
    await sleep(100);
  }
}

async function ringing(
  devices: number,
): Promise<{ alice: Phone; bobs: Phone[]; callId: string; ringIds: string[] }> {
  const { alice, bob, bobs } = await stage.pair(devices);
  const { callId } = (await insist(() => alice.place(bob.auraId))).body;
  const rings = await Promise.all(bobs.map((phone) => phone.frame('ring', (data) => data.callId === callId)));
  return { alice, bobs, callId, ringIds: rings.map((ring) => String(ring.data.ringId)) };
}

/** Every part runs, and every app has found its way back. */
async function partsAreBack(): Promise<void> {
  await eventually(async () => {
    const parts = Object.entries(constellation.parts()).filter(([, { state }]) => state !== 'running');
    const lost = stage.phones.filter((phone) => !phone.isOpen);
    return [
      ...parts.map(([name, { state }]) => `${name} is ${state}`),
      ...lost.map((phone) => `${phone.endpoint.person.auraId} has no socket (${phone.closeCode})`),
    ];
  }, BACK_MS);
}

async function stopped(bobs: readonly Phone[], winner: number): Promise<void> {
  const stops = await Promise.all(
    bobs.map((phone) => phone.frame('ring.stopped', undefined, WHOLE_AGAIN_MS)),
  );
  for (const [i, stop] of stops.entries()) {
    assert.equal(stop.data.reason, i === winner ? 'answered_here' : 'answered_elsewhere');
  }
}

describe('kill -9 of the service', () => {
  it("between an answer and the others' stop: all are stopped, with the right reason", async () => {
    for (const victims of [['service-1'], ['service-2'], ['service-1', 'service-2']]) {
      const { alice, bobs, callId, ringIds } = await ringing(8);
      const answer = (bobs[0] as Phone).answer(ringIds[0] ?? '', 'the answer');
      await Promise.race([answer.catch(() => null), sleep(victims.length)]);
      for (const victim of victims) constellation.kill(victim);
      await answer.catch(() => null);
      const again = await insist(() => (bobs[0] as Phone).answer(ringIds[0] ?? '', 'the answer'));
      assert.equal(again.status, 200, JSON.stringify(again.body));
      await stopped(bobs, 0);
      await insist(() => alice.hangUp(callId));
      await partsAreBack();
      await stage.settle({ withinMs: WHOLE_AGAIN_MS });
      await stage.clear();
    }
  });

  it('right after the answer was acknowledged', async () => {
    for (const victims of [['service-1', 'service-2'], ['service-2']]) {
      const { alice, bobs, callId, ringIds } = await ringing(8);
      const answer = await insist(() => (bobs[3] as Phone).answer(ringIds[3] ?? '', 'the answer'));
      for (const victim of victims) constellation.kill(victim);
      assert.equal(answer.status, 200);
      await stopped(bobs, 3);
      await insist(() => alice.hangUp(callId));
      await partsAreBack();
      await stage.settle({ withinMs: WHOLE_AGAIN_MS });
      await stage.clear();
    }
  });

  it('at random moments of a storm of calls', async () => {
    const promises = await storm(async () => {
      for (const victim of ['service-1', 'service-2', 'service-1']) {
        await sleep(STORM_MS / 4 - 400 * Math.random());
        constellation.kill(victim);
      }
    });
    await partsAreBack();
    await kept(promises);
    await stage.settle({ withinMs: WHOLE_AGAIN_MS });
    await stage.clear();
  });
});

/** What the service has said was done. */
interface Promised {
  readonly callId: string;
  readonly what: 'placed' | 'answered' | 'ended';
}

/** Pairs call, answer and hang up without a pause while `disturb` runs. No answer may be a fault of ours. */
async function storm(disturb: () => Promise<void>): Promise<Promised[]> {
  const promised: Promised[] = [];
  const pairs = await Promise.all(Array.from({ length: STORM_PAIRS }, () => stage.pair(2)));
  let going = true;
  const told = (what: Promised['what'], callId: string, answer: Answer | null): boolean => {
    assert.ok(answer === null || answer.status < 500 || answer.status === 503, JSON.stringify(answer?.body));
    if (answer?.status === 503) assert.ok(Number(answer.headers.get('retry-after')) > 0);
    const done = answer !== null && answer.status < 300;
    if (done) promised.push({ what, callId: callId === '' ? answer.body.callId : callId });
    return done;
  };
  const run = async ({ alice, bob, bobs }: (typeof pairs)[number]): Promise<void> => {
    while (going) {
      await sleep(150 * Math.random());
      const placed = await attempt(() => alice.place(bob.auraId));
      if (!told('placed', '', placed) || placed === null) continue;
      const { callId } = placed.body;
      const rung = await Promise.any(bobs.map((phone) => ringOf(phone, callId, 1_500))).catch(() => null);
      if (rung === null) continue;
      const answered = await attempt(() => rung.phone.answer(rung.ringId));
      if (told('answered', callId, answered))
        told('ended', callId, await attempt(() => alice.hangUp(callId)));
    }
  };
  const running = Promise.all(pairs.map(run));
  await Promise.all([disturb(), sleep(STORM_MS)]);
  going = false;
  await running;
  await partsAreBack();
  for (const { alice } of pairs) await hangUpAll(alice);
  assert.ok(promised.filter(({ what }) => what === 'ended').length > STORM_PAIRS, 'hardly a call came about');
  return promised;
}

/** Nobody knows how a request ended whose connection broke; the caller gives up what she still sees going on. */
async function hangUpAll(alice: Phone): Promise<void> {
  const { rows } = await stage.world.db.query<{ call_id: string }>(
    "SELECT call_id FROM cross_app_calls WHERE caller_endpoint_id = $1 AND state <> 'ended'",
    [alice.endpoint.endpointId],
  );
  for (const { call_id } of rows)
    assert.equal((await insist(() => alice.hangUp(call_id))).body.state, 'ended');
}

async function ringOf(
  phone: Phone,
  callId: string,
  withinMs: number,
): Promise<{ phone: Phone; ringId: string }> {
  const ring = await phone.frame('ring', (data) => data.callId === callId, withinMs);
  return { phone, ringId: String(ring.data.ringId) };
}

/** Everything that was acknowledged is in the database. */
async function kept(promised: readonly Promised[]): Promise<void> {
  const { rows } = await stage.world.db.query<{ call_id: string; answered: boolean; state: string }>(
    'SELECT call_id, answered_at IS NOT NULL AS answered, state FROM cross_app_calls',
  );
  const calls = new Map(rows.map((row) => [row.call_id, row]));
  for (const { callId, what } of promised) {
    const call = calls.get(callId);
    assert.ok(call !== undefined, `call ${callId} was placed and is gone`);
    if (what === 'answered') assert.ok(call.answered, `call ${callId} was answered, and is not`);
    if (what === 'ended') assert.equal(call.state, 'ended', `call ${callId} was ended, and is not`);
  }
}

describe('PostgreSQL', () => {
  it('killed in mid-ring: whole again within 10 s, and the ring can be answered', async () => {
    const { alice, bobs, callId, ringIds } = await ringing(4);
    constellation.kill('postgres');
    const answer = await insist(() => (bobs[1] as Phone).answer(ringIds[1] ?? '', 'the answer'));
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    await stopped(bobs, 1);
    await insist(() => alice.hangUp(callId));
    await partsAreBack();
    await stage.settle({ withinMs: WHOLE_AGAIN_MS });
    await stage.clear();
  });

  it('killed in a storm of calls: nothing acknowledged is lost', async () => {
    const promises = await storm(async () => {
      await sleep(STORM_MS / 3);
      constellation.kill('postgres');
    });
    await partsAreBack();
    await kept(promises);
    await stage.settle({ withinMs: WHOLE_AGAIN_MS });
    await stage.clear();
  });

  it('away: every route says so with 503 and when to come back, and no socket is lost', async () => {
    const { alice, bobs, callId, ringIds } = await ringing(1);
    const bob = bobs[0] as Phone;
    await constellation.halt('postgres');
    const api = '/_auralink/v1';
    const key = { 'idempotency-key': 'k' };
    const requests: [string, string, unknown?][] = [
      ['POST', '/calls', { to: bob.endpoint.person.auraId }],
      ['GET', `/calls/${callId}`],
      ['POST', `/calls/${callId}/cancel`],
      ['POST', `/calls/${callId}/hangup`],
      ['POST', `/calls/${callId}/media-token`],
      ['GET', `/rings/${ringIds[0]}`],
      ['POST', `/rings/${ringIds[0]}/answer`],
      ['POST', `/rings/${ringIds[0]}/decline`],
      ['GET', '/history'],
      ['GET', '/me'],
      ['GET', '/resolve/@somebody.aura'],
      ['GET', '/names/somebody'],
      ['POST', '/endpoint/revoke'],
      ['PUT', '/devices/current/app', { appId: null }],
    ];
    // Until her session is forgotten, what needs nothing else of the database is decided as always.
    await eventually(async () => {
      const { status } = await alice.request('PUT', `${api}/devices/current/app`, { appId: null });
      return status === 503 ? [] : [`the session is remembered: ${status}`];
    }, WHOLE_AGAIN_MS);
    const answers = await Promise.all(
      requests.map(([method, path, body]) => alice.request(method, `${api}${path}`, body, key)),
    );
    for (const [i, answer] of answers.entries()) {
      const text = `${requests[i]?.join(' ')}: ${answer.status} ${JSON.stringify(answer.body)}`;
      assert.deepEqual([answer.status, answer.body.errcode], [503, 'AURALINK_UNAVAILABLE'], text);
      assert.ok(Number(answer.headers.get('retry-after')) > 0, text);
    }
    const config = await alice.request('GET', `${api}/config`);
    assert.ok(config.status === 200 || config.status === 503, `config: ${config.status}`);
    assert.deepEqual([alice.isOpen, bob.isOpen], [true, true]);
    await constellation.start('postgres');
    await insist(() => alice.cancel(callId));
    await stage.settle({ withinMs: WHOLE_AGAIN_MS });
    await stage.clear();
  });

  it('away while a stop is being acknowledged: the acknowledgement counts later', async () => {
    const { alice, bobs, callId } = await ringing(1);
    const bob = bobs[0] as Phone;
    bob.acknowledge = false;
    await insist(() => alice.cancel(callId));
    const stop = await bob.frame('ring.stopped');
    await stage.settle();
    await constellation.halt('postgres');
    bob.ack(stop.seq);
    assert.equal(await bob.ping(), true);
    await constellation.start('postgres');
    bob.acknowledge = true;
    await stage.settle({ withinMs: WHOLE_AGAIN_MS });
    await stage.clear();
  });
});

describe('Redis', () => {
  it('killed in mid-ring is noticed by nobody', async () => {
    const { alice, bobs, callId, ringIds } = await ringing(8);
    constellation.kill('redis');
    const begin = performance.now();
    assert.equal((await (bobs[0] as Phone).answer(ringIds[0] ?? '')).status, 200);
    await stopped(bobs, 0);
    const tookMs = performance.now() - begin;
    assert.ok(tookMs < 1_000, `the last stop came after ${tookMs} ms`);
    assert.equal((await alice.hangUp(callId)).status, 200);
    await partsAreBack();
    await stage.settle();
    await stage.clear();
  });
});
