/** The messages room as a service process wires it, over a test's database; several of them are several processes. */
import { after } from 'node:test';
import { pino } from 'pino';
import type {
  OutgoingMessage,
  SettledMessage,
} from '../../auralink-communication-service/auralink-modules/messages/model.ts';
import { type Config, parseConfig } from '../../auralink-communication-service/config.ts';
import { systemClock } from '../../auralink-communication-service/core/clock.ts';
import { type MessageId, newId } from '../../auralink-communication-service/core/ids.ts';
import { createMetrics, type Metrics } from '../../auralink-communication-service/core/metrics.ts';
import {
  type DatabaseAddress,
  type Db,
  openDatabase,
} from '../../auralink-communication-service/store/db.ts';
import type { Loop } from '../../auralink-communication-service/wire/loops.ts';
import { type MessagesPart, wireMessages } from '../../auralink-communication-service/wire/messages.ts';
import type { Clock } from '../../auralink-communication-service/core/clock.ts';
import { constellation } from '../harness.ts';

export interface MessagesRoom {
  readonly part: MessagesPart;
  readonly db: Db;
  readonly config: Config;
  readonly metrics: Metrics;
  /** What its listeners heard, in order. */
  readonly settled: SettledMessage[];
  /** In a transaction of its own; what is not given is of a code to alice@mail.example that is good for ten minutes. */
  send(message?: Partial<OutgoingMessage>, ip?: string): Promise<MessageId>;
  /** Hands what waits to the servers from now on; not started: it only enqueues. */
  start(): void;
  stop(): Promise<void>;
}

export const EMAIL: OutgoingMessage = {
  channel: 'email',
  to: 'alice@mail.example',
  content: { subject: 'Your code', text: 'It is 123456.' },
  purpose: 'verification',
  personId: null,
  expiresAt: new Date(0),
};
export const SMS: OutgoingMessage = {
  ...EMAIL,
  channel: 'sms',
  to: '+4915112345678',
  content: { text: 'Your code is 123456.' },
};

export interface RoomOptions {
  /** Of the service processes; default: of those over the shared engines. */
  readonly serviceEnv?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
}

export function messagesRoom(
  address: DatabaseAddress,
  env: Readonly<Record<string, string>>,
  { serviceEnv, clock = systemClock }: RoomOptions = {},
): MessagesRoom {
  const config = parseConfig({ ...(serviceEnv ?? constellation().serviceEnv), ...env });
  const db = openDatabase(address);
  const metrics = createMetrics();
  const settled: SettledMessage[] = [];
  const log = pino({ level: 'silent' });
  const part = wireMessages({ config, log, db, clock, newId }, metrics.messages);
  part.onSettled(async (_tx, message) => {
    settled.push(message);
  });
  let loop: Loop | null = null;
  let isOpen = true;
  const stop = async (): Promise<void> => {
    if (!isOpen) return;
    isOpen = false;
    await loop?.stop();
    await part.close();
    await db.close();
  };
  after(stop);
  return {
    ...{ part, db, config, metrics, settled, stop },
    send: (message = {}, ip = '192.0.2.1') => {
      const base = message.channel === 'sms' ? SMS : EMAIL;
      const expiresAt = new Date(Date.now() + 600_000);
      // What is overridden belongs to the same channel.
      const whole = { ...base, expiresAt, ...message } as OutgoingMessage;
      return db.unitOfWork.run((tx) => part.messages.enqueue(tx, whole, { ip }));
    },
    start: () => {
      loop = part.start();
    },
  };
}
