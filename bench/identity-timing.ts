/**
 * Whether a private or blocking person can be told from one who is not there: for each surface, requests for people of
 * each class in one random order, and how well status, size (headers and body) or time of the answer separates each
 * class by itself from its counterpart (bench/auc.ts). Two service processes, fresh people with handles of one length.
 */
import { randomInt } from 'node:crypto';
import { Pool } from 'undici';
import type { BenchOptions, Figure } from '../auralink-communication-service/launcher/bench.ts';
import type { Constellation } from '../auralink-communication-service/launcher/constellation.ts';
import { consoleProgress } from '../auralink-communication-service/launcher/progress.ts';
import { openWorld, type World } from '../tests/support/world.ts';
import { separation } from './auc.ts';
import { makeLookupSubjects } from './identity-timing-lookup.ts';
import { type MatrixSubjects, makeMatrixSubjects } from './identity-timing-matrix.ts';
import { makeSubjects, type Subjects } from './identity-timing-subjects.ts';
import { type Class, comparedAt, type Surface, SURFACES } from './identity-timing-surfaces.ts';
import { withConstellation } from './lib.ts';

/** Requests of each class at each surface; what `identity.private_vs_absent_auc` is computed from. */
export const TIMED_REQUESTS = 2_500;
/** Requests of each class at the beginning of each surface that are not counted: plans, caches and the compiler warm up. */
export const WARM_UP_REQUESTS = 200;
/** The share of a surface's requests that may be answered 429 or 503; with more, the run fails: it measured a limit. */
export const REFUSED_SHARE_MAX = 0.01;
/** Requests at the same time where answers are held back; elsewhere one. */
const HELD_LANES = 4;
/** Others who look people up meanwhile, each as fast as it is answered, where a surface is asked under load. */
const LOAD_LANES = 6;
const WANTED = '<= 0.55';

interface Seen {
  readonly status: number;
  /** Of the whole answer: names and values of its headers, and its body, without what the asker sent. */
  readonly bytes: number;
  readonly ms: number;
}

/** One figure a surface and class, and their maximum. `matrix`: without them, Synapse's surfaces are left out. */
export async function measureTiming(
  constellation: Pick<Constellation, 'settings' | 'urls'>,
  world: World,
  options: BenchOptions,
  matrix: MatrixSubjects | null = null,
): Promise<Figure[]> {
  const publicUrl = constellation.urls.public;
  const people = await makeSubjects(publicUrl, world);
  const subjects = {
    ...people,
    matrix,
    lookup: await makeLookupSubjects(constellation, world, people.names),
  };
  const figures: Figure[] = [];
  for (const surface of SURFACES) {
    if (surface.as === 'matrix' && matrix === null) continue;
    figures.push(...(await measure(publicUrl, surface, subjects, options)));
  }
  const worst = Math.max(...figures.map((figure) => figure.value));
  return [...figures, { name: 'identity.private_vs_absent_auc', value: worst, unit: 'auc', wanted: WANTED }];
}

export async function run(options: BenchOptions): Promise<Figure[]> {
  const constellation = {
    processes: 2,
    redis: false,
    env: { TRUSTED_PROXY_CIDRS: '127.0.0.1/32', RING_TIMEOUT_SECONDS: '5' },
    progress: consoleProgress(options.note),
  };
  return await withConstellation('identity-timing', constellation, async (running) => {
    const world = await openWorld(running);
    try {
      return await measureTiming(running, world, options, await makeMatrixSubjects(running, world));
    } finally {
      await world.close();
    }
  });
}

/** A figure for each class that hides. Throws when too many requests met a limit, or there is no such route. */
async function measure(
  publicUrl: string,
  surface: Surface,
  subjects: Subjects,
  options: BenchOptions,
): Promise<Figure[]> {
  const { hidden, absent } = comparedAt(surface);
  const classes: readonly Class[] = [...hidden, absent];
  const names = namesAt(surface, subjects);
  const seen = new Map(classes.map((one) => [one, [] as Seen[]]));
  const refused = new Map(classes.map((one) => [one, { 429: 0, 503: 0 }]));
  const order = shuffledOrder(classes);
  const turns = order.entries();
  const client = new Pool(publicUrl, { connections: HELD_LANES });
  const load = surface.underLoad === true ? startLoad(publicUrl, subjects) : null;
  const lane = async (): Promise<void> => {
    for (const [nth, kind] of turns) {
      const of = names[kind] ?? [];
      const one = await ask(client, surface, of[randomInt(of.length)] ?? '', subjects, nth);
      if (one.status === 429 || one.status === 503) {
        const counts = refused.get(kind);
        if (counts !== undefined) counts[one.status] += 1;
      } else if (nth >= WARM_UP_REQUESTS * classes.length) seen.get(kind)?.push(one);
    }
  };
  try {
    const held = surface.as === 'matrix' || surface.underLoad === true;
    await Promise.all(Array.from({ length: held ? HELD_LANES : 1 }, lane));
  } finally {
    await load?.stop();
    await client.close();
  }
  const told = [...refused].map(([kind, n]) => `${kind} ${n[429]} times 429 and ${n[503]} times 503`);
  options.note(`${surface.name}: refused: ${told.join(', ')}`);
  const count = [...refused.values()].reduce((sum, n) => sum + n[429] + n[503], 0);
  if (count > order.length * REFUSED_SHARE_MAX) {
    throw new Error(`${surface.name}: ${count} of ${order.length} requests were refused: ${told.join(', ')}`);
  }
  return hidden.map((kind) => {
    const value = tellApart(`${surface.name} ${kind}`, seen.get(kind) ?? [], seen.get(absent) ?? [], options);
    return { name: `identity.auc.${surface.name}.${kind}`, value, unit: 'auc', wanted: WANTED };
  });
}

