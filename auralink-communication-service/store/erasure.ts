/** Taking a person out of the database: her rows at once, her name in other people's calls a batch at a time. */
import type pg from 'pg';
import type { ErasureStore, OwnAccount } from '../auralink-modules/auraid/ports-leaving.ts';
import type { AuraId, PersonId, UserId } from '../core/ids.ts';
import type { Tx } from '../core/unit-of-work.ts';
import { query } from './db.ts';

/** What the Identity Service has of her Matrix accounts. */
function ownAccounts(table: string, column = 'matrix_user_id'): string {
  return `DELETE FROM ${table} WHERE ${column} = ANY (ARRAY (
    SELECT matrix_user_id FROM matrix_user_mappings WHERE person_id = $1))`;
}

/** Each deletes by an index; the data key goes first, and with it everything that it sealed, copies included. */
const DELETIONS: readonly (readonly [name: string, sql: string])[] = [
  ['key', 'DELETE FROM person_keys WHERE person_id = $1'],
  ['challenges', 'DELETE FROM verification_challenges WHERE person_id = $1'],
  ['verifications', 'DELETE FROM aura_id_verifications WHERE person_id = $1'],
  ['fields', 'DELETE FROM personal_fields WHERE person_id = $1'],
  ['notes', 'DELETE FROM contact_notes WHERE person_id = $1'],
  ['notes-about', 'DELETE FROM contact_notes WHERE contact_person_id = $1'],
  ['members', 'DELETE FROM contact_list_members WHERE contact_person_id = $1'],
  ['lists', 'DELETE FROM contact_lists WHERE person_id = $1'],
  ['friends', 'DELETE FROM friendships WHERE person_id = $1'],
  ['friends-of', 'DELETE FROM friendships WHERE friend_person_id = $1'],
  ['blocks', 'DELETE FROM person_blocks WHERE person_id = $1'],
  ['blocks-of', 'DELETE FROM person_blocks WHERE blocked_person_id = $1'],
  ['requests', 'DELETE FROM friend_requests WHERE from_person_id = $1'],
  ['requests-to', 'DELETE FROM friend_requests WHERE to_person_id = $1'],
  ['invites', 'DELETE FROM invite_codes WHERE person_id = $1'],
  ['invite-uses', 'DELETE FROM invite_uses WHERE person_id = $1'],
  ['codes', 'DELETE FROM sign_in_codes WHERE person_id = $1'],
  ['choices', 'DELETE FROM device_choices WHERE person_id = $1'],
  ['reviewer', 'DELETE FROM reviewer_roles WHERE person_id = $1'],
  ['own-apps', 'UPDATE apps SET owner_person_id = NULL WHERE owner_person_id = $1'],
  ['documents', 'DELETE FROM identity_documents WHERE person_id = $1'],
  ['claims', 'UPDATE identity_documents SET claimed_by = NULL, claimed_until = NULL WHERE claimed_by = $1'],
  ['trust', 'DELETE FROM trust_scores WHERE person_id = $1'],
  ['notifications', 'DELETE FROM notification_queue WHERE person_id = $1'],
  ['messages', 'DELETE FROM outgoing_messages WHERE person_id = $1'],
  ['identity-associations', ownAccounts('identity_associations')],
  ['identity-invites', ownAccounts('identity_invites', 'sender')],
  ['identity-invites-taken', ownAccounts('identity_invites', 'taken_by')],
  ['identity-sessions', ownAccounts('identity_sessions')],
  ['identity-tokens', ownAccounts('identity_tokens')],
  ['identity-terms', ownAccounts('identity_terms_accepted')],
  ['mappings', 'DELETE FROM matrix_user_mappings WHERE person_id = $1'],
];

const EMPTY_ROW = `UPDATE aura_id_registry SET state = 'erased', aura_id = $2, skeleton = 'gone:' || $1::uuid,
    display_name = NULL, visibility = 'private', registration_key = 'erased:' || $1::uuid,
    dashboard_user_id = NULL, password_set_at = NULL, ended_at = now(), updated_at = now()
  WHERE person_id = $1`;
const CLOSE_PRIVACY = `UPDATE person_privacy SET show_name = 'private', show_picture = 'private', show_about = 'private',
    show_verifications = 'private', show_apps = 'private', show_presence = 'private', may_call = 'private',
    may_message = 'private', find_by_email = 'private', find_by_phone = 'private', show_number = 'private',
    updated_at = now()
  WHERE person_id = $1`;

const FORGET_AS_CALLER = `UPDATE cross_app_calls SET caller_aura_id = (SELECT aura_id FROM aura_id_registry WHERE person_id = $1)
  WHERE call_id IN (SELECT call_id FROM cross_app_calls WHERE caller_person_id = $1
    AND caller_aura_id !~ '^@gone-[0-9a-f]{22}[.]aura$' LIMIT $2) RETURNING call_id`;
/** Also on which of her devices they rang. */
const FORGET_AS_CALLEE = `WITH forgotten AS (UPDATE call_invitations SET callee_aura_id = (SELECT aura_id FROM aura_id_registry WHERE person_id = $1)
  WHERE invitation_id IN (SELECT invitation_id FROM call_invitations WHERE callee_person_id = $1
    AND callee_aura_id !~ '^@gone-[0-9a-f]{22}[.]aura$' LIMIT $2) RETURNING invitation_id
  ), rings AS (
    UPDATE call_rings SET device_key = 'erased' WHERE invitation_id IN (SELECT invitation_id FROM forgotten)
  ) SELECT invitation_id FROM forgotten`;

