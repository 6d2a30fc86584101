/** On the sign-in page: a new password by a code to an address that she proved. Nothing tells who exists or what is known. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type Provider from 'oidc-provider';
import { z } from 'zod';
import { newPasswordSchema } from '../auralink-modules/auraid/model.ts';
import type { ForgottenService } from '../auralink-modules/verification/forgotten-password.ts';
import { ADDRESS_MAX_LENGTH } from '../auralink-modules/verification/model.ts';
import type { ChallengeId } from '../core/ids.ts';
import { noSooner } from '../core/no-sooner.ts';
import { isPlainText, NOT_PLAIN } from '../core/text.ts';
import { clientAddress } from './client-address.ts';
import {
  findInteraction,
  interactionParams,
  letIn,
  redirectSchema,
  requireOwnOrigin,
} from './interaction-routes.ts';
import { codeSchema } from './verification-routes.ts';

/** Answers come no sooner than so long after their questions: who is known costs more, and nobody shall see it. */
export const FORGOTTEN_ANSWER_MS = 200;

export interface ForgottenRoutesDeps {
  readonly provider: Provider;
  readonly forgotten: ForgottenService;
  readonly ownOrigin: string;
}

const askSchema = z.strictObject({
  user: z.string().trim().min(1).max(255).refine(isPlainText, NOT_PLAIN),
  /** An e-mail address or a number. */
  address: z.string().min(1).max(ADDRESS_MAX_LENGTH).refine(isPlainText, NOT_PLAIN),
});
const askedSchema = z.object({ resetId: z.uuid(), expiresAt: z.iso.datetime() });
const resetSchema = z.strictObject({
  resetId: z.uuid().transform((id) => id as ChallengeId),
  code: codeSchema,
  newPassword: newPasswordSchema,
});
const tags = ['sign-in'];

export function forgottenRoutes({
  provider,
  forgotten,
  ownOrigin,
}: ForgottenRoutesDeps): FastifyPluginAsyncZod {
  return async (app) => {
    requireOwnOrigin(app, ownOrigin);
    app.post(
      '/oidc/interaction/:uid/forgotten',
      {
        schema: {
          params: interactionParams,
          body: askSchema,
          response: { 202: askedSchema },
          tags,
          summary:
            'Send a code for a new password, if this address is a proved one of hers; the answer is always the same',
        },
      },
      async (request, reply) => {
        await findInteraction(provider, request, reply, request.params.uid);
        const { user, address } = request.body;
        const { resetId, expiresAt } = await noSooner(
          FORGOTTEN_ANSWER_MS,
          forgotten.ask(user, address, clientAddress(request)),
        );
        return reply.code(202).send({ resetId, expiresAt: expiresAt.toISOString() });
      },
    );
    app.post(
      '/oidc/interaction/:uid/reset',
      {
        schema: {
          params: interactionParams,
          body: resetSchema,
          response: { 200: redirectSchema },
          tags,
          summary: 'Set a new password with that code, end all sessions, and sign in',
        },
      },
      async (request, reply) => {
        await findInteraction(provider, request, reply, request.params.uid);
        const { resetId, code, newPassword } = request.body;
        const address = clientAddress(request);
        const personId = await noSooner(
          FORGOTTEN_ANSWER_MS,
          forgotten.reset(resetId, code, newPassword, address),
        );
        return letIn(provider, request, reply, personId, 'otp');
      },
    );
  };
}
