/**
 * Words of the mesh: a node is something that calls may go through; a route is one way for the media of two ends, with
 * what is known of its quality. Null means unknown, never zero. Schemas here are also the API's.
 */
import { z } from 'zod';
import { isPlainText, NOT_PLAIN } from '../../core/text.ts';

/** How long a route that was handed out counts as active, and may be reported on. */
export const ROUTE_TTL_SECONDS = 300;
/** A node that has not registered again for this long is not offered. */
export const NODE_LIVE_SECONDS = 300;
/** Addresses of one node. */
export const NODE_URLS_MAX = 16;
/** Operator's labels of one node. */
export const NODE_LABELS_MAX = 32;
/** STUN servers offered to one client; browsers warn above five. */
export const STUN_SERVERS_MAX = 4;

const NODE_KINDS = ['relay', 'sfu', 'client'] as const;
const NODE_STATES = ['up', 'draining', 'down'] as const;
export type NodeKind = (typeof NODE_KINDS)[number];
export type NodeState = (typeof NODE_STATES)[number];

/** Which schemes an address of each kind may have (RFC 7064, RFC 7065; LiveKit's signalling is a WebSocket). */
const SCHEMES: Readonly<Record<NodeKind, RegExp>> = {
  relay: /^(?:turns?|stuns?):[^\s/]+$/,
  sfu: /^wss?:\/\/\S+$/,
  client: /^(?:turns?|stuns?|wss?|https?):\S+$/,
};

const name = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[\w@][\w.:@/-]*$/, 'may have letters, digits and . _ - : @ / only');

/** Body of POST /internal/mesh/register_node. Sent again, it is the node's heartbeat. */
export const registerNodeSchema = z
  .strictObject({
    /** Name that the node's operator chose. */
    nodeId: name(64),
    kind: z.enum(NODE_KINDS),
    urls: z.array(z.string().max(256).refine(isPlainText, NOT_PLAIN)).min(1).max(NODE_URLS_MAX),
    region: z.string().min(1).max(64).refine(isPlainText, NOT_PLAIN).optional(),
    capacityKbps: z.int().min(1).max(2_147_483_647).optional(),
    /** draining: no new calls. */
    state: z.enum(NODE_STATES).default('up'),
    labels: z
      .record(
        z.string().min(1).max(64).refine(isPlainText, NOT_PLAIN),
        z.string().max(256).refine(isPlainText, NOT_PLAIN),
      )
      .refine((labels) => Object.keys(labels).length <= NODE_LABELS_MAX, `at most ${NODE_LABELS_MAX} labels`)
      .default({}),
  })
  .superRefine((node, context) => {
    for (const [i, url] of node.urls.entries()) {
      if (SCHEMES[node.kind].test(url)) continue;
      context.addIssue({ code: 'custom', path: ['urls', i], message: `is no address of a ${node.kind}` });
    }
  });
export type RegisterNode = z.output<typeof registerNodeSchema>;

export const nodeSchema = z.object({
  nodeId: z.string(),
  kind: z.enum(NODE_KINDS),
  urls: z.array(z.string()),
  region: z.string().nullable(),
  capacityKbps: z.number().nullable(),
  state: z.enum(NODE_STATES),
  labels: z.record(z.string(), z.string()),
  registeredAt: z.iso.datetime(),
  lastSeenAt: z.iso.datetime(),
});
export type NodeView = z.output<typeof nodeSchema>;

/** Body of POST /internal/routing/query. */
export const routingQuerySchema = z
  .strictObject({
    /** The two ends: an address such as @alice.aura, or a node's id. */
    from: name(128),
    to: name(128),
    media: z.enum(['audio', 'video']),
    constraints: z
      .strictObject({
        /** False: no path from one end straight to the other. */
        allowDirect: z.boolean().default(true),
        /** True: neither end may learn the other's network address, so nothing direct. */
        relayOnly: z.boolean().default(false),
        /** Nodes on the way at most; 0 leaves direct paths only. */
        maxHops: z.int().min(0).max(4).default(4),
      })
      .prefault({}),
  })
  .refine((query) => query.from !== query.to, { path: ['to'], message: 'is the same end as from' });
export type RoutingQuery = z.output<typeof routingQuerySchema>;

const iceServerSchema = z.object({ urls: z.array(z.string()) });

export const routeSchema = z.object({
  id: z.uuid(),
  kind: z.enum(['direct', 'sfu']),
  /** Nodes on the way, in order. */
  hops: z.array(z.string()),
  rttMs: z.number().nullable(),
  jitterMs: z.number().nullable(),
  lossRatio: z.number().nullable(),
  /** Predicted mean opinion score, 1 to 4.5, and the interval that it lies in. */
  mos: z.object({ value: z.number(), low: z.number(), high: z.number() }).nullable(),
  iceServers: z.array(iceServerSchema),
  /** Why it stands where it stands, for people. */
  reason: z.string(),
});
export type Route = z.output<typeof routeSchema>;

export const routesSchema = z.object({ routes: z.array(routeSchema) });
