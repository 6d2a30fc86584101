/**
 * HTTPS requests to addresses that strangers name. Every connection is judged by the address that it goes to, after the
 * name was resolved and for each attempt anew, so that neither a name that points inward nor one that changes between
 * two questions (DNS rebinding) leads into our own network. Time, redirects and the answer's size are bounded.
 */
import { lookup as resolveName, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { Agent, buildConnector } from 'undici';

/** A whole request, from resolving the name to the last byte. */
export const GUARDED_TIMEOUT_MS = 5_000;
/** Bytes of an answer that are read; what we ask other servers for is far smaller. */
export const GUARDED_ANSWER_MAX_BYTES = 65_536;

/** All addresses of a name, or an error. */
export type ResolveAddresses = (
  hostname: string,
  done: (error: Error | null, addresses: readonly LookupAddress[]) => void,
) => void;

export interface GuardOptions {
  /** Networks that are not public and may be spoken to all the same. */
  readonly isAllowed: (address: string) => boolean;
  readonly resolve?: ResolveAddresses;
}

export interface Target {
  /** Name or address to connect to; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** The `Host` header. */
  readonly hostHeader: string;
  /** Whose certificate is expected: a name or an address. */
  readonly certificateFor: string;
}

export interface GuardedRequest {
  readonly target: Target;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends the request sooner than its own time does. */
  readonly signal?: AbortSignal;
}

export interface GuardedAnswer {
  readonly status: number;
  readonly location: string | null;
  /** Null when it is no JSON object. */
  readonly json: Readonly<Record<string, unknown>> | null;
}

/** Throws whatever went wrong; nobody outside is told what it was. */
export type GuardedClient = (request: GuardedRequest) => Promise<GuardedAnswer>;

/** Where a connection would lead is none of the public internet's addresses. */
export class InwardAddressError extends Error {
  override readonly name = 'InwardAddressError';
}

const GLOBAL_UNICAST_V6 = ipaddr.parseCIDR('2000::/3');

/** Whether an address belongs to the public internet. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address) || isIP(address) === 0) return false;
  const parsed = ipaddr.process(address);
  if (parsed.range() !== 'unicast') return false;
  return parsed.kind() === 'ipv4' || parsed.match(GLOBAL_UNICAST_V6);
}

export function createGuardedClient(options: GuardOptions): GuardedClient {
  const mayReach = (address: string): boolean => isPublicAddress(address) || options.isAllowed(address);
  const lookup = guardedLookup(
    mayReach,
    options.resolve ?? ((name, done) => resolveName(name, { all: true }, done)),
  );
  return (request) => send(request, mayReach, lookup);
}

/** What sockets resolve names with: of a name's addresses only those that may be reached are ever tried. */
function guardedLookup(mayReach: (address: string) => boolean, resolve: ResolveAddresses): LookupFunction {
  return (hostname, lookupOptions, done) => {
    resolve(hostname, (error, addresses) => {
      const reachable = addresses?.filter(({ address }) => mayReach(address)) ?? [];
      const [first] = reachable;
      if (error !== null || first === undefined) {
        const refused = error ?? new InwardAddressError(`${hostname} leads nowhere that we may go`);
        done(refused as NodeJS.ErrnoException, '', 0);
      } else if (lookupOptions.all === true) done(null, [...reachable]);
      else done(null, first.address, first.family);
    });
  };
}

async function send(
  { target, method, path, body, headers, signal }: GuardedRequest,
  mayReach: (address: string) => boolean,
  lookup: LookupFunction,
): Promise<GuardedAnswer> {
  if (isIP(target.host) !== 0 && !mayReach(target.host)) {
    throw new InwardAddressError(`${target.host} is no address that we may go to`);
  }
  const connect = buildConnector({ timeout: GUARDED_TIMEOUT_MS, lookup });
  signal?.throwIfAborted();
  const timeout = AbortSignal.timeout(GUARDED_TIMEOUT_MS);
  const agent = new Agent({
    connect: (asked, done) => {
      const { host, port, certificateFor } = target;
      const servername = isIP(certificateFor) === 0 ? certificateFor : '';
      connect({ ...asked, hostname: host, host, port: String(port), servername }, (error, socket) => {
        if (error !== null) return done(error, null);
        // Once more, by what the system says that we are connected to.
        if (mayReach(socket.remoteAddress ?? '')) return done(null, socket);
        socket.destroy();
        done(new InwardAddressError(`connected to ${socket.remoteAddress}`), null);
      });
    },
    headersTimeout: GUARDED_TIMEOUT_MS,
    bodyTimeout: GUARDED_TIMEOUT_MS,
    maxResponseSize: GUARDED_ANSWER_MAX_BYTES,
  });
  try {
    const answer = await agent.request({
      ...{ origin: `https://${bracketed(target.host)}:${target.port}`, method, path },
      headers: {
        host: target.hostHeader,
        accept: 'application/json',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
    });
    const { location } = answer.headers;
    return {
      status: answer.statusCode,
      location: typeof location === 'string' ? location : null,
      json: objectOf(await answer.body.text()),
    };
  } finally {
    await agent.destroy();
  }
}

/** As it stands in a URL. */
export function bracketed(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}

function objectOf(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : null;
  } catch {
    return null;
  }
}
