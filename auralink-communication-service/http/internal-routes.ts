/** `POST /internal/matrix/register`: the Dashboard gives one of its users an address and a Matrix account. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { displayNameSchema } from '../auralink-modules/auraid/model.ts';
import type { RegistrationService } from '../auralink-modules/auraid/registration.ts';
import type { SignInService } from '../auralink-modules/auraid/sign-in.ts';
import { isPlainText, NOT_PLAIN } from '../core/text.ts';
import type { InternalAuth } from './internal-auth.ts';

export interface InternalRoutesDeps {
  readonly auth: InternalAuth;
  readonly registration: RegistrationService;
  readonly signIn: SignInService;
}

const bodySchema = z.strictObject({
  /** The Dashboard's own id of the user; a retry with the same id finds what the first try made. */
  dashboardUserId: z.string().min(1).max(128).refine(isPlainText, NOT_PLAIN),
  auraId: z.string().min(1).max(64),
  displayName: displayNameSchema.nullish(),
});

const registeredSchema = z.object({
  auraId: z.string(),
  matrixUserId: z.string(),
  /** Lets her in once, to choose a password; null when she has one. Older codes are void. */
  signInCode: z.string().nullable(),
  signInCodeExpiresAt: z.iso.datetime().nullable(),
});

export function internalRoutes(deps: InternalRoutesDeps): FastifyPluginAsyncZod {
  return async (app) => {
    app.post(
      '/internal/matrix/register',
      {
        onRequest: [deps.auth.internalOnly, deps.auth.requireService('matrix.register')],
        schema: {
          body: bodySchema,
          response: { 200: registeredSchema, 201: registeredSchema },
          tags: ['internal'],
          summary: 'Give a Dashboard user an address and a Matrix account',
        },
      },
      async (request, reply) => {
        const { dashboardUserId, auraId, displayName } = request.body;
        const registered = await deps.registration.register({
          registrationKey: `dashboard:${dashboardUserId}`,
          auraId,
          displayName: displayName ?? null,
          dashboardUserId,
          password: null,
        });
        const code = await deps.signIn.issueCode(registered.personId);
        return reply.code(registered.created ? 201 : 200).send({
          auraId: registered.auraId,
          matrixUserId: registered.userId,
          signInCode: code?.code ?? null,
          signInCodeExpiresAt: code?.expiresAt.toISOString() ?? null,
        });
      },
    );
  };
}
