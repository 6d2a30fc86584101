/**
 * The reviewers' queue. A reviewer claims a document for a while, sees it, and says approve, reject or what is missing.
 * Where two must agree, the first verdict of a kind waits for the second of the same kind by somebody else; asking for
 * more takes effect at once. Nobody reviews herself. Locks: the owner's row, then the document's.
 */
import { AuraError } from '../../core/errors.ts';
import type { PersonId } from '../../core/ids.ts';
import type { Picture } from '../../core/picture.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import {
  type DocumentDeps,
  endOf,
  faultyLines,
  findLines,
  judge,
  readBack,
  subjectOf,
  tell,
  unknownDocument,
  warm,
} from './deps.ts';
import {
  REFUSED_NOTED_A_MINUTE,
  REVIEW_LEASE_SECONDS,
  REVIEWS_LISTED_MAX,
  type Review,
  type ReviewList,
  type Side,
  type Verdict,
} from './model.ts';
import { type Decision, placeOf, type StoredDocument } from './ports.ts';
import { openImage } from './submitting.ts';
import { compareNames } from './transliteration.ts';
import { factsOf, imagesOf } from './views.ts';

export interface Reviewing {
  /** False, and written down, for whoever has no such role. */
  mayReview(personId: PersonId): Promise<boolean>;
  list(reviewer: PersonId): Promise<ReviewList>;
  /** Throws conflict (not_to_be_had). Again: hers for longer. */
  claim(reviewer: PersonId, documentId: string): Promise<Review>;
  release(reviewer: PersonId, documentId: string): Promise<void>;
  /** Throws conflict (not_claimed). */
  image(reviewer: PersonId, documentId: string, side: Side): Promise<Picture>;
  /**
   * Throws conflict (not_claimed; pictures_unseen for an approval), invalid (mrz_faults) for an approval of what does
   * not fit any more.
   */
  judge(reviewer: PersonId, documentId: string, verdict: Verdict): Promise<{ readonly decided: boolean }>;
}

export function createReviewing(deps: DocumentDeps): Reviewing {
  return {
    mayReview: (personId) => mayReview(deps, personId),
    list: async (reviewer) => {
      const waiting = await deps.store.listWaiting(reviewer, REVIEWS_LISTED_MAX);
      return {
        waiting: waiting.map((one) => ({ ...one, sentAt: one.sentAt.toISOString() })),
        reviewers: deps.terms.reviewers,
      };
    },
    claim: (reviewer, documentId) => claim(deps, reviewer, documentId),
    release: (reviewer, documentId) =>
      deps.unitOfWork.run(async (tx) => {
        if (!(await deps.store.release(tx, documentId, reviewer))) return;
        await tellReviewers(deps, tx);
      }),
    image: (reviewer, documentId, side) => image(deps, reviewer, documentId, side),
    judge: (reviewer, documentId, verdict) => judgeOne(deps, reviewer, documentId, verdict),
  };
}

async function mayReview(deps: DocumentDeps, personId: PersonId): Promise<boolean> {
  if (await deps.reviewers.isReviewer(personId)) return true;
  try {
    await deps.limiter.hit(`review-refused:${personId}`, { hits: REFUSED_NOTED_A_MINUTE, windowSeconds: 60 });
  } catch (error) {
    // Written down often enough; she is answered the same.
    if (error instanceof AuraError && error.code === 'rate_limited') return false;
    throw error;
  }
  await deps.unitOfWork.run((tx) =>
    deps.news.record(tx, { actor: `person:${personId}`, act: 'review.refused', subject: personId }),
  );
  return false;
}

async function tellReviewers(deps: DocumentDeps, tx: Tx): Promise<void> {
  const endpoints = await deps.news.endpointsOfReviewers(tx);
  await deps.news.append(
    tx,
    endpoints.map((endpointId) => ({ endpointId, type: 'reviews.updated', data: {} })),
  );
}

async function claim(deps: DocumentDeps, reviewer: PersonId, documentId: string): Promise<Review> {
  const claimed = await deps.unitOfWork.run(async (tx) => {
    const found = await deps.store.claim(tx, documentId, reviewer, REVIEW_LEASE_SECONDS);
    if (found === null) {
      throw new AuraError(
        'conflict',
        'Somebody else has this document, or it is no longer waiting for you.',
        {
          reason: 'not_to_be_had',
        },
      );
    }
    // The same look goes on: it was written down when it began.
    if (found.renewed) return found;
    await tellReviewers(deps, tx);
    const { personId } = found.document;
    const detail = { document: documentId };
    await deps.news.record(tx, {
      actor: `person:${reviewer}`,
      act: 'document.claimed',
      subject: personId,
      detail,
    });
    return found;
  });
  return reviewOf(deps, claimed.document, claimed.until);
}

async function reviewOf(deps: DocumentDeps, stored: StoredDocument, until: Date): Promise<Review> {
  const [lines, shownName, verdicts] = await Promise.all([
    findLines(deps, stored),
    deps.store.findShownName(stored.personId),
    deps.store.countVerdicts(stored.documentId, stored.round),
  ]);
  const document = lines === null ? null : readBack(lines, stored.createdAt);
  if (lines === null || document === null) throw unknownDocument();
  return {
    documentId: stored.documentId,
    round: stored.round,
    sentAt: (stored.sentAt ?? stored.createdAt).toISOString(),
    claimedUntil: until.toISOString(),
    document: factsOf(document),
    shownName,
    nameFit: compareNames(shownName, document),
    faults: [...(judge(deps, lines).faults ?? [])],
    images: imagesOf(stored),
    verdicts,
  };
}

