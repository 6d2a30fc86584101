/** What names and Matrix accounts need from outside: the registry's rows, holds, mappings, and proofs of Matrix accounts. */
import type { AuraId, EndpointId, PersonId, UserId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import type { ShownInMatrix } from './matrix-profile.ts';
import type { PersonState } from './model.ts';

export type HoldCause = 'renamed' | 'released' | 'erased';

/** A name of hers that nobody else gets yet. */
export interface Hold {
  readonly auraId: AuraId;
  readonly cause: HoldCause;
  /** Renamed: until then it goes on to ring her. */
  readonly resolvesUntil: Date;
  /** Until then nobody else may claim it. */
  readonly heldUntil: Date;
}

export interface OwnName {
  readonly personId: PersonId;
  readonly auraId: AuraId;
  readonly state: PersonState | 'erased';
}

export interface NewHold {
  readonly holdId: string;
  readonly personId: PersonId;
  readonly cause: HoldCause;
  readonly resolvesDays: number;
  readonly heldDays: number;
}

export interface NameStore {
  /** Locks her row until the end of the transaction. */
  lockPerson(tx: Tx, personId: PersonId): Promise<OwnName | null>;
  findName(personId: PersonId): Promise<OwnName | null>;
  /** Names that still lead to her, but for `except`. */
  countAliases(tx: Tx, personId: PersonId, except: AuraId): Promise<number>;
  /** Names of hers that nobody else gets yet, but for `except`. The caller holds her row. */
  countHolds(tx: Tx, personId: PersonId, except: AuraId): Promise<number>;
  /** Gives an active person another address. Throws `taken`; the transaction is lost then. */
  setName(tx: Tx, personId: PersonId, auraId: AuraId, skeleton: string): Promise<void>;
  /** Puts the name that she bears now on hold; call it before it is changed. Returns the first of its two ends. */
  holdCurrent(tx: Tx, hold: NewHold): Promise<Date>;
  /** An end of the name for good: its holds, and those of her aliases, name nobody any more. */
  forgetHolds(tx: Tx, personId: PersonId): Promise<void>;
  /** Takes the hold off a name that she bears again. */
  dropHold(tx: Tx, personId: PersonId, auraId: AuraId): Promise<void>;
  listHolds(personId: PersonId): Promise<Hold[]>;
  /** Her row bears `gone` from now on, so that the name she had is on hold only. */
  leave(tx: Tx, personId: PersonId, gone: AuraId): Promise<void>;
  /** A released person has this name from now on. Throws `taken`; the transaction is lost then. */
  comeBack(tx: Tx, personId: PersonId, auraId: AuraId, skeleton: string): Promise<void>;
  /** An active person for a Matrix account that was there before. False when the name or the account is somebody's. */
  insertActive(
    tx: Tx,
    person: {
      readonly personId: PersonId;
      readonly auraId: AuraId;
      readonly skeleton: string;
      readonly displayName: string | null;
      readonly registrationKey: string;
    },
  ): Promise<boolean>;
  /** Revokes her endpoints with their tokens and ends her browser sessions; returns the endpoints. */
  endSessions(tx: Tx, personId: PersonId): Promise<EndpointId[]>;
  /** Signed-in endpoints of hers. */
  listEndpoints(tx: Tx, personId: PersonId): Promise<EndpointId[]>;
  /**
   * Who shows herself to everybody under this name, or an alias of hers; null for everybody else. One statement that
   * does the same whatever the answer is.
   */
  findPublic(auraId: AuraId): Promise<{ readonly personId: PersonId; readonly auraId: AuraId } | null>;
  /** Names that have rested, `limit` at most; returns how many. */
  pruneHolds(limit: number): Promise<number>;
}

export interface MatrixAccount {
  readonly userId: UserId;
  readonly primary: boolean;
  readonly attachedBy: 'provisioned' | 'sign_in' | 'openid';
  readonly since: Date;
}

export interface AccountStore {
  list(personId: PersonId): Promise<MatrixAccount[]>;
  /** Whose account it is, in whatever state she is. */
  findOwner(
    tx: Tx,
    userId: UserId,
  ): Promise<{
    readonly personId: PersonId;
    readonly state: OwnName['state'];
    readonly auraId: AuraId;
  } | null>;
  /** The caller holds her row's lock. False when it is somebody's already. */
  attach(
    tx: Tx,
    personId: PersonId,
    userId: UserId,
    attachedBy: MatrixAccount['attachedBy'],
    primary: boolean,
  ): Promise<boolean>;
  count(tx: Tx, personId: PersonId): Promise<number>;
  find(tx: Tx, personId: PersonId, userId: UserId): Promise<MatrixAccount | null>;
  findPrimary(personId: PersonId): Promise<UserId | null>;
  /** Its password is hers from now on. */
  makePrimary(tx: Tx, personId: PersonId, userId: UserId): Promise<void>;
  /** Forgets, and returns, what was written into the Matrix profiles of her accounts. */
  forgetShown(tx: Tx, personId: PersonId): Promise<readonly { userId: UserId; shown: ShownInMatrix }[]>;
  /** What had been written into its Matrix profile; null when it was not hers, or is primary. */
  detach(tx: Tx, personId: PersonId, userId: UserId): Promise<ShownInMatrix | null>;
}

/** Ways to prove an account of our homeserver. Both return the account's own spelling, or null for a wrong proof. */
export interface AccountProofs {
  /** Leaves no session behind. Throws `rate_limited` when the homeserver limits it, `unavailable` when it is away. */
  byPassword(userId: UserId, password: string, clientAddress: string): Promise<UserId | null>;
  /** A token of `POST /user/{id}/openid/request_token` (Matrix spec, "OpenID"). Throws `unavailable`. */
  byOpenIdToken(token: string): Promise<UserId | null>;
}
