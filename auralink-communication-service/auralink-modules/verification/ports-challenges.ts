/** What codes need from outside: their rows, keyed digests, messages, limits. */
import type { AuraId, ChallengeId, PersonId, VerificationId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import type { Delivery, Method } from './model.ts';

export type RandomBytes = (size: number) => Buffer;

/** Keyed digests of secrets, apart from those of subjects. */
export interface SecretDigests {
  current(kind: SecretKind, text: string): Buffer;
  /** One for each key that may have made one. */
  all(kind: SecretKind, text: string): Buffer[];
}
export type SecretKind = 'verification-code' | 'verification-link';

/** The messages room, as far as it is needed. */
export interface Courier {
  /** Throws `rate_limited` (reason: whose limit) and `unavailable`; the transaction stays usable. */
  enqueue(
    tx: Tx,
    message: {
      readonly to: string;
      readonly purpose: 'verification' | 'password' | 'notice';
      readonly personId: PersonId;
      readonly expiresAt: Date;
    } & MessageContent,
    from: { readonly ip: string },
  ): Promise<string>;
  offers(channel: 'email' | 'sms'): boolean;
  /** The code that this message carried was submitted. */
  codeUsed(tx: Tx, messageId: string): Promise<void>;
  /** What these messages carry is void: those that nobody has in hand are not sent. */
  cancel(tx: Tx, messageIds: readonly string[]): Promise<void>;
}

export type MessageContent =
  | {
      readonly channel: 'email';
      readonly content: { readonly subject: string; readonly text: string; readonly html?: string };
    }
  | { readonly channel: 'sms'; readonly content: { readonly text: string } };

export interface Limiter {
  hit(key: string, limit: { readonly hits: number; readonly windowSeconds: number }): Promise<void>;
}

export type ChallengePurpose = 'proof' | 'password';
export type ChallengeEnd = 'used' | 'tries' | 'replaced' | 'expired' | 'withdrawn';

export interface NewChallenge {
  readonly challengeId: ChallengeId;
  readonly purpose: ChallengePurpose;
  /** Null for one that was asked for in vain. */
  readonly verificationId: VerificationId | null;
  readonly personId: PersonId | null;
  readonly codeHash: Buffer;
  readonly linkHash: Buffer | null;
  readonly secretEnvelope: Buffer | null;
  readonly messageId: string | null;
  readonly expiresAt: Date;
}

export interface LockedChallenge {
  readonly challengeId: ChallengeId;
  readonly verificationId: VerificationId | null;
  readonly personId: PersonId | null;
  readonly codeHash: Buffer;
  readonly secretEnvelope: Buffer | null;
  readonly tries: number;
  readonly sends: number;
  /** Since it was sent last, by the database's clock. */
  readonly sentSecondsAgo: number;
  readonly expiresAt: Date;
  /** By the database's clock. */
  readonly isOver: boolean;
  readonly messageId: string | null;
  readonly endReason: ChallengeEnd | null;
}

export interface LinkTarget {
  readonly challengeId: ChallengeId;
  readonly verificationId: VerificationId;
  readonly personId: PersonId;
  readonly auraId: AuraId;
  readonly method: Method;
  readonly subjectEnvelope: Buffer | null;
  readonly isLive: boolean;
}

export interface ChallengeStore {
  /**
   * Of proofs the live one of this verification ends as replaced; codes for a new password live side by side. Returns the
   * messages that carry what was replaced.
   */
  insert(tx: Tx, challenge: NewChallenge): Promise<string[]>;
  /** The newest of a verification, live or not, locked. */
  lockNewest(
    tx: Tx,
    verificationId: VerificationId,
    purpose: ChallengePurpose,
  ): Promise<LockedChallenge | null>;
  lock(tx: Tx, challengeId: ChallengeId, purpose: ChallengePurpose): Promise<LockedChallenge | null>;
  /** Counts a wrong code; with the last try it ends. Returns the tries so far. */
  countTry(tx: Tx, challengeId: ChallengeId): Promise<number>;
  end(tx: Tx, challengeId: ChallengeId, reason: ChallengeEnd): Promise<void>;
  /**
   * One for a new password was used: her others end as replaced, but for those that are being judged just now. Returns the
   * messages that carry them.
   */
  endOtherResets(tx: Tx, personId: PersonId, used: ChallengeId): Promise<string[]>;
  /** One that was used, in vain, may be used again until its time is over. */
  giveBack(tx: Tx, challengeId: ChallengeId): Promise<void>;
  setSent(tx: Tx, challengeId: ChallengeId, messageId: string): Promise<void>;
  findByLink(linkHashes: readonly Buffer[]): Promise<LinkTarget | null>;
  /** What became of the message; whose it is, or null when no challenge waits for it. */
  setDelivery(
    tx: Tx,
    messageId: string,
    delivery: Delivery,
    reason: string | null,
  ): Promise<{ readonly personId: PersonId; readonly verificationId: VerificationId } | null>;
  /** Ends those whose time is over, and deletes old ones; returns how many rows it touched, `limit` at the most each. */
  expire(limit: number, keptDays: number): Promise<number>;
}
