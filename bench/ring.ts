/**
 * The ring: how fast one is beside the same ring as a Matrix event, what a minute of 200 calls a second does to it, and
 * what an idle socket costs. Two service processes, with Redis where there is one, as in `./aura up`, over PostgreSQL and
 * Synapse on the same machine, the load generator included.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import type { BenchOptions, Figure } from '../auralink-communication-service/launcher/bench.ts';
import type { Constellation } from '../auralink-communication-service/launcher/constellation.ts';
import { databaseAt } from '../auralink-communication-service/launcher/postgres.ts';
import { FrontDoorError } from '../auralink-communication-service/launcher/errors.ts';
import { serviceName } from '../auralink-communication-service/launcher/service.ts';
import { openWorld, type World } from '../tests/support/world.ts';
import { percentile, withConstellation } from './lib.ts';
import { measureIdleSockets } from './ring-idle.ts';
import { type Latencies, measureLatencies } from './ring-latency.ts';
import { type Load, measureLoad } from './ring-load.ts';
import { openMatrixPair } from './ring-matrix.ts';

const PROCESSES = 2;
const CALLS = 1_000;
const CALLS_PER_SECOND = 200;
const LOAD_SECONDS = 60;
const IDLE_SOCKETS = 5_000;
const INDEXES_TIMEOUT_MS = 300_000;
const INDEXES_POLL_MS = 500;
const APP_ID = 'bench';
const SECTIONS = ['latency', 'load', 'idle'] as const;

const RING_WANTED_MS = 8;
const TIMES_FASTER_WANTED = 10;
/** What a person is promised: the other phones stop within this. */
const LAST_STOP_WANTED_MS = 300;
const LOADED_P99_WANTED_MS = 100;
const IDLE_WANTED_KB = 25;

interface Bench {
  readonly constellation: Constellation;
  readonly world: World;
  note(line: string): void;
}

/** `--only latency|load|idle` leaves the rest out; `--without-redis` does without it. */
export async function run(options: BenchOptions): Promise<Figure[]> {
  const { redis, only } = readArguments(options.argv);
  const shape = { processes: PROCESSES, ...(redis === undefined ? {} : { redis }) };
  return await withConstellation('ring', shape, async (constellation) => {
    const world = await openWorld(constellation);
    const bench: Bench = { constellation, world, note: options.note };
    options.note(
      `processes wake each other by ${constellation.settings.managed.redis ? 'Redis' : 'PostgreSQL'}`,
    );
    const sections = { latency, load, idle };
    const figures: Figure[] = [];
    try {
      await world.app(APP_ID);
      for (const section of only ?? SECTIONS) figures.push(...(await sections[section](bench)));
    } finally {
      await world.close();
    }
    return figures;
  });
}

function readArguments(argv: readonly string[]): {
  /** Undefined: where there is one. */
  redis: false | undefined;
  only: (typeof SECTIONS)[number][] | null;
} {
  const { values } = parseArgs({
    args: [...argv],
    options: { 'without-redis': { type: 'boolean', default: false }, only: { type: 'string' } },
  });
  const redis = values['without-redis'] ? false : undefined;
  if (values.only === undefined) return { redis, only: null };
  const section = SECTIONS.find((name) => name === values.only);
  if (section === undefined) throw new FrontDoorError(`--only takes one of ${SECTIONS.join(', ')}.`);
  return { redis, only: [section] };
}

async function latency({ constellation, world, note }: Bench): Promise<Figure[]> {
  note(`${CALLS} calls to people with three devices, one at a time, in turns with Matrix events`);
  const servicePids = [];
  for (let n = 1; n <= PROCESSES; n++) {
    const pid = constellation.parts()[serviceName(n)]?.pid;
    if (pid !== null && pid !== undefined) servicePids.push(pid);
  }
  const matrix = await openMatrixPair(constellation);
  try {
    const publicPort = constellation.settings.config.PUBLIC_PORT;
    const options = { world, matrix, appId: APP_ID, publicPort, servicePids, calls: CALLS };
    return latencyFigures(await measureLatencies(options));
  } finally {
    await matrix.close();
  }
}

