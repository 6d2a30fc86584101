/**
 * Fixed windows in one table, so that a limit holds over all processes. One upsert a hit; whatever goes wrong with it is
 * thrown, because what these limits guard (passwords, registrations) must not become free when counting fails.
 */
import type pg from 'pg';
import type { RateLimiter } from '../auralink-modules/auraid/ports.ts';
import { AuraError } from '../core/errors.ts';
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
      throw new AuraError('rate_limited', 'Too many tries; please wait a little.', {
        retryAfterSeconds: Math.max(1, row.retry_after_seconds),
      });
    },

    async prune() {
      const rows = await query(
        pool,
        'rate_limit_prune',
        'DELETE FROM rate_limits WHERE window_ends_at < now() RETURNING key',
        [],
      );
      return rows.length;
    },
  };
}
