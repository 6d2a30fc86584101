/** Builds the routes by which the Dashboard and the owners of apps manage, and the quotas that calls keep to. */
import { randomBytes } from 'node:crypto';
import type { FastifyPluginAsync } from 'fastify';
import type { Audit } from '../auralink-modules/auraid/audit.ts';
import type { EndpointRevoked } from '../auralink-modules/auraid/ports.ts';
import type { IdentityCache } from '../auralink-modules/auraid/resolver.ts';
import { createApps } from '../auralink-modules/dashboard/apps.ts';
import { createManagedPeople } from '../auralink-modules/dashboard/people.ts';
import { createQuotas, type Quotas } from '../auralink-modules/dashboard/quotas.ts';
import { type AppManager, appAdminRoutes } from '../http/app-admin-routes.ts';
import { appKeyRoutes } from '../http/app-key-routes.ts';
import type { EndpointAuth } from '../http/endpoint-auth.ts';
import type { InternalAuth, ServiceActor } from '../http/internal-auth.ts';
import { internalPeopleRoutes } from '../http/internal-people-routes.ts';
import { SYNAPSE_CLIENT_ID } from '../http/oidc.ts';
import { appAdminStore, listCallQuotas } from '../store/app-admin.ts';
import { leasedLimiter } from '../store/leased-limits.ts';
import { managedPeopleStore } from '../store/managed-people.ts';
import { nameStore } from '../store/names.ts';
import type { PersonDirectory } from '../store/people.ts';
import { hitTaker } from '../store/rate-limits.ts';
import { reviewerStore } from '../store/reviewers.ts';
import { APP_SCOPES, builtInApps } from './apps.ts';
import type { Base, Chore } from './base.ts';
import { dashboardEventsOf, webhooksOf } from './dashboard.ts';

/** Who is signed in to an app that is off is looked for. */
const APP_SESSIONS_ENDED_EVERY_SECONDS = 10;

export interface DashboardDoorNeeds {
  readonly internal: InternalAuth;
  readonly auth: Pick<EndpointAuth, 'requireEndpoint' | 'authenticate'>;
  readonly audit: Audit;
  readonly cache: IdentityCache;
  readonly endpointRevoked: EndpointRevoked;
  readonly directory: Pick<PersonDirectory, 'findPersonById'>;
}

export interface DashboardDoors {
  readonly plugins: FastifyPluginAsync[];
  readonly chores: readonly Chore[];
  /** For the calls. */
  readonly quotas: Quotas;
}

export function wireDashboardDoors(base: Omit<Base, 'processId'>, needs: DashboardDoorNeeds): DashboardDoors {
  const { config, db, clock, newId } = base;
  const { pool, unitOfWork } = db;
  const { internal, auth, audit, cache, endpointRevoked } = needs;
  const store = appAdminStore(pool);
  const monotonicMs = () => clock.monotonicMs();
  const quotas = createQuotas({
    ...{ unitOfWork, monotonicMs, events: dashboardEventsOf(base), now: () => clock.now() },
    limiter: leasedLimiter(hitTaker(pool), monotonicMs),
    listCallQuotas: () => listCallQuotas(pool),
  });
  const people = createManagedPeople<ServiceActor>({
    ...{ unitOfWork, audit, cache, endpointRevoked },
    store: managedPeopleStore(pool),
    reviewers: reviewerStore(pool),
    endSessions: nameStore(pool).endSessions,
  });
  const own = builtInApps({ ...config, DEMO_APPS: true });
  const apps = createApps<AppManager>({
    ...{ unitOfWork, store, audit, randomBytes, endpointRevoked, newId: () => newId<never>() },
    reserved: new Set([SYNAPSE_CLIENT_ID, ...own.flatMap((app) => [app.appId, app.name.toLowerCase()])]),
    scopes: APP_SCOPES,
  });
  return {
    quotas,
    chores: [
      { job: 'app-sessions', everySeconds: APP_SESSIONS_ENDED_EVERY_SECONDS, run: () => apps.endSessions() },
    ],
    plugins: [
      internalPeopleRoutes({ auth: internal, people, webhooks: webhooksOf(db, config, audit) }),
      appAdminRoutes({ internal, auth, apps }),
      appKeyRoutes({
        ...{ store, quotas, authenticate: auth.authenticate },
        findAuraId: async (personId) => (await needs.directory.findPersonById(personId))?.auraId ?? null,
      }),
    ] as FastifyPluginAsync[],
  };
}
