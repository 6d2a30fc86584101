/** What the identity room needs from outside: the registry's rows, Matrix accounts, and limits on guessing. */
import type { AppId, AuraId, DeviceKey, EndpointId, PersonId, UserId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import type { EndpointSession, Scope } from '../endpoints/model.ts';
import type { Act } from './audit.ts';
import type { Registration, SignInTarget } from './model.ts';

export interface NewReservation {
  readonly personId: PersonId;
  readonly auraId: AuraId;
  readonly skeleton: string;
  readonly displayName: string | null;
  readonly registrationKey: string;
  readonly dashboardUserId: string | null;
  /** The account to be made for her. */
  readonly userId: UserId;
}

export interface RegistryStore {
  /** Locks the row until the end of the transaction. */
  findByKey(tx: Tx, registrationKey: string): Promise<Registration | null>;
  /**
   * Writes down the name and the account that is to be made for it. False when the name, a look-alike or the key is held
   * already. Waits for others who insert the same. Throws `taken` when the name has come to rest meanwhile.
   */
  insertReservation(tx: Tx, reservation: NewReservation): Promise<boolean>;
  /** Gives a reservation another name. Throws `taken`. */
  moveReservation(tx: Tx, personId: PersonId, auraId: AuraId, skeleton: string): Promise<void>;
  /** The account that was chosen for this person and awaits Synapse's confirmation, or `fresh`, written down now. */
  getPendingAccount(tx: Tx, personId: PersonId, fresh: UserId): Promise<UserId>;
  /** reserved → active with its account as the primary one; false when the reservation is no longer there. */
  activate(
    tx: Tx,
    personId: PersonId,
    auraId: AuraId,
    userId: UserId,
    passwordSet: boolean,
  ): Promise<boolean>;
  getPrimaryAccount(tx: Tx, personId: PersonId): Promise<UserId>;
  /** Which of these skeletons are held. */
  findHeld(skeletons: readonly string[]): Promise<ReadonlySet<string>>;
  /** Frees names that a page reserved and never finished; returns how many. */
  freeAbandoned(olderThanSeconds: number): Promise<number>;

  findSignInByName(auraId: AuraId): Promise<SignInTarget | null>;
  findSignInByAccount(userId: UserId): Promise<SignInTarget | null>;
  /** Primary account of who gave this name back, as long as it rests for her. */
  findReleasedAccount(auraId: AuraId): Promise<UserId | null>;
}

export interface SignInCodeStore {
  /** Voids older codes of this person; false (and no code) when she has a password already. */
  replaceCode(tx: Tx, personId: PersonId, codeHash: Buffer, ttlSeconds: number): Promise<Date | null>;
  /** Marks the code used and tells whom it lets in; null when it is unknown, spent, lapsed or void. */
  claimCode(codeHash: Buffer): Promise<SignInTarget | null>;
  /** Gives a claimed code back after the password could not be set. */
  returnCode(codeHash: Buffer): Promise<void>;
  /** Notes that she has a password, and voids her other codes. */
  passwordSet(tx: Tx, personId: PersonId): Promise<void>;
  /** Deletes codes that lapsed; returns how many. */
  pruneCodes(): Promise<number>;
}

/** Accounts at the homeserver. Every method throws `unavailable` when it is away. */
export interface MatrixAccounts {
  /** Makes the account without a password. An account of this name that exists already is no error: see the caller. */
  createAccount(userId: UserId): Promise<void>;
  setPassword(userId: UserId, password: string): Promise<void>;
  /** Leaves no session behind. Throws `rate_limited` when the homeserver limits it. */
  checkPassword(userId: UserId, password: string, clientAddress: string): Promise<boolean>;
}

/** Counts events in fixed windows shared by all processes. */
export interface RateLimiter {
  /** Counts one, or `count`; throws `rate_limited` with `retryAfterSeconds` beyond `limit`, `unavailable` when it cannot count. */
  hit(key: string, limit: RateLimit, count?: number): Promise<void>;
}

export interface RateLimit {
  readonly hits: number;
  readonly windowSeconds: number;
}

export interface IdentityMetrics {
  registered(via: 'dashboard' | 'page'): void;
  signedIn(outcome: 'accepted' | 'refused'): void;
  /** Somebody was looked up; `remembered`: answered without asking the database. */
  resolved(remembered: boolean): void;
  /** Her rules, or a block, kept something from somebody, who is not told. */
  refused(right: 'call' | 'friend_request' | 'matrix_profile'): void;
  /** Data keys were wrapped anew by the key that is current now. */
  rewrapped(keys: number): void;
  /** A stored value of this table could not be opened. */
  unreadable(table: string): void;
  /** An entry was written to the audit log. */
  audited(act: Act): void;
}

/** Endpoints as sign-in sees them: who was let in, from which app and device, by which grant. */
export interface GrantStore {
  findEndpoint(
    personId: PersonId,
    appId: AppId,
    deviceKey: DeviceKey,
  ): Promise<{ readonly endpointId: EndpointId; readonly grantId: string | null } | null>;
  /**
   * Makes the endpoint or gives it this grant; null when its grant is not `expectedGrantId` (any more), because another
   * tab signed in meanwhile.
   */
  bindGrant(binding: GrantBinding): Promise<EndpointId | null>;
  findEndpointByGrant(grantId: string): Promise<EndpointId | null>;
  /** The session behind an endpoint that is neither revoked, nor of a disabled app, nor of an inactive person. */
  findSession(endpointId: EndpointId): Promise<EndpointSession | null>;
  /** Signs out: the endpoint, its grant and all its tokens. Null when it was signed out before. */
  revokeEndpoint(endpointId: EndpointId): Promise<{ readonly grantId: string | null } | null>;
}

export interface GrantBinding {
  readonly personId: PersonId;
  readonly appId: AppId;
  readonly deviceKey: DeviceKey;
  readonly grantId: string;
  readonly expectedGrantId: string | null;
  readonly scopes: readonly Scope[];
  readonly userAgent: string | null;
}

/** Told, after the fact, that an endpoint's tokens are void: its sockets must close. */
export type EndpointRevoked = (endpointId: EndpointId) => void;

/** What the sign-in provider keeps; `consumed` (seconds since 1970) is set once it was used up. */
export type OidcDocument = Record<string, unknown> & { readonly consumed?: number };

/** Storage of the sign-in provider. Documents past their time are as if absent. */
export interface OidcDocuments {
  find(model: string, id: string): Promise<OidcDocument | null>;
  findByUid(model: string, uid: string): Promise<OidcDocument | null>;
  findByUserCode(model: string, userCode: string): Promise<OidcDocument | null>;
  upsert(model: string, id: string, document: OidcDocument, ttlSeconds: number | null): Promise<void>;
  /** False when it was used up before; a refresh token counts as used up only some seconds after its first use. */
  consume(model: string, id: string): Promise<boolean>;
  destroy(model: string, id: string): Promise<void>;
  revokeByGrant(model: string, grantId: string): Promise<void>;
  /** Deletes documents that expired; returns how many. */
  prune(): Promise<number>;
}
