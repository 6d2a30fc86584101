/**
 * The composition of one service process: rooms from their adapters, doors from the rooms' routes, loops, and the
 * order in which all of it starts and stops.
 */
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import { lookUpCounter } from '../auralink-modules/auraid/sign-in.ts';
import type { Config } from '../config.ts';
import { systemClock } from '../core/clock.ts';
import { newId, type ProcessId } from '../core/ids.ts';
import { OUTBOX_BATCH, type OutboxRun, runOutbox } from '../core/outbox.ts';
import { callsRoutes } from '../http/calls-routes.ts';
import { corsPlugin } from '../http/cors.ts';
import { pagesPlugin } from '../http/pages.ts';
import { buildDoor, listen } from '../http/server.ts';
import { attachSocketServer } from '../http/socket.ts';
import { openDatabase } from '../store/db.ts';
import { createSetDeviceChoice } from '../store/device-choices.ts';
import { migrate } from '../store/migrate.ts';
import { matrixSignIns } from '../store/matrix-sign-ins.ts';
import { createOutbox } from '../store/outbox.ts';
import { createPeriodicJobs } from '../store/periodic.ts';
import { rateLimiter } from '../store/rate-limits.ts';
import { builtInApps, parseAppHosts } from './apps.ts';
import type { Base, Chore } from './base.ts';
import { type CallsRoom, wireCalls } from './calls.ts';
import { dashboardChores, startDelivering } from './dashboard.ts';
import { databaseAddress } from './database.ts';
import {
  type Engines,
  engineDoorPlugins,
  metricsDoorPlugins,
  publicEnginePlugins,
  watchSynapse,
  wireEngines,
} from './engines.ts';
import { type Identity, wireIdentity } from './identity.ts';
import { createLogger, type Logger } from './logger.ts';
import { type Loop, startLoop } from './loops.ts';
import { meshPlugins } from './mesh.ts';
import { type MessagesPart, wireMessages } from './messages.ts';
import { sayReady } from './ready-file.ts';

/** How often a process looks whether a chore is due. */
export const CHORE_LOOK_MS = 5_000;
/** How often a process looks what identity left to be done: friends' pages learn of a change within it. */
export const IDENTITY_OUTBOX_MS = 250;
const MIGRATIONS = new URL('../../scripts/db/migrations', import.meta.url).pathname;

export interface Service {
  readonly log: Logger;
  stop(): Promise<void>;
}

/** Starts everything; resolves once all doors are open. Throws when the database cannot be brought up to date. */
export async function startService(config: Config): Promise<Service> {
  const processId = newId<ProcessId>();
  const log = createLogger(config, processId);
  const address = databaseAddress(config);
  await migrate(address, MIGRATIONS);
  // The hub is built from the database, and hears of its commits.
  let room: CallsRoom | null = null;
  const db = openDatabase(address, (events) => room?.hub.committed(events));
  const base: Base = { config, log, db, clock: systemClock, newId, processId };
  const engines = wireEngines(base);
  const messages = wireMessages(base, engines.metrics.messages);
  const identity = await wireIdentity({
    ...base,
    metrics: engines.metrics.identity,
    bus: engines.bus,
    messages: messages.messages,
    setDeviceChoice: createSetDeviceChoice(db.pool),
    endpointRevoked: (endpointId) => room?.endpointRevoked(endpointId),
  });
  messages.onSettled(identity.messageSettled);
  for (const app of builtInApps(config)) await identity.apps.upsertApp(app);
  room = await wireCalls(base, {
    directory: identity.directory,
    gate: identity.gate,
    provider: engines.provider,
    bus: engines.bus,
    metrics: engines.metrics.calls,
    sockets: engines.metrics.endpoints,
  });
  const doors = await openDoors(base, { identity, room, engines, messages });
  const loops = [
    startChores(base, [...identity.chores, ...messages.chores, ...dashboardChores(base)]),
    messages.start(),
    ...startOutboxes(base, identity),
    watchSynapse(base, identity.synapse),
    await startDelivering(base, engines.metrics.dashboard),
  ];
  const takeBackReady = sayReady(config.RUN_DIR);
  log.info({ port: config.PUBLIC_PORT }, 'the service is open');

  const stop = async () => {
    takeBackReady();
    await room?.stop();
    await doors.close();
    await Promise.all(loops.map((loop) => loop.stop()));
    await identity.close();
    await messages.close();
    await engines.close();
    await db.close();
  };
  return { log, stop };
}

