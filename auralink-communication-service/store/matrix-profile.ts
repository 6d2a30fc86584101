/** What of a person Matrix may show: only what is public. */
import type pg from 'pg';
import type { MatrixProfileSource } from '../auralink-modules/auraid/ports-privacy.ts';
import type { UserId } from '../core/ids.ts';
import { query } from './db.ts';

export function matrixProfileSource(pool: pg.Pool): MatrixProfileSource {
  return {
    async find(personId) {
      const rows = await query<{
        accounts: UserId[];
        display_name: string | null;
        field_id: string | null;
        envelope: Buffer | null;
      }>(
        pool,
        'matrix-profile',
        `SELECT ARRAY (SELECT m.matrix_user_id FROM matrix_user_mappings m
                WHERE m.person_id = r.person_id AND m.state = 'active' ORDER BY 1) AS accounts,
           CASE WHEN p.show_name = 'public' AND r.visibility = 'public' THEN r.display_name END AS display_name,
           f.field_id, f.envelope
         FROM aura_id_registry r JOIN person_privacy p USING (person_id)
         LEFT JOIN personal_fields f ON f.person_id = r.person_id AND f.kind = 'picture'
           AND p.show_picture = 'public' AND r.visibility = 'public'
         WHERE r.person_id = $1 AND r.state = 'active'`,
        [personId],
      );
      const row = rows[0];
      if (row === undefined) return null;
      const { field_id: fieldId, envelope } = row;
      return {
        accounts: row.accounts,
        displayName: row.display_name,
        picture: fieldId === null || envelope === null ? null : { fieldId, envelope },
      };
    },
  };
}
