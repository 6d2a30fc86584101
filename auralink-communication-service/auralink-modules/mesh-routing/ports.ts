/** What the mesh needs from outside: its rows, and whatever is known of a path's quality. */
import type { Tx } from '../../core/unit-of-work.ts';
import type { PathQuality } from './e-model.ts';
import type { NodeKind, NodeView, RegisterNode, Route, RoutingQuery } from './model.ts';

export interface MeshStore {
  /**
   * Makes the node or renews it; `created` tells which. Null when another service holds this id: nobody takes over
   * somebody else's relay.
   */
  saveNode(
    tx: Tx,
    node: RegisterNode,
    registeredBy: string,
  ): Promise<{ readonly node: NodeView; readonly created: boolean } | null>;
  /** Nodes of this kind that are up and were seen lately, the latest first. */
  listLiveNodes(tx: Tx, kind: NodeKind, limit: number): Promise<NodeView[]>;
  /** Remembers what was handed out, for as long as a route is good; forgets what is not any more. */
  saveRoutes(tx: Tx, query: RoutingQuery, routes: readonly Route[], ttlSeconds: number): Promise<void>;
}

/** An estimate with its interval: what is expected, and what it may be at best and at worst. */
export interface QualityEstimate {
  readonly expected: PathQuality;
  readonly best: PathQuality;
  readonly worst: PathQuality;
}

/** What is known of the way between two ends over these hops; null: nothing. The default knows nothing. */
export interface PathKnowledge {
  findQuality(from: string, to: string, hops: readonly string[]): Promise<QualityEstimate | null>;
}
