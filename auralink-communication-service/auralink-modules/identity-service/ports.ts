/** What the Identity Service needs from outside. */
import type { KeyObject } from 'node:crypto';
import type { PersonId, UserId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import type { Limit, Medium } from './model.ts';

/**
 * Whose OpenID token this is, as the homeserver `serverName` says; null when it does not know the token, cannot be
 * reached, or lies where we do not go. The answer may name anybody: the caller judges.
 */
export type AskOpenId = (serverName: string, accessToken: string) => Promise<string | null>;

/** Counts one, or `count`, against a window shared by all processes; throws `rate_limited`. */
export type Count = (key: string, limit: Limit, count?: number) => Promise<void>;

/** Keys that are not in the database, derived from the ring's index keys. All throw `unavailable` (reason no_key_ring). */
export interface LookupKeys {
  currentId(): string;
  /** Null: the ring no longer has it. */
  find(indexKeyId: string): Buffer | null;
}

export interface SealedAt {
  readonly table: string;
  readonly column: string;
  readonly row: string;
}

/** Seals addresses of Matrix accounts, who need not be people here. Null from `find`: it cannot be opened any more. */
export interface AddressVault {
  seal(tx: Tx, place: SealedAt, plain: Buffer): Promise<Buffer>;
  find(place: SealedAt, envelope: Buffer): Promise<Buffer | null>;
}

/** What a person told of herself; null where it cannot be opened any more. */
export type FindFieldValue = (
  personId: PersonId,
  fieldId: string,
  envelope: Buffer,
) => Promise<string | null>;

export interface Pepper {
  readonly pepperId: number;
  readonly pepper: string;
  readonly indexKeyId: string;
  readonly state: 'building' | 'current' | 'previous';
  /** Since it has this state, by the database's clock. */
  readonly ageSeconds: number;
}

/** Where an address lies that is looked up. */
export type Source =
  | { readonly of: 'association'; readonly id: string }
  | { readonly of: 'invite'; readonly id: string }
  | { readonly of: 'field'; readonly id: string };

export interface SealedSource {
  readonly source: Source;
  /** Of a field: whose. */
  readonly personId: PersonId | null;
  readonly medium: Medium;
  readonly envelope: Buffer;
}

export interface SourcePage {
  readonly sources: readonly SealedSource[];
  /** Where the next page begins; null after the last. */
  readonly last: string | null;
}

export interface NewDigest {
  readonly source: Source;
  readonly pepperId: number;
  /** 32 hexadecimal digits. */
  readonly digest: string;
  /** What the address was read from: a field that has changed meanwhile gets none. */
  readonly envelope: Buffer;
}

export interface DigestStore {
  peppers(): Promise<readonly Pepper[]>;
  /** The same, held until the transaction's end: no other becomes one meanwhile. */
  lockPeppers(tx: Tx): Promise<readonly Pepper[]>;
  /** Begins one, unless one is being built; waits for everybody who holds the others. */
  begin(tx: Tx, pepper: string, indexKeyId: string): Promise<void>;
  /** It is current from now on, and the one before it previous. */
  finish(tx: Tx, pepperId: number): Promise<void>;
  /** Deletes some of a pepper's digests, and the pepper after the last; false while there are more. */
  drop(pepperId: number, limit: number): Promise<boolean>;
  page(of: Source['of'], after: string | null, limit: number): Promise<SourcePage>;
  findField(fieldId: string): Promise<SealedSource | null>;
  /** What is there already stays, but for a field that was proved anew. */
  write(on: Tx | null, digests: readonly NewDigest[]): Promise<void>;
}

/** What is looked up in one request. */
export interface Question {
  /** The person who asks, NOBODY without an AuraID. */
  readonly asker: PersonId;
  /** 32 hexadecimal digits each. */
  readonly digests: readonly string[];
}

/** For each digest at its place the account that may be found by it, by this asker; null where there is none. */
export type FindAccounts = (question: Question) => Promise<readonly (string | null)[]>;

/** An e-mail or SMS that leaves us; `to` of an SMS is E.164. */
export type Sent = { readonly to: string; readonly personId: PersonId | null; readonly expiresAt: Date } & (
  | { readonly channel: 'email'; readonly content: { readonly subject: string; readonly text: string } }
  | { readonly channel: 'sms'; readonly content: { readonly text: string } }
);

/** The messages room, as far as it is needed here. */
export interface Post {
  offers(channel: 'email' | 'sms'): boolean;
  /** In the caller's transaction. Throws `rate_limited`, `unavailable`. */
  enqueue(tx: Tx, message: Sent, from: { readonly ip: string }): Promise<string>;
  /** The code in this message came back. */
  codeUsed(tx: Tx, messageId: string): Promise<void>;
}

export interface Session {
  readonly sessionId: string;
  readonly userId: UserId;
  readonly medium: Medium;
  readonly secretHash: Buffer;
  readonly contentEnvelope: Buffer;
  readonly sendAttempt: number;
  readonly tokenHash: Buffer;
  /** False: the token's time is over. */
  readonly tokenCounts: boolean;
  readonly tries: number;
  /** Since it was asked for or, once validated, since then. */
  readonly ageSeconds: number;
  readonly validatedAt: Date | null;
}

export interface NewToken {
  readonly sessionId: string;
  readonly contentEnvelope: Buffer;
  readonly sendAttempt: number;
  readonly tokenHash: Buffer;
  readonly tokenLifeSeconds: number;
}

export interface SessionStore {
  /** Locked, and until the transaction's end nobody makes another of this key. */
  findByRequest(tx: Tx, requestKey: Buffer): Promise<Session | null>;
  insert(
    tx: Tx,
    session: NewToken & Pick<Session, 'userId' | 'medium' | 'secretHash'> & { readonly requestKey: Buffer },
  ): Promise<void>;
  /** Another token; wrong ones are forgotten. */
  renew(tx: Tx, token: NewToken): Promise<void>;
  /** Locked. */
  find(tx: Tx, sessionId: string): Promise<Session | null>;
  countTry(tx: Tx, sessionId: string): Promise<void>;
  setValidated(tx: Tx, sessionId: string): Promise<void>;
  remove(tx: Tx, sessionId: string): Promise<void>;
  /** Deletes those that nothing can be done with any more. */
  prune(olderThanSeconds: number): Promise<number>;
}

export interface Association {
  readonly associationId: string;
  readonly userId: UserId;
  readonly medium: Medium;
}

export interface Invite {
  readonly inviteId: string;
  readonly token: string;
  readonly medium: Medium;
  readonly envelope: Buffer;
  readonly roomId: string;
  readonly sender: UserId;
}

/** Of an account that is somebody's: what became of an address there. Into the audit log, in the same transaction. */
export type BindingNews = (
  tx: Tx,
  news: {
    readonly act: 'address.bound' | 'address.unbound';
    readonly userId: UserId;
    readonly medium: Medium;
    /** Else her homeserver did it, or whoever proved the address later. */
    readonly byHerself: boolean;
  },
) => Promise<void>;

export interface BindingStore {
  /** Whoever binds or unbinds the same address waits until the transaction's end. */
  lockAddress(tx: Tx, digest: string): Promise<void>;
  /** All that have one of these digests, whatever account. */
  findByDigests(
    tx: Tx,
    medium: Medium,
    digests: readonly string[],
  ): Promise<readonly (Association & { readonly validatedAt: Date })[]>;
  insert(
    tx: Tx,
    association: Association & { readonly envelope: Buffer; readonly validatedAt: Date },
  ): Promise<void>;
  remove(tx: Tx, associationIds: readonly string[]): Promise<void>;
  insertInvite(tx: Tx, invite: Invite, ephemeralKey: string): Promise<void>;
  /** Marks those that wait for one of these digests as taken; returns their ids. */
  takeInvites(tx: Tx, medium: Medium, digests: readonly string[], userId: UserId): Promise<readonly string[]>;
  findInvite(token: string): Promise<Invite | null>;
  /** Taken by this account, and not handed over yet. */
  findTaken(inviteIds: readonly string[], userId: UserId): Promise<readonly Invite[]>;
  removeInvites(inviteIds: readonly string[]): Promise<void>;
  pruneInvites(olderThanDays: number): Promise<number>;
  /** Whose account it is. */
  findPerson(tx: Tx, userId: UserId): Promise<PersonId | null>;
}

/** POST to a homeserver's federation API. Throws unless it answered 200. */
export type TellHomeserver = (serverName: string, path: string, body: object) => Promise<void>;

/** The Ed25519 key of that id which the server signs requests with, as it says itself now; null when it has none. */
export type FindServerKey = (serverName: string, keyId: string) => Promise<KeyObject | null>;
