/**
 * Builds what stands between us and the engines: the wake bus, LiveKit, the way to Synapse, and the doors and probes
 * that go with them. Redis is one more carrier where it is configured, and missed by nobody where it is not.
 */
import type { FastifyPluginAsync } from 'fastify';
import { createLivekit } from '../adapters/livekit.ts';
import { createWebhookReader } from '../adapters/livekit-webhook.ts';
import { livekitProbe, platformProbe, stunProbe, synapseProbe } from '../adapters/probes.ts';
import { openRedis, type Redis } from '../adapters/redis.ts';
import type { Synapse } from '../adapters/synapse.ts';
import { createSynapseProfiles } from '../adapters/synapse-profile.ts';
import { type ClosableWakeBus, createWakeBus } from '../adapters/wake-bus.ts';
import { openPostgresCarrier } from '../adapters/wake-postgres.ts';
import { createRedisCarrier } from '../adapters/wake-redis.ts';
import type { MatrixSignIns } from '../auralink-modules/auraid/ports-sessions.ts';
import { type ResolveAuraId, rewriteLogin } from '../auralink-modules/auraid/matrix-login.ts';
import type { MediaEvents, MediaProvider } from '../auralink-modules/calls/ports.ts';
import { configSchema } from '../config.ts';
import { createMetrics, type Metrics, registerSource } from '../core/metrics.ts';
import { engineRoutes } from '../http/engines.ts';
import { type HealthDeps, healthRoutes } from '../http/health.ts';
import { metricsRoutes } from '../http/metrics.ts';
import { createNetworks } from '../http/networks.ts';
import { openapi } from '../http/openapi.ts';
import { proxyRoutes } from '../http/proxy.ts';
import { createProxyPrivacy, type ProxyPrivacy } from '../http/proxy-privacy.ts';
import { requestMetrics } from '../http/request-metrics.ts';
import { wellKnownRoutes } from '../http/well-known.ts';
import { type DatabaseProbe, openDatabaseProbe } from '../store/health.ts';
import { rememberWebhook } from '../store/livekit-webhooks.ts';
import { createMetricsSource } from '../store/metrics.ts';
import { privacyStore } from '../store/privacy.ts';
import type { Base } from './base.ts';
import { databaseAddress } from './database.ts';
import { type Loop, startLoop } from './loops.ts';
import type { MessagesPart } from './messages.ts';
import { SERVICE_VERSION } from './version.ts';

/** How often we look whether Synapse has come back. */
export const SYNAPSE_WATCH_MS = 2_000;

export interface Engines {
  readonly metrics: Metrics;
  readonly provider: MediaProvider;
  readonly bus: ClosableWakeBus;
  /** Null: the operator has none. */
  readonly redis: Redis | null;
  readonly databaseProbe: DatabaseProbe;
  /** What of Matrix profiles the proxy keeps from whom. */
  readonly proxyPrivacy: ProxyPrivacy;
  close(): Promise<void>;
}

/** What the other rooms are built on; connects in the background. */
export function wireEngines(base: Base): Engines {
  const { config, db, log, processId } = base;
  const metrics = createMetrics();
  registerSource(metrics.registry, createMetricsSource(db.pool));
  const address = databaseAddress(config);
  const redis = wireRedis(base);
  // Two services may share one Redis; their server and database tell them apart.
  const channel = `auralink:wake:${config.SYNAPSE_SERVER_NAME}:${config.COMM_POSTGRES_DB}`;
  const carriers = [
    ...(redis === null ? [] : [createRedisCarrier(redis, channel)]),
    openPostgresCarrier(address, log),
  ];
  const bus = createWakeBus(processId, carriers, metrics.endpoints, log);
  const databaseProbe = openDatabaseProbe(address);
  const profiles = createSynapseProfiles({ url: config.SYNAPSE_URL, asToken: config.APPSERVICE_AS_TOKEN });
  return {
    metrics,
    bus,
    redis,
    databaseProbe,
    proxyPrivacy: createProxyPrivacy({
      ...{ profiles, clock: base.clock, metrics: metrics.identity },
      store: privacyStore(db.pool),
    }),
    provider: createLivekit({
      url: config.LIVEKIT_URL,
      publicUrl: config.LIVEKIT_PUBLIC_URL,
      apiKey: config.LIVEKIT_API_KEY,
      apiSecret: config.LIVEKIT_API_SECRET,
    }),
    close: async () => {
      await bus.close();
      await redis?.close();
      await databaseProbe.close();
      await profiles.close();
    },
  };
}

