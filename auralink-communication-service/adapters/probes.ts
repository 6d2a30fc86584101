/**
 * Asks a part whether it is there: over HTTP (Synapse, LiveKit, Dashboard, AI core) or by a STUN binding request
 * (coturn; RFC 8489). Each probe resolves with what it learnt, null when the part is not configured, or rejects.
 */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { request } from 'undici';
import { AuraError } from '../core/errors.ts';

export interface Probed {
  readonly version: string | null;
  readonly trouble?: string;
}
type Probe = (signal: AbortSignal) => Promise<Probed | null>;

/** Shorter than a probe's own limit: a resolver that is silent knows no such name either. */
const RESOLVE_TIMEOUT_MS = 500;
const DEFAULT_STUN_PORT = 3478;
const STUN_MAGIC = Buffer.from('2112a442', 'hex');
const STUN_BINDING_REQUEST = 0x0001;
const STUN_BINDING_SUCCESS = 0x0101;
const STUN_HEADER_BYTES = 20;
const STUN_SOFTWARE = 0x8022;

/** Synapse names itself in the Server header. */
export function synapseProbe(url: string): Probe {
  return async (signal) => {
    const answer = await request(`${url}/_matrix/client/versions`, { signal });
    await answer.body.dump();
    if (answer.statusCode !== 200) return { version: null, trouble: `answers ${answer.statusCode}` };
    const server = /^Synapse\/(\S+)/.exec(String(answer.headers.server ?? ''));
    return { version: server?.[1] ?? null };
  };
}

/**
 * `checkKeys` makes one authenticated call: a LiveKit that refuses our key is of no use. It rejects with an AuraError
 * when LiveKit is away.
 */
export function livekitProbe(url: string, checkKeys: () => Promise<unknown>): Probe {
  return async (signal) => {
    const answer = await request(url, { signal });
    await answer.body.dump();
    if (answer.statusCode !== 200) return { version: null, trouble: `answers ${answer.statusCode}` };
    const refused = await checkKeys().then(
      () => false,
      (error: unknown) => {
        if (error instanceof AuraError) throw error;
        return true;
      },
    );
    // LiveKit tells its version to participants only.
    return refused ? { version: null, trouble: 'refuses our API key' } : { version: null };
  };
}

/**
 * A service of the wider platform. Its default address only means something inside that platform's network: where
 * that name does not resolve, nobody has configured it.
 */
export function platformProbe(url: string, defaultUrl: string): Probe {
  return async (signal) => {
    const { hostname } = new URL(url);
    if (url === defaultUrl && !(await resolves(hostname, signal))) return null;
    const answer = await request(`${url}/health`, { signal });
    await answer.body.dump();
    return answer.statusCode >= 500
      ? { version: null, trouble: `answers ${answer.statusCode}` }
      : { version: null };
  };
}

async function resolves(hostname: string, signal: AbortSignal): Promise<boolean> {
  const late = new Promise<false>((done) => {
    const timer = setTimeout(() => done(false), RESOLVE_TIMEOUT_MS);
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  });
  const found = lookup(hostname).then(
    () => true,
    () => false,
  );
  return await Promise.race([found, late]);
}

/** `url` as in COTURN_URL, e.g. `turn:turn.example.org:3478?transport=udp`; empty: none. */
export function stunProbe(url: string): Probe {
  return async (signal) => {
    if (url === '') return null;
    const found = /^turns?:(?:\[([^\]]+)\]|([^:?]+))(?::(\d+))?/.exec(url);
    if (found === null) return { version: null, trouble: 'COTURN_URL is not a turn: address' };
    const host = found[1] ?? found[2] ?? '';
    const answer = await stunBinding(host, Number(found[3] ?? DEFAULT_STUN_PORT), signal);
    return { version: softwareOf(answer) };
  };
}

async function stunBinding(host: string, port: number, signal: AbortSignal): Promise<Buffer> {
  const { address, family } = await lookup(host);
  const transaction = randomBytes(12);
  const head = Buffer.alloc(4);
  head.writeUInt16BE(STUN_BINDING_REQUEST, 0);
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
  try {
    return await new Promise<Buffer>((done, failed) => {
      signal.addEventListener('abort', () => failed(new Error('no answer')), { once: true });
      socket.on('error', failed);
      socket.on('message', (message) => {
        const ours = message.length >= STUN_HEADER_BYTES && message.subarray(8, 20).equals(transaction);
        if (ours && message.readUInt16BE(0) === STUN_BINDING_SUCCESS) done(message);
      });
      socket.send(Buffer.concat([head, STUN_MAGIC, transaction]), port, address, (error) => {
        if (error !== null) failed(error);
      });
    });
  } finally {
    socket.close();
  }
}

/** The SOFTWARE attribute (RFC 8489, 14.14), e.g. `Coturn-4.6.1 'Gorst'`. */
function softwareOf(message: Buffer): string | null {
  for (let at = STUN_HEADER_BYTES; at + 4 <= message.length; ) {
    const type = message.readUInt16BE(at);
    const length = message.readUInt16BE(at + 2);
    if (type === STUN_SOFTWARE) return message.toString('utf8', at + 4, at + 4 + length);
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return null;
}
