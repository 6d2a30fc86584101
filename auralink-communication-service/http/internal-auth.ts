/**
 * The border of `/internal`: whoever is not on loopback or in the allowed networks finds nothing there, and whoever is
 * needs a Dashboard JWT (RFC 9068) with the route's scope. A token that changes something does so once.
 */
import type { FastifyRequest } from 'fastify';
import { createLocalJWKSet, createRemoteJWKSet, errors, type JSONWebKeySet, jwtVerify } from 'jose';
import { z } from 'zod';
import type { Clock } from '../core/clock.ts';
import { AuraError } from '../core/errors.ts';
import { bearerToken } from './endpoint-auth.ts';
import { createNetworks } from './networks.ts';

/** A service token is refused once it is older, whatever its own end says. */
export const SERVICE_TOKEN_MAX_AGE_SECONDS = 600;
/** How far the Dashboard's clock may be off ours. */
export const SERVICE_TOKEN_TOLERANCE_SECONDS = 30;
/** How long we wait for the Dashboard's keys. */
export const DASHBOARD_KEYS_TIMEOUT_MS = 3_000;
/** After the keys were fetched, an unknown key id makes us fetch them again only after so long. */
export const DASHBOARD_KEYS_COOLDOWN_MS = 30_000;
/** So long the keys that were fetched are believed without asking again; a key that was withdrawn ends then. */
export const DASHBOARD_KEYS_KEPT_MS = 600_000;
const LOOPBACK = ['127.0.0.0/8', '::1/128'];
const ALGORITHMS = ['EdDSA', 'Ed25519', 'ES256'];

export interface InternalAuthDeps {
  readonly issuer: string;
  readonly audience: string;
  /** The Dashboard's keys: an address to fetch them from, a local set, or null when none are configured. */
  readonly keys:
    | { readonly url: string; readonly cooldownMs?: number; readonly keptMs?: number }
    | { readonly set: JSONWebKeySet }
    | null;
  readonly allowedCidrs: readonly string[];
  readonly clock: Clock;
  /** False when the token was used before. */
  readonly spendToken: (issuer: string, tokenId: string, expiresAt: Date) => Promise<boolean>;
}

/** A service with a valid token. */
export interface ServiceCaller {
  readonly issuer: string;
  readonly subject: string;
  readonly scopes: ReadonlySet<string>;
}

export interface InternalAuth {
  /** onRequest hook: 404 unless the socket's own peer may be here. */
  readonly internalOnly: (request: FastifyRequest) => Promise<void>;
  /**
   * Hook for routes. `once` (the default) refuses a token that was used before: for routes that change something.
   * Throws `unauthenticated`, `forbidden` (reason missing_scope), `unavailable` when the keys cannot be had.
   */
  requireService(
    scope: string,
    options?: { readonly once?: boolean },
  ): (request: FastifyRequest) => Promise<void>;
}

/** The latest moment of a JavaScript Date, in seconds since 1970. */
const LAST_MOMENT_SECONDS = 8_640_000_000_000;
/** PostgreSQL keeps no NUL, and names are for people to read. */
const nameSchema = z
  .string()
  .min(1)
  .max(255)
  .regex(/^\P{Cc}*$/u);
const claimsSchema = z.object({
  iss: z.string(),
  sub: nameSchema,
  scope: z.string(),
  jti: nameSchema,
  iat: z.number(),
  exp: z.number().max(LAST_MOMENT_SECONDS),
});
type Claims = z.output<typeof claimsSchema>;

const callers = new WeakMap<FastifyRequest, ServiceCaller>();

/** The service that `requireService` let in. */
export function serviceOf(request: FastifyRequest): ServiceCaller {
  const caller = callers.get(request);
  if (caller === undefined) throw new Error('this route lacks requireService');
  return caller;
}

export type ServiceActor = `service:${string}`;

