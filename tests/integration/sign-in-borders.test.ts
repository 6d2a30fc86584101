/**
 * What sign-in refuses: forged, foreign, expired and disabled tokens, forged devices, bad input, foreign origins,
 * guessing.
 */
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { before, test } from 'node:test';
import { decodeJwt, importJWK, type JWK, SignJWT } from 'jose';
import { LOOK_UP_LIMIT } from '../../auralink-communication-service/auralink-modules/auraid/sign-in.ts';
import { LEASE_HITS_MAX } from '../../auralink-communication-service/store/leased-limits.ts';
import { Browser } from '../fakes/browser.ts';
import { testDatabase } from '../harness.ts';
import { api, openIdentityDoor, PASSWORD, problem, registerPerson } from '../support/identity-door.ts';

const address = await testDatabase();
const door = await openIdentityDoor(address);
/** Two processes share the origin's port: connections land on either. */
await openIdentityDoor(address, {}, door, Number(new URL(door.baseUrl).port));
const invitationCode = door.config.REGISTRATION_TOKEN;

before(() => registerPerson(door, 'anna'));

async function status(path: string, token: string, headers: Record<string, string> = {}): Promise<number> {
  return (await api(door, path, token, { headers })).status;
}

async function register(browser: Browser, body: object): Promise<Response> {
  const authorization = await browser.authorize(door.phone);
  return browser.act(authorization, { register: body as never });
}

test('a device key that somebody made up, or altered, is not believed', async () => {
  const { browser } = await registerPerson(door, 'claire');
  const cookie = browser.cookies.find((c) => c.name === 'auralink_device');
  assert.ok(cookie !== undefined);
  const [deviceKey = '', signature = ''] = cookie.value.split('.');
  for (const forged of [deviceKey, `${deviceKey}.`, `${randomUUID()}.${signature}`, `${deviceKey}.AAAA`]) {
    const attacker = new Browser(door.baseUrl);
    attacker.cookies.push({ name: 'auralink_device', value: forged, path: '/' });
    const tokens = await attacker.signIn(door.phone, { login: { user: 'claire', password: PASSWORD } });
    const { rows } = await door.db.pool.query('SELECT device_key FROM endpoints WHERE endpoint_id = $1', [
      decodeJwt(tokens.accessToken).endpoint_id,
    ]);
    assert.notEqual(rows[0].device_key, deviceKey);
    assert.match(rows[0].device_key, /^[0-9a-f-]{36}$/);
  }
});

test('a token of another issuer, audience, algorithm, age, app or key is refused', async () => {
  const { tokens } = await registerPerson(door, 'ida');
  const keys = JSON.parse(door.config.OIDC_SIGNING_KEYS) as { keys: JWK[] };
  const jwk = keys.keys[0];
  assert.ok(jwk !== undefined);
  const good = decodeJwt(tokens.accessToken);
  const forge = async (claims: object, header: object = {}, key?: Parameters<SignJWT['sign']>[0]) =>
    new SignJWT({ ...good, ...claims })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: String(jwk.kid), ...header })
      .sign(key ?? (await importJWK(jwk, 'ES256')));
  assert.equal(await status('/_auralink/v1/me', await forge({})), 200, 'the forge itself works');
  const past = Math.floor(Date.now() / 1000) - 5;
  const stranger = (
    await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
  ).privateKey;
  const other = await registerPerson(door, 'irma');
  const bad: Record<string, string> = {
    issuer: await forge({ iss: 'https://evil.example' }),
    audience: await forge({ aud: 'urn:other' }),
    expired: await forge({ iat: past - 600, exp: past }),
    type: await forge({}, { typ: 'JWT' }),
    key: await forge({}, {}, stranger),
    hmac: await forge({}, { alg: 'HS256' }, new TextEncoder().encode(JSON.stringify(jwk))),
    person: await forge({ sub: decodeJwt(other.tokens.accessToken).sub }),
    app: await forge({ client_id: 'chat' }),
    endpoint: await forge({ endpoint_id: randomUUID() }),
    'not an endpoint': await forge({ endpoint_id: 'x' }),
    'id token': tokens.idToken,
    garbage: 'x.y.z',
  };
  for (const [name, token] of Object.entries(bad))
    assert.equal(await status('/_auralink/v1/me', token), 401, name);
  const none = await fetch(`${door.baseUrl}/_auralink/v1/me`);
  assert.deepEqual([none.status, (await problem(none)).errcode], [401, 'M_MISSING_TOKEN']);
});

