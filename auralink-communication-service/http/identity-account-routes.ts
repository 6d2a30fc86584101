/** `/_matrix/identity`: versions, keys, accounts and terms (Matrix spec, Identity Service API). */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { IdentityAccounts } from '../auralink-modules/identity-service/accounts.ts';
import {
  API_VERSIONS,
  KEY_ASKED_LIMIT,
  matrixError,
  OPENID_TOKEN_MAX_LENGTH,
  SERVER_NAME_MAX_LENGTH,
} from '../auralink-modules/identity-service/model.ts';
import type { Count } from '../auralink-modules/identity-service/ports.ts';
import { unpadded, type SigningKey } from '../auralink-modules/identity-service/signed-json.ts';
import { isPlainText, NOT_PLAIN } from '../core/text.ts';
import { clientAddress } from './client-address.ts';
import { accountOf, bearerOf, countedByNetwork, openToAllOrigins, requireAccount } from './identity-auth.ts';

/** Documents that an account accepts in one request. */
export const TERMS_ACCEPTED_MAX = 20;
const URL_MAX_LENGTH = 2_048;
const KEY_TEXT_MAX_LENGTH = 128;

const plain = (max: number) => z.string().min(1).max(max).refine(isPlainText, NOT_PLAIN);
const registerSchema = z.object({
  access_token: plain(OPENID_TOKEN_MAX_LENGTH),
  matrix_server_name: plain(SERVER_NAME_MAX_LENGTH),
  token_type: z.string().max(32).optional(),
  expires_in: z.number().optional(),
});
const termsSchema = z.object({ user_accepts: z.array(plain(URL_MAX_LENGTH)).max(TERMS_ACCEPTED_MAX) });
const keyQuery = z.object({ public_key: plain(KEY_TEXT_MAX_LENGTH) });

export interface IdentityAccountRoutesDeps {
  readonly accounts: IdentityAccounts;
  readonly keys: readonly SigningKey[];
  /** Whether a key was made for an invitation that is still there. Unpadded URL-safe base64. */
  readonly isEphemeralKey: (publicKey: string) => Promise<boolean>;
  /** Throws rate_limited. */
  readonly count: Count;
}

const hidden = { hide: true } as const;
const V2 = '/_matrix/identity/v2';

export function identityAccountRoutes(deps: IdentityAccountRoutesDeps): FastifyPluginAsyncZod {
  const { accounts } = deps;
  const anyAccount = requireAccount(accounts, { termsNeeded: false });
  return async (app) => {
    openToAllOrigins(app);
    // Nothing below this path is Synapse's.
    app.all('/_matrix/identity/*', { schema: hidden }, (request, reply) => {
      if (request.method === 'OPTIONS') return reply.code(204).send();
      throw matrixError('not_found', 'M_UNRECOGNIZED', 'There is nothing at this path.');
    });
    app.get('/_matrix/identity/versions', { schema: hidden }, () => ({ versions: API_VERSIONS }));
    app.get(V2, { schema: hidden }, () => ({}));
    await app.register(keyRoutes(deps));

    app.post(`${V2}/account/register`, { schema: { ...hidden, body: registerSchema } }, async (request) => {
      const { access_token: accessToken, matrix_server_name: serverName } = request.body;
      const token = await accounts.register({ accessToken, serverName }, clientAddress(request));
      return { token };
    });
    app.get(`${V2}/account`, { schema: hidden, preValidation: anyAccount }, (request) => ({
      user_id: accountOf(request).userId,
    }));
    app.post(`${V2}/account/logout`, { schema: hidden, preValidation: anyAccount }, async (request) => {
      await accounts.logout(bearerOf(request));
      return {};
    });
    app.get(`${V2}/terms`, { schema: hidden }, () => {
      const { terms } = accounts;
      if (terms === null) return { policies: {} };
      const { version, url } = terms;
      return { policies: { privacy_policy: { version, en: { name: 'Terms of this service', url } } } };
    });
    app.post(
      `${V2}/terms`,
      { schema: { ...hidden, body: termsSchema }, preValidation: anyAccount },
      async (request) => {
        await accounts.accept(accountOf(request), request.body.user_accepts);
        return {};
      },
    );
  };
}

/** A key as clients write it into a query: a `+` may have become a blank. Null for what is no base64. */
function findKeyBytes(text: string): Buffer | null {
  const standard = text.replaceAll(' ', '+');
  return /^[A-Za-z0-9+/_-]+={0,2}$/.test(standard) ? Buffer.from(standard, 'base64') : null;
}

function keyRoutes({ keys, isEphemeralKey, count }: IdentityAccountRoutesDeps): FastifyPluginAsyncZod {
  const counted = countedByNetwork(count, 'identity-key', KEY_ASKED_LIMIT);
  return async (app) => {
    app.get(`${V2}/pubkey/isvalid`, { schema: { ...hidden, querystring: keyQuery } }, (request) => {
      const bytes = findKeyBytes(request.query.public_key);
      return { valid: bytes !== null && keys.some(({ publicKey }) => publicKey === unpadded(bytes)) };
    });
    app.get(
      `${V2}/pubkey/ephemeral/isvalid`,
      { schema: { ...hidden, querystring: keyQuery }, preValidation: counted },
      async (request) => {
        const bytes = findKeyBytes(request.query.public_key);
        return { valid: bytes !== null && (await isEphemeralKey(bytes.toString('base64url'))) };
      },
    );
    app.get(
      `${V2}/pubkey/:keyId`,
      { schema: { ...hidden, params: z.object({ keyId: z.string().max(KEY_TEXT_MAX_LENGTH) }) } },
      (request) => {
        const found = keys.find(({ keyId }) => keyId === request.params.keyId);
        if (found === undefined) throw matrixError('not_found', 'M_NOT_FOUND', 'There is no key of this id.');
        return { public_key: found.publicKey };
      },
    );
  };
}
