/**
 * Calls and invitations in PostgreSQL. The statements that a ringing phone waits for are named and few; the rule that
 * one answer wins is the conditional UPDATE in `transition`.
 */
import type pg from 'pg';
import type { InvitationPatch } from '../auralink-modules/calls/call-machine.ts';
import { RING_ACK_TIMEOUT_MS, RINGS_PER_INVITATION_MAX } from '../auralink-modules/calls/model.ts';
import type { CallStore, NewCall, PlacingFacts, StepEffect } from '../auralink-modules/calls/ports.ts';
import { PROCESS_STALE_SECONDS, RESUME_WINDOW_SECONDS } from '../auralink-modules/endpoints/model.ts';
import type { AppId, AuraId, CallId, DeviceKey, EndpointId, InvitationId, PersonId } from '../core/ids.ts';
import type { Tx } from '../core/unit-of-work.ts';
import * as records from './call-records.ts';
import * as rings from './call-rings.ts';
import { findViolatedConstraint, query } from './db.ts';
import { findsSql, showsNameSql } from './privacy-sql.ts';

export function createCallStore(pool: pg.Pool): CallStore {
  return {
    lockPair,
    getPlacingFacts,
    insertCall,
    findRecord: records.findRecord,
    findRecordByInvitation: records.findRecordByInvitation,
    listRecords: records.listRecords,
    findRecordByRoom: records.findRecordByRoom,
    findRing: records.findRing,
    history: (viewer, before, limit) => records.history(pool, viewer, before, limit),
    lockInvitation,
    transition,
    stopRings: rings.stopRings,
    areAwaited: (marks) => rings.areAwaited(pool, marks),
    setRinging: rings.setRinging,
    findOverdueRings: (limit) => rings.findOverdueRings(pool, limit),
    passOver: rings.passOver,
    findNextOnDevice: rings.findNextOnDevice,
    setSent: rings.setSent,
    claimRing: rings.claimRing,
    giveUpRings: (endpointId) => rings.giveUpRings(pool, endpointId),
    findOpenInvitations: (endpointId) => findOpenInvitations(pool, endpointId),
    findOverdueInvitations: (limit) => findOverdueInvitations(pool, limit),
    findRingingInvitations: (personId) => findRingingInvitations(pool, personId),
    claimRoom,
    setPresence,
    listActiveRooms: () => listActiveRooms(pool),
  };
}

