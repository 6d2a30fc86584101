/** Writing and finding rings: which endpoint rings for which invitation, who acknowledged, who is next. */
import type pg from 'pg';
import { RING_ACK_TIMEOUT_MS, type StopReason } from '../auralink-modules/calls/model.ts';
import type { RingRef } from '../auralink-modules/calls/ports.ts';
import type { EndpointId, InvitationId, RingId } from '../core/ids.ts';
import type { Tx } from '../core/unit-of-work.ts';
import { query } from './db.ts';

interface RefRow extends pg.QueryResultRow {
  ring_id: RingId;
  endpoint_id: EndpointId;
}

const toRef = (row: RefRow): RingRef => ({ ringId: row.ring_id, endpointId: row.endpoint_id });

export async function stopRings(
  tx: Tx,
  invitationId: InvitationId,
  acting: EndpointId | null,
  reasons: { readonly acting: StopReason; readonly others: StopReason },
): Promise<(RingRef & { readonly reason: StopReason })[]> {
  const rows = await query<RefRow & { stop_reason: StopReason }>(
    tx,
    'rings-stop',
    `UPDATE call_rings SET state = 'stopped', stopped_at = now(), failover_at = NULL,
       stop_reason = CASE WHEN endpoint_id = $2 THEN $3 ELSE $4 END
     WHERE invitation_id = $1 AND state <> 'stopped'
       AND (SELECT i.state <> 'ringing' FROM call_invitations i WHERE i.invitation_id = $1)
     RETURNING ring_id, endpoint_id, stop_reason`,
    [invitationId, acting, reasons.acting, reasons.others],
  );
  return rows.map((row) => ({ ...toRef(row), reason: row.stop_reason }));
}

const ACKNOWLEDGED = `
  FROM call_rings r JOIN unnest($1::uuid[], $2::bigint[]) AS m (endpoint_id, seq) ON m.endpoint_id = r.endpoint_id
  WHERE r.state = 'sent' AND r.ring_seq <= m.seq`;

export async function areAwaited(pool: pg.Pool, marks: ReadonlyMap<EndpointId, number>): Promise<boolean> {
  const rows = await query(pool, 'rings-acknowledged', `SELECT 1 ${ACKNOWLEDGED} LIMIT 1`, [
    [...marks.keys()],
    [...marks.values()],
  ]);
  return rows.length > 0;
}

/** What was stopped between our look and our lock stays so: the updates look again at the rows that they change. */
export async function setRinging(
  tx: Tx,
  marks: ReadonlyMap<EndpointId, number>,
): Promise<{ alerting: { invitationId: InvitationId; afterMs: number }[]; left: number }> {
  const rows = await query<{ invitation_id: InvitationId | null; after_ms: number; left: number }>(
    tx,
    'rings-set-ringing',
    `WITH heard AS MATERIALIZED (SELECT r.ring_id, r.invitation_id ${ACKNOWLEDGED}),
     locked AS MATERIALIZED (
       SELECT i.invitation_id FROM call_invitations i
       WHERE i.invitation_id = ANY (ARRAY (SELECT DISTINCT invitation_id FROM heard))
       ORDER BY i.invitation_id FOR UPDATE SKIP LOCKED
     ), rings AS (
       UPDATE call_rings r SET state = 'ringing', acknowledged_at = now(), failover_at = NULL
       WHERE r.ring_id = ANY (ARRAY (SELECT ring_id FROM heard JOIN locked USING (invitation_id)))
         AND r.state = 'sent'
     ), alerting AS (
       UPDATE call_invitations i SET alerting_at = now()
       WHERE i.invitation_id = ANY (ARRAY (SELECT invitation_id FROM locked))
         AND i.state = 'ringing' AND i.alerting_at IS NULL
       RETURNING i.invitation_id, extract(epoch FROM now() - i.created_at)::float8 * 1000 AS after_ms
     )
     SELECT a.invitation_id, a.after_ms, l.n AS left
     FROM (SELECT count(DISTINCT h.invitation_id)::int - (SELECT count(*) FROM locked)::int AS n FROM heard h) l
     LEFT JOIN alerting a ON true`,
    [[...marks.keys()], [...marks.values()]],
  );
  const alerting = rows.flatMap((row) =>
    row.invitation_id === null ? [] : [{ invitationId: row.invitation_id, afterMs: row.after_ms }],
  );
  return { alerting, left: rows[0]?.left ?? 0 };
}

