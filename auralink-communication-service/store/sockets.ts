/** Which endpoints can be reached at once: open sockets, the processes that hold them, and what is in front. */
import type pg from 'pg';
import { PROCESS_STALE_SECONDS } from '../auralink-modules/endpoints/model.ts';
import type { SocketStore } from '../auralink-modules/endpoints/ports.ts';
import type { EndpointId } from '../core/ids.ts';
import { query } from './db.ts';

export function createSocketStore(pool: pg.Pool): SocketStore {
  const run = async (name: string, text: string, values: unknown[]): Promise<number> =>
    (await query(pool, name, text, values)).length;
  return {
    heartbeat: async (processId) => {
      const rows = await query<{ fresh: boolean }>(
        pool,
        'process-heartbeat',
        `INSERT INTO service_processes (process_id) VALUES ($1)
         ON CONFLICT (process_id) DO UPDATE SET heartbeat_at = now() RETURNING xmax = 0 AS fresh`,
        [processId],
      );
      return rows[0]?.fresh ?? false;
    },
    dropStaleProcesses: () =>
      run('process-drop-stale', dropSql('heartbeat_at < now() - make_interval(secs => $1)'), [
        PROCESS_STALE_SECONDS,
      ]),
    dropProcess: async (processId) => {
      await run('process-drop', dropSql('process_id = $1'), [processId]);
    },
    addSocket: async (socketId, endpointId, processId, focused) => {
      await run(
        'socket-add',
        `WITH added AS (INSERT INTO endpoint_sockets (socket_id, endpoint_id, process_id) VALUES ($1, $2, $3)
           ON CONFLICT (socket_id) DO NOTHING)
         UPDATE endpoints SET disconnected_at = NULL, last_used_at = now(),
           focused_at = CASE WHEN $4 THEN now() ELSE focused_at END
         WHERE endpoint_id = $2`,
        [socketId, endpointId, processId, focused],
      );
    },
    removeSocket: async (socketId, endpointId) => {
      await run(
        'socket-remove',
        `WITH removed AS (DELETE FROM endpoint_sockets WHERE socket_id = $1)
         UPDATE endpoints SET disconnected_at = now(), focused_at = NULL
         WHERE endpoint_id = $2
           AND NOT EXISTS (SELECT FROM endpoint_sockets WHERE endpoint_id = $2 AND socket_id <> $1)`,
        [socketId, endpointId],
      );
    },
    setFocus: (endpointId, focused) => setFocus(pool, endpointId, focused),
    findRevoked: async (endpointIds) => {
      const rows = await query<{ endpoint_id: EndpointId }>(
        pool,
        'endpoints-revoked',
        'SELECT endpoint_id FROM endpoints WHERE endpoint_id = ANY ($1) AND revoked_at IS NOT NULL',
        [endpointIds],
      );
      return rows.map((row) => row.endpoint_id);
    },
  };
}

/** Ends processes, and notes for endpoints that were connected only there when they were last reachable. */
function dropSql(which: string): string {
  return `
    WITH gone AS (SELECT process_id, heartbeat_at FROM service_processes WHERE ${which} FOR UPDATE SKIP LOCKED),
    orphans AS (
      UPDATE endpoints e SET disconnected_at = g.heartbeat_at, focused_at = NULL
      FROM endpoint_sockets s JOIN gone g USING (process_id)
      WHERE e.endpoint_id = s.endpoint_id AND NOT EXISTS (
        SELECT FROM endpoint_sockets o
        WHERE o.endpoint_id = e.endpoint_id AND o.process_id NOT IN (SELECT process_id FROM gone))
    )
    DELETE FROM service_processes p USING gone g WHERE p.process_id = g.process_id RETURNING p.process_id`;
}

async function setFocus(pool: pg.Pool, endpointId: EndpointId, focused: boolean): Promise<void> {
  await query(
    pool,
    'endpoint-focus',
    `UPDATE endpoints SET focused_at = CASE WHEN $2 THEN now() END,
       last_used_at = CASE WHEN $2 THEN now() ELSE last_used_at END
     WHERE endpoint_id = $1 AND ($2 OR focused_at IS NOT NULL)`,
    [endpointId, focused],
  );
}
