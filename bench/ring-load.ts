/**
 * What the service carries: whole calls at a fixed rate, whether or not the earlier ones have come back (open loop). A
 * ring's time counts from the moment at which its call was due, so that a stall of the service, or of this very
 * process, shows in full.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import type { Constellation } from '../auralink-communication-service/launcher/constellation.ts';
import type { TestEndpoint, World } from '../tests/support/world.ts';
import { processorSeconds } from './processes.ts';
import { makeCall, type Pair, PhoneSocket } from './ring-phone.ts';

/** Two thirds of the calls that one person may place in a minute. */
const CALLS_PER_MINUTE_AND_PERSON = 20;
const DEVICES = 2;
/** The rate grows evenly for so long: what has just been started compiles and plans everything once. */
const RAMP_SECONDS = 15;
/** Then it stays for so long before calls are counted: what runs often is compiled once more, better. */
const SETTLE_SECONDS = 15;
const HTTP_CONNECTIONS = 64;
const CONNECTING_AT_ONCE = 32;

export interface LoadOptions {
  readonly constellation: Constellation;
  readonly world: World;
  readonly appId: string;
  readonly callsPerSecond: number;
  readonly seconds: number;
}

export interface Load {
  readonly inviteToRingingMs: readonly number[];
  /** Calls that came to their end while calls were counted, whenever they were placed. */
  readonly completed: number;
  /** What went wrong, and how often; warm-up included. */
  readonly errors: ReadonlyMap<string, number>;
  /** Processors that each part kept busy, 1 = one of them wholly. */
  readonly busy: Readonly<Record<string, number>>;
}

export async function measureLoad(options: LoadOptions): Promise<Load> {
  const pool = new Pool(options.world.publicUrl, { connections: HTTP_CONNECTIONS });
  const pairs = await openPairs(options, pool);
  try {
    return await runCalls(options, pairs);
  } finally {
    await Promise.all(pairs.flatMap((pair) => [pair.caller, ...pair.devices]).map((phone) => phone.close()));
    await pool.close();
  }
}

async function openPairs({ world, appId, callsPerSecond }: LoadOptions, door: Pool): Promise<Pair[]> {
  const count = Math.ceil((callsPerSecond * 60) / CALLS_PER_MINUTE_AND_PERSON);
  const callers = await world.endpoints(await world.people('loadcaller', count), appId);
  const people = await world.people('loadcallee', count);
  const devices: TestEndpoint[][] = [];
  for (let n = 0; n < DEVICES; n++) devices.push(await world.endpoints(people, appId));
  const pairs: Pair[] = [];
  const open = (endpoint: TestEndpoint) => PhoneSocket.open(world.publicUrl, endpoint);
  await inParallel(callers, async (endpoint, i) => {
    const sockets: PhoneSocket[] = [];
    for (const ofAll of devices) {
      const device = ofAll[i];
      if (device !== undefined) sockets.push(await open(device));
    }
    pairs.push({ caller: await open(endpoint), devices: sockets, callerDoor: door, calleeDoor: door });
  });
  return pairs;
}

/** Some at a time, for the service accepts no crowd at once. */
export async function inParallel<T>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) await work(item, index);
  };
  await Promise.all(Array.from({ length: CONNECTING_AT_ONCE }, worker));
}

async function runCalls(options: LoadOptions, pairs: readonly Pair[]): Promise<Load> {
  const { callsPerSecond, seconds } = options;
  const startMs = performance.now();
  const inviteToRingingMs: number[] = [];
  const errors = new Map<string, number>();
  let completed = 0;
  // Whose last call is over; first come, first served, so that everybody calls equally often.
  const free = [...pairs];
  const one = async (dueMs: number, counts: boolean): Promise<void> => {
    const pair = free.shift();
    try {
      if (pair === undefined) throw new Error('everybody was in a call, none was made');
      const { rangAtMs } = await makeCall(pair);
      const endedMs = performance.now() - countFromMs;
      if (endedMs >= 0 && endedMs < seconds * 1_000) completed += 1;
      if (!counts) return;
      inviteToRingingMs.push(rangAtMs - dueMs);
    } catch (error) {
      const message = (error as Error).message;
      errors.set(message, (errors.get(message) ?? 0) + 1);
    } finally {
      if (pair !== undefined) free.push(pair);
    }
  };
  const calls: Promise<void>[] = [];
  const warmUpCalls = (RAMP_SECONDS / 2 + SETTLE_SECONDS) * callsPerSecond;
  const total = warmUpCalls + seconds * callsPerSecond;
  const countFromMs = startMs + dueSeconds(warmUpCalls, callsPerSecond) * 1_000;
  let before = processorTimes(options.constellation);
  for (let n = 0; n < total; ) {
    for (; n < total; n++) {
      const dueMs = startMs + dueSeconds(n, callsPerSecond) * 1_000;
      if (performance.now() < dueMs) break;
      if (n === warmUpCalls) before = processorTimes(options.constellation);
      calls.push(one(dueMs, n >= warmUpCalls));
    }
    await delay(1);
  }
  const after = processorTimes(options.constellation);
  await Promise.all(calls);
  const busy = Object.fromEntries(
    Object.entries(after).map(([part, spent]) => [part, (spent - (before[part] ?? 0)) / seconds]),
  );
  return { inviteToRingingMs, completed, errors, busy };
}

/** When the n-th call is due, after the first: the rate rises from nothing, and then stays. */
function dueSeconds(n: number, callsPerSecond: number): number {
  const rampCalls = (RAMP_SECONDS / 2) * callsPerSecond;
  if (n < rampCalls) return Math.sqrt((2 * RAMP_SECONDS * n) / callsPerSecond);
  return RAMP_SECONDS + (n - rampCalls) / callsPerSecond;
}

/** Processor seconds of every part, and of this process, which makes the load. */
function processorTimes(constellation: Constellation): Record<string, number> {
  const times: Record<string, number> = {};
  for (const [part, { pid }] of Object.entries(constellation.parts())) {
    if (pid !== null) times[part] = processorSeconds(pid);
  }
  const own = process.cpuUsage();
  times['load generator'] = (own.user + own.system) / 1e6;
  return times;
}
