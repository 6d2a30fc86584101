/**
 * The way to Synapse through the public door: `/_matrix/*` and `/_synapse/client/*`, streamed both ways over a pool of
 * kept-alive connections. It decides what may pass, tells Synapse who really asks, lets an AuraID sign in, and keeps
 * profiles from whom their owners have blocked; of everything else it changes nothing. A client that goes away ends its request at Synapse too (long polls).
 */
import { EventEmitter } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type {} from '@fastify/swagger';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { Pool } from 'undici';
import { REFUSED_SIGN_IN_MS } from '../auralink-modules/auraid/sign-in.ts';
import { AuraError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import { forwardedFor, type InNetworks } from './networks.ts';
import { isLoginPath, mayReachSynapse } from './proxy-paths.ts';
import { KEPT_ANSWER_MS, type ProxyPrivacy, profileIsOurs, withheld } from './proxy-privacy.ts';

/** A long poll holds a connection each; beyond this many requests wait. */
export const PROXY_CONNECTIONS_MAX = 4_096;
/** Synapse has this long to accept a connection. */
export const PROXY_CONNECT_TIMEOUT_MS = 3_000;
/** Longest wait for Synapse's first byte: longer than any /sync that clients ask for. */
export const PROXY_HEADERS_TIMEOUT_MS = 600_000;
/** Longest pause within a body. */
export const PROXY_BODY_TIMEOUT_MS = 120_000;
/** Below the 60 s after which Synapse closes an idle connection itself. */
export const PROXY_KEEP_ALIVE_MS = 20_000;
/** How long requests may go on when the door closes; then waiting long polls are told to come back. */
export const PROXY_DRAIN_MS = 2_000;
/** A login is a small document. */
export const LOGIN_BODY_MAX_BYTES = 65_536;
/** What Synapse answers to a login is small, too. */
export const LOGIN_ANSWER_MAX_BYTES = 65_536;
/** What a client is told to wait while Synapse is away. */
export const PROXY_RETRY_AFTER_SECONDS = 2;

export interface ProxyDeps {
  /** Synapse's client listener. */
  readonly synapseUrl: string;
  /** Peers whose X-Forwarded-* are believed. */
  readonly isTrustedProxy: InNetworks;
  /** Puts the account's own name in place of an AuraID; anything else comes back as it was. */
  readonly rewriteLogin: (body: Readonly<Record<string, unknown>>) => Promise<unknown>;
  /** Somebody signed in at Synapse as a device that is new; asked for so long ago. Fails: the sign-in is refused. */
  readonly signedIn: (userId: UserId, deviceId: string, elapsedMs: number) => Promise<void>;
  /** What of Matrix profiles is kept from whom. Absent: nothing is. */
  readonly privacy?: ProxyPrivacy;
}

type Body = FastifyRequest['raw'] | Buffer | null;
type Headers = Record<string, string | string[] | undefined>;

/** Headers that speak of one connection only (RFC 9110, 7.6.1), and those that only we may set. */
const DROPPED =
  /^(?:connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect|forwarded|x-forwarded-.*|x-real-ip|x-matrix-.*)$/;
const DROPPED_FROM_ANSWER = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'trailer']);

export const proxyRoutes = (deps: ProxyDeps): FastifyPluginAsync => {
  return async (app) => {
    const pool = new Pool(deps.synapseUrl, {
      connections: PROXY_CONNECTIONS_MAX,
      pipelining: 1,
      connectTimeout: PROXY_CONNECT_TIMEOUT_MS,
      headersTimeout: PROXY_HEADERS_TIMEOUT_MS,
      bodyTimeout: PROXY_BODY_TIMEOUT_MS,
      keepAliveTimeout: PROXY_KEEP_ALIVE_MS,
      keepAliveMaxTimeout: PROXY_KEEP_ALIVE_MS,
    });
    app.addHook('preClose', async () => {
      setTimeout(() => void pool.destroy(), PROXY_DRAIN_MS).unref();
    });
    app.addHook('onClose', () => pool.destroy());
    // Bodies pass through unread.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (_request, _payload, done) => done(null));
    for (const url of ['/_matrix/*', '/_synapse/client/*']) {
      app.route({
        method: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'],
        url,
        schema: { hide: true },
        handler: (request, reply) => forward(pool, deps, request, reply),
      });
    }
  };
};

async function forward(
  pool: Pool,
  deps: ProxyDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  try {
    const concerned = deps.privacy?.concerns(request.raw) === true;
    const noSooner = concerned ? sleep(KEPT_ANSWER_MS) : null;
    const kept = (concerned && (await deps.privacy?.guard(request.raw))) || null;
    if (kept?.kind === 'refuse') throw profileIsOurs();
    const startedMs = performance.now();
    const { answer, newDevice } = await ask(pool, deps, request, reply);
    reply.code(answer.statusCode).headers(answerHeaders(answer.headers));
    if (answer.statusCode === 200 && newDevice) {
      return await passSignIn(deps, answer.body, reply, startedMs);
    }
    if (kept === null || answer.statusCode !== 200) {
      await noSooner;
      if (isSignIn(request.raw) && answer.statusCode !== 200)
        await sleep(REFUSED_SIGN_IN_MS - (performance.now() - startedMs));
      return reply.send(answer.body);
    }
    const shown = await withheld(kept, answer.body);
    await noSooner;
    if (shown === null) return emptyProfile(reply);
    return reply.header('content-length', String(shown.length)).send(shown);
  } catch (error) {
    // Nobody is there to hear of it.
    if (reply.raw.destroyed) return reply.hijack();
    // Web clients of any origin use this surface and must be able to read its refusals.
    reply.header('access-control-allow-origin', '*');
    throw asUnavailable(error);
  }
}

