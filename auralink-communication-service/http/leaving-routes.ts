/** Taking all data along, seeing what was done, and being erased; for apps that may manage the account. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { erasureTerms } from '../auralink-modules/auraid/erasure.ts';
import { asPage, type Exported } from '../auralink-modules/auraid/export.ts';
import type { ProveHerself } from '../auralink-modules/auraid/matrix-accounts.ts';
import { PASSWORD_MAX_BYTES } from '../auralink-modules/auraid/model.ts';
import type { PersonId } from '../core/ids.ts';
import { isPlainText, NOT_PLAIN } from '../core/text.ts';
import { clientAddress } from './client-address.ts';
import { nothing } from './contact-schemas.ts';
import { type EndpointAuth, endpointOf } from './endpoint-auth.ts';

export interface LeavingRoutesDeps {
  readonly auth: Pick<EndpointAuth, 'requireEndpoint'>;
  readonly proveHerself: ProveHerself;
  readonly findAuraId: (personId: PersonId) => Promise<string>;
  readonly exportAll: (personId: PersonId) => Promise<Exported>;
  readonly listActs: (
    personId: PersonId,
  ) => Promise<readonly { readonly at: Date; readonly act: string; readonly actor: string }[]>;
  readonly erase: (personId: PersonId, confirmation: string) => Promise<void>;
}

const TAGS = ['account'];
const termsSchema = z.object({
  confirmation: z.string(),
  goes: z.array(z.string()),
  stays: z.array(z.object({ what: z.string(), why: z.string(), until: z.string() })),
});
const eraseSchema = z.strictObject({
  /** Her address, as the terms say. */
  confirmation: z.string().min(1).max(64),
  currentPassword: z
    .string()
    .min(1)
    .max(PASSWORD_MAX_BYTES * 4)
    .refine(isPlainText, NOT_PLAIN),
});
const actsSchema = z.object({
  entries: z.array(z.object({ at: z.iso.datetime(), act: z.string(), actor: z.string() })),
});
type App = Parameters<FastifyPluginAsyncZod>[0];

export function leavingRoutes(deps: LeavingRoutesDeps): FastifyPluginAsyncZod {
  return async (app) => {
    exportRoutes(app, deps);
    erasureRoutes(app, deps);
  };
}

function exportRoutes(app: App, { auth, exportAll, listActs }: LeavingRoutesDeps): void {
  const preHandler = auth.requireEndpoint('account.manage');
  app.get(
    '/_auralink/v1/account/export',
    {
      preHandler,
      schema: {
        response: { 200: z.record(z.string(), z.unknown()) },
        tags: TAGS,
        summary: 'Everything about her, for programs',
      },
    },
    async (request, reply) =>
      reply.header('cache-control', 'no-store').send(await exportAll(endpointOf(request).personId)),
  );
  app.get(
    '/_auralink/v1/account/export.html',
    {
      preHandler,
      schema: {
        response: { 200: z.string() },
        tags: TAGS,
        summary: 'Everything about her, as a page to read',
      },
    },
    async (request, reply) =>
      reply
        .header('cache-control', 'no-store')
        .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; img-src data:")
        .header('x-content-type-options', 'nosniff')
        .type('text/html; charset=utf-8')
        .send(asPage(await exportAll(endpointOf(request).personId))),
  );
  app.get(
    '/_auralink/v1/account/audit',
    {
      preHandler,
      schema: {
        response: { 200: actsSchema },
        tags: TAGS,
        summary: 'What was done to her identity, newest first',
      },
    },
    async (request) => {
      const acts = await listActs(endpointOf(request).personId);
      return { entries: acts.map(({ at, act, actor }) => ({ at: at.toISOString(), act, actor })) };
    },
  );
}

function erasureRoutes(app: App, { auth, proveHerself, findAuraId, erase }: LeavingRoutesDeps): void {
  const preHandler = auth.requireEndpoint('account.manage');
  app.get(
    '/_auralink/v1/account/erasure',
    {
      preHandler,
      schema: {
        response: { 200: termsSchema },
        tags: TAGS,
        summary: 'What an erasure takes, and what stays and why',
      },
    },
    async (request) => {
      const { confirmation, goes, stays } = erasureTerms(await findAuraId(endpointOf(request).personId));
      return { confirmation, goes: [...goes], stays: [...stays] };
    },
  );
  app.post(
    '/_auralink/v1/account/erasure',
    {
      preHandler,
      schema: { body: eraseSchema, response: { 204: nothing }, tags: TAGS, summary: 'Erase her, for good' },
    },
    async (request, reply) => {
      const { personId } = endpointOf(request);
      const { confirmation, currentPassword } = request.body;
      await proveHerself(personId, currentPassword, clientAddress(request));
      await erase(personId, confirmation);
      return reply.code(204).send();
    },
  );
}
