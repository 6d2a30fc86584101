/**
 * Accounts of the Matrix Identity Service through a real door: registered by an OpenID token of the real Synapse or of
 * another server that is found over TLS; what is forged, spent or somebody else's opens nothing.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import tls from 'node:tls';
import { testDatabase, constellation } from '../harness.ts';
import { openIdentityDoor } from '../support/identity-door.ts';
import { makeMatrixUser } from '../support/matrix-user.ts';
import { makePrivateCa } from '../support/private-ca.ts';

const V2 = '/_matrix/identity/v2';
const { config, urls } = constellation();
const ca = makePrivateCa();
tls.setDefaultCACertificates([...tls.getCACertificates('default'), ca.certificate]);

/** Another homeserver: vouches for whomever the token names. */
const asked: string[] = [];
const other = await ca.serve(['localhost'], (request, response) => {
  asked.push(request.url ?? '');
  const token = new URL(request.url ?? '', 'https://localhost').searchParams.get('access_token') ?? '';
  response.end(JSON.stringify({ sub: token.startsWith('@') ? token : undefined }));
});
const otherName = `localhost:${other.port}`;

const terms = { IDENTITY_TERMS_URL: 'https://example.org/terms?v=2', IDENTITY_TERMS_VERSION: '2' };
const address = await testDatabase();
const door = await openIdentityDoor(address, {
  IDENTITY_ALLOWED_CIDRS: ['127.0.0.0/8', '::1/128'],
  ...terms,
});
const strict = await openIdentityDoor(
  address,
  { PUBLIC_BASE_URL: 'http://localhost:1', IDENTITY_ALLOWED_CIDRS: [], IDENTITY_TERMS_URL: '' },
  door,
);

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}
async function ask(
  method: string,
  path: string,
  { token, body, at = door.baseUrl }: { token?: string; body?: unknown; at?: string } = {},
): Promise<Answer> {
  const answer = await fetch(`${at}${path}`, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  return {
    status: answer.status,
    headers: answer.headers,
    body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>,
  };
}
const register = (body: unknown, at?: string) =>
  ask('POST', `${V2}/account/register`, { body, ...(at !== undefined && { at }) });

test('versions, status and keys need no account and may be read from any origin', async () => {
  const versions = await ask('GET', '/_matrix/identity/versions');
  assert.ok((versions.body.versions as string[]).includes('v1.1'));
  assert.equal(versions.headers.get('access-control-allow-origin'), '*');
  assert.deepEqual((await ask('GET', V2)).body, {});
  const [jwk] = (JSON.parse(config.IDENTITY_SIGNING_KEYS) as { keys: { kid: string; x: string }[] }).keys;
  const standard = Buffer.from(jwk?.x ?? '', 'base64url')
    .toString('base64')
    .replace(/=+$/, '');
  const key = await ask('GET', `${V2}/pubkey/${encodeURIComponent(`ed25519:${jwk?.kid}`)}`);
  assert.deepEqual(key.body, { public_key: standard });
  assert.equal((await ask('GET', `${V2}/pubkey/ed25519:none`)).body.errcode, 'M_NOT_FOUND');
  const valid = async (text: string) =>
    (await ask('GET', `${V2}/pubkey/isvalid?public_key=${text}`)).body.valid;
  assert.equal(await valid(encodeURIComponent(standard)), true);
  assert.equal(await valid(standard), true, 'a + that became a blank');
  assert.equal(await valid(encodeURIComponent(jwk?.x ?? '')), true);
  assert.equal(await valid('A'.repeat(43)), false);
  assert.equal(await valid('%00'), undefined);
  assert.equal(
    (await ask('GET', `${V2}/pubkey/ephemeral/isvalid?public_key=${'A'.repeat(43)}`)).body.valid,
    false,
  );
  const preflight = await fetch(`${door.baseUrl}${V2}/lookup`, { method: 'OPTIONS' });
  assert.equal(preflight.status, 204);
  assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /Authorization/);
  const unknown = await ask('GET', `${V2}/nothing/here`);
  assert.deepEqual([unknown.status, unknown.body.errcode], [404, 'M_UNRECOGNIZED']);
});

test('an account of our homeserver registers by an OpenID token, once for each, and ends what it has', async () => {
  const alice = await makeMatrixUser(urls.synapse, config.APPSERVICE_AS_TOKEN);
  const openId = await alice.openId();
  const made = await register(openId);
  assert.equal(made.status, 200, JSON.stringify(made.body));
  const token = String(made.body.token);
  assert.deepEqual((await ask('GET', `${V2}/account`, { token })).body, { user_id: alice.userId });
  const again = await register(openId);
  assert.deepEqual([again.status, again.body.errcode], [401, 'M_UNAUTHORIZED'], 'a replay');
  const { rows } = await door.db.pool.query<{ token_hash: Buffer }>(
    'SELECT token_hash FROM identity_tokens WHERE matrix_user_id = $1',
    [alice.userId],
  );
  assert.deepEqual(rows, [{ token_hash: createHash('sha256').update(token).digest() }]);
  assert.deepEqual((await ask('POST', `${V2}/account/logout`, { token, body: {} })).body, {});
  const gone = await ask('GET', `${V2}/account`, { token });
  assert.deepEqual([gone.status, gone.body.errcode], [401, 'M_UNAUTHORIZED']);
});

