/** Builds documents and their reviewing from their adapters. */
import type { FastifyPluginAsync } from 'fastify';
import { openTrustFolder } from '../adapters/trust-folder.ts';
import type { Audit } from '../auralink-modules/auraid/audit.ts';
import { findOpened, type Vault } from '../auralink-modules/auraid/data-keys.ts';
import type { EventAppender } from '../auralink-modules/auraid/ports-privacy.ts';
import type { DocumentDeps } from '../auralink-modules/documents/deps.ts';
import {
  DOCUMENT_TIDY_BATCH,
  DOCUMENT_TIDY_SECONDS,
  REVIEWERS_TOLD_MAX,
} from '../auralink-modules/documents/model.ts';
import { createProveByChip } from '../auralink-modules/documents/proving-by-chip.ts';
import { createReviewing } from '../auralink-modules/documents/reviewing.ts';
import { createSubmitting } from '../auralink-modules/documents/submitting.ts';
import { tidyDocuments } from '../auralink-modules/documents/tidying.ts';
import type { Proofs } from '../auralink-modules/verification/ports.ts';
import { documentRoutes } from '../http/document-routes.ts';
import type { EndpointAuth } from '../http/endpoint-auth.ts';
import { reviewRoutes } from '../http/review-routes.ts';
import { contactStore } from '../store/contacts.ts';
import { documentStore, listReviewerEndpoints } from '../store/documents.ts';
import { rateLimiter } from '../store/rate-limits.ts';
import { reviewerStore } from '../store/reviewers.ts';
import type { Base, Chore } from './base.ts';

export interface DocumentsNeeds {
  readonly auth: Pick<EndpointAuth, 'requireEndpoint'>;
  readonly audit: Audit;
  readonly vault: Pick<Vault, 'seal' | 'open'>;
  readonly eventLog: EventAppender;
  readonly proofs: Proofs;
}

export interface DocumentsPart {
  readonly plugins: FastifyPluginAsync[];
  readonly chores: Chore[];
}

export function wireDocuments(base: Omit<Base, 'processId'>, needs: DocumentsNeeds): DocumentsPart {
  const { config, db, clock, log, newId } = base;
  const { auth, audit, vault, eventLog, proofs } = needs;
  const contacts = contactStore(db.pool);
  const deps: DocumentDeps = {
    ...{ newId, proofs, unitOfWork: db.unitOfWork, now: () => clock.now() },
    store: documentStore(db.pool),
    vault: {
      seal: vault.seal,
      findOpened: (personId, place, envelope) => findOpened(vault, personId, place, envelope),
    },
    reviewers: reviewerStore(db.pool),
    news: {
      record: (tx, entry) => audit.record(tx, entry),
      append: (tx, events) => eventLog.append(tx, events),
      endpointsOf: async (tx, personId) =>
        (await contacts.listEndpoints(tx, [personId], 'account.manage')).map(({ endpointId }) => endpointId),
      endpointsOfReviewers: (tx) => listReviewerEndpoints(tx, REVIEWERS_TOLD_MAX),
    },
    limiter: rateLimiter(db.pool),
    trust: openTrustFolder(config.DOCUMENT_AUTHORITIES_PATH, clock, log),
    terms: {
      reviewers: config.DOCUMENT_REVIEWERS,
      keptDays: config.DOCUMENT_KEPT_DAYS,
      acceptSpecimen: config.DOCUMENT_ACCEPT_SPECIMEN,
    },
  };
  const tidy: Chore = {
    job: 'documents.tidy',
    everySeconds: DOCUMENT_TIDY_SECONDS,
    run: async () => {
      for (;;) {
        const emptied = await tidyDocuments(deps);
        if (emptied > 0) log.info({ emptied }, 'pictures and lines of documents were deleted');
        if (emptied < DOCUMENT_TIDY_BATCH) return;
      }
    },
  };
  return {
    plugins: [
      documentRoutes({ auth, submitting: createSubmitting(deps), proveByChip: createProveByChip(deps) }),
      reviewRoutes({ auth, reviewing: createReviewing(deps) }),
    ] as FastifyPluginAsync[],
    chores: [tidy],
  };
}
