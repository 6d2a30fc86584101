/** Rings in the SDK: silence at the deadline, two tabs of one endpoint, a reload in mid-ring. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import type { RingStopped } from '../../../auralink-client/index.ts';
import { json, problem } from '../../fakes/client-service.ts';
import { clientWorld, ringEvent, ringView, settle, stopEvent } from '../../fakes/client-world.ts';

beforeEach(() => mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.now() }));
afterEach(() => mock.timers.reset());

async function ringing(options: Parameters<typeof clientWorld>[0] = {}) {
  const world = clientWorld(options);
  const rings: string[] = [];
  const stops: RingStopped[] = [];
  world.auralink.on('ring', (ring) => rings.push(ring.ringId));
  world.auralink.on('ringStopped', (stopped) => stops.push(stopped));
  world.auralink.connect();
  await settle();
  world.socket().welcome(0);
  await settle();
  return { ...world, rings, stops };
}

test('a ring falls silent at its deadline although nobody says so, and only once', async () => {
  const { socket, stops, auralink } = await ringing();
  socket().receive(ringEvent(1, 'a', 5_000));
  await settle();
  mock.timers.tick(4_999);
  assert.deepEqual(stops, []);
  mock.timers.tick(1);
  await settle();
  assert.deepEqual(
    stops.map(({ ringId, reason, byThisTab }) => ({ ringId, reason, byThisTab })),
    [{ ringId: 'a', reason: 'timeout', byThisTab: false }],
  );
  assert.deepEqual(auralink.liveRings, []);
  socket().receive(stopEvent(2, 'a', 'timeout'));
  await settle();
  assert.equal(stops.length, 1);
});

test('a ring whose deadline has passed does not ring at all', async () => {
  const { socket, rings } = await ringing();
  socket().receive(ringEvent(1, 'late', -1));
  await settle();
  assert.deepEqual(rings, []);
  assert.deepEqual(socket().acknowledged(), [1]);
});

test("the deadline is the service's: a wrong clock here neither cuts a ring short nor draws it out", async () => {
  const { socket, stops, auralink, rings } = await ringing();
  auralink.adoptSession({
    accessToken: 'access-1',
    refreshToken: null,
    expiresAtMs: Date.now() + 600_000,
    scope: '',
    clockOffsetMs: 3_600_000,
  });
  socket().receive(ringEvent(1, 'a', 3_600_000 + 5_000));
  await settle();
  assert.deepEqual(rings, ['a']);
  mock.timers.tick(5_000);
  await settle();
  assert.equal(stops.length, 1);
});

test('the tab that answers knows the stop for its own; the other tab only falls silent', async () => {
  const first = await ringing();
  const second = await ringing();
  for (const tab of [first, second]) {
    tab.socket().receive(ringEvent(1, 'a'));
    await settle();
  }
  first.service.on('POST /_auralink/v1/rings/a/answer', () => {
    // The event is quicker than the answer to the request.
    first.socket().receive(stopEvent(2, 'a', 'answered_here'));
    return json({ callId: 'call-of-a', state: 'active' });
  });
  const call = await first.auralink.calls.answer('a');
  second.socket().receive(stopEvent(2, 'a', 'answered_here'));
  await settle();
  assert.equal(call.callId, 'call-of-a');
  assert.deepEqual([first.stops[0]?.byThisTab, second.stops[0]?.byThisTab], [true, false]);
});

test('an answer that came too late leaves the stop to the one who was first', async () => {
  const { socket, service, auralink, stops } = await ringing();
  socket().receive(ringEvent(1, 'a'));
  await settle();
  service.on('POST /_auralink/v1/rings/a/answer', () =>
    problem(409, 'AURALINK_CONFLICT', { reason: 'already_answered' }),
  );
  await assert.rejects(auralink.calls.answer('a'), { status: 409, reason: 'already_answered' });
  socket().receive(stopEvent(2, 'a', 'answered_elsewhere'));
  await settle();
  assert.deepEqual([stops[0]?.reason, stops[0]?.byThisTab], ['answered_elsewhere', false]);
});

test('a page that is loaded anew in mid-ring rings again, if the ring is still live', async () => {
  const before = await ringing();
  before.socket().receive(ringEvent(1, 'live'));
  before.socket().receive(ringEvent(2, 'over'));
  await settle();
  const { service, storage } = before;
  service.on('GET /_auralink/v1/rings/live', () =>
    json({ ringId: 'live', live: true, state: 'ringing', ring: ringView('live') }),
  );
  service.on('GET /_auralink/v1/rings/over', () => json({ ringId: 'over', live: false, state: 'stopped' }));
  const after = await ringing({ storage, service, signedIn: false });
  await settle();
  assert.deepEqual(after.rings, ['live']);
});

test('after too long a break the live rings are asked for, and a stop that was missed is made up for', async () => {
  const { socket, service, stops } = await ringing();
  socket().receive(ringEvent(1, 'a'));
  await settle();
  service.on('GET /_auralink/v1/rings/a', () =>
    json({ ringId: 'a', live: false, state: 'stopped', reason: 'caller_cancelled' }),
  );
  socket().drop(1006);
  mock.timers.tick(250);
  await settle();
  socket().welcome(900, false);
  await settle();
  await settle();
  assert.equal(stops[0]?.reason, 'caller_cancelled');
});
