/** Reading calls: one SELECT shape for all of them, mapped once from rows to the room's types. */
import type pg from 'pg';
import type {
  CallState,
  EndReason,
  InvitationState,
  Media,
  Ring,
  StopReason,
} from '../auralink-modules/calls/model.ts';
import type { CallRecord, HistoryViewer } from '../auralink-modules/calls/ports.ts';
import type {
  AppId,
  AuraId,
  CallId,
  DeviceKey,
  EndpointId,
  InvitationId,
  PersonId,
  RingId,
} from '../core/ids.ts';
import { RING_TIMEOUT_MAX_SECONDS } from '../core/bounds.ts';
import type { Tx } from '../core/unit-of-work.ts';
import { query } from './db.ts';
import { showsNameSql } from './privacy-sql.ts';

export interface RecordRow extends pg.QueryResultRow {
  call_id: CallId;
  caller_person_id: PersonId;
  caller_aura_id: AuraId;
  caller_endpoint_id: EndpointId;
  caller_app_id: AppId;
  media: Media;
  call_state: CallState;
  end_reason: EndReason | null;
  livekit_room: string | null;
  media_established_at: Date | null;
  created_at: Date;
  answered_at: Date | null;
  ended_at: Date | null;
  invitation_id: InvitationId;
  callee_person_id: PersonId;
  callee_aura_id: AuraId;
  invitation_state: InvitationState;
  reason: EndReason | null;
  deadline_at: Date;
  answered_by_endpoint_id: EndpointId | null;
  answer_key: string | null;
  merged_into_call_id: CallId | null;
  alerting_at: Date | null;
  caller_display_name: string | null;
  callee_display_name: string | null;
  app_name: string;
  app_icon: string;
}

/** A caller shows her name by calling, unless she shows it to nobody. */
export function callerNameSql(registryAlias: string, privacyAlias: string): string {
  return `CASE WHEN ${registryAlias}.visibility <> 'private' AND ${privacyAlias}.show_name <> 'private'
    THEN ${registryAlias}.display_name END`;
}

/** A callee's name is shown to a caller whom her rules let see it. */
export const RECORD_COLUMNS = `
  c.call_id, c.caller_person_id, c.caller_aura_id, c.caller_endpoint_id, c.caller_app_id, c.media,
  c.state AS call_state, c.end_reason, c.livekit_room, c.media_established_at, c.created_at, c.answered_at, c.ended_at,
  i.invitation_id, i.callee_person_id, i.callee_aura_id, i.state AS invitation_state, i.reason, i.deadline_at,
  i.answered_by_endpoint_id, i.answer_key, i.merged_into_call_id, i.alerting_at,
  ${callerNameSql('caller', 'caller_privacy')} AS caller_display_name,
  CASE WHEN ${showsNameSql('c.caller_person_id', 'i.callee_person_id', 'callee_privacy', 'callee')}
    THEN callee.display_name END AS callee_display_name,
  a.name AS app_name, a.icon AS app_icon`;

export const RECORD_JOINS = `
  cross_app_calls c
  JOIN call_invitations i ON i.call_id = c.call_id
  JOIN aura_id_registry caller ON caller.person_id = c.caller_person_id
  JOIN person_privacy caller_privacy ON caller_privacy.person_id = c.caller_person_id
  JOIN aura_id_registry callee ON callee.person_id = i.callee_person_id
  JOIN person_privacy callee_privacy ON callee_privacy.person_id = i.callee_person_id
  JOIN apps a ON a.app_id = c.caller_app_id`;

/** Invitation i rings for person $1. By the index of a callee's calls: none rings for longer than the bound. */
export const RINGING = `i.callee_person_id = $1 AND i.state = 'ringing'
  AND i.created_at > now() - make_interval(secs => ${RING_TIMEOUT_MAX_SECONDS})`;

export function toRecord(row: RecordRow): CallRecord {
  return {
    call: {
      callId: row.call_id,
      callerPersonId: row.caller_person_id,
      callerAuraId: row.caller_aura_id,
      callerEndpointId: row.caller_endpoint_id,
      callerAppId: row.caller_app_id,
      media: row.media,
      state: row.call_state,
      endReason: row.end_reason,
      livekitRoom: row.livekit_room,
      mediaEstablished: row.media_established_at !== null,
      createdAt: row.created_at,
      answeredAt: row.answered_at,
      endedAt: row.ended_at,
    },
    invitation: {
      invitationId: row.invitation_id,
      callId: row.call_id,
      calleePersonId: row.callee_person_id,
      calleeAuraId: row.callee_aura_id,
      state: row.invitation_state,
      reason: row.reason,
      deadlineAt: row.deadline_at,
      answeredByEndpointId: row.answered_by_endpoint_id,
      answerKey: row.answer_key,
      mergedIntoCallId: row.merged_into_call_id,
      alerting: row.alerting_at !== null,
    },
    callerDisplayName: row.caller_display_name,
    calleeDisplayName: row.callee_display_name,
    callerApp: { appId: row.caller_app_id, name: row.app_name, icon: row.app_icon },
  };
}

