/** Sign-ins at the homeserver that passed our door, in PostgreSQL. */
import type pg from 'pg';
import type { MatrixSignIns } from '../auralink-modules/auraid/ports-sessions.ts';
import { query } from './db.ts';

const NOTE = `INSERT INTO matrix_sign_ins (matrix_user_id, device_id, signed_in_at)
  SELECT matrix_user_id, $2, clock_timestamp() - make_interval(secs => $3::double precision / 1000)
  FROM matrix_user_mappings WHERE matrix_user_id = $1
  ON CONFLICT DO NOTHING`;
const SINCE = `SELECT device_id FROM matrix_sign_ins
  WHERE matrix_user_id = $1 AND device_id = ANY ($2) AND signed_in_at > $3::timestamptz`;
const PRUNE = `DELETE FROM matrix_sign_ins WHERE (matrix_user_id, device_id) IN (
    SELECT matrix_user_id, device_id FROM matrix_sign_ins
    WHERE signed_in_at < now() - make_interval(days => $1) ORDER BY signed_in_at LIMIT $2)
  RETURNING device_id`;

export function matrixSignIns(pool: pg.Pool): MatrixSignIns {
  return {
    async note(userId, deviceId, elapsedMs) {
      await query(pool, 'matrix-sign-in', NOTE, [userId, deviceId, elapsedMs]);
    },
    async findSince(userId, deviceIds, at) {
      const rows = await query<{ device_id: string }>(pool, 'matrix-sign-ins-since', SINCE, [
        userId,
        deviceIds,
        at,
      ]);
      return new Set(rows.map((row) => row.device_id));
    },
    async prune(olderThanDays, limit) {
      return (await query(pool, 'matrix-sign-ins-prune', PRUNE, [olderThanDays, limit])).length;
    },
  };
}
