/** `/_auralink/v1/resolve`: who is behind an address, or behind many, as far as the asker may see. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { profileViewSchema } from '../auralink-modules/auraid/profile-view.ts';
import type { Resolver } from '../auralink-modules/auraid/resolver.ts';
import type { CountLookUp } from '../auralink-modules/auraid/sign-in.ts';
import { findAuraId } from '../core/aura-id.ts';
import { AuraError } from '../core/errors.ts';
import { type EndpointAuth, endpointOf } from './endpoint-auth.ts';

/** Addresses in one request. */
export const RESOLVE_MANY_MAX = 100;

const manySchema = z.strictObject({
  auraIds: z.array(z.string().min(1).max(128)).min(1).max(RESOLVE_MANY_MAX),
});
/** In the order of asking; null for an address that nobody holds. */
const foundSchema = z.object({ people: z.array(profileViewSchema.nullable()) });

export interface ResolveRoutesDeps {
  readonly auth: Pick<EndpointAuth, 'requireEndpoint'>;
  readonly resolver: Pick<Resolver, 'resolve'>;
  readonly countLookUp: CountLookUp;
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
    app.post(
      '/_auralink/v1/resolve',
      {
        preHandler: auth.requireEndpoint('profile.read'),
        schema: {
          body: manySchema,
          response: { 200: foundSchema },
          tags: ['identity'],
          summary: 'The same for many addresses',
        },
      },
      async (request, reply) => {
        const { personId } = endpointOf(request);
        const { auraIds } = request.body;
        // All or none: a request that is refused has used nothing up.
        await countLookUp(personId, auraIds.length);
        // Those that nobody remembers are asked for by one statement.
        const people = await Promise.all(
          auraIds.map(async (text) => {
            const asked = findAuraId(text);
            return (asked === null ? null : await resolver.resolve(personId, asked)) ?? 'null';
          }),
        );
        reply.header('cache-control', 'no-store').type('application/json; charset=utf-8');
        return await reply.send(`{"people":[${people.join()}]}` as never);
      },
    );
  };
}