export async function findOverdueRings(
  pool: pg.Pool,
  limit: number,
): Promise<{ ringId: RingId; invitationId: InvitationId }[]> {
  const rows = await query<{ ring_id: RingId; invitation_id: InvitationId }>(
    pool,
    'rings-overdue',
    `SELECT ring_id, invitation_id FROM call_rings
     WHERE state = 'sent' AND failover_at <= now() ORDER BY failover_at LIMIT $1`,
    [limit],
  );
  return rows.map((row) => ({ ringId: row.ring_id, invitationId: row.invitation_id }));
}

export async function passOver(tx: Tx, ringId: RingId): Promise<boolean> {
  const rows = await query(
    tx,
    'ring-pass-over',
    `UPDATE call_rings SET failover_at = NULL
     WHERE ring_id = $1 AND state = 'sent' AND failover_at <= now() RETURNING ring_id`,
    [ringId],
  );
  return rows.length > 0;
}

export async function findNextOnDevice(tx: Tx, ringId: RingId): Promise<RingRef | null> {
  const rows = await query<RefRow>(
    tx,
    'ring-next-on-device',
    `SELECT n.ring_id, n.endpoint_id FROM call_rings r
     JOIN call_rings n ON n.invitation_id = r.invitation_id AND n.device_key = r.device_key
     WHERE r.ring_id = $1 AND n.state = 'waiting' ORDER BY n.rank LIMIT 1`,
    [ringId],
  );
  return rows[0] === undefined ? null : toRef(rows[0]);
}

export async function setSent(tx: Tx, ringId: RingId, ringSeq: number): Promise<void> {
  await query(
    tx,
    'ring-set-sent',
    `UPDATE call_rings SET state = 'sent', sent_at = now(), ring_seq = $2, acknowledged_at = NULL,
       failover_at = now() + make_interval(secs => $3::float8 / 1000)
     WHERE ring_id = $1`,
    [ringId, ringSeq, RING_ACK_TIMEOUT_MS],
  );
}

/**
 * The endpoint's own ring, if it is live and was shown to an earlier page; a fresh one when no other app of its device is being rung; otherwise null.
 * The caller holds the invitation's lock.
 */
export async function claimRing(
  tx: Tx,
  invitationId: InvitationId,
  page: { readonly endpointId: EndpointId; readonly freshRingId: RingId; readonly shownUpTo: number },
): Promise<RingId | null> {
  const rows = await query<{ ring_id: RingId }>(
    tx,
    'ring-claim',
    `WITH me AS (
       SELECT e.endpoint_id, e.device_key FROM endpoints e JOIN call_invitations i ON i.invitation_id = $1
       WHERE e.endpoint_id = $2 AND e.person_id = i.callee_person_id AND e.revoked_at IS NULL AND NOT i.screened
         AND 'call.receive' = ANY (e.scopes)
     ), device AS (
       SELECT r.* FROM call_rings r JOIN me USING (device_key) WHERE r.invitation_id = $1
     ), own AS (
       SELECT ring_id FROM device WHERE endpoint_id = $2 AND state IN ('sent', 'ringing') AND ring_seq <= $4
     ), fresh AS (
       INSERT INTO call_rings (ring_id, invitation_id, endpoint_id, device_key, rank, state)
       SELECT $3, $1, me.endpoint_id, me.device_key, (SELECT coalesce(max(rank) + 1, 0) FROM device), 'waiting'
       FROM me
       WHERE NOT EXISTS (SELECT FROM device WHERE state IN ('sent', 'ringing') OR endpoint_id = $2)
       RETURNING ring_id
     )
     SELECT ring_id FROM own UNION ALL SELECT ring_id FROM fresh`,
    [invitationId, page.endpointId, page.freshRingId, page.shownUpTo],
  );
  return rows[0]?.ring_id ?? null;
}

export async function giveUpRings(pool: pg.Pool, endpointId: EndpointId): Promise<void> {
  await query(
    pool,
    'rings-give-up',
    `UPDATE call_rings SET state = 'sent', failover_at = now()
     WHERE endpoint_id = $1 AND state IN ('sent', 'ringing')`,
    [endpointId],
  );
}