async function findOne(on: Tx, name: string, where: string, value: string): Promise<CallRecord | null> {
  const sql = `SELECT ${RECORD_COLUMNS} FROM ${RECORD_JOINS} WHERE ${where}`;
  const rows = await query<RecordRow>(on, name, sql, [value]);
  return rows[0] === undefined ? null : toRecord(rows[0]);
}

export const findRecord = (tx: Tx, callId: CallId): Promise<CallRecord | null> =>
  findOne(tx, 'record-by-call', 'c.call_id = $1', callId);

export const findRecordByInvitation = (tx: Tx, invitationId: InvitationId): Promise<CallRecord | null> =>
  findOne(tx, 'record-by-invitation', 'i.invitation_id = $1', invitationId);

export async function listRecords(tx: Tx, invitationIds: readonly InvitationId[]): Promise<CallRecord[]> {
  if (invitationIds.length === 0) return [];
  const sql = `SELECT ${RECORD_COLUMNS} FROM ${RECORD_JOINS} WHERE i.invitation_id = ANY ($1)`;
  return (await query<RecordRow>(tx, 'records-by-invitation', sql, [invitationIds])).map(toRecord);
}

export const findRecordByRoom = (tx: Tx, room: string): Promise<CallRecord | null> =>
  findOne(tx, 'record-by-room', 'c.livekit_room = $1', room);

interface RingRow extends RecordRow {
  ring_id: RingId;
  ring_endpoint_id: EndpointId;
  device_key: DeviceKey;
  rank: number;
  ring_state: Ring['state'];
  stop_reason: StopReason | null;
}

export async function findRing(tx: Tx, ringId: RingId): Promise<{ ring: Ring; record: CallRecord } | null> {
  const rows = await query<RingRow>(
    tx,
    'ring-with-record',
    `SELECT ${RECORD_COLUMNS}, r.ring_id, r.endpoint_id AS ring_endpoint_id, r.device_key, r.rank,
            r.state AS ring_state, r.stop_reason
     FROM ${RECORD_JOINS} JOIN call_rings r ON r.invitation_id = i.invitation_id
     WHERE r.ring_id = $1`,
    [ringId],
  );
  const row = rows[0];
  if (row === undefined) return null;
  const ring: Ring = {
    ringId: row.ring_id,
    invitationId: row.invitation_id,
    endpointId: row.ring_endpoint_id,
    deviceKey: row.device_key,
    rank: row.rank,
    state: row.ring_state,
    stopReason: row.stop_reason,
  };
  return { ring, record: toRecord(row) };
}

/**
 * Newest first: calls that she placed and calls that she was invited to, each list from its own index. A call that
 * still goes on is there only for the endpoint that takes part in it: an app never sees another app's ring or call.
 */
export async function history(
  pool: pg.Pool,
  viewer: HistoryViewer,
  before: CallId | null,
  limit: number,
): Promise<CallRecord[]> {
  const rows = await query<RecordRow>(
    pool,
    'call-history',
    `WITH before AS (
       SELECT created_at, call_id FROM cross_app_calls WHERE call_id = $3
     ), placed AS (
       SELECT call_id, created_at FROM cross_app_calls
       WHERE caller_person_id = $1 AND (state = 'ended' OR caller_endpoint_id = $2)
         AND ($3::uuid IS NULL OR (created_at, call_id) < (SELECT created_at, call_id FROM before))
       ORDER BY created_at DESC, call_id DESC LIMIT $4
     ), received AS (
       SELECT call_id, created_at FROM call_invitations
       WHERE callee_person_id = $1 AND (ended_at IS NOT NULL OR answered_by_endpoint_id = $2) AND NOT screened
         AND ($3::uuid IS NULL OR (created_at, call_id) < (SELECT created_at, call_id FROM before))
       ORDER BY created_at DESC, call_id DESC LIMIT $4
     )
     SELECT ${RECORD_COLUMNS} FROM ${RECORD_JOINS}
     JOIN (SELECT * FROM placed UNION SELECT * FROM received) m ON m.call_id = c.call_id
     ORDER BY c.created_at DESC, c.call_id DESC LIMIT $4`,
    [viewer.personId, viewer.endpointId, before, limit],
  );
  return rows.map(toRecord);
}
