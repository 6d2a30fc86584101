/**
 * Other homeservers, as the Identity Service speaks to them: found anew for each request, over the guard. Our own is
 * asked where it is, without any detour.
 */
import type { AskOpenId } from '../auralink-modules/identity-service/ports.ts';
import type { GuardedAnswer, GuardedClient, GuardedRequest } from './guarded-client.ts';
import type { DiscoverServer } from './server-discovery.ts';

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
