/** Identity documents as the service speaks of them: hers, and those that a reviewer sees. */

export type DocumentSide = 'front' | 'back';
export type DocumentState = 'open' | 'pending' | 'asked' | 'approved' | 'rejected' | 'withdrawn';
/** Whether the name that a person shows is that of the document. `unknown`: she shows none, or one in a script not spelled out. */
export type NameFit = 'fits' | 'partly' | 'differs' | 'unknown';
export type DocumentMissing = 'front' | 'back' | 'better_pictures' | 'lines' | 'name';
export type DocumentRejection =
  | 'not_a_document'
  | 'unreadable'
  | 'data_differs'
  | 'name_differs'
  | 'not_genuine'
  | 'other';

export interface DocumentFacts {
  readonly format: 'TD1' | 'TD2' | 'TD3';
  /** The machine readable zone. */
  readonly lines: readonly string[];
  readonly documentCode: string;
  readonly issuingState: string;
  readonly number: string;
  readonly nationality: string;
  readonly birthDate: string;
  readonly expiresOn: string;
  readonly surname: readonly string[];
  readonly givenNames: readonly string[];
}

export interface DocumentImage {
  readonly side: DocumentSide;
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
  readonly uploadedAt: string;
}

export interface IdentityDocument {
  readonly documentId: string;
  readonly state: DocumentState;
  readonly by: 'reviewers' | 'chip' | null;
  /** Null once it was deleted. */
  readonly document: DocumentFacts | null;
  readonly nameFit: NameFit | null;
  readonly images: readonly DocumentImage[];
  /** Sides without which it cannot be sent. */
  readonly needs: readonly DocumentSide[];
  readonly reason: DocumentRejection | null;
  readonly missing: readonly DocumentMissing[];
  readonly note: string | null;
  readonly createdAt: string;
  readonly sentAt: string | null;
  readonly decidedAt: string | null;
  /** When pictures and lines go. */
  readonly deletedOn: string | null;
}

export interface DocumentTerms {
  /** Whether chips are taken here. */
  readonly chip: boolean;
  readonly reviewers: number;
  readonly keptDays: number;
  readonly imageMaxBytes: number;
  readonly chipMaxBytes: number;
  /** Whether she may review documents of others. */
  readonly mayReview: boolean;
}

export interface IdentityDocuments {
  readonly documents: readonly IdentityDocument[];
  readonly terms: DocumentTerms;
}

/** Where lines are wrong: line and characters from 1. */
export interface LineFault {
  readonly line: number;
  readonly from: number;
  readonly to: number;
  readonly message: string;
}

export interface WaitingReview {
  readonly documentId: string;
  readonly sentAt: string;
  readonly round: number;
  readonly claim: 'free' | 'mine' | 'other';
  readonly verdicts: number;
}

export interface ReviewQueue {
  readonly waiting: readonly WaitingReview[];
  /** How many must agree. */
  readonly reviewers: number;
}

export interface DocumentReview {
  readonly documentId: string;
  readonly round: number;
  readonly sentAt: string;
  readonly claimedUntil: string;
  readonly document: DocumentFacts;
  readonly shownName: string | null;
  readonly nameFit: NameFit;
  readonly faults: readonly LineFault[];
  readonly images: readonly DocumentImage[];
  readonly verdicts: number;
}

export type Verdict =
  | { readonly verdict: 'approve' }
  | { readonly verdict: 'reject'; readonly reason: DocumentRejection; readonly note?: string }
  | { readonly verdict: 'ask'; readonly missing: readonly DocumentMissing[]; readonly note?: string };