interface Rooms {
  readonly identity: Identity;
  readonly room: CallsRoom;
  readonly engines: Engines;
  readonly messages: MessagesPart;
}

async function openDoors(base: Base, rooms: Rooms): Promise<{ close(): Promise<void> }> {
  const { config, log } = base;
  const door = (plugins: readonly FastifyPluginAsync[]): Promise<FastifyInstance> =>
    buildDoor({ logger: log, newId: base.newId, trustedProxies: config.TRUSTED_PROXY_CIDRS, plugins });
  const publicDoor = await door(publicPlugins(base, rooms));
  const enginesDoor = await door(engineDoorPlugins(base, rooms.engines, rooms.room.media));
  const metricsDoor = await door(metricsDoorPlugins(base, rooms.engines));
  const sockets = attachSocketServer(publicDoor.server, {
    hub: rooms.room.hub,
    authenticate: rooms.identity.endpointAuth.authenticate,
    appHosts: new Set(parseAppHosts(config.APP_HOSTS).values()),
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

/** In this order: a demo app's host has nothing but its pages, and the API's description must see all routes. */
function publicPlugins(base: Base, { identity, room, engines, messages }: Rooms): FastifyPluginAsync[] {
  const { config, clock } = base;
  return [
    pagesPlugin({
      folder: config.WEB_DIST_DIR,
      appHosts: new Map([...parseAppHosts(config.APP_HOSTS)].map(([appId, host]) => [host, appId])),
      publicBaseUrl: config.PUBLIC_BASE_URL,
      livekitPublicUrl: config.LIVEKIT_PUBLIC_URL,
    }),
    corsPlugin({ has: identity.apps.isAppOrigin }),
    ...publicEnginePlugins(base, engines, {
      resolveAuraId: identity.resolveAuraId,
      matrixSignedIn: matrixSignIns(base.db.pool).note,
      isStopping: () => room.hub.stopping,
      messages,
    }),
    ...messages.plugins,
    ...identity.plugins,
    callsRoutes({
      calls: room.calls,
      media: room.media,
      auth: identity.endpointAuth,
      clock,
      countCall: identity.quotas.placeCall,
      countLookUp: lookUpCounter(rateLimiter(base.db.pool)),
    }) as FastifyPluginAsync,
    ...meshPlugins(base, identity.internalAuth),
  ];
}

/**
 * What identity does after its commits. Calls have a loop of their own, so that neither waits for the other; what waits for
 * servers of strangers has another, so that nobody else waits for them.
 */
function startOutboxes(base: Base, { outboxHandlers, farOutboxHandlers }: Identity): Loop[] {
  const outbox = createOutbox(base.db.pool, base.newId);
  const loop = (name: string, handlers: Identity['outboxHandlers'], run: OutboxRun): Loop =>
    startLoop(
      name,
      IDENTITY_OUTBOX_MS,
      async () => {
        while ((await runOutbox(outbox, handlers, base.log, run)) === OUTBOX_BATCH);
      },
      base.log,
    );
  return [
    loop('identity.outbox', outboxHandlers, {}),
    loop('identity.far-outbox', farOutboxHandlers, { abreast: true }),
  ];
}

function startChores(base: Base, chores: readonly Chore[]): Loop {
  const jobs = createPeriodicJobs(base.db.pool);
  return startLoop(
    'chores',
    CHORE_LOOK_MS,
    async () => {
      for (const chore of chores) {
        if (await jobs.claim(chore.job, chore.everySeconds)) await chore.run();
      }
    },
    base.log,
  );
}
