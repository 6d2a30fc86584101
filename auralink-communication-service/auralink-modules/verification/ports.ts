/**
 * What proofs need from outside: their rows, the vault, digests, messages, and who is told. `Proofs` is what other rooms
 * are handed to say that somebody proved something.
 */
import type { AuraId, ChallengeId, EndpointId, PersonId, VerificationId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import type { NewEvent } from '../endpoints/model.ts';
import type {
  CodeMethod,
  Delivery,
  EndReason,
  EndState,
  Evidence,
  Level,
  Method,
  VerificationState,
} from './model.ts';

export interface NewProof {
  readonly personId: PersonId;
  readonly method: Method;
  readonly level: Level;
  /** Address or document in normal form (`normalAddress`); null for a proof that is about nothing that others may have. */
  readonly subject: string | null;
  readonly evidence: Evidence;
  readonly expiresAt: Date | null;
  /** The pending proof that becomes this one; absent: a new one. */
  readonly verificationId?: VerificationId;
}

export interface Proved {
  readonly verificationId: VerificationId;
  /** People of whom something else is shown now: `committed` is to be told of them. */
  readonly changed: readonly PersonId[];
}

export interface Proofs {
  /**
   * From now on she has proved this; an older proof of hers at this level, and anybody else's of the same subject, is
   * superseded, and who loses hers is told. Locks her row, then the subject. Throws `unauthenticated` (signed_out) when she
   * is not active, `not_found` when the pending proof is not waiting any more.
   */
  prove(tx: Tx, proof: NewProof): Promise<Proved>;
  /** Ends hers, pending or proved; null when she has no such live one. */
  withdraw(tx: Tx, which: Withdrawal): Promise<Proved | null>;
  /** A personal field of hers gets another value or goes: what proved it ends. */
  fieldGone(tx: Tx, personId: PersonId, fieldId: string, reason: EndReason): Promise<void>;
  /** After the commit: what is remembered of these people is out of date. */
  committed(people: readonly PersonId[]): void;
}

export interface Withdrawal {
  readonly personId: PersonId;
  readonly verificationId: VerificationId;
  readonly reason: EndReason;
  /** `withdrawn` unless said otherwise. */
  readonly state?: EndState;
}

/** A proof that is pending or holds. */
export interface LiveProof {
  readonly verificationId: VerificationId;
  readonly personId: PersonId;
  readonly method: Method;
  readonly level: Level;
  readonly state: 'pending' | 'verified';
  readonly fieldId: string | null;
  readonly subjectEnvelope: Buffer | null;
}

export interface StoredProof extends Omit<LiveProof, 'state'> {
  readonly state: VerificationState;
  readonly reason: string | null;
  readonly createdAt: Date;
  readonly verifiedAt: Date | null;
  readonly expiresAt: Date | null;
  readonly endedAt: Date | null;
  /** Of its evidence. */
  readonly by: string | null;
  readonly challenge: StoredChallenge | null;
}

export interface Index {
  readonly digest: Buffer;
  readonly indexKeyId: string;
}

/** One row of hers as it is written. */
export interface ProofRow {
  readonly verificationId: VerificationId;
  readonly personId: PersonId;
  readonly method: Method;
  readonly level: Level;
  readonly envelope: Buffer | null;
  readonly index: Index | null;
}

export interface ProofStore {
  /** Throws `unauthenticated` (signed_out) unless she is active. */
  lockPerson(tx: Tx, personId: PersonId): Promise<AuraId>;
  /** Her address; null when she is not active. */
  findAuraId(tx: Tx, personId: PersonId): Promise<AuraId | null>;
  /** Whoever proves the same subject waits until the end of the transaction. */
  lockSubject(tx: Tx, digests: readonly Buffer[]): Promise<void>;
  /** Proofs of this subject that hold, whoever's. */
  findHolders(tx: Tx, method: Method, digests: readonly Buffer[]): Promise<LiveProof[]>;
  /** Hers that is pending or holds, locked. */
  findLive(tx: Tx, personId: PersonId, verificationId: VerificationId): Promise<LiveProof | null>;
  /** Hers that waits for a code to this address, locked. */
  findPending(
    tx: Tx,
    personId: PersonId,
    method: Method,
    digests: readonly Buffer[],
  ): Promise<LiveProof | null>;
  findByField(tx: Tx, personId: PersonId, fieldId: string): Promise<LiveProof[]>;
  countLive(tx: Tx, personId: PersonId): Promise<number>;
  insertPending(tx: Tx, row: ProofRow): Promise<void>;
  insertProved(
    tx: Tx,
    row: ProofRow & {
      readonly fieldId: string | null;
      readonly evidence: Evidence;
      readonly expiresAt: Date | null;
    },
  ): Promise<Date>;
  /** pending → verified; null when it is not pending any more. */
  setProved(
    tx: Tx,
    row: ProofRow & {
      readonly fieldId: string | null;
      readonly evidence: Evidence;
      readonly expiresAt: Date | null;
    },
  ): Promise<Date | null>;
  /**
   * Ends a live one with its codes, and the field that it proved is not proved any more. Returns the messages that carry
   * the codes; null when it had ended.
   */
  end(tx: Tx, proof: LiveProof, state: EndState, reason: EndReason): Promise<readonly string[] | null>;
  /** Hers with this address. */
  findField(tx: Tx, personId: PersonId, kind: CodeMethod, digests: readonly Buffer[]): Promise<string | null>;
  insertField(
    tx: Tx,
    field: { readonly fieldId: string; readonly personId: PersonId; readonly kind: CodeMethod } & {
      readonly envelope: Buffer;
      readonly index: Index;
    },
  ): Promise<void>;
  setFieldVerified(tx: Tx, fieldId: string): Promise<void>;
  /** Hers that hold, of methods by code, without this one. */
  listAddresses(tx: Tx, personId: PersonId, without: VerificationId | null): Promise<LiveProof[]>;
  /**
   * The newest first: what is pending or holds, and so many that ended; with `after` only such as are older than that one.
   * Those that ended are the last page when they are fewer than `limit`.
   */
  list(personId: PersonId, limit: number, after?: VerificationId): Promise<StoredProof[]>;
  find(personId: PersonId, verificationId: VerificationId): Promise<StoredProof | null>;
  /** Hers that holds, of this address; whoever has none costs the same question. */
  findProved(
    personId: PersonId,
    method: CodeMethod,
    digests: readonly Buffer[],
  ): Promise<VerificationId | null>;
  /** Proofs whose time is over, and those that were begun so many hours ago and never finished. */
  listLapsed(pendingHours: number, limit: number): Promise<LiveProof[]>;
  /** Proofs that lapse within so many days, of which nobody was reminded, or whose reminder is to be tried again. */
  listDue(days: number, limit: number): Promise<(LiveProof & { readonly expiresAt: Date })[]>;
  /** False when it was done, or the proof has ended. */
  setReminded(tx: Tx, verificationId: VerificationId): Promise<boolean>;
  /** Its reminder could not be sent; it is due again after so many hours. */
  remindLater(tx: Tx, verificationId: VerificationId, hours: number): Promise<void>;
  /** Deletes proofs that ended so many days ago; returns how many. */
  prune(days: number, limit: number): Promise<number>;
}

export interface StoredChallenge {
  readonly challengeId: ChallengeId;
  readonly tries: number;
  readonly sends: number;
  readonly sentAt: Date;
  readonly expiresAt: Date;
  readonly isOver: boolean;
  readonly delivery: Delivery | null;
  readonly deliveryReason: string | null;
}

/** The vault; opens to null what cannot be opened any more. */
export interface SubjectVault {
  seal(tx: Tx, personId: PersonId, place: Place, plain: Buffer): Promise<Buffer>;
  findOpened(personId: PersonId, place: Place, envelope: Buffer): Promise<Buffer | null>;
}

export interface Place {
  readonly table: string;
  readonly column: string;
  readonly row: string;
}

/** Keyed digests by which addresses and documents are found. */
export interface SubjectIndexer {
  current(kind: Method, value: string): Index;
  /** One for each key that may have made one. */
  all(kind: Method, value: string): Buffer[];
}

/** News of proofs for whoever is concerned. All in the transaction of the change, but `committed`. */
export interface ProofNews {
  /** Her own pages. */
  appendEvents(tx: Tx, events: readonly NewEvent[]): Promise<unknown>;
  listEndpoints(tx: Tx, personId: PersonId): Promise<readonly EndpointId[]>;
  /** What is shown of her may be different: friends who see it are told. */
  changed(tx: Tx, personId: PersonId): Promise<void>;
  record(tx: Tx, entry: ProofAct): Promise<void>;
  emit(tx: Tx, event: ProofEvent): Promise<void>;
  committed(people: readonly PersonId[]): void;
}

export interface ProofAct {
  readonly actor: `person:${string}` | 'system';
  readonly act:
    | 'verification.proved'
    | 'verification.withdrawn'
    | 'verification.superseded'
    | 'verification.expired'
    | 'password.reset';
  readonly subject: PersonId;
  readonly detail?: Readonly<Record<string, string | number | boolean>>;
}

/** What the operator's Dashboard is told. */
export type ProofEvent =
  | {
      readonly type: 'auraid.verified';
      readonly personId: PersonId;
      readonly level: Level;
      readonly expiresAt: Date | null;
    }
  | {
      readonly type: 'auraid.verification_withdrawn';
      readonly personId: PersonId;
      readonly level: Level;
      readonly reason: EndReason;
    };
