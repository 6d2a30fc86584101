/**
 * `/internal/matrix/register`: who may come in, with which token, and what the Dashboard gets; real PostgreSQL, real
 * Synapse, the Dashboard's keys by file and by HTTP.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { Browser } from '../fakes/browser.ts';
import { testDatabase } from '../harness.ts';
import { api, openIdentityDoor, PASSWORD, problem } from '../support/identity-door.ts';

const folder = mkdtempSync(join(tmpdir(), 'aura-internal-'));
after(() => rmSync(folder, { recursive: true }));
const dashboard = await generateKeyPair('EdDSA', { extractable: true });
const stranger = await generateKeyPair('EdDSA');
const jwks = { keys: [{ ...(await exportJWK(dashboard.publicKey)), kid: 'd1', alg: 'EdDSA', use: 'sig' }] };
const jwksFile = join(folder, 'dashboard.jwks');
writeFileSync(jwksFile, JSON.stringify(jwks));

const address = await testDatabase();
const door = await openIdentityDoor(address, {
  DASHBOARD_JWKS_FILE: jwksFile,
  INTERNAL_ALLOWED_CIDRS: ['10.1.0.0/16', 'fd00:1::/32'],
});
const second = await openIdentityDoor(address, {}, door);
const URL_PATH = '/internal/matrix/register';

interface TokenChanges {
  readonly claims?: Record<string, unknown>;
  readonly header?: Record<string, unknown>;
  readonly without?: readonly string[];
  readonly key?: Parameters<SignJWT['sign']>[0];
}

async function serviceToken({
  claims = {},
  header = {},
  without = [],
  key,
}: TokenChanges = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const payload: Record<string, unknown> = {
    iss: door.config.DASHBOARD_ISSUER,
    aud: door.config.DASHBOARD_AUDIENCE,
    sub: 'dashboard',
    scope: 'matrix.register',
    jti: randomUUID(),
    iat: now,
    exp: now + 300,
    ...claims,
  };
  for (const name of without) delete payload[name];
  return new SignJWT(payload)
    .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: 'd1', ...header })
    .sign(key ?? dashboard.privateKey);
}

interface Answer {
  readonly auraId: string;
  readonly matrixUserId: string;
  readonly signInCode: string | null;
  readonly signInCodeExpiresAt: string | null;
}

async function register(body: object, token?: string, on = door): Promise<Response> {
  return api(on, URL_PATH, token ?? (await serviceToken()), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

async function registered(body: object, wanted: 200 | 201): Promise<Answer> {
  const answer = await register(body);
  assert.equal(answer.status, wanted);
  return (await answer.json()) as Answer;
}

/** Uses the code on the page; resolves to its status. */
async function useCode(code: string, newPassword = PASSWORD): Promise<number> {
  const browser = new Browser(door.baseUrl);
  const authorization = await browser.authorize(door.phone);
  return (await browser.act(authorization, { code: { code, newPassword } })).status;
}

test('a Dashboard user gets an address, an account and a code; never a token', async () => {
  const answer = await register({ dashboardUserId: 'd-anna', auraId: 'anna', displayName: ' Anna  Ä ' });
  assert.equal(answer.status, 201);
  const body = (await answer.json()) as Answer;
  assert.deepEqual(Object.keys(body).sort(), ['auraId', 'matrixUserId', 'signInCode', 'signInCodeExpiresAt']);
  assert.equal(body.auraId, '@anna.aura');
  assert.match(body.matrixUserId, /^@u[0-9a-f]{32}:/);
  assert.equal(Buffer.from(body.signInCode ?? '', 'base64url').length, 16);
  const hours = (Date.parse(body.signInCodeExpiresAt ?? '') - Date.now()) / 3_600_000;
  assert.ok(hours > 23.9 && hours < 24.1);
  const { rows } = await door.db.pool.query('SELECT display_name FROM aura_id_registry');
  assert.equal(rows[0].display_name, 'Anna Ä');
  // Only the hash is stored.
  const stored = await door.db.pool.query("SELECT encode(code_hash, 'escape') AS hash FROM sign_in_codes");
  assert.ok(!JSON.stringify(stored.rows).includes(body.signInCode ?? '-'));
});

