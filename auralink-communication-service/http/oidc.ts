/**
 * "Sign in with AuraLink": the OpenID Connect provider, mounted under /oidc. Apps are public clients with PKCE and get
 * endpoint tokens; Synapse is a confidential client and gets the localpart of the person's account as `sub`. Nobody is
 * asked for consent: every client is the operator's own. The page behind `/sign-in` speaks to http/interaction-routes.ts.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyPluginAsync } from 'fastify';
import type { JWKS } from 'oidc-provider';
import Provider, {
  type Adapter,
  type AdapterPayload,
  type Configuration,
  errors,
  interactionPolicy,
} from 'oidc-provider';
import type { GrantStore } from '../auralink-modules/auraid/ports.ts';
import type { App } from '../auralink-modules/endpoints/model.ts';
import { AuraError } from '../core/errors.ts';
import type { PersonId } from '../core/ids.ts';
import type { Log } from '../core/log.ts';
import type { DeviceCookie } from './device-cookie.ts';
import { API_AUDIENCE } from './endpoint-auth.ts';
import type { InNetworks } from './networks.ts';
import { createGrantLoader } from './oidc-grants.ts';
import { errorPage, logoutPage, signedOutPage } from './oidc-pages.ts';

export const SYNAPSE_CLIENT_ID = 'synapse';
/** Life of an endpoint token; a sign-out voids it at once all the same. */
export const ACCESS_TOKEN_TTL_SECONDS = 600;
/** How long an app may stay away and still be signed in; each refresh begins it anew. */
export const REFRESH_TOKEN_TTL_SECONDS = 60 * 86_400;
/** Time for an app to redeem its code (RFC 6749 advises ten minutes at most). */
export const AUTHORIZATION_CODE_TTL_SECONDS = 60;
/** Time for a person to fill in the sign-in page. */
export const INTERACTION_TTL_SECONDS = 3_600;
/** How long our origin remembers who signed in on a browser. */
export const SESSION_TTL_SECONDS = 14 * 86_400;
/** Renewed at every sign-in; when it lapses, the refresh tokens under it do as well. */
export const GRANT_TTL_SECONDS = 400 * 86_400;
const MOUNT = '/oidc';

export interface OidcDeps {
  readonly issuer: string;
  /** Private ES256 keys, newest first. */
  readonly signingKeys: JWKS;
  readonly cookieKeys: readonly string[];
  readonly adapter: (model: string) => Adapter;
  readonly grants: GrantStore;
  readonly deviceCookie: DeviceCookie;
  readonly findPerson: (personId: PersonId) => Promise<{ auraId: string; displayName: string | null } | null>;
  readonly findLocalpart: (personId: PersonId) => Promise<string | null>;
  /** Peers whose X-Forwarded-* are believed. */
  readonly isTrustedProxy: InNetworks;
  readonly isAppOrigin: (origin: string) => Promise<boolean>;
  /** Where Synapse learns that a person signed out. */
  readonly synapseLogoutUrl: string;
  readonly log: Log;
}

/** The client metadata of an app. */
export function appClient(app: App): AdapterPayload {
  return {
    client_id: app.appId,
    client_name: app.name,
    application_type: 'web',
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    redirect_uris: [...app.redirectUris],
    post_logout_redirect_uris: [...app.redirectUris],
    auralink_origins: [...app.origins],
    auralink_scopes: [...app.scopes],
    auralink_icon: app.icon,
  } as AdapterPayload;
}

/** The client metadata of the homeserver. `publicUrl`: where browsers reach it. */
export function synapseClient(publicUrl: string, secret: string, logoutUrl: string): AdapterPayload {
  return {
    client_id: SYNAPSE_CLIENT_ID,
    client_name: 'Matrix',
    client_secret: secret,
    token_endpoint_auth_method: 'client_secret_basic',
    grant_types: ['authorization_code'],
    response_types: ['code'],
    // `sub` becomes the localpart: see pairwiseIdentifier.
    subject_type: 'pairwise',
    redirect_uris: [`${publicUrl}/_synapse/client/oidc/callback`],
    backchannel_logout_uri: logoutUrl,
    backchannel_logout_session_required: true,
  } as AdapterPayload;
}

