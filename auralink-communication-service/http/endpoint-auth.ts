/**
 * Who is behind an endpoint token. The signature is checked once a token. That the endpoint is still signed in is asked of
 * the database, because a JWT cannot be revoked, and remembered for a moment: whoever signs an endpoint out says so to
 * every process. Sockets, and requests that manage the account, ask every time.
 */
import { hash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { createLocalJWKSet, errors, type JSONWebKeySet, jwtVerify } from 'jose';
import { z } from 'zod';
import type { EndpointSession, Scope } from '../auralink-modules/endpoints/model.ts';
import type { AuthenticateEndpoint } from '../auralink-modules/endpoints/ports.ts';
import type { Clock } from '../core/clock.ts';
import { AuraError, signedOut } from '../core/errors.ts';
import type { AppId, EndpointId, PersonId } from '../core/ids.ts';
import { createMemory } from '../core/memory.ts';

/** Audience of endpoint tokens, and the resource indicator under which apps ask for them (RFC 8707). */
export const API_AUDIENCE = 'urn:auralink:api';
/** Tokens whose signature need not be checked again; about 300 bytes each. */
export const VERIFIED_TOKENS_MAX = 20_000;
/** Tokens whose endpoint need not be looked up again; about 300 bytes each. */
export const SESSION_CACHE_MAX = 20_000;
/** How long a token goes on to be accepted, should the news that its endpoint was signed out be lost. */
export const SESSION_CACHE_MS = 1_000;
/** Never from memory: what it opens changes or ends the account itself. */
const ALWAYS_ASKED: Scope = 'account.manage';

export interface EndpointAuthDeps {
  readonly issuer: string;
  /** Public halves of the keys that sign endpoint tokens. */
  readonly keys: JSONWebKeySet;
  readonly clock: Clock;
  /** Web origin of our own pages. */
  readonly ownOrigin: string;
  readonly findSession: (endpointId: EndpointId) => Promise<EndpointSession | null>;
}

/** Hook for routes: checks token, `Origin` and scopes; then `endpointOf(request)` gives the session. */
export type RequireEndpoint = (...scopes: Scope[]) => (request: FastifyRequest) => Promise<void>;

export interface EndpointAuth {
  readonly authenticate: AuthenticateEndpoint;
  readonly requireEndpoint: RequireEndpoint;
  /** The same for routes that any one of these scopes opens. */
  readonly requireOneOf: RequireEndpoint;
  /** These endpoints were signed out, here or at another process: nothing is remembered of them. */
  forget(endpointIds: readonly EndpointId[]): void;
  /** Throws `forbidden` (reason foreign_origin) unless `origin` is absent, ours, or the app's. */
  assertOrigin(session: EndpointSession, origin: string | undefined): void;
}

const claimsSchema = z.object({
  sub: z.uuid().transform((v) => v as PersonId),
  client_id: z.string().transform((v) => v as AppId),
  endpoint_id: z.uuid().transform((v) => v as EndpointId),
  scope: z.string().default(''),
  exp: z.number(),
});
type Claims = z.output<typeof claimsSchema>;

const sessions = new WeakMap<FastifyRequest, EndpointSession>();

/** The session that `requireEndpoint` found. */
export function endpointOf(request: FastifyRequest): EndpointSession {
  const session = sessions.get(request);
  if (session === undefined) throw new Error('this route lacks requireEndpoint');
  return session;
}

export function createEndpointAuth(deps: EndpointAuthDeps): EndpointAuth {
  const verify = rememberingVerifier(deps);
  const known = createMemory<EndpointSession>({
    max: SESSION_CACHE_MAX,
    lifeMs: SESSION_CACHE_MS,
    nowMs: () => deps.clock.monotonicMs(),
  });

  const findSession = async (claims: Claims): Promise<EndpointSession> => {
    const session = await deps.findSession(claims.endpoint_id);
    if (session === null || session.personId !== claims.sub || session.appId !== claims.client_id) {
      throw signedOut();
    }
    const granted = new Set(claims.scope.split(' '));
    return { ...session, scopes: new Set([...session.scopes].filter((scope) => granted.has(scope))) };
  };
  const authenticate: AuthenticateEndpoint = async (token) =>
    findSession(await verify(token, digestOf(token)));
  /** By token and not by endpoint: a token that was just made, perhaps with new scopes, is never judged by an older answer. */
  const remembered: AuthenticateEndpoint = async (token) => {
    const key = digestOf(token);
    const claims = await verify(token, key);
    const session = known.find(key);
    if (session !== undefined) return session;
    // Null is never answered: nobody is an error, which is not remembered.
    return (await known.ask(key, async () => ({
      value: await findSession(claims),
      about: [claims.endpoint_id],
    }))) as EndpointSession;
  };

  const assertOrigin = (session: EndpointSession, origin: string | undefined): void => {
    if (origin === undefined || origin === deps.ownOrigin || session.origins.includes(origin)) return;
    throw new AuraError('forbidden', `The token's app does not live at ${origin}.`, {
      reason: 'foreign_origin',
    });
  };

  const requireWith = (
    scopes: readonly Scope[],
    findMissing: (session: EndpointSession) => readonly Scope[],
  ): ReturnType<RequireEndpoint> => {
    const find = scopes.includes(ALWAYS_ASKED) ? authenticate : remembered;
    return async (request) => {
      const session = await find(bearerToken(request));
      assertOrigin(session, request.headers.origin);
      const missing = findMissing(session);
      if (missing.length > 0) throw missingScope(missing);
      sessions.set(request, session);
    };
  };

  return {
    authenticate,
    assertOrigin,
    forget: known.forget,
    requireEndpoint: (...scopes) =>
      requireWith(scopes, (session) => scopes.filter((scope) => !session.scopes.has(scope))),
    requireOneOf: (...scopes) =>
      requireWith(scopes, (session) => (scopes.some((scope) => session.scopes.has(scope)) ? [] : scopes)),
  };
}

function missingScope(missing: readonly Scope[]): AuraError {
  return new AuraError('forbidden', `The token lacks the scope ${missing.join(' or ')}.`, {
    reason: 'missing_scope',
    missingScopes: missing,
  });
}

/** Throws `unauthenticated` (reason missing_token) when there is none. */
export function bearerToken(request: FastifyRequest): string {
  const match = /^Bearer +([^\s]+)$/i.exec(request.headers.authorization ?? '');
  if (match?.[1] !== undefined) return match[1];
  throw new AuraError('unauthenticated', 'A bearer token is needed in the Authorization header.', {
    reason: 'missing_token',
  });
}

/** What tokens are remembered by: a memory that leaks gives no token away. */
function digestOf(token: string): string {
  return hash('sha256', token, 'base64url');
}

function rememberingVerifier(deps: EndpointAuthDeps): (token: string, key: string) => Promise<Claims> {
  const keySet = createLocalJWKSet(deps.keys);
  const verified = new Map<string, Claims>();

  return async (token, key) => {
    const known = verified.get(key);
    if (known !== undefined) {
      if (known.exp * 1000 > deps.clock.now().getTime()) return known;
      verified.delete(key);
      throw expired();
    }
    const claims = await verifyOnce(deps, keySet, token);
    // Oldest first: tokens live ten minutes, so insertion order is close enough to least recently used.
    if (verified.size >= VERIFIED_TOKENS_MAX) verified.delete(verified.keys().next().value ?? '');
    verified.set(key, claims);
    return claims;
  };
}

async function verifyOnce(
  deps: EndpointAuthDeps,
  keySet: ReturnType<typeof createLocalJWKSet>,
  token: string,
): Promise<Claims> {
  try {
    const { payload } = await jwtVerify(token, keySet, {
      issuer: deps.issuer,
      audience: API_AUDIENCE,
      typ: 'at+jwt',
      algorithms: ['ES256'],
      requiredClaims: ['sub', 'client_id', 'endpoint_id', 'exp', 'iat'],
      currentDate: deps.clock.now(),
    });
    return claimsSchema.parse(payload);
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw expired();
    throw new AuraError(
      'unauthenticated',
      'The token is not one of ours.',
      { reason: 'invalid_token' },
      error,
    );
  }
}

function expired(): AuraError {
  return new AuraError('unauthenticated', 'The token has expired; refresh it.', { reason: 'token_expired' });
}
