/**
 * Builds what stands between us and the engines: the way to Synapse, the doors for its transactions and LiveKit's
 * webhooks, the probes, the metrics, and the ping that makes Synapse deliver again after an absence.
 */
import type { FastifyPluginAsync } from 'fastify';
import fp from 'fastify-plugin';
import { createWebhookReader } from '../adapters/livekit-webhook.ts';
import { livekitProbe, platformProbe, stunProbe, synapseProbe } from '../adapters/probes.ts';
import type { Redis } from '../adapters/redis.ts';
import type { Synapse } from '../adapters/synapse.ts';
import { type ResolveAuraId, rewriteLogin } from '../auralink-modules/auraid/matrix-login.ts';
import type { MediaEvents, MediaProvider } from '../auralink-modules/calls/ports.ts';
import { configSchema } from '../config.ts';
import { type Metrics, type MetricsSource, registerSource } from '../core/metrics.ts';
import { engineRoutes } from '../http/engines.ts';
import { type HealthDeps, healthRoutes } from '../http/health.ts';
import { metricsRoutes } from '../http/metrics.ts';
import { createNetworks } from '../http/networks.ts';
import { openapi } from '../http/openapi.ts';
import { proxyRoutes } from '../http/proxy.ts';
import { requestMetrics } from '../http/request-metrics.ts';
import { wellKnownRoutes } from '../http/well-known.ts';
import { type DatabaseProbe, openDatabaseProbe } from '../store/health.ts';
import { rememberWebhook } from '../store/livekit-webhooks.ts';
import type { Base } from './base.ts';
import { type Loop, startLoop } from './loops.ts';
import { SERVICE_VERSION } from './version.ts';
import { databaseAddress } from './database.ts';

/** How often we look whether Synapse has come back. */
export const SYNAPSE_WATCH_MS = 2_000;

export interface EnginesNeeds {
  readonly metrics: Metrics;
  readonly metricsSource: MetricsSource;
  /** Null: the operator has none. */
  readonly redis: Redis | null;
  readonly synapse: Pick<Synapse, 'versions' | 'ping'>;
  readonly provider: Pick<MediaProvider, 'listRooms'>;
  readonly resolveAuraId: ResolveAuraId;
  readonly mediaEvents: MediaEvents;
}

export interface Engines {
  /** For the public door's root, before the routes that they describe and count. */
  readonly publicPlugins: readonly FastifyPluginAsync[];
  readonly enginesPlugins: readonly FastifyPluginAsync[];
  readonly metricsPlugins: readonly FastifyPluginAsync[];
  /** From now on `/ready` says no. */
  stopping(): void;
  close(): Promise<void>;
}

export function wireEngines(base: Base, needs: EnginesNeeds): Engines {
  const { config, clock, log, processId } = base;
  const { metrics } = needs;
  registerSource(metrics.registry, needs.metricsSource);
  const databaseProbe = openDatabaseProbe(databaseAddress(config));
  let isStopping = false;
  let watch: Loop | null = null;
  // The ping comes back through the engines' door, so that must be open first.
  const startWatch: FastifyPluginAsync = fp(async (app) => {
    app.addHook('onListen', async () => {
      watch = watchSynapse(base, needs.synapse);
    });
  });
  return {
    publicPlugins: [
      openapi(SERVICE_VERSION),
      requestMetrics(metrics.http),
      proxyRoutes({
        synapseUrl: config.SYNAPSE_URL,
        isTrustedProxy: createNetworks(config.TRUSTED_PROXY_CIDRS),
        rewriteLogin: (body) => rewriteLogin(body, needs.resolveAuraId),
      }),
      wellKnownRoutes({ publicBaseUrl: config.PUBLIC_BASE_URL, federation: config.ENABLE_FEDERATION }),
      healthRoutes({
        probes: probes(base, needs, databaseProbe),
        runDir: config.RUN_DIR,
        version: SERVICE_VERSION,
        clock,
        isStopping: () => isStopping,
      }) as FastifyPluginAsync,
    ],
    enginesPlugins: [requestMetrics(metrics.http), enginesDoor(base, needs), startWatch],
    metricsPlugins: [
      metricsRoutes({
        registry: metrics.registry,
        processId,
        runDir: config.RUN_DIR,
        synapseMetricsUrl: config.SYNAPSE_METRICS_URL,
        log,
      }),
    ],
    stopping: () => {
      isStopping = true;
    },
    close: async () => {
      await watch?.stop();
      await databaseProbe.close();
    },
  };
}

function enginesDoor({ config, db, clock }: Base, needs: EnginesNeeds): FastifyPluginAsync {
  return engineRoutes({
    hsToken: config.APPSERVICE_HS_TOKEN,
    readWebhook: createWebhookReader(config.LIVEKIT_API_KEY, config.LIVEKIT_API_SECRET),
    rememberWebhook,
    mediaEvents: needs.mediaEvents,
    unitOfWork: db.unitOfWork,
    clock,
    counts: needs.metrics.engines,
  });
}

function probes({ config }: Base, needs: EnginesNeeds, database: DatabaseProbe): HealthDeps['probes'] {
  const { DASHBOARD_SERVICE_URL: dashboard, AI_CORE_URL: aiCore } = configSchema.shape;
  return {
    postgres: () => database.ask(),
    redis: async () => (needs.redis === null ? null : await needs.redis.probe()),
    synapse: synapseProbe(config.SYNAPSE_URL),
    livekit: livekitProbe(config.LIVEKIT_URL, () => needs.provider.listRooms()),
    coturn: stunProbe(config.COTURN_URL),
    dashboard: platformProbe(config.DASHBOARD_SERVICE_URL, dashboard.parse(undefined)),
    ai_core: platformProbe(config.AI_CORE_URL, aiCore.parse(undefined)),
  };
}

/**
 * Pings Synapse once it answers, at start and whenever it was away: otherwise it would wait up to minutes before it
 * delivers events to us again.
 */
function watchSynapse({ log, newId }: Base, synapse: EnginesNeeds['synapse']): Loop {
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
