/** Privacy settings, how others see her, and whom she has blocked: for apps that may manage the account. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { ContactService } from '../auralink-modules/auraid/contacts.ts';
import { rulesSchema, type Viewer } from '../auralink-modules/auraid/privacy.ts';
import type { PrivacyService } from '../auralink-modules/auraid/privacy-service.ts';
import { profileViewSchema } from '../auralink-modules/auraid/profile-view.ts';
import { auraIdParams, nothing } from './contact-schemas.ts';
import { type EndpointAuth, endpointOf } from './endpoint-auth.ts';

export interface PrivacyRoutesDeps {
  readonly auth: Pick<EndpointAuth, 'requireEndpoint'>;
  readonly privacy: PrivacyService;
  readonly contacts: Pick<ContactService, 'block' | 'unblock' | 'blocks'>;
}

const patchSchema = z
  .strictObject(rulesSchema.partial().shape)
  .refine((patch) => Object.keys(patch).length > 0, 'must name at least one setting');
const VIEWERS = ['stranger', 'friend', 'signed-out'] as const;
const VIEWER_OF: Readonly<Record<(typeof VIEWERS)[number], Viewer>> = {
  stranger: 'stranger',
  friend: 'friend',
  'signed-out': 'signed_out',
};
const TAGS = ['privacy'];

export function privacyRoutes({ auth, privacy, contacts }: PrivacyRoutesDeps): FastifyPluginAsyncZod {
  const preHandler = auth.requireEndpoint('account.manage');
  return async (app) => {
    app.get(
      '/_auralink/v1/me/privacy',
      { preHandler, schema: { response: { 200: rulesSchema }, tags: TAGS, summary: 'Her privacy settings' } },
      (request) => privacy.get(endpointOf(request).personId),
    );
    app.patch(
      '/_auralink/v1/me/privacy',
      {
        preHandler,
        schema: {
          body: patchSchema,
          response: { 200: rulesSchema },
          tags: TAGS,
          summary: 'Change privacy settings; those that are not named stay',
        },
      },
      (request) => privacy.set(endpointOf(request).personId, definedOf(request.body)),
    );
    app.get(
      '/_auralink/v1/me/profile/as/:viewer',
      {
        preHandler,
        schema: {
          params: z.object({ viewer: z.enum(VIEWERS) }),
          response: { 200: z.object({ there: z.boolean(), view: profileViewSchema.nullable() }) },
          tags: TAGS,
          summary: 'What a stranger, a friend, or somebody who is not signed in sees of her',
        },
      },
      async (request) => {
        const view = await privacy.seeAs(endpointOf(request).personId, VIEWER_OF[request.params.viewer]);
        return { there: view !== null, view };
      },
    );
    await app.register(blockRoutes(preHandler, contacts));
  };
}

function blockRoutes(
  preHandler: ReturnType<EndpointAuth['requireEndpoint']>,
  contacts: PrivacyRoutesDeps['contacts'],
): FastifyPluginAsyncZod {
  return async (app) => {
    app.get(
      '/_auralink/v1/blocks',
      {
        preHandler,
        schema: {
          response: {
            200: z.object({ blocks: z.array(z.object({ auraId: z.string(), since: z.iso.datetime() })) }),
          },
          tags: TAGS,
          summary: 'Whom she has blocked',
        },
      },
      async (request) => ({ blocks: await contacts.blocks(endpointOf(request).personId) }),
    );
    app.put(
      '/_auralink/v1/blocks/:auraId',
      {
        preHandler,
        schema: {
          params: auraIdParams,
          response: { 204: nothing },
          tags: TAGS,
          summary: 'Block a person, who is not told; ends friendship, requests and a ring',
        },
      },
      async (request, reply) => {
        await contacts.block(endpointOf(request).personId, request.params.auraId);
        return reply.code(204).send();
      },
    );
    app.delete(
      '/_auralink/v1/blocks/:auraId',
      {
        preHandler,
        schema: {
          params: auraIdParams,
          response: { 204: nothing },
          tags: TAGS,
          summary: 'Unblock a person',
        },
      },
      async (request, reply) => {
        await contacts.unblock(endpointOf(request).personId, request.params.auraId);
        return reply.code(204).send();
      },
    );
  };
}

/** `exactOptionalPropertyTypes`: what was not named is not there. */
function definedOf<T extends object>(patch: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