function namesAt({ as }: Surface, { names, matrix, lookup }: Subjects): Partial<Subjects['names']> {
  if (as === 'matrix') return matrix?.names ?? {};
  return as === 'identity' ? lookup.names : names;
}

/** The best of the three features, each by itself. */
function tellApart(
  name: string,
  ones: readonly Seen[],
  others: readonly Seen[],
  options: BenchOptions,
): number {
  const by = (feature: keyof Seen) =>
    separation(
      ones.map((one) => one[feature]),
      others.map((one) => one[feature]),
    );
  const [status, bytes, ms] = [by('status'), by('bytes'), by('ms')];
  options.note(
    `${name}: status ${status.toFixed(3)}, size ${bytes.toFixed(3)}, time ${ms.toFixed(3)} of ${ones.length} and ${others.length}`,
  );
  return Number(Math.max(status, bytes, ms).toFixed(4));
}

/** Others, who are found, found by nobody, and looked up, all the time. */
function startLoad(publicUrl: string, subjects: Subjects): { stop(): Promise<void> } {
  const client = new Pool(publicUrl, { connections: LOAD_LANES });
  const surfaces = SURFACES.filter(({ name }) => name === 'find' || name === 'resolve');
  let [going, nth] = [true, 0];
  const lane = async (): Promise<void> => {
    while (going) {
      nth += 1;
      const surface = surfaces[nth % surfaces.length];
      const auraId = subjects.names.bare[randomInt(subjects.names.bare.length)] ?? '';
      if (surface !== undefined)
        await ask(client, surface, auraId, { ...subjects, viewers: subjects.others }, nth);
    }
  };
  const lanes = Promise.all(Array.from({ length: LOAD_LANES }, lane));
  // Told when it is stopped.
  lanes.catch(() => {});
  return {
    stop: async () => {
      going = false;
      await lanes;
      await client.close();
    },
  };
}

/** As many of each, in one random order. */
function shuffledOrder(classes: readonly Class[]): Class[] {
  const each = TIMED_REQUESTS + WARM_UP_REQUESTS;
  const order = classes.flatMap((one) => Array.from({ length: each }, () => one));
  for (let i = order.length - 1; i > 0; i--) {
    const j = randomInt(i + 1);
    [order[i], order[j]] = [order[j] as Class, order[i] as Class];
  }
  return order;
}

async function ask(
  client: Pool,
  surface: Surface,
  auraId: string,
  { viewers, matrix, lookup }: Subjects,
  nth: number,
): Promise<Seen> {
  const { method, path, body } = surface.ask(auraId, lookup.pepper);
  const token = {
    viewer: viewers[nth % viewers.length]?.token,
    matrix: matrix?.token,
    identity: lookup.tokens[nth % lookup.tokens.length],
    nobody: undefined,
  }[surface.as];
  const headers: Record<string, string> = {
    // Each time another subscriber, so that no limit on guessing is met.
    'x-forwarded-for': `10.${nth % 250}.${Math.floor(nth / 250) % 250}.7`,
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(body !== undefined && {
      'content-type': 'application/json',
      'idempotency-key': `${surface.name}-${nth}`,
    }),
  };
  const startedMs = performance.now();
  const answer = await client.request({
    ...{ method, path, headers },
    body: body === undefined ? null : JSON.stringify(body),
  });
  const text = await answer.body.text();
  const ms = performance.now() - startedMs;
  if (answer.statusCode === 404 && text.includes('unknown_route')) {
    throw new Error(`${surface.name}: there is no route ${method} ${path}`);
  }
  const head = Object.entries(answer.headers).flatMap(([name, value]) =>
    [value ?? ''].flat().map((one) => `${name}: ${one}\r\n`),
  );
  // What the asker sent is in the answer and known to her.
  const whole = [...head, text].join('').replaceAll(auraId, '');
  return { status: answer.statusCode, bytes: Buffer.byteLength(whole), ms };
}
