/** What export and erasure need from outside: all rows of a person, and the ways to take them away. */
import type { AuraId, EndpointId, PersonId, UserId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import type { ShownInMatrix } from './matrix-profile.ts';

/** An account of hers at the homeserver when she left. */
export interface LeftAccount {
  readonly userId: UserId;
  /** We made it: it is deactivated. Others were hers before and stay; they are only detached. */
  readonly provisioned: boolean;
}

export type ErasureStep = 'matrix' | 'history';

/** `shown`: what we wrote into its Matrix profile. */
export interface OwnAccount extends LeftAccount {
  readonly shown: ShownInMatrix;
}

export interface ErasureStore {
  /** Locks her row; null when she is not active. */
  lockActive(
    tx: Tx,
    personId: PersonId,
  ): Promise<{ readonly auraId: AuraId; readonly dashboardUserId: string | null } | null>;
  /** Those who gave their names back so many days ago and have not returned, the first first. */
  listReleased(days: number, limit: number): Promise<PersonId[]>;
  /** Locks the row of one of them; null when she has returned. */
  lockReleased(
    tx: Tx,
    personId: PersonId,
    days: number,
  ): Promise<{ readonly auraId: AuraId; readonly dashboardUserId: string | null } | null>;
  listAccounts(tx: Tx, personId: PersonId): Promise<OwnAccount[]>;
  /** Some of her friends, who are told that she changed. */
  listFriends(tx: Tx, personId: PersonId, limit: number): Promise<PersonId[]>;
  /**
   * Deletes her data key, fields, notes, lists, friendships, blocks, requests, codes and mappings, and empties her row,
   * which bears `gone` from now on. What others noted about her goes too.
   */
  emptyPerson(tx: Tx, personId: PersonId, gone: AuraId): Promise<void>;
  begin(tx: Tx, personId: PersonId): Promise<void>;
  /** Steps that an earlier try has done; null when all are. */
  findStepsDone(personId: PersonId): Promise<ReadonlySet<string> | null>;
  stepDone(personId: PersonId, step: ErasureStep): Promise<void>;
  /** Puts the made-up address into so many of her calls; returns how many there were. */
  forgetInHistory(personId: PersonId, limit: number): Promise<number>;
  /** What was sent to her apps. */
  deleteEvents(personId: PersonId): Promise<void>;
  finish(tx: Tx, personId: PersonId): Promise<void>;
}

export interface SessionEnder {
  /** Revokes her endpoints with their tokens and ends her browser sessions; returns the endpoints. */
  endSessions(tx: Tx, personId: PersonId): Promise<EndpointId[]>;
}

/** One table's rows of hers, as the export shows them. */
export interface ExportSection {
  readonly name: string;
  readonly rows: readonly ExportRow[];
  /** False when there are more rows than fit. */
  readonly whole: boolean;
}
export type ExportRow = Readonly<Record<string, unknown>>;

/** A column that is encrypted: what the vault must be told to open it. */
export interface Sealed {
  readonly sealed: Buffer;
  readonly table: string;
  readonly column: string;
  readonly row: string;
}

export interface ExportStore {
  /** Values that are encrypted come as `Sealed`. */
  read(personId: PersonId, limit: number): Promise<ExportSection[]>;
  listActs(
    personId: PersonId,
    limit: number,
  ): Promise<{ readonly at: Date; readonly act: string; readonly actor: string }[]>;
}
