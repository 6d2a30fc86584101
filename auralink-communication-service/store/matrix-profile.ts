/** What of a person Matrix may show, which is only what is public, and what was written into her accounts there. */
import type pg from 'pg';
import type { MatrixProfileStore, UploadedPicture } from '../auralink-modules/auraid/ports-privacy.ts';
import { AuraError } from '../core/errors.ts';
import type { PersonId, UserId } from '../core/ids.ts';
import { query } from './db.ts';

const WANTED = `SELECT
    CASE WHEN p.show_name = 'public' AND r.visibility = 'public' THEN r.display_name END AS display_name,
    f.field_id, f.envelope
  FROM aura_id_registry r JOIN person_privacy p USING (person_id)
  LEFT JOIN personal_fields f ON f.person_id = r.person_id AND f.kind = 'picture'
    AND p.show_picture = 'public' AND r.visibility = 'public'
  WHERE r.person_id = $1 AND r.state = 'active'`;
const ACCOUNTS = `SELECT matrix_user_id, shown_picture_url, shown_picture_digest FROM matrix_user_mappings
  WHERE person_id = $1 AND state = 'active' ORDER BY 1`;
const NOTE = `UPDATE matrix_user_mappings SET shown_name = $3, shown_picture_url = $4, shown_picture_digest = $5
  WHERE matrix_user_id = $2 AND person_id = $1 AND state = 'active'
    AND EXISTS (SELECT FROM aura_id_registry r WHERE r.person_id = $1 AND r.state = 'active')
  RETURNING matrix_user_id`;
const ATTACHED = `SELECT FROM matrix_user_mappings m JOIN aura_id_registry r USING (person_id)
  WHERE m.matrix_user_id = $1 AND r.state = 'active'`;

interface WantedRow extends pg.QueryResultRow {
  display_name: string | null;
  field_id: string | null;
  envelope: Buffer | null;
}

interface AccountRow extends pg.QueryResultRow {
  matrix_user_id: UserId;
  shown_picture_url: string | null;
  shown_picture_digest: Buffer | null;
}

export function matrixProfileStore(pool: pg.Pool): MatrixProfileStore {
  return {
    async find(personId) {
      const [row] = await query<WantedRow>(pool, 'matrix-profile', WANTED, [personId]);
      if (row === undefined) return null;
      const accounts = await query<AccountRow>(pool, 'matrix-profile-accounts', ACCOUNTS, [personId]);
      const { field_id: fieldId, envelope } = row;
      return {
        accounts: accounts.map((one) => ({ userId: one.matrix_user_id, picture: pictureOf(one) })),
        displayName: row.display_name,
        picture: fieldId === null || envelope === null ? null : { fieldId, envelope },
      };
    },
    async note(personId, userId, { displayName, picture }) {
      const values = [personId, userId, displayName, picture?.mxcUrl ?? null, picture?.digest ?? null];
      return (await query(pool, 'matrix-profile-note', NOTE, values)).length > 0;
    },
    alone: (personId, work) => alone(pool, personId, work),
    async isAttached(userId) {
      return (await query(pool, 'matrix-profile-attached', ATTACHED, [userId])).length > 0;
    },
  };
}

/** The lock is the session's, so that no transaction is open while the homeserver is asked. */
async function alone(pool: pg.Pool, personId: PersonId, work: () => Promise<void>): Promise<void> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    const lock = `SELECT pg_try_advisory_lock(hashtextextended('matrix-profile:' || $1, 0)) AS got`;
    const { rows } = await client.query({ name: 'matrix-profile-lock', text: lock, values: [personId] });
    if (rows[0].got !== true) {
      throw new AuraError('unavailable', 'This Matrix profile is being written by another process.');
    }
    try {
      await work();
    } finally {
      const text = `SELECT pg_advisory_unlock(hashtextextended('matrix-profile:' || $1, 0))`;
      await client
        .query({ name: 'matrix-profile-unlock', text, values: [personId] })
        .catch((error: Error) => {
          broken = error;
        });
    }
  } finally {
    client.release(broken);
  }
}

function pictureOf({
  shown_picture_url: mxcUrl,
  shown_picture_digest: digest,
}: AccountRow): UploadedPicture | null {
  return mxcUrl === null || digest === null ? null : { mxcUrl, digest };
}
