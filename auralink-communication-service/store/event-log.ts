/**
 * Every endpoint's event log. The row lock on endpoint_streams numbers events in the order of their commits, so a
 * socket that has sent number 7 has missed nothing below it. A poll finds what was committed since the last one by
 * transaction ids, which no late commit can slip past.
 */
import type pg from 'pg';
import {
  type NewEvent,
  RESUME_WINDOW_SECONDS,
  type StreamEvent,
  UNACKNOWLEDGED_KEPT_DAYS,
} from '../auralink-modules/endpoints/model.ts';
import type { EventLog, PollCursor, StreamPosition } from '../auralink-modules/endpoints/ports.ts';
import type { EndpointId } from '../core/ids.ts';
import type { Tx } from '../core/unit-of-work.ts';
import { announce, query } from './db.ts';

/** Rows that one pruning deletes at most. */
export const PRUNE_BATCH = 5_000;

/**
 * $1, $2: each endpoint once, in the order of their ids, in which their rows are locked, and how many events it gets;
 * $3 … $6: the events, and each one's place among them. Look-ups instead of joins: for a handful of rows they cost
 * less, and the planner cannot begin with everybody who is signed in.
 */
const APPEND = `
  WITH bumped AS (
    UPDATE endpoint_streams s SET last_seq = s.last_seq + c.n
    FROM unnest($1::uuid[], $2::int[]) AS c (endpoint_id, n)
    WHERE s.endpoint_id = c.endpoint_id
      AND (SELECT e.revoked_at IS NULL FROM endpoints e WHERE e.endpoint_id = s.endpoint_id)
    RETURNING s.endpoint_id, s.last_seq - c.n AS base
  )
  INSERT INTO endpoint_events (endpoint_id, seq, type, data)
  SELECT i.endpoint_id, i.base + i.nth, i.type, i.data
  FROM (
    SELECT e.*, (SELECT b.base FROM bumped b WHERE b.endpoint_id = e.endpoint_id) AS base
    FROM unnest($3::uuid[], $4::int[], $5::text[], $6::jsonb[]) AS e (endpoint_id, nth, type, data) OFFSET 0
  ) i
  WHERE i.base IS NOT NULL
  RETURNING endpoint_id, seq`;

interface EventRow extends pg.QueryResultRow {
  endpoint_id: EndpointId;
  seq: number;
  type: string;
  data: object;
}

export function createEventLog(pool: pg.Pool): EventLog {
  return {
    append,
    getPosition: (endpointId) => getPosition(pool, endpointId),
    readAfter: (endpointId, afterSeq, limit) => readAfter(pool, endpointId, afterSeq, limit),
    findOldestSeq: async (endpointId) => {
      const rows = await query<{ seq: number | null }>(
        pool,
        'event-log-oldest',
        'SELECT min(seq) AS seq FROM endpoint_events WHERE endpoint_id = $1',
        [endpointId],
      );
      return rows[0]?.seq ?? null;
    },
    acknowledge: (marks) => acknowledge(pool, marks),
    pollGrown: (cursor) => pollGrown(pool, cursor),
    prune: () => prune(pool),
  };
}

async function append(tx: Tx, events: readonly NewEvent[]): Promise<StreamEvent[]> {
  if (events.length === 0) return [];
  const counts = new Map<EndpointId, number>();
  const places = events.map(({ endpointId }) => {
    const nth = (counts.get(endpointId) ?? 0) + 1;
    counts.set(endpointId, nth);
    return nth;
  });
  const endpointIds = [...counts.keys()].sort();
  const rows = await query<Pick<EventRow, 'endpoint_id' | 'seq'>>(tx, 'event-log-append', APPEND, [
    endpointIds,
    endpointIds.map((endpointId) => counts.get(endpointId)),
    events.map((event) => event.endpointId),
    places,
    events.map((event) => event.type),
    events.map((event) => JSON.stringify(event.data)),
  ]);
  const appended = numbered(events, rows);
  announce(tx, appended);
  return appended;
}

/** Each endpoint's events were numbered in the order given; endpoints without a log got no number. */
function numbered(
  events: readonly NewEvent[],
  rows: readonly Pick<EventRow, 'endpoint_id' | 'seq'>[],
): StreamEvent[] {
  const seqs = new Map<EndpointId, number>();
  for (const row of rows) seqs.set(row.endpoint_id, Math.min(row.seq, seqs.get(row.endpoint_id) ?? row.seq));
  const appended: StreamEvent[] = [];
  for (const event of events) {
    const seq = seqs.get(event.endpointId);
    if (seq === undefined) continue;
    seqs.set(event.endpointId, seq + 1);
    appended.push({ ...event, seq });
  }
  return appended;
}

function toEvent(row: EventRow): StreamEvent {
  return { endpointId: row.endpoint_id, seq: row.seq, type: row.type, data: row.data };
}

