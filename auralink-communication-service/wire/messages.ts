/**
 * Builds the messages room: its table, the sealing, the senders that are configured, and the loop that hands messages to
 * them. Rooms that send are built from `messages`; rooms that want to hear what became of theirs register with `onSettled`
 * before the loop is started.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyPluginAsync } from 'fastify';
import { createSmpp } from '../adapters/smpp.ts';
import { createReceiptReader, createSmsGateway } from '../adapters/sms-gateway.ts';
import { createSmtp } from '../adapters/smtp.ts';
import { createCommonVault } from '../auralink-modules/auraid/common-vault.ts';
import { createDelivery, type Delivery } from '../auralink-modules/messages/delivery.ts';
import { SMS_PER_DAY_UNCAPPED } from '../auralink-modules/messages/limits.ts';
import {
  CHANNELS,
  type Channel,
  type Messages,
  type MessageSettled,
} from '../auralink-modules/messages/model.ts';
import type { MessageMetrics, Senders } from '../auralink-modules/messages/ports.ts';
import { type SmsPrices, smsPricesSchema, toMicros } from '../auralink-modules/messages/routes.ts';
import { createMessages } from '../auralink-modules/messages/service.ts';
import { type Config, ConfigError } from '../config.ts';
import type { MessageId } from '../core/ids.ts';
import { receiptRoutes } from '../http/receipt-routes.ts';
import { messageLimits, messageStore } from '../store/messages.ts';
import { readMessageQueues } from '../store/metrics.ts';
import type { Base, Chore } from './base.ts';
import { keyRingOf } from './identity-storage.ts';
import { type Loop, startLoop } from './loops.ts';

/** How often a process looks for messages that are due. */
export const MESSAGES_LOOK_MS = 250;
/** Settled messages are kept so long, without address and text: limits, receipts and the export tell of them. */
export const MESSAGES_KEPT_SECONDS = 7 * 86_400;
const PRUNE_SECONDS = 600;
/** How often it is looked for messages that have expired unsent. */
export const MESSAGES_EXPIRE_SECONDS = 10;
/** How often a process looks whether it is still bound to the SMS server, for the receipts. */
export const BOUND_LOOK_MS = 2_000;
/** A channel whose oldest message has waited longer is degraded. */
export const MESSAGES_WAIT_TROUBLE_SECONDS = 120;

export interface MessagesPart {
  readonly messages: Messages;
  readonly chores: readonly Chore[];
  /** Routes of the public door. */
  readonly plugins: readonly FastifyPluginAsync[];
  /** For /health: null where the channel is not configured. */
  probe(channel: Channel): Promise<{ readonly version: null; readonly trouble?: string } | null>;
  onSettled(listener: MessageSettled): void;
  /** When every listener is registered. */
  start(): Loop;
  close(): Promise<void>;
}

/** Throws ConfigError. */
export function wireMessages(base: Omit<Base, 'processId'>, metrics: MessageMetrics): MessagesPart {
  const { config, db, clock, log, newId } = base;
  const store = messageStore(db.pool);
  const sealer = createCommonVault(keyRingOf(base), randomBytes);
  const receipts: Receipts = { settle: null };
  const { senders, keepBound } = sendersOf(base, receipts);
  const listeners: MessageSettled[] = [];
  const channels = new Set(CHANNELS.filter((channel) => senders[channel] !== null));
  const delivery = createDelivery({
    ...{ unitOfWork: db.unitOfWork, store, sealer, senders, listeners, metrics, log, sleep },
    monotonicMs: () => clock.monotonicMs(),
    random: Math.random,
  });
  receipts.settle = delivery.receipt;
  if (channels.has('sms') && config.SMS_DAILY_SPEND === null) {
    log.warn(
      { most: SMS_PER_DAY_UNCAPPED },
      'SMS_DAILY_SPEND is not set: what SMS cost is not bounded, so only few are sent in a day',
    );
  }
  return {
    messages: createMessages({
      ...{ store, limits: messageLimits, sealer, newId, metrics, channels },
      now: () => clock.now(),
      prices: pricesOf(config),
      dailySpendMicros: config.SMS_DAILY_SPEND === null ? null : toMicros(config.SMS_DAILY_SPEND),
    }),
    plugins: receiptPlugins(base, delivery),
    chores: [
      { job: 'messages.expire', everySeconds: MESSAGES_EXPIRE_SECONDS, run: delivery.expire },
      {
        job: 'messages.prune',
        everySeconds: PRUNE_SECONDS,
        run: async () => {
          while ((await store.prune(MESSAGES_KEPT_SECONDS)) > 0);
        },
      },
    ],
    probe: async (channel) => (channels.has(channel) ? await probe(base, channel) : null),
    onSettled: (listener) => listeners.push(listener),
    start: () => startDelivery(base, delivery, keepBound),
    close: async () => {
      await senders.email?.close();
      await senders.sms?.close();
    },
  };
}