test('a verified token is refused once it has expired, although it is remembered', async () => {
  const { tokens } = await registerPerson(door, 'ilse');
  const keys = JSON.parse(door.config.OIDC_SIGNING_KEYS) as { keys: JWK[] };
  const jwk = keys.keys[0] as JWK;
  const exp = Math.floor(Date.now() / 1000) + 1;
  const brief = await new SignJWT({ ...decodeJwt(tokens.accessToken), exp })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: String(jwk.kid) })
    .sign(await importJWK(jwk, 'ES256'));
  const answers: number[] = [];
  // Until its second is over: asked again and again, so that the memory is what answers.
  while (Date.now() < exp * 1000 + 50) answers.push(await status('/_auralink/v1/me', brief));
  assert.equal(answers[0], 200);
  const last = await api(door, '/_auralink/v1/me', brief);
  assert.deepEqual([last.status, (await problem(last)).reason], [401, 'token_expired']);
});

test('a foreign origin and a missing scope are refused', async () => {
  const { browser, tokens } = await registerPerson(door, 'jana');
  assert.equal(await status('/_auralink/v1/me', tokens.accessToken, { origin: door.baseUrl }), 200);
  const foreign = await api(door, '/_auralink/v1/me', tokens.accessToken, {
    headers: { origin: 'https://evil.example' },
  });
  assert.deepEqual([foreign.status, (await problem(foreign)).reason], [403, 'foreign_origin']);
  const chat = await browser.signIn(
    door.chat,
    { login: { user: 'x', password: 'x' } },
    { scope: 'openid call.place' },
  );
  const chatOrigin = new URL(door.chat.redirectUri).origin;
  assert.equal(await status('/_auralink/v1/me', chat.accessToken, { origin: chatOrigin }), 200);
  const refused = await api(door, '/_auralink/v1/resolve/jana', chat.accessToken);
  assert.deepEqual([refused.status, (await problem(refused)).reason], [403, 'missing_scope']);
  const market = new URL(door.baseUrl).origin.replace('localhost', 'market.localhost');
  assert.equal(
    await status('/_auralink/v1/me', chat.accessToken, { origin: market }),
    403,
    "another app's origin",
  );
});

test('an app gets no scope that it is not registered for', async () => {
  const { browser } = await registerPerson(door, 'karla');
  const tokens = await browser.signIn(
    door.chat,
    { login: { user: 'x', password: 'x' } },
    { scope: 'openid call.place contacts.read notify.send' },
  );
  assert.equal(decodeJwt(tokens.accessToken).scope, 'call.place');
});

test('a disabled app and a suspended person are shut out at once', async () => {
  const { tokens } = await registerPerson(door, 'lena');
  const { pool } = door.db;
  await pool.query("UPDATE apps SET disabled_at = now(), disabled_by = 'operator' WHERE app_id = 'phone'");
  const shutOut = await status('/_auralink/v1/me', tokens.accessToken);
  await pool.query("UPDATE apps SET disabled_at = NULL, disabled_by = NULL WHERE app_id = 'phone'");
  assert.equal(shutOut, 401);
  assert.equal(await status('/_auralink/v1/me', tokens.accessToken), 200);
  await pool.query("UPDATE aura_id_registry SET state = 'suspended' WHERE aura_id = '@lena.aura'");
  assert.equal(await status('/_auralink/v1/me', tokens.accessToken), 401);
  const browser = new Browser(door.baseUrl);
  const answer = await browser.act(await browser.authorize(door.chat), {
    login: { user: 'lena', password: PASSWORD },
  });
  assert.equal(answer.status, 401);
});

