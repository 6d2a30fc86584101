/**
 * Builds endpoints and calls from their adapters. The ports that later rooms will fill have their minimal defaults
 * here: nobody can be reached without a socket, Matrix is told nothing.
 */
import { createHash } from 'node:crypto';
import { createPrivacyGate } from '../auralink-modules/auraid/privacy-service.ts';
import {
  acknowledgeRings,
  DEADLINES_PER_TICK_MAX,
  type DeadlineDeps,
  ringConnected,
  runDeadlines,
} from '../auralink-modules/calls/deadlines.ts';
import { endpointGone } from '../auralink-modules/calls/endpoint-gone.ts';
import {
  createMediaService,
  type MediaService,
  RECONCILE_SECONDS,
  REMOVE_PARTICIPANT_TOPIC,
} from '../auralink-modules/calls/media.ts';
import { DEADLINE_TICK_MS } from '../auralink-modules/calls/model.ts';
import type { PlaceDeps } from '../auralink-modules/calls/place.ts';
import type {
  CallGate,
  CallMetrics,
  CallMirror,
  Directory,
  MediaProvider,
  Ringer,
} from '../auralink-modules/calls/ports.ts';
import { type CallService, createCallService } from '../auralink-modules/calls/service.ts';
import { DELETE_ROOM_TOPIC } from '../auralink-modules/calls/settle.ts';
import { SocketHub } from '../auralink-modules/endpoints/hub.ts';
import { HEARTBEAT_SECONDS } from '../auralink-modules/endpoints/model.ts';
import type { EventLog, SocketCounts, SocketStore, WakeBus } from '../auralink-modules/endpoints/ports.ts';
import type { Config } from '../config.ts';
import type { EndpointId, ProcessId } from '../core/ids.ts';
import { OUTBOX_BATCH, type OutboxHandler, type OutboxStore, runOutbox } from '../core/outbox.ts';
import { createCallStore } from '../store/calls.ts';
import { createEventLog, PRUNE_BATCH } from '../store/event-log.ts';
import { createOutbox } from '../store/outbox.ts';
import { createPeriodicJobs } from '../store/periodic.ts';
import { privacyStore } from '../store/privacy.ts';
import { createSocketStore } from '../store/sockets.ts';
import type { Base } from './base.ts';
import { type Loop, startLoop } from './loops.ts';

/** The backstop behind the wake bus. */
export const POLL_MS = 1_000;
/** How often a process looks into the outbox. */
export const OUTBOX_POLL_MS = 500;
/** How often a process looks for signed-out endpoints among its sockets; the wake bus is faster. */
export const CLOSE_REVOKED_MS = 5_000;
/** How often the event logs are pruned. */
export const PRUNE_SECONDS = 30;
/** Batches that one pruning deletes at most: more than 200 calls a second write in the meantime. */
export const PRUNE_ROUNDS_MAX = 40;

const nobodyWithoutSocket: Ringer = { ring: async () => {} };
const noMirror: CallMirror = { changed: async () => {} };

export interface CallsRoom {
  readonly calls: CallService;
  readonly media: MediaService;
  readonly hub: SocketHub;
  /** Signed out: its sockets close and its calls end. */
  endpointRevoked(endpointId: EndpointId): void;
  stop(): Promise<void>;
}

export interface CallsNeeds {
  readonly directory: Directory;
  /** Absent: her privacy settings alone decide whose calls ring. */
  readonly gate?: CallGate;
  readonly provider: MediaProvider;
  readonly bus: WakeBus;
  readonly metrics: CallMetrics;
  readonly sockets: SocketCounts;
}

