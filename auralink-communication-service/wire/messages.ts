/**
 * Builds the messages room: its table, the sealing, the senders that are configured, and the loop that hands messages to
 * them. Rooms that send are built from `messages`; rooms that want to hear what became of theirs register with `onSettled`
 * before the loop is started.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSmtp } from '../adapters/smtp.ts';
import { createCommonVault } from '../auralink-modules/auraid/common-vault.ts';
import { createDelivery } from '../auralink-modules/messages/delivery.ts';
import type { Channel, Messages, MessageSettled } from '../auralink-modules/messages/model.ts';
import type { MessageMetrics, Senders } from '../auralink-modules/messages/ports.ts';
import { type SmsPrices, smsPricesSchema, toMicros } from '../auralink-modules/messages/routes.ts';
import { createMessages } from '../auralink-modules/messages/service.ts';
import { type Config, ConfigError } from '../config.ts';
import { messageLimits, messageStore } from '../store/messages.ts';
import type { Base, Chore } from './base.ts';
import { keyRingOf } from './identity-storage.ts';
import { type Loop, startLoop } from './loops.ts';

/** How often a process looks for messages that are due. */
export const MESSAGES_LOOK_MS = 250;
/** Settled messages are kept so long, without address and text: limits, receipts and the export tell of them. */
export const MESSAGES_KEPT_SECONDS = 7 * 86_400;
const PRUNE_SECONDS = 600;

export interface MessagesPart {
  readonly messages: Messages;
  readonly chores: readonly Chore[];
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
  const senders = sendersOf(base);
  const listeners: MessageSettled[] = [];
  const channels = new Set(
    (['email', 'sms'] as const).filter((channel: Channel) => senders[channel] !== null),
  );
  const delivery = createDelivery({
    ...{ unitOfWork: db.unitOfWork, store, sealer, senders, listeners, metrics, log, sleep },
    monotonicMs: () => clock.monotonicMs(),
    random: Math.random,
  });
  return {
    messages: createMessages({
      ...{ store, limits: messageLimits, sealer, newId, metrics, channels },
      now: () => clock.now(),
      prices: pricesOf(config),
      dailySpendMicros: config.SMS_DAILY_SPEND === null ? null : toMicros(config.SMS_DAILY_SPEND),
    }),
    chores: [
      {
        job: 'messages.prune',
        everySeconds: PRUNE_SECONDS,
        run: async () => {
          while ((await store.prune(MESSAGES_KEPT_SECONDS)) > 0);
        },
      },
    ],
    onSettled: (listener) => listeners.push(listener),
    start: () => {
      const loop = startLoop('messages', MESSAGES_LOOK_MS, delivery.round, log);
      return {
        stop: async () => {
          await loop.stop();
          await delivery.drain();
        },
      };
    },
    close: async () => {
      await senders.email?.close();
      await senders.sms?.close();
    },
  };
}

/** Without a key ring nothing can be sealed, and so nothing is sent. */
function sendersOf({ config, log }: Pick<Base, 'config' | 'log'>): Senders {
  const { SMTP_URL: smtpUrl, MAIL_FROM: from, KEY_RING_PATH: ring } = config;
  if (smtpUrl !== '' && from === '') {
    throw new ConfigError(['MAIL_FROM: is missing; set the address that e-mail comes from']);
  }
  return {
    email: smtpUrl === '' || ring === '' ? null : createSmtp({ url: smtpUrl, from }, log),
    sms: null,
  };
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
