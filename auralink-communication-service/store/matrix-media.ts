/** What of ours lies in the homeserver's media store, and what of it is to be deleted there. */
import type pg from 'pg';
import type { MatrixMediaStore } from '../auralink-modules/auraid/matrix-media.ts';
import { query } from './db.ts';

const WRITE = `INSERT INTO matrix_media (matrix_user_id, mxc_url, delete_at)
  VALUES ($1, $2, now() + make_interval(secs => $3))`;
const DUE = 'SELECT mxc_url FROM matrix_media WHERE delete_at <= now()';

export function matrixMediaStore(pool: pg.Pool): MatrixMediaStore {
  return {
    async write(userId, mxcUrl, deleteAfterSeconds) {
      await query(pool, 'matrix-media-write', WRITE, [userId, mxcUrl, deleteAfterSeconds]);
    },
    async listDue(userId, limit) {
      const rows =
        userId === null
          ? await query<{ mxc_url: string }>(pool, 'matrix-media-due', `${DUE} ORDER BY delete_at LIMIT $1`, [
              limit,
            ])
          : await query<{ mxc_url: string }>(
              pool,
              'matrix-media-due-of',
              `${DUE} AND matrix_user_id = $1 LIMIT $2`,
              [userId, limit],
            );
      return rows.map((row) => row.mxc_url);
    },
    async forget(mxcUrl) {
      await query(pool, 'matrix-media-forget', 'DELETE FROM matrix_media WHERE mxc_url = $1', [mxcUrl]);
    },
  };
}
