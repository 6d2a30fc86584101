/** Where she is signed in, her apps, and her password: for apps that may manage the account. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { newPasswordSchema } from '../auralink-modules/auraid/model.ts';
import type { SessionService } from '../auralink-modules/auraid/sessions.ts';
import type { AppId } from '../core/ids.ts';
import { clientAddress } from './client-address.ts';
import { nothing } from './contact-schemas.ts';
import { type EndpointAuth, endpointOf } from './endpoint-auth.ts';

/** Characters of a session's id: a Matrix one holds an account and a device. */
export const SESSION_ID_MAX_LENGTH = 1_024;

const TAGS = ['account'];
const at = z.iso.datetime();
const appSchema = z.object({ appId: z.string(), name: z.string(), icon: z.string() });
const sessionSchema = z.object({
  sessionId: z.string(),
  kind: z.enum(['app', 'browser', 'matrix']),
  current: z.boolean(),
  app: appSchema.nullable(),
  label: z.string().nullable(),
  device: z.int().nullable(),
  createdAt: at.nullable(),
  lastSeenAt: at.nullable(),
});
const connectedSchema = appSchema.extend({ scopes: z.array(z.string()), since: at, sessions: z.int() });
const passwordSchema = z.strictObject({
  currentPassword: z.string().min(1).max(512),
  newPassword: newPasswordSchema,
  signOutOthers: z.boolean().default(true),
});

export function sessionsRoutes(deps: {
  readonly auth: Pick<EndpointAuth, 'requireEndpoint'>;
  readonly sessions: SessionService;
}): FastifyPluginAsyncZod {
  const { sessions } = deps;
  const preHandler = deps.auth.requireEndpoint('account.manage');
  return async (app) => {
    await app.register(appRoutes(preHandler, sessions));
    app.get(
      '/_auralink/v1/me/sessions',
      {
        preHandler,
        schema: {
          response: { 200: z.object({ sessions: z.array(sessionSchema), matrixKnown: z.boolean() }) },
          tags: TAGS,
          summary: 'Where she is signed in; without Matrix devices while the homeserver is away',
        },
      },
      (request) => sessions.list(endpointOf(request)),
    );
    app.delete(
      '/_auralink/v1/me/sessions/:sessionId',
      {
        preHandler,
        schema: {
          params: z.object({ sessionId: z.string().min(1).max(SESSION_ID_MAX_LENGTH) }),
          response: { 204: nothing },
          tags: TAGS,
          summary: 'Sign out there',
        },
      },
      async (request, reply) => {
        await sessions.revoke(endpointOf(request), request.params.sessionId);
        return reply.code(204).send();
      },
    );
    app.post(
      '/_auralink/v1/me/sessions/revoke-all',
      {
        preHandler,
        schema: { response: { 204: nothing }, tags: TAGS, summary: 'Sign out everywhere but here' },
      },
      async (request, reply) => {
        await sessions.revokeOthers(endpointOf(request));
        return reply.code(204).send();
      },
    );
  };
}

function appRoutes(
  preHandler: ReturnType<EndpointAuth['requireEndpoint']>,
  sessions: SessionService,
): FastifyPluginAsyncZod {
  return async (app) => {
    app.get(
      '/_auralink/v1/me/apps',
      {
        preHandler,
        schema: {
          response: { 200: z.object({ apps: z.array(connectedSchema) }) },
          tags: TAGS,
          summary: 'Apps that she is signed in to',
        },
      },
      async (request) => ({ apps: await sessions.apps(endpointOf(request).personId) }),
    );
    app.delete(
      '/_auralink/v1/me/apps/:appId',
      {
        preHandler,
        schema: {
          params: z.object({
            appId: z
              .string()
              .max(32)
              .transform((id) => id as AppId),
          }),
          response: { 204: nothing },
          tags: TAGS,
          summary: 'Sign out of an app on every device',
        },
      },
      async (request, reply) => {
        await sessions.revokeApp(endpointOf(request).personId, request.params.appId);
        return reply.code(204).send();
      },
    );
    app.post(
      '/_auralink/v1/account/password',
      {
        preHandler,
        schema: {
          body: passwordSchema,
          response: { 204: nothing },
          tags: TAGS,
          summary: 'Change the password; signs out everywhere else unless told otherwise',
        },
      },
      async (request, reply) => {
        await sessions.changePassword(endpointOf(request), request.body, clientAddress(request));
        return reply.code(204).send();
      },
    );
  };
}
