/** Invite codes in PostgreSQL: only a code's hash is kept, and one conditional UPDATE counts a use. */
import type pg from 'pg';
import type { InviteStore, StoredInvite } from '../auralink-modules/auraid/ports-privacy.ts';
import type { InviteId, PersonId } from '../core/ids.ts';
import type { Tx } from '../core/unit-of-work.ts';
import { query } from './db.ts';

export function inviteStore(pool: pg.Pool): InviteStore {
  return {
    countLive,
    insert: async (tx, invite) => {
      await query(
        tx,
        'invite-insert',
        `INSERT INTO invite_codes (invite_id, code_hash, person_id, label_envelope, uses_max, expires_at)
         VALUES ($1, $2, $3, $4, $5, now() + make_interval(hours => $6))`,
        [
          invite.inviteId,
          invite.codeHash,
          invite.personId,
          invite.label,
          invite.usesMax,
          invite.expiresInHours,
        ],
      );
    },
    list: (personId, limit) => list(pool, personId, limit),
    findByCode: (codeHash) => findByCode(pool, codeHash),
    hasUsed: async (tx, inviteId, personId) => {
      const sql = 'SELECT FROM invite_uses WHERE invite_id = $1 AND person_id = $2';
      return (await query(tx, 'invite-has-used', sql, [inviteId, personId])).length > 0;
    },
    use,
    revoke: async (tx, inviteId, personId) => {
      const sql = `UPDATE invite_codes SET revoked_at = now()
        WHERE invite_id = $1 AND person_id = $2 AND revoked_at IS NULL RETURNING invite_id`;
      return (await query(tx, 'invite-revoke', sql, [inviteId, personId])).length > 0;
    },
    prune: async (days, limit) => {
      const sql = `DELETE FROM invite_codes WHERE invite_id = ANY (ARRAY (
          SELECT invite_id FROM invite_codes WHERE expires_at < now() - make_interval(days => $1)
          ORDER BY expires_at LIMIT $2)) RETURNING invite_id`;
      return (await query(pool, 'invites-prune', sql, [days, limit])).length;
    },
  };
}

async function countLive(tx: Tx, personId: PersonId): Promise<number> {
  const sql = `SELECT count(*)::int AS n FROM invite_codes
    WHERE person_id = $1 AND revoked_at IS NULL AND expires_at > now() AND uses < uses_max`;
  return (await query<{ n: number }>(tx, 'invites-count', sql, [personId]))[0]?.n ?? 0;
}

async function list(pool: pg.Pool, personId: PersonId, limit: number): Promise<StoredInvite[]> {
  const rows = await query<{
    invite_id: InviteId;
    label_envelope: Buffer | null;
    uses_max: number;
    uses: number;
    created_at: Date;
    expires_at: Date;
    revoked_at: Date | null;
  }>(
    pool,
    'invites-list',
    `SELECT invite_id, label_envelope, uses_max, uses, created_at, expires_at, revoked_at FROM invite_codes
     WHERE person_id = $1 ORDER BY invite_id DESC LIMIT $2`,
    [personId, limit],
  );
  return rows.map((row) => ({
    inviteId: row.invite_id,
    personId,
    labelEnvelope: row.label_envelope,
    usesMax: row.uses_max,
    uses: row.uses,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
  }));
}

async function findByCode(
  pool: pg.Pool,
  codeHash: Buffer,
): Promise<{ inviteId: InviteId; personId: PersonId } | null> {
  const rows = await query<{ invite_id: InviteId; person_id: PersonId }>(
    pool,
    'invite-by-code',
    `SELECT i.invite_id, i.person_id FROM invite_codes i JOIN aura_id_registry r USING (person_id)
     WHERE i.code_hash = $1 AND i.revoked_at IS NULL AND i.expires_at > now() AND r.state = 'active'`,
    [codeHash],
  );
  const row = rows[0];
  return row === undefined ? null : { inviteId: row.invite_id, personId: row.person_id };
}

async function use(tx: Tx, inviteId: InviteId, personId: PersonId): Promise<boolean> {
  const rows = await query(
    tx,
    'invite-use',
    `WITH counted AS (
       UPDATE invite_codes SET uses = uses + 1
       WHERE invite_id = $1 AND revoked_at IS NULL AND expires_at > now() AND uses < uses_max RETURNING invite_id
     )
     INSERT INTO invite_uses (invite_id, person_id) SELECT invite_id, $2 FROM counted RETURNING invite_id`,
    [inviteId, personId],
  );
  return rows.length > 0;
}