test('another server vouches for its own accounts, and for nobody else', async () => {
  const eve = `@eve:${otherName}`;
  const made = await register({ access_token: eve, matrix_server_name: otherName, token_type: 'Bearer' });
  assert.equal(made.status, 200, JSON.stringify(made.body));
  const { body } = await ask('GET', `${V2}/account`, { token: String(made.body.token) });
  assert.equal(body.user_id, eve);
  const ours = config.SYNAPSE_SERVER_NAME;
  for (const sub of [
    `@alice:${ours}`,
    `@eve:${otherName}.evil`,
    `@eve:x:${otherName}`,
    `@e ve:${otherName}`,
    `@e\u200bve:${otherName}`,
    'none',
    '@:',
    '@eve',
  ]) {
    const refused = await register({ access_token: sub, matrix_server_name: otherName });
    assert.deepEqual([refused.status, refused.body.errcode], [401, 'M_UNAUTHORIZED'], sub);
  }
  const { rows } = await door.db.pool.query('SELECT FROM identity_tokens WHERE matrix_user_id LIKE $1', [
    '@alice%',
  ]);
  assert.equal(rows.length, 0);
});

test('names that lead inward are not asked, and look like servers that are not there', async () => {
  const before = asked.length;
  const nobody = await register({ access_token: 'x', matrix_server_name: 'localhost:1' }, strict.baseUrl);
  const names = [
    otherName,
    `127.0.0.1:${other.port}`,
    `127.1:${other.port}`,
    `[::1]:${other.port}`,
    '169.254.169.254',
  ];
  for (const matrix_server_name of names) {
    const answer = await register({ access_token: '@eve:x', matrix_server_name }, strict.baseUrl);
    assert.deepEqual([answer.status, answer.body], [nobody.status, nobody.body], matrix_server_name);
  }
  assert.equal(asked.length, before);
});

test('nothing but the account itself works until the terms are accepted', async () => {
  const bob = await makeMatrixUser(urls.synapse, config.APPSERVICE_AS_TOKEN);
  const token = String((await register(await bob.openId())).body.token);
  const { policies } = (await ask('GET', `${V2}/terms`)).body as {
    policies: { privacy_policy: { version: string; en: { url: string } } };
  };
  assert.equal(policies.privacy_policy.version, '2');
  const refused = await ask('GET', `${V2}/hash_details`, { token });
  assert.deepEqual([refused.status, refused.body.errcode], [403, 'M_TERMS_NOT_SIGNED']);
  assert.equal((await ask('GET', `${V2}/account`, { token })).status, 200);
  await ask('POST', `${V2}/terms`, { token, body: { user_accepts: ['https://example.org/other'] } });
  assert.equal((await ask('GET', `${V2}/hash_details`, { token })).status, 403);
  await ask('POST', `${V2}/terms`, { token, body: { user_accepts: [policies.privacy_policy.en.url] } });
  assert.equal((await ask('GET', `${V2}/hash_details`, { token })).status, 200);
  assert.deepEqual((await ask('GET', `${V2}/terms`, { at: strict.baseUrl })).body, { policies: {} });
});

test('bad input names its field, a missing or odd token opens nothing, too many tries are stopped', async () => {
  const bad: [unknown, string, number][] = [
    [{}, 'M_BAD_JSON', 400],
    [{ access_token: 'x', matrix_server_name: 'a b' }, 'M_INVALID_PARAM', 400],
    [{ access_token: 'x', matrix_server_name: 'a/../b' }, 'M_INVALID_PARAM', 400],
    [{ access_token: 7, matrix_server_name: 'a' }, 'M_BAD_JSON', 400],
    ['{', 'M_NOT_JSON', 400],
    [{ access_token: 'x'.repeat(70_000), matrix_server_name: 'a' }, 'M_TOO_LARGE', 413],
  ];
  for (const [body, errcode, status] of bad) {
    const answer = await register(body, strict.baseUrl);
    assert.deepEqual(
      [answer.status, answer.body.errcode],
      [status, errcode],
      JSON.stringify(body).slice(0, 80),
    );
    assert.equal(answer.headers.get('access-control-allow-origin'), '*');
  }
  for (const token of ['', 'nonsense', 'x'.repeat(5_000)]) {
    assert.equal((await ask('GET', `${V2}/account`, { token })).body.errcode, 'M_UNAUTHORIZED');
  }
  let limited: Answer | null = null;
  for (let i = 0; i < 40 && limited === null; i++) {
    const answer = await register({ access_token: `x${i}`, matrix_server_name: config.SYNAPSE_SERVER_NAME });
    if (answer.status === 429) limited = answer;
  }
  assert.equal(limited?.body.errcode, 'M_LIMIT_EXCEEDED');
  assert.ok(Number(limited?.headers.get('retry-after')) > 0);
});
