/** Invite codes: made, listed and taken back by who invites; redeemed by who was invited. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  INVITE_HOURS_MAX,
  INVITE_LABEL_MAX_LENGTH,
  INVITE_USES_MAX,
  type InviteService,
} from '../auralink-modules/auraid/invites.ts';
import { profileViewSchema } from '../auralink-modules/auraid/profile-view.ts';
import type { InviteId } from '../core/ids.ts';
import { lineSchema, nothing } from './contact-schemas.ts';
import { type EndpointAuth, endpointOf } from './endpoint-auth.ts';

const TAGS = ['contacts'];
const at = z.iso.datetime();
const inviteSchema = z.object({
  inviteId: z.uuid(),
  label: z.string().nullable(),
  labelUnreadable: z.literal(true).optional(),
  usesMax: z.int(),
  uses: z.int(),
  createdAt: at,
  expiresAt: at,
  revokedAt: at.nullable(),
});
const newInviteSchema = z.strictObject({
  usesMax: z.int().min(1).max(INVITE_USES_MAX),
  expiresInHours: z.int().min(1).max(INVITE_HOURS_MAX),
  label: lineSchema(INVITE_LABEL_MAX_LENGTH).nullish(),
});

export function invitesRoutes(deps: {
  readonly auth: Pick<EndpointAuth, 'requireEndpoint'>;
  readonly invites: InviteService;
}): FastifyPluginAsyncZod {
  const { invites } = deps;
  const manage = deps.auth.requireEndpoint('account.manage');
  return async (app) => {
    app.get(
      '/_auralink/v1/invites',
      {
        preHandler: manage,
        schema: {
          response: { 200: z.object({ invites: z.array(inviteSchema) }) },
          tags: TAGS,
          summary: 'Her invite codes, without the codes',
        },
      },
      async (request) => ({ invites: await invites.list(endpointOf(request).personId) }),
    );
    app.post(
      '/_auralink/v1/invites',
      {
        preHandler: manage,
        schema: {
          body: newInviteSchema,
          response: { 201: z.object({ inviteId: z.uuid(), code: z.string(), url: z.string() }) },
          tags: TAGS,
          summary: 'Make an invite code; it is shown this once',
        },
      },
      async (request, reply) => {
        const { usesMax, expiresInHours, label } = request.body;
        const made = await invites.make(endpointOf(request).personId, {
          usesMax,
          expiresInHours,
          label: label ?? null,
        });
        return reply.code(201).send(made);
      },
    );
    app.delete(
      '/_auralink/v1/invites/:inviteId',
      {
        preHandler: manage,
        schema: {
          params: z.object({ inviteId: z.uuid().transform((id) => id as InviteId) }),
          response: { 204: nothing },
          tags: TAGS,
          summary: 'Take an invite code back',
        },
      },
      async (request, reply) => {
        await invites.revoke(endpointOf(request).personId, request.params.inviteId);
        return reply.code(204).send();
      },
    );
    app.post(
      '/_auralink/v1/invites/redeem',
      {
        preHandler: deps.auth.requireEndpoint('contacts.write'),
        schema: {
          body: z.strictObject({ code: z.string().min(1).max(64) }),
          response: { 200: profileViewSchema },
          tags: TAGS,
          summary: 'Become friends with who invited',
        },
      },
      (request) => invites.redeem(endpointOf(request).personId, request.body.code),
    );
  };
}
