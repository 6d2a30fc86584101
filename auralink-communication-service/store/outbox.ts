/**
 * The outbox: what must be done outside the database because of a committed change. Rows are claimed by moving their
 * time on, so that a process that dies with one in hand only delays it; the handler must be idempotent.
 */
import type pg from 'pg';
import type { NewId } from '../core/ids.ts';
import type { OutboxItem, OutboxStore } from '../core/outbox.ts';
import { query } from './db.ts';

/** While a handler is at work, nobody else takes its row. */
export const OUTBOX_CLAIM_SECONDS = 30;
/** Longest wait before a failed row is tried again. */
export const OUTBOX_BACKOFF_MAX_SECONDS = 300;

export function createOutbox(pool: pg.Pool, newId: NewId): OutboxStore {
  return {
    enqueue: async (tx, topic, payload) => {
      await query(
        tx,
        'outbox-enqueue',
        'INSERT INTO outbox_events (event_id, topic, payload) VALUES ($1, $2, $3)',
        [newId(), topic, JSON.stringify(payload)],
      );
    },
    enqueueLater: async (tx, topic, payload, afterSeconds) => {
      const eventId: string = newId();
      await query(
        tx,
        'outbox-enqueue-later',
        `INSERT INTO outbox_events (event_id, topic, payload, run_at)
         VALUES ($1, $2, $3, now() + make_interval(secs => $4))`,
        [eventId, topic, JSON.stringify(payload), afterSeconds],
      );
      return eventId;
    },
    withdraw: async (tx, eventId) => {
      const sql = 'DELETE FROM outbox_events WHERE event_id = $1 RETURNING event_id';
      return (await query(tx, 'outbox-withdraw', sql, [eventId])).length > 0;
    },
    claim: async (topics, limit) => {
      const rows = await query<{ event_id: string; topic: string; payload: object; attempts: number }>(
        pool,
        'outbox-claim',
        `UPDATE outbox_events SET run_at = now() + make_interval(secs => $3), attempts = attempts + 1
         WHERE event_id IN (
           SELECT event_id FROM outbox_events WHERE run_at <= now() AND topic = ANY ($1)
           ORDER BY run_at LIMIT $2 FOR UPDATE SKIP LOCKED)
         RETURNING event_id, topic, payload, attempts`,
        [topics, limit, OUTBOX_CLAIM_SECONDS],
      );
      return rows.map(
        (row): OutboxItem => ({
          eventId: row.event_id,
          topic: row.topic,
          payload: row.payload,
          attempts: row.attempts,
        }),
      );
    },
    done: async (eventId) => {
      await query(pool, 'outbox-done', 'DELETE FROM outbox_events WHERE event_id = $1', [eventId]);
    },
    failed: async (eventId, error) => {
      await query(
        pool,
        'outbox-failed',
        `UPDATE outbox_events SET last_error = left($2, 500),
           run_at = now() + make_interval(secs => least($3, power(2, attempts)) * (0.5 + random() / 2))
         WHERE event_id = $1`,
        [eventId, error, OUTBOX_BACKOFF_MAX_SECONDS],
      );
    },
  };
}
