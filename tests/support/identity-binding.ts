/**
 * The stage of tests that bind addresses: a door whose messages are kept, another homeserver with a key, two accounts of
 * it, and the steps of proving and binding.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import tls from 'node:tls';
import {
  findPublicKey,
  publicKeyOf,
  signJson,
} from '../../auralink-communication-service/auralink-modules/identity-service/signed-json.ts';
import type {
  Messages,
  OutgoingMessage,
} from '../../auralink-communication-service/auralink-modules/messages/model.ts';
import type { MessageId } from '../../auralink-communication-service/core/ids.ts';
import { constellation, testDatabase } from '../harness.ts';
import { openIdentityDoor } from './identity-door.ts';
import { askIdentity, hashOf, lookupWorld, tokenFor } from './identity-lookup.ts';
import { makePrivateCa } from './private-ca.ts';

export const V2 = '/_matrix/identity/v2';
export const NAME = 'id.example.org';
export const { config } = constellation();
export const ca = makePrivateCa();
tls.setDefaultCACertificates([...tls.getCACertificates('default'), ca.certificate]);

/** Another homeserver: has a key, and is told of invitations. */
export const serverKey = generateKeyPairSync('ed25519');
export const told: Record<string, unknown>[] = [];
/** What the other homeserver says to being told. */
export const otherServer = { answers: 200 };
export const other = await ca.serve(['localhost'], (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    if (request.url === '/_matrix/key/v2/server') {
      const keys = {
        server_name: otherName,
        valid_until_ts: Date.now() + 3_600_000,
        verify_keys: { 'ed25519:x': { key: publicKeyOf(serverKey.publicKey) } },
      };
      const { privateKey } = serverKey;
      response.end(JSON.stringify(signJson(keys, otherName, { keyId: 'ed25519:x', privateKey })));
      return;
    }
    told.push(JSON.parse(Buffer.concat(chunks).toString()));
    response.statusCode = otherServer.answers;
    response.end('{}');
  });
});
export const otherName: string = `localhost:${other.port}`;

export const sent: OutgoingMessage[] = [];
export const used: string[] = [];
export const messages: Messages = {
  offers: () => true,
  enqueue: async (_tx, message) => {
    sent.push(message);
    return `m${sent.length}` as MessageId;
  },
  cancel: async () => {},
  codeUsed: async (_tx, id) => void used.push(id),
};
const address = await testDatabase();
export const door = await openIdentityDoor(
  address,
  { IDENTITY_SERVER_NAME: NAME, IDENTITY_ALLOWED_CIDRS: ['127.0.0.0/8', '::1/128'] },
  undefined,
  undefined,
  messages,
);
/** Another process of the same service. */
export const openBeside = () => openIdentityDoor(address, {}, door, undefined, messages);
export const { db, identity } = door;
export const world = lookupWorld(db, config.KEY_RING_PATH, config.SYNAPSE_SERVER_NAME);
let accounts = 0;
export async function account(server = otherName) {
  accounts += 1;
  const userId = `@user${accounts}:${server}`;
  return { userId, token: await tokenFor(db, userId) };
}
export type Account = Awaited<ReturnType<typeof account>>;
export const [alice, eve] = [await account(), await account()];
export const post = (path: string, body: unknown, token?: string, from?: string) =>
  askIdentity(door.baseUrl, 'POST', `${V2}${path}`, {
    body,
    ...(token !== undefined && { token }),
    ...(from !== undefined && { from }),
  });
export const unique = randomBytes(5).toString('hex');
let addresses = 0;
export const freshAddress = (): string => `a${++addresses}.${unique}@example.org`;
export const secret = (): string => randomBytes(12).toString('hex');

interface Asked {
  readonly sid: string;
  readonly client_secret: string;
  readonly token: string;
}
export async function request(
  who: Account,
  email: string,
  over: Record<string, unknown> = {},
): Promise<Asked> {
  const client_secret = String(over.client_secret ?? secret());
  const body = { client_secret, email, send_attempt: 1, ...over };
  const answer = await post('/validate/email/requestToken', body, who.token);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  const { text } = sent.at(-1)!.content;
  const token = new URL(/https?:\S+/.exec(text)![0]).searchParams.get('token') ?? '';
  return { sid: String(answer.body.sid), client_secret, token };
}
export async function validate(who: Account, email: string): Promise<Asked> {
  const asked = await request(who, email);
  assert.deepEqual((await post('/validate/email/submitToken', asked, who.token)).body, { success: true });
  return asked;
}
export const bind = (who: Account, { sid, client_secret }: Asked, mxid = who.userId) =>
  post('/3pid/bind', { sid, client_secret, mxid }, who.token);
export async function found(address: string): Promise<string | null> {
  const details = await askIdentity(door.baseUrl, 'GET', `${V2}/hash_details`, { token: eve.token });
  const pepper = String(details.body.lookup_pepper);
  const hash = hashOf('email', address, pepper);
  const body = { algorithm: 'sha256', pepper, addresses: [hash] };
  const answer = await post('/lookup', body, eve.token);
  return (answer.body.mappings as Record<string, string>)[hash] ?? null;
}
/** What the loops of a running service do. */
export async function settle(by = identity): Promise<void> {
  const { rows } = await db.pool.query<{ topic: string; payload: object }>(
    "SELECT topic, payload FROM outbox_events WHERE topic LIKE 'identity_service.%'",
  );
  const handlers = new Map([...by.outboxHandlers, ...by.farOutboxHandlers]);
  for (const { topic, payload } of rows) await handlers.get(topic)?.(payload, '');
  await db.pool.query("DELETE FROM outbox_events WHERE topic LIKE 'identity_service.%'");
}
export const [jwk] = (JSON.parse(config.IDENTITY_SIGNING_KEYS) as { keys: { kid: string; x: string }[] })
  .keys;
export const ourKey = findPublicKey(jwk!.x)!;
export const ourKeyId = `ed25519:${jwk!.kid}`;
