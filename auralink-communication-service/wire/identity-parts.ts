/**
 * The parts of the identity room beside sign-in, put together in the order in which they need each other: the vault and
 * the audit log, looking people up, privacy and contacts, names and accounts, leaving.
 */
import type { FastifyPluginAsync } from 'fastify';
import type Provider from 'oidc-provider';
import type { Synapse } from '../adapters/synapse.ts';
import { createPeopleViews } from '../auralink-modules/auraid/people-views.ts';
import type { EndpointRevoked, IdentityMetrics } from '../auralink-modules/auraid/ports.ts';
import type { ProfileView } from '../auralink-modules/auraid/profile-view.ts';
import type { RegistrationService } from '../auralink-modules/auraid/registration.ts';
import type { CallGate } from '../auralink-modules/calls/ports.ts';
import type { WakeBus } from '../auralink-modules/endpoints/ports.ts';
import type { Messages, MessageSettled } from '../auralink-modules/messages/model.ts';
import type { Proofs } from '../auralink-modules/verification/ports.ts';
import type { PersonId } from '../core/ids.ts';
import type { OutboxHandler } from '../core/outbox.ts';
import type { EndpointAuth } from '../http/endpoint-auth.ts';
import { createEventLog } from '../store/event-log.ts';
import { createOutbox } from '../store/outbox.ts';
import type { PersonDirectory } from '../store/people.ts';
import { privacyStore } from '../store/privacy.ts';
import type { Base, Chore } from './base.ts';
import { wireDocuments } from './documents.ts';
import type { Quotas } from '../auralink-modules/dashboard/quotas.ts';
import type { InternalAuth } from '../http/internal-auth.ts';
import { wireDashboardDoors } from './dashboard-doors.ts';
import { wireAccount } from './identity-account.ts';
import { wireFinding } from './identity-finding.ts';
import { wireLeaving } from './identity-leaving.ts';
import { wireNames } from './identity-names.ts';
import { wirePrivacy } from './identity-privacy.ts';
import { wireProfile } from './identity-profile.ts';
import { wireResolve } from './identity-resolve.ts';
import { wireIdentityService } from './identity-service.ts';
import { wireStorage } from './identity-storage.ts';
import { wireVerification } from './verification.ts';

export interface PartsNeeds {
  readonly internalAuth: InternalAuth;
  readonly auth: EndpointAuth;
  readonly synapse: Synapse;
  readonly provider: Provider;
  readonly registration: RegistrationService;
  readonly directory: PersonDirectory;
  readonly bus: WakeBus;
  readonly endpointRevoked: EndpointRevoked;
  readonly metrics: IdentityMetrics;
  readonly messages: Messages;
  /** Skeletons that nobody may claim. */
  readonly reserved: ReadonlySet<string>;
}

export interface Parts {
  readonly plugins: readonly FastifyPluginAsync[];
  readonly chores: readonly Chore[];
  readonly outboxHandlers: ReadonlyMap<string, OutboxHandler>;
  /** Of topics whose handlers wait for servers of strangers. */
  readonly farOutboxHandlers: ReadonlyMap<string, OutboxHandler>;
  /** How many calls an app may place. */
  readonly quotas: Quotas;
  /** Whose calls ring. */
  readonly gate: CallGate;
  readonly messageSettled: MessageSettled;
  /** For whoever else finds out that somebody proved something. */
  readonly proofs: Proofs;
  /** All that she has told, as she sees it herself. */
  findOwnView(personId: PersonId): Promise<ProfileView | null>;
  close(): Promise<void>;
}

export function wireParts(base: Omit<Base, 'processId'>, needs: PartsNeeds): Parts {
  const { auth, synapse, provider, registration, directory, bus, endpointRevoked, reserved } = needs;
  const outbox = createOutbox(base.db.pool, base.newId);
  const eventLog = createEventLog(base.db.pool);
  const storage = wireStorage(base, needs.metrics);
  const { vault, indexer, secrets, audit } = storage;
  const resolve = wireResolve(base, { auth, vault, bus, metrics: needs.metrics });
  const { cache } = resolve;
  const shared = { auth, cache, audit, vault, outbox, eventLog };
  const privacy = wirePrivacy(base, { ...shared, directory, synapse, metrics: needs.metrics });
  const names = wireNames(base, {
    ...shared,
    ...{ synapse, provider, registration, endpointRevoked, reserved, fanOut: privacy.fanOut },
  });
  const leaving = wireLeaving(base, {
    ...shared,
    ...{ synapse, endpointRevoked, names: names.names, proveHerself: names.proveHerself },
    deletePictures: privacy.deletePictures,
    ring: storage.ring,
  });
  const account = wireAccount(base, {
    ...{ auth, audit, outbox, synapse, endpointRevoked, proveHerself: names.proveHerself },
  });
  const verification = wireVerification(base, {
    ...{ ...shared, indexer, secrets, provider, fanOut: privacy.fanOut },
    ...{ courier: needs.messages, passwords: account.passwords },
  });
  const { proofs } = verification;
  const profile = wireProfile(base, { ...shared, indexer, directory, proofs, fanOut: privacy.fanOut });
  const finding = wireFinding(base, { auth, vault, indexer, countLookUp: resolve.countLookUp });
  const identityService = wireIdentityService(base, {
    ...{ synapse, vault, outbox, audit, ring: storage.ring, messages: needs.messages },
  });
  const documents = wireDocuments(base, { ...shared, proofs });
  const parts = [storage, privacy, names, account, profile, verification];
  const dashboard = wireDashboardDoors(base, {
    ...{ auth, audit, cache, endpointRevoked, directory, internal: needs.internalAuth },
  });
  const views = createPeopleViews({ store: privacyStore(base.db.pool), vault });
  return {
    plugins: [
      ...resolve.plugins,
      ...finding.plugins,
      ...dashboard.plugins,
      ...leaving.plugins,
      ...identityService.plugins,
      ...documents.plugins,
      ...parts.flatMap((part) => part.plugins),
    ],
    chores: [finding, identityService, documents, dashboard, leaving, ...parts].flatMap(
      (part) => part.chores,
    ),
    outboxHandlers: new Map([...parts, leaving, identityService].flatMap((part) => [...part.outboxHandlers])),
    farOutboxHandlers: identityService.farOutboxHandlers,
    quotas: dashboard.quotas,
    gate: privacy.gate,
    proofs,
    messageSettled: verification.messageSettled,
    findOwnView: (personId) => views.asSeenBy(personId, 'self'),
    close: async () => {
      await privacy.close();
      await account.close();
      await storage.close();
    },
  };
}