function wireRedis({ config, log }: Base): Redis | null {
  const { COMM_REDIS_HOST: host, COMM_REDIS_PORT: port, COMM_REDIS_PASSWORD: password } = config;
  return host === '' ? null : openRedis({ host, port, password }, log);
}

export interface PublicNeeds {
  readonly resolveAuraId: ResolveAuraId;
  /** Somebody signed in at Synapse through our door. */
  readonly matrixSignedIn: MatrixSignIns['note'];
  readonly isStopping: () => boolean;
  /** How e-mail and SMS fare. */
  readonly messages: Pick<MessagesPart, 'probe'>;
}

/** For the public door's root, before the routes that they describe and count. */
export function publicEnginePlugins(base: Base, engines: Engines, needs: PublicNeeds): FastifyPluginAsync[] {
  const { config, clock } = base;
  return [
    openapi(SERVICE_VERSION),
    requestMetrics(engines.metrics.http),
    proxyRoutes({
      synapseUrl: config.SYNAPSE_URL,
      isTrustedProxy: createNetworks(config.TRUSTED_PROXY_CIDRS),
      rewriteLogin: (body) => rewriteLogin(body, needs.resolveAuraId),
      signedIn: needs.matrixSignedIn,
      privacy: engines.proxyPrivacy,
    }),
    wellKnownRoutes({ publicBaseUrl: config.PUBLIC_BASE_URL, federation: config.ENABLE_FEDERATION }),
    healthRoutes({
      probes: probes(base, engines, needs.messages),
      runDir: config.RUN_DIR,
      version: SERVICE_VERSION,
      clock,
      isStopping: needs.isStopping,
    }) as FastifyPluginAsync,
  ];
}

function probes(
  { config }: Base,
  { redis, databaseProbe, provider }: Engines,
  messages: PublicNeeds['messages'],
): HealthDeps['probes'] {
  const { DASHBOARD_SERVICE_URL: dashboard, AI_CORE_URL: aiCore } = configSchema.shape;
  return {
    postgres: () => databaseProbe.ask(),
    redis: async () => (redis === null ? null : await redis.probe()),
    synapse: synapseProbe(config.SYNAPSE_URL),
    livekit: livekitProbe(config.LIVEKIT_URL, () => provider.listRooms()),
    coturn: stunProbe(config.COTURN_URL),
    mail: () => messages.probe('email'),
    sms: () => messages.probe('sms'),
    dashboard: platformProbe(config.DASHBOARD_SERVICE_URL, dashboard.parse(undefined)),
    ai_core: platformProbe(config.AI_CORE_URL, aiCore.parse(undefined)),
  };
}

/** For the engines' door. */
export function engineDoorPlugins(
  base: Base,
  engines: Engines,
  mediaEvents: MediaEvents,
): FastifyPluginAsync[] {
  const { config, db, clock } = base;
  return [
    requestMetrics(engines.metrics.http),
    engineRoutes({
      hsToken: config.APPSERVICE_HS_TOKEN,
      readWebhook: createWebhookReader(config.LIVEKIT_API_KEY, config.LIVEKIT_API_SECRET),
      rememberWebhook,
      mediaEvents,
      unitOfWork: db.unitOfWork,
      clock,
      counts: engines.metrics.engines,
    }),
  ];
}

/** For the metrics door. */
export function metricsDoorPlugins(base: Base, engines: Engines): FastifyPluginAsync[] {
  const { config, processId, log } = base;
  return [
    metricsRoutes({
      registry: engines.metrics.registry,
      processId,
      runDir: config.RUN_DIR,
      synapseMetricsUrl: config.SYNAPSE_METRICS_URL,
      log,
    }),
  ];
}

/**
 * Pings Synapse once it answers, at start and whenever it was away: otherwise it would wait up to minutes before it
 * delivers events to us again. Begin when the engines' door is open: the ping comes back through it.
 */
export function watchSynapse({ log, newId }: Base, synapse: Pick<Synapse, 'versions' | 'ping'>): Loop {
  let pinged = false;
  const round = async () => {
    try {
      await synapse.versions();
    } catch {
      if (pinged) log.warn({}, 'Synapse is away');
      pinged = false;
      return;
    }
    if (pinged) return;
    const { durationMs } = await synapse.ping(newId());
    pinged = true;
    log.info({ durationMs }, 'Synapse reaches our application service');
  };
  return startLoop('synapse', SYNAPSE_WATCH_MS, round, log);
}
