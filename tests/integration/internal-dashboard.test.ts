/**
 * `/internal/*` as the Dashboard uses it, with its keys from a real JWKS server: who gets in, and users, reviewers, apps,
 * keys, quotas and webhooks; everything that changes something is in the audit log.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../auralink-communication-service/core/clock.ts';
import { createInternalAuth } from '../../auralink-communication-service/http/internal-auth.ts';
import { openFakeDashboard } from '../fakes/dashboard.ts';
import { constellation, testDatabase } from '../harness.ts';
import { api, openIdentityDoor, PASSWORD, problem, registerPerson } from '../support/identity-door.ts';

const { DASHBOARD_AUDIENCE, DASHBOARD_ISSUER } = constellation().config;
const dashboard = await openFakeDashboard(DASHBOARD_AUDIENCE, DASHBOARD_ISSUER);
after(() => dashboard.down());
const address = await testDatabase();
const door = await openIdentityDoor(address, {
  DASHBOARD_JWKS_FILE: '',
  DASHBOARD_JWKS_URL: dashboard.jwksUrl,
  DASHBOARD_WEBHOOK_SECRET: 'a secret of these tests',
});
const second = await openIdentityDoor(address, {}, door);
const { pool } = door.db;

interface Asked {
  readonly status: number;
  // Whatever a route answers; each test knows what it asked for.
  // biome-ignore lint/suspicious/noExplicitAny: read by tests only
  readonly body: any;
}

async function ask(method: string, path: string, scope: string, body?: object, on = door): Promise<Asked> {
  const answer = await api(on, `/internal${path}`, await dashboard.token(scope), {
    method,
    ...(body !== undefined && {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? null : JSON.parse(text) };
}

const acts = async (): Promise<string[]> => {
  const { rows } = await pool.query(
    "SELECT act FROM audit_log WHERE actor = 'service:dashboard' ORDER BY at",
  );
  return rows.map((row) => row.act);
};
const SHOP = { name: 'Shop', icon: '🛒', origins: ['https://shop.example'] };

test('keys: a new one is fetched when it is first seen, a withdrawn one ends, and strangers make us fetch nothing', async () => {
  const [cooldownMs, keptMs] = [300, 1_500];
  const auth = createInternalAuth({
    ...{ issuer: DASHBOARD_ISSUER, audience: DASHBOARD_AUDIENCE, allowedCidrs: [], clock: systemClock },
    keys: { url: dashboard.jwksUrl, cooldownMs, keptMs },
    spendToken: async () => true,
  });
  const enter = auth.requireService('users.read');
  const outcome = async (token: string): Promise<string> => {
    const request = { headers: { authorization: `Bearer ${token}` } } as never;
    return await enter(request).then(
      () => 'in',
      (error: { details: { reason?: string }; code: string }) => error.details.reason ?? error.code,
    );
  };
  const old = await dashboard.token('users.read');
  assert.equal(await outcome(old), 'in');
  await dashboard.rotateKeys({ keepOld: true });
  const fresh = await dashboard.token('users.read');
  const before = dashboard.keysFetched();
  const strangers = await Promise.all(Array.from({ length: 20 }, () => outcome(fresh)));
  assert.deepEqual(new Set(strangers), new Set(['invalid_token']), 'within the cool-down nobody is asked');
  assert.equal(dashboard.keysFetched(), before);
  await delay(cooldownMs + 50);
  assert.equal(await outcome(fresh), 'in');
  assert.equal(await outcome(old), 'in', 'both are published');
  assert.equal(dashboard.keysFetched(), before + 1);
  await dashboard.rotateKeys();
  assert.equal(await outcome(fresh), 'in', 'it is remembered for a while');
  await delay(keptMs + 50);
  assert.equal(await outcome(fresh), 'invalid_token');
  dashboard.keysAreUp = false;
  await delay(keptMs + 50);
  assert.equal(await outcome(fresh), 'unavailable');
  dashboard.keysAreUp = true;
});

test('each route wants its scope: none is 401, another is 403; a token that changes something does so once', async () => {
  const routes: readonly (readonly [method: string, path: string, scope: string, body?: object])[] = [
    ['GET', '/users?auraId=@nobody.aura', 'users.read'],
    ['POST', '/users/00000000-0000-7000-8000-000000000000/suspend', 'users.suspend'],
    ['POST', '/users/00000000-0000-7000-8000-000000000000/resume', 'users.suspend'],
    ['GET', '/reviewers', 'reviewers.read'],
    ['PUT', '/reviewers/00000000-0000-7000-8000-000000000000', 'reviewers.manage'],
    ['DELETE', '/reviewers/00000000-0000-7000-8000-000000000000', 'reviewers.manage'],
    ['GET', '/webhooks', 'webhooks.read'],
    ['GET', '/webhooks/deliveries', 'webhooks.read'],
    ['POST', '/webhooks/replay', 'webhooks.manage', {}],
    ['POST', '/webhooks/rotate', 'webhooks.manage', { graceSeconds: -1 }],
    ['GET', '/apps', 'apps.read'],
    ['GET', '/apps/none', 'apps.read'],
    ['PUT', '/apps/none', 'apps.manage', {}],
    ['POST', '/apps/none/keys', 'apps.manage', {}],
  ];
  for (const [method, path, scope, body] of routes) {
    const init = { method, ...(body && { headers: { 'content-type': 'application/json' }, body: '{}' }) };
    const none = await fetch(`${door.baseUrl}/internal${path}`, init);
    assert.equal(none.status, 401, path);
    const other = await ask(method, path, `${scope}x matrix.register`, body);
    assert.deepEqual([other.status, other.body.reason], [403, 'missing_scope'], path);
    const right = await ask(method, path, scope, body);
    assert.ok(![401, 403].includes(right.status), `${path} ${right.status}`);
    const outside = await door.app.inject({
      method: method as 'GET',
      url: `/internal${path}`,
      remoteAddress: '192.0.2.1',
    });
    assert.equal(outside.statusCode, 404, path);
  }
  const token = await dashboard.token('webhooks.manage webhooks.read');
  const post = (on: typeof door) => api(on, '/internal/webhooks/disable', token, { method: 'POST' });
  const statuses = (await Promise.all([post(door), post(second), post(door), post(second)])).map(
    (a) => a.status,
  );
  assert.deepEqual(statuses.sort(), [204, 401, 401, 401]);
  for (let i = 0; i < 2; i++)
    assert.equal((await api(door, '/internal/webhooks', token)).status, 200, 'reading may repeat');
  assert.equal((await ask('POST', '/webhooks/enable', 'webhooks.manage')).status, 204);
});

test('a token with an end beyond all time or an unkeepable id is refused; what is kept of one ends with its ten minutes', async () => {
  const enable = async (claims: Record<string, unknown>) => {
    const token = await dashboard.token('webhooks.manage', claims);
    const answer = await api(door, '/internal/webhooks/enable', token, { method: 'POST' });
    return answer.status === 204 ? 'in' : [answer.status, (await problem(answer)).reason];
  };
  for (const claims of [{ exp: 1e300 }, { exp: 1e13 }, { jti: 'a\0b' }, { sub: 'dash\0board' }]) {
    assert.deepEqual(await enable(claims), [401, 'invalid_token'], JSON.stringify(claims));
  }
  const jti = 'good for a hundred years';
  assert.equal(await enable({ jti, exp: Math.floor(Date.now() / 1_000) + 3_153_600_000 }), 'in');
  const { rows } = await pool.query(
    "SELECT expires_at < now() + interval '11 minutes' AS ends FROM service_token_uses WHERE token_id = $1",
    [jti],
  );
  assert.deepEqual(rows, [{ ends: true }]);
});

test('a user is found by each of her names, suspended, and let in again', async () => {
  const { tokens } = await registerPerson(door, 'anna');
  const found = await ask('GET', '/users?auraId=@anna.aura', 'users.read');
  const { personId } = found.body;
  assert.deepEqual(
    [found.body.auraId, found.body.state, found.body.levels, found.body.isReviewer],
    ['@anna.aura', 'active', [], false],
  );
  assert.equal((await ask('GET', `/users?personId=${personId}`, 'users.read')).body.auraId, '@anna.aura');
  await ask('POST', '/matrix/register', 'matrix.register', { dashboardUserId: 'd-7', auraId: 'berta' });
  assert.equal((await ask('GET', '/users?dashboardUserId=d-7', 'users.read')).body.auraId, '@berta.aura');
  for (const [query, status] of [
    ['', 400],
    ['?personId=7', 400],
    ['?auraId=@anna.aura&dashboardUserId=d-7', 400],
    ['?auraId=@none.aura', 404],
  ] as const) {
    assert.equal((await ask('GET', `/users${query}`, 'users.read')).status, status, query);
  }
  for (const [level, ends] of Object.entries({ email: '1 day', phone: '-1 second' })) {
    await pool.query(
      `INSERT INTO aura_id_verifications (verification_id, person_id, method, level, state, verified_at, expires_at)
       VALUES (gen_random_uuid(), $1, $2, $2 || '_controlled', 'verified', now(), now() + $3::interval)`,
      [personId, level, ends],
    );
  }
  const { body: proved } = await ask('GET', `/users?personId=${personId}`, 'users.read');
  assert.deepEqual(proved.levels, ['email_controlled'], 'a proof whose time is over counts no more');
  const me = () => api(door, '/_auralink/v1/me', tokens.accessToken);
  assert.equal((await me()).status, 200);
  for (let i = 0; i < 2; i++) {
    assert.equal((await ask('POST', `/users/${personId}/suspend`, 'users.suspend')).status, 204);
  }
  assert.equal((await me()).status, 401);
  assert.equal(door.revoked.length, 1, 'her sockets are closed');
  assert.equal((await ask('GET', `/users?personId=${personId}`, 'users.read')).body.state, 'suspended');
  assert.equal((await ask('PUT', `/reviewers/${personId}`, 'reviewers.manage')).status, 404);
  for (let i = 0; i < 2; i++) {
    assert.equal((await ask('POST', `/users/${personId}/resume`, 'users.suspend')).status, 204);
  }
  assert.equal((await me()).status, 401, 'what was signed out stays so');
  assert.equal((await ask('GET', `/users?personId=${personId}`, 'users.read')).body.state, 'active');
  assert.deepEqual((await acts()).slice(-2), ['person.suspended', 'person.resumed']);
});

test('reviewers are granted, listed and revoked', async () => {
  const { body } = await ask('GET', '/users?auraId=@anna.aura', 'users.read');
  for (let i = 0; i < 2; i++) {
    assert.equal((await ask('PUT', `/reviewers/${body.personId}`, 'reviewers.manage')).status, 204);
  }
  const listed = await ask('GET', '/reviewers', 'reviewers.read');
  assert.deepEqual(
    listed.body.reviewers.map((one: { auraId: string; grantedBy: string }) => [one.auraId, one.grantedBy]),
    [['@anna.aura', 'service:dashboard']],
  );
  assert.equal((await ask('DELETE', `/reviewers/${body.personId}`, 'reviewers.manage')).status, 204);
  assert.deepEqual((await ask('GET', '/reviewers', 'reviewers.read')).body, { reviewers: [] });
  assert.deepEqual((await acts()).slice(-2), ['reviewer.granted', 'reviewer.revoked']);
});

test('an app is made, changed, switched off and on; what is none is refused with the field', async () => {
  const made = await ask('PUT', '/apps/shop', 'apps.manage', { app: SHOP, terms: { callsPerDay: 5 } });
  assert.deepEqual([made.status, made.body.redirectUris], [201, ['https://shop.example/']]);
  assert.deepEqual(made.body.callsPerDay, { limit: 5, used: 0, resetsAt: null });
  assert.deepEqual([made.body.requestsPerMinute.limit, made.body.isOn], [600, true]);
  const changed = await ask('PUT', '/apps/shop', 'apps.manage', {
    app: { ...SHOP, name: 'Shop 2' },
    terms: { isOn: false, callsPerDay: null },
  });
  assert.deepEqual(
    [changed.status, changed.body.name, changed.body.isOn, changed.body.callsPerDay.limit],
    [200, 'Shop 2', false, null],
  );
  assert.equal(await door.identity.apps.findApp('shop'), null);
  await ask('PUT', '/apps/shop', 'apps.manage', { app: SHOP, terms: { isOn: true } });
  assert.equal((await door.identity.apps.findApp('shop'))?.name, 'Shop');
  const cases: readonly (readonly [string, object, number, string])[] = [
    ['phone', { app: SHOP }, 403, 'appId'],
    ['synapse', { app: SHOP }, 403, 'appId'],
    ['No', { app: SHOP }, 400, 'appId'],
    ['shop', { app: { ...SHOP, name: 'PHONE' } }, 400, 'name'],
    ['shop', { app: { ...SHOP, icon: '//evil.example/x.svg' } }, 400, 'app.icon'],
    ['shop', { app: { ...SHOP, origins: ['http://shop.example'] } }, 400, 'app.origins.0'],
    ['shop', { app: { ...SHOP, origins: [] } }, 400, 'app.origins'],
    ['shop', { app: { ...SHOP, redirectUris: ['https://evil.example/'] } }, 400, 'app.redirectUris.0'],
    ['shop', { app: SHOP, terms: { callsPerDay: -1 } }, 400, 'terms.callsPerDay'],
  ];
  for (const [appId, body, status, field] of cases) {
    const refused = await ask('PUT', `/apps/${appId}`, 'apps.manage', body);
    assert.deepEqual([refused.status, refused.body.field], [status, field], JSON.stringify(body));
  }
  assert.equal((await ask('GET', '/apps/shop', 'apps.read')).body.name, 'Shop');
  assert.deepEqual((await acts()).slice(-3), ['app.made', 'app.switched', 'app.switched']);
});

const keyed = (key: string, path = '', init: RequestInit & { headers?: Record<string, string> } = {}) =>
  api(door, `/_auralink/v1/app${path}`, key, init);

test('a key is shown once, works, is rotated with a grace, and ends when it is revoked', async () => {
  const issued = await ask('POST', '/apps/shop/keys', 'apps.manage', { name: 'server' });
  assert.equal(issued.status, 201);
  const { key, keyId } = issued.body;
  assert.match(key, /^alk_[A-Za-z0-9_-]{43}$/);
  const listed = await ask('GET', '/apps/shop/keys', 'apps.read');
  assert.deepEqual(
    listed.body.keys.map((one: { hint: string }) => one.hint),
    [key.slice(-4)],
  );
  const { rows } = await pool.query('SELECT * FROM app_keys');
  assert.ok(!JSON.stringify(rows).includes(key.slice(4)), 'only its digest is kept');
  assert.deepEqual(await (await keyed(key)).json(), (await ask('GET', '/apps/shop', 'apps.read')).body);
  const rotated = await ask('POST', `/apps/shop/keys/${keyId}/rotate`, 'apps.manage', { graceSeconds: 60 });
  assert.equal(rotated.status, 201);
  assert.deepEqual([(await keyed(key)).status, (await keyed(rotated.body.key)).status], [200, 200]);
  await pool.query("UPDATE app_keys SET ends_at = ends_at - interval '61 seconds'");
  assert.deepEqual([(await keyed(key)).status, (await keyed(rotated.body.key)).status], [401, 200]);
  const again = await ask('POST', `/apps/shop/keys/${keyId}/rotate`, 'apps.manage', {});
  assert.equal(again.status, 404);
  assert.equal((await ask('DELETE', `/apps/shop/keys/${rotated.body.keyId}`, 'apps.manage')).status, 204);
  assert.equal((await keyed(rotated.body.key)).status, 401);
  assert.equal((await keyed('alk_none')).status, 401);
  assert.deepEqual((await acts()).slice(-3), ['app.key_issued', 'app.key_rotated', 'app.key_revoked']);
});

test('an app’s server learns whose token its page has, and nothing of other apps’ tokens', async () => {
  const { body } = await ask('POST', '/apps/shop/keys', 'apps.manage', { name: 'introspection' });
  const { tokens } = await registerPerson(door, 'clara');
  const introspect = async (token: string, key = body.key): Promise<Record<string, unknown>> => {
    const answer = await keyed(key, '/introspect', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token }),
    });
    return (await answer.json()) as Record<string, unknown>;
  };
  assert.deepEqual(await introspect(tokens.accessToken), { active: false }, 'it is the phone’s');
  assert.deepEqual(await introspect('nonsense'), { active: false });
  await pool.query("UPDATE endpoints SET app_id = 'shop' WHERE app_id = 'phone'");
  assert.deepEqual(await introspect(tokens.accessToken), { active: false }, 'the token says another app');
  await pool.query("UPDATE endpoints SET app_id = 'phone' WHERE app_id = 'shop'");
  const { Browser } = await import('../fakes/browser.ts');
  const shop = { clientId: 'shop', redirectUri: 'https://shop.example/' };
  const hers = await new Browser(door.baseUrl).signIn(shop, { login: { user: 'clara', password: PASSWORD } });
  const found = await introspect(hers.accessToken);
  assert.deepEqual([found.active, found.auraId, found.client_id], [true, '@clara.aura', 'shop']);
});

test('quotas: over all processes no more than the limit gets through, and that it was reached is told once', async () => {
  await ask('PUT', '/apps/busy', 'apps.manage', {
    app: { ...SHOP, name: 'Busy' },
    terms: { requestsPerMinute: 7 },
  });
  const { body } = await ask('POST', '/apps/busy/keys', 'apps.manage', { name: 'busy' });
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, i) => api(i % 2 === 0 ? door : second, '/_auralink/v1/app', body.key)),
  );
  const admitted = answers.filter((answer) => answer.status === 200).length;
  assert.ok(admitted >= 1 && admitted <= 7, `${admitted} were let in`);
  const refused = answers.find((answer) => answer.status === 429);
  assert.ok(refused !== undefined && Number(refused.headers.get('retry-after')) > 0);
  const said = (await problem(refused)) as unknown as Record<string, unknown>;
  assert.deepEqual([said.reason, said.quota, said.limit], ['app_quota_reached', 'requests_per_minute', 7]);
  const told = await pool.query("SELECT data FROM webhook_deliveries WHERE type = 'app.quota_reached'");
  assert.deepEqual(
    told.rows.map(({ data }) => [data.appId, data.quota, data.limit]),
    [['busy', 'requests_per_minute', 7]],
  );
  await pool.query("UPDATE rate_limits SET window_ends_at = now() - interval '1 second'");
  const other = await openIdentityDoor(address, {}, door);
  assert.equal((await api(other, '/_auralink/v1/app', body.key)).status, 200, 'another minute');
});

test('calls a day: an app without a quota is not counted, one with a quota is refused above it', async () => {
  await ask('PUT', '/apps/shop', 'apps.manage', { app: SHOP, terms: { callsPerDay: 3 } });
  const { quotas } = (await openIdentityDoor(address, {}, door)).identity;
  for (let i = 0; i < 3; i++) await quotas.placeCall('shop');
  await assert.rejects(quotas.placeCall('shop'), { code: 'rate_limited' });
  for (let i = 0; i < 5; i++) await quotas.placeCall('chat');
  const { body } = await ask('GET', '/apps/shop', 'apps.read');
  assert.deepEqual([body.callsPerDay.limit, body.callsPerDay.used], [3, 3]);
  const told = await pool.query(
    "SELECT data FROM webhook_deliveries WHERE data ->> 'quota' = 'calls_per_day'",
  );
  assert.equal(told.rowCount, 1);
});

test('webhooks are looked at, rotated and switched', async () => {
  const { body: status } = await ask('GET', '/webhooks', 'webhooks.read');
  assert.deepEqual([status.isConfigured, status.dead, status.disabledAt], [true, 0, null]);
  await pool.query("UPDATE webhook_deliveries SET state = 'dead', settled_at = now()");
  const { body } = await ask('GET', '/webhooks/deliveries?state=dead&limit=1', 'webhooks.read');
  assert.equal(body.deliveries.length, 1);
  const [{ webhookId, seq }] = body.deliveries;
  const next = await ask('GET', `/webhooks/deliveries?before=${seq}&limit=1`, 'webhooks.read');
  assert.ok(next.body.deliveries[0].seq < seq);
  const replayed = await ask('POST', '/webhooks/replay', 'webhooks.manage', { webhookIds: [webhookId] });
  assert.deepEqual(replayed.body, { replayed: 1 });
  const rotated = await ask('POST', '/webhooks/rotate', 'webhooks.manage', {});
  assert.match(rotated.body.secret, /^whsec_/);
  await ask('POST', '/webhooks/disable', 'webhooks.manage');
  assert.equal((await ask('GET', '/webhooks', 'webhooks.read')).body.disabledReason, 'operator');
  await ask('POST', '/webhooks/enable', 'webhooks.manage');
});

test('her own apps: a person makes them and gives them keys; other people’s are not there for her', async () => {
  const scope = { scope: 'openid offline_access call.place account.manage' };
  const [dora, emma] = [await registerPerson(door, 'dora', scope), await registerPerson(door, 'emma', scope)];
  const own = async (who: typeof dora, method: string, path: string, body?: object): Promise<Asked> => {
    const answer = await api(door, `/_auralink/v1/me/own-apps${path}`, who.tokens.accessToken, {
      method,
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? null : JSON.parse(text) };
  };
  const DORAS = { ...SHOP, name: 'Dora’s', origins: ['https://dora.example'] };
  const made = await own(dora, 'PUT', '/doras', DORAS);
  assert.deepEqual([made.status, made.body.callsPerDay.limit], [201, 1_000]);
  assert.deepEqual(
    (await own(dora, 'GET', '')).body.apps.map((app: { appId: string }) => app.appId),
    ['doras'],
  );
  assert.deepEqual((await own(emma, 'GET', '')).body, { apps: [], next: null });
  const { body: key } = await own(dora, 'POST', '/doras/keys', { name: 'server' });
  for (const [method, path, body] of [
    ['GET', '/doras', undefined],
    ['GET', '/doras/keys', undefined],
    ['POST', '/doras/keys', { name: 'x' }],
    ['POST', `/doras/keys/${key.keyId}/rotate`, {}],
    ['DELETE', `/doras/keys/${key.keyId}`, undefined],
  ] as const) {
    assert.equal((await own(emma, method, path, body)).status, 404, `${method} ${path}`);
  }
  assert.deepEqual((await own(emma, 'PUT', '/doras', SHOP)).body.reason, 'taken');
  assert.deepEqual((await own(emma, 'PUT', '/shop', SHOP)).body.reason, 'taken', 'the operator’s');
  assert.equal((await keyed(key.key)).status, 200);
  const changed = await own(dora, 'PUT', '/doras', { ...DORAS, callsPerDay: 9 });
  assert.equal(changed.status, 400, 'quotas are the operator’s to say');
  for (let i = 1; i < 10; i++) assert.equal((await own(dora, 'PUT', `/doras-${i}`, DORAS)).status, 201);
  assert.deepEqual((await own(dora, 'PUT', '/doras-10', DORAS)).body.reason, 'too_many_apps');
  const without = await registerPerson(door, 'frieda');
  assert.equal((await own(without, 'GET', '')).status, 403);
});
