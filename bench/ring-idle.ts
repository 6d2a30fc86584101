/**
 * What an idle socket costs: growth of the resident memory of all service processes for each authenticated socket that
 * says nothing. The processes are fresh and have served some sockets that are closed again, so that compiled code and
 * the room that a heap keeps for itself are not counted as the sockets'.
 */
import type { Constellation } from '../auralink-communication-service/launcher/constellation.ts';
import { serviceName } from '../auralink-communication-service/launcher/service.ts';
import type { TestEndpoint, World } from '../tests/support/world.ts';
import { settledKib } from './processes.ts';
import { inParallel } from './ring-load.ts';
import { PhoneSocket } from './ring-phone.ts';

const WARM_UP_SOCKETS = 1_000;

export interface IdleOptions {
  readonly constellation: Constellation;
  readonly world: World;
  readonly appId: string;
  readonly processes: number;
  readonly sockets: number;
}

export interface Idle {
  /** Resident memory of all service processes. */
  readonly beforeKib: number;
  readonly afterKib: number;
}

export async function measureIdleSockets(options: IdleOptions): Promise<Idle> {
  const { constellation, world, appId, processes } = options;
  const pids = [];
  for (let n = 1; n <= processes; n++) {
    await constellation.halt(serviceName(n));
    await constellation.start(serviceName(n));
    const pid = constellation.parts()[serviceName(n)]?.pid;
    if (pid === null || pid === undefined) throw new Error(`${serviceName(n)} does not run`);
    pids.push(pid);
  }
  const endpointsOf = async (prefix: string, count: number): Promise<TestEndpoint[]> =>
    await world.endpoints(await world.people(prefix, count), appId);
  const warmUp = await open(world, await endpointsOf('warm', WARM_UP_SOCKETS));
  await Promise.all(warmUp.map((phone) => phone.close()));
  const endpoints = await endpointsOf('idle', options.sockets);
  const beforeKib = await settledKib(pids);
  const phones = await open(world, endpoints);
  const afterKib = await settledKib(pids);
  await Promise.all(phones.map((phone) => phone.close()));
  return { beforeKib, afterKib };
}

async function open(world: World, endpoints: readonly TestEndpoint[]): Promise<PhoneSocket[]> {
  const phones: PhoneSocket[] = [];
  await inParallel(endpoints, async (endpoint) => {
    phones.push(await PhoneSocket.open(world.publicUrl, endpoint));
  });
  return phones;
}
