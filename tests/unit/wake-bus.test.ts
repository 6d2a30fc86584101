/** The wake bus over carriers that the test holds in its hand: coalescing, falling back, sizes, and never throwing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWakeBus, WAKE_QUEUE_MAX } from '../../auralink-communication-service/adapters/wake-bus.ts';
import type { WakeCarrier } from '../../auralink-communication-service/adapters/wake-carrier.ts';
import { packFrames, parseFrame } from '../../auralink-communication-service/adapters/wake-frames.ts';
import type { WakeMessage } from '../../auralink-communication-service/auralink-modules/endpoints/ports.ts';
import type { EndpointId, ProcessId } from '../../auralink-communication-service/core/ids.ts';
import { silentLog } from '../fakes/log.ts';

const US = 'process-us' as ProcessId;
const THEM = 'process-them' as ProcessId;
const event = (seq: number, text = 'x'): WakeMessage => ({
  kind: 'event',
  endpointId: `endpoint-${seq}` as EndpointId,
  seq,
  event: { type: 'ring', data: { text } },
});

class FakeCarrier implements WakeCarrier {
  readonly maxFrameBytes = 7_500;
  readonly sent: string[][] = [];
  healthy = true;
  fails = false;
  /** Resolves the send that is under way. */
  release: () => void = () => {};
  holds = false;
  receive: (frame: string) => void = () => {};
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
  async send(frames: readonly string[]): Promise<void> {
    if (this.fails) throw new Error('away');
    this.sent.push([...frames]);
    if (this.holds) {
      await new Promise<void>((done) => {
        this.release = done;
      });
    }
  }
  listen(handler: (frame: string) => void): void {
    this.receive = handler;
  }
  async close(): Promise<void> {}
}

function busOver(...carriers: FakeCarrier[]) {
  const counts: [string, number][] = [];
  const bus = createWakeBus(US, carriers, { sent: (carrier, n) => counts.push([carrier, n]) }, silentLog, 0);
  return { bus, counts };
}
const settle = () => new Promise((done) => setImmediate(done));

test('one send at a time; what comes meanwhile goes together', async () => {
  const carrier = new FakeCarrier('a');
  carrier.holds = true;
  const { bus, counts } = busOver(carrier);
  bus.publish([event(1)]);
  bus.publish([event(2)]);
  bus.publish([event(3)]);
  await settle();
  assert.equal(carrier.sent.length, 1);
  carrier.holds = false;
  carrier.release();
  await settle();
  assert.equal(carrier.sent.length, 2);
  const second = parseFrame(carrier.sent[1]?.[0] ?? '');
  assert.deepEqual(second?.messages, [event(2), event(3)]);
  assert.deepEqual(counts, [
    ['a', 1],
    ['a', 2],
  ]);
});

test('an unhealthy or failing carrier is passed over; without any, the messages are given up and counted', async () => {
  const [first, second] = [new FakeCarrier('first'), new FakeCarrier('second')];
  const { bus, counts } = busOver(first, second);
  first.healthy = false;
  bus.publish([event(1)]);
  await settle();
  first.healthy = true;
  first.fails = true;
  bus.publish([event(2)]);
  await settle();
  second.healthy = false;
  bus.publish([event(3)]);
  await settle();
  first.fails = false;
  bus.publish([event(4)]);
  await settle();
  assert.deepEqual(
    counts.map(([name]) => name),
    ['second', 'second', 'none', 'first'],
  );
});

test('messages of others arrive from every carrier, our own from none, rubbish harms nobody', () => {
  const carriers = [new FakeCarrier('a'), new FakeCarrier('b')];
  const { bus } = busOver(...carriers);
  const seen: WakeMessage[] = [];
  bus.subscribe(() => {
    throw new Error('a handler at fault');
  });
  bus.subscribe((messages) => seen.push(...messages));
  const frame = (from: ProcessId, message: WakeMessage) => packFrames(from, [message], 7_500)[0] ?? '';
  carriers[0]?.receive(frame(THEM, event(1)));
  carriers[1]?.receive(frame(THEM, event(2)));
  carriers[1]?.receive(frame(US, event(3)));
  for (const rubbish of [
    '',
    'null',
    '{}',
    '{"from":"x","messages":[{"kind":"event"},7,null]}',
    '{"from":1}',
  ]) {
    carriers[0]?.receive(rubbish);
  }
  assert.deepEqual(seen, [event(1), event(2)]);
});

test('the queue is bounded; the oldest go', async () => {
  const carrier = new FakeCarrier('a');
  carrier.holds = true;
  const { bus, counts } = busOver(carrier);
  bus.publish([event(0)]);
  bus.publish(Array.from({ length: WAKE_QUEUE_MAX + 5 }, (_, i) => event(i + 1)));
  await settle();
  assert.deepEqual(counts, [['none', 5]]);
});

test('frames keep to their size, and an event that is too large goes without its data', () => {
  const messages = Array.from({ length: 60 }, (_, i) => event(i, 'ä'.repeat(200)));
  const frames = packFrames(US, [...messages, event(60, '€'.repeat(9_000))], 7_500);
  assert.ok(frames.length > 1);
  for (const frame of frames) assert.ok(Buffer.byteLength(frame) <= 7_500);
  const all = frames.flatMap((frame) => parseFrame(frame)?.messages ?? []);
  assert.deepEqual(all.slice(0, 60), messages);
  assert.deepEqual(all[60], { kind: 'event', endpointId: 'endpoint-60', seq: 60 });
});