function startDelivery({ log }: Pick<Base, 'log'>, delivery: Delivery, keepBound: () => Promise<void>): Loop {
  const loop = startLoop('messages', MESSAGES_LOOK_MS, delivery.round, log);
  const binding = startLoop('messages.bound', BOUND_LOOK_MS, keepBound, log);
  return {
    stop: async () => {
      await Promise.all([loop.stop(), binding.stop()]);
      await delivery.drain();
    },
  };
}

async function probe({ db }: Pick<Base, 'db'>, channel: Channel) {
  const queue = (await readMessageQueues(db.pool)).find((one) => one.channel === channel);
  const waitedSeconds = Math.round(queue?.oldestSeconds ?? 0);
  return waitedSeconds > MESSAGES_WAIT_TROUBLE_SECONDS
    ? { version: null, trouble: `the oldest message has waited ${waitedSeconds} s` }
    : { version: null };
}

function receiptPlugins({ config, clock }: Pick<Base, 'config' | 'clock'>, delivery: Delivery) {
  if (config.SMPP_URL !== '' || config.SMS_GATEWAY_URL === '') return [];
  return [
    receiptRoutes({
      read: createReceiptReader(config.SMS_GATEWAY_TOKEN),
      now: () => clock.now(),
      // The schema says that it is one.
      settle: (id, state, reason) => delivery.receipt({ messageId: id as MessageId }, state, reason),
    }),
  ];
}

/** Receipts come from the first moment on, and go to what is built from the senders. */
interface Receipts {
  settle: Delivery['receipt'] | null;
}

/** Without a key ring nothing can be sealed, and so nothing is sent. */
function sendersOf(
  { config, log }: Pick<Base, 'config' | 'log'>,
  receipts: Receipts,
): { readonly senders: Senders; readonly keepBound: () => Promise<void> } {
  const { SMTP_URL: smtpUrl, MAIL_FROM: from, SMPP_URL: smppUrl, SMS_SENDER: sender } = config;
  const { SMS_GATEWAY_URL: url, SMS_GATEWAY_TOKEN: token } = config;
  const faults = [
    ...(smtpUrl !== '' && from === ''
      ? ['MAIL_FROM: is missing; set the address that e-mail comes from']
      : []),
    ...(url !== '' && token === ''
      ? ['SMS_GATEWAY_TOKEN: is missing; set it (or SMS_GATEWAY_TOKEN_FILE)']
      : []),
  ];
  if (faults.length > 0) throw new ConfigError(faults);
  const noSms = { senders: { email: null, sms: null }, keepBound: async () => {} };
  if (config.KEY_RING_PATH === '') return noSms;
  const email = smtpUrl === '' ? null : createSmtp({ url: smtpUrl, from }, log);
  if (smppUrl !== '') {
    const sms = createSmpp(
      {
        ...{ url: smppUrl, sender, sleep },
        onReceipt: async (providerId, state, reason) =>
          (await receipts.settle?.({ providerId }, state, reason)) ?? false,
      },
      log,
    );
    return { senders: { email, sms }, keepBound: sms.keepBound };
  }
  const sms = url === '' ? null : createSmsGateway({ url, token, sender }, log);
  return { ...noSms, senders: { email, sms } };
}

function pricesOf({ SMS_PRICES_FILE: path, SMS_DAILY_SPEND: cap }: Config): SmsPrices | null {
  if (path === '') {
    if (cap === null) return null;
    throw new ConfigError(['SMS_PRICES_FILE: is missing; without prices SMS_DAILY_SPEND means nothing']);
  }
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new ConfigError([`SMS_PRICES_FILE: cannot read ${path} (${(error as Error).message})`]);
  }
  const parsed = smsPricesSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new ConfigError(
    parsed.error.issues.map(({ path: at, message }) => `SMS_PRICES_FILE: ${at.join('.')}: ${message}`),
  );
}
