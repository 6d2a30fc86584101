/**
 * How fast one ring is: calls one at a time, in turns with the same ring as a Matrix event. The caller's requests and
 * socket are at one service process, the first device that rings at the other, so that every ring crosses between them.
 */
import { Client } from 'undici';
import type { World } from '../tests/support/world.ts';
import { connectTo } from './processes.ts';
import type { MatrixPair } from './ring-matrix.ts';
import { makeCall, type Pair, PhoneSocket } from './ring-phone.ts';

/** Enough that nobody comes near the calls that one person may place in a minute. */
const PAIRS = 40;
/** Until compilers and connections on both sides have settled. */
const WARM_UP_CALLS = 100;

export interface Latencies {
  readonly inviteToRingingMs: readonly number[];
  readonly matrixEventMs: readonly number[];
  readonly answerToLastStopMs: readonly number[];
}

export interface LatencyOptions {
  readonly world: World;
  readonly matrix: MatrixPair;
  readonly appId: string;
  readonly publicPort: number;
  readonly servicePids: readonly number[];
  readonly calls: number;
}

/** Throws at the first call that fails. */
export async function measureLatencies(options: LatencyOptions): Promise<Latencies> {
  const stage = await setTheStage(options);
  const inviteToRingingMs: number[] = [];
  const matrixEventMs: number[] = [];
  const answerToLastStopMs: number[] = [];
  try {
    for (let i = -WARM_UP_CALLS; i < options.calls; i++) {
      const pair = stage.pairs[(i + WARM_UP_CALLS) % PAIRS] as Pair;
      let eventMs = i % 2 === 0 ? await options.matrix.ring() : 0;
      const sentMs = performance.now();
      const times = await makeCall(pair);
      if (i % 2 !== 0) eventMs = await options.matrix.ring();
      if (i < 0) continue;
      inviteToRingingMs.push(times.rangAtMs - sentMs);
      answerToLastStopMs.push(times.answerToLastStopMs);
      matrixEventMs.push(eventMs);
    }
  } finally {
    await stage.close();
  }
  return { inviteToRingingMs, matrixEventMs, answerToLastStopMs };
}

interface Stage {
  readonly pairs: readonly Pair[];
  close(): Promise<void>;
}

/** Callers at the first process; of each callee's three devices the first and third at the second, one at the first. */
async function setTheStage(options: LatencyOptions): Promise<Stage> {
  const { world, appId, servicePids } = options;
  const [here, there] = servicePids;
  if (here === undefined || there === undefined) throw new Error('two service processes are needed');
  const callers = await world.endpoints(await world.people('caller', PAIRS), appId);
  const callees = await world.people('callee', PAIRS);
  const devices = [
    await world.endpoints(callees, appId),
    await world.endpoints(callees, appId),
    await world.endpoints(callees, appId),
  ];
  const doorTo = async (pid: number): Promise<Client> => {
    const socket = await connectTo(options.publicPort, pid, servicePids);
    // Not at once: a client that is handed its connection while it asks for it waits for ever.
    return new Client(world.publicUrl, {
      connect: (_options, done) => void setImmediate(done, null, socket),
    });
  };
  const callerDoor = await doorTo(here);
  const calleeDoor = await doorTo(there);
  const openAt = async (pid: number, endpoint: (typeof callers)[number]): Promise<PhoneSocket> =>
    await PhoneSocket.open(world.publicUrl, endpoint, await connectTo(options.publicPort, pid, servicePids));
  const pairs: Pair[] = [];
  for (const [i, endpoint] of callers.entries()) {
    const caller = await openAt(here, endpoint);
    const sockets: PhoneSocket[] = [];
    for (const [n, pid] of [there, here, there].entries()) {
      const device = devices[n]?.[i];
      if (device !== undefined) sockets.push(await openAt(pid, device));
    }
    pairs.push({ caller, devices: sockets, callerDoor, calleeDoor });
  }
  return {
    pairs,
    close: async () => {
      const sockets = pairs.flatMap((pair) => [pair.caller, ...pair.devices]);
      await Promise.all(sockets.map((socket) => socket.close()));
      await Promise.all([callerDoor.close(), calleeDoor.close()]);
    },
  };
}
