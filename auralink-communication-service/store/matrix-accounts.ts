/** Which Matrix accounts are whose, in PostgreSQL. */
import type pg from 'pg';
import type { ShownInMatrix } from '../auralink-modules/auraid/matrix-profile.ts';
import type { AccountStore, MatrixAccount, OwnName } from '../auralink-modules/auraid/ports-names.ts';
import type { AuraId, PersonId, UserId } from '../core/ids.ts';
import { query } from './db.ts';

interface AccountRow {
  matrix_user_id: UserId;
  is_primary: boolean;
  attached_by: MatrixAccount['attachedBy'];
  created_at: Date;
}

const COLUMNS = 'matrix_user_id, is_primary, attached_by, created_at';

function accountOf(row: AccountRow): MatrixAccount {
  return {
    userId: row.matrix_user_id,
    primary: row.is_primary,
    attachedBy: row.attached_by,
    since: row.created_at,
  };
}

function shownOf(row: ShownRow): ShownInMatrix {
  return { displayName: row.shown_name, avatarUrl: row.shown_picture_url };
}

export function accountStore(pool: pg.Pool): AccountStore {
  return { ...reads(pool), ...writes };
}

function reads(pool: pg.Pool): Pick<AccountStore, 'list' | 'findOwner' | 'count' | 'find' | 'findPrimary'> {
  return {
    async list(personId) {
      const rows = await query<AccountRow>(
        pool,
        'accounts-list',
        `SELECT ${COLUMNS} FROM matrix_user_mappings WHERE person_id = $1 AND state = 'active'
         ORDER BY is_primary DESC, created_at`,
        [personId],
      );
      return rows.map(accountOf);
    },

    async findOwner(tx, userId) {
      const [row] = await query<{ person_id: PersonId; state: OwnName['state']; aura_id: AuraId }>(
        tx,
        'account-owner',
        `SELECT r.person_id, r.state, r.aura_id FROM matrix_user_mappings m
         JOIN aura_id_registry r USING (person_id) WHERE m.matrix_user_id = $1 FOR UPDATE OF r`,
        [userId],
      );
      return row === undefined ? null : { personId: row.person_id, state: row.state, auraId: row.aura_id };
    },

    async count(tx, personId) {
      const [row] = await query<{ count: number }>(
        tx,
        'accounts-count',
        'SELECT count(*) AS count FROM matrix_user_mappings WHERE person_id = $1',
        [personId],
      );
      return row?.count ?? 0;
    },

    async find(tx, personId, userId) {
      const [row] = await query<AccountRow>(
        tx,
        'account-find',
        `SELECT ${COLUMNS} FROM matrix_user_mappings
         WHERE matrix_user_id = $2 AND person_id = $1 AND state = 'active'`,
        [personId, userId],
      );
      return row === undefined ? null : accountOf(row);
    },

    async findPrimary(personId) {
      const [row] = await query<{ matrix_user_id: UserId }>(
        pool,
        'account-primary',
        'SELECT matrix_user_id FROM matrix_user_mappings WHERE person_id = $1 AND is_primary',
        [personId],
      );
      return row?.matrix_user_id ?? null;
    },
  };
}

/** Locks the rows first, so that what a write notes at the same time is either returned or refused. */
const FORGET_SHOWN = `WITH was AS (
    SELECT matrix_user_id, shown_name, shown_picture_url FROM matrix_user_mappings WHERE person_id = $1 FOR UPDATE
  )
  UPDATE matrix_user_mappings m SET shown_name = NULL, shown_picture_url = NULL, shown_picture_digest = NULL
  FROM was WHERE m.matrix_user_id = was.matrix_user_id
  RETURNING was.matrix_user_id, was.shown_name, was.shown_picture_url`;

interface ShownRow {
  matrix_user_id: UserId;
  shown_name: string | null;
  shown_picture_url: string | null;
}

const writes: Pick<AccountStore, 'attach' | 'makePrimary' | 'detach' | 'forgetShown'> = {
  async forgetShown(tx, personId) {
    const rows = await query<ShownRow>(tx, 'accounts-forget-shown', FORGET_SHOWN, [personId]);
    return rows.map((row) => ({ userId: row.matrix_user_id, shown: shownOf(row) }));
  },

  async attach(tx, personId, userId, attachedBy, primary) {
    const rows = await query(
      tx,
      'account-attach',
      `INSERT INTO matrix_user_mappings (matrix_user_id, person_id, state, is_primary, attached_by, activated_at)
       VALUES ($2, $1, 'active', $4, $3, now()) ON CONFLICT (matrix_user_id) DO NOTHING RETURNING matrix_user_id`,
      [personId, userId, attachedBy, primary],
    );
    return rows.length === 1;
  },

  async makePrimary(tx, personId, userId) {
    // Two statements: within one, the index of primary accounts could meet the new one before the old one has gone.
    await query(
      tx,
      'account-not-primary',
      'UPDATE matrix_user_mappings SET is_primary = false WHERE person_id = $1 AND is_primary',
      [personId],
    );
    await query(
      tx,
      'account-make-primary',
      `WITH chosen AS (
         UPDATE matrix_user_mappings SET is_primary = true WHERE matrix_user_id = $2 AND person_id = $1
         RETURNING person_id
       )
       UPDATE aura_id_registry r SET password_set_at = now(), updated_at = now()
       FROM chosen c WHERE r.person_id = c.person_id`,
      [personId, userId],
    );
  },

  async detach(tx, personId, userId) {
    const [row] = await query<ShownRow>(
      tx,
      'account-detach',
      `DELETE FROM matrix_user_mappings WHERE matrix_user_id = $2 AND person_id = $1 AND NOT is_primary
       RETURNING matrix_user_id, shown_name, shown_picture_url`,
      [personId, userId],
    );
    return row === undefined ? null : shownOf(row);
  },
};
