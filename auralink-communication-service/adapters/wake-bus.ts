/**
 * The wake bus: tells the other service processes which endpoints have news. It listens to every carrier and sends on
 * the first healthy one, in order of preference. One send is under way at a time; what comes meanwhile goes together
 * in the next. Losing a message is allowed (the log is polled), blocking or throwing is not.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { WakeBus, WakeMessage } from '../auralink-modules/endpoints/ports.ts';
import type { ProcessId } from '../core/ids.ts';
import type { Log } from '../core/log.ts';
import type { WakeCarrier } from './wake-carrier.ts';
import { isFrameOf, packFrames, parseFrame } from './wake-frames.ts';

/** Beyond this the oldest messages are given up: their endpoints are found by the poll. */
export const WAKE_QUEUE_MAX = 10_000;
/** Messages in one send. */
export const WAKE_BATCH_MAX = 500;
/** Shortest time from one send to the next while several commits share a send; a single one waits for nothing. */
export const WAKE_PAUSE_MS = 8;

export interface WakeCounts {
  /** `messages` went out by `carrier`; `none` means that they were given up. */
  sent(carrier: string, messages: number): void;
}

export interface ClosableWakeBus extends WakeBus {
  close(): Promise<void>;
}

/** `carriers`: preferred one first. They are closed with the bus. */
export function createWakeBus(
  processId: ProcessId,
  carriers: readonly WakeCarrier[],
  counts: WakeCounts,
  log: Log,
  pauseMs: number = WAKE_PAUSE_MS,
): ClosableWakeBus {
  const handlers: ((messages: readonly WakeMessage[]) => void)[] = [];
  let queue: WakeMessage[] = [];
  let flushing = false;
  let sentAtMs = Number.NEGATIVE_INFINITY;
  /** Since the last send, and whether that one was shared. */
  let publishes = 0;
  let busy = false;

  const receive = (text: string) => {
    if (isFrameOf(processId, text)) return;
    const frame = parseFrame(text);
    if (frame === null || frame.messages.length === 0) return;
    for (const handler of handlers) {
      try {
        handler(frame.messages);
      } catch (error) {
        log.error({ err: error }, 'a wake-up could not be handled');
      }
    }
  };
  for (const carrier of carriers) carrier.listen(receive);

  const flush = async () => {
    flushing = true;
    while (queue.length > 0) {
      const restMs = sentAtMs + pauseMs - performance.now();
      if (busy && restMs > 0) await delay(restMs);
      sentAtMs = performance.now();
      busy = publishes > 1;
      publishes = 0;
      const batch = queue.slice(0, WAKE_BATCH_MAX);
      queue = queue.slice(batch.length);
      counts.sent(await sendOnFirst(carriers, processId, batch), batch.length);
    }
    flushing = false;
  };

  return {
    publish(messages) {
      publishes += 1;
      queue.push(...messages);
      if (queue.length > WAKE_QUEUE_MAX) {
        counts.sent('none', queue.length - WAKE_QUEUE_MAX);
        queue = queue.slice(-WAKE_QUEUE_MAX);
      }
      if (!flushing) void flush();
    },
    subscribe(handler) {
      handlers.push(handler);
    },
    async close() {
      queue = [];
      await Promise.all(carriers.map((carrier) => carrier.close()));
    },
  };
}

/** Name of the carrier that took the batch, or `none`. */
async function sendOnFirst(
  carriers: readonly WakeCarrier[],
  processId: ProcessId,
  batch: readonly WakeMessage[],
): Promise<string> {
  for (const carrier of carriers) {
    if (!carrier.healthy) continue;
    try {
      await carrier.send(packFrames(processId, batch, carrier.maxFrameBytes));
      return carrier.name;
    } catch {
      // The next carrier is the answer to this; the carrier itself reports that it is away.
    }
  }
  return 'none';
}