test('a retry answers the same ids and a fresh code, which voids the older one', async () => {
  const request = { dashboardUserId: 'd-berta', auraId: 'berta' };
  const one = await registered(request, 201);
  const two = await registered(request, 200);
  assert.deepEqual([two.auraId, two.matrixUserId], [one.auraId, one.matrixUserId]);
  assert.notEqual(two.signInCode, one.signInCode);
  assert.equal(await useCode(one.signInCode ?? ''), 401);
  assert.equal(await useCode(two.signInCode ?? ''), 200);
  assert.equal(await useCode(two.signInCode ?? ''), 401, 'a code works once');
  const three = await registered(request, 200);
  assert.deepEqual([three.signInCode, three.signInCodeExpiresAt], [null, null]);
  const browser = new Browser(door.baseUrl);
  await browser.signIn(door.phone, { login: { user: 'berta', password: PASSWORD } });
});

test('of ten who use one code at once, one gets in', async () => {
  const { signInCode } = await registered({ dashboardUserId: 'd-clara', auraId: 'clara' }, 201);
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, i) => useCode(signInCode ?? '', `password number ${i}`)),
  );
  assert.equal(answers.filter((s) => s === 200).length, 1);
  const winner = answers.indexOf(200);
  const browser = new Browser(door.baseUrl);
  await browser.signIn(door.phone, { login: { user: 'clara', password: `password number ${winner}` } });
});

test('a lapsed code and a weak password are refused; the code is not spent by the latter', async () => {
  const { signInCode } = await registered({ dashboardUserId: 'd-dora', auraId: 'dora' }, 201);
  assert.equal(await useCode(signInCode ?? '', 'short'), 400);
  await door.db.pool.query("UPDATE sign_in_codes SET expires_at = now() - interval '1 second'");
  assert.equal(await useCode(signInCode ?? ''), 401);
  await door.db.pool.query("UPDATE sign_in_codes SET expires_at = now() + interval '1 hour'");
  assert.equal(await useCode(signInCode ?? ''), 200);
});

test('twenty requests at once for one user, over two processes, make one person', async () => {
  const body = { dashboardUserId: 'd-emma', auraId: 'emma' };
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => register(body, undefined, i % 2 === 0 ? door : second)),
  );
  const bodies = (await Promise.all(answers.map((a) => a.json()))) as Answer[];
  assert.equal(new Set(bodies.map((b) => b.matrixUserId)).size, 1);
  assert.equal(answers.filter((a) => a.status === 201).length, 1);
  assert.equal(answers.filter((a) => a.status === 200).length, 19);
  const { rows } = await door.db.pool.query(
    "SELECT count(*)::int AS n FROM sign_in_codes JOIN aura_id_registry USING (person_id) WHERE aura_id = '@emma.aura'",
  );
  assert.equal(rows[0].n, 1, 'one code is valid');
});

test('a name that is held, and an existing Matrix account, are never handed to another', async () => {
  await registered({ dashboardUserId: 'd-frieda', auraId: 'frieda' }, 201);
  const taken = await register({ dashboardUserId: 'd-thief', auraId: 'fr1eda' });
  assert.deepEqual([taken.status, (await problem(taken)).errcode], [409, 'M_USER_IN_USE']);
  // The administrator's account exists in Matrix; a person of that name gets a fresh account beside it.
  const operator = await registered({ dashboardUserId: 'd-op', auraId: 'auralink.operator' }, 201);
  assert.match(operator.matrixUserId, /^@u[0-9a-f]{32}:/);
  const other = await register({ dashboardUserId: 'd-frieda', auraId: 'frieda.two' });
  assert.deepEqual([other.status, (await problem(other)).reason], [409, 'already_registered']);
});

