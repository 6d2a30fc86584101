/** People as the Dashboard looks them up, in whatever state they are. */
import type pg from 'pg';
import type { ManagedPeopleStore, ManagedPerson, PersonKey } from '../auralink-modules/dashboard/people.ts';
import type { PersonId } from '../core/ids.ts';
import { query } from './db.ts';

interface Row {
  person_id: PersonId;
  aura_id: string;
  state: ManagedPerson['state'];
  dashboard_user_id: string | null;
  activated_at: Date | null;
  levels: string[];
  is_reviewer: boolean;
}

const SELECT = `SELECT r.person_id, r.aura_id, r.state, r.dashboard_user_id, r.activated_at,
    ARRAY (SELECT DISTINCT v.level FROM aura_id_verifications v
      WHERE v.person_id = r.person_id AND v.state = 'verified'
        AND (v.expires_at IS NULL OR v.expires_at > now()) ORDER BY v.level) AS levels,
    EXISTS (SELECT FROM reviewer_roles w
      WHERE w.person_id = r.person_id AND w.revoked_at IS NULL AND r.state = 'active') AS is_reviewer
  FROM aura_id_registry r WHERE`;

/** Each by an index of its own. */
function conditionOf(key: PersonKey): readonly [name: string, sql: string, value: string] {
  if ('personId' in key) return ['managed-by-id', 'r.person_id = $1', key.personId];
  if ('auraId' in key) return ['managed-by-name', 'r.aura_id = $1', key.auraId];
  return ['managed-by-user', 'r.dashboard_user_id = $1', key.dashboardUserId];
}

export function managedPeopleStore(pool: pg.Pool): ManagedPeopleStore {
  return {
    async find(key) {
      const [name, sql, value] = conditionOf(key);
      const [row] = await query<Row>(pool, name, `${SELECT} ${sql}`, [value]);
      if (row === undefined) return null;
      return {
        personId: row.person_id,
        auraId: row.aura_id,
        state: row.state,
        dashboardUserId: row.dashboard_user_id,
        registeredAt: row.activated_at,
        levels: row.levels,
        isReviewer: row.is_reviewer,
      };
    },

    async move(tx, personId, from, to) {
      const sql = `UPDATE aura_id_registry SET state = $3, updated_at = now() WHERE person_id = $1 AND state = $2
        RETURNING person_id`;
      return (await query(tx, 'managed-move', sql, [personId, from, to])).length > 0;
    },
  };
}
