/**
 * Names at the size of a large service: a million of them in PostgreSQL, looked up again and again, looked up once with
 * the rules of two people, asked for as somebody types, and given out with a Matrix account each. Two service processes,
 * Redis where there is one, Synapse, the load generator and, as the limit of this very server, `pgbench -S`. Look-ups are
 * whole requests with a token each, several under way on a connection; what is remembered lives for a second only, so
 * that the cached ones, too, go on asking the database.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Pool } from 'undici';
import type { BenchOptions, Figure } from '../auralink-communication-service/launcher/bench.ts';
import type { Constellation } from '../auralink-communication-service/launcher/constellation.ts';
import { makeDashboardToken } from '../auralink-communication-service/launcher/dashboard-token.ts';
import { FrontDoorError } from '../auralink-communication-service/launcher/errors.ts';
import { openWorld, type TestEndpoint, type World } from '../tests/support/world.ts';
import { openKeyRing } from '../auralink-communication-service/adapters/key-ring-file.ts';
import { systemClock } from '../auralink-communication-service/core/clock.ts';
import { loadDetails } from './identity-details.ts';
import { handleOf, loadFriends, loadPeople } from './identity-people.ts';
import { measureTiming } from './identity-timing.ts';
import { makeMatrixSubjects } from './identity-timing-matrix.ts';
import { percentile, withConstellation } from './lib.ts';
import { measureSelects } from './pgbench.ts';
import { measureRate, type Rate } from './pipelined.ts';

const PEOPLE = 1_000_000;
/** Everybody in the cached part looks for another one; handles have seven letters for the number. */
const [PEOPLE_MIN, PEOPLE_MAX] = [20_000, 10_000_000];
/** Each stays below the look-ups that one person may make in a minute. */
const VIEWERS = 4_000;
const FRIENDS_EACH = 20;
/** Viewers who ask for one person each, again and again; the others are left for the look-ups that nobody remembers. */
const CACHED_PAIRS = 1_500;
const RATE_SECONDS = 10;
const CONNECTIONS = 16;
const DEPTH = 8;
const AVAILABLE_PER_SECOND = 1_000;
const AVAILABLE_SECONDS = 20;
const AVAILABLE_WARM_UP_SECONDS = 10;
/** Each asks less often than one address may. */
const ADDRESSES = 2_000;
const REGISTRATIONS = 1_500;
const REGISTRATIONS_WARM_UP = 200;
const REGISTRATIONS_AT_ONCE = 48;
const TOKEN_TTL_SECONDS = 600;
const APP_ID = 'bench';
const SECTIONS = ['resolve', 'available', 'register', 'timing'] as const;

interface Bench {
  readonly constellation: Constellation;
  readonly world: World;
  readonly options: BenchOptions;
}

type Section = (typeof SECTIONS)[number];

/** `--only resolve|available|register|timing` leaves the rest out, and may be repeated; `--people N` loads fewer names. */
export async function run(options: BenchOptions): Promise<Figure[]> {
  const { only, people } = parseOptions(options.argv);
  const sections = { resolve, available, register, timing };
  // Limits count addresses; ours says whom it speaks for.
  const env = { TRUSTED_PROXY_CIDRS: '127.0.0.1/32', RING_TIMEOUT_SECONDS: '5' };
  return await withConstellation('identity', { processes: 2, env }, async (constellation) => {
    const world = await openWorld(constellation);
    const figures: Figure[] = [];
    try {
      await world.app(APP_ID);
      const wanted = SECTIONS.filter((section) => only.includes(section));
      if (wanted.includes('resolve') || wanted.includes('available')) {
        options.note(`loading ${people} names`);
        const startMs = performance.now();
        await loadPeople(world.db, people, options.note);
        const ring = openKeyRing(constellation.settings.config.KEY_RING_PATH, systemClock, {
          warn: () => {},
        });
        const detailed = await loadDetails(world.db, ring, APP_ID);
        options.note(`  ${detailed} of them with a text about themselves and an app`);
        options.note(`  in ${Math.round((performance.now() - startMs) / 1_000)} s`);
      }
      for (const section of wanted) {
        options.note(`${section}:`);
        const found = await sections[section]({ constellation, world, options }, people);
        for (const { name, value, unit } of found) options.note(`  ${name} ${value} ${unit}`);
        figures.push(...found);
      }
    } finally {
      await world.close();
    }
    return figures;
  });
}