/** As the audit log names it. */
export function serviceActor(request: FastifyRequest): ServiceActor {
  return `service:${serviceOf(request).subject}`;
}

export function createInternalAuth(deps: InternalAuthDeps): InternalAuth {
  const mayEnter = createNetworks([...LOOPBACK, ...deps.allowedCidrs]);
  const verify = verifier(deps);
  return {
    internalOnly: async (request) => {
      // Not request.ip: that believes balancers, and this border must not.
      if (mayEnter(request.raw.socket.remoteAddress ?? '')) return;
      // Word for word what any unknown path answers.
      throw new AuraError('not_found', `There is no ${request.method} ${request.url.split('?')[0]}.`, {
        reason: 'unknown_route',
        errcode: 'M_UNRECOGNIZED',
      });
    },
    requireService(scope, options = {}) {
      return async (request) => {
        const claims = await verify(bearerToken(request));
        const scopes = new Set(claims.scope.split(' '));
        if (!scopes.has(scope)) {
          throw new AuraError('forbidden', `The token lacks the scope ${scope}.`, {
            reason: 'missing_scope',
          });
        }
        // No longer than it may be used, whatever it says: what is kept of it is pruned then.
        const endsAt = Math.min(claims.exp, claims.iat + SERVICE_TOKEN_MAX_AGE_SECONDS);
        const expiresAt = new Date((endsAt + SERVICE_TOKEN_TOLERANCE_SECONDS) * 1000);
        if (options.once !== false && !(await deps.spendToken(claims.iss, claims.jti, expiresAt))) {
          throw new AuraError(
            'unauthenticated',
            'This token has been used; make a new one for each request.',
            {
              reason: 'token_replayed',
            },
          );
        }
        callers.set(request, { issuer: claims.iss, subject: claims.sub, scopes });
      };
    },
  };
}

function verifier(deps: InternalAuthDeps): (token: string) => Promise<Claims> {
  if (deps.keys === null) {
    return async () => {
      throw new AuraError('unavailable', 'No Dashboard keys are configured here.', {
        reason: 'dashboard_not_configured',
      });
    };
  }
  const keySet =
    'url' in deps.keys
      ? createRemoteJWKSet(new URL(deps.keys.url), {
          timeoutDuration: DASHBOARD_KEYS_TIMEOUT_MS,
          cooldownDuration: deps.keys.cooldownMs ?? DASHBOARD_KEYS_COOLDOWN_MS,
          cacheMaxAge: deps.keys.keptMs ?? DASHBOARD_KEYS_KEPT_MS,
        })
      : createLocalJWKSet(deps.keys.set);
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, keySet, {
        issuer: deps.issuer,
        audience: deps.audience,
        typ: 'at+jwt',
        algorithms: ALGORITHMS,
        requiredClaims: ['sub', 'scope', 'jti', 'exp', 'iat'],
        maxTokenAge: SERVICE_TOKEN_MAX_AGE_SECONDS,
        clockTolerance: SERVICE_TOKEN_TOLERANCE_SECONDS,
        currentDate: deps.clock.now(),
      });
      return claimsSchema.parse(payload);
    } catch (error) {
      throw refusal(error);
    }
  };
}

/** A token at fault is 401; keys that cannot be fetched are our trouble, not the caller's. */
function refusal(error: unknown): AuraError {
  const atFault =
    error instanceof z.ZodError ||
    (error instanceof errors.JOSEError &&
      !(error instanceof errors.JWKSTimeout) &&
      error.code !== 'ERR_JOSE_GENERIC');
  if (!atFault) {
    return new AuraError('unavailable', "The Dashboard's keys cannot be fetched at the moment.", {}, error);
  }
  const expired = error instanceof errors.JWTExpired;
  return new AuraError(
    'unauthenticated',
    expired ? 'The token has expired.' : 'The token is not valid here.',
    { reason: expired ? 'token_expired' : 'invalid_token' },
    error,
  );
}
