/**
 * Builds endpoints and calls from their adapters. The ports that later rooms will fill have their minimal defaults
 * here: everybody may ring everybody, nobody can be reached without a socket, Matrix is told nothing.
 */

import {
  acknowledgeRings,
  DEADLINES_PER_TICK_MAX,
  type DeadlineDeps,
  ringConnected,
  runDeadlines,
} from '../auralink-modules/calls/deadlines.ts';
import { createMediaService, type MediaService, RECONCILE_SECONDS } from '../auralink-modules/calls/media.ts';
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
import type { SocketCounts, SocketStore, WakeBus } from '../auralink-modules/endpoints/ports.ts';
import type { ProcessId } from '../core/ids.ts';
import { OUTBOX_BATCH, runOutbox } from '../core/outbox.ts';
import { createCallStore } from '../store/calls.ts';
import { createEventLog } from '../store/event-log.ts';
import { createOutbox } from '../store/outbox.ts';
import { createPeriodicJobs } from '../store/periodic.ts';
import { createSocketStore } from '../store/sockets.ts';
import type { Base } from './base.ts';
import { type Loop, startLoop } from './loops.ts';

/** The backstop behind the wake bus. */
export const POLL_MS = 1_000;
export const OUTBOX_POLL_MS = 500;
export const CLOSE_REVOKED_MS = 5_000;
export const PRUNE_SECONDS = 30;

const everybodyMayRing: CallGate = { admits: async () => true };
const nobodyWithoutSocket: Ringer = { ring: async () => {} };
const noMirror: CallMirror = { changed: async () => {} };

export interface CallsRoom {
  readonly calls: CallService;
  readonly media: MediaService;
  readonly hub: SocketHub;
  stop(): Promise<void>;
}

export interface CallsNeeds {
  readonly directory: Directory;
  readonly provider: MediaProvider;
  readonly bus: WakeBus;
  readonly metrics: CallMetrics;
  readonly sockets: SocketCounts;
}

/** Starts the room's loops; sockets may connect once this has resolved. */
export async function wireCalls(base: Base, needs: CallsNeeds): Promise<CallsRoom> {
  const { config, db, log, newId, clock, processId } = base;
  const eventLog = createEventLog(db.pool);
  const sockets = createSocketStore(db.pool);
  const store = createCallStore(db.pool);
  const outbox = createOutbox(db.pool, newId);
  const jobs = createPeriodicJobs(db.pool);
  const deps: PlaceDeps & DeadlineDeps = {
    unitOfWork: db.unitOfWork,
    newId,
    store,
    outbox,
    log: eventLog,
    directory: needs.directory,
    gate: everybodyMayRing,
    ringer: nobodyWithoutSocket,
    mirror: noMirror,
    metrics: needs.metrics,
    ringTimeoutSeconds: config.RING_TIMEOUT_SECONDS,
    mediaTimeoutSeconds: config.MEDIA_TIMEOUT_SECONDS,
  };
  const media = createMediaService({
    unitOfWork: db.unitOfWork,
    store,
    provider: needs.provider,
    mediaTimeoutSeconds: config.MEDIA_TIMEOUT_SECONDS,
  });
  const hub = new SocketHub({
    processId,
    newId,
    log: eventLog,
    sockets,
    bus: needs.bus,
    acknowledgements: { acknowledged: (marks) => acknowledgeRings(deps, marks) },
    connections: { connected: ({ personId, endpointId }) => ringConnected(deps, personId, endpointId) },
    counts: needs.sockets,
    logger: log,
  });
  const handlers = new Map([
    [DELETE_ROOM_TOPIC, (payload: object) => needs.provider.deleteRoom((payload as { room: string }).room)],
  ]);
  // Rows of sockets refer to their process's row.
  await sockets.heartbeat(processId);
  const loops: Loop[] = [
    startLoop('heartbeat', HEARTBEAT_SECONDS * 1_000, () => beat(sockets, hub, processId), log),
    startLoop('poll', POLL_MS, () => hub.poll(), log),
    startLoop(
      'deadlines',
      DEADLINE_TICK_MS,
      async () => (await runDeadlines(deps)) >= DEADLINES_PER_TICK_MAX,
      log,
    ),
    startLoop(
      'outbox',
      OUTBOX_POLL_MS,
      async () => (await runOutbox(outbox, handlers, log)) === OUTBOX_BATCH,
      log,
    ),
    startLoop('revoked', CLOSE_REVOKED_MS, () => hub.closeRevoked(), log),
    startLoop(
      'reconcile',
      POLL_MS,
      async () => {
        if (await jobs.claim('media.reconcile', RECONCILE_SECONDS)) await media.reconcile(clock.now());
      },
      log,
    ),
    startLoop(
      'prune',
      POLL_MS * 5,
      async () => {
        if (await jobs.claim('event-log.prune', PRUNE_SECONDS)) await eventLog.prune();
      },
      log,
    ),
  ];
  return {
    calls: createCallService(deps),
    media,
    hub,
    stop: async () => {
      await hub.stop();
      await Promise.all(loops.map((loop) => loop.stop()));
      await sockets.dropProcess(processId);
    },
  };
}

async function beat(sockets: SocketStore, hub: SocketHub, processId: ProcessId): Promise<void> {
  // Others took us for dead and dropped our sockets' rows, e.g. while the machine slept.
  if (await sockets.heartbeat(processId)) await hub.announceSockets();
  await sockets.dropStaleProcesses();
}
