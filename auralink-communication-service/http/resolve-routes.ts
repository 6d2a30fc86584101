/** `GET /_auralink/v1/resolve/{auraId}`: who is behind an address, as far as the asker may see. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { profileViewSchema } from '../auralink-modules/auraid/profile-view.ts';
import type { Resolver } from '../auralink-modules/auraid/resolver.ts';
import { findAuraId } from '../core/aura-id.ts';
import { AuraError } from '../core/errors.ts';
import type { PersonId } from '../core/ids.ts';
import { type EndpointAuth, endpointOf } from './endpoint-auth.ts';

export interface ResolveRoutesDeps {
  readonly auth: Pick<EndpointAuth, 'requireEndpoint'>;
  readonly resolver: Pick<Resolver, 'resolve'>;
  /** Throws `rate_limited`. */
  readonly countLookUp: (personId: PersonId) => Promise<void>;
}

export function resolveRoutes({ auth, resolver, countLookUp }: ResolveRoutesDeps): FastifyPluginAsyncZod {
  return async (app) => {
    app.get(
      '/_auralink/v1/resolve/:auraId',
      {
        preHandler: auth.requireEndpoint('profile.read'),
        schema: {
          params: z.object({ auraId: z.string().min(1).max(128) }),
          response: { 200: profileViewSchema },
          tags: ['identity'],
          summary: 'Who is behind an address, as far as the asker may see',
        },
      },
      async (request, reply) => {
        const { personId } = endpointOf(request);
        await countLookUp(personId);
        const asked = findAuraId(request.params.auraId);
        const body = asked === null ? null : await resolver.resolve(personId, asked);
        if (body === null) {
          throw new AuraError('not_found', 'Nobody holds this address.', {
            field: 'auraId',
            reason: 'unknown_address',
          });
        }
        reply.header('cache-control', 'no-store').type('application/json; charset=utf-8');
        // Ready-made: it was written from the very schema.
        return await reply.send(body as never);
      },
    );
  };
}