/** Starts the room's loops; sockets may connect once this has resolved. */
export async function wireCalls(base: Base, needs: CallsNeeds): Promise<CallsRoom> {
  const { config, db, log, newId, processId } = base;
  const eventLog = createEventLog(db.pool);
  const sockets = createSocketStore(db.pool);
  const store = createCallStore(db.pool);
  const outbox = createOutbox(db.pool, newId);
  const deps: PlaceDeps & DeadlineDeps = {
    unitOfWork: db.unitOfWork,
    newId,
    store,
    outbox,
    log: eventLog,
    directory: needs.directory,
    gate: needs.gate ?? createPrivacyGate(privacyStore(db.pool)),
    ringer: nobodyWithoutSocket,
    mirror: noMirror,
    metrics: needs.metrics,
    logger: log,
    ringTimeoutSeconds: config.RING_TIMEOUT_SECONDS,
    mediaTimeoutSeconds: config.MEDIA_TIMEOUT_SECONDS,
  };
  const media = createMediaService({
    unitOfWork: db.unitOfWork,
    store,
    provider: needs.provider,
    outbox,
    roomPrefix: roomPrefix(config),
    mediaTimeoutSeconds: config.MEDIA_TIMEOUT_SECONDS,
  });
  const hub = new SocketHub({
    processId,
    newId,
    log: eventLog,
    sockets,
    bus: needs.bus,
    acknowledgements: {
      // The caller hears that it rings.
      awaited: new Set(['ring']),
      acknowledged: (marks) => acknowledgeRings(deps, marks),
    },
    connections: { connected: (session, fromSeq) => ringConnected(deps, session, fromSeq) },
    counts: needs.sockets,
    logger: log,
  });
  // Rows of sockets refer to their process's row.
  await sockets.heartbeat(processId);
  const loops = startLoops(base, { deps, media, hub, sockets, outbox, eventLog, provider: needs.provider });
  return {
    calls: createCallService(deps),
    media,
    hub,
    endpointRevoked: (endpointId) => {
      hub.revoked(endpointId);
      endpointGone(deps, endpointId).catch((err) =>
        log.warn({ err, endpointId }, 'calls of a signed-out endpoint are left to their deadlines'),
      );
    },
    stop: async () => {
      await hub.stop();
      await Promise.all(loops.map((loop) => loop.stop()));
      await sockets.dropProcess(processId);
    },
  };
}

interface Running {
  readonly deps: DeadlineDeps;
  readonly media: MediaService;
  readonly hub: SocketHub;
  readonly sockets: SocketStore;
  readonly outbox: OutboxStore;
  readonly eventLog: EventLog;
  readonly provider: MediaProvider;
}

function startLoops(base: Base, running: Running): Loop[] {
  const { log, clock, processId } = base;
  const { deps, media, hub, sockets, outbox, eventLog } = running;
  const jobs = createPeriodicJobs(base.db.pool);
  const handlers = mediaHandlers(running.provider);
  const loop = (name: string, everyMs: number, round: () => Promise<unknown>) =>
    startLoop(name, everyMs, round, log);
  const chore = (job: string, everySeconds: number, run: () => Promise<unknown>) =>
    loop(job, POLL_MS, async () => {
      if (await jobs.claim(job, everySeconds)) await run();
    });
  return [
    loop('heartbeat', HEARTBEAT_SECONDS * 1_000, () => beat(sockets, hub, processId)),
    loop('poll', POLL_MS, () => hub.poll()),
    loop('deadlines', DEADLINE_TICK_MS, async () => (await runDeadlines(deps)) >= DEADLINES_PER_TICK_MAX),
    loop('outbox', OUTBOX_POLL_MS, async () => (await runOutbox(outbox, handlers, log)) === OUTBOX_BATCH),
    loop('revoked', CLOSE_REVOKED_MS, () => hub.closeRevoked()),
    chore('media.reconcile', RECONCILE_SECONDS, () => media.reconcile(clock.now())),
    chore('event-log.prune', PRUNE_SECONDS, () => prune(eventLog)),
  ];
}

function mediaHandlers(provider: MediaProvider): Map<string, OutboxHandler> {
  return new Map<string, OutboxHandler>([
    [DELETE_ROOM_TOPIC, (payload) => provider.deleteRoom((payload as { room: string }).room)],
    [
      REMOVE_PARTICIPANT_TOPIC,
      (payload) => {
        const { room, identity } = payload as { room: string; identity: string };
        return provider.removeParticipant(room, identity);
      },
    ],
  ]);
}

/** Several deployments may share one LiveKit, and must not take each other's rooms for forgotten ones. */
function roomPrefix(config: Config): string {
  const deployment = `${config.SYNAPSE_SERVER_NAME} ${config.COMM_POSTGRES_DB}`;
  return `call_${createHash('sha256').update(deployment).digest('hex').slice(0, 8)}_`;
}

async function prune(eventLog: EventLog): Promise<void> {
  for (let round = 0; round < PRUNE_ROUNDS_MAX; round++) {
    if ((await eventLog.prune()) < PRUNE_BATCH) return;
  }
}

async function beat(sockets: SocketStore, hub: SocketHub, processId: ProcessId): Promise<void> {
  // Others took us for dead and dropped our sockets' rows, e.g. while the machine slept.
  if (await sockets.heartbeat(processId)) await hub.announceSockets();
  await sockets.dropStaleProcesses();
}
