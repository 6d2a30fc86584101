/**
 * `/health` tells how each part fares, `/ready` whether a balancer should send requests here. A part that local calls
 * can do without never makes `/health` fail; PostgreSQL and LiveKit do. Probes run side by side, briefly, and at most
 * once a second however often they are asked for.
 */
import type { FastifyInstance } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Clock } from '../core/clock.ts';
import { describeRestart, readLaunchedParts } from './parts-file.ts';

/** A part that has not answered by then is down. */
export const PROBE_TIMEOUT_MS = 1_000;
/** Probes run at most this often, however often /health is asked for. */
export const HEALTH_CACHED_MS = 1_000;

export const PARTS = [
  'postgres',
  'redis',
  'synapse',
  'livekit',
  'coturn',
  'mail',
  'sms',
  'dashboard',
  'ai_core',
] as const;
export type PartName = (typeof PARTS)[number];
/** Without these nobody can call. */
const ESSENTIAL: readonly string[] = ['postgres', 'livekit'];

export interface ProbeResult {
  readonly version: string | null;
  /** It answers, but not as it should; in a few words. */
  readonly trouble?: string;
}
/** Resolves when the part answers, null when nobody configured it, rejects when it is away. */
export type Probe = (signal: AbortSignal) => Promise<ProbeResult | null>;

export interface HealthDeps {
  readonly probes: Readonly<Record<PartName, Probe>>;
  readonly runDir: string;
  readonly version: string;
  readonly clock: Clock;
  /** True from the moment this process was told to end. */
  readonly isStopping: () => boolean;
}

const partSchema = z.object({
  state: z.enum(['ok', 'degraded', 'down', 'not_configured']),
  version: z.string().nullable(),
  latencyMs: z.number().nullable(),
  detail: z.string().nullable(),
});
const healthSchema = z.object({
  status: z.enum(['ok', 'degraded', 'down']),
  version: z.string(),
  checkedAt: z.iso.datetime(),
  parts: z.record(z.string(), partSchema),
});
const readySchema = z.object({ ready: z.boolean(), reason: z.string().nullable() });

type Part = z.output<typeof partSchema>;
export type Health = z.output<typeof healthSchema>;

export const healthRoutes = (deps: HealthDeps): FastifyPluginAsyncZod => {
  const check = cached(deps);
  return async (app) => {
    app.get(
      '/health',
      {
        schema: {
          summary: 'How each part fares; 200 while local calls work',
          tags: ['operation'],
          response: { 200: healthSchema, 503: healthSchema },
        },
      },
      async (_request, reply) => {
        const health = await check();
        reply.header('cache-control', 'no-store').code(health.status === 'down' ? 503 : 200);
        return health;
      },
    );
    registerReady(app, deps, check);
  };
};

function registerReady(app: FastifyInstance, deps: HealthDeps, check: () => Promise<Health>): void {
  app.get(
    '/ready',
    {
      schema: {
        summary: 'Whether this process takes requests, for balancers',
        tags: ['operation'],
        response: { 200: readySchema, 503: readySchema },
      },
    },
    async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      const reason = await reasonNotReady(deps, check);
      return reply.code(reason === null ? 200 : 503).send({ ready: reason === null, reason });
    },
  );
}

async function reasonNotReady(deps: HealthDeps, check: () => Promise<Health>): Promise<string | null> {
  if (deps.isStopping()) return 'stopping';
  const { parts } = await check();
  return parts.postgres?.state === 'down' ? 'the database is away' : null;
}

function cached(deps: HealthDeps): () => Promise<Health> {
  let last: { readonly health: Promise<Health>; readonly atMs: number } | null = null;
  return () => {
    const nowMs = deps.clock.monotonicMs();
    if (last === null || nowMs - last.atMs >= HEALTH_CACHED_MS)
      last = { health: checkAll(deps), atMs: nowMs };
    return last.health;
  };
}

async function checkAll(deps: HealthDeps): Promise<Health> {
  const now = deps.clock.now();
  const launched = await readLaunchedParts(deps.runDir);
  const parts: Record<string, Part> = {};
  const probed = await Promise.all(PARTS.map((name) => probe(deps, name)));
  for (const [i, name] of PARTS.entries()) {
    const found = probed[i];
    if (found === undefined) continue;
    const restart = found.state === 'down' ? describeRestart(launched[name], now) : null;
    parts[name] = restart === null ? found : { ...found, detail: restart };
  }
  // Parts that only the launcher knows, such as the other service processes.
  for (const [name, part] of Object.entries(launched)) {
    const detail = parts[name] === undefined ? describeRestart(part, now) : null;
    if (detail !== null) parts[name] = { state: 'down', version: null, latencyMs: null, detail };
  }
  return { status: overall(parts), version: deps.version, checkedAt: now.toISOString(), parts };
}

async function probe(deps: HealthDeps, name: PartName): Promise<Part> {
  const startedMs = deps.clock.monotonicMs();
  try {
    const found = await inTime(deps.probes[name]);
    if (found === null) return { state: 'not_configured', version: null, latencyMs: null, detail: null };
    return {
      state: found.trouble === undefined ? 'ok' : 'degraded',
      version: found.version,
      latencyMs: Math.round((deps.clock.monotonicMs() - startedMs) * 100) / 100,
      detail: found.trouble ?? null,
    };
  } catch {
    // Why it is away is in the log of whoever needed it; addresses and causes are nobody else's business.
    return { state: 'down', version: null, latencyMs: null, detail: 'does not answer' };
  }
}

async function inTime(run: Probe): Promise<ProbeResult | null> {
  const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('too late')), { once: true });
  });
  return await Promise.race([run(signal), late]);
}

function overall(parts: Readonly<Record<string, Part>>): Health['status'] {
  if (ESSENTIAL.some((name) => parts[name]?.state === 'down')) return 'down';
  return Object.values(parts).some((part) => part.state === 'down' || part.state === 'degraded')
    ? 'degraded'
    : 'ok';
}
