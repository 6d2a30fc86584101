/** Builds looking people up from its adapters: the resolver, its memory over several processes, and its routes. */
import type { FastifyPluginAsync } from 'fastify';
import type { Vault } from '../auralink-modules/auraid/crypto/data-keys.ts';
import { createResolver, type IdentityCache } from '../auralink-modules/auraid/resolver.ts';
import type { WakeBus } from '../auralink-modules/endpoints/ports.ts';
import type { PersonId } from '../core/ids.ts';
import type { EndpointAuth } from '../http/endpoint-auth.ts';
import { resolveRoutes } from '../http/resolve-routes.ts';
import { personDirectory } from '../store/people.ts';
import { privacyStore } from '../store/privacy.ts';
import type { Base } from './base.ts';

export interface ResolveNeeds {
  readonly auth: Pick<EndpointAuth, 'requireEndpoint'>;
  readonly vault: Pick<Vault, 'open'>;
  readonly bus: WakeBus;
  readonly countLookUp: (personId: PersonId) => Promise<void>;
}

export interface ResolvePart {
  readonly plugins: FastifyPluginAsync[];
  readonly cache: IdentityCache;
}

export function wireResolve(base: Omit<Base, 'processId'>, needs: ResolveNeeds): ResolvePart {
  const { auth, vault, bus, countLookUp } = needs;
  const resolver = createResolver({
    findPerson: personDirectory(base.db.pool).findPerson,
    store: privacyStore(base.db.pool),
    vault,
    tellOthers: (personIds) => bus.publish([{ kind: 'identity_changed', personIds }]),
    monotonicMs: () => base.clock.monotonicMs(),
  });
  bus.subscribe((messages) => {
    for (const message of messages) {
      if (message.kind === 'identity_changed') resolver.forget(message.personIds);
    }
  });
  return {
    plugins: [resolveRoutes({ auth, resolver, countLookUp })] as FastifyPluginAsync[],
    cache: resolver,
  };
}
