/**
 * A phone for the ring bench, as light as it can be: it shares the processor with what it measures. A socket that
 * acknowledges every event as the SDK does and hands out the next event of a type, and the three requests of a call.
 */
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Dispatcher } from 'undici';
import { WebSocket } from 'ws';
import type { TestEndpoint } from '../tests/support/world.ts';

/** Nothing that a bench waits for takes this long, unless it has been lost. */
const WAIT_MS = 10_000;

export interface Heard {
  /** performance.now() once it was parsed. */
  readonly atMs: number;
  readonly data: Readonly<Record<string, unknown>>;
}

interface Waiter {
  readonly resolve: (heard: Heard) => void;
  readonly timer: NodeJS.Timeout;
}

export class PhoneSocket {
  readonly endpoint: TestEndpoint;
  readonly #socket: WebSocket;
  readonly #waiters = new Map<string, Waiter>();

  private constructor(endpoint: TestEndpoint, socket: WebSocket) {
    this.endpoint = endpoint;
    this.#socket = socket;
  }

  /** Over `connection` if one is given. Resolves with the welcome; rejects when the service refuses. */
  static async open(publicUrl: string, endpoint: TestEndpoint, connection?: Socket): Promise<PhoneSocket> {
    const socket = new WebSocket(`${publicUrl.replace('http', 'ws')}/_auralink/v1/socket`, {
      perMessageDeflate: false,
      ...(connection === undefined ? {} : { createConnection: () => connection }),
    });
    const phone = new PhoneSocket(endpoint, socket);
    const welcome = phone.next('welcome');
    socket.on('message', (raw) => phone.#receive(raw.toString()));
    socket.once('open', () => socket.send(JSON.stringify({ type: 'hello', token: endpoint.token })));
    const refused = new Promise<never>((_resolve, reject) => {
      socket.once('error', reject);
      socket.once('close', (code) => reject(new Error(`a socket was closed with ${code}`)));
    });
    await Promise.race([welcome, refused]);
    return phone;
  }

  /** The next event of this type. One call at a time rings at a phone, so it needs no further name. */
  next(type: string): Promise<Heard> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(type);
        reject(new Error(`no ${type} came within ${WAIT_MS} ms`));
      }, WAIT_MS);
      this.#waiters.set(type, { resolve, timer });
    });
  }

  #receive(text: string): void {
    const frame = JSON.parse(text) as { type: string; seq: number; data: Heard['data'] };
    const atMs = performance.now();
    if (frame.type !== 'welcome') this.#socket.send(`{"type":"ack","seq":${frame.seq}}`);
    const waiter = this.#waiters.get(frame.type);
    if (waiter === undefined) return;
    this.#waiters.delete(frame.type);
    clearTimeout(waiter.timer);
    waiter.resolve({ atMs, data: frame.data });
  }

  close(): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) return Promise.resolve();
    return new Promise((resolve) => {
      this.#socket.once('close', () => resolve());
      this.#socket.close();
    });
  }
}

export interface CallAnswer {
  readonly callId: string;
  readonly state: string;
}

/** Throws with status and body unless the answer is a 2xx. */
async function post(
  door: Dispatcher,
  path: string,
  endpoint: TestEndpoint,
  body?: object,
): Promise<CallAnswer> {
  const answer = await door.request({
    method: 'POST',
    path: `/_auralink/v1/${path}`,
    headers: {
      authorization: `Bearer ${endpoint.token}`,
      'idempotency-key': randomUUID(),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.body.text();
  if (answer.statusCode >= 300)
    throw new Error(`${path.split('/')[0]} answered ${answer.statusCode} ${text}`);
  return JSON.parse(text) as CallAnswer;
}

/** One caller and one callee with some devices; `doors` are where each sends its requests. */
export interface Pair {
  readonly caller: PhoneSocket;
  readonly devices: readonly PhoneSocket[];
  readonly callerDoor: Dispatcher;
  readonly calleeDoor: Dispatcher;
}

export interface CallTimes {
  /** When the first device had parsed its ring, performance.now(). */
  readonly rangAtMs: number;
  /** From sending the answer until the last device had parsed its stop. */
  readonly answerToLastStopMs: number;
}

/** A whole call: every device rings, the first one answers, every device stops, the caller hangs up. */
export async function makeCall(pair: Pair): Promise<CallTimes> {
  const [first] = pair.devices;
  if (first === undefined) throw new Error('a callee needs a device');
  const [placed, ...rings] = await all([
    post(pair.callerDoor, 'calls', pair.caller.endpoint, { to: first.endpoint.person.auraId }),
    ...pair.devices.map((device) => device.next('ring')),
  ]);
  for (const ring of rings) expectCall(ring, placed);

  const answerSentMs = performance.now();
  const [, ...stops] = await all([
    post(pair.calleeDoor, `rings/${rings[0]?.data.ringId}/answer`, first.endpoint),
    ...pair.devices.map((device) => device.next('ring.stopped')),
  ]);
  for (const stop of stops) expectCall(stop, placed);

  const ended = await post(pair.callerDoor, `calls/${placed.callId}/hangup`, pair.caller.endpoint);
  if (ended.state !== 'ended') throw new Error(`after hanging up a call was ${ended.state}`);
  return {
    rangAtMs: rings[0]?.atMs ?? Number.NaN,
    answerToLastStopMs: Math.max(...stops.map((stop) => stop.atMs)) - answerSentMs,
  };
}

/** Promise.all, but what fails later than the first is not lost without being handled. */
async function all(
  work: readonly [Promise<CallAnswer>, ...Promise<Heard>[]],
): Promise<[CallAnswer, ...Heard[]]> {
  const settled = await Promise.allSettled(work);
  for (const one of settled) if (one.status === 'rejected') throw one.reason;
  return (await Promise.all(work)) as [CallAnswer, ...Heard[]];
}

function expectCall(heard: Heard, call: CallAnswer): void {
  if (heard.data.callId !== call.callId) throw new Error('an event of another call came');
}
