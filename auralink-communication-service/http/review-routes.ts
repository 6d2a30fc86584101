/** `/_auralink/v1/reviews`: the reviewers' queue. For whoever is none, nothing is here, and that she asked is written down. */
import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { reviewListSchema, reviewSchema, verdictSchema } from '../auralink-modules/documents/model.ts';
import type { Reviewing } from '../auralink-modules/documents/reviewing.ts';
import { AuraError } from '../core/errors.ts';
import { nothing } from './contact-schemas.ts';
import { imageParams, sendPicture } from './document-routes.ts';
import { type EndpointAuth, endpointOf } from './endpoint-auth.ts';

export interface ReviewRoutesDeps {
  readonly auth: Pick<EndpointAuth, 'requireEndpoint'>;
  readonly reviewing: Reviewing;
}

const TAGS = ['reviews'];
const PATH = '/_auralink/v1/reviews';
const idParams = z.object({ documentId: z.uuid() });

export function reviewRoutes({ auth, reviewing }: ReviewRoutesDeps): FastifyPluginAsyncZod {
  const isReviewer = async (request: FastifyRequest): Promise<void> => {
    if (await reviewing.mayReview(endpointOf(request).personId)) return;
    // Word for word what any unknown path answers.
    throw new AuraError('not_found', `There is no ${request.method} ${request.url.split('?')[0]}.`, {
      reason: 'unknown_route',
      errcode: 'M_UNRECOGNIZED',
    });
  };
  return async (app) => {
    app.addHook('onRequest', auth.requireEndpoint('account.manage'));
    app.addHook('onRequest', isReviewer);
    app.addHook('onSend', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
    });
    app.get(
      PATH,
      {
        schema: {
          response: { 200: reviewListSchema },
          tags: TAGS,
          summary: 'Documents that wait for this reviewer, the oldest first',
        },
      },
      (request) => reviewing.list(endpointOf(request).personId),
    );
    app.post(
      `${PATH}/:documentId/claim`,
      {
        schema: {
          params: idParams,
          response: { 200: reviewSchema },
          tags: TAGS,
          summary: 'Take one for a while, or for longer, and see what it says',
        },
      },
      (request) => reviewing.claim(endpointOf(request).personId, request.params.documentId),
    );
    app.post(
      `${PATH}/:documentId/release`,
      {
        schema: {
          params: idParams,
          response: { 204: nothing },
          tags: TAGS,
          summary: 'Leave it to another reviewer',
        },
      },
      async (request, reply) => {
        await reviewing.release(endpointOf(request).personId, request.params.documentId);
        return reply.code(204).send();
      },
    );
    app.get(
      `${PATH}/:documentId/images/:side`,
      {
        schema: {
          params: imageParams,
          tags: TAGS,
          summary: 'A picture of what she has taken; each look is written down',
        },
      },
      async (request, reply) => {
        const { documentId, side } = request.params;
        return sendPicture(reply, await reviewing.image(endpointOf(request).personId, documentId, side));
      },
    );
    app.post(
      `${PATH}/:documentId/verdict`,
      {
        schema: {
          params: idParams,
          body: verdictSchema,
          response: { 200: z.object({ decided: z.boolean() }) },
          tags: TAGS,
          summary: 'Approve, reject with a reason, or ask for what is missing',
        },
      },
      (request) => reviewing.judge(endpointOf(request).personId, request.params.documentId, request.body),
    );
  };
}