test('every fault of a token is a 401, a missing scope a 403', async () => {
  const now = Math.floor(Date.now() / 1000);
  const bad: Record<string, TokenChanges> = {
    issuer: { claims: { iss: 'https://evil.example' } },
    audience: { claims: { aud: 'another-service' } },
    expired: { claims: { iat: now - 400, exp: now - 60 } },
    'too old': { claims: { iat: now - 700, exp: now + 300 } },
    'from the future': { claims: { iat: now + 300, exp: now + 600 } },
    'without sub': { without: ['sub'] },
    'without jti': { without: ['jti'] },
    'without scope': { without: ['scope'] },
    'without exp': { without: ['exp'] },
    'without iat': { without: ['iat'] },
    type: { header: { typ: 'JWT' } },
    key: { key: stranger.privateKey },
    hmac: { header: { alg: 'HS256' }, key: new TextEncoder().encode(JSON.stringify(jwks.keys[0])) },
    'unknown kid': { header: { kid: 'other' }, key: stranger.privateKey },
  };
  for (const [name, changes] of Object.entries(bad)) {
    const answer = await register({ dashboardUserId: 'd-g', auraId: 'greta' }, await serviceToken(changes));
    assert.equal(answer.status, 401, name);
    assert.equal((await problem(answer)).errcode, 'M_UNKNOWN_TOKEN', name);
  }
  const alg = Buffer.from(JSON.stringify({ alg: 'none', typ: 'at+jwt' })).toString('base64url');
  const unsigned = `${alg}.${(await serviceToken()).split('.')[1]}.`;
  assert.equal((await register({ dashboardUserId: 'd-g', auraId: 'greta' }, unsigned)).status, 401);
  const none = await fetch(`${door.baseUrl}${URL_PATH}`, { method: 'POST' });
  assert.deepEqual([none.status, (await problem(none)).errcode], [401, 'M_MISSING_TOKEN']);
  const scope = await serviceToken({ claims: { scope: 'routing.query matrix.register2' } });
  const refused = await register({ dashboardUserId: 'd-g', auraId: 'greta' }, scope);
  assert.deepEqual([refused.status, (await problem(refused)).reason], [403, 'missing_scope']);
  const { rows } = await door.db.pool.query("SELECT FROM aura_id_registry WHERE aura_id = '@greta.aura'");
  assert.equal(rows.length, 0);
});

test('a token writes once, over all processes', async () => {
  const token = await serviceToken();
  const answers = await Promise.all(
    Array.from({ length: 6 }, (_, i) =>
      register({ dashboardUserId: 'd-helga', auraId: 'helga' }, token, i % 2 === 0 ? door : second),
    ),
  );
  assert.deepEqual(answers.map((a) => a.status).sort(), [201, 401, 401, 401, 401, 401]);
  const replay = await register({ dashboardUserId: 'd-helga', auraId: 'helga' }, token);
  assert.deepEqual([replay.status, (await problem(replay)).reason], [401, 'token_replayed']);
});

test('whoever is not on loopback or in the allowed networks finds nothing, whatever a header says', async () => {
  const ask = async (remoteAddress: string, headers: Record<string, string> = {}) => {
    const answer = await door.app.inject({
      method: 'POST',
      url: URL_PATH,
      remoteAddress,
      headers: { authorization: `Bearer ${await serviceToken()}`, ...headers },
      payload: { dashboardUserId: 'd-net', auraId: 'x' },
    });
    return answer;
  };
  // The name is too short: 400 shows that the border was passed.
  for (const inside of [
    '127.0.0.1',
    '127.9.9.9',
    '::1',
    '::ffff:127.0.0.1',
    '10.1.2.3',
    '::ffff:10.1.2.3',
    'fd00:1::5',
  ]) {
    assert.equal((await ask(inside)).statusCode, 400, inside);
  }
  for (const outside of ['192.0.2.1', '10.2.0.1', '::ffff:10.2.0.1', '2001:db8::1', 'fd00:2::1']) {
    for (const header of ['x-forwarded-for', 'x-real-ip', 'forwarded', 'authorization']) {
      const answer = await ask(outside, { [header]: '127.0.0.1' });
      assert.equal(answer.statusCode, 404, `${outside} ${header}`);
      const unknown = await door.app.inject({
        method: 'POST',
        url: '/internal/no/such',
        remoteAddress: outside,
      });
      assert.equal(answer.body, unknown.body.replaceAll('/internal/no/such', URL_PATH));
    }
  }
});

