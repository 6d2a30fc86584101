/** Builds privacy, contacts and invites from their adapters, and what other rooms ask of them. */
import type { FastifyPluginAsync } from 'fastify';
import type { Synapse } from '../adapters/synapse.ts';
import { createSynapseProfiles } from '../adapters/synapse-profile.ts';
import type { Audit } from '../auralink-modules/auraid/audit.ts';
import {
  type ContactEventDeps,
  contactFanOut,
  contactHandlers,
} from '../auralink-modules/auraid/contact-events.ts';
import { createContactLists } from '../auralink-modules/auraid/contact-lists.ts';
import { type ContactDeps, createContacts, REQUEST_KEPT_DAYS } from '../auralink-modules/auraid/contacts.ts';
import type { Vault } from '../auralink-modules/auraid/data-keys.ts';
import { createInvites, INVITE_KEPT_DAYS } from '../auralink-modules/auraid/invites.ts';
import { deleteDuePictures, type MatrixMediaDeps } from '../auralink-modules/auraid/matrix-media.ts';
import { matrixProfileHandlers } from '../auralink-modules/auraid/matrix-profile.ts';
import { IDENTITY_CHORE_SECONDS } from '../auralink-modules/auraid/model.ts';
import { createPeopleViews } from '../auralink-modules/auraid/people-views.ts';
import type { IdentityMetrics } from '../auralink-modules/auraid/ports.ts';
import type { ContactFanOut } from '../auralink-modules/auraid/ports-privacy.ts';
import { createPrivacyGate, createPrivacyService } from '../auralink-modules/auraid/privacy-service.ts';
import type { IdentityCache } from '../auralink-modules/auraid/resolver.ts';
import type { CallGate, Directory } from '../auralink-modules/calls/ports.ts';
import type { EventLog } from '../auralink-modules/endpoints/ports.ts';
import type { UserId } from '../core/ids.ts';
import type { OutboxHandler, OutboxStore } from '../core/outbox.ts';
import { contactsRoutes } from '../http/contacts-routes.ts';
import type { EndpointAuth } from '../http/endpoint-auth.ts';
import { invitesRoutes } from '../http/invites-routes.ts';
import { privacyRoutes } from '../http/privacy-routes.ts';
import { contactStore } from '../store/contacts.ts';
import { inviteStore } from '../store/invites.ts';
import { matrixMediaStore } from '../store/matrix-media.ts';
import { matrixProfileStore } from '../store/matrix-profile.ts';
import { privacyStore } from '../store/privacy.ts';
import { rateLimiter } from '../store/rate-limits.ts';
import type { Base, Chore } from './base.ts';
import { inBatches, TIDY_BATCH } from './tidy.ts';
import { dashboardEventsOf } from './dashboard.ts';

export interface PrivacyNeeds {
  readonly auth: Pick<EndpointAuth, 'requireEndpoint'>;
  readonly cache: IdentityCache;
  readonly audit: Audit;
  readonly vault: Vault;
  readonly directory: Directory;
  readonly outbox: Pick<OutboxStore, 'enqueue'>;
  readonly eventLog: Pick<EventLog, 'append'>;
  readonly metrics: Pick<IdentityMetrics, 'refused'>;
  readonly synapse: Pick<Synapse, 'deleteMedia'>;
}

export interface PrivacyPart {
  readonly plugins: FastifyPluginAsync[];
  readonly chores: Chore[];
  readonly outboxHandlers: ReadonlyMap<string, OutboxHandler>;
  /** For the calls room. */
  readonly gate: CallGate;
  readonly fanOut: ContactFanOut;
  /** Deletes what is due of an account's pictures at the homeserver. */
  deletePictures(userId: UserId): Promise<void>;
  close(): Promise<void>;
}

export function wirePrivacy(base: Omit<Base, 'processId'>, needs: PrivacyNeeds): PrivacyPart {
  const { config, db, newId } = base;
  const { auth, audit, cache, vault, directory, outbox, eventLog: log } = needs;
  const { unitOfWork, pool } = db;
  const store = privacyStore(pool);
  const contacts = contactStore(pool);
  const invites = inviteStore(pool);
  const views = createPeopleViews({ store, vault });
  const fanOut = contactFanOut(outbox);
  const limiter = rateLimiter(pool);
  const profiles = createSynapseProfiles({ url: config.SYNAPSE_URL, asToken: config.APPSERVICE_AS_TOKEN });
  const pictures: MatrixMediaDeps = {
    media: { ...profiles, delete: needs.synapse.deleteMedia },
    mediaStore: matrixMediaStore(pool),
  };
  const events: ContactEventDeps = { unitOfWork, contacts, log, outbox };
  const deps: ContactDeps = {
    ...{ unitOfWork, newId, store, contacts, views, vault, directory, limiter, log, outbox, cache, audit },
    metrics: needs.metrics,
  };
  const service = createContacts(deps);
  const privacy = createPrivacyService({
    ...{ unitOfWork, store, contacts, views, log, outbox, fanOut, cache, audit },
    dashboard: dashboardEventsOf(base),
  });
  return {
    plugins: [
      privacyRoutes({ auth, privacy, contacts: service }),
      contactsRoutes({ auth, contacts: service, lists: createContactLists(deps) }),
      invitesRoutes({
        auth,
        invites: createInvites({ ...deps, invites, publicBaseUrl: config.PUBLIC_BASE_URL }),
      }),
    ] as FastifyPluginAsync[],
    chores: [
      {
        job: 'identity.tidy_contacts',
        everySeconds: IDENTITY_CHORE_SECONDS,
        run: async () => {
          await inBatches(() => contacts.pruneRequests(REQUEST_KEPT_DAYS, TIDY_BATCH));
          await inBatches(() => invites.prune(INVITE_KEPT_DAYS, TIDY_BATCH));
        },
      },
      {
        job: 'identity.matrix_media',
        everySeconds: IDENTITY_CHORE_SECONDS,
        run: () => deleteDuePictures(pictures, null),
      },
    ],
    outboxHandlers: new Map([
      ...contactHandlers(events),
      ...matrixProfileHandlers({
        ...pictures,
        store: matrixProfileStore(pool),
        profiles,
        vault,
        log: base.log,
      }),
    ]),
    gate: createPrivacyGate(store, needs.metrics.refused),
    fanOut,
    deletePictures: (userId) => deleteDuePictures(pictures, userId),
    close: () => profiles.close(),
  };
}
