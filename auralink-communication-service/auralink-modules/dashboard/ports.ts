/** What the room offers to others, and what it needs from outside. */
import type { PersonId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import type { EventType } from './model.ts';
import type { Answer, Verdict } from './retry.ts';

/** For whoever shows documents. */
export interface Reviewers {
  /** Asked each time: a role that was revoked a moment ago is none. */
  isReviewer(personId: PersonId): Promise<boolean>;
}

export interface Reviewer {
  readonly personId: PersonId;
  readonly auraId: string;
  readonly grantedBy: string;
  readonly since: Date;
}

export interface ReviewerStore extends Reviewers {
  /** False when she is one already, or when there is no active person of that id. */
  grant(tx: Tx, personId: PersonId, grantedBy: string): Promise<boolean>;
  /** False when she was none. */
  revoke(tx: Tx, personId: PersonId): Promise<boolean>;
  list(): Promise<Reviewer[]>;
}

export type DeliveryState = 'pending' | 'delivered' | 'dead';

/** A delivery in hand. */
export interface Due {
  readonly webhookId: string;
  readonly type: EventType;
  readonly data: unknown;
  readonly occurredAt: Date;
  /** This try included. */
  readonly attempts: number;
  /** Since its first try. */
  readonly ageSeconds: number;
}

export interface Delivery {
  readonly webhookId: string;
  readonly seq: number;
  readonly type: EventType;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly occurredAt: Date;
  /** When it is tried next; null once it is settled. */
  readonly nextTryAt: Date | null;
  readonly lastStatus: number | null;
  readonly lastError: string | null;
  readonly settledAt: Date | null;
}

export interface DeliveryStatus {
  readonly pending: number;
  readonly dead: number;
  readonly resumeAt: Date | null;
  readonly disabledAt: Date | null;
  readonly disabledReason: 'gone' | 'operator' | null;
}

export interface DeliveryStore {
  /** Due deliveries, now in this process's hands until the claim lapses; of one person the oldest only. */
  claim(limit: number): Promise<Due[]>;
  /** What came of one try; nothing is changed when somebody else has it in hand by now, unless it was delivered. */
  settle(due: Due, verdict: Verdict, answer: Answer): Promise<void>;
  /** Generations of the secret that count, newest first. */
  listSecretIds(): Promise<string[]>;
  /** A new generation; the others end after so many seconds. */
  rotate(tx: Tx, secretId: string, graceSeconds: number): Promise<void>;
  status(): Promise<DeliveryStatus>;
  /** Newest first; `before`: only those with a lower seq. */
  list(state: DeliveryState, before: number | null, limit: number): Promise<Delivery[]>;
  /** Dead ones begin anew; null: all of them, at most `limit`. Returns how many. */
  replay(tx: Tx, webhookIds: readonly string[] | null, limit: number): Promise<number>;
  /** Null: it is sent to again, and what waits begins anew. */
  setDisabled(tx: Tx, reason: 'operator' | null): Promise<void>;
  /** Deletes what was settled long ago. */
  prune(deliveredDays: number, deadDays: number, limit: number): Promise<number>;
}

/** Posts a body to the Dashboard. Never throws: what goes wrong is an answer without a status. */
export type PostWebhook = (body: string, headers: Readonly<Record<string, string>>) => Promise<Answer>;

/** Calls that ended, for `call.ended`. */
export interface EndedCalls {
  /** Moves on over calls that were placed long enough ago; in the caller's transaction. Null: another process is at it. */
  take(tx: Tx, limit: number): Promise<EndedCall[] | null>;
}

export interface EndedCall {
  readonly callId: string;
  readonly callerPersonId: PersonId;
  readonly calleePersonId: PersonId;
  readonly appId: string;
  readonly media: 'audio' | 'video';
  readonly reason: string;
  readonly placedAt: Date;
  readonly answeredAt: Date | null;
  readonly endedAt: Date;
}