function notClaimed(): AuraError {
  return new AuraError('conflict', 'You do not have this document any more; claim it again.', {
    reason: 'not_claimed',
  });
}

async function image(
  deps: DocumentDeps,
  reviewer: PersonId,
  documentId: string,
  side: Side,
): Promise<Picture> {
  const found = await deps.unitOfWork.run(async (tx) => {
    const stored = await deps.store.findClaimed(tx, documentId, reviewer);
    if (stored === null) throw notClaimed();
    const one = await deps.store.findImage(tx, documentId, side);
    if (one === null) throw unknownDocument();
    await deps.store.setSeen(tx, documentId, side);
    const { personId } = stored;
    const detail = { document: documentId, side };
    await deps.news.record(tx, {
      actor: `person:${reviewer}`,
      act: 'document.viewed',
      subject: personId,
      detail,
    });
    return { personId, one };
  });
  return openImage(deps, found.personId, found.one);
}

async function judgeOne(
  deps: DocumentDeps,
  reviewer: PersonId,
  documentId: string,
  verdict: Verdict,
): Promise<{ readonly decided: boolean }> {
  const changed: PersonId[] = [];
  const owner = await warm(deps, documentId);
  const decided = await deps.unitOfWork.run(async (tx) => {
    changed.length = 0;
    if (owner === null || (await deps.store.lockPerson(tx, owner)) === null) throw notClaimed();
    const stored = await deps.store.findClaimed(tx, documentId, reviewer);
    if (stored === null) throw notClaimed();
    if (verdict.verdict === 'approve') assertSeen(stored);
    const agreed = await deps.store.judge(tx, {
      ...{ documentId, reviewer, reviewId: deps.newId(), round: stored.round, verdict: verdict.verdict },
      reason: verdict.verdict === 'reject' ? verdict.reason : null,
    });
    const takesEffect = verdict.verdict === 'ask' || agreed >= deps.terms.reviewers;
    if (takesEffect) changed.push(...(await takeEffect(deps, tx, stored, verdict)));
    else await tellReviewers(deps, tx);
    const detail = { document: documentId, verdict: verdict.verdict };
    await deps.news.record(tx, {
      actor: `person:${reviewer}`,
      act: 'document.judged',
      subject: owner,
      detail,
    });
    return takesEffect;
  });
  deps.proofs.committed(changed);
  return { decided };
}

/** The level that an approval proves says that somebody saw the pictures. */
function assertSeen({ images, seenSides }: StoredDocument): void {
  const unseen = images.map(({ side }) => side).filter((side) => !seenSides.includes(side));
  if (unseen.length === 0) return;
  const message = `Look at every picture before you accept it: the ${unseen.join(' and the ')} is left.`;
  throw new AuraError('conflict', message, { reason: 'pictures_unseen', missing: unseen });
}

const STATES = { approve: 'approved', reject: 'rejected', ask: 'asked' } as const;

/** Whom else it concerns: people of whom something else is shown now. */
async function takeEffect(
  deps: DocumentDeps,
  tx: Tx,
  stored: StoredDocument,
  verdict: Verdict,
): Promise<readonly PersonId[]> {
  const { documentId, personId } = stored;
  const note = verdict.verdict === 'approve' ? undefined : verdict.note;
  const decision: Decision = {
    state: STATES[verdict.verdict],
    by: 'reviewers',
    reason: verdict.verdict === 'reject' ? verdict.reason : null,
    missing: verdict.verdict === 'ask' ? [...new Set(verdict.missing)] : [],
    noteEnvelope:
      note === undefined
        ? null
        : await deps.vault.seal(tx, personId, placeOf('note_envelope', documentId), Buffer.from(note)),
    keptDays: verdict.verdict === 'ask' ? null : deps.terms.keptDays,
  };
  await deps.store.decide(tx, documentId, decision);
  await tell(deps, tx, personId, { documentId, state: decision.state }, true);
  // Behind the events: a proof writes to the audit log, whose chain is locked last.
  const changed = verdict.verdict === 'approve' ? await proveSeen(deps, tx, stored) : [];
  const act = `document.${decision.state}` as const;
  await deps.news.record(tx, { actor: 'system', act, subject: personId });
  return changed;
}

/** As it is on the day of the decision: it may have expired while it waited. */
async function proveSeen(deps: DocumentDeps, tx: Tx, stored: StoredDocument): Promise<readonly PersonId[]> {
  const { document, faults } = judge(deps, (await findLines(deps, stored)) ?? []);
  if (document === null) throw faultyLines(faults);
  const proved = await deps.proofs.prove(tx, {
    ...{ personId: stored.personId, method: 'document', level: 'document_seen' },
    ...{ subject: subjectOf(document), expiresAt: endOf(document) },
    evidence: { format: document.format, reviewers: deps.terms.reviewers },
  });
  return proved.changed;
}
