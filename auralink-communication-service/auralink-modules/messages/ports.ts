/** What the messages room needs from outside: its table, the limits, the sealing, and a sender for each channel. */
import type { MessageId, PersonId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import type {
  Channel,
  EmailContent,
  LimitKind,
  Purpose,
  SettledMessage,
  SettledState,
  SmsContent,
} from './model.ts';

/** Where a sealed value lies; it opens nowhere else. */
export interface SealedPlace {
  readonly table: 'outgoing_messages';
  readonly column: 'address' | 'content';
  readonly row: MessageId;
}

/** Seals what belongs to no one person. Both throw `unavailable` (reason no_key_ring). */
export interface Sealer {
  seal(place: SealedPlace, plain: Buffer): { readonly envelope: Buffer; readonly keyId: string };
  /** Throws `unavailable` (reason unreadable_data) too. */
  open(place: SealedPlace, envelope: Buffer): Buffer;
  /** Keyed digest, for counting without reading. */
  digest(kind: string, value: string): Buffer;
}

export interface NewMessage {
  readonly messageId: MessageId;
  readonly channel: Channel;
  readonly purpose: Purpose;
  readonly personId: PersonId | null;
  readonly address: Buffer;
  readonly content: Buffer;
  readonly keyId: string;
  /** Null for e-mail. */
  readonly prefixDigest: Buffer | null;
  /** Null for e-mail. */
  readonly countryDigest: Buffer | null;
  /** 0 for e-mail. */
  readonly parts: number;
  /** Millionths of the operator's currency. */
  readonly costMicros: number;
  readonly expiresAt: Date;
}

/** A message that this process has in hand: `attempt` is its fence, a later claim has a higher one. */
export interface ClaimedMessage {
  readonly messageId: MessageId;
  readonly channel: Channel;
  readonly purpose: Purpose;
  readonly personId: PersonId | null;
  readonly address: Buffer;
  readonly content: Buffer;
  readonly createdAt: Date;
  readonly attempt: number;
  /** Whole seconds until it expires, by the database's clock; not positive: it must not be sent. */
  readonly leftSeconds: number;
  /** How often its outcome was lost before this claim; this one's included if it was found `sending`. */
  readonly lostOutcomes: number;
}

export interface Settlement {
  readonly state: SettledState;
  readonly reason: string | null;
  /** The server's name for it, by which a receipt will come. */
  readonly providerId: string | null;
}

export interface MessageStore {
  insert(tx: Tx, message: NewMessage): Promise<void>;
  /** Due messages of a channel, now `sending` and this process's for `claimSeconds`. */
  claim(channel: Channel, limit: number, claimSeconds: number): Promise<ClaimedMessage[]>;
  /** The same of what has expired and nobody has in hand, whatever its channel. */
  claimExpired(limit: number, claimSeconds: number): Promise<ClaimedMessage[]>;
  /** Wipes address and text, gives back what was not spent. False when another claim was later. */
  settle(tx: Tx, message: Pick<ClaimedMessage, 'messageId' | 'attempt'>, to: Settlement): Promise<boolean>;
  /** Nobody took it: back to `queued`, to be claimed again after so many seconds. False when another claim was later. */
  putBack(
    message: Pick<ClaimedMessage, 'messageId' | 'attempt'>,
    back: { readonly afterSeconds: number; readonly reason: string; readonly outcomeLost: boolean },
  ): Promise<boolean>;
  /** A `sent` message becomes delivered or failed; null when there is none that waits for this receipt. */
  settleReceipt(
    tx: Tx,
    by: { readonly providerId: string } | { readonly messageId: MessageId },
    state: 'delivered' | 'failed',
    reason: string | null,
  ): Promise<SettledMessage | null>;
  /** Wipes those that wait, and gives back what was not spent; those in hand expire. The channels of those that it wiped. */
  cancel(tx: Tx, messageIds: readonly MessageId[]): Promise<Channel[]>;
  codeUsed(tx: Tx, messageId: MessageId): Promise<void>;
  /**
   * Of the newest codes sent by SMS to a prefix, a country (`digest` says which) or all numbers: how many there were, how
   * many were submitted. Those of the last `graceSeconds` count when they were.
   */
  countCodes(
    tx: Tx,
    of: 'prefix' | 'country' | 'all',
    digest: Buffer | null,
    window: { readonly seconds: number; readonly graceSeconds: number; readonly max: number },
  ): Promise<{ readonly sent: number; readonly used: number }>;
  /** Deletes what was settled so long ago; returns how many. */
  prune(olderThanSeconds: number): Promise<number>;
}

export interface Window {
  readonly kind: LimitKind;
  readonly key: string;
  readonly hits: number;
  readonly windowSeconds: number;
}

export interface MessageLimits {
  /**
   * Counts one in each window, in one order for everybody; in none when any is full. The first that is full, with its
   * seconds left; null: none.
   */
  hit(
    tx: Tx,
    windows: readonly Window[],
  ): Promise<{ readonly kind: LimitKind; readonly retryAfterSeconds: number } | null>;
  /** Of a message that is not sent after all: one less in each window. */
  takeBack(tx: Tx, windows: readonly Window[]): Promise<void>;
  /** Adds to what today costs (UTC), unless that would be more than `capMicros`; seconds until tomorrow then, else null. */
  spend(tx: Tx, costMicros: number, capMicros: number): Promise<number | null>;
}

/** What became of handing a message to a server. */
export type SendOutcome =
  | { readonly kind: 'sent'; readonly providerId: string | null }
  /** Never: another try would be refused as well. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Surely not taken. `away`: nor would any other be at the moment. */
  | { readonly kind: 'later'; readonly reason: string; readonly away?: boolean }
  /** It may have been taken, or not. */
  | { readonly kind: 'unknown'; readonly reason: string };

interface Outgoing<C> {
  readonly messageId: MessageId;
  readonly to: string;
  readonly content: C;
  readonly createdAt: Date;
  readonly leftSeconds: number;
}
export type OutgoingEmail = Outgoing<EmailContent>;
export type OutgoingSms = Outgoing<SmsContent>;

/** Never throws but for a fault of ours; is done within SEND_TIMEOUT_SECONDS. */
export interface Sender<M> {
  send(message: M): Promise<SendOutcome>;
  close(): Promise<void>;
}

export interface Senders {
  /** Null: not configured. */
  readonly email: Sender<OutgoingEmail> | null;
  readonly sms: Sender<OutgoingSms> | null;
}

export interface MessageMetrics {
  /** One message came to this: a SettledState, `cancelled`, `repeated` (a lost outcome is tried once more) or `delayed`. */
  messageOutcome(channel: Channel, outcome: string): void;
  /** A limit or the breaker refused one. */
  messageLimited(channel: Channel, by: string): void;
}
