/** The SDK's socket: resumption, acknowledgement after the handler, each event once, back-off. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { BACKOFF_FIRST_MS, BACKOFF_MAX_MS, backoffMs } from '../../../auralink-client/backoff.ts';
import { HANDLER_PATIENCE_MS } from '../../../auralink-client/emitter.ts';
import { CLOSE_FORBIDDEN, CLOSE_SIGNED_OUT, CLOSE_UNAUTHENTICATED } from '../../../auralink-client/socket.ts';
import { clientWorld, ringEvent, settle, stopEvent } from '../../fakes/client-world.ts';

beforeEach(() => mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.now() }));
afterEach(() => mock.timers.reset());

async function online() {
  const world = clientWorld();
  const rings: string[] = [];
  world.auralink.on('ring', (ring) => rings.push(ring.ringId));
  world.auralink.connect();
  await settle();
  world.socket().welcome(0);
  await settle();
  return { ...world, rings };
}

test('the first hello carries the token and no number', async () => {
  const { socket, auralink } = await online();
  assert.equal(socket().url, 'wss://aura.example/_auralink/v1/socket');
  assert.deepEqual(socket().sent, [{ type: 'hello', token: 'access-1', focused: false }]);
  assert.equal(auralink.state, 'online');
});

test('after a break it says the last number that it has dealt with, and shows nothing twice', async () => {
  const { sockets, socket, rings } = await online();
  socket().receive(ringEvent(1, 'a'));
  socket().receive(stopEvent(2, 'a', 'timeout'));
  await settle();
  socket().drop(1006);
  mock.timers.tick(BACKOFF_FIRST_MS);
  await settle();
  assert.equal(sockets.length, 2);
  socket().open();
  assert.equal(socket().sent[0]?.lastSeq, 2);
  socket().receive({ type: 'welcome', endpointId: 'endpoint-1', seq: 2, resumed: true });
  socket().receive(stopEvent(2, 'a', 'timeout'));
  socket().receive(ringEvent(3, 'b'));
  await settle();
  assert.deepEqual(rings, ['a', 'b']);
  assert.deepEqual(socket().acknowledged(), [3]);
});

test('a ring is acknowledged only once the handler has returned', async () => {
  const { auralink, socket } = await online();
  let shown = (): void => undefined;
  auralink.on('ring', () => new Promise<void>((resolve) => (shown = resolve)));
  socket().receive(ringEvent(1, 'a'));
  await settle();
  assert.deepEqual(socket().acknowledged(), []);
  shown();
  await settle();
  assert.deepEqual(socket().acknowledged(), [1]);
});

test('a ring that no handler shows is never acknowledged, so that the next app rings', async () => {
  const { auralink, socket } = clientWorld();
  auralink.connect();
  await settle();
  socket().welcome(0);
  socket().receive(ringEvent(1, 'a'));
  socket().receive({ type: 'ring.notice', seq: 2, data: { ringId: 'z' } });
  await settle();
  assert.deepEqual(socket().acknowledged(), []);
  const rings: string[] = [];
  auralink.on('ring', (ring) => rings.push(ring.ringId));
  await settle();
  assert.deepEqual(rings, ['a']);
  assert.deepEqual(socket().acknowledged(), [2]);
});

test('a handler that throws or hangs does not hold back what follows, and its ring stays unacknowledged', async () => {
  const { auralink, socket } = await online();
  const faults: unknown[] = [];
  const stops: string[] = [];
  auralink.on('fault', (error) => faults.push(error));
  auralink.on('ringStopped', (stopped) => stops.push(stopped.ringId));
  auralink.on('ring', (ring) => {
    if (ring.ringId === 'throws') throw new Error('the app broke');
    return new Promise(() => undefined);
  });
  socket().receive(ringEvent(1, 'throws'));
  socket().receive(ringEvent(2, 'hangs'));
  await settle();
  mock.timers.tick(HANDLER_PATIENCE_MS);
  await settle();
  assert.deepEqual(socket().acknowledged(), []);
  assert.equal(faults.length, 2);
  socket().receive(stopEvent(3, 'throws', 'timeout'));
  await settle();
  assert.deepEqual(socket().acknowledged(), [1]);
  socket().receive(stopEvent(4, 'hangs', 'timeout'));
  await settle();
  assert.deepEqual(stops, ['throws', 'hangs']);
  assert.deepEqual(socket().acknowledged(), [1, 3, 4]);
});

test('the same ring by another number is shown once', async () => {
  const { socket, rings } = await online();
  socket().receive(ringEvent(1, 'a'));
  socket().receive(ringEvent(2, 'a'));
  await settle();
  assert.deepEqual(rings, ['a']);
  assert.deepEqual(socket().acknowledged(), [1, 2]);
});

test('a refused token is renewed before the next try', async () => {
  const { sockets, socket, service } = await online();
  socket().drop(CLOSE_UNAUTHENTICATED);
  await settle();
  mock.timers.tick(BACKOFF_FIRST_MS);
  await settle();
  assert.equal(sockets.length, 2);
  assert.equal(service.seen('POST /oidc/token').length, 1);
  socket().open();
  assert.equal(socket().sent[0]?.token, 'access-2');
});

test('a signed-out endpoint stops, forgets its tokens and says so', async () => {
  const { auralink, socket, sockets } = await online();
  const sessions: boolean[] = [];
  auralink.on('session', ({ signedIn }) => sessions.push(signedIn));
  socket().drop(CLOSE_SIGNED_OUT);
  mock.timers.tick(BACKOFF_MAX_MS);
  await settle();
  assert.deepEqual(sessions, [false]);
  assert.equal(auralink.signedIn, false);
  assert.equal(auralink.state, 'offline');
  assert.equal(sockets.length, 1);
});

test('a forbidden origin is not tried again', async () => {
  const { auralink, socket, sockets } = await online();
  socket().drop(CLOSE_FORBIDDEN);
  mock.timers.tick(BACKOFF_MAX_MS);
  await settle();
  assert.equal(auralink.state, 'refused');
  assert.equal(sockets.length, 1);
});

test('a socket without a welcome is given up', async () => {
  const { auralink, sockets } = clientWorld();
  auralink.connect();
  await settle();
  mock.timers.tick(10_000);
  mock.timers.tick(BACKOFF_FIRST_MS);
  await settle();
  assert.equal(sockets[0]?.closedByClient, true);
  assert.equal(sockets.length, 2);
});

test('the back-off is anywhere below a ceiling that doubles up to ten seconds', () => {
  const highest = [0, 1, 2, 3, 4, 5, 6, 50].map((attempt) => backoffMs(attempt, () => 1));
  assert.deepEqual(highest, [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  assert.equal(
    backoffMs(5, () => 0),
    0,
  );
});