test('the sign-in page: bad input has its clear error, and nothing is made', async () => {
  const { rows: before } = await door.db.pool.query('SELECT count(*)::int AS n FROM aura_id_registry');
  const browser = new Browser(door.baseUrl);
  const cases: readonly [object, number, string][] = [
    [{ auraId: 'mona', password: PASSWORD, invitationCode: 'wrong' }, 403, 'bad_invitation'],
    [{ auraId: 'admin', password: PASSWORD, invitationCode }, 400, 'reserved'],
    [{ auraId: 'a', password: PASSWORD, invitationCode }, 400, 'too_short'],
    [{ auraId: 'mona', password: 'short', invitationCode }, 400, 'invalid'],
    [{ auraId: 'mona', password: 'aaaaaaaaaaaa', invitationCode }, 400, 'invalid'],
    [{ auraId: 'mona', displayName: 'a\u202eb', password: PASSWORD, invitationCode }, 400, 'invalid'],
    [{ auraId: 'mona', password: PASSWORD, invitationCode, admin: true }, 400, 'invalid'],
    [{ auraId: 7, password: PASSWORD, invitationCode }, 400, 'invalid'],
    [{ auraId: 'anna', password: PASSWORD, invitationCode }, 409, 'taken'],
    [{ auraId: 'an.na', password: PASSWORD, invitationCode }, 409, 'taken'],
    [{ auraId: 'mona\0', password: PASSWORD, invitationCode }, 400, 'bad_character'],
    [{ auraId: 'mona\ud800', password: PASSWORD, invitationCode }, 400, 'bad_character'],
    [{ auraId: 'mona', displayName: 'a\0b', password: PASSWORD, invitationCode }, 400, 'invalid'],
    [{ auraId: 'mona', password: `${PASSWORD}\0`, invitationCode }, 400, 'invalid'],
    [{ auraId: 'mona', password: `${PASSWORD}\ud800`, invitationCode }, 400, 'invalid'],
  ];
  for (const [body, wanted, reason] of cases) {
    const answer = await register(browser, body);
    const got = await problem(answer);
    assert.deepEqual([answer.status, got.reason], [wanted, reason], JSON.stringify(body));
  }
  const { rows: later } = await door.db.pool.query('SELECT count(*)::int AS n FROM aura_id_registry');
  assert.equal(later[0].n, before[0].n);
});

test('a NUL or half a character is bad input wherever the sign-in takes a text', async () => {
  const browser = new Browser(door.baseUrl);
  const authorization = await browser.authorize(door.phone);
  for (const bad of ['\0', '\ud800']) {
    for (const login of [
      { user: `anna${bad}`, password: PASSWORD },
      { user: `@anna${bad}:auralink.network`, password: PASSWORD },
      { user: 'anna', password: `${PASSWORD}${bad}` },
    ]) {
      const answer = await browser.act(authorization, { login });
      assert.deepEqual(
        [answer.status, (await problem(answer)).reason],
        [400, 'invalid'],
        JSON.stringify(login),
      );
    }
  }
  await assert.rejects(browser.authorize({ ...door.chat, clientId: 'a\0b' }), / 400: /);
  await assert.rejects(browser.authorize(door.chat, { nonce: 'a\0b' }), / 400: /);
  const fields: readonly Record<string, string>[] = [
    { grant_type: 'authorization_code', client_id: 'a\0b', code: 'x', redirect_uri: 'x', code_verifier: 'x' },
    {
      grant_type: 'authorization_code',
      client_id: 'chat',
      code: 'a\0b',
      redirect_uri: 'x',
      code_verifier: 'x',
    },
    { grant_type: 'refresh_token', client_id: 'chat', refresh_token: 'a\0b' },
  ];
  for (const form of fields) {
    const { status: answered } = await browser.token(form);
    assert.ok([400, 401].includes(answered), `${answered} ${JSON.stringify(form)}`);
  }
  const revoked = await fetch(`${door.baseUrl}/oidc/token/revocation`, {
    method: 'POST',
    body: new URLSearchParams({ client_id: 'chat', token: 'a\0b' }),
  });
  assert.equal(revoked.status, 200, 'there is no such token (RFC 7009, 2.2)');
});

