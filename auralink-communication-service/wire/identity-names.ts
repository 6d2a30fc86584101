/** Builds names, Matrix accounts and public profiles from their adapters. */
import type { FastifyPluginAsync } from 'fastify';
import type Provider from 'oidc-provider';
import type { Synapse } from '../adapters/synapse.ts';
import type { Audit } from '../auralink-modules/auraid/audit.ts';
import type { Vault } from '../auralink-modules/auraid/data-keys.ts';
import { createMatrixAccounts, type ProveHerself } from '../auralink-modules/auraid/matrix-accounts.ts';
import { IDENTITY_CHORE_SECONDS } from '../auralink-modules/auraid/model.ts';
import { createNames, type NamesService } from '../auralink-modules/auraid/names-service.ts';
import { createPeopleViews } from '../auralink-modules/auraid/people-views.ts';
import type { EndpointRevoked } from '../auralink-modules/auraid/ports.ts';
import type { ContactFanOut } from '../auralink-modules/auraid/ports-privacy.ts';
import { createPublicProfiles } from '../auralink-modules/auraid/public-profile.ts';
import type { RegistrationService } from '../auralink-modules/auraid/registration.ts';
import type { IdentityCache } from '../auralink-modules/auraid/resolver.ts';
import type { EventLog } from '../auralink-modules/endpoints/ports.ts';
import type { OutboxHandler, OutboxStore } from '../core/outbox.ts';
import type { EndpointAuth } from '../http/endpoint-auth.ts';
import { interactionClaimRoutes } from '../http/interaction-claim.ts';
import { namesRoutes } from '../http/names-routes.ts';
import { sendPage } from '../http/pages.ts';
import { publicRoutes } from '../http/public-routes.ts';
import { accountStore } from '../store/matrix-accounts.ts';
import { nameStore } from '../store/names.ts';
import { privacyStore } from '../store/privacy.ts';
import { rateLimiter } from '../store/rate-limits.ts';
import { serviceTokenStore } from '../store/service-tokens.ts';
import type { Base, Chore } from './base.ts';
import { dashboardEventsOf } from './dashboard.ts';
import { inBatches, TIDY_BATCH } from './tidy.ts';

export interface NamesNeeds {
  readonly auth: Pick<EndpointAuth, 'requireEndpoint'>;
  readonly synapse: Pick<Synapse, 'proofs'>;
  readonly provider: Provider;
  readonly registration: Pick<RegistrationService, 'checkAvailability'>;
  readonly endpointRevoked: EndpointRevoked;
  readonly cache: IdentityCache;
  readonly audit: Audit;
  readonly vault: Pick<Vault, 'open'>;
  readonly fanOut: ContactFanOut;
  readonly outbox: Pick<OutboxStore, 'enqueue'>;
  readonly eventLog: Pick<EventLog, 'append'>;
  /** Skeletons that nobody may claim. */
  readonly reserved: ReadonlySet<string>;
}

export interface NamesPart {
  readonly plugins: FastifyPluginAsync[];
  readonly chores: Chore[];
  readonly outboxHandlers: ReadonlyMap<string, OutboxHandler>;
  readonly names: NamesService;
  readonly proveHerself: ProveHerself;
}

export function wireNames(base: Omit<Base, 'processId'>, needs: NamesNeeds): NamesPart {
  const { config, db, clock, newId } = base;
  const { pool, unitOfWork } = db;
  const { auth, registration, cache, audit, fanOut, outbox, reserved, endpointRevoked } = needs;
  const { proofs } = needs.synapse;
  const names = nameStore(pool);
  const accounts = accountStore(pool);
  const limiter = rateLimiter(pool);
  const service = createNames({
    ...{ unitOfWork, names, accounts, proofs, limiter, newId, reserved, registration },
    ...{ log: needs.eventLog, outbox, fanOut, cache, audit, endpointRevoked },
    dashboard: dashboardEventsOf(base),
  });
  const matrixAccounts = createMatrixAccounts({
    ...{ unitOfWork, names, accounts, proofs, limiter, outbox, audit },
    spendToken: serviceTokenStore(pool).use,
    now: () => clock.now(),
  });
  const profiles = createPublicProfiles({
    names,
    views: createPeopleViews({ store: privacyStore(pool), vault: needs.vault }),
    publicBaseUrl: config.PUBLIC_BASE_URL,
    serverName: config.SYNAPSE_SERVER_NAME,
  });
  const pages = { publicBaseUrl: config.PUBLIC_BASE_URL, livekitPublicUrl: config.LIVEKIT_PUBLIC_URL };
  return {
    plugins: [
      namesRoutes({ auth, names: service, accounts: matrixAccounts }),
      interactionClaimRoutes({
        provider: needs.provider,
        names: service,
        ownOrigin: new URL(config.PUBLIC_BASE_URL).origin,
      }),
      publicRoutes({ profiles, limiter, sendProfilePage: (reply) => sendPage(reply, 'profile.html', pages) }),
    ] as FastifyPluginAsync[],
    chores: [
      {
        job: 'identity.tidy_names',
        everySeconds: IDENTITY_CHORE_SECONDS,
        run: () => inBatches(() => names.pruneHolds(TIDY_BATCH)),
      },
    ],
    outboxHandlers: new Map(),
    names: service,
    proveHerself: matrixAccounts.proveHerself,
  };
}
