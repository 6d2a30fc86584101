/**
 * Where a homeserver is (Matrix spec, server-server API, "Resolving server names"): address literals, names with a
 * port, delegation by .well-known, SRV records, port 8448. Nothing here connects by itself: all goes through the guard.
 */
import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { isServerName } from '../auralink-modules/identity-service/model.ts';
import { unlessAborted } from '../core/abort.ts';
import { bracketed, GUARDED_TIMEOUT_MS, type GuardedClient, type Target } from './guarded-client.ts';

/** Redirects that are followed when asking for .well-known. */
export const WELL_KNOWN_REDIRECTS_MAX = 3;
/** SRV records of one name that are tried, best first. */
export const SRV_TARGETS_MAX = 3;
const FEDERATION_PORT = 8_448;

export interface SrvTarget {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

export interface DiscoveryDeps {
  readonly ask: GuardedClient;
  /** Empty when there is none. */
  readonly resolveSrv?: (name: string) => Promise<readonly SrvTarget[]>;
}

/** In the order in which they are to be tried; never empty. Throws when `signal` ends it first. */
export type DiscoverServer = (serverName: string, signal: AbortSignal) => Promise<readonly Target[]>;

interface Name {
  readonly host: string;
  readonly port: number | null;
}

/** `[::1]:8448` → host and port. Null for what is no server name. */
function findName(serverName: string): Name | null {
  if (!isServerName(serverName)) return null;
  const [, literal, plain, port] = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(serverName) ?? [];
  const host = literal ?? plain ?? '';
  if (literal !== undefined && isIP(literal) !== 6) return null;
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) return null;
  return { host, port: port === undefined ? null : Number(port) };
}

export function createDiscovery(deps: DiscoveryDeps): DiscoverServer {
  const resolveSrv = deps.resolveSrv ?? systemSrv();
  /** Steps 3.3–3.5 and 4–6: what is left when a name has no port. */
  const bySrv = async (host: string, signal: AbortSignal): Promise<readonly Target[]> => {
    for (const service of ['_matrix-fed', '_matrix']) {
      const found = await unlessAborted(
        resolveSrv(`${service}._tcp.${host}`).catch(() => []),
        signal,
      );
      const targets = [...found].sort((a, b) => a.priority - b.priority || b.weight - a.weight);
      if (targets.length > 0) {
        return targets
          .slice(0, SRV_TARGETS_MAX)
          .map(({ name, port }) => ({ host: name, port, hostHeader: host, certificateFor: host }));
      }
    }
    return [{ host, port: FEDERATION_PORT, hostHeader: host, certificateFor: host }];
  };
  const byName = async (serverName: string, { host, port }: Name): Promise<readonly Target[] | null> => {
    if (port === null && isIP(host) === 0) return null;
    return [{ host, port: port ?? FEDERATION_PORT, hostHeader: serverName, certificateFor: host }];
  };
  return async (serverName, signal) => {
    const name = findName(serverName);
    if (name === null) throw new Error(`${serverName} is no server name`);
    const itself = await byName(serverName, name);
    if (itself !== null) return itself;
    const delegated = await findDelegated(deps.ask, name.host, signal).catch(() => null);
    signal.throwIfAborted();
    const other = delegated === null ? null : findName(delegated);
    if (delegated === null || other === null) return await bySrv(name.host, signal);
    return (await byName(delegated, other)) ?? (await bySrv(other.host, signal));
  };
}

/** What `/.well-known/matrix/server` names; null when it names nothing. */
async function findDelegated(ask: GuardedClient, host: string, signal: AbortSignal): Promise<string | null> {
  let url = new URL(`https://${bracketed(host)}/.well-known/matrix/server`);
  for (let hops = 0; hops <= WELL_KNOWN_REDIRECTS_MAX; hops++) {
    const plainHost = url.hostname.replace(/^\[|\]$/g, '');
    const answer = await ask({
      target: {
        host: plainHost,
        port: url.port === '' ? 443 : Number(url.port),
        hostHeader: url.host,
        certificateFor: plainHost,
      },
      signal,
      method: 'GET',
      path: `${url.pathname}${url.search}`,
    });
    if (answer.status >= 300 && answer.status < 400 && answer.location !== null) {
      url = new URL(answer.location, url);
      if (url.protocol !== 'https:') return null;
      continue;
    }
    const delegated = answer.status === 200 ? answer.json?.['m.server'] : null;
    return typeof delegated === 'string' ? delegated : null;
  }
  return null;
}

function systemSrv(): (name: string) => Promise<readonly SrvTarget[]> {
  const resolver = new Resolver({ timeout: GUARDED_TIMEOUT_MS / 2, tries: 2 });
  return (name) => resolver.resolveSrv(name);
}