test('the sign-in page needs its own cookie and our own origin', async () => {
  const browser = new Browser(door.baseUrl);
  const authorization = await browser.authorize(door.phone);
  const way = { login: { user: 'anna', password: PASSWORD } };
  const foreign = await browser.act(authorization, way, { origin: 'https://evil.example' });
  assert.deepEqual([foreign.status, (await problem(foreign)).reason], [403, 'foreign_origin']);
  const stranger = new Browser(door.baseUrl);
  const without = await stranger.act(authorization, way);
  assert.deepEqual([without.status, (await problem(without)).reason], [404, 'interaction_over']);
  const other = await stranger.authorize(door.phone);
  for (const c of stranger.cookies.filter((c) => c.name.startsWith('auralink_interaction'))) {
    stranger.cookies.push({ ...c, path: '/' });
  }
  const swapped = await stranger.act({ ...other, uid: authorization.uid }, way);
  assert.equal(swapped.status, 404, "another interaction's cookie does not do");
});

test('an unregistered redirect, a missing PKCE challenge and an unknown app are refused without a redirect', async () => {
  const browser = new Browser(door.baseUrl);
  await assert.rejects(browser.authorize({ ...door.chat, redirectUri: 'https://evil.example/' }), /400/);
  await assert.rejects(browser.authorize({ ...door.chat, clientId: 'nobody' }), /400/);
  const plain = await browser.authorize(door.chat, { code_challenge: '' });
  assert.equal(plain.error, 'invalid_request');
});

test('CORS of the token endpoint: registered apps only, in preflight and answer', async () => {
  const { browser } = await registerPerson(door, 'olga');
  const chatOrigin = new URL(door.chat.redirectUri).origin;
  const preflight = (origin: string) =>
    fetch(`${door.baseUrl}/oidc/token`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    });
  const yes = await preflight(chatOrigin);
  assert.deepEqual([yes.status, yes.headers.get('access-control-allow-origin')], [204, chatOrigin]);
  const no = await preflight('https://evil.example');
  assert.equal(no.headers.get('access-control-allow-origin'), null);
  const authorization = await browser.authorize(door.chat);
  const fields = {
    grant_type: 'authorization_code',
    client_id: 'chat',
    redirect_uri: door.chat.redirectUri,
    code: authorization.code ?? '',
    code_verifier: authorization.verifier,
  };
  const foreign = await browser.token(fields, { origin: 'https://evil.example' });
  assert.equal(foreign.status, 400);
  assert.equal(foreign.headers.get('access-control-allow-origin'), null);
  const own = await browser.token(fields, { origin: chatOrigin });
  assert.deepEqual([own.status, own.headers.get('access-control-allow-origin')], [200, chatOrigin]);
});

test('whoever is no balancer of ours does not choose the names that sign-in goes by', async () => {
  const issuer = { PUBLIC_BASE_URL: 'https://sign-in.example' };
  const alone = await openIdentityDoor(address, issuer, door);
  const behind = await openIdentityDoor(address, { ...issuer, TRUSTED_PROXY_CIDRS: ['127.0.0.0/8'] }, door);
  const names = async (url: string): Promise<string> => {
    const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'other.example' };
    const answer = await fetch(`${url}/oidc/.well-known/openid-configuration`, { headers });
    return ((await answer.json()) as { token_endpoint: string }).token_endpoint;
  };
  assert.equal(new URL(await names(behind.baseUrl)).host, 'other.example', 'a balancer is believed');
  assert.notEqual(new URL(await names(alone.baseUrl)).host, 'other.example');
  // Signing in does not hang on those headers: the issuer is https, so its cookies are.
  const asked = new URLSearchParams({
    client_id: door.phone.clientId,
    redirect_uri: door.phone.redirectUri,
    response_type: 'code',
    scope: 'openid',
    code_challenge: createHash('sha256').update('verifier').digest('base64url'),
    code_challenge_method: 'S256',
  });
  for (const { baseUrl } of [alone, behind]) {
    const answer = await fetch(`${baseUrl}/oidc/auth?${asked}`, {
      headers: { 'x-forwarded-proto': 'https' },
      redirect: 'manual',
    });
    assert.equal(answer.status, 303, await answer.text());
    for (const cookie of answer.headers.getSetCookie()) assert.match(cookie, /; secure/i);
  }
});

