/**
 * A small Dashboard that speaks the contract of docs/api/webhooks.md and docs/api/internal.md: it publishes its keys,
 * signs its tokens, and receives, verifies and remembers webhooks. For tests and for trying things out.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { Webhook } from 'standardwebhooks';

/** What it answers to a webhook; null: nothing at all, until the other side gives up. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Received {
  readonly webhookId: string;
  readonly signature: string;
  readonly message: {
    readonly type: string;
    readonly timestamp: string;
    readonly data: Record<string, unknown>;
  };
}

export interface FakeDashboard {
  readonly url: string;
  readonly jwksUrl: string;
  readonly issuer: string;
  /** Verified webhooks, in the order in which they were taken (2xx), each id once. */
  readonly received: Received[];
  /** Every try with a good signature, taken or not. */
  readonly tries: Received[];
  /** Tries without one. */
  readonly forged: string[];
  /** How often its keys were fetched. */
  readonly keysFetched: () => number;
  /** The answer to what comes next. */
  answer: (received: Received) => Reply | null | Promise<Reply | null>;
  /** Secrets that it believes; any one may have signed. */
  secrets: string[];
  /** A fresh key signs from now on; `keepOld`: what the old one signed is believed too. */
  rotateKeys(options?: { readonly keepOld?: boolean }): Promise<void>;
  /** While false its keys cannot be had. */
  keysAreUp: boolean;
  token(scope: string, claims?: Record<string, unknown>): Promise<string>;
  /** Away: nothing listens any more. `up` brings it back at the same address. */
  down(): Promise<void>;
  up(): Promise<void>;
}

interface Key {
  readonly kid: string;
  readonly privateKey: Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];
  readonly jwk: JWK;
}

async function newKey(): Promise<Key> {
  const kid = randomUUID();
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' } };
}

export async function openFakeDashboard(audience: string, issuer: string): Promise<FakeDashboard> {
  const signing = { current: await newKey(), published: [] as JWK[] };
  signing.published = [signing.current.jwk];
  let fetched = 0;
  const server = createServer((request, response) => {
    if (request.url === '/jwks.json') {
      fetched += 1;
      const body = JSON.stringify({ keys: signing.published });
      response.writeHead(self.keysAreUp ? 200 : 500, { 'content-type': 'application/json' }).end(body);
      return;
    }
    receive(self, request, response).catch(() => response.destroy());
  });
  const listen = (port: number) =>
    new Promise<void>((resolve) => server.listen(port, '127.0.0.1', () => resolve()));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const self: FakeDashboard = {
    url: `http://127.0.0.1:${port}`,
    jwksUrl: `http://127.0.0.1:${port}/jwks.json`,
    issuer,
    received: [],
    tries: [],
    forged: [],
    keysFetched: () => fetched,
    answer: () => ({ status: 204 }),
    secrets: [],
    keysAreUp: true,
    async rotateKeys({ keepOld = false } = {}) {
      const old = signing.published;
      signing.current = await newKey();
      signing.published = [signing.current.jwk, ...(keepOld ? old : [])];
    },
    token(scope, claims = {}) {
      const now = Math.floor(Date.now() / 1_000);
      const payload = { iss: issuer, aud: audience, sub: 'dashboard', scope, jti: randomUUID(), iat: now };
      return new SignJWT({ ...payload, exp: now + 300, ...claims })
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: signing.current.kid })
        .sign(signing.current.privateKey);
    },
    down: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
    up: () => listen(port),
  };
  return self;
}

async function receive(on: FakeDashboard, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString('utf8');
  if (request.method !== 'POST' || request.url !== '/webhooks/auralink')
    return void response.writeHead(404).end();
  const headers = request.headers as Record<string, string>;
  const message = verified(on.secrets, body, headers);
  if (message === null) {
    on.forged.push(body);
    return void response.writeHead(401).end();
  }
  const received: Received = {
    webhookId: headers['webhook-id'] ?? '',
    signature: headers['webhook-signature'] ?? '',
    message: message as Received['message'],
  };
  on.tries.push(received);
  const reply = await on.answer(received);
  if (reply === null) return;
  const isKnown = on.received.some(({ webhookId }) => webhookId === received.webhookId);
  if (reply.status >= 200 && reply.status < 300 && !isKnown) on.received.push(received);
  response.writeHead(reply.status, reply.headers).end();
}

/** What it says, if any one of the secrets signed it within five minutes; null else. */
function verified(secrets: readonly string[], body: string, headers: Record<string, string>): unknown {
  for (const secret of secrets) {
    try {
      return new Webhook(secret).verify(body, headers);
    } catch {
      // Another secret may have.
    }
  }
  return null;
}
