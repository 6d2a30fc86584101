/**
 * A stage for calls: a constellation of its own (two service processes over one PostgreSQL unless told otherwise), a
 * world of people in it, and every phone that was ever opened, so that the invariants can be held against all of them.
 */
import { randomBytes } from 'node:crypto';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  Constellation,
  ConstellationOptions,
} from '../../auralink-communication-service/launcher/constellation.ts';
import { ownConstellation } from '../harness.ts';
import { findViolations } from './invariants.ts';
import { Phone, type PhoneOptions } from './phone.ts';
import { openWorld, type TestPerson, type World } from './world.ts';

export const TEST_APPS = ['chat', 'market', 'play'] as const;
const SETTLE_MS = 10_000;
const LOOK_MS = 40;

export interface NewPhone extends PhoneOptions {
  readonly app?: string;
  readonly device?: string;
  readonly scopes?: readonly string[];
  /** False: the endpoint exists, its socket stays closed. */
  readonly connect?: boolean;
}

export interface Stage {
  readonly constellation: Constellation;
  readonly world: World;
  readonly phones: readonly Phone[];
  /** A person with a name that nobody else has. */
  person(): Promise<TestPerson>;
  phone(person: TestPerson, options?: NewPhone): Promise<Phone>;
  /** Another page of the same endpoint. */
  tab(of: Phone, options?: PhoneOptions): Promise<Phone>;
  /** A caller with one phone, and a callee with phones on so many devices. */
  pair(devices: number): Promise<{ alice: Phone; bob: TestPerson; bobs: Phone[] }>;
  /** Waits until no invariant is hurt; fails with those that still are. `allEnded`: no call goes on. */
  settle(options?: { readonly allEnded?: boolean; readonly withinMs?: number }): Promise<void>;
  /** Rows of everything that a refused request must not change. */
  rowCounts(): Promise<Record<string, number>>;
  one<T>(sql: string, values?: readonly unknown[]): Promise<T>;
  /** Closes every phone and forgets them. */
  clear(): Promise<void>;
}

/** Calls need no Synapse; a test that does says so by `without: []`. */
export async function openStage(
  name: string,
  options: Omit<ConstellationOptions, 'dataDir' | 'portBase'> = {},
): Promise<Stage> {
  const constellation = await ownConstellation(name, {
    processes: 2,
    redis: false,
    without: ['synapse'],
    ...options,
  });
  const world = await openWorld(constellation);
  // A database that is killed on purpose breaks idle connections; the next query gets a new one.
  world.db.on('error', () => {});
  const phones: Phone[] = [];
  after(async () => {
    await Promise.all(phones.map((phone) => phone.close()));
    await world.close();
  });
  return buildStage(constellation, world, phones);
}

function buildStage(constellation: Constellation, world: World, phones: Phone[]): Stage {
  const person = () => world.person(`p${randomBytes(6).toString('hex')}`);
  const phone: Stage['phone'] = async (owner, { app = 'chat', device, scopes, connect, ...rest } = {}) => {
    const made = new Phone(world.publicUrl, await world.endpoint(owner, app, device, scopes));
    phones.push(made);
    return connect === false ? made : await made.connect(rest);
  };
  return {
    constellation,
    world,
    phones,
    person,
    phone,
    tab: async (of, options) => {
      const made = new Phone(world.publicUrl, of.endpoint);
      phones.push(made);
      return await made.connect(options);
    },
    pair: async (devices) => {
      const [caller, bob] = await Promise.all([person(), person()]);
      const [alice, ...bobs] = await Promise.all([
        phone(caller),
        ...Array.from({ length: devices }, (_, i) =>
          phone(bob, { app: TEST_APPS[i % TEST_APPS.length] ?? 'chat' }),
        ),
      ]);
      return { alice, bob, bobs };
    },
    settle: ({ allEnded = true, withinMs = SETTLE_MS } = {}) =>
      eventually(() => findViolations(world.db, phones, { allEnded }), withinMs),
    rowCounts: () => rowCounts(world),
    one: async <T>(sql: string, values: readonly unknown[] = []) =>
      (await world.db.query(sql, [...values])).rows[0] as T,
    clear: async () => {
      await Promise.all(phones.splice(0).map((each) => each.close()));
    },
  };
}

/** Asks again and again until nothing is wrong; throws with what still is. */
export async function eventually(
  findFaults: () => Promise<readonly string[]>,
  withinMs: number,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const faults = await findFaults();
    if (faults.length === 0) return;
    if (performance.now() > deadline) throw new Error(`still wrong:\n  ${faults.slice(0, 20).join('\n  ')}`);
    await sleep(LOOK_MS);
  }
}

const COUNTED = [
  'cross_app_calls',
  'call_invitations',
  'open_invitations',
  'call_rings',
  'endpoint_events',
  'endpoints',
  'device_choices',
  'outbox_events',
  'aura_id_registry',
];

async function rowCounts(world: World): Promise<Record<string, number>> {
  const columns = COUNTED.map((table) => `(SELECT count(*)::int FROM ${table}) AS ${table}`);
  return (await world.db.query(`SELECT ${columns.join(', ')}`)).rows[0];
}