function latencyFigures({ inviteToRingingMs, matrixEventMs, answerToLastStopMs }: Latencies): Figure[] {
  const ringing = (p: number, wanted: string): Figure => ({
    ...ms(`ring.invite_to_ringing_ms.p${p}`, percentile(inviteToRingingMs, p / 100), wanted),
    peer: round(percentile(matrixEventMs, p / 100)),
    ratio: round(percentile(matrixEventMs, p / 100) / percentile(inviteToRingingMs, p / 100)),
  });
  const timesFaster = percentile(matrixEventMs, 0.5) / percentile(inviteToRingingMs, 0.5);
  return [
    ringing(50, `<= ${RING_WANTED_MS}`),
    ringing(95, 'below its peer'),
    ringing(99, 'below its peer'),
    ms('ring.matrix_event_ms.p50', percentile(matrixEventMs, 0.5), 'the peer; 62 to 76 elsewhere'),
    {
      name: 'ring.times_faster',
      value: round(timesFaster),
      unit: 'times',
      wanted: `>= ${TIMES_FASTER_WANTED}`,
    },
    ms('ring.answer_to_last_stop_ms.p95', percentile(answerToLastStopMs, 0.95), `< ${LAST_STOP_WANTED_MS}`),
  ];
}

async function load({ constellation, world, note }: Bench): Promise<Figure[]> {
  note('waiting until Synapse has built its indexes, which it does once after its first start');
  await indexesBuilt(constellation);
  note(`${CALLS_PER_SECOND} calls a second for ${LOAD_SECONDS} s: ring, answer, stop, hang up`);
  const measured = await measureLoad({
    constellation,
    world,
    appId: APP_ID,
    callsPerSecond: CALLS_PER_SECOND,
    seconds: LOAD_SECONDS,
  });
  for (const [part, busy] of Object.entries(measured.busy)) {
    note(`  ${part.padEnd(16)}${(busy * 100).toFixed(0).padStart(4)} % of a processor`);
  }
  for (const [message, times] of measured.errors) note(`  ${times} times: ${message}`);
  return loadFigures(measured);
}

/** Synapse's own list of what it still builds (`background_updates`) has become empty. */
async function indexesBuilt({ settings }: Constellation): Promise<void> {
  const client = new pg.Client(databaseAt(settings, settings.config.COMM_POSTGRES_SYNAPSE_DB));
  await client.connect();
  try {
    const giveUpAt = performance.now() + INDEXES_TIMEOUT_MS;
    for (;;) {
      const left = await client.query('SELECT 1 FROM background_updates LIMIT 1');
      if (left.rowCount === 0) return;
      if (performance.now() > giveUpAt) throw new Error('Synapse is still building its indexes');
      await delay(INDEXES_POLL_MS);
    }
  } finally {
    await client.end();
  }
}

function loadFigures({ inviteToRingingMs, completed, errors }: Load): Figure[] {
  let failed = 0;
  for (const times of errors.values()) failed += times;
  const name = `at_${CALLS_PER_SECOND}_per_s`;
  return [
    {
      name: 'ring.calls_per_s',
      value: round(completed / LOAD_SECONDS),
      unit: 'calls/s',
      wanted: `>= ${CALLS_PER_SECOND}`,
    },
    { name: `ring.errors_${name}`, value: failed, unit: 'calls', wanted: '0' },
    ms(`ring.p50_${name}_ms`, percentile(inviteToRingingMs, 0.5), 'below its p99'),
    ms(`ring.p99_${name}_ms`, percentile(inviteToRingingMs, 0.99), `<= ${LOADED_P99_WANTED_MS}`),
  ];
}

async function idle({ constellation, world, note }: Bench): Promise<Figure[]> {
  note(`${IDLE_SOCKETS} idle sockets at fresh processes`);
  const options = { constellation, world, appId: APP_ID, processes: PROCESSES, sockets: IDLE_SOCKETS };
  const { beforeKib, afterKib } = await measureIdleSockets(options);
  note(`  resident memory of the service: ${mib(beforeKib)} MiB before, ${mib(afterKib)} MiB with them`);
  const value = round((afterKib - beforeKib) / IDLE_SOCKETS);
  return [{ name: 'socket.idle_kb', value, unit: 'KiB', wanted: `<= ${IDLE_WANTED_KB}` }];
}

function ms(name: string, value: number, wanted: string): Figure {
  return { name, value: round(value), unit: 'ms', wanted };
}

const round = (value: number): number => Math.round(value * 100) / 100;
const mib = (kib: number): string => (kib / 1024).toFixed(0);
