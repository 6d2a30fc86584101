/** Names and what a signed-in endpoint asks about itself and others. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { nameCheckSchema } from '../auralink-modules/auraid/model.ts';
import type { EndpointRevoked, GrantStore } from '../auralink-modules/auraid/ports.ts';
import type { ProfileView } from '../auralink-modules/auraid/profile-view.ts';
import type { RegistrationService } from '../auralink-modules/auraid/registration.ts';
import type { SignInService } from '../auralink-modules/auraid/sign-in.ts';
import type { App } from '../auralink-modules/endpoints/model.ts';
import { SCOPES } from '../auralink-modules/endpoints/model.ts';
import { AuraError, signedOut } from '../core/errors.ts';
import type { AppId, AuraId, DeviceKey, PersonId } from '../core/ids.ts';
import { clientAddress } from './client-address.ts';
import { type EndpointAuth, endpointOf } from './endpoint-auth.ts';

export interface AuraIdRoutesDeps {
  readonly auth: EndpointAuth;
  readonly registration: RegistrationService;
  readonly signIn: SignInService;
  readonly grants: GrantStore;
  readonly findPersonById: (
    personId: PersonId,
  ) => Promise<{ auraId: AuraId; displayName: string | null } | null>;
  /** What she has told of herself, as she sees it. */
  readonly findOwnView: (personId: PersonId) => Promise<Pick<ProfileView, 'about' | 'pictureUrl'> | null>;
  readonly findApp: (appId: AppId) => Promise<App | null>;
  readonly listApps: () => Promise<App[]>;
  readonly setDeviceChoice: (personId: PersonId, deviceKey: DeviceKey, appId: AppId | null) => Promise<void>;
  readonly endpointRevoked: EndpointRevoked;
  /** The only app that speaks for the whole device. */
  readonly phoneAppId: AppId;
  readonly serverName: string;
  readonly issuer: string;
  readonly livekitUrl: string;
}

const appSchema = z.object({ appId: z.string(), name: z.string(), icon: z.string() });
const configSchema = z.object({
  serverName: z.string(),
  issuer: z.string(),
  livekitUrl: z.string(),
  registration: z.literal('invitation'),
  /** `url`: where the app is opened. */
  apps: z.array(appSchema.extend({ url: z.string() })),
});
const meSchema = z.object({
  auraId: z.string(),
  displayName: z.string().nullable(),
  about: z.string().nullable(),
  /** Path on our origin. */
  pictureUrl: z.string().nullable(),
  /** Whether this app may change names, privacy, sessions and personal data. */
  canManage: z.boolean(),
  app: appSchema,
  endpointId: z.uuid(),
  scopes: z.array(z.enum(SCOPES)),
});
const choiceSchema = z.strictObject({
  /** Null: back to the planner's own order. */
  appId: z
    .string()
    .regex(/^[a-z][a-z0-9-]{1,31}$/, 'must be an app id such as chat')
    .nullable(),
});
const nothing = z.void().describe('done');
const TAGS = ['identity'];

export function auraIdRoutes(deps: AuraIdRoutesDeps): FastifyPluginAsyncZod {
  return async (app) => {
    app.get(
      '/_auralink/v1/config',
      { schema: { response: { 200: configSchema }, tags: TAGS, summary: 'What a page needs to begin' } },
      async () => ({
        serverName: deps.serverName,
        issuer: deps.issuer,
        livekitUrl: deps.livekitUrl,
        registration: 'invitation' as const,
        apps: (await deps.listApps()).map((a) => ({ ...summaryOf(a), url: a.redirectUris[0] ?? '' })),
      }),
    );

    app.get(
      '/_auralink/v1/names/:name',
      {
        schema: {
          params: z.object({ name: z.string().min(1).max(128) }),
          response: { 200: nameCheckSchema },
          tags: TAGS,
          summary: 'Whether a name is free, as somebody types it',
        },
      },
      async (request) => {
        await deps.signIn.countNameCheck(clientAddress(request));
        return deps.registration.checkAvailability(request.params.name);
      },
    );

    endpointRoutes(app, deps);
  };
}

const endpointRoutes = (app: Parameters<FastifyPluginAsyncZod>[0], deps: AuraIdRoutesDeps): void => {
  app.get(
    '/_auralink/v1/me',
    {
      preHandler: deps.auth.requireEndpoint(),
      schema: { response: { 200: meSchema }, tags: TAGS, summary: 'Who and what this endpoint is' },
    },
    async (request) => {
      const session = endpointOf(request);
      const canManage = session.scopes.has('account.manage');
      // What she wrote about herself is for apps that may manage it; others show her name.
      const [person, own, view] = await Promise.all([
        deps.findPersonById(session.personId),
        deps.findApp(session.appId),
        canManage ? deps.findOwnView(session.personId) : null,
      ]);
      if (person === null || own === null) {
        throw signedOut();
      }
      return {
        auraId: person.auraId,
        displayName: person.displayName,
        about: view?.about ?? null,
        pictureUrl: view?.pictureUrl ?? null,
        canManage,
        app: summaryOf(own),
        endpointId: session.endpointId,
        scopes: [...session.scopes],
      };
    },
  );

  app.post(
    '/_auralink/v1/endpoint/revoke',
    {
      preHandler: deps.auth.requireEndpoint(),
      schema: { response: { 204: nothing }, tags: TAGS, summary: 'Sign this endpoint out' },
    },
    async (request, reply) => {
      const { endpointId } = endpointOf(request);
      await deps.grants.revokeEndpoint(endpointId);
      deps.endpointRevoked(endpointId);
      return reply.code(204).send();
    },
  );

  app.put(
    '/_auralink/v1/devices/current/app',
    {
      preHandler: deps.auth.requireEndpoint(),
      schema: {
        body: choiceSchema,
        response: { 204: nothing },
        tags: TAGS,
        summary: 'Choose which app rings on this device (the phone app only)',
      },
    },
    async (request, reply) => {
      const session = endpointOf(request);
      if (session.appId !== deps.phoneAppId) {
        throw new AuraError('forbidden', 'Only the phone chooses which app rings on a device.', {
          reason: 'phone_only',
        });
      }
      const chosen = request.body.appId as AppId | null;
      if (chosen !== null && (await deps.findApp(chosen)) === null) {
        throw new AuraError('not_found', 'There is no such app.', { field: 'appId' });
      }
      await deps.setDeviceChoice(session.personId, session.deviceKey, chosen);
      return reply.code(204).send();
    },
  );
};

function summaryOf(app: App): { appId: string; name: string; icon: string } {
  return { appId: app.appId, name: app.name, icon: app.icon };
}
