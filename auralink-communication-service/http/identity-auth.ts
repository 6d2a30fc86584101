/**
 * Who asks the Identity Service: the Bearer token of an account, and, unless a route says otherwise, its consent to the
 * operator's terms. All its answers may be read by web clients of any origin (Matrix spec, "Web browser clients").
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { IdentityAccounts } from '../auralink-modules/identity-service/accounts.ts';
import {
  type Account,
  type Limit,
  matrixError,
  PROVE_LIMIT,
} from '../auralink-modules/identity-service/model.ts';
import type { Count } from '../auralink-modules/identity-service/ports.ts';
import { clientAddress } from './client-address.ts';

/** Tokens are shorter; a longer one is not looked up. */
export const IDENTITY_TOKEN_MAX_LENGTH = 256;

const accounts = new WeakMap<FastifyRequest, Account>();

/** Hook for routes; then `accountOf(request)` gives the account. */
export type RequireAccount = (request: FastifyRequest) => Promise<void>;

export function bearerOf(request: FastifyRequest): string {
  const { access_token: inQuery } = request.query as { readonly access_token?: unknown };
  const inHeader = /^bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  // Synapse puts it into the query (Matrix spec, "Authentication": servers must take both); we log no URLs.
  const token = inHeader ?? (typeof inQuery === 'string' ? inQuery : '');
  if (token !== '' && token.length <= IDENTITY_TOKEN_MAX_LENGTH) return token;
  throw matrixError(
    'unauthenticated',
    'M_UNAUTHORIZED',
    'The token belongs into the Authorization header: Bearer, a blank, the token.',
  );
}

export function requireAccount(
  service: Pick<IdentityAccounts, 'authenticate'>,
  { termsNeeded = true } = {},
): RequireAccount {
  return async (request) => {
    accounts.set(request, await service.authenticate(bearerOf(request), termsNeeded));
  };
}

/** Hook for routes: so many requests from one network. It throws `rate_limited`. */
export function countedByNetwork(count: Count, name: string, limit: Limit) {
  return (request: FastifyRequest): Promise<void> => count(`${name}:${clientAddress(request)}`, limit);
}

/** The same for whatever proves that an address is somebody's: all of it together. */
export const proofsByNetwork = (count: Count) => countedByNetwork(count, 'identity-prove', PROVE_LIMIT);

export function accountOf(request: FastifyRequest): Account {
  const account = accounts.get(request);
  if (account === undefined) throw new Error('this route lacks requireAccount');
  return account;
}

/** For every route of `app`, whatever the answer. */
export function openToAllOrigins(app: FastifyInstance): void {
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, POST, PUT, DELETE, OPTIONS',
      'access-control-allow-headers': 'Origin, X-Requested-With, Content-Type, Accept, Authorization',
      'cache-control': 'no-store',
    });
  });
}
