/** `/_matrix/identity/v2/3pid/{bind,unbind}`, `store-invite`, `sign-ed25519` (Matrix spec, Identity Service API). */
import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { IdentityAccounts } from '../auralink-modules/identity-service/accounts.ts';
import type { Binding, UnboundBy } from '../auralink-modules/identity-service/binding.ts';
import type { Invites } from '../auralink-modules/identity-service/invites.ts';
import { MEDIA, matrixError, UNBIND_LIMIT, USER_ID } from '../auralink-modules/identity-service/model.ts';
import type { Count } from '../auralink-modules/identity-service/ports.ts';
import { clientAddress } from './client-address.ts';
import {
  accountOf,
  countedByNetwork,
  openToAllOrigins,
  proofsByNetwork,
  requireAccount,
} from './identity-auth.ts';
import {
  clientSecretSchema,
  IDENTITY_ADDRESS_MAX_LENGTH,
  plainSchema,
  sessionIdSchema,
} from './identity-validation-routes.ts';

const mxid = z.string().regex(USER_ID, 'must be a Matrix id such as @alice:example.org');
const bindSchema = z.object({ sid: sessionIdSchema, client_secret: clientSecretSchema, mxid });
/** Loose: what a homeserver signed must be checked as it came. */
const unbindSchema = z.looseObject({
  mxid,
  threepid: z.looseObject({ medium: z.enum(MEDIA), address: plainSchema(IDENTITY_ADDRESS_MAX_LENGTH) }),
  sid: sessionIdSchema.optional(),
  client_secret: clientSecretSchema.optional(),
});
const text = z.string().max(1_024).nullish();
const inviteSchema = z.object({
  medium: z.string().max(64),
  address: plainSchema(IDENTITY_ADDRESS_MAX_LENGTH),
  room_id: z.string().regex(/^![^\s\0]{1,254}$/, 'must be a room’s id'),
  sender: mxid,
  room_name: text,
  sender_display_name: text,
});
const signSchema = z.object({ mxid, private_key: plainSchema(64), token: plainSchema(255) });

export interface IdentityBindingRoutesDeps {
  readonly accounts: Pick<IdentityAccounts, 'authenticate'>;
  readonly binding: Binding;
  readonly invites: Invites;
  /** Throws rate_limited. */
  readonly count: Count;
}

const V2 = '/_matrix/identity/v2';
const hidden = { hide: true } as const;

export function identityBindingRoutes(deps: IdentityBindingRoutesDeps): FastifyPluginAsyncZod {
  const { accounts, binding, invites, count } = deps;
  const require = requireAccount(accounts);
  const unbinds = countedByNetwork(count, 'identity-unbind', UNBIND_LIMIT);
  const proves = [proofsByNetwork(count), require];
  return async (app) => {
    openToAllOrigins(app);
    app.post(
      `${V2}/3pid/bind`,
      { schema: { ...hidden, body: bindSchema }, preValidation: proves },
      (request) => {
        const { sid, client_secret: clientSecret, mxid: userId } = request.body;
        return binding.bind(accountOf(request), userId, { sid, clientSecret });
      },
    );
    app.post(`${V2}/3pid/unbind`, { schema: { ...hidden, body: unbindSchema } }, async (request) => {
      const { mxid: userId, threepid, sid, client_secret: clientSecret } = request.body;
      const session =
        sid === undefined || clientSecret === undefined ? null : { session: { sid, clientSecret } };
      const isForeign = session !== null || request.headers.authorization?.startsWith('Bearer') !== true;
      if (isForeign) await unbinds(request);
      const by = session ?? findSigned(request, request.body) ?? (await accountThat(require, request));
      const { medium, address } = threepid;
      await binding.unbind({ mxid: userId, medium, address }, by);
      return {};
    });
    app.post(
      `${V2}/store-invite`,
      { schema: { ...hidden, body: inviteSchema }, preValidation: require },
      (request) => {
        const { body } = request;
        return invites.store(
          accountOf(request),
          {
            ...{ medium: body.medium, address: body.address, roomId: body.room_id, sender: body.sender },
            roomName: body.room_name || null,
            senderName: body.sender_display_name || null,
          },
          clientAddress(request),
        );
      },
    );
    app.post(
      `${V2}/sign-ed25519`,
      { schema: { ...hidden, body: signSchema }, preValidation: proves },
      (request) => {
        const { mxid: userId, private_key: privateKey, token } = request.body;
        return invites.sign(userId, privateKey, token);
      },
    );
  };
}

async function accountThat(
  require: (request: FastifyRequest) => Promise<void>,
  request: FastifyRequest,
): Promise<UnboundBy> {
  await require(request);
  return { account: accountOf(request) };
}

const PARAMETER = /(\w+)="?([^",]*)"?(?:,|$)/g;

/** Null without an `X-Matrix` header; throws when it has one that is not whole. */
function findSigned(request: FastifyRequest, content: object): UnboundBy | null {
  const [, parameters] = /^X-Matrix +(.*)$/i.exec(request.headers.authorization ?? '') ?? [];
  if (parameters === undefined) return null;
  const found = Object.fromEntries(
    [...parameters.matchAll(PARAMETER)].map(([, name, value]) => [name, value]),
  );
  const { origin, key: keyId, sig: signature } = found;
  if (origin === undefined || keyId === undefined || signature === undefined) {
    throw matrixError('unauthenticated', 'M_UNAUTHORIZED', 'An X-Matrix header has origin, key and sig.');
  }
  const { method, url: uri } = request;
  return { request: { origin, keyId, signature, method, uri, content } };
}
