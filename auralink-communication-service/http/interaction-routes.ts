/**
 * What the sign-in page asks and tells: who wants in, and the three ways (password, one-time code, a new name). Every
 * change needs the interaction's own cookie and comes from our own origin.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type Provider from 'oidc-provider';
import { errors, type InteractionResults } from 'oidc-provider';
import { z } from 'zod';
import {
  displayNameSchema,
  newPasswordSchema,
  PASSWORD_MAX_BYTES,
} from '../auralink-modules/auraid/model.ts';
import type { RegistrationService } from '../auralink-modules/auraid/registration.ts';
import { REFUSED_SIGN_IN_MS, type SignInService } from '../auralink-modules/auraid/sign-in.ts';
import { AuraError } from '../core/errors.ts';
import type { PersonId } from '../core/ids.ts';
import { refusedNoSooner } from '../core/no-sooner.ts';
import { isPlainText, NOT_PLAIN } from '../core/text.ts';
import { clientAddress } from './client-address.ts';

export interface InteractionDeps {
  readonly provider: Provider;
  readonly signIn: SignInService;
  readonly registration: RegistrationService;
  readonly ownOrigin: string;
}

export const interactionParams = z.object({ uid: z.string().regex(/^[A-Za-z0-9_-]{10,64}$/) });
export const redirectSchema = z.object({ redirectTo: z.string() });
const password = z
  .string()
  .min(1)
  .max(PASSWORD_MAX_BYTES * 4)
  .refine(isPlainText, NOT_PLAIN);
const loginSchema = z.strictObject({
  user: z.string().min(1).max(255).refine(isPlainText, NOT_PLAIN),
  password,
});
const codeSchema = z.strictObject({ code: z.string().min(1).max(128), newPassword: newPasswordSchema });
const registerSchema = z.strictObject({
  auraId: z.string().min(1).max(64),
  displayName: displayNameSchema.nullish(),
  password: newPasswordSchema,
  invitationCode: z.string().max(256),
});
const detailsSchema = z.object({
  prompt: z.literal('login'),
  app: z.object({ appId: z.string(), name: z.string(), icon: z.string() }),
  /** What the app suggests as the user, if anything. */
  loginHint: z.string().optional(),
});

type App = Parameters<FastifyPluginAsyncZod>[0];
const tags = ['sign-in'];

export function interactionRoutes(deps: InteractionDeps): FastifyPluginAsyncZod {
  return async (app) => {
    requireOwnOrigin(app, deps.ownOrigin);
    detailsRoute(app, deps);
    waysIn(app, deps);
    registerAndAbort(app, deps);
  };
}

/** No other site's page can act in an interaction, whatever cookies its visitor has. */
export function requireOwnOrigin(app: Pick<App, 'addHook'>, ownOrigin: string): void {
  app.addHook('onRequest', async (request) => {
    if (request.method !== 'POST' || request.headers.origin === ownOrigin) return;
    throw new AuraError('forbidden', 'Sign-in is only possible on our own page.', {
      reason: 'foreign_origin',
    });
  });
}

function detailsRoute(app: App, { provider }: InteractionDeps): void {
  app.get(
    '/oidc/interaction/:uid',
    {
      schema: {
        params: interactionParams,
        response: { 200: detailsSchema },
        tags,
        summary: 'Which app asks somebody to sign in',
      },
    },
    async (request, reply) => {
      // A browser that was sent here wants the page; the page itself asks for JSON.
      if (request.headers.accept?.includes('text/html')) {
        return reply.redirect(`/sign-in/${request.params.uid}`, 303);
      }
      const { params } = await findInteraction(provider, request, reply, request.params.uid);
      const appId = String(params.client_id);
      const client = await provider.Client.find(appId);
      const hint = params.login_hint;
      return {
        prompt: 'login' as const,
        app: { appId, name: client?.clientName ?? appId, icon: String(client?.auralink_icon ?? '') },
        ...(typeof hint === 'string' ? { loginHint: hint } : {}),
      };
    },
  );
}

