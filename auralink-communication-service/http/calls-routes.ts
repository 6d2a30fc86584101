/**
 * The API of calls and rings, `/_auralink/v1/{calls,rings,history}`. Every route needs an endpoint token; what the
 * token's endpoint has no part in does not exist for it.
 */
import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { MediaService } from '../auralink-modules/calls/media.ts';
import {
  callViewSchema,
  HISTORY_PAGE_MAX,
  placeCallSchema,
  ringViewSchema,
} from '../auralink-modules/calls/model.ts';
import type { CallService } from '../auralink-modules/calls/service.ts';
import type { Clock } from '../core/clock.ts';
import { AuraError } from '../core/errors.ts';
import type { AppId, CallId, PersonId, RingId } from '../core/ids.ts';
import { type EndpointAuth, endpointOf } from './endpoint-auth.ts';

export interface CallRoutesDeps {
  readonly calls: CallService;
  readonly media: MediaService;
  readonly auth: Pick<EndpointAuth, 'requireEndpoint' | 'requireOneOf'>;
  readonly clock: Clock;
  /** Counts a call of an app. Throws `rate_limited` when the app has reached its quota. */
  readonly countCall: (appId: AppId) => Promise<void>;
  /** Counts a question that was answered with "nobody": calling must not be a faster way to ask. Throws `rate_limited`. */
  readonly countLookUp: (personId: PersonId) => Promise<void>;
}

const callParams = z.object({ callId: z.uuid().transform((id) => id as CallId) });
const ringParams = z.object({ ringId: z.uuid().transform((id) => id as RingId) });
const keyHeaders = z.object({
  'idempotency-key': z
    .string({
      error: 'is required: a fresh value for each thing that the person does, the same one for a retry',
    })
    .min(1)
    .max(128),
});
const ringStatusSchema = z.object({
  ringId: z.uuid(),
  live: z.boolean(),
  state: z.enum(['waiting', 'sent', 'ringing', 'stopped']),
  reason: z.string().nullable(),
  ring: ringViewSchema.nullable(),
});
const mediaTokenSchema = z.object({
  url: z.string(),
  token: z.string(),
  room: z.string(),
  identity: z.string(),
  expiresAt: z.iso.datetime(),
});
const historyQuery = z.object({
  limit: z.coerce.number().int().min(1).max(HISTORY_PAGE_MAX).default(50),
  /** `next` of the page before: the last call that was on it. */
  before: z
    .uuid()
    .transform((id) => id as CallId)
    .optional(),
});
const tags = ['calls'];
const keyOf = (request: FastifyRequest): string => String(request.headers['idempotency-key']);

export function callsRoutes(deps: CallRoutesDeps): FastifyPluginAsyncZod {
  return async (app) => {
    await app.register(callRoutes(deps));
    await app.register(mediaAndHistoryRoutes(deps));
    await app.register(ringRoutes(deps));
  };
}

function callRoutes({ calls, auth, countCall, countLookUp }: CallRoutesDeps): FastifyPluginAsyncZod {
  return async (app) => {
    app.post(
      '/_auralink/v1/calls',
      {
        preHandler: auth.requireEndpoint('call.place'),
        schema: {
          tags,
          summary: 'Call an address',
          headers: keyHeaders,
          body: placeCallSchema,
          response: { 200: callViewSchema, 201: callViewSchema },
        },
      },
      async (request, reply) => {
        const session = endpointOf(request);
        await countCall(session.appId);
        const placing = calls.place(session, request.body, keyOf(request));
        const { view, created } = await placing.catch(async (error: unknown) => {
          if (error instanceof AuraError && error.code === 'not_found') await countLookUp(session.personId);
          throw error;
        });
        return reply.code(created ? 201 : 200).send(view);
      },
    );
    app.get(
      '/_auralink/v1/calls/:callId',
      {
        preHandler: auth.requireEndpoint(),
        schema: {
          tags,
          summary: 'A call of this endpoint',
          params: callParams,
          response: { 200: callViewSchema },
        },
      },
      (request) => calls.get(endpointOf(request), request.params.callId),
    );
    app.post(
      '/_auralink/v1/calls/:callId/cancel',
      {
        preHandler: auth.requireEndpoint('call.place'),
        schema: {
          tags,
          summary: 'Give up before the answer',
          params: callParams,
          response: { 200: callViewSchema },
        },
      },
      (request) => calls.cancel(endpointOf(request), request.params.callId),
    );
    app.post(
      '/_auralink/v1/calls/:callId/hangup',
      {
        preHandler: auth.requireOneOf('call.place', 'call.receive'),
        schema: { tags, summary: 'End the call', params: callParams, response: { 200: callViewSchema } },
      },
      (request) => calls.hangUp(endpointOf(request), request.params.callId),
    );
  };
}

function mediaAndHistoryRoutes({ calls, media, auth, clock }: CallRoutesDeps): FastifyPluginAsyncZod {
  return async (app) => {
    app.post(
      '/_auralink/v1/calls/:callId/media-token',
      {
        preHandler: auth.requireOneOf('call.place', 'call.receive'),
        schema: {
          tags,
          summary: 'Enter the call’s media room; for the caller and the endpoint that answered',
          params: callParams,
          response: { 200: mediaTokenSchema },
        },
      },
      (request) => media.token(endpointOf(request), request.params.callId, clock.now()),
    );
    app.get(
      '/_auralink/v1/history',
      {
        preHandler: auth.requireEndpoint('profile.read'),
        schema: {
          tags,
          summary: 'Calls of this person, newest first, each with the reason of its end',
          querystring: historyQuery,
          response: { 200: z.object({ calls: z.array(callViewSchema), next: z.uuid().nullable() }) },
        },
      },
      async (request) => {
        const { limit, before } = request.query;
        const page = await calls.history(endpointOf(request), before ?? null, limit);
        return { calls: page, next: page.length === limit ? (page.at(-1)?.callId ?? null) : null };
      },
    );
  };
}

function ringRoutes({ calls, auth }: CallRoutesDeps): FastifyPluginAsyncZod {
  return async (app) => {
    app.get(
      '/_auralink/v1/rings/:ringId',
      {
        preHandler: auth.requireEndpoint('call.receive'),
        schema: {
          tags,
          summary: 'Is this ring still live?',
          params: ringParams,
          response: { 200: ringStatusSchema },
        },
      },
      (request) => calls.getRing(endpointOf(request), request.params.ringId),
    );
    app.post(
      '/_auralink/v1/rings/:ringId/answer',
      {
        preHandler: auth.requireEndpoint('call.receive'),
        schema: {
          tags,
          summary: 'Answer; the first one wins',
          params: ringParams,
          headers: keyHeaders,
          response: { 200: callViewSchema },
        },
      },
      (request) => calls.answer(endpointOf(request), request.params.ringId, keyOf(request)),
    );
    app.post(
      '/_auralink/v1/rings/:ringId/decline',
      {
        preHandler: auth.requireEndpoint('call.receive'),
        schema: {
          tags,
          summary: 'Decline on every device',
          params: ringParams,
          response: { 200: callViewSchema },
        },
      },
      (request) => calls.decline(endpointOf(request), request.params.ringId),
    );
  };
}
