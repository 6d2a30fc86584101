/**
 * Apps that end: switched off by their owner or by the operator, or deleted. Whoever is signed in to one is signed out,
 * its keys open nothing, and what the operator did its owner cannot undo.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  APPS_MADE_PER_DAY_MAX,
  APPS_PER_PERSON_MAX,
} from '../../auralink-communication-service/auralink-modules/dashboard/apps-model.ts';
import { APP_ENDPOINTS_ENDED_AT_ONCE } from '../../auralink-communication-service/auralink-modules/dashboard/apps.ts';
import type { OwnApp } from '../../auralink-client/index.ts';
import { Browser } from '../fakes/browser.ts';
import { testDatabase } from '../harness.ts';
import { api, openIdentityDoor, PASSWORD, registerPerson } from '../support/identity-door.ts';

const door = await openIdentityDoor(await testDatabase());
const { pool } = door.db;
const SCOPE = { scope: 'openid offline_access call.place account.manage' };
const APP = { name: 'Hers', icon: '🛒', origins: ['https://hers.example'] };
const endSessions = door.identity.chores.find(({ job }) => job === 'app-sessions');

const own = async (token: string, method: string, path: string, body?: object) => {
  const answer = await api(door, `/_auralink/v1/me/own-apps${path}`, token, {
    method,
    ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? null : JSON.parse(text) };
};
const me = async (token: string): Promise<number> => (await api(door, '/_auralink/v1/me', token)).status;
const keyed = async (key: string): Promise<number> => (await api(door, '/_auralink/v1/app', key)).status;
const signIn = (appId: string, user: string) =>
  new Browser(door.baseUrl).signIn(
    { clientId: appId, redirectUri: 'https://hers.example/' },
    { login: { user, password: PASSWORD } },
  );

/** An owner with an app, a key of it, and somebody who is signed in to it. */
async function ownedApp(owner: string, appId: string) {
  const { tokens } = await registerPerson(door, owner, SCOPE);
  const token = tokens.accessToken;
  assert.equal((await own(token, 'PUT', `/${appId}`, APP)).status, 201);
  const { body } = await own(token, 'POST', `/${appId}/keys`, { name: 'server' });
  const user = await signIn(appId, owner);
  assert.deepEqual([await me(user.accessToken), await keyed(body.key)], [200, 200]);
  return { token, key: body.key as string, user };
}

test('her app that she switches off signs everybody out and opens to no key, until it is on again', async () => {
  const { token, key, user } = await ownedApp('anna', 'annas');
  const before = door.revoked.length;
  const off = await own(token, 'POST', '/annas/disable');
  assert.deepEqual([off.status, off.body.isOn, off.body.offBy], [200, false, 'owner']);
  assert.deepEqual([await me(user.accessToken), await keyed(key)], [401, 401]);
  assert.equal(door.revoked.length, before + 1, 'its sockets are closed');
  await assert.rejects(signIn('annas', 'anna'));
  assert.equal(await me(token), 200, 'of her other apps nothing has ended');
  assert.equal((await own(token, 'POST', '/annas/disable')).status, 200, 'a repetition changes nothing');
  const on = await own(token, 'POST', '/annas/enable');
  assert.deepEqual([on.status, on.body.isOn, on.body.offBy], [200, true, null]);
  assert.deepEqual([await me(user.accessToken), await keyed(key)], [401, 200], 'she signs in anew');
  assert.equal(await me((await signIn('annas', 'anna')).accessToken), 200);
  const { rows } = await pool.query("SELECT detail FROM audit_log WHERE act = 'app.switched' ORDER BY at");
  assert.deepEqual(
    rows.map(({ detail }) => [detail.appId, detail.isOn]),
    [
      ['annas', false],
      ['annas', true],
    ],
  );
});

test('what the operator switched off its owner cannot switch on, nor hand to the operator by switching it off', async () => {
  const { token } = await ownedApp('berta', 'bertas');
  await pool.query("UPDATE apps SET disabled_at = now(), disabled_by = 'operator' WHERE app_id = 'bertas'");
  const refused = await own(token, 'POST', '/bertas/enable');
  assert.deepEqual([refused.status, refused.body.reason], [403, 'switched_off_by_operator']);
  const off = await own(token, 'POST', '/bertas/disable');
  assert.deepEqual([off.status, off.body.offBy], [200, 'operator']);
  assert.equal((await own(token, 'POST', '/bertas/enable')).status, 403);
});