/** Throws FrontDoorError, naming the parts that there are. */
function parseOptions(argv: readonly string[]): { only: readonly Section[]; people: number } {
  const { values } = parseArgs({
    args: [...argv],
    options: { only: { type: 'string', multiple: true }, people: { type: 'string' } },
  });
  const isSection = (part: string): part is Section => (SECTIONS as readonly string[]).includes(part);
  const unknown = (values.only ?? []).filter((part) => !isSection(part));
  if (unknown.length > 0) {
    throw new FrontDoorError(
      `--only ${unknown[0]}: there is no such part. There are: ${SECTIONS.join(', ')}.`,
    );
  }
  const people = Number(values.people ?? PEOPLE);
  if (!Number.isSafeInteger(people) || people < PEOPLE_MIN || people > PEOPLE_MAX) {
    throw new FrontDoorError(
      `--people ${values.people}: a whole number from ${PEOPLE_MIN} to ${PEOPLE_MAX} is wanted.`,
    );
  }
  return { only: values.only?.filter(isSection) ?? SECTIONS, people };
}

async function resolve(bench: Bench, people: number): Promise<Figure[]> {
  const { constellation, world, options } = bench;
  const viewers = await world.endpoints(await world.people('viewer', VIEWERS), APP_ID);
  await loadFriends(
    world.db,
    viewers.map((viewer) => viewer.person.personId),
    FRIENDS_EACH,
    people,
  );
  options.note('pgbench -S on the same server');
  const selects = await measureSelects(constellation.settings.config, options.note);

  options.note(`${CACHED_PAIRS} people look somebody up again and again`);
  const repeated = viewers.slice(0, CACHED_PAIRS).map((viewer, n) => resolveRequest(viewer, n * 7));
  const cached = await measure(constellation, (n) => repeated[n % CACHED_PAIRS] as string);
  const others = viewers.slice(CACHED_PAIRS);
  options.note(`${others.length} people look up anybody, once`);
  const uncached = await measure(constellation, (n) =>
    resolveRequest(others[n % others.length] as TestEndpoint, randomInt(people)),
  );
  const limit = selects === null ? {} : { peer: round(selects) };
  return [
    rate('identity.resolve_cached_per_s', cached, '>= 10000', limit),
    rate('identity.resolve_uncached_per_s', uncached, '>= 3000', limit),
    ...(selects === null
      ? []
      : [{ name: 'identity.pgbench_select_per_s', value: round(selects), unit: '1/s', wanted: 'the limit' }]),
  ];
}

function resolveRequest({ token }: TestEndpoint, n: number): string {
  return `GET /_auralink/v1/resolve/@${handleOf(n)}.aura HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\n\r\n`;
}

async function measure({ settings }: Constellation, request: (n: number) => string): Promise<Rate> {
  const port = settings.config.PUBLIC_PORT;
  const measured = await measureRate({
    port,
    connections: CONNECTIONS,
    depth: DEPTH,
    seconds: RATE_SECONDS,
    request,
  });
  const bad = [...measured.statuses].filter(([status]) => status !== 200);
  if (bad.length > 0) throw new Error(`some answers were ${bad.map(([s, n]) => `${n} × ${s}`).join(', ')}`);
  return measured;
}

/** Names are asked for at a fixed rate, whether or not earlier answers have come; half of them are taken. */
async function available(bench: Bench, people: number): Promise<Figure[]> {
  const { world, options } = bench;
  options.note(`${AVAILABLE_PER_SECOND} names a second are asked for, for ${AVAILABLE_SECONDS} s`);
  const pool = new Pool(world.publicUrl, { connections: 32 });
  const tookMs: number[] = [];
  const asked: Promise<void>[] = [];
  const warmUp = AVAILABLE_WARM_UP_SECONDS * AVAILABLE_PER_SECOND;
  const total = warmUp + AVAILABLE_SECONDS * AVAILABLE_PER_SECOND;
  const startMs = performance.now();
  const ask = async (n: number, dueMs: number): Promise<void> => {
    const name = n % 2 === 0 ? handleOf(randomInt(people)) : `free${randomBytes(6).toString('hex')}`;
    const address = `10.${n % 8}.${Math.floor(n / 8) % (ADDRESSES / 8)}.1`;
    const answer = await pool.request({
      method: 'GET',
      path: `/_auralink/v1/names/${name}`,
      headers: { 'x-forwarded-for': address },
    });
    const body = (await answer.body.json()) as { status?: string };
    if (answer.statusCode !== 200 || body.status !== (n % 2 === 0 ? 'taken' : 'free'))
      throw new Error(`${name}: ${answer.statusCode} ${JSON.stringify(body)}`);
    if (n >= warmUp) tookMs.push(performance.now() - dueMs);
  };
  try {
    for (let n = 0; n < total; ) {
      for (; n < total; n++) {
        const dueMs = startMs + (n * 1_000) / AVAILABLE_PER_SECOND;
        if (performance.now() < dueMs) break;
        const one = ask(n, dueMs);
        // Told below; until then it must not end the run.
        one.catch(() => {});
        asked.push(one);
      }
      await delay(1);
    }
    await Promise.all(asked);
  } finally {
    await pool.close();
  }
  return [
    ms('identity.available_p50_ms', percentile(tookMs, 0.5), 'below its p99'),
    ms('identity.available_p99_ms', percentile(tookMs, 0.99), '<= 10'),
  ];
}

