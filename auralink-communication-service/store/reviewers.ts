/** Who may review documents. */
import type pg from 'pg';
import type { Reviewer, ReviewerStore } from '../auralink-modules/dashboard/ports.ts';
import type { PersonId } from '../core/ids.ts';
import { query } from './db.ts';

/** Reviewers that are listed. */
export const REVIEWERS_LISTED_MAX = 1_000;

export function reviewerStore(pool: pg.Pool): ReviewerStore {
  return {
    async isReviewer(personId) {
      const rows = await query(
        pool,
        'reviewer-is',
        `SELECT FROM reviewer_roles JOIN aura_id_registry USING (person_id)
         WHERE person_id = $1 AND revoked_at IS NULL AND state = 'active'`,
        [personId],
      );
      return rows.length > 0;
    },

    async grant(tx, personId, grantedBy) {
      const rows = await query(
        tx,
        'reviewer-grant',
        `INSERT INTO reviewer_roles AS r (person_id, granted_by)
         SELECT person_id, $2 FROM aura_id_registry WHERE person_id = $1 AND state = 'active'
         ON CONFLICT (person_id) DO UPDATE SET granted_by = excluded.granted_by, since = now(), revoked_at = NULL
         WHERE r.revoked_at IS NOT NULL
         RETURNING person_id`,
        [personId, grantedBy],
      );
      return rows.length > 0;
    },

    async revoke(tx, personId) {
      const rows = await query(
        tx,
        'reviewer-revoke',
        `UPDATE reviewer_roles SET revoked_at = now() WHERE person_id = $1 AND revoked_at IS NULL
         RETURNING person_id`,
        [personId],
      );
      return rows.length > 0;
    },

    async list() {
      const rows = await query<{ person_id: PersonId; aura_id: string; granted_by: string; since: Date }>(
        pool,
        'reviewer-list',
        `SELECT r.person_id, p.aura_id, r.granted_by, r.since
         FROM reviewer_roles r JOIN aura_id_registry p USING (person_id)
         WHERE r.revoked_at IS NULL AND p.state = 'active' ORDER BY r.since LIMIT $1`,
        [REVIEWERS_LISTED_MAX],
      );
      return rows.map(
        (row): Reviewer => ({
          personId: row.person_id,
          auraId: row.aura_id,
          grantedBy: row.granted_by,
          since: row.since,
        }),
      );
    },
  };
}
