/** The figures that a scrape asks the database for. */
import type pg from 'pg';
import type { MetricsSource } from '../core/metrics.ts';
import { query } from './db.ts';

export function createMetricsSource(pool: pg.Pool): MetricsSource {
  return {
    async countActiveRoutes() {
      const rows = await query<{ count: number }>(
        pool,
        'metrics.active_routes',
        'SELECT count(*)::integer AS count FROM mesh_routes WHERE expires_at > now()',
        [],
      );
      return rows[0]?.count ?? 0;
    },
    async getTrustScores(bounds) {
      const rows = await query<{ upTo: number[]; count: number; sum: number }>(
        pool,
        'metrics.trust_scores',
        `SELECT ARRAY(
                  SELECT (SELECT count(*)::integer FROM trust_scores WHERE score <= bound)
                  FROM unnest($1::real[]) WITH ORDINALITY AS b (bound, i) ORDER BY i
                ) AS "upTo",
                count(*)::integer AS count,
                coalesce(sum(score), 0)::double precision AS sum
         FROM trust_scores`,
        [bounds],
      );
      return rows[0] ?? { upTo: bounds.map(() => 0), count: 0, sum: 0 };
    },
    getMessageQueues: () => readMessageQueues(pool),
    getWebhooks: () =>
      query<{ state: string; count: number }>(
        pool,
        'metrics.webhooks',
        `SELECT s.state, (SELECT count(*)::integer FROM webhook_deliveries d WHERE d.state = s.state) AS count
         FROM unnest('{pending,dead}'::text[]) AS s (state)`,
        [],
      ),
    async getMessageSpend() {
      const rows = await query<{ spent: number }>(
        pool,
        'metrics.message_spend',
        `SELECT spent_micros / 1e6::float8 AS spent FROM message_spend WHERE day = (now() AT TIME ZONE 'UTC')::date`,
        [],
      );
      return rows[0]?.spent ?? 0;
    },
  };
}

/** Every channel, also one of which nothing waits. */
export async function readMessageQueues(pool: pg.Pool) {
  return await query<{ channel: string; waiting: number; oldestSeconds: number }>(
    pool,
    'metrics.message_queues',
    `SELECT c.channel, count(m.message_id)::integer AS waiting,
       coalesce(extract(epoch FROM now() - min(m.created_at)), 0)::float8 AS "oldestSeconds"
     FROM unnest('{email,sms}'::text[]) AS c (channel)
     LEFT JOIN outgoing_messages m ON m.channel = c.channel AND m.state IN ('queued', 'sending')
     GROUP BY c.channel ORDER BY c.channel`,
    [],
  );
}