export function createOidcProvider(deps: OidcDeps): Provider {
  const provider = new Provider(deps.issuer, configuration(deps));
  provider.proxy = deps.issuer.startsWith('https:');
  provider.on('server_error', (ctx, error: Error) => {
    // A parameter that cannot be stored; who sent it is told, nobody else need know.
    if (error instanceof AuraError && error.code === 'invalid') {
      ctx.status = 400;
      return;
    }
    if (error instanceof AuraError && error.code === 'unavailable') {
      ctx.status = 503;
      ctx.set('retry-after', String(error.details.retryAfterSeconds ?? 1));
      deps.log.warn({ err: error, path: ctx.path }, 'sign-in waits for a part that is away');
      return;
    }
    deps.log.error({ err: error, path: ctx.path }, 'sign-in failed through a fault of ours');
  });
  provider.on('backchannel.error', (_ctx, error, client) => {
    deps.log.warn({ err: error, client: client.clientId }, 'a client could not be told of a sign-out');
  });
  // An endpoint outlives the session's time, but not a sign-out of the session: that signs out the device's apps.
  provider.on('authorization.success', (ctx) => {
    const { session, client } = ctx.oidc;
    const authorization = client && session?.authorizationFor(client.clientId);
    if (authorization) authorization.persistsLogout = false;
  });
  return provider;
}

function configuration(deps: OidcDeps): Configuration {
  return {
    adapter: deps.adapter,
    jwks: deps.signingKeys,
    ...clientRules(),
    ...tokenRules(deps),
    ...sessionRules(deps),
    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: false },
      revocation: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { enabled: true, logoutSource: logoutPage, postLogoutSuccessSource: signedOutPage },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_ctx, client) => (client.clientId === SYNAPSE_CLIENT_ID ? [] : API_AUDIENCE),
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, resource, client) => {
          if (resource !== API_AUDIENCE || client.clientId === SYNAPSE_CLIENT_ID)
            throw new errors.InvalidTarget();
          return {
            scope: (client.auralink_scopes as string[]).join(' '),
            audience: API_AUDIENCE,
            accessTokenTTL: ACCESS_TOKEN_TTL_SECONDS,
            accessTokenFormat: 'jwt',
            jwt: { sign: { alg: 'ES256' } },
          };
        },
      },
    },
    // The only request that the provider makes by itself; our homeserver is on loopback, which it would refuse.
    fetch: async (url, options) => {
      if (url.toString() !== deps.synapseLogoutUrl) throw new Error(`the provider has no business at ${url}`);
      // Not its dispatcher, which refuses loopback.
      const { dispatcher: _refuses, ...request } = { dispatcher: undefined, ...options };
      return fetch(url, request);
    },
  };
}

function clientRules(): Configuration {
  return {
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    extraClientMetadata: { properties: ['auralink_origins', 'auralink_scopes', 'auralink_icon'] },
    clientBasedCORS: (_ctx, origin, client) =>
      ((client.auralink_origins as string[] | undefined) ?? []).includes(origin),
    pkce: { required: () => true },
    responseTypes: ['code'],
    scopes: ['openid', 'offline_access'],
    claims: { openid: ['sub'], profile: ['name', 'preferred_username'] },
  };
}

