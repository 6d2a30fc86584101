/** What the use cases of this room share: their ports, the operator's choices, and reading what a document says. */
import { AuraError } from '../../core/errors.ts';
import type { NewId, PersonId } from '../../core/ids.ts';
import type { Tx, UnitOfWork } from '../../core/unit-of-work.ts';
import type { DocumentState, Side } from './model.ts';
import { judgeMrz, type MrzDocument, type MrzFault, type MrzJudgement } from './mrz.ts';
import {
  type DocumentNews,
  type DocumentProofs,
  type DocumentStore,
  type DocumentVault,
  type Limiter,
  placeOf,
  type Reviewers,
  type StoredDocument,
  type TrustSource,
} from './ports.ts';

export interface DocumentTerms {
  /** How many people must agree: one or two. */
  readonly reviewers: number;
  /** Days for which pictures and lines are kept after a decision. */
  readonly keptDays: number;
  /** Whether ICAO's specimen state is taken for one. */
  readonly acceptSpecimen: boolean;
}

export interface DocumentDeps {
  readonly unitOfWork: UnitOfWork;
  readonly newId: NewId;
  readonly now: () => Date;
  readonly store: DocumentStore;
  readonly vault: DocumentVault;
  readonly reviewers: Reviewers;
  readonly proofs: DocumentProofs;
  readonly news: DocumentNews;
  readonly limiter: Limiter;
  readonly trust: TrustSource;
  readonly terms: DocumentTerms;
}

/** Window of the limits that count by the hour. */
export const AN_HOUR_SECONDS = 3_600;

export function judge(deps: Pick<DocumentDeps, 'now' | 'terms'>, lines: readonly string[]): MrzJudgement {
  return judgeMrz(lines, { today: deps.now(), acceptSpecimen: deps.terms.acceptSpecimen });
}

/** Null when they were deleted, or cannot be opened any more. */
export async function findLines(
  deps: Pick<DocumentDeps, 'vault'>,
  stored: Pick<StoredDocument, 'personId' | 'documentId' | 'linesEnvelope'>,
): Promise<string[] | null> {
  if (stored.linesEnvelope === null) return null;
  const place = placeOf('lines_envelope', stored.documentId);
  const opened = await deps.vault.findOpened(stored.personId, place, stored.linesEnvelope);
  return opened === null ? null : opened.toString('utf8').split('\n');
}

/**
 * Opens what a transaction is going to open once more: by then the key is remembered, and no second connection is waited
 * for while the first one holds locks.
 */
export async function warm(
  deps: Pick<DocumentDeps, 'store' | 'vault'>,
  documentId: string,
): Promise<PersonId | null> {
  const stored = await deps.store.find(documentId);
  if (stored !== null) await findLines(deps, stored);
  return stored?.personId ?? null;
}

/** What the lines said on the day when they were typed: an expired document still has a number and a name. */
export function readBack(lines: readonly string[], typedAt: Date): MrzDocument | null {
  return judgeMrz(lines, { today: typedAt, acceptSpecimen: true }).document;
}

export function faultyLines(faults: readonly MrzFault[]): AuraError {
  const [first] = faults;
  return new AuraError('invalid', first === undefined ? 'The lines are wrong.' : first.message, {
    field: 'lines',
    reason: 'mrz_faults',
    faults,
  });
}

/** A card has two sides, the page of a passport one. */
export const sidesOf = (format: MrzDocument['format']): readonly Side[] =>
  format === 'TD3' ? ['front'] : ['front', 'back'];

/** What makes two documents the same one, whoever shows them. */
export const subjectOf = ({ issuingState, number }: MrzDocument): string => `${issuingState}:${number}`;

/** A document is valid to the end of its last day. */
export const endOf = ({ expiresOn }: MrzDocument): Date => new Date(`${expiresOn}T23:59:59.999Z`);

export function unknownDocument(): AuraError {
  return new AuraError('not_found', 'There is no such document here.', { reason: 'unknown_document' });
}

/** Her open pages, and those of reviewers if the queue is another one now. */
export async function tell(
  deps: Pick<DocumentDeps, 'news'>,
  tx: Tx,
  personId: PersonId,
  document: { readonly documentId: string; readonly state: DocumentState },
  queueChanged: boolean,
): Promise<void> {
  const hers = await deps.news.endpointsOf(tx, personId);
  const theirs = queueChanged ? await deps.news.endpointsOfReviewers(tx) : [];
  await deps.news.append(tx, [
    ...hers.map((endpointId) => ({ endpointId, type: 'document.updated', data: { ...document } })),
    ...theirs.map((endpointId) => ({ endpointId, type: 'reviews.updated', data: {} })),
  ]);
}
