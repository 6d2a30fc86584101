/**
 * The composition of one service process: rooms from their adapters, doors from the rooms' routes, loops, and the
 * order in which all of it starts and stops.
 */
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import { createLivekit } from '../adapters/livekit.ts';
import type { Config } from '../config.ts';
import { systemClock } from '../core/clock.ts';
import { newId, type ProcessId } from '../core/ids.ts';
import { createMetrics } from '../core/metrics.ts';
import { callsRoutes } from '../http/calls-routes.ts';
import { corsPlugin } from '../http/cors.ts';
import { pagesPlugin } from '../http/pages.ts';
import { buildDoor, listen } from '../http/server.ts';
import { attachSocketServer } from '../http/socket.ts';
import { openDatabase } from '../store/db.ts';
import { createSetDeviceChoice } from '../store/device-choices.ts';
import { migrate } from '../store/migrate.ts';
import { createPeriodicJobs } from '../store/periodic.ts';
import { builtInApps, parseAppHosts } from './apps.ts';
import type { Base } from './base.ts';
import { type CallsRoom, wireCalls } from './calls.ts';
import { type Engines, wireEngines } from './engines.ts';
import { type Identity, wireIdentity } from './identity.ts';
import { createLogger, type Logger } from './logger.ts';
import { type Loop, startLoop } from './loops.ts';
import { wireMesh } from './mesh.ts';
import { databaseAddress, wireWake } from './wake.ts';

/** How often a process looks whether a chore is due. */
export const CHORE_LOOK_MS = 5_000;
const MIGRATIONS = new URL('../../scripts/db/migrations', import.meta.url).pathname;

export interface Service {
  readonly log: Logger;
  stop(): Promise<void>;
}

/** Starts everything; resolves once both doors are open. Throws when the database cannot be brought up to date. */
export async function startService(config: Config): Promise<Service> {
  const processId = newId<ProcessId>();
  const log = createLogger(config, processId);
  const metrics = createMetrics();
  const address = databaseAddress(config);
  await migrate(address, MIGRATIONS);
  const wake = wireWake(config, processId, metrics.endpoints, log);
  // The hub is built from the database, and hears of its commits.
  let room: CallsRoom | null = null;
  const db = openDatabase(address, (events) => room?.hub.committed(events));
  const base: Base = { config, log, db, clock: systemClock, newId, processId };

  const identity = await wireIdentity({
    ...base,
    metrics: metrics.identity,
    setDeviceChoice: createSetDeviceChoice(db.pool),
    endpointRevoked: (endpointId) => room?.hub.revoked(endpointId),
  });
  for (const app of builtInApps(config)) await identity.apps.upsertApp(app);
  const provider = createLivekit({
    url: config.LIVEKIT_URL,
    publicUrl: config.LIVEKIT_PUBLIC_URL,
    apiKey: config.LIVEKIT_API_KEY,
    apiSecret: config.LIVEKIT_API_SECRET,
  });
  room = await wireCalls(base, {
    directory: identity.directory,
    provider,
    bus: wake.bus,
    metrics: metrics.calls,
    sockets: metrics.endpoints,
  });
  const mesh = wireMesh(base, identity.internalAuth);
  const engines = await wireEngines(base, {
    metrics,
    redis: wake.redis,
    synapse: identity.synapse,
    resolveAuraId: identity.resolveAuraId,
    mediaEvents: room.media,
    metricsSource: mesh.metricsSource,
  });
  const doors = await openDoors(base, { identity, room, engines, meshPlugins: mesh.plugins });
  const chores = startChores(base, identity);
  log.info({ port: config.PUBLIC_PORT }, 'the service is open');

  const stop = async () => {
    engines.stopping();
    await room?.stop();
    await doors.close();
    await chores.stop();
    await engines.close();
    await identity.close();
    await wake.close();
    await db.close();
  };
  return { log, stop };
}

interface Rooms {
  readonly identity: Identity;
  readonly room: CallsRoom;
  readonly engines: Engines;
  readonly meshPlugins: readonly FastifyPluginAsync[];
}

async function openDoors(base: Base, rooms: Rooms): Promise<{ close(): Promise<void> }> {
  const { config, log, clock } = base;
  const { identity, room, engines } = rooms;
  const door = (plugins: readonly FastifyPluginAsync[]): Promise<FastifyInstance> =>
    buildDoor({ logger: log, newId: base.newId, trustedProxies: config.TRUSTED_PROXY_CIDRS, plugins });
  const { requireEndpoint } = identity.endpointAuth;
  const publicDoor = await door([
    pagesPlugin({
      folder: config.WEB_DIST_DIR,
      appHosts: new Map([...parseAppHosts(config.APP_HOSTS)].map(([appId, host]) => [host, appId])),
      publicBaseUrl: config.PUBLIC_BASE_URL,
      livekitPublicUrl: config.LIVEKIT_PUBLIC_URL,
    }),
    corsPlugin({ has: identity.apps.isAppOrigin }),
    ...engines.publicPlugins,
    ...identity.plugins,
    callsRoutes({ calls: room.calls, media: room.media, requireEndpoint, clock }) as FastifyPluginAsync,
    ...rooms.meshPlugins,
  ]);
  const enginesDoor = await door(engines.enginesPlugins);
  const metricsDoor = await door(engines.metricsPlugins);
  const sockets = attachSocketServer(publicDoor.server, {
    hub: room.hub,
    authenticate: identity.endpointAuth.authenticate,
    logger: log,
  });
  await listen(enginesDoor, config.ENGINES_HOST, config.ENGINES_PORT);
  await listen(metricsDoor, config.METRICS_HOST, config.METRICS_PORT);
  await listen(publicDoor, config.PUBLIC_HOST, config.PUBLIC_PORT);
  return {
    close: async () => {
      sockets.close();
      await Promise.all([publicDoor.close(), enginesDoor.close(), metricsDoor.close()]);
    },
  };
}

function startChores(base: Base, identity: Identity): Loop {
  const jobs = createPeriodicJobs(base.db.pool);
  return startLoop(
    'chores',
    CHORE_LOOK_MS,
    async () => {
      for (const chore of identity.chores) {
        if (await jobs.claim(chore.job, chore.everySeconds)) await chore.run();
      }
    },
    base.log,
  );
}
