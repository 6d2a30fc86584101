/** A person's own names and Matrix accounts, for apps that may manage the account. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { MatrixAccountsService } from '../auralink-modules/auraid/matrix-accounts.ts';
import { PASSWORD_MAX_BYTES } from '../auralink-modules/auraid/model.ts';
import type { NamesService } from '../auralink-modules/auraid/names-service.ts';
import type { MatrixAccount } from '../auralink-modules/auraid/ports-names.ts';
import type { UserId } from '../core/ids.ts';
import { isPlainText, NOT_PLAIN } from '../core/text.ts';
import { clientAddress } from './client-address.ts';
import { type EndpointAuth, endpointOf } from './endpoint-auth.ts';

export interface NamesRoutesDeps {
  readonly auth: Pick<EndpointAuth, 'requireEndpoint'>;
  readonly names: NamesService;
  readonly accounts: MatrixAccountsService;
}

const password = z
  .string()
  .min(1)
  .max(PASSWORD_MAX_BYTES * 4)
  .refine(isPlainText, NOT_PLAIN);
/** Of a Matrix account at this server. */
export const matrixUserIdSchema = z
  .string()
  .max(255)
  .regex(/^@[^:\s]+:[^\s]+$/, 'must be a Matrix id such as @alice:example.org')
  .refine(isPlainText, NOT_PLAIN)
  .transform((text) => text as UserId);
const accountSchema = z.object({
  userId: z.string(),
  primary: z.boolean(),
  attachedBy: z.enum(['provisioned', 'sign_in', 'openid']),
  since: z.iso.datetime(),
});
const proofSchema = z
  .strictObject({
    matrixUserId: matrixUserIdSchema,
    password: password.optional(),
    openIdToken: z.string().min(1).max(512).refine(isPlainText, NOT_PLAIN).optional(),
    currentPassword: password,
  })
  .refine((proof) => (proof.password === undefined) !== (proof.openIdToken === undefined), {
    path: ['password'],
    message: 'either password or openIdToken is needed, not both',
  });
const holdSchema = z.object({
  auraId: z.string(),
  cause: z.enum(['renamed', 'released', 'erased']),
  resolvesUntil: z.iso.datetime(),
  heldUntil: z.iso.datetime(),
});
const nothing = z.void().describe('done');
const TAGS = ['account'];
type App = Parameters<FastifyPluginAsyncZod>[0];

export function namesRoutes(deps: NamesRoutesDeps): FastifyPluginAsyncZod {
  return async (app) => {
    nameRoutes(app, deps);
    accountRoutes(app, deps);
    changeAccountRoutes(app, deps);
  };
}

function nameRoutes(app: App, { auth, names, accounts }: NamesRoutesDeps): void {
  const preHandler = auth.requireEndpoint('account.manage');
  app.get(
    '/_auralink/v1/me/names',
    {
      preHandler,
      schema: {
        response: { 200: z.object({ current: z.string(), holds: z.array(holdSchema) }) },
        tags: TAGS,
        summary: 'Her name, and those of before that nobody else gets yet',
      },
    },
    async (request) => {
      const { current, holds } = await names.getNames(endpointOf(request).personId);
      const dated = holds.map((hold) => ({
        ...hold,
        resolvesUntil: hold.resolvesUntil.toISOString(),
        heldUntil: hold.heldUntil.toISOString(),
      }));
      return { current, holds: dated };
    },
  );

  app.put(
    '/_auralink/v1/me/name',
    {
      preHandler,
      schema: {
        body: z.strictObject({ auraId: z.string().min(1).max(64) }),
        response: { 200: z.object({ auraId: z.string(), aliasUntil: z.iso.datetime().nullable() }) },
        tags: TAGS,
        summary: 'Take another name; the old one goes on to ring her for a while',
      },
    },
    async (request) => {
      const { auraId, aliasUntil } = await names.rename(endpointOf(request).personId, request.body.auraId);
      return { auraId, aliasUntil: aliasUntil?.toISOString() ?? null };
    },
  );

  app.delete(
    '/_auralink/v1/me/name',
    {
      preHandler,
      schema: {
        body: z.strictObject({ currentPassword: password }),
        response: { 204: nothing },
        tags: TAGS,
        summary: 'Give the name back and sign out everywhere',
      },
    },
    async (request, reply) => {
      const { personId } = endpointOf(request);
      await accounts.proveHerself(personId, request.body.currentPassword, clientAddress(request));
      await names.release(personId);
      return reply.code(204).send();
    },
  );
}

function accountRoutes(app: App, { auth, accounts }: NamesRoutesDeps): void {
  const preHandler = auth.requireEndpoint('account.manage');
  app.get(
    '/_auralink/v1/me/matrix-accounts',
    {
      preHandler,
      schema: {
        response: { 200: z.object({ accounts: z.array(accountSchema) }) },
        tags: TAGS,
        summary: 'Her Matrix accounts',
      },
    },
    async (request) => ({ accounts: (await accounts.list(endpointOf(request).personId)).map(viewOf) }),
  );

  app.post(
    '/_auralink/v1/me/matrix-accounts',
    {
      preHandler,
      schema: {
        body: proofSchema,
        response: { 201: accountSchema },
        tags: TAGS,
        summary: 'Attach a Matrix account, proved by its password or by a Matrix OpenID token',
      },
    },
    async (request, reply) => {
      const { personId } = endpointOf(request);
      const { matrixUserId, currentPassword, password: own, openIdToken } = request.body;
      const address = clientAddress(request);
      await accounts.proveHerself(personId, currentPassword, address);
      const proof =
        own === undefined
          ? { matrixUserId, openIdToken: openIdToken ?? '' }
          : { matrixUserId, password: own };
      return reply.code(201).send(viewOf(await accounts.attach(personId, proof, address)));
    },
  );
}

function changeAccountRoutes(app: App, { auth, accounts }: NamesRoutesDeps): void {
  const preHandler = auth.requireEndpoint('account.manage');
  app.put(
    '/_auralink/v1/me/matrix-accounts/primary',
    {
      preHandler,
      schema: {
        body: z.strictObject({ matrixUserId: matrixUserIdSchema, password, currentPassword: password }),
        response: { 204: nothing },
        tags: TAGS,
        summary: 'Make another Matrix account the one that signs her in; its password is hers from then on',
      },
    },
    async (request, reply) => {
      const { personId } = endpointOf(request);
      const { matrixUserId, password: own, currentPassword } = request.body;
      const address = clientAddress(request);
      await accounts.proveHerself(personId, currentPassword, address);
      await accounts.makePrimary(personId, matrixUserId, own, address);
      return reply.code(204).send();
    },
  );

  app.delete(
    '/_auralink/v1/me/matrix-accounts/:userId',
    {
      preHandler,
      schema: {
        params: z.object({ userId: matrixUserIdSchema }),
        body: z.strictObject({ currentPassword: password }),
        response: { 204: nothing },
        tags: TAGS,
        summary: 'Detach a Matrix account; it stays at the homeserver',
      },
    },
    async (request, reply) => {
      const { personId } = endpointOf(request);
      await accounts.proveHerself(personId, request.body.currentPassword, clientAddress(request));
      await accounts.detach(personId, request.params.userId);
      return reply.code(204).send();
    },
  );
}

function viewOf({ userId, primary, attachedBy, since }: MatrixAccount) {
  return { userId, primary, attachedBy, since: since.toISOString() };
}
