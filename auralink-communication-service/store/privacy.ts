/** Privacy settings, blocks, and how one person stands before another, in PostgreSQL. */
import type pg from 'pg';
import type {
  Beheld,
  PrivacyStore,
  Relation,
  SilencedRing,
} from '../auralink-modules/auraid/ports-privacy.ts';
import type { Rules, Viewer } from '../auralink-modules/auraid/privacy.ts';
import { PROCESS_STALE_SECONDS } from '../auralink-modules/endpoints/model.ts';
import type { AuraId, PersonId, UserId } from '../core/ids.ts';
import type { Tx } from '../core/unit-of-work.ts';
import { lockPair } from './calls.ts';
import { RINGING } from './call-records.ts';
import { query } from './db.ts';
import {
  blockedSql,
  neededSql,
  RULES_COLUMNS,
  type RulesRow,
  rulesOf,
  standingSql,
  viewerSql,
} from './privacy-sql.ts';

export function privacyStore(pool: pg.Pool): PrivacyStore {
  return {
    getRules: (personId, tx) => getRules(tx ?? pool, personId),
    setRules,
    lockPair,
    getRelation,
    behold: (viewer, people) => behold(pool, viewer, people),
    addBlock,
    findBlocked: (personId, as) => findBlocked(pool, personId, as),
    removeBlock,
    countBlocks,
    listBlocks: (personId) => listBlocks(pool, personId),
    screenRinging,
    findBlockers: (viewer, accounts) => findBlockers(pool, viewer, accounts),
    findMapped: async (accounts) => {
      const sql = 'SELECT matrix_user_id FROM matrix_user_mappings WHERE matrix_user_id = ANY ($1)';
      const rows = await query<{ matrix_user_id: UserId }>(pool, 'matrix-mapped', sql, [accounts]);
      return new Set(rows.map((row) => row.matrix_user_id));
    },
  };
}

/** Until the end of the transaction nobody else changes or counts what is hers. */
export async function lockOwner(tx: Tx, personId: PersonId): Promise<void> {
  const sql = 'SELECT FROM aura_id_registry WHERE person_id = $1 FOR NO KEY UPDATE';
  await query(tx, 'owner-lock', sql, [personId]);
}

async function getRules(on: pg.Pool | Tx, personId: PersonId): Promise<Rules> {
  const sql = `SELECT ${RULES_COLUMNS} FROM aura_id_registry r JOIN person_privacy p USING (person_id)
    WHERE r.person_id = $1`;
  const [row] = await query<pg.QueryResultRow & RulesRow>(on, 'privacy-rules', sql, [personId]);
  if (row === undefined) throw new Error('a person has no privacy settings');
  return rulesOf(row);
}

async function setRules(
  tx: Tx,
  personId: PersonId,
  patch: Partial<Rules>,
): Promise<{ before: Rules; after: Rules }> {
  // Only a change of the whole profile touches the registry's row; it is locked either way, before all else.
  await lockOwner(tx, personId);
  const before = await getRules(tx, personId);
  if (patch.profile !== undefined) {
    const sql = 'UPDATE aura_id_registry SET visibility = $2, updated_at = now() WHERE person_id = $1';
    await query(tx, 'privacy-set-profile', sql, [personId, patch.profile]);
  }
  await query(
    tx,
    'privacy-set',
    `UPDATE person_privacy SET
       show_name = coalesce($2, show_name), show_picture = coalesce($3, show_picture),
       show_about = coalesce($4, show_about), show_verifications = coalesce($5, show_verifications),
       show_apps = coalesce($6, show_apps), show_presence = coalesce($7, show_presence),
       may_call = coalesce($8, may_call), may_message = coalesce($9, may_message),
       find_by_email = coalesce($10, find_by_email), find_by_phone = coalesce($11, find_by_phone),
       show_number = coalesce($12, show_number), updated_at = now()
     WHERE person_id = $1`,
    [
      personId,
      patch.name ?? null,
      patch.picture ?? null,
      patch.about ?? null,
      patch.verifications ?? null,
      patch.apps ?? null,
      patch.presence ?? null,
      patch.call ?? null,
      patch.message ?? null,
      patch.findByEmail ?? null,
      patch.findByPhone ?? null,
      patch.number ?? null,
    ],
  );
  return { before, after: await getRules(tx, personId) };
}

const RELATION = `
  SELECT ${RULES_COLUMNS}, ${viewerSql(standingSql('$1::uuid', 'r.person_id'))} AS viewer,
    ${blockedSql('r.person_id', '$1')} AS you_blocked
  FROM aura_id_registry r JOIN person_privacy p USING (person_id) WHERE r.person_id = $2`;

