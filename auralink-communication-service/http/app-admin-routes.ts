/**
 * Apps and their keys, under two roofs: `/internal/apps` for the Dashboard, with terms and owners, and
 * `/_auralink/v1/me/own-apps` for the person who owns them.
 */
import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { AppActor, Apps } from '../auralink-modules/dashboard/apps.ts';
import {
  APPS_PAGE_MAX,
  type AppTerms,
  appDataSchema,
  appIdSchema,
  appTermsSchema,
  appViewSchema,
  KEY_GRACE_MAX_SECONDS,
  KEY_GRACE_SECONDS,
  keyNameSchema,
  keyViewSchema,
  newKeySchema,
} from '../auralink-modules/dashboard/apps-model.ts';
import { type EndpointAuth, endpointOf } from './endpoint-auth.ts';
import { type InternalAuth, type ServiceActor, serviceActor } from './internal-auth.ts';

export type AppManager = ServiceActor | `person:${string}`;

export interface AppAdminDeps {
  readonly internal: InternalAuth;
  readonly auth: Pick<EndpointAuth, 'requireEndpoint'>;
  readonly apps: Apps<AppManager>;
}

/** What differs between the two roofs. */
interface Roof {
  readonly root: string;
  readonly tags: string[];
  /** `write`: something changes. */
  hooks(write: boolean): {
    readonly onRequest?: ((request: FastifyRequest) => Promise<void>)[];
    readonly preHandler?: (request: FastifyRequest) => Promise<void>;
  };
  by(request: FastifyRequest): AppActor<AppManager>;
  readonly scopes: string;
}

const appParams = z.object({ appId: appIdSchema });
const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(APPS_PAGE_MAX).default(APPS_PAGE_MAX),
  /** `next` of the page before. */
  after: appIdSchema.optional(),
});
const pageSchema = z.object({
  apps: z.array(appViewSchema),
  /** `after` of the next page; null after the last. */
  next: z.string().nullable(),
});
const keyParams = appParams.extend({ keyId: z.uuid() });
const nothing = z.void().describe('done');
const graceBody = z.strictObject({
  graceSeconds: z.int().min(0).max(KEY_GRACE_MAX_SECONDS).default(KEY_GRACE_SECONDS),
});
type App = Parameters<FastifyPluginAsyncZod>[0];

export function appAdminRoutes(deps: AppAdminDeps): FastifyPluginAsyncZod {
  const { internal, auth } = deps;
  const service: Roof = {
    root: '/internal/apps',
    tags: ['internal'],
    scopes: '; scope apps.read or apps.manage',
    hooks: (write) => ({
      onRequest: [
        internal.internalOnly,
        internal.requireService(write ? 'apps.manage' : 'apps.read', { once: write }),
      ],
    }),
    by: (request) => ({ actor: serviceActor(request), owner: null }),
  };
  const owner: Roof = {
    root: '/_auralink/v1/me/own-apps',
    tags: ['apps'],
    scopes: '',
    hooks: () => ({ preHandler: auth.requireEndpoint('account.manage') }),
    by: (request) => {
      const { personId } = endpointOf(request);
      return { actor: `person:${personId}`, owner: personId };
    },
  };
  return async (app) => {
    for (const roof of [service, owner]) {
      readRoutes(app, deps, roof);
      deleteRoute(app, deps, roof);
      keyRoutes(app, deps, roof);
    }
    putByService(app, deps, service);
    putByOwner(app, deps, owner);
    switchByOwner(app, deps, owner);
  };
}

function readRoutes(app: App, { apps }: AppAdminDeps, roof: Roof): void {
  const { root, tags, scopes } = roof;
  app.get(
    root,
    {
      ...roof.hooks(false),
      schema: {
        querystring: pageQuery,
        response: { 200: pageSchema },
        tags,
        summary: `Apps with quotas and use${scopes}`,
      },
    },
    (request) => {
      const { after, limit } = request.query;
      return apps.list(roof.by(request).owner, after ?? null, limit);
    },
  );
  app.get(
    `${root}/:appId`,
    {
      ...roof.hooks(false),
      schema: { params: appParams, response: { 200: appViewSchema }, tags, summary: `An app${scopes}` },
    },
    (request) => apps.get(roof.by(request), request.params.appId),
  );
  app.get(
    `${root}/:appId/keys`,
    {
      ...roof.hooks(false),
      schema: {
        params: appParams,
        response: { 200: z.object({ keys: z.array(keyViewSchema) }) },
        tags,
        summary: `Its keys that are good, without what they are${scopes}`,
      },
    },
    async (request) => ({ keys: await apps.listKeys(roof.by(request), request.params.appId) }),
  );
}

