/**
 * From an authorization request to the grant under which tokens are made. A grant of an app belongs to one endpoint:
 * one person, one app, one device, the device being what our own cookie says.
 */
import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import type { GrantStore } from '../auralink-modules/auraid/ports.ts';
import { SCOPES, type Scope } from '../auralink-modules/endpoints/model.ts';
import type { AppId, DeviceKey, PersonId } from '../core/ids.ts';
import type { DeviceCookie } from './device-cookie.ts';
import { API_AUDIENCE } from './endpoint-auth.ts';

/** Tries to bind a grant while other tabs of the same device do the same. */
const BIND_ATTEMPTS = 5;
const USER_AGENT_MAX_LENGTH = 300;

type Grant = InstanceType<KoaContextWithOIDC['oidc']['provider']['Grant']>;

export function createGrantLoader(grants: GrantStore, cookie: DeviceCookie) {
  return async (ctx: KoaContextWithOIDC): Promise<Grant | undefined> => {
    const { client, session, account } = ctx.oidc;
    if (client === undefined || account === undefined) return undefined;
    // Somebody else may be about to sign in: an endpoint made now would be the wrong person's.
    if (ctx.oidc.promptPending('login')) return undefined;
    const registeredScopes = client.auralink_scopes as Scope[] | undefined;
    if (registeredScopes === undefined) {
      const known = session?.grantIdFor(client.clientId);
      const grant = (known && (await findLive(ctx, known))) || newGrant(ctx);
      grant.addOIDCScope([...ctx.oidc.requestParamOIDCScopes].join(' '));
      await grant.save();
      return grant;
    }
    const deviceKey = cookie.find(ctx.req);
    if (deviceKey === null) throw new errors.InvalidRequest('this browser does not keep cookies');
    const scopes = SCOPES.filter(
      (scope) => registeredScopes.includes(scope) && ctx.oidc.requestParamScopes.has(scope),
    );
    return endpointGrant(ctx, grants, deviceKey, scopes);
  };
}

/** The endpoint's own grant, widened if more was asked; or a new one, bound to it. */
async function endpointGrant(
  ctx: KoaContextWithOIDC,
  grants: GrantStore,
  deviceKey: DeviceKey,
  scopes: readonly Scope[],
): Promise<Grant> {
  const personId = ctx.oidc.account?.accountId as PersonId;
  const appId = ctx.oidc.client?.clientId as AppId;
  for (let attempt = 0; attempt < BIND_ATTEMPTS; attempt++) {
    const endpoint = await grants.findEndpoint(personId, appId, deviceKey);
    const expectedGrantId = endpoint?.grantId ?? null;
    const held = expectedGrantId === null ? undefined : await findLive(ctx, expectedGrantId);
    const grant = held ?? newGrant(ctx);
    grant.addOIDCScope([...ctx.oidc.requestParamOIDCScopes].join(' '));
    grant.addResourceScope(API_AUDIENCE, scopes.join(' '));
    const grantId = await grant.save();
    const grantedScopes = grant.getResourceScope(API_AUDIENCE).split(' ');
    const bound = await grants.bindGrant({
      personId,
      appId,
      deviceKey,
      grantId,
      expectedGrantId,
      scopes: SCOPES.filter((scope) => grantedScopes.includes(scope)),
      userAgent: ctx.get('user-agent').slice(0, USER_AGENT_MAX_LENGTH) || null,
    });
    if (bound !== null) return grant;
    // Another tab was faster: use its grant.
    if (held === undefined) await grant.destroy();
  }
  throw new errors.TemporarilyUnavailable('too many sign-ins of this app at the same moment');
}

function newGrant(ctx: KoaContextWithOIDC): Grant {
  const { provider, account, client } = ctx.oidc;
  return new provider.Grant({ accountId: account?.accountId, clientId: client?.clientId });
}

/** The grant if it is still there and the same person's and client's. */
async function findLive(ctx: KoaContextWithOIDC, grantId: string): Promise<Grant | undefined> {
  const grant = await ctx.oidc.provider.Grant.find(grantId);
  if (grant === undefined) return undefined;
  const same =
    grant.accountId === ctx.oidc.account?.accountId && grant.clientId === ctx.oidc.client?.clientId;
  return same ? grant : undefined;
}