export function erasureStore(pool: pg.Pool): ErasureStore {
  return { ...leaving, ...aftermath(pool) };
}

type Leaving =
  | 'lockActive'
  | 'lockReleased'
  | 'listAccounts'
  | 'listFriends'
  | 'emptyPerson'
  | 'begin'
  | 'finish';

/** Locks her row while `condition` holds. */
async function lockPerson(tx: Tx, name: string, condition: string, values: readonly unknown[]) {
  const [row] = await query<{ aura_id: AuraId; dashboard_user_id: string | null }>(
    tx,
    name,
    `SELECT aura_id, dashboard_user_id FROM aura_id_registry WHERE person_id = $1 AND ${condition} FOR UPDATE`,
    values,
  );
  return row === undefined ? null : { auraId: row.aura_id, dashboardUserId: row.dashboard_user_id };
}

const RELEASED_LONG_AGO = "state = 'released' AND ended_at < now() - make_interval(days => $2)";

const leaving: Pick<ErasureStore, Leaving> = {
  lockActive: (tx, personId) => lockPerson(tx, 'erasure-lock', "state = 'active'", [personId]),
  lockReleased: (tx, personId, days) =>
    lockPerson(tx, 'erasure-lock-released', RELEASED_LONG_AGO, [personId, days]),

  async listAccounts(tx, personId): Promise<OwnAccount[]> {
    const rows = await query<{
      matrix_user_id: UserId;
      attached_by: string;
      shown_name: string | null;
      shown_picture_url: string | null;
    }>(
      tx,
      'erasure-accounts',
      `SELECT matrix_user_id, attached_by, shown_name, shown_picture_url FROM matrix_user_mappings
       WHERE person_id = $1`,
      [personId],
    );
    return rows.map((row) => ({
      userId: row.matrix_user_id,
      provisioned: row.attached_by === 'provisioned',
      shown: { displayName: row.shown_name, avatarUrl: row.shown_picture_url },
    }));
  },

  async listFriends(tx, personId, limit) {
    const rows = await query<{ friend_person_id: PersonId }>(
      tx,
      'erasure-friends',
      'SELECT friend_person_id FROM friendships WHERE person_id = $1 ORDER BY friend_person_id LIMIT $2',
      [personId, limit],
    );
    return rows.map((row) => row.friend_person_id);
  },

  async emptyPerson(tx, personId, gone) {
    for (const [name, sql] of DELETIONS) await query(tx, `erasure-rows-${name}`, sql, [personId]);
    await query(tx, 'erasure-privacy', CLOSE_PRIVACY, [personId]);
    await query(tx, 'erasure-row', EMPTY_ROW, [personId, gone]);
  },

  async begin(tx, personId) {
    await query(
      tx,
      'erasure-begin',
      `INSERT INTO person_erasures (person_id, steps_done) VALUES ($1, '{rows,sessions}')`,
      [personId],
    );
  },

  async finish(tx: Tx, personId) {
    await query(tx, 'erasure-finish', 'UPDATE person_erasures SET done_at = now() WHERE person_id = $1', [
      personId,
    ]);
  },
};

function aftermath(pool: pg.Pool): Omit<ErasureStore, Leaving> {
  return {
    async listReleased(days, limit) {
      const sql = `SELECT person_id FROM aura_id_registry
        WHERE state = 'released' AND ended_at < now() - make_interval(days => $1) ORDER BY ended_at LIMIT $2`;
      const rows = await query<{ person_id: PersonId }>(pool, 'erasure-released', sql, [days, limit]);
      return rows.map((row) => row.person_id);
    },
    async findStepsDone(personId) {
      const [row] = await query<{ steps_done: string[] }>(
        pool,
        'erasure-steps',
        'SELECT steps_done FROM person_erasures WHERE person_id = $1 AND done_at IS NULL',
        [personId],
      );
      return row === undefined ? null : new Set(row.steps_done);
    },

    async stepDone(personId, step) {
      await query(
        pool,
        'erasure-step',
        `UPDATE person_erasures SET steps_done = array_append(steps_done, $2::text)
         WHERE person_id = $1 AND NOT $2::text = ANY(steps_done)`,
        [personId, step],
      );
    },

    async forgetInHistory(personId, limit) {
      const called = await query(pool, 'erasure-caller', FORGET_AS_CALLER, [personId, limit]);
      const was = await query(pool, 'erasure-callee', FORGET_AS_CALLEE, [personId, limit]);
      return called.length + was.length;
    },

    async deleteEvents(personId) {
      await query(
        pool,
        'erasure-events',
        'DELETE FROM endpoint_events v USING endpoints e WHERE e.person_id = $1 AND v.endpoint_id = e.endpoint_id',
        [personId],
      );
      // A browser's key would lead to whoever signs in on it next.
      await query(
        pool,
        'erasure-devices',
        `UPDATE endpoints SET user_agent = NULL, device_key = 'erased', focused_at = NULL, disconnected_at = NULL
         WHERE person_id = $1`,
        [personId],
      );
    },
  };
}
