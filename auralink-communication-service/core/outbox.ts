/**
 * The outbox as rooms see it: `enqueue` in the transaction of the change, and one runner a process that hands each
 * row to its topic's idempotent handler until it succeeds.
 */
import type { Log } from './log.ts';
import type { Tx } from './unit-of-work.ts';

export interface OutboxItem {
  readonly eventId: string;
  readonly topic: string;
  readonly payload: object;
  readonly attempts: number;
}

export interface OutboxStore {
  enqueue(tx: Tx, topic: string, payload: object): Promise<void>;
  /** Not before so many seconds have passed; returns its id. */
  enqueueLater(tx: Tx, topic: string, payload: object, afterSeconds: number): Promise<string>;
  /** False when it was done or withdrawn already. A handler that has it in hand goes on. */
  withdraw(tx: Tx, eventId: string): Promise<boolean>;
  /** Due rows, now reserved for this process for a while. */
  claim(topics: readonly string[], limit: number): Promise<OutboxItem[]>;
  done(eventId: string): Promise<void>;
  /** Comes back later, ever later. */
  failed(eventId: string, error: string): Promise<void>;
}

/** Must be idempotent: a row may be handed out twice. */
export type OutboxHandler = (payload: object, eventId: string) => Promise<void>;

/** Rows of the outbox that a process takes at a time; so few that it is through before its claim on them lapses. */
export const OUTBOX_BATCH = 8;

/** `abreast`: for handlers that wait for others, and not for each other. */
export interface OutboxRun {
  readonly abreast?: boolean;
}

/** Handles what is due now, one after the other unless `abreast`; returns how many rows it took. */
export async function runOutbox(
  store: Pick<OutboxStore, 'claim' | 'done' | 'failed'>,
  handlers: ReadonlyMap<string, OutboxHandler>,
  log: Log,
  { abreast = false }: OutboxRun = {},
): Promise<number> {
  const items = await store.claim([...handlers.keys()], OUTBOX_BATCH);
  const handle = async (item: OutboxItem): Promise<void> => {
    try {
      await handlers.get(item.topic)?.(item.payload, item.eventId);
      await store.done(item.eventId);
    } catch (error) {
      log.warn(
        { err: error, topic: item.topic, attempts: item.attempts },
        'outbox handler failed; it will be tried again',
      );
      await store.failed(item.eventId, error instanceof Error ? error.message : String(error));
    }
  };
  if (abreast) await Promise.all(items.map(handle));
  else for (const item of items) await handle(item);
  return items.length;
}