test('a deleted app is gone with its keys and sign-ins, and nobody is given its id', async () => {
  const { token, key, user } = await ownedApp('clara', 'claras');
  const { tokens: strangers } = await registerPerson(door, 'dora', SCOPE);
  for (const [method, path] of [
    ['DELETE', '/claras'],
    ['POST', '/claras/disable'],
    ['POST', '/claras/enable'],
  ] as const) {
    assert.equal((await own(strangers.accessToken, method, path)).status, 404, `${method} ${path}`);
  }
  assert.equal((await own(token, 'DELETE', '/claras')).status, 204);
  assert.deepEqual([await me(user.accessToken), await keyed(key)], [401, 401]);
  assert.deepEqual((await own(token, 'GET', '')).body, { apps: [], next: null });
  for (const path of ['/claras', '/claras/keys']) assert.equal((await own(token, 'GET', path)).status, 404);
  for (const who of [token, strangers.accessToken]) {
    const again = await own(who, 'PUT', '/claras', APP);
    assert.deepEqual([again.status, again.body.reason], [409, 'taken']);
  }
  assert.equal((await own(token, 'DELETE', '/phone')).status, 403, 'nor what comes with the service');
});

test('who deletes apps may make others, but not without end', async () => {
  const { tokens } = await registerPerson(door, 'emma', SCOPE);
  const statuses: string[] = [];
  for (let i = 0; i <= APPS_MADE_PER_DAY_MAX; i++) {
    const made = await own(tokens.accessToken, 'PUT', `/emmas-${i}`, APP);
    statuses.push(made.status === 201 ? 'made' : made.body.reason);
    await own(tokens.accessToken, 'DELETE', `/emmas-${i}`);
  }
  assert.deepEqual(statuses, [...Array(APPS_MADE_PER_DAY_MAX).fill('made'), 'too_many_apps_today']);
});

test('apps are listed in pages, with what was used of their quotas', async () => {
  const { tokens } = await registerPerson(door, 'frida', SCOPE);
  const token = tokens.accessToken;
  const ids = Array.from({ length: APPS_PER_PERSON_MAX }, (_, i) => `fridas-${i}`);
  for (const appId of ids) assert.equal((await own(token, 'PUT', `/${appId}`, APP)).status, 201);
  const { body: key } = await own(token, 'POST', '/fridas-3/keys', { name: 'server' });
  assert.equal(await keyed(key.key), 200);
  const seen: [string, number][] = [];
  for (let after = ''; ; ) {
    const { body } = await own(token, 'GET', `?limit=4${after}`);
    for (const { appId, requestsPerMinute } of body.apps as OwnApp[])
      seen.push([appId, requestsPerMinute.used]);
    if (body.next === null) break;
    after = `&after=${body.next}`;
  }
  assert.deepEqual(
    seen,
    ids.map((appId) => [appId, appId === 'fridas-3' ? 1 : 0]),
  );
  const wrong = await own(token, 'GET', '?limit=0');
  assert.deepEqual([wrong.status, wrong.body.field], [400, 'limit']);
});

test('however many are signed in to an app that was switched off, all are signed out', async () => {
  const { token, user } = await ownedApp('gerda', 'gerdas');
  const others = APP_ENDPOINTS_ENDED_AT_ONCE + 50;
  await pool.query(
    `INSERT INTO endpoints (endpoint_id, person_id, app_id, device_key, scopes)
     SELECT gen_random_uuid(), (SELECT person_id FROM aura_id_registry WHERE aura_id = '@gerda.aura'), 'gerdas',
       'device-' || n, '{call.receive}' FROM generate_series(1, $1) n`,
    [others],
  );
  const before = door.revoked.length;
  await own(token, 'POST', '/gerdas/disable');
  assert.equal(door.revoked.length, before + APP_ENDPOINTS_ENDED_AT_ONCE, 'some at once');
  await endSessions?.run();
  assert.equal(door.revoked.length, before + others + 1, 'the others soon after');
  assert.equal(await me(user.accessToken), 401);
  const { rows } = await pool.query(
    "SELECT count(*)::int AS n FROM endpoints WHERE app_id = 'gerdas' AND revoked_at IS NULL",
  );
  assert.equal(rows[0].n, 0);
});