/** A client has its token only once it is written down that it signed in. */
async function passSignIn(
  deps: ProxyDeps,
  from: AsyncIterable<Buffer>,
  reply: FastifyReply,
  startedMs: number,
): Promise<FastifyReply> {
  const body = await readUpTo(from, LOGIN_ANSWER_MAX_BYTES);
  if (body === null) throw new AuraError('unavailable', 'The Matrix server answered with too much.');
  const { user_id: userId, device_id: deviceId } = parseObject(body) ?? {};
  if (typeof userId === 'string' && typeof deviceId === 'string') {
    await deps.signedIn(userId as UserId, deviceId, performance.now() - startedMs);
  }
  return reply.header('content-length', String(body.length)).send(body);
}

/** Null: there was more. */
async function readUpTo(from: AsyncIterable<Buffer>, maxBytes: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of from) {
    bytes += chunk.length;
    if (bytes > maxBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** In every byte what Synapse says of an account without name and picture; it streams its errors. */
function emptyProfile(reply: FastifyReply): FastifyReply {
  const body = JSON.stringify({ errcode: 'M_NOT_FOUND', error: 'Profile was not found' });
  return reply
    .code(404)
    .removeHeader('content-length')
    .send(Readable.from([Buffer.from(body)]));
}

async function ask(pool: Pool, deps: ProxyDeps, request: FastifyRequest, reply: FastifyReply) {
  const { raw } = request;
  const { method = 'GET', url = '/' } = raw;
  if (!mayReachSynapse(url)) {
    throw new AuraError('not_found', 'There is nothing at this path.', {
      errcode: 'M_UNRECOGNIZED',
      reason: 'unknown_route',
    });
  }
  const headers = requestHeaders(request, deps.isTrustedProxy);
  let body: Body = hasBody(raw) ? raw : null;
  let newDevice = false;
  if (body !== null && isSignIn(raw)) {
    ({ body, newDevice } = await rewrittenLogin(raw, deps));
    headers['content-length'] = String(body.length);
    // Its answer is read on the way.
    if (newDevice) delete headers['accept-encoding'];
  }
  const gone = new EventEmitter();
  reply.raw.once('close', () => gone.emit('abort'));
  return { answer: await send(pool, method, url, headers, body, gone), newDevice };
}

const isSignIn = ({ method, url = '/' }: FastifyRequest['raw']): boolean =>
  method === 'POST' && isLoginPath(url);

function hasBody(raw: FastifyRequest['raw']): boolean {
  const length = raw.headers['content-length'];
  return (length !== undefined && length !== '0') || raw.headers['transfer-encoding'] !== undefined;
}

/** A connection that Synapse closed just as we used it costs nobody anything where a repeat is harmless. */
async function send(
  pool: Pool,
  method: string,
  path: string,
  headers: Headers,
  body: Body,
  signal: EventEmitter,
) {
  const options = { method: method as 'GET', path, headers, body, signal };
  try {
    return await pool.request(options);
  } catch (error) {
    if (body !== null || !REPEATABLE.has(method) || !BROKEN.has(codeOf(error))) throw error;
    return await pool.request(options);
  }
}

function requestHeaders(request: FastifyRequest, isTrustedProxy: InNetworks): Headers {
  const incoming = request.raw.headers;
  const named = incoming.connection?.toLowerCase().split(/\s*,\s*/) ?? [];
  const headers: Headers = {};
  for (const name in incoming) {
    if (!DROPPED.test(name) && !named.includes(name)) headers[name] = incoming[name];
  }
  const peer = request.raw.socket.remoteAddress ?? '';
  const trusted = isTrustedProxy(peer);
  headers['x-forwarded-for'] = forwardedFor(peer, single(incoming['x-forwarded-for']), isTrustedProxy).join(
    ', ',
  );
  headers['x-forwarded-proto'] = (trusted && single(incoming['x-forwarded-proto'])) || 'http';
  headers['x-forwarded-host'] = (trusted && single(incoming['x-forwarded-host'])) || (incoming.host ?? '');
  return headers;
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}

function answerHeaders(from: IncomingHttpHeaders): Headers {
  const headers: Headers = {};
  for (const name in from) if (!DROPPED_FROM_ANSWER.has(name)) headers[name] = from[name];
  return headers;
}

/** `newDevice`: a sign-in that names no device gets a new one; a name may be an old one's, whose tokens Synapse keeps. */
async function rewrittenLogin(
  raw: FastifyRequest['raw'],
  deps: ProxyDeps,
): Promise<{ body: Buffer; newDevice: boolean }> {
  const original = await readUpTo(raw, LOGIN_BODY_MAX_BYTES);
  if (original === null) {
    throw new AuraError('too_large', `A login may have ${LOGIN_BODY_MAX_BYTES} bytes at most.`);
  }
  const parsed = parseObject(original);
  // Whatever is no document of ours to read is Synapse's to refuse.
  if (parsed === null) return { body: original, newDevice: false };
  const body = Buffer.from(JSON.stringify(await deps.rewriteLogin(parsed)));
  return { body, newDevice: (parsed.device_id ?? null) === null };
}

function parseObject(text: Buffer): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

/** Methods whose repetition changes nothing more (RFC 9110, 9.2.2). */
const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
const BROKEN = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);
const AWAY = new Set([
  ...BROKEN,
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_CLOSED',
  'UND_ERR_DESTROYED',
]);

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

function asUnavailable(error: unknown): unknown {
  if (!AWAY.has(codeOf(error))) return error;
  return new AuraError(
    'unavailable',
    'The Matrix server is not reachable at the moment; try again shortly.',
    { retryAfterSeconds: PROXY_RETRY_AFTER_SECONDS },
    error,
  );
}
