/** Builds the Matrix Identity Service from its adapters. */
import { randomBytes } from 'node:crypto';
import type { FastifyPluginAsync } from 'fastify';
import { createGuardedClient } from '../adapters/guarded-client.ts';
import { createAskHomeserver, createAskOpenId } from '../adapters/homeservers.ts';
import { createDiscovery } from '../adapters/server-discovery.ts';
import type { Synapse } from '../adapters/synapse.ts';
import type { RateLimiter } from '../auralink-modules/auraid/ports.ts';
import { createAccounts } from '../auralink-modules/identity-service/accounts.ts';
import { TOKEN_UNUSED_DAYS } from '../auralink-modules/identity-service/model.ts';
import { signingKeysOf } from '../auralink-modules/identity-service/signed-json.ts';
import type { Config } from '../config.ts';
import { identityAccountRoutes } from '../http/identity-account-routes.ts';
import { createNetworks } from '../http/networks.ts';
import { identityTokens } from '../store/identity-accounts.ts';
import { isEphemeralKey } from '../store/identity-invites.ts';
import { rateLimiter } from '../store/rate-limits.ts';
import { serviceTokenStore } from '../store/service-tokens.ts';
import type { Base, Chore } from './base.ts';

/** How often tokens that nobody uses any more are looked for. */
export const IDENTITY_TOKENS_PRUNE_SECONDS = 3_600;

export interface IdentityServiceNeeds {
  readonly synapse: Pick<Synapse, 'proofs'>;
}

export interface IdentityServicePart {
  readonly plugins: FastifyPluginAsync[];
  readonly chores: Chore[];
}

export function wireIdentityService(
  base: Omit<Base, 'processId'>,
  needs: IdentityServiceNeeds,
): IdentityServicePart {
  const { config, db, clock } = base;
  const limiter: RateLimiter = rateLimiter(db.pool);
  const tokens = identityTokens(db.pool);
  const accounts = createAccounts({
    tokens,
    askOpenId: openIdOf(config, needs.synapse),
    spendToken: serviceTokenStore(db.pool).use,
    count: (key, limit, count) => limiter.hit(key, limit, count),
    terms: termsOf(config),
    randomBytes,
    now: () => clock.now(),
    nowMs: () => clock.monotonicMs(),
  });
  const plugins = [
    identityAccountRoutes({
      accounts,
      keys: signingKeysOf(config.IDENTITY_SIGNING_KEYS),
      isEphemeralKey: isEphemeralKey(db.pool),
    }),
  ] as FastifyPluginAsync[];
  return {
    plugins,
    chores: [
      {
        job: 'identity_service.tokens',
        everySeconds: IDENTITY_TOKENS_PRUNE_SECONDS,
        run: async () => {
          await tokens.prune(TOKEN_UNUSED_DAYS);
        },
      },
    ],
  };
}

function termsOf({ IDENTITY_TERMS_URL: url, IDENTITY_TERMS_VERSION: version }: Config) {
  return url === '' ? null : { url, version };
}

function openIdOf(config: Config, { proofs }: Pick<Synapse, 'proofs'>) {
  const ask = createGuardedClient({ isAllowed: createNetworks(config.IDENTITY_ALLOWED_CIDRS) });
  return createAskOpenId({
    ownServerName: config.SYNAPSE_SERVER_NAME,
    askOwn: (token) => proofs.byOpenIdToken(token),
    askHomeserver: config.ENABLE_FEDERATION
      ? createAskHomeserver({ ask, discover: createDiscovery({ ask }) })
      : null,
  });
}