/** Ours, with its Matrix account, against Synapse's own by application service, by turns. */
async function register({ constellation, options }: Bench): Promise<Figure[]> {
  const { settings, urls } = constellation;
  options.note(`${REGISTRATIONS} registrations here and ${REGISTRATIONS} straight at Synapse`);
  const count = REGISTRATIONS + REGISTRATIONS_WARM_UP;
  const tokens = await Promise.all(
    Array.from({ length: count }, () => makeDashboardToken(settings, 'matrix.register', TOKEN_TTL_SECONDS)),
  );
  const ours = new Pool(urls.public, { connections: REGISTRATIONS_AT_ONCE });
  const synapse = new Pool(urls.synapse, { connections: REGISTRATIONS_AT_ONCE });
  const asToken = settings.config.APPSERVICE_AS_TOKEN;
  const tag = randomBytes(3).toString('hex');
  const atOurs = (n: number) =>
    post(ours, '/internal/matrix/register', tokens[n] as string, {
      dashboardUserId: `bench-${tag}-${n}`,
      auraId: `@reg${tag}${handleOf(n)}.aura`,
    });
  const atSynapse = () =>
    post(synapse, '/_matrix/client/v3/register', asToken, {
      type: 'm.login.application_service',
      username: `u${randomBytes(16).toString('hex')}`,
      inhibit_login: true,
    });
  try {
    await atOnce(0, REGISTRATIONS_WARM_UP, atOurs);
    await atOnce(0, REGISTRATIONS_WARM_UP, atSynapse);
    const half = REGISTRATIONS / 2;
    const middle = REGISTRATIONS_WARM_UP + half;
    // By turns, so that a machine that changes its pace changes both.
    const seconds = { ours: 0, synapse: 0 };
    seconds.synapse += await atOnce(0, half, atSynapse);
    seconds.ours += await atOnce(REGISTRATIONS_WARM_UP, middle, atOurs);
    seconds.synapse += await atOnce(0, half, atSynapse);
    seconds.ours += await atOnce(middle, count, atOurs);
    const [mine, theirs] = [REGISTRATIONS / seconds.ours, REGISTRATIONS / seconds.synapse];
    return [
      {
        name: 'identity.register_per_s',
        value: round(mine),
        unit: '1/s',
        wanted: 'half of its peer',
        peer: round(theirs),
      },
      { name: 'identity.register_vs_synapse', value: round(mine / theirs), unit: 'times', wanted: '>= 0.5' },
    ];
  } finally {
    await Promise.all([ours.close(), synapse.close()]);
  }
}

async function post(pool: Pool, path: string, token: string, body: object): Promise<void> {
  const answer = await pool.request({
    method: 'POST',
    path,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await answer.body.text();
  if (answer.statusCode >= 300) throw new Error(`${path} answered ${answer.statusCode} ${text}`);
}

/** Seconds that `work` took for every number from `from` to before `to`, some at a time. */
async function atOnce(from: number, to: number, work: (n: number) => Promise<void>): Promise<number> {
  const startMs = performance.now();
  let next = from;
  const worker = async (): Promise<void> => {
    for (let n = next++; n < to; n = next++) await work(n);
  };
  await Promise.all(Array.from({ length: REGISTRATIONS_AT_ONCE }, worker));
  return (performance.now() - startMs) / 1_000;
}

async function timing({ constellation, world, options }: Bench): Promise<Figure[]> {
  options.note('accounts at Synapse for its surfaces');
  const matrix = await makeMatrixSubjects(constellation, world);
  return await measureTiming(constellation, world, options, matrix);
}

function rate(name: string, { perSecond }: Rate, wanted: string, limit: { peer?: number }): Figure {
  const ratio = limit.peer === undefined ? {} : { ratio: round(perSecond / limit.peer) };
  return { name, value: round(perSecond), unit: '1/s', wanted, ...limit, ...ratio };
}

function ms(name: string, value: number, wanted: string): Figure {
  return { name, value: round(value), unit: 'ms', wanted };
}

const round = (value: number): number => Math.round(value * 100) / 100;