test('looking up addresses is limited for each person, over all processes', async () => {
  const { tokens } = await registerPerson(door, 'tilda');
  const other = await registerPerson(door, 'tessa');
  const lookUp = (token: string) => api(door, '/_auralink/v1/resolve/anna', token);
  const answers: Response[] = [];
  // A window may end in between; then the next one is full at the latest.
  while (answers.at(-1)?.status !== 429 && answers.length <= 2 * LOOK_UP_LIMIT.hits) {
    answers.push(await lookUp(tokens.accessToken));
  }
  // Hits are taken several at a time, so the last ones of a window may go unused.
  const unused = 2 * LEASE_HITS_MAX;
  assert.ok(answers.length > LOOK_UP_LIMIT.hits - unused, `${answers.length} before a refusal`);
  const last = answers.at(-1);
  assert.equal(last?.status, 429);
  assert.ok(Number(last?.headers.get('retry-after')) > 0);
  assert.equal((await lookUp(other.tokens.accessToken)).status, 200, 'of somebody else nothing is counted');
});

test('guessing at a password is limited, over all processes', async () => {
  await registerPerson(door, 'sonja');
  const browser = new Browser(door.baseUrl);
  const authorization = await browser.authorize(door.chat);
  const guess = () =>
    // A balancer tells who asks: a person of her own, so that other tests are not slowed.
    browser.act(
      authorization,
      { login: { user: 'sonja', password: 'wrong guess' } },
      { 'x-forwarded-for': '203.0.113.7' },
    );
  const answers: Response[] = [];
  for (let i = 0; i < 11; i++) answers.push(await guess());
  assert.deepEqual(
    answers.map((a) => a.status),
    [...Array.from({ length: 10 }, () => 401), 429],
  );
  assert.ok(Number(answers.at(-1)?.headers.get('retry-after')) > 0);
});

test('without the database everything is refused with 503 and Retry-After, and nobody gets in', async () => {
  const browser = new Browser(door.baseUrl);
  const { uid } = await browser.authorize(door.chat);
  const { tokens } = await registerPerson(door, 'ursula');
  const lonely = await openIdentityDoor({ ...address, port: 9 }, {}, door);
  const json = { 'content-type': 'application/json', origin: door.baseUrl };
  const login = JSON.stringify({ user: 'anna', password: PASSWORD });
  const register = JSON.stringify({ auraId: 'ulla', password: PASSWORD, invitationCode });
  const refresh = new URLSearchParams({
    grant_type: 'refresh_token',
    client_id: 'phone',
    refresh_token: 'x',
  });
  const requests: readonly [string, RequestInit][] = [
    ['/_auralink/v1/me', { headers: { authorization: `Bearer ${tokens.accessToken}` } }],
    ['/_auralink/v1/names/ulla', {}],
    ['/_auralink/v1/config', {}],
    ['/oidc/auth?client_id=chat', {}],
    ['/oidc/token', { method: 'POST', body: refresh }],
    [`/oidc/interaction/${uid}/login`, { method: 'POST', headers: json, body: login }],
    [`/oidc/interaction/${uid}/register`, { method: 'POST', headers: json, body: register }],
  ];
  for (const [path, init] of requests) {
    const cookie = browser.cookies.map((c) => `${c.name}=${c.value}`).join('; ');
    const answer = await fetch(`${lonely.baseUrl}${path}`, { ...init, headers: { cookie, ...init.headers } });
    assert.equal(answer.status, 503, path);
    assert.ok(Number(answer.headers.get('retry-after')) >= 1, path);
  }
});