async function getRelation(tx: Tx, asker: PersonId, other: PersonId): Promise<Relation> {
  const rows = await query<pg.QueryResultRow & RulesRow & { viewer: Viewer; you_blocked: number }>(
    tx,
    'privacy-relation',
    RELATION,
    [asker, other],
  );
  const row = rows[0];
  if (row === undefined) throw new Error('a person has no privacy settings');
  return { viewer: row.viewer, rules: rulesOf(row), youBlocked: row.you_blocked === 1 };
}

/**
 * What is shown of `wanted.person_id` to `viewer`, an SQL expression; `wanted` is what gives both, `columns` what else of
 * it is read. `beheldOf` reads it. An envelope leaves the database only for those who see what is in it: hidden ones cost
 * no time, however long.
 */
export const factsSql = (wanted: string, viewer: string, columns = ''): string => `
  SELECT ${columns}r.person_id, r.aura_id, r.display_name, ${RULES_COLUMNS},
    ${viewerSql('v.standing')} AS viewer,
    EXISTS (SELECT FROM endpoints e JOIN endpoint_sockets s USING (endpoint_id) JOIN service_processes sp USING (process_id)
            WHERE e.person_id = r.person_id AND e.revoked_at IS NULL
              AND sp.heartbeat_at > now() - make_interval(secs => ${PROCESS_STALE_SECONDS}) OFFSET 0) AS online,
    ARRAY (SELECT DISTINCT v.level FROM aura_id_verifications v
           WHERE v.person_id = r.person_id AND v.state = 'verified'
             AND (v.expires_at IS NULL OR v.expires_at > now()) ORDER BY 1) AS verified,
    ARRAY (SELECT DISTINCT e.app_id FROM endpoints e
           WHERE e.person_id = r.person_id AND e.revoked_at IS NULL AND 'call.receive' = ANY (e.scopes) ORDER BY 1) AS apps,
    EXISTS (SELECT FROM personal_fields f WHERE f.person_id = r.person_id AND f.kind = 'picture' OFFSET 0) AS has_picture,
    CASE WHEN ${neededSql('r.visibility', 'p.show_about')} <= v.standing THEN about.envelope END AS about_envelope,
    about.field_id AS about_field_id,
    CASE WHEN ${neededSql('r.visibility', 'p.show_number')} <= v.standing THEN number.envelope END AS number_envelope,
    number.field_id AS number_field_id
  FROM ${wanted}
  JOIN aura_id_registry r USING (person_id) JOIN person_privacy p USING (person_id)
  CROSS JOIN LATERAL (SELECT ${standingSql(viewer, 'r.person_id')} AS standing OFFSET 0) v
  LEFT JOIN LATERAL (SELECT f.envelope, f.field_id FROM personal_fields f
    WHERE f.person_id = r.person_id AND f.kind = 'about' LIMIT 1) about ON true
  LEFT JOIN LATERAL (SELECT f.envelope, f.field_id FROM personal_fields f
    WHERE f.person_id = r.person_id AND f.kind = 'phone' ORDER BY f.field_id LIMIT 1) number ON true
  WHERE r.state = 'active'`;
const FACTS = factsSql('unnest($2::uuid[]) AS wanted (person_id)', '$1::uuid');

export interface FactsRow extends pg.QueryResultRow, RulesRow {
  person_id: PersonId;
  aura_id: AuraId;
  display_name: string | null;
  viewer: Viewer;
  online: boolean;
  verified: string[];
  apps: string[];
  has_picture: boolean;
  about_envelope: Buffer | null;
  about_field_id: string | null;
  number_envelope: Buffer | null;
  number_field_id: string | null;
}

async function behold(
  pool: pg.Pool,
  viewer: PersonId,
  people: readonly PersonId[],
): Promise<Map<PersonId, Beheld>> {
  if (people.length === 0) return new Map();
  const rows = await query<FactsRow>(pool, 'privacy-behold', FACTS, [viewer, people]);
  return new Map(rows.map((row) => [row.person_id, beheldOf(row)]));
}

export function beheldOf(row: FactsRow): Beheld {
  return {
    viewer: row.viewer,
    facts: {
      personId: row.person_id,
      auraId: row.aura_id,
      displayName: row.display_name,
      rules: rulesOf(row),
      online: row.online,
      verified: row.verified,
      apps: row.apps,
      hasPicture: row.has_picture,
      aboutEnvelope: row.about_envelope,
      aboutFieldId: row.about_field_id,
      numberEnvelope: row.number_envelope,
      numberFieldId: row.number_field_id,
    },
  };
}

