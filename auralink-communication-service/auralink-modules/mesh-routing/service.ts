/**
 * Use cases of the mesh: a node makes itself known, and somebody asks which way a call's media should take. Offered is
 * what exists: the direct path (found by ICE, with the relays' STUN) and LiveKit.
 */
import { AuraError } from '../../core/errors.ts';
import type { UnitOfWork } from '../../core/unit-of-work.ts';
import {
  type NodeView,
  type RegisterNode,
  ROUTE_TTL_SECONDS,
  type Route,
  type RoutingQuery,
  STUN_SERVERS_MAX,
} from './model.ts';
import type { MeshStore, PathKnowledge } from './ports.ts';
import { predictMos, rankRoutes } from './ranking.ts';

export interface MeshDeps {
  readonly unitOfWork: UnitOfWork;
  readonly newRouteId: () => string;
  readonly store: MeshStore;
  readonly knowledge: PathKnowledge;
  /** False: the operator wants all media through the SFU. */
  readonly offersDirect: boolean;
}

export interface MeshService {
  /** Throws `conflict` (reason node_of_another) when another service registered this id. */
  registerNode(node: RegisterNode, registeredBy: string): Promise<{ node: NodeView; created: boolean }>;
  /** In the order in which they should be tried; empty when the constraints leave nothing. */
  findRoutes(query: RoutingQuery): Promise<Route[]>;
}

/** Our LiveKit, as a hop. */
export const SFU_HOP = 'livekit';

export function createMeshService(deps: MeshDeps): MeshService {
  return {
    registerNode: (node, registeredBy) =>
      deps.unitOfWork.run(async (tx) => {
        const saved = await deps.store.saveNode(tx, node, registeredBy);
        if (saved !== null) return saved;
        throw new AuraError('conflict', `The node ${node.nodeId} was registered by another service.`, {
          reason: 'node_of_another',
          field: 'nodeId',
        });
      }),
    findRoutes: (query) =>
      deps.unitOfWork.run(async (tx) => {
        const relays = await deps.store.listLiveNodes(tx, 'relay', STUN_SERVERS_MAX);
        const possible = await Promise.all(
          kindsFor(deps, query).map((kind) => describe(deps, query, kind, relays)),
        );
        const routes = rankRoutes(possible);
        await deps.store.saveRoutes(tx, query, routes, ROUTE_TTL_SECONDS);
        return routes;
      }),
  };
}

/** In their natural order: the path with no detour first. */
function kindsFor(deps: MeshDeps, { constraints }: RoutingQuery): Route['kind'][] {
  const direct = deps.offersDirect && constraints.allowDirect && !constraints.relayOnly;
  const sfu = constraints.maxHops >= 1;
  return [...(direct ? ['direct' as const] : []), ...(sfu ? ['sfu' as const] : [])];
}

async function describe(
  deps: MeshDeps,
  query: RoutingQuery,
  kind: Route['kind'],
  relays: readonly NodeView[],
): Promise<Route> {
  const hops = kind === 'sfu' ? [SFU_HOP] : [];
  const quality = await deps.knowledge.findQuality(query.from, query.to, hops);
  return {
    id: deps.newRouteId(),
    kind,
    hops,
    rttMs: quality?.expected.rttMs ?? null,
    jitterMs: quality?.expected.jitterMs ?? null,
    lossRatio: quality?.expected.lossRatio ?? null,
    mos: predictMos(quality),
    // LiveKit gives its own to those whom it lets in.
    iceServers: kind === 'direct' ? stunServers(relays) : [],
    reason: REASONS[kind] + (quality === null ? ' Its quality has not been measured.' : ''),
  };
}

const REASONS: Readonly<Record<Route['kind'], string>> = {
  direct: 'No detour: nothing stands between the two ends, if their networks let them meet.',
  sfu: 'Reaches both ends wherever they are, by way of the media server.',
};

/** Relays answer STUN without credentials; as relays they need some, which nobody issues yet. */
function stunServers(relays: readonly NodeView[]): Route['iceServers'] {
  const urls = relays.flatMap((relay) => relay.urls.filter((url) => /^stuns?:/.test(url)));
  return urls.length === 0 ? [] : [{ urls: urls.slice(0, STUN_SERVERS_MAX) }];
}
