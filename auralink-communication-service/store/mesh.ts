/** Nodes of the mesh, and the routes that were handed out lately. */
import {
  NODE_LIVE_SECONDS,
  type NodeKind,
  type NodeState,
  type NodeView,
} from '../auralink-modules/mesh-routing/model.ts';
import type { MeshStore } from '../auralink-modules/mesh-routing/ports.ts';
import { query } from './db.ts';

/** Lapsed routes deleted with each query; more than a query adds, so that the table shrinks after a burst. */
export const ROUTES_PRUNED_AT_ONCE = 20;

interface NodeRow {
  node_id: string;
  kind: NodeKind;
  urls: string[];
  region: string | null;
  capacity_kbps: number | null;
  state: NodeState;
  labels: Record<string, string>;
  registered_at: Date;
  last_seen_at: Date;
}
const NODE_COLUMNS = 'node_id, kind, urls, region, capacity_kbps, state, labels, registered_at, last_seen_at';

export const meshStore: MeshStore = {
  async saveNode(tx, node, registeredBy) {
    const rows = await query<NodeRow & { created: boolean }>(
      tx,
      'mesh.save_node',
      // xmax is 0 in a row that nobody has updated yet.
      `INSERT INTO mesh_nodes (node_id, kind, urls, region, capacity_kbps, state, labels, registered_by)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
       ON CONFLICT (node_id) DO UPDATE SET
         kind = excluded.kind, urls = excluded.urls, region = excluded.region,
         capacity_kbps = excluded.capacity_kbps, state = excluded.state, labels = excluded.labels,
         last_seen_at = now()
       WHERE mesh_nodes.registered_by = excluded.registered_by
       RETURNING ${NODE_COLUMNS}, xmax = 0 AS created`,
      [
        node.nodeId,
        node.kind,
        node.urls,
        node.region ?? null,
        node.capacityKbps ?? null,
        node.state,
        JSON.stringify(node.labels),
        registeredBy,
      ],
    );
    const row = rows[0];
    return row === undefined ? null : { node: toView(row), created: row.created };
  },

  async listLiveNodes(tx, kind, limit) {
    const rows = await query<NodeRow>(
      tx,
      'mesh.live_nodes',
      `SELECT ${NODE_COLUMNS} FROM mesh_nodes
       WHERE kind = $1 AND state = 'up' AND last_seen_at > now() - make_interval(secs => $2)
       ORDER BY last_seen_at DESC, node_id LIMIT $3`,
      [kind, NODE_LIVE_SECONDS, limit],
    );
    return rows.map(toView);
  },

  async saveRoutes(tx, asked, routes, ttlSeconds) {
    const rows = routes.map((route) => ({
      route_id: route.id,
      kind: route.kind,
      hops: route.hops,
      rtt_ms: route.rttMs,
      jitter_ms: route.jitterMs,
      loss_ratio: route.lossRatio,
      mos: route.mos?.value ?? null,
      mos_low: route.mos?.low ?? null,
      mos_high: route.mos?.high ?? null,
      reason: route.reason,
    }));
    await query(
      tx,
      'mesh.save_routes',
      `WITH lapsed AS (
         SELECT route_id FROM mesh_routes WHERE expires_at < now()
         ORDER BY expires_at LIMIT $6 FOR UPDATE SKIP LOCKED
       ), gone AS (
         DELETE FROM mesh_routes WHERE route_id IN (SELECT route_id FROM lapsed)
       )
       INSERT INTO mesh_routes (from_node, to_node, media, expires_at, route_id, kind, hops, rtt_ms, jitter_ms,
                                loss_ratio, mos, mos_low, mos_high, reason)
       SELECT $1, $2, $3, now() + make_interval(secs => $4), route.*
       FROM jsonb_to_recordset($5) AS route (route_id uuid, kind text, hops text[], rtt_ms real, jitter_ms real,
                                             loss_ratio real, mos real, mos_low real, mos_high real, reason text)`,
      [asked.from, asked.to, asked.media, ttlSeconds, JSON.stringify(rows), ROUTES_PRUNED_AT_ONCE],
    );
  },
};

function toView(row: NodeRow): NodeView {
  return {
    nodeId: row.node_id,
    kind: row.kind,
    urls: row.urls,
    region: row.region,
    capacityKbps: row.capacity_kbps,
    state: row.state,
    labels: row.labels,
    registeredAt: row.registered_at.toISOString(),
    lastSeenAt: row.last_seen_at.toISOString(),
  };
}
