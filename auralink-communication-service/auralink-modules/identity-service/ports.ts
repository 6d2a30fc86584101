/** What the Identity Service needs from outside. */
import type { PersonId } from '../../core/ids.ts';
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
