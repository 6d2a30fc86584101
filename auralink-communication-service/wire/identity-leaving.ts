/** Builds export and erasure from their adapters. */
import type { FastifyPluginAsync } from 'fastify';
import type { Synapse } from '../adapters/synapse.ts';
import type { Audit } from '../auralink-modules/auraid/audit.ts';
import type { Vault } from '../auralink-modules/auraid/data-keys.ts';
import {
  ERASE_TOPIC,
  type ErasureDeps,
  erase,
  eraseReleased,
  erasureHandler,
  RELEASED_LOOK_SECONDS,
} from '../auralink-modules/auraid/erasure.ts';
import { ACTS_LISTED_MAX, exportAll } from '../auralink-modules/auraid/export.ts';
import type { ProveHerself } from '../auralink-modules/auraid/matrix-accounts.ts';
import type { KeyRingSource } from '../auralink-modules/auraid/key-ring.ts';
import type { NamesService } from '../auralink-modules/auraid/names-service.ts';
import type { EndpointRevoked } from '../auralink-modules/auraid/ports.ts';
import type { IdentityCache } from '../auralink-modules/auraid/resolver.ts';
import type { EventLog } from '../auralink-modules/endpoints/ports.ts';
import type { OutboxHandler, OutboxStore } from '../core/outbox.ts';
import type { EndpointAuth } from '../http/endpoint-auth.ts';
import { NOBODY } from '../core/ids.ts';
import { leavingRoutes } from '../http/leaving-routes.ts';
import { contactStore } from '../store/contacts.ts';
import { erasureStore } from '../store/erasure.ts';
import { exportStore } from '../store/export.ts';
import { nameStore } from '../store/names.ts';
import { rateLimiter } from '../store/rate-limits.ts';
import type { Base, Chore } from './base.ts';
import { dashboardEventsOf } from './dashboard.ts';
import { identityVault } from './identity-service.ts';

export interface LeavingNeeds {
  readonly auth: Pick<EndpointAuth, 'requireEndpoint'>;
  readonly synapse: Pick<Synapse, 'eraseAccount'>;
  readonly deletePictures: ErasureDeps['deletePictures'];
  readonly proveHerself: ProveHerself;
  readonly names: Pick<NamesService, 'holdForErased' | 'getNames'>;
  readonly audit: Audit;
  readonly vault: Pick<Vault, 'open' | 'forget'>;
  readonly ring: KeyRingSource;
  readonly cache: IdentityCache;
  readonly outbox: Pick<OutboxStore, 'enqueue'>;
  readonly eventLog: Pick<EventLog, 'append'>;
  readonly endpointRevoked: EndpointRevoked;
}

export interface LeavingPart {
  readonly plugins: FastifyPluginAsync[];
  readonly chores: Chore[];
  readonly outboxHandlers: ReadonlyMap<string, OutboxHandler>;
}

/** Sealed for nobody in particular, because the Matrix accounts there need not be anybody's. */
const OF_IDENTITY_SERVICE = new Set(['identity_associations', 'identity_invites']);

/** Opens what is hers with her own key, and what the Identity Service keeps of her accounts with its key. */
function withServices(own: Pick<Vault, 'open'>, service: Pick<Vault, 'open'>): Pick<Vault, 'open'> {
  return {
    open: (personId, place, envelope) =>
      OF_IDENTITY_SERVICE.has(place.table)
        ? service.open(NOBODY, place, envelope)
        : own.open(personId, place, envelope),
  };
}

export function wireLeaving(base: Omit<Base, 'processId'>, needs: LeavingNeeds): LeavingPart {
  const { pool, unitOfWork } = base.db;
  const { auth, audit, cache, names, outbox, proveHerself, synapse, vault } = needs;
  const store = exportStore(pool);
  const exporting = {
    ...{ unitOfWork, store, limiter: rateLimiter(pool), audit },
    vault: withServices(vault, identityVault(base, needs.ring)),
  };
  const erasing: ErasureDeps = {
    ...{ unitOfWork, names, outbox, audit },
    dashboard: dashboardEventsOf(base),
    store: erasureStore(pool),
    sessions: nameStore(pool),
    contacts: contactStore(pool),
    log: needs.eventLog,
    cache: {
      changed: (people) => {
        for (const personId of people) vault.forget(personId);
        cache.changed(people);
      },
    },
    endpointRevoked: needs.endpointRevoked,
    eraseAccount: synapse.eraseAccount,
    deletePictures: needs.deletePictures,
  };
  return {
    plugins: [
      leavingRoutes({
        ...{ auth, proveHerself },
        findAuraId: async (personId) => (await names.getNames(personId)).current,
        exportAll: (personId) => exportAll(exporting, personId, base.clock.now()),
        listActs: (personId) => store.listActs(personId, ACTS_LISTED_MAX),
        erase: (personId, confirmation) => erase(erasing, personId, confirmation),
      }),
    ] as FastifyPluginAsync[],
    chores: [
      {
        job: 'identity.erase_released',
        everySeconds: RELEASED_LOOK_SECONDS,
        run: async () => void (await eraseReleased(erasing)),
      },
    ],
    outboxHandlers: new Map([[ERASE_TOPIC, erasureHandler(erasing)]]),
  };
}
