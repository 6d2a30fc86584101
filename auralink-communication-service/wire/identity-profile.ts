/** Builds what a person tells of herself from its adapters. */
import type { FastifyPluginAsync } from 'fastify';
import type { Audit } from '../auralink-modules/auraid/audit.ts';
import type { BlindIndexer } from '../auralink-modules/auraid/blind-index.ts';
import type { Vault } from '../auralink-modules/auraid/data-keys.ts';
import { createPersonalData, type FieldProofs } from '../auralink-modules/auraid/personal-data.ts';
import type {
  ContactFanOut,
  EventAppender,
  Outbox,
  People,
} from '../auralink-modules/auraid/ports-privacy.ts';
import type { IdentityCache } from '../auralink-modules/auraid/resolver.ts';
import type { OutboxHandler } from '../core/outbox.ts';
import type { EndpointAuth } from '../http/endpoint-auth.ts';
import { profileRoutes } from '../http/profile-routes.ts';
import { contactStore } from '../store/contacts.ts';
import { personalDataStore } from '../store/personal-data.ts';
import { privacyStore } from '../store/privacy.ts';
import { rateLimiter } from '../store/rate-limits.ts';
import type { Base, Chore } from './base.ts';

export interface ProfileNeeds {
  readonly auth: Pick<EndpointAuth, 'requireEndpoint'>;
  readonly audit: Audit;
  readonly vault: Vault;
  readonly indexer: BlindIndexer;
  readonly cache: IdentityCache;
  readonly fanOut: ContactFanOut;
  readonly outbox: Outbox;
  readonly eventLog: EventAppender;
  readonly directory: People;
  readonly proofs: FieldProofs;
}

export interface ProfilePart {
  readonly plugins: FastifyPluginAsync[];
  readonly chores: Chore[];
  readonly outboxHandlers: ReadonlyMap<string, OutboxHandler>;
}

export function wireProfile({ db, newId }: Omit<Base, 'processId'>, needs: ProfileNeeds): ProfilePart {
  const { audit, vault, indexer, cache, fanOut, outbox, proofs } = needs;
  const data = createPersonalData({
    unitOfWork: db.unitOfWork,
    store: personalDataStore(db.pool),
    privacy: privacyStore(db.pool),
    contacts: contactStore(db.pool),
    people: needs.directory,
    log: needs.eventLog,
    ...{ newId, audit, vault, indexer, cache, fanOut, outbox, proofs },
  });
  return {
    plugins: [
      profileRoutes({ auth: needs.auth, data, limiter: rateLimiter(db.pool) }),
    ] as FastifyPluginAsync[],
    chores: [],
    outboxHandlers: new Map(),
  };
}