async function addBlock(tx: Tx, personId: PersonId, blocked: PersonId, as: AuraId): Promise<boolean> {
  const sql = `INSERT INTO person_blocks (person_id, blocked_person_id, blocked_as) VALUES ($1, $2, $3)
    ON CONFLICT DO NOTHING RETURNING person_id`;
  return (await query(tx, 'block-add', sql, [personId, blocked, as])).length > 0;
}

async function findBlocked(pool: pg.Pool, personId: PersonId, as: AuraId): Promise<PersonId | null> {
  const sql = `SELECT blocked_person_id AS person_id FROM person_blocks WHERE person_id = $1 AND blocked_as = $2
    ORDER BY created_at DESC LIMIT 1`;
  return (
    (await query<{ person_id: PersonId }>(pool, 'block-by-address', sql, [personId, as]))[0]?.person_id ??
    null
  );
}

async function removeBlock(tx: Tx, personId: PersonId, blocked: PersonId): Promise<boolean> {
  const sql = 'DELETE FROM person_blocks WHERE person_id = $1 AND blocked_person_id = $2 RETURNING person_id';
  return (await query(tx, 'block-remove', sql, [personId, blocked])).length > 0;
}

async function countBlocks(tx: Tx, personId: PersonId): Promise<number> {
  const sql = 'SELECT count(*)::int AS n FROM person_blocks WHERE person_id = $1';
  return (await query<{ n: number }>(tx, 'block-count', sql, [personId]))[0]?.n ?? 0;
}

async function listBlocks(pool: pg.Pool, personId: PersonId): Promise<{ auraId: AuraId; since: Date }[]> {
  const rows = await query<{ aura_id: AuraId; created_at: Date }>(
    pool,
    'block-list',
    `SELECT b.blocked_as AS aura_id, b.created_at FROM person_blocks b JOIN aura_id_registry r ON r.person_id = b.blocked_person_id
     WHERE b.person_id = $1 AND r.state IN ('active', 'suspended') ORDER BY b.created_at DESC`,
    [personId],
  );
  return rows.map((row) => ({ auraId: row.aura_id, since: row.created_at }));
}

/** Locks the invitations by id, as everybody who changes several does. */
async function screenRinging(tx: Tx, callee: PersonId, caller: PersonId): Promise<SilencedRing[]> {
  const rows = await query<{
    ring_id: SilencedRing['ringId'];
    endpoint_id: SilencedRing['endpointId'];
    invitation_id: SilencedRing['invitationId'];
    call_id: SilencedRing['callId'];
  }>(
    tx,
    'invitations-screen',
    `WITH locked AS MATERIALIZED (
       SELECT i.invitation_id, i.call_id FROM call_invitations i JOIN cross_app_calls c USING (call_id)
       WHERE ${RINGING} AND c.caller_person_id = $2
       ORDER BY i.invitation_id FOR UPDATE OF i
     ), screened AS (
       UPDATE call_invitations SET screened = true WHERE invitation_id = ANY (ARRAY (SELECT invitation_id FROM locked))
     )
     UPDATE call_rings r SET state = 'stopped', stopped_at = now(), failover_at = NULL, stop_reason = 'timeout'
     FROM locked l WHERE r.invitation_id = l.invitation_id AND r.state <> 'stopped'
     RETURNING r.ring_id, r.endpoint_id, r.invitation_id, l.call_id`,
    [callee, caller],
  );
  return rows.map((row) => ({
    ringId: row.ring_id,
    endpointId: row.endpoint_id,
    invitationId: row.invitation_id,
    callId: row.call_id,
  }));
}

async function findBlockers(
  pool: pg.Pool,
  viewer: UserId,
  accounts: readonly UserId[],
): Promise<Set<UserId>> {
  const rows = await query<{ matrix_user_id: UserId }>(
    pool,
    'matrix-blockers',
    `SELECT m.matrix_user_id FROM unnest($2::text[]) AS asked (matrix_user_id)
     JOIN matrix_user_mappings m USING (matrix_user_id)
     WHERE EXISTS (SELECT FROM person_blocks b WHERE b.person_id = m.person_id AND b.blocked_person_id =
       (SELECT v.person_id FROM matrix_user_mappings v WHERE v.matrix_user_id = $1))`,
    [viewer, accounts],
  );
  return new Set(rows.map((row) => row.matrix_user_id));
}
