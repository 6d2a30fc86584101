/**
 * Leaving a message to be sent: limits, spend and breaker are asked, the message is sealed, and its row lies in the
 * caller's transaction.
 */
import { AuraError } from '../../core/errors.ts';
import type { MessageId, NewId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import { assertSubmitted, type Route, routeOf } from './breaker.ts';
import { windowsOf } from './limits.ts';
import {
  type Channel,
  type LimitKind,
  MESSAGE_LIFETIME_MAX_SECONDS,
  type Messages,
  type OutgoingMessage,
  outgoingMessageSchema,
  SMS_PARTS_MAX,
} from './model.ts';
import type { MessageLimits, MessageMetrics, MessageStore, Sealer } from './ports.ts';
import { priceOf, type SmsPrices } from './routes.ts';
import { codeSms } from './sms-text.ts';

const NO_ROUTE: Route = { prefixDigest: null, countryDigest: null };

export interface MessagesDeps {
  readonly store: MessageStore;
  readonly limits: MessageLimits;
  readonly sealer: Sealer;
  readonly newId: NewId;
  readonly now: () => Date;
  readonly channels: ReadonlySet<Channel>;
  readonly prices: SmsPrices | null;
  /** Null: no cap. */
  readonly dailySpendMicros: number | null;
  readonly metrics: MessageMetrics;
}

export function createMessages(deps: MessagesDeps): Messages {
  return {
    enqueue: (tx, message, from) => enqueue(deps, tx, message, from.ip),
    offers: (channel) => deps.channels.has(channel),
    cancel: (tx, messageIds) => cancel(deps, tx, messageIds),
    codeUsed: async (tx, messageId) => {
      await deps.store.codeUsed(tx, messageId);
      await cancel(deps, tx, [messageId]);
    },
  };
}

async function cancel(deps: MessagesDeps, tx: Tx, messageIds: readonly MessageId[]): Promise<void> {
  if (messageIds.length === 0) return;
  const channels = await deps.store.cancel(tx, messageIds);
  for (const channel of channels) deps.metrics.messageOutcome(channel, 'cancelled');
}

async function enqueue(deps: MessagesDeps, tx: Tx, given: OutgoingMessage, ip: string) {
  const message = parsed(given);
  assertLifetime(deps, message);
  if (!deps.channels.has(message.channel)) {
    const what = message.channel === 'sms' ? 'SMS' : 'e-mail';
    throw new AuraError('unavailable', `This server sends no ${what}.`, { reason: 'channel_not_configured' });
  }
  const cost = costOf(deps, message);
  const route = message.channel === 'sms' ? routeOf(message.to, deps.sealer.digest) : NO_ROUTE;
  const from = { ip, prefixDigest: route.prefixDigest, isCapped: deps.dailySpendMicros !== null };
  const windows = windowsOf(message, from, deps.sealer.digest);
  if (message.channel === 'sms' && message.purpose !== 'notice') await assertSubmitted(deps, tx, route);
  const full = await deps.limits.hit(tx, windows);
  if (full !== null) throw limited(deps, message.channel, full.kind, full.retryAfterSeconds);
  if (cost.micros > 0) {
    const cap = deps.dailySpendMicros ?? Number.MAX_SAFE_INTEGER;
    const untilTomorrow = await deps.limits.spend(tx, cost.micros, cap);
    if (untilTomorrow !== null) {
      await deps.limits.takeBack(tx, windows);
      throw limited(deps, message.channel, 'spend', untilTomorrow);
    }
  }
  const messageId = deps.newId<Awaited<ReturnType<Messages['enqueue']>>>();
  const seal = (column: 'address' | 'content', plain: string) =>
    deps.sealer.seal({ table: 'outgoing_messages', column, row: messageId }, Buffer.from(plain));
  const address = seal('address', message.to);
  const content = seal('content', JSON.stringify(message.content));
  const { channel, purpose, personId, expiresAt } = message;
  await deps.store.insert(tx, {
    ...{ messageId, channel, purpose, personId, expiresAt, ...route },
    ...{ address: address.envelope, content: content.envelope, keyId: content.keyId },
    ...{ parts: cost.parts, costMicros: cost.micros },
  });
  return messageId;
}

function parsed(given: OutgoingMessage): OutgoingMessage {
  const result = outgoingMessageSchema.safeParse(given);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const field = issue?.path.join('.') ?? 'message';
  throw new AuraError('invalid', `${field}: ${issue?.message ?? 'is wrong'}.`, { field });
}

function assertLifetime(deps: MessagesDeps, { expiresAt }: OutgoingMessage): void {
  const leftSeconds = (expiresAt.getTime() - deps.now().getTime()) / 1_000;
  if (leftSeconds > 0 && leftSeconds <= MESSAGE_LIFETIME_MAX_SECONDS) return;
  throw new AuraError(
    'invalid',
    `expiresAt: must lie ahead, by ${MESSAGE_LIFETIME_MAX_SECONDS} seconds at most.`,
    { field: 'expiresAt' },
  );
}

function costOf(deps: MessagesDeps, message: OutgoingMessage): { parts: number; micros: number } {
  if (message.channel === 'email') return { parts: 0, micros: 0 };
  const { parts } = codeSms(message.content.text);
  if (parts > SMS_PARTS_MAX) {
    throw new AuraError('invalid', `content.text: would be ${parts} SMS; ${SMS_PARTS_MAX} is the most.`, {
      field: 'content.text',
    });
  }
  const price = priceOf(deps.prices, message.to);
  if (price === null) {
    throw new AuraError('unavailable', 'This server sends no SMS to that country.', { reason: 'no_route' });
  }
  return { parts, micros: parts * price };
}

const WHOSE: Readonly<Record<LimitKind, string>> = {
  person: 'by this person',
  address: 'to this address',
  prefix: 'to numbers like this one',
  ip: 'from this network',
  day: 'today',
  spend: 'today',
};

function limited(
  deps: MessagesDeps,
  channel: Channel,
  kind: LimitKind,
  retryAfterSeconds: number,
): AuraError {
  deps.metrics.messageLimited(channel, kind);
  return new AuraError('rate_limited', `Too many messages were sent ${WHOSE[kind]}; please wait.`, {
    reason: kind,
    retryAfterSeconds,
  });
}
