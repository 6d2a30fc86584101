/**
 * Whether a private or blocking person can be told from one who is not there: for each surface, requests for people of
 * both kinds in one random order, and how well status, size or time of the answer separates them (bench/auc.ts). Two
 * service processes, one request at a time, fresh people with handles of one length.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import type { BenchOptions, Figure } from '../auralink-communication-service/launcher/bench.ts';
import { consoleProgress } from '../auralink-communication-service/launcher/progress.ts';
import { openWorld, type TestEndpoint, type TestPerson, type World } from '../tests/support/world.ts';
import { separation } from './auc.ts';
import { type MatrixSubjects, makeMatrixSubjects } from './identity-timing-matrix.ts';
import { withConstellation } from './lib.ts';

/** Requests of each class at each surface; what `identity.private_vs_absent_auc` is computed from. */
export const TIMED_REQUESTS = 2_500;
/** Requests at the beginning of each surface that are not counted: plans, caches and the compiler warm up. */
export const WARM_UP_REQUESTS = 200;
const PEOPLE_A_CLASS = 500;
const VIEWERS = 500;
/** Requests at the same time where answers are held back; elsewhere one. */
const HELD_LANES = 4;
/** Others who look people up meanwhile, each as fast as it is answered, where a surface is asked under load. */
const LOAD_LANES = 6;
const WANTED = '<= 0.55';
const SCOPES = ['call.place', 'call.receive', 'profile.read', 'contacts.read', 'contacts.write'];

/** Whom a request is about; its viewer is one of many, so that limits are not met. */
interface Subjects {
  /** Private, or blocking every viewer. */
  readonly hidden: readonly TestPerson[];
  /** Claimed, shows nothing, never online. */
  readonly bare: readonly TestPerson[];
  /** Claimed by nobody. */
  readonly unclaimed: readonly string[];
  readonly viewers: readonly TestEndpoint[];
  /** Who makes the load; their limits are their own. */
  readonly others: readonly TestEndpoint[];
  readonly matrix: MatrixSubjects | null;
}

interface Asked {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: object;
}

interface Surface {
  readonly name: string;
  /** As who: one of the viewers, nobody, or the one Matrix account. */
  readonly as: 'viewer' | 'nobody' | 'matrix';
  /** Asked at the same time where answers are held back, beside others who look people up as fast as they can. */
  readonly underLoad?: true;
  ask(name: string): Asked;
}

interface Seen {
  readonly status: number;
  readonly bytes: number;
  readonly ms: number;
}

const SURFACES: readonly Surface[] = [
  {
    name: 'resolve',
    as: 'viewer',
    ask: (auraId) => ({ method: 'GET', path: `/_auralink/v1/resolve/${auraId}` }),
  },
  {
    name: 'calls',
    as: 'viewer',
    ask: (to) => ({ method: 'POST', path: '/_auralink/v1/calls', body: { to } }),
  },
  {
    name: 'requests',
    as: 'viewer',
    ask: (to) => ({ method: 'POST', path: '/_auralink/v1/contacts/requests', body: { to } }),
  },
  {
    name: 'pictures',
    as: 'viewer',
    ask: (auraId) => ({ method: 'GET', path: `/_auralink/v1/pictures/${auraId}` }),
  },
  {
    name: 'find',
    as: 'viewer',
    underLoad: true,
    ask: (auraId) => ({ method: 'POST', path: '/_auralink/v1/find', body: { email: emailOf(auraId) } }),
  },
  {
    name: 'profiles',
    as: 'nobody',
    ask: (auraId) => ({ method: 'GET', path: `/_auralink/v1/profiles/${auraId}` }),
  },
  {
    name: 'webfinger',
    as: 'nobody',
    ask: (auraId) => ({
      method: 'GET',
      path: `/.well-known/webfinger?resource=${encodeURIComponent(`aura:${auraId}`)}`,
    }),
  },
  {
    name: 'profile_page',
    as: 'nobody',
    ask: (auraId) => ({ method: 'GET', path: `/${auraId.slice(0, -'.aura'.length)}` }),
  },
  {
    name: 'matrix_profile',
    as: 'matrix',
    ask: (userId) => ({ method: 'GET', path: `/_matrix/client/v3/profile/${encodeURIComponent(userId)}` }),
  },
  {
    name: 'matrix_displayname',
    as: 'matrix',
    ask: (userId) => ({
      method: 'GET',
      path: `/_matrix/client/v3/profile/${encodeURIComponent(userId)}/displayname`,
    }),
  },
  {
    name: 'matrix_available',
    as: 'matrix',
    ask: (userId) => ({
      method: 'GET',
      path: `/_matrix/client/v3/register/available?username=${userId.slice(1, userId.indexOf(':'))}`,
    }),
  },
];