/** Also taken by whoever changes what two people are to each other, so that no call slips past a block. */
export async function lockPair(tx: Tx, a: PersonId, b: PersonId): Promise<void> {
  const pair = a < b ? `${a}${b}` : `${b}${a}`;
  await query(tx, 'calls-lock-pair', 'SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [pair]);
}

/** Whom her rules keep out finds her endpoints as if all were offline, at the same cost; the gate says so by itself. */
const CANDIDATES = `
  SELECT e.endpoint_id AS "endpointId", e.app_id AS "appId", e.device_key AS "deviceKey",
         e.focused_at AS "focusedAt", e.last_used_at AS "lastUsedAt", s.connected,
         EXISTS (SELECT FROM device_choices d
                 WHERE d.person_id = e.person_id AND d.device_key = e.device_key AND d.app_id = e.app_id) AS chosen
  FROM (SELECT ${findsSql('$1', '$3', 'kp.may_call', 'k.visibility')} AS admitted
    FROM aura_id_registry k JOIN person_privacy kp USING (person_id) WHERE k.person_id = $3 OFFSET 0) g
  CROSS JOIN endpoints e
  CROSS JOIN LATERAL (SELECT EXISTS (
    SELECT FROM endpoint_sockets s JOIN service_processes p USING (process_id)
    WHERE s.endpoint_id = CASE WHEN g.admitted THEN e.endpoint_id END AND p.heartbeat_at > now() - make_interval(secs => ${PROCESS_STALE_SECONDS})
  ) AS connected) s
  WHERE e.person_id = $3 AND e.revoked_at IS NULL AND 'call.receive' = ANY (e.scopes)
    AND (s.connected OR g.admitted AND e.disconnected_at > now() - make_interval(secs => ${RESUME_WINDOW_SECONDS}))
  ORDER BY s.connected DESC, e.last_used_at DESC LIMIT ${RINGS_PER_INVITATION_MAX}`;

const PLACING_FACTS = `
  SELECT now() AS now, p.aura_id, ${records.callerNameSql('p', 'pp')} AS display_name,
    (SELECT CASE WHEN ${showsNameSql('$1', '$3', 'cp', 'callee')} THEN callee.display_name END
     FROM aura_id_registry callee JOIN person_privacy cp USING (person_id)
     WHERE callee.person_id = $3) AS callee_display_name, a.app_id, a.name AS app_name, a.icon AS app_icon,
    (SELECT call_id FROM cross_app_calls WHERE caller_endpoint_id = $2 AND idempotency_key = $4) AS existing_call_id,
    (SELECT count(*)::int FROM cross_app_calls
     WHERE caller_person_id = $1 AND created_at > now() - interval '1 minute') AS calls_last_minute,
    (SELECT i.call_id FROM call_invitations i JOIN cross_app_calls c USING (call_id)
     WHERE ${records.RINGING} AND NOT i.screened AND c.caller_person_id = $3
     ORDER BY i.call_id LIMIT 1) AS opposite_call_id,
    (SELECT coalesce(jsonb_agg(c), '[]') FROM (${CANDIDATES}) c) AS candidates
  FROM endpoints e JOIN aura_id_registry p USING (person_id) JOIN person_privacy pp USING (person_id)
  JOIN apps a USING (app_id)
  WHERE e.endpoint_id = $2`;

interface FactsRow extends pg.QueryResultRow {
  now: Date;
  aura_id: AuraId;
  display_name: string | null;
  callee_display_name: string | null;
  app_id: AppId;
  app_name: string;
  app_icon: string;
  existing_call_id: CallId | null;
  calls_last_minute: number;
  opposite_call_id: CallId | null;
  candidates: {
    endpointId: EndpointId;
    appId: AppId;
    deviceKey: DeviceKey;
    connected: boolean;
    focusedAt: string | null;
    lastUsedAt: string;
    chosen: boolean;
  }[];
}

async function getPlacingFacts(
  tx: Tx,
  caller: { readonly personId: PersonId; readonly endpointId: EndpointId },
  callee: PersonId,
  idempotencyKey: string,
): Promise<PlacingFacts> {
  const rows = await query<FactsRow>(tx, 'calls-placing-facts', PLACING_FACTS, [
    caller.personId,
    caller.endpointId,
    callee,
    idempotencyKey,
  ]);
  const row = rows[0];
  if (row === undefined) throw new Error('an authenticated endpoint has no row');
  return {
    caller: { personId: caller.personId, auraId: row.aura_id, displayName: row.display_name },
    calleeDisplayName: row.callee_display_name,
    app: { appId: row.app_id, name: row.app_name, icon: row.app_icon },
    existingCallId: row.existing_call_id,
    callsLastMinute: row.calls_last_minute,
    oppositeCallId: row.opposite_call_id,
    candidates: row.candidates.map((candidate) => ({
      ...candidate,
      focusedAt: candidate.focusedAt === null ? null : new Date(candidate.focusedAt),
      lastUsedAt: new Date(candidate.lastUsedAt),
    })),
    now: row.now,
  };
}

const INSERT_CALL = `
  WITH call AS (
    INSERT INTO cross_app_calls (call_id, caller_person_id, caller_aura_id, caller_endpoint_id, caller_app_id,
                                 media, state, idempotency_key)
    VALUES ($1, $2, $3, $4, $5, $6, 'ringing', $7)
  ), invitation AS (
    INSERT INTO call_invitations (invitation_id, call_id, callee_person_id, callee_aura_id, state, named_app_id,
                                  deadline_at, screened)
    VALUES ($8, $1, $9, $10, 'ringing', $11, $12, $19)
  ), open AS (
    INSERT INTO open_invitations (invitation_id, due_at) VALUES ($8, $12)
  )
  INSERT INTO call_rings (ring_id, invitation_id, endpoint_id, device_key, rank, state, ring_seq, sent_at,
                          failover_at)
  SELECT r.ring_id, $8, r.endpoint_id, r.device_key, r.rank,
         CASE WHEN r.rank = 0 THEN 'sent' ELSE 'waiting' END, r.ring_seq,
         CASE WHEN r.rank = 0 THEN now() END,
         CASE WHEN r.rank = 0 THEN now() + make_interval(secs => $18::float8 / 1000) END
  FROM unnest($13::uuid[], $14::uuid[], $15::text[], $16::smallint[], $17::bigint[])
    AS r (ring_id, endpoint_id, device_key, rank, ring_seq)`;
const ONE_KEY_ONE_CALL = 'cross_app_calls_caller_endpoint_id_idempotency_key_key';

async function insertCall(tx: Tx, call: NewCall): Promise<boolean> {
  try {
    await query(tx, 'calls-insert', INSERT_CALL, [
      call.callId,
      call.caller.personId,
      call.caller.auraId,
      call.callerEndpointId,
      call.callerAppId,
      call.media,
      call.idempotencyKey,
      call.invitationId,
      call.callee.personId,
      call.callee.auraId,
      call.namedAppId,
      call.deadlineAt,
      call.rings.map((ring) => ring.ringId),
      call.rings.map((ring) => ring.endpointId),
      call.rings.map((ring) => ring.deviceKey),
      call.rings.map((ring) => ring.rank),
      call.rings.map((ring) => ring.ringSeq),
      RING_ACK_TIMEOUT_MS,
      call.screened,
    ]);
    return true;
  } catch (error) {
    if (findViolatedConstraint(error) === ONE_KEY_ONE_CALL) return false;
    throw error;
  }
}

async function lockInvitation(tx: Tx, invitationId: InvitationId): Promise<void> {
  const sql = 'SELECT FROM call_invitations WHERE invitation_id = $1 FOR UPDATE';
  await query(tx, 'invitation-lock', sql, [invitationId]);
}

/** $1 … $11 as `transition` gives them. */
const stepSql = (open: string) => `
  WITH stepped AS (
    UPDATE call_invitations SET
      state = $3, reason = $4, merged_into_call_id = $5,
      answered_by_endpoint_id = coalesce($6, answered_by_endpoint_id),
      answer_key = coalesce($7, answer_key),
      answered_at = CASE WHEN $3 = 'answered' THEN now() ELSE answered_at END,
      media_deadline_at = CASE WHEN $3 = 'answered' THEN now() + make_interval(secs => $8) END,
      ended_at = CASE WHEN $9 = 'ended' THEN now() END
    WHERE invitation_id = $1 AND state = $2 AND (NOT $10 OR deadline_at > clock_timestamp())
      AND (NOT $11 OR media_deadline_at <= clock_timestamp())
      AND NOT (screened AND $3 IN ('answered', 'declined'))
    RETURNING invitation_id, call_id, answered_at, ended_at, media_deadline_at
  ), open AS (${open})
  UPDATE cross_app_calls c SET state = $9, end_reason = CASE WHEN $9 = 'ended' THEN $4 END,
    answered_at = s.answered_at, ended_at = s.ended_at
  FROM stepped s WHERE c.call_id = s.call_id
  RETURNING c.answered_at, c.ended_at, c.livekit_room`;
const STEP_ON = stepSql(`UPDATE open_invitations o SET due_at = s.media_deadline_at
  FROM stepped s WHERE o.invitation_id = s.invitation_id`);
const STEP_TO_END = stepSql(
  `DELETE FROM open_invitations o USING stepped s WHERE o.invitation_id = s.invitation_id`,
);

async function transition(
  tx: Tx,
  invitationId: InvitationId,
  patch: InvitationPatch,
): Promise<StepEffect | null> {
  const { step, answer } = patch;
  const ends = step.callState === 'ended';
  const rows = await query<{ answered_at: Date | null; ended_at: Date | null; livekit_room: string | null }>(
    tx,
    ends ? 'invitation-end' : 'invitation-step',
    ends ? STEP_TO_END : STEP_ON,
    [
      invitationId,
      patch.from,
      step.to,
      step.reason,
      patch.mergedIntoCallId ?? null,
      answer?.endpointId ?? null,
      answer?.key ?? null,
      answer?.mediaTimeoutSeconds ?? null,
      step.callState,
      patch.beforeDeadline,
      patch.onlyWithoutMedia,
    ],
  );
  const row = rows[0];
  if (row === undefined) return null;
  return { answeredAt: row.answered_at, endedAt: row.ended_at, livekitRoom: row.livekit_room };
}

const OPEN_CALLS = `open_invitations o JOIN call_invitations i USING (invitation_id)
  JOIN cross_app_calls c ON c.call_id = i.call_id`;

async function findOverdueInvitations(
  pool: pg.Pool,
  limit: number,
): Promise<{ ringing: InvitationId[]; media: InvitationId[] }> {
  const rows = await query<{ invitation_id: InvitationId; state: string }>(
    pool,
    'invitations-overdue',
    `SELECT o.invitation_id, i.state FROM open_invitations o JOIN call_invitations i USING (invitation_id)
     WHERE o.due_at <= now() AND i.state IN ('ringing', 'answered') ORDER BY o.due_at LIMIT 2 * $1`,
    [limit],
  );
  const ids = (state: string) => rows.filter((row) => row.state === state).map((row) => row.invitation_id);
  return { ringing: ids('ringing'), media: ids('answered') };
}

async function findRingingInvitations(pool: pg.Pool, personId: PersonId): Promise<InvitationId[]> {
  const rows = await query<{ invitation_id: InvitationId }>(
    pool,
    'invitations-ringing',
    `SELECT invitation_id FROM call_invitations i
     WHERE ${records.RINGING} AND deadline_at > now() AND NOT screened`,
    [personId],
  );
  return rows.map((row) => row.invitation_id);
}

async function findOpenInvitations(pool: pg.Pool, endpointId: EndpointId): Promise<InvitationId[]> {
  const rows = await query<{ invitation_id: InvitationId }>(
    pool,
    'invitations-open',
    `SELECT i.invitation_id FROM ${OPEN_CALLS}
     WHERE c.caller_endpoint_id = $1 OR i.answered_by_endpoint_id = $1`,
    [endpointId],
  );
  return rows.map((row) => row.invitation_id);
}

async function claimRoom(tx: Tx, callId: CallId, room: string): Promise<string | null> {
  const rows = await query<{ livekit_room: string }>(
    tx,
    'call-claim-room',
    `UPDATE cross_app_calls SET livekit_room = coalesce(livekit_room, $2)
     WHERE call_id = $1 AND state = 'active' RETURNING livekit_room`,
    [callId, room],
  );
  return rows[0]?.livekit_room ?? null;
}

async function setPresence(
  tx: Tx,
  callId: CallId,
  presence: { readonly caller?: boolean; readonly callee?: boolean },
  mediaTimeoutSeconds: number,
): Promise<void> {
  // The invitation first, as everywhere: transactions that lock both rows lock them in this order.
  await query(tx, 'call-presence-lock', 'SELECT 1 FROM call_invitations WHERE call_id = $1 FOR UPDATE', [
    callId,
  ]);
  await query(
    tx,
    'call-presence',
    `WITH present AS (
       UPDATE cross_app_calls SET
         caller_joined_at = CASE WHEN $2::boolean IS NULL THEN caller_joined_at WHEN $2 THEN coalesce(caller_joined_at, now()) END,
         callee_joined_at = CASE WHEN $3::boolean IS NULL THEN callee_joined_at WHEN $3 THEN coalesce(callee_joined_at, now()) END,
         media_established_at = coalesce(media_established_at, CASE
           WHEN coalesce($2, caller_joined_at IS NOT NULL) AND coalesce($3, callee_joined_at IS NOT NULL) THEN now() END)
       WHERE call_id = $1
       RETURNING call_id, caller_joined_at IS NOT NULL AND callee_joined_at IS NOT NULL AS both_there
     ), awaited AS (
       UPDATE call_invitations i SET media_deadline_at = CASE WHEN NOT p.both_there
         THEN coalesce(i.media_deadline_at, now() + make_interval(secs => $4)) END
       FROM present p WHERE i.call_id = p.call_id AND i.state = 'answered'
       RETURNING i.invitation_id, i.media_deadline_at
     )
     UPDATE open_invitations o SET due_at = a.media_deadline_at
     FROM awaited a WHERE o.invitation_id = a.invitation_id`,
    [callId, presence.caller ?? null, presence.callee ?? null, mediaTimeoutSeconds],
  );
}

async function listActiveRooms(pool: pg.Pool): Promise<{ room: string; bothThere: boolean }[]> {
  const rows = await query<{ room: string; both_there: boolean }>(
    pool,
    'calls-active-rooms',
    `SELECT livekit_room AS room, caller_joined_at IS NOT NULL AND callee_joined_at IS NOT NULL AS both_there
     FROM ${OPEN_CALLS} WHERE c.state = 'active' AND livekit_room IS NOT NULL`,
    [],
  );
  return rows.map((row) => ({ room: row.room, bothThere: row.both_there }));
}
