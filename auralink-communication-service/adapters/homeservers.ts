/**
 * Other homeservers, as the Identity Service speaks to them: found anew for each request, over the guard. Our own is
 * asked where it is, without any detour.
 */
import type { AskOpenId, FindServerKey, TellHomeserver } from '../auralink-modules/identity-service/ports.ts';
import { findPublicKey, isSignedBy } from '../auralink-modules/identity-service/signed-json.ts';
import type { GuardedAnswer, GuardedClient, GuardedRequest } from './guarded-client.ts';
import type { DiscoverServer } from './server-discovery.ts';
import type { AskSynapse } from './synapse-request.ts';

export interface HomeserversDeps {
  readonly ask: GuardedClient;
  readonly discover: DiscoverServer;
}

/** Asks the first of a server's addresses that can be reached. Throws when none can. */
export type AskHomeserver = (
  serverName: string,
  request: Omit<GuardedRequest, 'target'>,
) => Promise<GuardedAnswer>;

export function createAskHomeserver({ ask, discover }: HomeserversDeps): AskHomeserver {
  return async (serverName, request) => {
    let last: unknown;
    for (const target of await discover(serverName)) {
      try {
        return await ask({ ...request, target });
      } catch (error) {
        last = error;
      }
    }
    throw last;
  };
}

export interface OpenIdDeps {
  readonly ownServerName: string;
  /** Asks our own homeserver; null when it does not know the token. */
  readonly askOwn: (accessToken: string) => Promise<string | null>;
  /** Null: we do not speak with other servers. */
  readonly askHomeserver: AskHomeserver | null;
}

/** Matrix spec, server-server API, "OpenID". */
export function createAskOpenId({ ownServerName, askOwn, askHomeserver }: OpenIdDeps): AskOpenId {
  return async (serverName, accessToken) => {
    if (serverName === ownServerName) return await askOwn(accessToken);
    if (askHomeserver === null) return null;
    const path = `/_matrix/federation/v1/openid/userinfo?access_token=${encodeURIComponent(accessToken)}`;
    // Why another server could not be asked is nothing that a stranger need know.
    const answer = await askHomeserver(serverName, { method: 'GET', path }).catch(() => null);
    const sub = answer?.status === 200 ? answer.json?.sub : null;
    return typeof sub === 'string' ? sub : null;
  };
}

export interface TellDeps {
  readonly ownServerName: string;
  readonly askOwn: AskSynapse;
  /** Null: we do not speak with other servers. */
  readonly askHomeserver: AskHomeserver | null;
}

export function createTellHomeserver({ ownServerName, askOwn, askHomeserver }: TellDeps): TellHomeserver {
  return async (serverName, path, body) => {
    if (serverName === ownServerName) {
      await askOwn({ method: 'POST', path, body });
      return;
    }
    if (askHomeserver === null) throw new Error('this server does not federate');
    const { status } = await askHomeserver(serverName, { method: 'POST', path, body });
    if (status !== 200) throw new Error(`${serverName} answered ${status}`);
  };
}

/** Matrix spec, server-server API, "Retrieving server keys": each server's own answer, which it signs with the key itself. */
export function createFindServerKey({ ownServerName, askOwn, askHomeserver }: TellDeps): FindServerKey {
  const path = '/_matrix/key/v2/server';
  return async (serverName, keyId) => {
    const answer =
      serverName === ownServerName
        ? await askOwn({ method: 'GET', path })
        : ((await askHomeserver?.(serverName, { method: 'GET', path }).catch(() => null))?.json ?? null);
    if (answer === null || answer.server_name !== serverName) return null;
    if (!(Number(answer.valid_until_ts) > Date.now())) return null;
    const keys = answer.verify_keys as Readonly<Record<string, { readonly key?: unknown }>> | undefined;
    const text = keys?.[keyId]?.key;
    const key = typeof text === 'string' ? findPublicKey(text) : null;
    return key !== null && isSignedBy(answer, serverName, keyId, key) ? key : null;
  };
}
