/**
 * The Matrix Identity Service with a real Matrix client (matrix-js-sdk), real SMTP and SMPP servers, and the real Synapse,
 * which speaks with it over TLS under a private authority: every flow that Matrix clients know, from the OpenID token to
 * the invitation that arrives once an address is bound.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { request as forward } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import tls from 'node:tls';
import { createClient, type MatrixClient } from 'matrix-js-sdk';
import { ownConstellation, testDataDir } from '../harness.ts';
import { eventually } from '../support/eventually.ts';
import { type MatrixUser, makeMatrixUser } from '../support/matrix-user.ts';
import { openPostbox } from '../support/postbox.ts';
import { makePrivateCa } from '../support/private-ca.ts';

/** A message is sent, and another server told, by a loop. */
const WITHIN_MS = 30_000;
const ca = makePrivateCa();
tls.setDefaultCACertificates([...tls.getCACertificates('default'), ca.certificate]);
// Synapse finds its authorities there, and nobody else's.
process.env.SSL_CERT_FILE = ca.path;
let publicUrl = '';
/** What an operator's balancer does. */
const front = await ca.serve(['localhost'], (incoming, outgoing) => {
  const { method, headers, url = '/' } = incoming;
  const onwards = forward(`${publicUrl}${url}`, { method, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  onwards.once('error', () => outgoing.destroy());
  incoming.pipe(onwards);
});
const idServer = `localhost:${front.port}`;
const postbox = await openPostbox();
const NAME = 'matrix-identity';
mkdirSync(testDataDir(NAME), { recursive: true, mode: 0o755 });
// Synapse speaks with no inward address unless it is told to; here everything is on one machine.
writeFileSync(
  join(testDataDir(NAME), 'homeserver.overlay.yaml'),
  'ip_range_blacklist: []\nfederation_ip_range_blacklist: []\n',
);
const constellation = await ownConstellation(NAME, {
  env: { IDENTITY_SERVER_NAME: idServer, ...postbox.env },
});
publicUrl = constellation.urls.public;
const asToken = constellation.settings.config.APPSERVICE_AS_TOKEN;
const unique = randomBytes(4).toString('hex');
const secret = (): string => randomBytes(12).toString('hex');

interface Person {
  readonly user: MatrixUser;
  readonly client: MatrixClient;
  /** At the Identity Service. */
  readonly token: string;
}

async function person(name: string): Promise<Person> {
  const user = await makeMatrixUser(publicUrl, asToken, name);
  let token = '';
  const client = createClient({
    baseUrl: publicUrl,
    idBaseUrl: `https://${idServer}`,
    accessToken: user.accessToken,
    userId: user.userId,
    deviceId: user.deviceId,
    identityServer: { getAccessToken: async () => token },
  });
  ({ token } = await client.registerWithIdentityServer(await client.getOpenIdToken()));
  return { user, client, token };
}
const found = async ({ client, token }: Person, address: string, medium: string) =>
  (await client.identityHashedLookup([[address, medium]], token)).map(({ mxid }) => mxid);

/** Opens the link of the e-mail and presses the button there. */
async function press(email: string, since: number): Promise<void> {
  const { text } = await postbox.messageTo(email, { since, withinMs: WITHIN_MS });
  const link = new URL(/https:\S+submitToken\S+/.exec(text)?.[0] ?? '');
  const page = await (await fetch(link)).text();
  assert.match(page, /<form method="post"/);
  const done = await fetch(`${link.origin}${link.pathname}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: link.search.slice(1),
  });
  assert.equal(done.status, 200, await done.text());
}

async function proveEmail({ client, token }: Person, email: string) {
  const client_secret = secret();
  const since = postbox.received.length;
  const { sid } = await client.requestEmailToken(email, client_secret, 1, undefined, token);
  await press(email, since);
  return { sid, client_secret };
}

/** Through the homeserver, as clients do. */
const bind = ({ client, token }: Person, session: { sid: string; client_secret: string }) =>
  client.bindThreePid({ ...session, id_server: idServer, id_access_token: token });

const alice = await person('alice');
const bob = await person('bob');

test('an e-mail address is proved by its link, bound through Synapse, found by others, and unbound by Synapse’s signature', async () => {
  const email = `alice.${unique}@example.org`;
  assert.deepEqual(await found(bob, email, 'email'), []);
  const session = await proveEmail(alice, email);
  await bind(alice, session);
  assert.deepEqual(await found(bob, email.toUpperCase(), 'email'), [alice.user.userId]);
  const { id_server_unbind_result: result } = await alice.client.unbindThreePid('email', email);
  assert.equal(result, 'success');
  assert.deepEqual(await found(bob, email, 'email'), []);
});

test('a number is proved by the code of an SMS, bound, found and unbound', async () => {
  const [national, number] = ['07400 123456', '447400123456'];
  const client_secret = secret();
  const asked = await alice.client.requestMsisdnToken(
    'GB',
    national,
    client_secret,
    1,
    undefined,
    alice.token,
  );
  const { text } = await postbox.messageTo(`+${number}`, { withinMs: WITHIN_MS });
  const code = /^\d{6}/.exec(text)?.[0] ?? '';
  const wrong = code === '000000' ? '000001' : '000000';
  await assert.rejects(
    alice.client.submitMsisdnToken(asked.sid, client_secret, wrong, alice.token),
    /M_TOKEN_INCORRECT/,
  );
  const { success } = await alice.client.submitMsisdnToken(asked.sid, client_secret, code, alice.token);
  assert.equal(success, true);
  await bind(alice, { sid: asked.sid, client_secret });
  assert.deepEqual(await found(bob, number, 'msisdn'), [alice.user.userId]);
  await alice.client.unbindThreePid('msisdn', number);
  assert.deepEqual(await found(bob, number, 'msisdn'), []);
});

test('what alice proved, bob cannot bind through Synapse', async () => {
  const email = `only.${unique}@example.org`;
  const session = await proveEmail(alice, email);
  await assert.rejects(bind(bob, session));
  assert.deepEqual(await found(bob, email, 'email'), []);
});

test('who is invited by e-mail gets the invitation into the room once she binds the address', async () => {
  const email = `bob.${unique}@example.org`;
  const since = postbox.received.length;
  const { room_id: roomId } = await alice.client.createRoom({ name: 'A room for two' });
  await alice.client.inviteByEmail(roomId, email);
  const letter = await postbox.messageTo(email, { since, withinMs: WITHIN_MS });
  assert.match(letter.text, /A room for two/);
  assert.ok(letter.text.includes(roomId));
  await bind(bob, await proveEmail(bob, email));
  await eventually(async () => {
    const { membership } = await alice.client.getStateEvent(roomId, 'm.room.member', bob.user.userId);
    assert.equal(membership, 'invite');
  }, WITHIN_MS);
  await bob.client.joinRoom(roomId);
  // Bound by now: Synapse finds the account and invites it itself.
  const { room_id: second } = await alice.client.createRoom({});
  await alice.client.inviteByEmail(second, email);
  await bob.client.joinRoom(second);
});

test('a token that was given back opens nothing', async () => {
  const carol = await person('carol');
  const logout = await fetch(`https://${idServer}/_matrix/identity/v2/account/logout`, {
    method: 'POST',
    headers: { authorization: `Bearer ${carol.token}`, 'content-type': 'application/json' },
    body: '{}',
  });
  assert.equal(logout.status, 200);
  await assert.rejects(carol.client.getIdentityHashDetails(carol.token), /M_UNAUTHORIZED/);
});
