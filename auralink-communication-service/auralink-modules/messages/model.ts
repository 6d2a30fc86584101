/**
 * The words of the messages room: e-mails and SMS that leave us, what becomes of them, and what other rooms may ask. Other
 * rooms import this file and nothing else of the room.
 */
import { z } from 'zod';
import type { MessageId, PersonId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';

export const CHANNELS = ['email', 'sms'] as const;
export type Channel = (typeof CHANNELS)[number];

export const PURPOSES = ['verification', 'password', 'notice', 'identity_service'] as const;
export type Purpose = (typeof PURPOSES)[number];

/**
 * `sent`: the server took it. `delivered`: a receipt says that it arrived (SMS only). `refused`: the server will never
 * take it. `expired`: nobody took it in time. `failed`: it was taken and did not arrive, or nobody knows whether it was
 * taken (reason outcome_unknown). `cancelled`: what it carries was void before anybody took it.
 */
export const MESSAGE_STATES = [
  'queued',
  'sending',
  'sent',
  'delivered',
  'refused',
  'expired',
  'failed',
  'cancelled',
] as const;
export type MessageState = (typeof MESSAGE_STATES)[number];
/** What its sending came to. */
export type SettledState = Exclude<MessageState, 'queued' | 'sending' | 'cancelled'>;

/** Characters of an address (RFC 5321, 4.5.3.1.3). */
export const MESSAGE_ADDRESS_MAX_LENGTH = 254;
/** Characters of a subject. */
export const MESSAGE_SUBJECT_MAX_LENGTH = 200;
/** Characters of a text, and of its HTML form. */
export const MESSAGE_TEXT_MAX_LENGTH = 20_000;
/** Parts that one SMS may have. */
export const SMS_PARTS_MAX = 4;
/** How far ahead a message may expire: longer, and a key of the ring that sealed it could not be retired. */
export const MESSAGE_LIFETIME_MAX_SECONDS = 86_400;
/** Bytes of a server's words about a message that are kept. */
export const MESSAGE_REASON_MAX_LENGTH = 200;

const text = z.string().min(1).max(MESSAGE_TEXT_MAX_LENGTH);
const times = { purpose: z.enum(PURPOSES), personId: z.custom<PersonId>().nullable(), expiresAt: z.date() };
const emailSchema = z.object({
  ...times,
  channel: z.literal('email'),
  to: z
    .string()
    .max(MESSAGE_ADDRESS_MAX_LENGTH)
    .regex(
      /^[^\s@<>,;:"()[\]\\\p{Cc}]+@[^\s@<>,;:"()[\]\\\p{Cc}]+$/u,
      'must be an e-mail address such as alice@mail.example',
    ),
  content: z.object({
    subject: z
      .string()
      .min(1)
      .max(MESSAGE_SUBJECT_MAX_LENGTH)
      .regex(/^[^\p{Cc}]*$/u, 'must be one line'),
    text,
    html: text.optional(),
  }),
});
const smsSchema = z.object({
  ...times,
  channel: z.literal('sms'),
  to: z.string().regex(/^\+[1-9]\d{6,14}$/, 'must be a number in the form of E.164, such as +493012345678'),
  content: z.object({ text }),
});

export const outgoingMessageSchema = z.discriminatedUnion('channel', [emailSchema, smsSchema]);

/** `to`: an e-mail address in normal form, or a number in E.164. `personId` null: a Matrix user without an AuraID. */
export type OutgoingMessage = Readonly<z.output<typeof outgoingMessageSchema>>;
export type EmailContent = Readonly<z.output<typeof emailSchema>['content']>;
export type SmsContent = Readonly<z.output<typeof smsSchema>['content']>;

/** Which limit a `rate_limited` means: `reason` of its details. */
export const LIMIT_KINDS = ['person', 'address', 'prefix', 'ip', 'day', 'spend'] as const;
export type LimitKind = (typeof LIMIT_KINDS)[number];

export interface Messages {
  /**
   * Leaves a message to be sent, in the caller's transaction. Counts against every limit; what is counted is taken back
   * with the transaction. Throws `invalid` (field names the part), `rate_limited` (reason is a LimitKind; with
   * retryAfterSeconds), `unavailable` (reason channel_not_configured, sending_paused, no_route, no_key_ring). The
   * transaction stays usable, so that whoever must not fail because of a message catches.
   */
  enqueue(tx: Tx, message: OutgoingMessage, from: { readonly ip: string }): Promise<MessageId>;
  /** Is this channel configured here? For pages that offer methods. */
  offers(channel: Channel): boolean;
  /**
   * What these carry is void: those that wait are wiped in the caller's transaction and never sent; one that is in hand is
   * not tried again. Listeners hear nothing of it.
   */
  cancel(tx: Tx, messageIds: readonly MessageId[]): Promise<void>;
  /** Its code was submitted: numbers to which codes go that nobody submits are paused. It is cancelled, if it still waits. */
  codeUsed(tx: Tx, messageId: MessageId): Promise<void>;
}

export interface SettledMessage {
  readonly messageId: MessageId;
  readonly purpose: Purpose;
  readonly channel: Channel;
  readonly personId: PersonId | null;
  readonly state: SettledState;
  /** In a few words, without the address: a server's words, or outcome_unknown, unreadable. Null while all is well. */
  readonly reason: string | null;
}

/**
 * Handed in by wire: hears of each settled message in the transaction that settles it; of an SMS twice, when it is sent
 * and when its receipt comes. When it throws, its part is taken back and logged, and the message is settled all the same.
 */
export type MessageSettled = (tx: Tx, message: SettledMessage) => Promise<void>;
