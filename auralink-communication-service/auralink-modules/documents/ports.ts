/** What documents need from outside: their rows, the vault, who is a reviewer, proofs, and who is told. */
import type { EndpointId, PersonId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import type { NewEvent } from '../endpoints/model.ts';
import type { DocumentState, Missing, Side } from './model.ts';
import type { TrustList } from './trust-list.ts';

export interface Place {
  readonly table: string;
  readonly column: string;
  readonly row: string;
}

export interface DocumentVault {
  seal(tx: Tx, personId: PersonId, place: Place, plain: Buffer): Promise<Buffer>;
  /** Null for what cannot be opened any more. */
  findOpened(personId: PersonId, place: Place, envelope: Buffer): Promise<Buffer | null>;
}

/** Where an envelope of a document stands. */
export const placeOf = (column: 'lines_envelope' | 'note_envelope', documentId: string): Place => ({
  table: 'identity_documents',
  column,
  row: documentId,
});
export const imagePlace = (imageId: string): Place => ({
  table: 'document_images',
  column: 'envelope',
  row: imageId,
});

export interface Reviewers {
  /** Asked each time: a role that was revoked a moment ago is none. */
  isReviewer(personId: PersonId): Promise<boolean>;
}

export interface DocumentProofs {
  prove(
    tx: Tx,
    proof: {
      readonly personId: PersonId;
      readonly method: 'document';
      readonly level: 'document_seen' | 'document_proven';
      readonly subject: string;
      readonly evidence: Readonly<Record<string, string | number | boolean>>;
      readonly expiresAt: Date;
    },
  ): Promise<{ readonly changed: readonly PersonId[] }>;
  /** After the commit. */
  committed(people: readonly PersonId[]): void;
}

export interface DocumentAct {
  readonly actor: `person:${string}` | 'system';
  readonly act:
    | 'document.begun'
    | 'document.sent'
    | 'document.withdrawn'
    | 'document.claimed'
    | 'document.viewed'
    | 'document.judged'
    | 'document.approved'
    | 'document.rejected'
    | 'document.asked'
    | 'document.deleted'
    | 'review.refused';
  readonly subject: PersonId;
  readonly detail?: Readonly<Record<string, string | number | boolean>>;
}

export interface DocumentNews {
  record(tx: Tx, entry: DocumentAct): Promise<void>;
  append(tx: Tx, events: readonly NewEvent[]): Promise<unknown>;
  endpointsOf(tx: Tx, personId: PersonId): Promise<readonly EndpointId[]>;
  /** Of those who are reviewers now. */
  endpointsOfReviewers(tx: Tx): Promise<readonly EndpointId[]>;
}

/** Throws `rate_limited`. */
export interface Limiter {
  hit(key: string, limit: { readonly hits: number; readonly windowSeconds: number }): Promise<void>;
}

export interface TrustSource {
  current(): TrustList;
}

export interface StoredImage {
  readonly imageId: string;
  readonly side: Side;
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
  readonly uploadedAt: Date;
}

export interface StoredDocument {
  readonly documentId: string;
  readonly personId: PersonId;
  readonly state: DocumentState;
  readonly by: 'reviewers' | 'chip' | null;
  readonly linesEnvelope: Buffer | null;
  readonly reason: string | null;
  readonly missing: readonly Missing[];
  readonly noteEnvelope: Buffer | null;
  readonly round: number;
  /** Pictures that the reviewer who has it now has opened. */
  readonly seenSides: readonly Side[];
  readonly createdAt: Date;
  readonly sentAt: Date | null;
  readonly decidedAt: Date | null;
  readonly deletedOn: Date | null;
  readonly images: readonly StoredImage[];
}

export interface WaitingDocument {
  readonly documentId: string;
  readonly sentAt: Date;
  readonly round: number;
  readonly claim: 'free' | 'mine' | 'other';
  readonly verdicts: number;
}

export interface Decision {
  readonly state: 'approved' | 'rejected' | 'asked';
  readonly by: 'reviewers' | 'chip';
  readonly reason: string | null;
  readonly missing: readonly Missing[];
  readonly noteEnvelope: Buffer | null;
  /** Null for what goes back to her. */
  readonly keptDays: number | null;
}

export interface DocumentStore {
  /** Locks her row; null when she is not active. */
  lockPerson(tx: Tx, personId: PersonId): Promise<{ readonly displayName: string | null } | null>;
  findShownName(personId: PersonId): Promise<string | null>;
  list(personId: PersonId, limit: number): Promise<StoredDocument[]>;
  /** Hers, locked. */
  findOwn(tx: Tx, personId: PersonId, documentId: string): Promise<StoredDocument | null>;
  findLive(tx: Tx, personId: PersonId): Promise<string | null>;
  insert(tx: Tx, personId: PersonId, documentId: string, linesEnvelope: Buffer): Promise<void>;
  setLines(tx: Tx, documentId: string, linesEnvelope: Buffer): Promise<void>;
  /** In place of what was on this side. */
  setImage(
    tx: Tx,
    documentId: string,
    personId: PersonId,
    image: Omit<StoredImage, 'uploadedAt'> & { readonly envelope: Buffer },
  ): Promise<void>;
  removeImage(tx: Tx, documentId: string, side: Side): Promise<boolean>;
  findImage(
    tx: Tx,
    documentId: string,
    side: Side,
  ): Promise<{ readonly imageId: string; readonly envelope: Buffer } | null>;
  /** Another round of reviewing begins. */
  send(tx: Tx, documentId: string): Promise<void>;
  decide(tx: Tx, documentId: string, decision: Decision): Promise<void>;
  /** Pictures and lines are deleted. */
  withdraw(tx: Tx, documentId: string): Promise<void>;

  /** Pending ones that this reviewer may decide: not her own, not judged by her in this round. */
  listWaiting(reviewer: PersonId, limit: number): Promise<WaitingDocument[]>;
  /** Hers until then; null when it is not to be had. */
  claim(
    tx: Tx,
    documentId: string,
    reviewer: PersonId,
    seconds: number,
  ): Promise<{
    readonly document: StoredDocument;
    readonly until: Date;
    /** She had it already: it is hers for longer. */
    readonly renewed: boolean;
  } | null>;
  /** What she has claimed and still has, locked. */
  findClaimed(tx: Tx, documentId: string, reviewer: PersonId): Promise<StoredDocument | null>;
  /** The reviewer who has it has opened this picture. */
  setSeen(tx: Tx, documentId: string, side: Side): Promise<void>;
  /** Anybody's, as it is just now. */
  find(documentId: string): Promise<StoredDocument | null>;
  release(tx: Tx, documentId: string, reviewer: PersonId): Promise<boolean>;
  /** Writes it down and ends her claim; returns how many of this round say the same. */
  judge(
    tx: Tx,
    review: {
      readonly reviewId: string;
      readonly documentId: string;
      readonly reviewer: PersonId;
      readonly round: number;
      readonly verdict: 'approve' | 'reject' | 'ask';
      readonly reason: string | null;
    },
  ): Promise<number>;
  countVerdicts(documentId: string, round: number): Promise<number>;
  /** Of documents kept long enough, and of those never sent; whose they were. */
  tidy(
    tx: Tx,
    draftDays: number,
    limit: number,
  ): Promise<{ readonly documentId: string; readonly personId: PersonId }[]>;
}
