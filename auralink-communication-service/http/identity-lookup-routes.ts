/** `/_matrix/identity/v2/{hash_details,lookup}` (Matrix spec, Identity Service API, "Association lookup"). */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { IdentityAccounts } from '../auralink-modules/identity-service/accounts.ts';
import type { Lookup } from '../auralink-modules/identity-service/lookup.ts';
import { LOOKUP_ANSWER_MS } from '../auralink-modules/identity-service/model.ts';
import { clientAddress } from './client-address.ts';
import { accountOf, openToAllOrigins, requireAccount } from './identity-auth.ts';

const lookupSchema = z.object({
  algorithm: z.string().max(64),
  pepper: z.string().max(128),
  addresses: z.array(z.string()),
});

export interface IdentityLookupRoutesDeps {
  readonly accounts: Pick<IdentityAccounts, 'authenticate'>;
  readonly lookup: Lookup;
}

const V2 = '/_matrix/identity/v2';

export function identityLookupRoutes({ accounts, lookup }: IdentityLookupRoutesDeps): FastifyPluginAsyncZod {
  return async (app) => {
    openToAllOrigins(app);
    app.addHook('preValidation', requireAccount(accounts));
    app.get(`${V2}/hash_details`, { schema: { hide: true } }, () => lookup.hashDetails());
    app.post(`${V2}/lookup`, { schema: { hide: true, body: lookupSchema } }, async (request) => {
      const noSooner = sleep(LOOKUP_ANSWER_MS);
      const mappings = await lookup.lookup(accountOf(request), request.body, clientAddress(request));
      await noSooner;
      return { mappings };
    });
  };
}