function tokenRules(deps: OidcDeps): Configuration {
  return {
    subjectTypes: ['public', 'pairwise'],
    pairwiseIdentifier: async (_ctx, accountId) => {
      const localpart = await deps.findLocalpart(accountId as PersonId);
      if (localpart === null) throw new errors.InvalidGrant('this person has no Matrix account');
      return localpart;
    },
    ttl: {
      AccessToken: ACCESS_TOKEN_TTL_SECONDS,
      AuthorizationCode: AUTHORIZATION_CODE_TTL_SECONDS,
      Grant: GRANT_TTL_SECONDS,
      IdToken: ACCESS_TOKEN_TTL_SECONDS,
      Interaction: INTERACTION_TTL_SECONDS,
      RefreshToken: REFRESH_TOKEN_TTL_SECONDS,
      Session: SESSION_TTL_SECONDS,
    },
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    // An endpoint rings until it is signed out, however long ago the browser's session ended.
    expiresWithSession: () => false,
    extraTokenClaims: async (_ctx, token) => {
      if (!('grantId' in token) || token.aud !== API_AUDIENCE) return undefined;
      const endpointId = await deps.grants.findEndpointByGrant(String(token.grantId));
      if (endpointId === null) throw new errors.InvalidGrant('this endpoint has been signed out');
      return { endpoint_id: endpointId };
    },
  };
}

function sessionRules(deps: OidcDeps): Configuration {
  const secure = deps.issuer.startsWith('https:');
  const cookie = { signed: true, httpOnly: true, sameSite: 'lax', secure, overwrite: true } as const;
  const policy = interactionPolicy.base();
  policy.remove('consent');
  return {
    cookies: {
      keys: [...deps.cookieKeys],
      names: { session: 'auralink_session', interaction: 'auralink_interaction', resume: 'auralink_resume' },
      long: { ...cookie, path: MOUNT },
      short: cookie,
    },
    findAccount: async (_ctx, id) => {
      const person = await deps.findPerson(id as PersonId);
      if (person === null) return undefined;
      const claims = {
        sub: id,
        name: person.displayName ?? person.auraId,
        preferred_username: person.auraId,
      };
      return { accountId: id, claims: async () => claims };
    },
    loadExistingGrant: createGrantLoader(deps.grants, deps.deviceCookie),
    interactions: {
      policy,
      // The interaction's cookie gets this path: several sign-ins in several tabs do not disturb each other.
      url: (_ctx, interaction) => `${MOUNT}/interaction/${interaction.uid}`,
    },
    renderError: errorPage,
  };
}

/** Serves the provider under /oidc. Takes raw requests: neither Fastify's parsers nor its answers are used. */
export function oidcPlugin(deps: OidcDeps, provider: Provider): FastifyPluginAsync {
  const callback = provider.callback();
  return async (app) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (_request, _payload, done) => done(null));

    app.options(`${MOUNT}/*`, { schema: { hide: true } }, async (request, reply) => {
      // The provider's own preflight answers yes to any origin; only registered apps get one from us.
      const { origin } = request.headers;
      if (origin === undefined || !(await deps.isAppOrigin(origin))) return reply.code(404).send();
      return reply
        .headers({
          vary: 'Origin',
          'access-control-allow-origin': origin,
          'access-control-allow-methods': 'GET, POST',
          'access-control-allow-headers': 'authorization, content-type, dpop',
          'access-control-max-age': '3600',
        })
        .code(204)
        .send();
    });

    app.route({
      method: ['GET', 'HEAD', 'POST'],
      url: `${MOUNT}/*`,
      schema: { hide: true },
      handler: async (request, reply) => {
        const { raw } = request;
        reply.hijack();
        if (!deps.isTrustedProxy(raw.socket.remoteAddress ?? '')) dropForwarded(raw.headers, deps.issuer);
        // The cookie must exist before a grant is looked for: it says which device this is.
        if (raw.url?.startsWith(`${MOUNT}/auth`)) deps.deviceCookie.ensure(raw, reply.raw);
        Object.assign(raw, { originalUrl: raw.url });
        raw.url = raw.url?.slice(MOUNT.length) ?? '/';
        await callback(raw, reply.raw);
      },
    });
  };
}

/**
 * The provider believes these of whoever sends them. An https issuer is reached by TLS that ends before us: that much is
 * known without being told, and without it no cookie would be set.
 */
function dropForwarded(headers: IncomingHttpHeaders, issuer: string): void {
  for (const name of Object.keys(headers)) if (name.startsWith('x-forwarded-')) delete headers[name];
  headers['x-forwarded-proto'] = new URL(issuer).protocol.slice(0, -1);
}
