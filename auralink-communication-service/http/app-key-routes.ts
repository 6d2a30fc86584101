/**
 * What an app's own server asks with one of its keys: how the app stands, and whose token its page was given (RFC 7662,
 * for tokens of this app alone).
 */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { hashKey, view } from '../auralink-modules/dashboard/apps.ts';
import { appViewSchema, KEY_PREFIX, type OwnedApp } from '../auralink-modules/dashboard/apps-model.ts';
import type { AppAdminStore } from '../auralink-modules/dashboard/ports-apps.ts';
import type { Quotas } from '../auralink-modules/dashboard/quotas.ts';
import type { AuthenticateEndpoint } from '../auralink-modules/endpoints/ports.ts';
import { AuraError } from '../core/errors.ts';
import type { PersonId } from '../core/ids.ts';
import { bearerToken } from './endpoint-auth.ts';

export interface AppKeyDeps {
  readonly store: Pick<AppAdminStore, 'findByKey' | 'findUse'>;
  readonly quotas: Pick<Quotas, 'request'>;
  readonly authenticate: AuthenticateEndpoint;
  readonly findAuraId: (personId: PersonId) => Promise<string | null>;
}

const introspectedSchema = z.discriminatedUnion('active', [
  z.object({ active: z.literal(false) }),
  z.object({
    active: z.literal(true),
    auraId: z.string(),
    client_id: z.string(),
    scope: z.string(),
  }),
]);
const tags = ['apps'];

export function appKeyRoutes(deps: AppKeyDeps): FastifyPluginAsyncZod {
  const appOf = async (token: string): Promise<OwnedApp> => {
    const app = token.startsWith(KEY_PREFIX) ? await deps.store.findByKey(hashKey(token)) : null;
    if (app === null) {
      throw new AuraError('unauthenticated', 'This is no key of an app, or it has ended.', {
        reason: 'invalid_key',
      });
    }
    await deps.quotas.request(app.appId, app.requestsPerMinute);
    return app;
  };
  return async (app) => {
    app.get(
      '/_auralink/v1/app',
      {
        schema: {
          response: { 200: appViewSchema },
          tags,
          summary: 'The app whose key this is, with its use',
        },
      },
      async (request) => {
        const found = await appOf(bearerToken(request));
        return view(found, (await deps.store.findUse([found.appId])).get(found.appId));
      },
    );
    app.post(
      '/_auralink/v1/app/introspect',
      {
        schema: {
          body: z.strictObject({ token: z.string().min(1).max(4_096) }),
          response: { 200: introspectedSchema },
          tags,
          summary: 'Whose endpoint token this is, if it is one of this app',
        },
      },
      async (request) => {
        const { appId } = await appOf(bearerToken(request));
        const session = await deps.authenticate(request.body.token).catch((error: unknown) => {
          if (error instanceof AuraError && error.code === 'unauthenticated') return null;
          throw error;
        });
        const auraId =
          session === null || session.appId !== appId ? null : await deps.findAuraId(session.personId);
        if (session === null || auraId === null) return { active: false as const };
        return { active: true as const, auraId, client_id: appId, scope: [...session.scopes].join(' ') };
      },
    );
  };
}
