/** On the sign-in page: an address for a Matrix account that has none, by that account's own password. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type Provider from 'oidc-provider';
import { z } from 'zod';
import { displayNameSchema, PASSWORD_MAX_BYTES } from '../auralink-modules/auraid/model.ts';
import type { NamesService } from '../auralink-modules/auraid/names-service.ts';
import { isPlainText, NOT_PLAIN } from '../core/text.ts';
import { clientAddress } from './client-address.ts';
import {
  findInteraction,
  interactionParams,
  letIn,
  redirectSchema,
  requireOwnOrigin,
} from './interaction-routes.ts';
import { matrixUserIdSchema } from './names-routes.ts';

export interface InteractionClaimDeps {
  readonly provider: Provider;
  readonly names: Pick<NamesService, 'claimForAccount'>;
  readonly ownOrigin: string;
}

const claimSchema = z.strictObject({
  matrixUserId: matrixUserIdSchema,
  password: z
    .string()
    .min(1)
    .max(PASSWORD_MAX_BYTES * 4)
    .refine(isPlainText, NOT_PLAIN),
  auraId: z.string().min(1).max(64),
  displayName: displayNameSchema.nullish(),
});

export function interactionClaimRoutes(deps: InteractionClaimDeps): FastifyPluginAsyncZod {
  const { provider, names } = deps;
  return async (app) => {
    requireOwnOrigin(app, deps.ownOrigin);
    app.post(
      '/oidc/interaction/:uid/claim',
      {
        schema: {
          params: interactionParams,
          body: claimSchema,
          response: { 200: redirectSchema },
          tags: ['sign-in'],
          summary: 'Claim a name for a Matrix account that was there before, and sign in',
        },
      },
      async (request, reply) => {
        await findInteraction(provider, request, reply, request.params.uid);
        const { matrixUserId, password, auraId, displayName } = request.body;
        const address = clientAddress(request);
        const claimed = await names.claimForAccount(
          matrixUserId,
          password,
          auraId,
          displayName ?? null,
          address,
        );
        return letIn(provider, request, reply, claimed.personId, 'pwd');
      },
    );
  };
}
