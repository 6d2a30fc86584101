/** Builds what people prove from its adapters. */
import type { FastifyPluginAsync } from 'fastify';
import type { Audit } from '../auralink-modules/auraid/audit.ts';
import type { BlindIndexer } from '../auralink-modules/auraid/blind-index.ts';
import { findOpened, type Vault } from '../auralink-modules/auraid/data-keys.ts';
import type { ContactFanOut, EventAppender } from '../auralink-modules/auraid/ports-privacy.ts';
import { shows } from '../auralink-modules/auraid/privacy.ts';
import type { IdentityCache } from '../auralink-modules/auraid/resolver.ts';
import type { ProofNews, Proofs } from '../auralink-modules/verification/ports.ts';
import { createProofs } from '../auralink-modules/verification/proofs.ts';
import type { OutboxHandler } from '../core/outbox.ts';
import { contactStore } from '../store/contacts.ts';
import { privacyStore } from '../store/privacy.ts';
import { proofStore } from '../store/verification.ts';
import type { Base, Chore } from './base.ts';

export interface VerificationNeeds {
  readonly audit: Audit;
  readonly vault: Pick<Vault, 'seal' | 'open'>;
  readonly indexer: Pick<BlindIndexer, 'current' | 'all'>;
  readonly cache: IdentityCache;
  readonly fanOut: ContactFanOut;
  readonly eventLog: EventAppender;
}

export interface VerificationPart {
  readonly plugins: FastifyPluginAsync[];
  readonly chores: Chore[];
  readonly outboxHandlers: ReadonlyMap<string, OutboxHandler>;
  readonly proofs: Proofs;
}

export function wireVerification(base: Omit<Base, 'processId'>, needs: VerificationNeeds): VerificationPart {
  const { db, newId } = base;
  const { vault, indexer } = needs;
  const proofs = createProofs({
    store: proofStore(db.pool),
    vault: {
      seal: vault.seal,
      findOpened: (personId, place, envelope) => findOpened(vault, personId, place, envelope),
    },
    indexer,
    news: newsOf(base, needs),
    newId,
    onSuperseded: async () => {},
  });
  return { plugins: [], chores: [], outboxHandlers: new Map(), proofs };
}

function newsOf({ db }: Pick<Base, 'db'>, needs: VerificationNeeds): ProofNews {
  const { audit, cache, fanOut, eventLog } = needs;
  const contacts = contactStore(db.pool);
  const privacy = privacyStore(db.pool);
  return {
    appendEvents: (tx, events) => eventLog.append(tx, events),
    listEndpoints: async (tx, personId) =>
      (await contacts.listEndpoints(tx, [personId], 'account.manage')).map(({ endpointId }) => endpointId),
    changed: async (tx, personId) => {
      const rules = await privacy.getRules(personId, tx);
      if (shows(rules, 'friend', 'verifications')) await fanOut.changed(tx, personId);
    },
    record: (tx, entry) => audit.record(tx, entry),
    emit: async () => {},
    committed: (people) => cache.changed(people),
  };
}
