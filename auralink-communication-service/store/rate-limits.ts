/**
 * Fixed windows in one table, so that a limit holds over all processes. One upsert a hit; whatever goes wrong with it is
 * thrown, because what these limits guard (passwords, registrations) must not become free when counting fails.
 */
import type pg from 'pg';
import type { RateLimit, RateLimiter } from '../auralink-modules/auraid/ports.ts';
import { AuraError } from '../core/errors.ts';
import { gather } from '../core/gather.ts';
import { query } from './db.ts';

export interface PrunableRateLimiter extends RateLimiter {
  /** Deletes windows that are over; returns how many. */
  prune(): Promise<number>;
}

export function rateLimiter(pool: pg.Pool): PrunableRateLimiter {
  return {
    async hit(key, limit, count = 1) {
      const [row] = await query<{ hits: number; retry_after_seconds: number }>(
        pool,
        'rate_limit_hit',
        `INSERT INTO rate_limits AS r (key, hits, window_ends_at)
         VALUES ($1, $3, now() + make_interval(secs => $2))
         ON CONFLICT (key) DO UPDATE SET
           hits = CASE WHEN r.window_ends_at <= now() THEN $3 ELSE r.hits + $3 END,
           window_ends_at =
             CASE WHEN r.window_ends_at <= now() THEN excluded.window_ends_at ELSE r.window_ends_at END
         RETURNING hits, ceil(extract(epoch FROM window_ends_at - now()))::int AS retry_after_seconds`,
        [key, limit.windowSeconds, count],
      );
      if (row === undefined || row.hits <= limit.hits) return;
      throw tooMany(row.retry_after_seconds);
    },

    async prune() {
      const rows = await query(
        pool,
        'rate_limit_prune',
        `DELETE FROM rate_limits WHERE key = ANY (ARRAY (
           SELECT key FROM rate_limits WHERE window_ends_at < now() FOR UPDATE SKIP LOCKED)) RETURNING key`,
        [],
      );
      return rows.length;
    },
  };
}

/** Hits wanted of a window: at least `least`, or none; at most `most`. */
export interface Wanted {
  readonly key: string;
  readonly limit: RateLimit;
  readonly least: number;
  readonly most: number;
}

export interface Taken {
  readonly hits: number;
  /** How long the window goes on. */
  readonly leftMs: number;
}

/** Throws `rate_limited` when the window has fewer than `least` left, and takes nothing; `unavailable`. */
export type TakeHits = (wanted: Wanted) => Promise<Taken>;

/** Windows that one statement takes hits of. */
export const WINDOWS_GATHERED_MAX = 50;
/** Such statements that a process has under way at a time. */
const STATEMENTS_AT_ONCE = 2;

/** What several ask for at a time is taken by one statement. No two of them may name the same key. */
export function hitTaker(pool: pg.Pool): TakeHits {
  const take = gather((wanted: readonly Wanted[]) => takeAll(pool, wanted), {
    max: WINDOWS_GATHERED_MAX,
    atOnce: STATEMENTS_AT_ONCE,
  });
  return async (wanted) => {
    const { taken, retryAfterSeconds } = await take(wanted);
    if (taken !== null) return taken;
    throw tooMany(retryAfterSeconds);
  };
}

interface TakenRow {
  key: string;
  /** After taking; null when nothing was taken. */
  hits: number | null;
  left_ms: number;
}

/** In the order of keys, so that processes which take of the same windows wait for each other in turn. */
async function takeAll(pool: pg.Pool, wanted: readonly Wanted[]) {
  const rows = await query<TakenRow>(
    pool,
    'rate_limit_take',
    `WITH wanted AS (
       SELECT * FROM unnest($1::text[], $2::int[], $3::int[], $4::int[], $5::int[]) AS w (key, least, most, allowed, seconds)
     ), taken AS (
       INSERT INTO rate_limits AS r (key, hits, window_ends_at)
       SELECT key, least(most, allowed), now() + make_interval(secs => seconds) FROM wanted WHERE least <= allowed ORDER BY key
       ON CONFLICT (key) DO UPDATE SET
         hits = CASE WHEN r.window_ends_at <= now() THEN excluded.hits ELSE r.hits + excluded.hits END,
         window_ends_at = CASE WHEN r.window_ends_at <= now() THEN excluded.window_ends_at ELSE r.window_ends_at END
       WHERE r.window_ends_at <= now()
         OR r.hits + (SELECT w.least - w.allowed FROM wanted w WHERE w.key = excluded.key) <= 0
       RETURNING key, hits, window_ends_at
     )
     SELECT w.key, t.hits, coalesce(extract(epoch FROM coalesce(t.window_ends_at,
         (SELECT r.window_ends_at FROM rate_limits r WHERE r.key = w.key)) - now()), w.seconds)::float8 * 1000 AS left_ms
     FROM wanted w LEFT JOIN taken t USING (key)`,
    [
      wanted.map((one) => one.key),
      wanted.map((one) => one.least),
      wanted.map((one) => one.most),
      wanted.map((one) => one.limit.hits),
      wanted.map((one) => one.limit.windowSeconds),
    ],
  );
  const byKey = new Map(rows.map((row) => [row.key, row]));
  return wanted.map(({ key, limit, most }) => {
    const row = byKey.get(key);
    const leftMs = row?.left_ms ?? limit.windowSeconds * 1_000;
    if (row === undefined || row.hits === null) return { taken: null, retryAfterSeconds: leftMs / 1_000 };
    // What was counted beyond the limit is not ours; whoever comes next is refused by it.
    const hits = Math.min(most, limit.hits) - Math.max(0, row.hits - limit.hits);
    return { taken: { hits, leftMs }, retryAfterSeconds: 0 };
  });
}

function tooMany(retryAfterSeconds: number): AuraError {
  return new AuraError('rate_limited', 'Too many tries; please wait a little.', {
    retryAfterSeconds: Math.max(1, Math.ceil(retryAfterSeconds)),
  });
}
