/**
 * Other homeservers, as the Identity Service speaks to them: found anew for each request, over the guard. Our own is
 * asked where it is, without any detour.
 */
import type { KeyObject } from 'node:crypto';
import type { AskOpenId, FindServerKey, TellHomeserver } from '../auralink-modules/identity-service/ports.ts';
import { findPublicKey, isSignedBy } from '../auralink-modules/identity-service/signed-json.ts';
import { createMemory } from '../core/memory.ts';
import type { GuardedAnswer, GuardedClient, GuardedRequest } from './guarded-client.ts';
import type { DiscoverServer } from './server-discovery.ts';
import type { AskSynapse } from './synapse-request.ts';

/** Finding a homeserver and asking it, all of its addresses together. */
export const HOMESERVER_TIMEOUT_MS = 10_000;
/** Questions to other homeservers that a process has under way; one more is not asked. */
export const HOMESERVERS_ASKED_MAX = 64;
/** How long a homeserver's signing key is believed, unless it says less itself. */
export const SERVER_KEY_LIFE_MS = 3_600_000;
/** Signing keys that a process remembers. */
export const SERVER_KEYS_MAX = 5_000;

export interface HomeserversDeps {
  readonly ask: GuardedClient;
  readonly discover: DiscoverServer;
  /** In place of HOMESERVER_TIMEOUT_MS. */
  readonly timeoutMs?: number;
}

/** Asks the first of a server's addresses that can be reached. Throws when none can, in time; and when too many are being asked. */
export type AskHomeserver = (
  serverName: string,
  request: Omit<GuardedRequest, 'target' | 'signal'>,
) => Promise<GuardedAnswer>;

export function createAskHomeserver(deps: HomeserversDeps): AskHomeserver {
  const { ask, discover, timeoutMs = HOMESERVER_TIMEOUT_MS } = deps;
  let underWay = 0;
  const askAny = async (serverName: string, request: Omit<GuardedRequest, 'target' | 'signal'>) => {
    const signal = AbortSignal.timeout(timeoutMs);
    let last: unknown;
    for (const target of await discover(serverName, signal)) {
      try {
        return await ask({ ...request, target, signal });
      } catch (error) {
        last = error;
      }
    }
    throw last;
  };
  return async (serverName, request) => {
    if (underWay >= HOMESERVERS_ASKED_MAX) throw new Error('too many homeservers are being asked');
    underWay += 1;
    try {
      return await askAny(serverName, request);
    } finally {
      underWay -= 1;
    }
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

export interface FindServerKeyDeps extends TellDeps {
  readonly nowMs: () => number;
}

/**
 * Matrix spec, server-server API, "Retrieving server keys": each server's own answer, which it signs with the key itself.
 * A key is remembered; that there is none is not.
 */
export function createFindServerKey(deps: FindServerKeyDeps): FindServerKey {
  const memory = { max: SERVER_KEYS_MAX, lifeMs: SERVER_KEY_LIFE_MS, nowMs: deps.nowMs };
  const known = createMemory<{ readonly key: KeyObject; readonly untilMs: number }>(memory);
  return async (serverName, keyId) => {
    const name = `${serverName} ${keyId}`;
    const remembered = known.find(name);
    if (remembered !== undefined && remembered.untilMs > Date.now()) return remembered.key;
    const found = await known.ask(name, async () => {
      const value = await askForKey(deps, serverName, keyId);
      return value === null ? null : { value, about: [] };
    });
    return found?.key ?? null;
  };
}

async function askForKey(
  { ownServerName, askOwn, askHomeserver }: TellDeps,
  serverName: string,
  keyId: string,
) {
  const path = '/_matrix/key/v2/server';
  const answer =
    serverName === ownServerName
      ? await askOwn({ method: 'GET', path })
      : ((await askHomeserver?.(serverName, { method: 'GET', path }).catch(() => null))?.json ?? null);
  if (answer === null || answer.server_name !== serverName) return null;
  const untilMs = Number(answer.valid_until_ts);
  if (!(untilMs > Date.now())) return null;
  const keys = answer.verify_keys as Readonly<Record<string, { readonly key?: unknown }>> | undefined;
  const text = keys?.[keyId]?.key;
  const key = typeof text === 'string' ? findPublicKey(text) : null;
  return key !== null && isSignedBy(answer, serverName, keyId, key) ? { key, untilMs } : null;
}