/** One figure a surface, and their maximum. `matrix`: without them, Synapse's surfaces are left out. */
export async function measureTiming(
  publicUrl: string,
  world: World,
  options: BenchOptions,
  matrix: MatrixSubjects | null = null,
): Promise<Figure[]> {
  const subjects = { ...(await makeSubjects(publicUrl, world)), matrix };
  const figures: Figure[] = [];
  for (const surface of SURFACES) {
    if (surface.as === 'matrix' && matrix === null) continue;
    const value = await measure(publicUrl, surface, subjects, options);
    if (value === null) continue;
    figures.push({ name: `identity.auc.${surface.name}`, value, unit: 'auc', wanted: WANTED });
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
      return await measureTiming(
        running.urls.public,
        world,
        options,
        await makeMatrixSubjects(running, world),
      );
    } finally {
      await world.close();
    }
  });
}

/** Half of those who are hidden are private, the others public and blocking; all have names and devices, and many are online. */
async function makeSubjects(publicUrl: string, world: World): Promise<Omit<Subjects, 'matrix'>> {
  await world.app('chat');
  const tag = randomBytes(3).toString('hex');
  const make = (kind: string) => world.people(`${kind}${tag}`, PEOPLE_A_CLASS);
  const [hidden, bare] = [await make('h'), await make('b')];
  const viewers = await makeViewers(world, `v${tag}`);
  const others = await makeViewers(world, `o${tag}`);
  await proveEmails(publicUrl, world, await world.endpoints([...hidden, ...bare], 'chat'));
  const ids = (people: readonly TestPerson[]) => people.map((person) => person.personId);
  await world.db.query(
    `UPDATE aura_id_registry SET display_name = 'Somebody with a name', visibility = CASE WHEN n % 2 = 0 THEN 'private' ELSE 'public' END
     FROM unnest($1::uuid[]) WITH ORDINALITY AS h (id, n) WHERE person_id = h.id`,
    [ids(hidden)],
  );
  await world.db.query(
    `INSERT INTO person_blocks (person_id, blocked_person_id)
     SELECT h.id, v.id FROM unnest($1::uuid[]) WITH ORDINALITY AS h (id, n), unnest($2::uuid[]) AS v (id) WHERE h.n % 2 = 1`,
    [ids(hidden), viewers.map((viewer) => viewer.person.personId)],
  );
  await world.db.query("UPDATE aura_id_registry SET visibility = 'friends' WHERE person_id = ANY ($1)", [
    ids(bare),
  ]);
  await world.db.query(
    `INSERT INTO endpoint_sockets (socket_id, endpoint_id, process_id)
     SELECT gen_random_uuid(), e.endpoint_id, (SELECT process_id FROM service_processes LIMIT 1)
     FROM endpoints e WHERE e.person_id = ANY ($1)`,
    [ids(hidden)],
  );
  await world.db.query('ANALYZE');
  return {
    hidden,
    bare,
    unclaimed: Array.from({ length: PEOPLE_A_CLASS }, (_, i) => `@n${tag}${i}.aura`),
    ...{ viewers, others },
  };
}

/** With the rights of an app that may not manage the account. */
async function makeViewers(world: World, prefix: string): Promise<TestEndpoint[]> {
  const viewers = await world.endpoints(await world.people(prefix, VIEWERS), 'chat');
  await world.db.query('UPDATE endpoints SET scopes = $2 WHERE endpoint_id = ANY ($1)', [
    viewers.map((viewer) => viewer.endpointId),
    SCOPES,
  ]);
  return await Promise.all(
    viewers.map(async (viewer) => ({ ...viewer, token: await world.token(viewer, { scopes: SCOPES }) })),
  );
}

/** Each says her address, and it is proved. Half of who hides forbids to be found by it; the others block, see above. */
async function proveEmails(
  publicUrl: string,
  world: World,
  endpoints: readonly TestEndpoint[],
): Promise<void> {
  const client = new Pool(publicUrl, { connections: HELD_LANES });
  const waiting = [...endpoints];
  const lane = async (): Promise<void> => {
    for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
      const { token, person } = one;
      const answer = await client.request({
        ...{ method: 'POST', path: '/_auralink/v1/me/fields' },
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ kind: 'email', value: emailOf(person.auraId) }),
      });
      const text = await answer.body.text();
      if (answer.statusCode !== 201) throw new Error(`a field was refused: ${answer.statusCode} ${text}`);
    }
  };
  await Promise.all(Array.from({ length: HELD_LANES }, lane));
  await client.close();
  await world.db.query("UPDATE personal_fields SET verified_at = now() WHERE kind = 'email'");
  await world.db.query(
    `UPDATE person_privacy SET find_by_email = CASE WHEN person_id = ANY ($1) THEN 'private' ELSE 'public' END`,
    [endpoints.slice(0, PEOPLE_A_CLASS).flatMap(({ person }, i) => (i % 2 === 1 ? [person.personId] : []))],
  );
}