async function getPosition(pool: pg.Pool, endpointId: EndpointId): Promise<StreamPosition> {
  const rows = await query<{ last_seq: number; acknowledged_seq: number }>(
    pool,
    'event-log-position',
    `INSERT INTO endpoint_streams (endpoint_id) VALUES ($1)
     ON CONFLICT (endpoint_id) DO UPDATE SET last_seq = endpoint_streams.last_seq
     RETURNING last_seq, acknowledged_seq`,
    [endpointId],
  );
  return { lastSeq: rows[0]?.last_seq ?? 0, acknowledgedSeq: rows[0]?.acknowledged_seq ?? 0 };
}

async function readAfter(
  pool: pg.Pool,
  endpointId: EndpointId,
  afterSeq: number,
  limit: number,
): Promise<StreamEvent[]> {
  const rows = await query<EventRow>(
    pool,
    'event-log-read',
    `SELECT endpoint_id, seq, type, data FROM endpoint_events
     WHERE endpoint_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`,
    [endpointId, afterSeq, limit],
  );
  return rows.map(toEvent);
}

/**
 * Logs that somebody is appending to are passed over, so that nobody waits for anybody here. Should the database lose
 * the last of these writes in a crash, their events are sent again: the commit need not wait for the disk.
 */
async function acknowledge(
  pool: pg.Pool,
  marks: ReadonlyMap<EndpointId, number>,
): Promise<Map<EndpointId, number>> {
  const rows = await query<{ endpoint_id: EndpointId; seq: number }>(
    pool,
    'event-log-acknowledge',
    `WITH lazily AS (SELECT set_config('synchronous_commit', 'off', true)),
     marks AS (
       SELECT m.endpoint_id, least(m.seq, s.last_seq) AS seq
       FROM unnest($1::uuid[], $2::bigint[]) AS m (endpoint_id, seq) JOIN endpoint_streams s USING (endpoint_id)
       WHERE s.acknowledged_seq < least(m.seq, s.last_seq) AND EXISTS (SELECT FROM lazily)
     ), locked AS (
       SELECT s.endpoint_id, m.seq FROM endpoint_streams s JOIN marks m USING (endpoint_id)
       FOR UPDATE OF s SKIP LOCKED
     ), moved AS (
       UPDATE endpoint_streams s SET acknowledged_seq = greatest(s.acknowledged_seq, l.seq)
       FROM locked l WHERE s.endpoint_id = l.endpoint_id
     )
     SELECT endpoint_id, seq FROM marks WHERE endpoint_id NOT IN (SELECT endpoint_id FROM locked)`,
    [[...marks.keys()], [...marks.values()]],
  );
  return new Map(rows.map((row) => [row.endpoint_id, row.seq]));
}

/** `cursor` is the oldest transaction that was still running at the last poll: everything before it was seen. */
async function pollGrown(
  pool: pg.Pool,
  cursor: PollCursor | null,
): Promise<{ grown: Map<EndpointId, number>; cursor: PollCursor }> {
  const rows = await query<{ horizon: string; endpoint_id: EndpointId | null; seq: number | null }>(
    pool,
    'event-log-poll',
    `SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS horizon, g.endpoint_id, g.seq
     FROM (SELECT) one LEFT JOIN (
       SELECT endpoint_id, max(seq) AS seq FROM endpoint_events
       WHERE transaction_id >= coalesce($1::xid8, pg_snapshot_xmin(pg_current_snapshot()))
       GROUP BY endpoint_id
     ) g ON true`,
    [cursor],
  );
  const grown = new Map<EndpointId, number>();
  for (const row of rows) {
    if (row.endpoint_id !== null && row.seq !== null) grown.set(row.endpoint_id, row.seq);
  }
  return { grown, cursor: rows[0]?.horizon ?? '0' };
}

/** Acknowledged events outlive the window in which another tab may resume; the rest is kept for days. */
async function prune(pool: pg.Pool): Promise<number> {
  const rows = await query<{ n: number }>(
    pool,
    'event-log-prune',
    `WITH old AS (
       SELECT e.endpoint_id, e.seq FROM endpoint_events e LEFT JOIN endpoint_streams s USING (endpoint_id)
       WHERE e.created_at < now() - make_interval(secs => $1)
         AND (e.seq <= s.acknowledged_seq OR s.endpoint_id IS NULL
           OR e.created_at < now() - make_interval(days => $2))
       LIMIT $3
     ), gone AS (
       DELETE FROM endpoint_events e USING old o WHERE e.endpoint_id = o.endpoint_id AND e.seq = o.seq RETURNING 1
     )
     SELECT count(*)::int AS n FROM gone`,
    [RESUME_WINDOW_SECONDS * 2, UNACKNOWLEDGED_KEPT_DAYS, PRUNE_BATCH],
  );
  return rows[0]?.n ?? 0;
}
