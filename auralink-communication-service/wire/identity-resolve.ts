/** Builds the resolver from its adapters; what changes in one process is forgotten in all, by the wake bus. */
import type { FastifyPluginAsync } from 'fastify';
import type { Vault } from '../auralink-modules/auraid/data-keys.ts';
import type { IdentityMetrics } from '../auralink-modules/auraid/ports.ts';
import { createResolver, type IdentityCache } from '../auralink-modules/auraid/resolver.ts';
import { lookUpCounter } from '../auralink-modules/auraid/sign-in.ts';
import type { WakeBus } from '../auralink-modules/endpoints/ports.ts';
import type { PersonId } from '../core/ids.ts';
import type { EndpointAuth } from '../http/endpoint-auth.ts';
import { resolveRoutes } from '../http/resolve-routes.ts';
import { leasedLimiter } from '../store/leased-limits.ts';
import { hitTaker } from '../store/rate-limits.ts';
import { findBeheld } from '../store/resolve.ts';
import type { Base } from './base.ts';

export interface ResolveNeeds {
  readonly auth: Pick<EndpointAuth, 'requireEndpoint'>;
  readonly vault: Pick<Vault, 'open' | 'forget'>;
  readonly bus: WakeBus;
  readonly metrics: Pick<IdentityMetrics, 'resolved'>;
}

export interface ResolvePart {
  readonly plugins: FastifyPluginAsync[];
  readonly cache: IdentityCache;
  /** Counts what she looks up, wherever she does. Throws `rate_limited`. */
  readonly countLookUp: (personId: PersonId) => Promise<void>;
}

export function wireResolve(base: Omit<Base, 'processId'>, needs: ResolveNeeds): ResolvePart {
  const { auth, vault, bus } = needs;
  const { db, clock } = base;
  const monotonicMs = (): number => clock.monotonicMs();
  /** She may have been erased: her data key must not be remembered longer than it exists. */
  const forgetKeys = (personIds: readonly PersonId[]): void => {
    for (const personId of personIds) vault.forget(personId);
  };
  const resolver = createResolver({
    find: findBeheld(db.pool),
    vault,
    announce: (personIds) => {
      forgetKeys(personIds);
      bus.publish([{ kind: 'identity_changed', personIds }]);
    },
    nowMs: monotonicMs,
    metrics: needs.metrics,
  });
  bus.subscribe((messages) => {
    for (const message of messages) {
      if (message.kind !== 'identity_changed') continue;
      resolver.forget(message.personIds);
      forgetKeys(message.personIds);
    }
  });
  const countLookUp = lookUpCounter(leasedLimiter(hitTaker(db.pool), monotonicMs));
  return {
    plugins: [resolveRoutes({ auth, resolver, countLookUp })] as FastifyPluginAsync[],
    cache: resolver,
    countLookUp,
  };
}