function deleteRoute(app: App, { apps }: AppAdminDeps, roof: Roof): void {
  app.delete(
    `${roof.root}/:appId`,
    {
      ...roof.hooks(true),
      schema: {
        params: appParams,
        response: { 204: nothing },
        tags: roof.tags,
        summary: `Delete an app with its keys, and sign its users out of it${roof.scopes}`,
      },
    },
    async (request, reply) => {
      await apps.delete(roof.by(request), request.params.appId);
      return reply.code(204).send();
    },
  );
}

function keyRoutes(app: App, { apps }: AppAdminDeps, roof: Roof): void {
  const { root, tags, scopes } = roof;
  const hooks = roof.hooks(true);
  app.post(
    `${root}/:appId/keys`,
    {
      ...hooks,
      schema: {
        params: appParams,
        body: z.strictObject({ name: keyNameSchema }),
        response: { 201: newKeySchema },
        tags,
        summary: `Issue a key; it is shown here and never again${scopes}`,
      },
    },
    async (request, reply) => {
      const { appId } = request.params;
      return reply.code(201).send(await apps.issueKey(roof.by(request), appId, request.body.name));
    },
  );
  app.post(
    `${root}/:appId/keys/:keyId/rotate`,
    {
      ...hooks,
      schema: {
        params: keyParams,
        body: graceBody,
        response: { 201: newKeySchema },
        tags,
        summary: `A successor for a key, which ends after a while${scopes}`,
      },
    },
    async (request, reply) => {
      const { appId, keyId } = request.params;
      const key = await apps.rotateKey(roof.by(request), appId, keyId, request.body.graceSeconds);
      return reply.code(201).send(key);
    },
  );
  app.delete(
    `${root}/:appId/keys/:keyId`,
    {
      ...hooks,
      schema: { params: keyParams, response: { 204: nothing }, tags, summary: `End a key at once${scopes}` },
    },
    async (request, reply) => {
      await apps.revokeKey(roof.by(request), request.params.appId, request.params.keyId);
      return reply.code(204).send();
    },
  );
}

const putResponse = { 200: appViewSchema, 201: appViewSchema };

function putByService(app: App, { apps }: AppAdminDeps, roof: Roof): void {
  const body = z.strictObject({ app: appDataSchema, terms: appTermsSchema.default({}) });
  app.put(
    `${roof.root}/:appId`,
    {
      ...roof.hooks(true),
      schema: {
        params: appParams,
        body,
        response: putResponse,
        tags: roof.tags,
        summary: `Make an app or bring it up to date${roof.scopes}`,
      },
    },
    async (request, reply) => {
      const { created } = await apps.put(
        roof.by(request),
        request.params.appId,
        request.body.app,
        request.body.terms,
      );
      return reply.code(created ? 201 : 200).send(await apps.get(roof.by(request), request.params.appId));
    },
  );
}

function putByOwner(app: App, { apps }: AppAdminDeps, roof: Roof): void {
  // Quotas and owners are the operator's to say.
  const terms: AppTerms = {};
  app.put(
    `${roof.root}/:appId`,
    {
      ...roof.hooks(true),
      schema: {
        params: appParams,
        body: appDataSchema,
        response: putResponse,
        tags: roof.tags,
        summary: 'Make an app of hers or bring it up to date',
      },
    },
    async (request, reply) => {
      const { created } = await apps.put(roof.by(request), request.params.appId, request.body, terms);
      return reply.code(created ? 201 : 200).send(await apps.get(roof.by(request), request.params.appId));
    },
  );
}

function switchByOwner(app: App, { apps }: AppAdminDeps, roof: Roof): void {
  for (const [verb, isOn] of [
    ['enable', true],
    ['disable', false],
  ] as const) {
    app.post(
      `${roof.root}/:appId/${verb}`,
      {
        ...roof.hooks(true),
        schema: {
          params: appParams,
          response: { 200: appViewSchema },
          tags: roof.tags,
          summary: isOn
            ? 'Switch an app of hers on again'
            : 'Switch an app of hers off: its users are signed out of it, its keys open nothing',
        },
      },
      (request) => apps.setOn(roof.by(request), request.params.appId, isOn),
    );
  }
}