function waysIn(app: App, { provider, signIn }: InteractionDeps): void {
  app.post(
    '/oidc/interaction/:uid/login',
    {
      schema: {
        params: interactionParams,
        body: loginSchema,
        response: { 200: redirectSchema },
        tags,
        summary: 'Sign in with a password',
      },
    },
    async (request, reply) => {
      await findInteraction(provider, request, reply, request.params.uid);
      const { user, password: secret } = request.body;
      const personId = await refusedNoSooner(
        REFUSED_SIGN_IN_MS,
        signIn.signIn(user, secret, clientAddress(request)),
      );
      return letIn(provider, request, reply, personId, 'pwd');
    },
  );

  app.post(
    '/oidc/interaction/:uid/code',
    {
      schema: {
        params: interactionParams,
        body: codeSchema,
        response: { 200: redirectSchema },
        tags,
        summary: 'Sign in once with a code, and choose a password',
      },
    },
    async (request, reply) => {
      await findInteraction(provider, request, reply, request.params.uid);
      const { code, newPassword } = request.body;
      const personId = await signIn.redeemCode(code, newPassword, clientAddress(request));
      return letIn(provider, request, reply, personId, 'otp');
    },
  );
}

function registerAndAbort(app: App, deps: InteractionDeps): void {
  const { provider } = deps;
  app.post(
    '/oidc/interaction/:uid/register',
    {
      schema: {
        params: interactionParams,
        body: registerSchema,
        response: { 200: redirectSchema },
        tags,
        summary: 'Claim a name with an invitation code, and sign in',
      },
    },
    async (request, reply) => {
      const { uid } = request.params;
      await findInteraction(provider, request, reply, uid);
      const personId = await registerPerson(deps, uid, request.body, clientAddress(request));
      return letIn(provider, request, reply, personId, 'pwd');
    },
  );

  app.post(
    '/oidc/interaction/:uid/abort',
    {
      schema: {
        params: interactionParams,
        response: { 200: redirectSchema },
        tags,
        summary: 'Give the sign-in up',
      },
    },
    async (request, reply) => {
      await findInteraction(provider, request, reply, request.params.uid);
      return finish(provider, request, reply, {
        error: 'access_denied',
        error_description: 'The sign-in was given up.',
      });
    },
  );
}

async function registerPerson(
  deps: InteractionDeps,
  uid: string,
  body: z.output<typeof registerSchema>,
  address: string,
): Promise<PersonId> {
  await deps.signIn.assertInvited(body.invitationCode, address);
  const registered = await deps.registration.register({
    registrationKey: `page:${uid}`,
    auraId: body.auraId,
    displayName: body.displayName ?? null,
    dashboardUserId: null,
    password: body.password,
  });
  if (registered.created) return registered.personId;
  // This page has registered already and did not hear of it: then the password must be the one that was set.
  return deps.signIn.signIn(registered.auraId, body.password, address);
}

/** Throws `not_found` (reason interaction_over) unless this browser holds the cookie of exactly this interaction. */
export async function findInteraction(
  provider: Provider,
  request: FastifyRequest,
  reply: FastifyReply,
  uid: string,
) {
  try {
    const interaction = await provider.interactionDetails(request.raw, reply.raw);
    if (interaction.uid === uid) return interaction;
  } catch (error) {
    if (!(error instanceof errors.SessionNotFound)) throw error;
  }
  throw new AuraError('not_found', 'This sign-in is over; go back to the app and start again.', {
    reason: 'interaction_over',
  });
}

export function letIn(
  provider: Provider,
  request: FastifyRequest,
  reply: FastifyReply,
  personId: PersonId,
  method: 'pwd' | 'otp',
): Promise<{ redirectTo: string }> {
  return finish(provider, request, reply, { login: { accountId: personId, remember: true, amr: [method] } });
}

async function finish(
  provider: Provider,
  request: FastifyRequest,
  reply: FastifyReply,
  result: InteractionResults,
): Promise<{ redirectTo: string }> {
  const redirectTo = await provider.interactionResult(request.raw, reply.raw, result, {
    mergeWithLastSubmission: false,
  });
  return { redirectTo };
}