/** Null: this build has no such route. */
async function measure(
  publicUrl: string,
  surface: Surface,
  subjects: Subjects,
  options: BenchOptions,
): Promise<number | null> {
  const client = new Pool(publicUrl, { connections: HELD_LANES });
  const { hidden, absent } = namesOf(surface, subjects);
  const seen = { hidden: [] as Seen[], absent: [] as Seen[] };
  try {
    const order = shuffledOrder().entries();
    const load = surface.underLoad === true ? startLoad(publicUrl, subjects) : null;
    let isThere = true;
    const lane = async (): Promise<void> => {
      for (const [nth, kind] of order) {
        const names = kind === 'hidden' ? hidden : absent;
        const auraId = names[randomInt(names.length)] ?? '';
        const one = isThere ? await ask(client, surface, auraId, subjects, nth) : null;
        isThere &&= one !== null;
        if (one === null) return;
        if (nth >= WARM_UP_REQUESTS * 2) seen[kind].push(one);
      }
    };
    const held = surface.as === 'matrix' || surface.underLoad === true;
    await Promise.all(Array.from({ length: held ? HELD_LANES : 1 }, lane));
    await load?.stop();
    if (!isThere) return null;
  } finally {
    await client.close();
  }
  const by = (feature: keyof Seen) =>
    separation(
      seen.hidden.map((one) => one[feature]),
      seen.absent.map((one) => one[feature]),
    );
  const [status, bytes, ms] = [by('status'), by('bytes'), by('ms')];
  options.note(
    `${surface.name}: status ${status.toFixed(3)}, size ${bytes.toFixed(3)}, time ${ms.toFixed(3)} of ${seen.hidden.length} and ${seen.absent.length}`,
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
      const auraId = subjects.bare[randomInt(subjects.bare.length)]?.auraId ?? '';
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

/** What everybody here says is her address. */
const emailOf = (auraId: string): string => `${auraId.slice(1)}@mail.example`;

function namesOf(
  { as, name }: Surface,
  { hidden, bare, unclaimed, matrix }: Subjects,
): { hidden: readonly string[]; absent: readonly string[] } {
  if (as === 'matrix') return { hidden: matrix?.hidden ?? [], absent: matrix?.bare ?? [] };
  const names = hidden.map((person) => person.auraId);
  // Whoever is not to be found by her address, or blocks, and addresses that are nobody's.
  if (name === 'find') return { hidden: names, absent: unclaimed };
  if (as === 'viewer') return { hidden: names, absent: bare.map((person) => person.auraId) };
  // Blocking shows signed in only: signed out, a public person who blocks somebody is public.
  return { hidden: names.filter((_, i) => i % 2 === 1), absent: unclaimed };
}

/** As many of each, in one random order. */
function shuffledOrder(): ('hidden' | 'absent')[] {
  const each = TIMED_REQUESTS + WARM_UP_REQUESTS;
  const order = Array.from({ length: each * 2 }, (_, i): 'hidden' | 'absent' =>
    i < each ? 'hidden' : 'absent',
  );
  for (let i = order.length - 1; i > 0; i--) {
    const j = randomInt(i + 1);
    [order[i], order[j]] = [order[j] as 'hidden', order[i] as 'absent'];
  }
  return order;
}

async function ask(
  client: Pool,
  surface: Surface,
  auraId: string,
  { viewers, matrix }: Subjects,
  nth: number,
): Promise<Seen | null> {
  const { method, path, body } = surface.ask(auraId);
  const token = {
    viewer: viewers[nth % viewers.length]?.token,
    matrix: matrix?.token,
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
  for (;;) {
    const startedMs = performance.now();
    const answer = await client.request({
      method,
      path,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await answer.body.text();
    const ms = performance.now() - startedMs;
    if (answer.statusCode === 404 && text.includes('unknown_route')) return null;
    if (answer.statusCode === 503) {
      // A part that is away for a moment tells nothing about anybody.
      await sleep(100);
      continue;
    }
    if (answer.statusCode === 429) throw new Error(`${surface.name} met a limit: ${text}`);
    // What the asker sent is in the answer and known to her.
    return { status: answer.statusCode, bytes: Buffer.byteLength(text.replaceAll(auraId, '')), ms };
  }
}