test('bad input has its clear error, and nothing is made', async () => {
  const cases: readonly [unknown, number, string][] = [
    [{}, 400, 'M_BAD_JSON'],
    [{ dashboardUserId: '', auraId: 'ida' }, 400, 'M_BAD_JSON'],
    [{ dashboardUserId: 'd-ida', auraId: 7 }, 400, 'M_BAD_JSON'],
    [{ dashboardUserId: 'd-ida', auraId: 'ida', extra: true }, 400, 'M_BAD_JSON'],
    [{ dashboardUserId: 'd-ida', auraId: 'ida', displayName: 'a\u200bb' }, 400, 'M_BAD_JSON'],
    [{ dashboardUserId: 'd-ida\0', auraId: 'ida' }, 400, 'M_BAD_JSON'],
    [{ dashboardUserId: 'd-ida\ud800', auraId: 'ida' }, 400, 'M_BAD_JSON'],
    [{ dashboardUserId: 'd-ida', auraId: 'ida', displayName: 'a\0b' }, 400, 'M_BAD_JSON'],
    [{ dashboardUserId: 'd-ida', auraId: 'ida\0' }, 400, 'M_INVALID_PARAM'],
    [{ dashboardUserId: 'd-ida', auraId: 'ida\ud800' }, 400, 'M_INVALID_PARAM'],
    [{ dashboardUserId: 'd-ida', auraId: 'i d a' }, 400, 'M_INVALID_PARAM'],
    [{ dashboardUserId: 'd-ida', auraId: 'іda' }, 400, 'M_INVALID_PARAM'],
    [{ dashboardUserId: 'd-ida', auraId: 'security' }, 400, 'M_INVALID_PARAM'],
    [[], 400, 'M_BAD_JSON'],
    [null, 400, 'M_BAD_JSON'],
  ];
  for (const [body, status, errcode] of cases) {
    const answer = await register(body as object);
    assert.deepEqual(
      [answer.status, (await problem(answer)).errcode],
      [status, errcode],
      JSON.stringify(body),
    );
  }
  const { rows } = await door.db.pool.query(
    "SELECT FROM aura_id_registry WHERE registration_key LIKE 'dashboard:d-ida%'",
  );
  assert.equal(rows.length, 0);
});

test("the Dashboard's keys by HTTP; while they cannot be fetched we say so, and nobody gets in", async () => {
  let up = true;
  const server = createServer((_request, response) => {
    response.writeHead(up ? 200 : 500, { 'content-type': 'application/json' }).end(JSON.stringify(jwks));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`;
  const remote = await openIdentityDoor(address, { DASHBOARD_JWKS_FILE: '', DASHBOARD_JWKS_URL: url }, door);
  const away = await openIdentityDoor(address, { DASHBOARD_JWKS_FILE: '', DASHBOARD_JWKS_URL: url }, door);
  const body = { dashboardUserId: 'd-jana', auraId: 'jana' };
  assert.equal((await register(body, await serviceToken(), remote)).status, 201);
  up = false;
  const failing = await register(body, await serviceToken(), away);
  assert.equal(failing.status, 503);
  server.close();
  server.closeAllConnections();
  assert.equal((await register(body, await serviceToken(), away)).status, 503);
  assert.equal((await register(body, await serviceToken(), remote)).status, 200, 'known keys go on working');
  const without = await openIdentityDoor(address, { DASHBOARD_JWKS_FILE: '' }, door);
  const answer = await register(body, await serviceToken(), without);
  assert.deepEqual([answer.status, (await problem(answer)).reason], [503, 'dashboard_not_configured']);
});

test('while Synapse is away the registration is refused with 503, and a retry completes it', async () => {
  const lonely = await openIdentityDoor(address, { SYNAPSE_URL: 'http://127.0.0.1:9' }, door);
  const body = { dashboardUserId: 'd-karla', auraId: 'karla' };
  const refused = await register(body, await serviceToken(), lonely);
  assert.deepEqual([refused.status, (await problem(refused)).errcode], [503, 'AURALINK_UNAVAILABLE']);
  assert.ok(refused.headers.get('retry-after') !== null);
  assert.equal((await register(body)).status, 201);
});
