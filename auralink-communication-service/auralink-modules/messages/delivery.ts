/**
 * Handing messages to servers. A row is `sending`, and committed so, before the network is touched; what became of it is
 * settled together with what its listeners make of it. Where nobody can know whether a server took it (this process was
 * killed, the connection broke behind the last byte), it is repeated once with the same id and text, and then given up.
 */
import { CorruptMessageError, type Opened, openMessage } from './opened.ts';
import { AuraError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { UnitOfWork } from '../../core/unit-of-work.ts';
import type { Channel, MessageSettled, SettledMessage } from './model.ts';
import type {
  ClaimedMessage,
  MessageMetrics,
  MessageStore,
  Sealer,
  Senders,
  SendOutcome,
  Settlement,
} from './ports.ts';

/** Messages of a channel that a process has in hand at a time. */
export const SENDING_AT_ONCE = 8;
/** A server has so long for one message; then the connection is cut. */
export const SEND_TIMEOUT_SECONDS = 30;
/** Expired messages that are settled at a time. */
export const EXPIRED_BATCH = 100;
/** A claim lapses after this: long enough that nobody is at work on it any more. */
export const SENDING_CLAIM_SECONDS = 90;
/** Longest wait before a message is tried again. */
export const RESEND_MAX_SECONDS = 60;
/** Longest wait before a server that was away is tried again. */
export const PAUSE_MAX_SECONDS = 30;
/** A lost outcome is repeated once; another one, and the message has failed. */
export const LOST_OUTCOMES_MAX = 1;
/** How long settling is tried again while the database is away; shorter than a claim with its send. */
export const SETTLE_TRIES_MS = 45_000;
const SETTLE_AGAIN_MS = 500;
/** 2 to the power of more is beyond every bound here. */
const EXPONENT_MAX = 10;

export interface DeliveryDeps {
  readonly unitOfWork: UnitOfWork;
  readonly store: MessageStore;
  readonly sealer: Sealer;
  readonly senders: Senders;
  readonly listeners: readonly MessageSettled[];
  readonly metrics: MessageMetrics;
  readonly log: Log;
  readonly monotonicMs: () => number;
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

export interface Delivery {
  /** Takes what is due, as far as there is room, and returns without waiting for it. */
  round(): Promise<void>;
  /** Settles what has expired, also while its server is away and where its channel is configured no more. */
  expire(): Promise<void>;
  /** Waits for what is in hand. */
  drain(): Promise<void>;
  /** A receipt came. False: no message waits for it (yet). */
  receipt(
    by: Parameters<MessageStore['settleReceipt']>[1],
    state: 'delivered' | 'failed',
    reason: string | null,
  ): Promise<boolean>;
}

interface Line {
  readonly inHand: Set<Promise<void>>;
  /** In a row, of a server that is away. */
  failures: number;
  pausedUntilMs: number;
}

export function createDelivery(deps: DeliveryDeps): Delivery {
  const line = (): Line => ({ inHand: new Set(), failures: 0, pausedUntilMs: 0 });
  const lines: Readonly<Record<Channel, Line>> = { email: line(), sms: line() };
  const channels = (['email', 'sms'] as const).filter((channel) => deps.senders[channel] !== null);
  const take = async (channel: Channel): Promise<void> => {
    const { inHand, failures, pausedUntilMs } = lines[channel];
    // While a server is away one message is enough to see whether it came back.
    const room = (failures === 0 ? SENDING_AT_ONCE : 1) - inHand.size;
    if (room <= 0 || deps.monotonicMs() < pausedUntilMs) return;
    for (const message of await deps.store.claim(channel, room, SENDING_CLAIM_SECONDS)) {
      const work: Promise<void> = handle(deps, lines[channel], message)
        .catch((err) => deps.log.error({ err, messageId: message.messageId }, 'a message was left unsettled'))
        .finally(() => inHand.delete(work));
      inHand.add(work);
    }
  };
  return {
    round: async () => {
      for (const channel of channels) await take(channel);
    },
    expire: async () => {
      for (;;) {
        const expired = await deps.store.claimExpired(EXPIRED_BATCH, SENDING_CLAIM_SECONDS);
        for (const message of expired) await settleUnsent(deps, message);
        if (expired.length < EXPIRED_BATCH) return;
      }
    },
    drain: async () => {
      await Promise.all(channels.flatMap((channel) => [...lines[channel].inHand]));
    },
    receipt: (by, state, reason) => receipt(deps, by, state, reason),
  };
}

async function handle(deps: DeliveryDeps, line: Line, message: ClaimedMessage): Promise<void> {
  if (message.lostOutcomes > LOST_OUTCOMES_MAX) return settle(deps, message, failed('outcome_unknown'));
  if (message.leftSeconds <= 0) return settleUnsent(deps, message);
  let opened: Opened;
  try {
    opened = openMessage(deps.sealer, message);
  } catch (error) {
    if (!(error instanceof CorruptMessageError)) throw error;
    return settle(deps, message, failed('unreadable'));
  }
  if (message.lostOutcomes > 0) deps.metrics.messageOutcome(message.channel, 'repeated');
  const outcome = await handOver(deps, opened);
  await conclude(deps, message, outcome, pause(deps, line, outcome));
}

/** Its time is over. */
function settleUnsent(deps: DeliveryDeps, message: ClaimedMessage): Promise<void> {
  const wasLost = message.lostOutcomes > 0;
  const expired: Settlement = { state: 'expired', reason: null, providerId: null };
  return settle(deps, message, wasLost ? failed('outcome_unknown') : expired);
}

const failed = (reason: string): Settlement => ({ state: 'failed', reason, providerId: null });

async function handOver({ senders }: DeliveryDeps, message: Opened): Promise<SendOutcome> {
  const notHere: SendOutcome = { kind: 'later', reason: 'not configured here' };
  if (message.channel === 'email') return (await senders.email?.send(message)) ?? notHere;
  return (await senders.sms?.send(message)) ?? notHere;
}

/** Seconds for which nothing of the channel is tried. */
function pause(deps: DeliveryDeps, line: Line, outcome: SendOutcome): number {
  if (outcome.kind !== 'later' || outcome.away !== true) {
    line.failures = 0;
    line.pausedUntilMs = 0;
    return 0;
  }
  const seconds = Math.min(PAUSE_MAX_SECONDS, 2 ** line.failures);
  line.failures = Math.min(line.failures + 1, EXPONENT_MAX);
  line.pausedUntilMs = deps.monotonicMs() + seconds * 1_000;
  return seconds;
}

async function conclude(
  deps: DeliveryDeps,
  message: ClaimedMessage,
  outcome: SendOutcome,
  pausedSeconds: number,
): Promise<void> {
  if (outcome.kind === 'sent') {
    return settle(deps, message, { state: 'sent', reason: null, providerId: outcome.providerId });
  }
  if (outcome.kind === 'refused') {
    return settle(deps, message, { state: 'refused', reason: outcome.reason, providerId: null });
  }
  const outcomeLost = outcome.kind === 'unknown';
  if (outcomeLost && message.lostOutcomes >= LOST_OUTCOMES_MAX) {
    return settle(deps, message, failed('outcome_unknown'));
  }
  const { messageId, channel, attempt } = message;
  deps.metrics.messageOutcome(channel, 'delayed');
  deps.log.warn({ messageId, channel, attempt, reason: outcome.reason }, 'a message is tried again later');
  const atMost = Math.min(RESEND_MAX_SECONDS, 2 ** Math.min(attempt, EXPONENT_MAX));
  const afterSeconds = Math.max(pausedSeconds, atMost * (0.5 + deps.random() / 2));
  await whileAway(deps, () =>
    deps.store.putBack(message, { afterSeconds, reason: outcome.reason, outcomeLost }),
  );
}

async function settle(deps: DeliveryDeps, message: ClaimedMessage, to: Settlement): Promise<void> {
  const { messageId, purpose, channel, personId } = message;
  const settled: SettledMessage = {
    messageId,
    purpose,
    channel,
    personId,
    state: to.state,
    reason: to.reason,
  };
  const done = await whileAway(deps, () =>
    settleOnce(deps, settled, (tx) => deps.store.settle(tx, message, to)),
  );
  if (!done) return;
  deps.metrics.messageOutcome(channel, to.state);
  const level = to.state === 'sent' ? 'debug' : 'info';
  deps.log[level](
    { messageId, channel, purpose, state: to.state, reason: to.reason },
    'a message is settled',
  );
}

type SettleIn = (tx: Parameters<MessageSettled>[0]) => Promise<boolean>;

/** A listener's fault must not make a message that was sent look unsent: it is settled without it. */
async function settleOnce(deps: DeliveryDeps, settled: SettledMessage, work: SettleIn): Promise<boolean> {
  const told = (listeners: readonly MessageSettled[]) =>
    deps.unitOfWork.run(async (tx) => {
      if (!(await work(tx))) return false;
      for (const listener of listeners) await listener(tx, settled);
      return true;
    });
  try {
    return await told(deps.listeners);
  } catch (err) {
    if (err instanceof AuraError && err.code === 'unavailable') throw err;
    deps.log.error({ err, messageId: settled.messageId }, 'who waited for a message failed to hear of it');
    return await told([]);
  }
}

/** What a server took must not be forgotten because the database was away for a moment. */
async function whileAway<T>(deps: DeliveryDeps, work: () => Promise<T>): Promise<T> {
  const untilMs = deps.monotonicMs() + SETTLE_TRIES_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const away = error instanceof AuraError && error.code === 'unavailable';
      if (!away || deps.monotonicMs() > untilMs) throw error;
      await deps.sleep(SETTLE_AGAIN_MS);
    }
  }
}

async function receipt(
  deps: DeliveryDeps,
  by: Parameters<MessageStore['settleReceipt']>[1],
  state: 'delivered' | 'failed',
  reason: string | null,
): Promise<boolean> {
  return await deps.unitOfWork.run(async (tx) => {
    const settled = await deps.store.settleReceipt(tx, by, state, reason);
    if (settled === null) return false;
    for (const listener of deps.listeners) await listener(tx, settled);
    deps.metrics.messageOutcome(settled.channel, state);
    return true;
  });
}
