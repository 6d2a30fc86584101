/**
 * "Sign in with AuraLink" over HTTP, with real Synapse behind the passwords: every way in, tokens and their refresh,
 * devices, replays, signing out.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { Browser, readTokens } from '../fakes/browser.ts';
import { testDatabase } from '../harness.ts';
import { eventually } from '../support/eventually.ts';
import { api, openIdentityDoor, PASSWORD, problem, registerPerson } from '../support/identity-door.ts';

const address = await testDatabase();
const door = await openIdentityDoor(address);
/** Two processes share the origin's port: connections land on either. */
const second = await openIdentityDoor(address, {}, door, Number(new URL(door.baseUrl).port));
const invitationCode = door.config.REGISTRATION_TOKEN;

async function status(path: string, token: string): Promise<number> {
  return (await api(door, path, token)).status;
}

test('registering on the page gives the app an endpoint token of its own', async () => {
  const { browser, tokens } = await registerPerson(door, 'anna');
  assert.equal(decodeProtectedHeader(tokens.accessToken).typ, 'at+jwt');
  assert.equal(decodeProtectedHeader(tokens.accessToken).alg, 'ES256');
  const claims = decodeJwt(tokens.accessToken);
  assert.equal(claims.aud, 'urn:auralink:api');
  assert.equal(claims.client_id, 'phone');
  assert.equal(Number(claims.exp) - Number(claims.iat), 600);
  assert.equal(claims.scope, 'call.place call.receive profile.read');
  const me = await api(door, '/_auralink/v1/me', tokens.accessToken);
  assert.equal(me.status, 200);
  assert.deepEqual(await me.json(), {
    auraId: '@anna.aura',
    displayName: null,
    about: null,
    pictureUrl: null,
    canManage: false,
    app: { appId: 'phone', name: 'Phone', icon: '📞' },
    endpointId: claims.endpoint_id,
    scopes: ['call.place', 'call.receive', 'profile.read'],
  });
  // The device's cookie is first-party and out of scripts' reach.
  const again = await browser.signIn(door.chat, { login: { user: 'nobody', password: 'x' } });
  assert.notEqual(
    decodeJwt(again.accessToken).endpoint_id,
    claims.endpoint_id,
    'another app, another endpoint',
  );
});

test('every spelling of her name signs her in; a wrong password does not', async () => {
  await registerPerson(door, 'berta');
  const { rows } = await door.db.pool.query(
    "SELECT matrix_user_id FROM matrix_user_mappings JOIN aura_id_registry USING (person_id) WHERE aura_id = '@berta.aura'",
  );
  for (const user of ['berta', '@Berta.aura', ' berta.aura ', rows[0].matrix_user_id as string]) {
    const tokens = await new Browser(door.baseUrl).signIn(door.chat, { login: { user, password: PASSWORD } });
    assert.equal(await status('/_auralink/v1/me', tokens.accessToken), 200, user);
  }
  const browser = new Browser(door.baseUrl);
  const authorization = await browser.authorize(door.chat);
  for (const user of ['berta', 'not.there', '@nobody:auralink.network']) {
    const answer = await browser.act(authorization, { login: { user, password: 'not the password' } });
    assert.equal(answer.status, 401, user);
    assert.equal((await problem(answer)).reason, 'bad_credentials');
  }
});

test('signing in with a password tells that she has one, if nobody had noted it', async () => {
  await registerPerson(door, 'bettina');
  const { pool } = door.db;
  // As if the process had been killed after Synapse took the password that she chose with her code.
  await pool.query("UPDATE aura_id_registry SET password_set_at = NULL WHERE aura_id = '@bettina.aura'");
  const noted = async () =>
    (await pool.query("SELECT password_set_at FROM aura_id_registry WHERE aura_id = '@bettina.aura'")).rows[0]
      .password_set_at as Date | null;
  const browser = new Browser(door.baseUrl);
  const authorization = await browser.authorize(door.chat);
  const wrong = await browser.act(authorization, {
    login: { user: 'bettina', password: 'not the password' },
  });
  assert.deepEqual([wrong.status, await noted()], [401, null]);
  const way = { login: { user: 'bettina', password: PASSWORD } };
  assert.equal((await browser.act(authorization, way)).status, 200);
  const first = await noted();
  assert.ok(first !== null);
  await new Browser(door.baseUrl).signIn(door.chat, way);
  assert.deepEqual(await noted(), first);
});

test('one browser is one device: the same app there is the same endpoint, elsewhere it is another', async () => {
  const { browser } = await registerPerson(door, 'clara');
  const login = { login: { user: 'clara', password: PASSWORD } };
  const first = decodeJwt((await browser.signIn(door.chat, login)).accessToken).endpoint_id;
  const again = decodeJwt((await browser.signIn(door.chat, login)).accessToken).endpoint_id;
  const other = decodeJwt((await new Browser(door.baseUrl).signIn(door.chat, login)).accessToken).endpoint_id;
  assert.equal(again, first);
  assert.notEqual(other, first);
});

test('ten tabs that sign in at once share one endpoint, and none is turned away', async () => {
  const { browser } = await registerPerson(door, 'dora');
  const login = { login: { user: 'dora', password: PASSWORD } };
  const all = await Promise.all(Array.from({ length: 10 }, () => browser.signIn(door.chat, login)));
  assert.equal(new Set(all.map((t) => decodeJwt(t.accessToken).endpoint_id)).size, 1);
  for (const tokens of all) assert.equal(await status('/_auralink/v1/me', tokens.accessToken), 200);
});

test('a code is redeemed once, also by five at the same moment; its replay signs out', async () => {
  const { browser } = await registerPerson(door, 'emma');
  const authorization = await browser.authorize(door.chat);
  const answers = await Promise.all(Array.from({ length: 5 }, () => browser.redeem(authorization)));
  const won = answers.filter((answer) => answer.ok);
  assert.equal(won.length, 1);
  const replay = await browser.redeem(authorization);
  assert.equal(replay.status, 400);
});

test('a replayed code voids the tokens that it gave', async () => {
  const { browser } = await registerPerson(door, 'emily');
  const authorization = await browser.authorize(door.chat);
  const tokens = await readTokens(await browser.redeem(authorization));
  assert.equal((await browser.redeem(authorization)).status, 400);
  assert.equal(await status('/_auralink/v1/me', tokens.accessToken), 401);
  assert.equal((await browser.refresh('chat', tokens.refreshToken)).status, 400);
  const endpointId = decodeJwt(tokens.accessToken).endpoint_id;
  assert.ok([...door.revoked, ...second.revoked].includes(endpointId as never), 'its sockets are closed');
});

test('five refreshes at once are all served; a late reuse signs out', async () => {
  const { browser } = await registerPerson(door, 'frieda');
  const tokens = await browser.signIn(door.chat, { login: { user: 'x', password: 'x' } });
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => browser.refresh('chat', tokens.refreshToken)),
  );
  const fresh = await Promise.all(answers.map(readTokens));
  assert.equal(new Set(fresh.map((t) => t.refreshToken)).size, 5);
  for (const t of fresh) assert.equal(await status('/_auralink/v1/me', t.accessToken), 200);
  // As if the grace were over.
  await door.db.pool.query("UPDATE oidc_documents SET consumed_at = consumed_at - interval '6 seconds'");
  assert.equal((await browser.refresh('chat', tokens.refreshToken)).status, 400);
  // The other process remembers whom it has just let in for a moment: nothing tells these two of each other.
  for (const t of fresh)
    await eventually(async () => assert.equal(await status('/_auralink/v1/me', t.accessToken), 401));
  assert.equal((await browser.refresh('chat', fresh[0]?.refreshToken ?? '')).status, 400);
});

test('signing out voids access and refresh tokens of this endpoint only', async () => {
  const { browser, tokens } = await registerPerson(door, 'greta');
  const chat = await browser.signIn(door.chat, { login: { user: 'x', password: 'x' } });
  const out = await api(door, '/_auralink/v1/endpoint/revoke', chat.accessToken, { method: 'POST' });
  assert.equal(out.status, 204);
  const refused = await api(door, '/_auralink/v1/me', chat.accessToken);
  assert.equal(refused.status, 401);
  const body = await problem(refused);
  assert.deepEqual([body.errcode, body.reason], ['M_UNKNOWN_TOKEN', 'signed_out']);
  assert.equal((await browser.refresh('chat', chat.refreshToken)).status, 400);
  assert.equal(await status('/_auralink/v1/me', tokens.accessToken), 200);
  const back = await browser.signIn(door.chat, { login: { user: 'x', password: 'x' } });
  assert.notEqual(decodeJwt(back.accessToken).endpoint_id, decodeJwt(chat.accessToken).endpoint_id);
});

test('somebody else signs in on the same browser: the first one is signed out there', async () => {
  const { browser, tokens } = await registerPerson(door, 'helga');
  await registerPerson(door, 'hilde');
  const authorization = await browser.authorize(door.chat, { prompt: 'login' });
  assert.ok(authorization.uid !== null, 'a person is asked');
  const { rows } = await door.db.pool.query(
    `SELECT FROM endpoints JOIN aura_id_registry USING (person_id) WHERE aura_id = '@helga.aura' AND app_id = 'chat'`,
  );
  assert.equal(rows.length, 0, 'no endpoint was made for who was signed in before');
  const answer = await browser.act(authorization, { login: { user: 'hilde', password: PASSWORD } });
  const { redirectTo } = (await answer.json()) as { redirectTo: string };
  const chat = await readTokens(await browser.redeem(await browser.follow(authorization, redirectTo)));
  const me = (await (await api(door, '/_auralink/v1/me', chat.accessToken)).json()) as { auraId: string };
  assert.equal(me.auraId, '@hilde.aura');
  assert.equal(
    await status('/_auralink/v1/me', tokens.accessToken),
    401,
    'helga is not reached on it any more',
  );
});

test('two sign-ins in two tabs do not disturb each other', async () => {
  const browser = new Browser(door.baseUrl);
  const one = await browser.authorize(door.phone);
  const two = await browser.authorize(door.chat);
  const way = { login: { user: 'anna', password: PASSWORD } };
  for (const authorization of [one, two]) {
    const answer = await browser.act(authorization, way);
    assert.equal(answer.status, 200);
  }
});

test('giving up tells the app', async () => {
  const browser = new Browser(door.baseUrl);
  const authorization = await browser.authorize(door.phone);
  const answer = await browser.fetch(`/oidc/interaction/${authorization.uid}/abort`, {
    method: 'POST',
    headers: { origin: door.baseUrl },
  });
  assert.equal(answer.status, 200);
  const { redirectTo } = (await answer.json()) as { redirectTo: string };
  assert.equal((await browser.follow(authorization, redirectTo)).error, 'access_denied');
});

test('a browser is shown the page, a script gets JSON', async () => {
  const browser = new Browser(door.baseUrl);
  const { uid } = await browser.authorize(door.chat);
  const shown = await browser.fetch(`/oidc/interaction/${uid}`, { headers: { accept: 'text/html,*/*' } });
  assert.deepEqual([shown.status, shown.headers.get('location')], [303, `/sign-in/${uid}`]);
  const json = await browser.fetch(`/oidc/interaction/${uid}`);
  assert.deepEqual(await json.json(), { prompt: 'login', app: { appId: 'chat', name: 'Chat', icon: '💬' } });
});

test('registering twice from one page is one person; the second time needs the same password', async () => {
  const browser = new Browser(door.baseUrl);
  const authorization = await browser.authorize(door.phone);
  const way = { register: { auraId: 'nadja', password: PASSWORD, invitationCode } };
  assert.equal((await browser.act(authorization, way)).status, 200);
  assert.equal((await browser.act(authorization, way)).status, 200);
  const other = { register: { ...way.register, password: 'another good password' } };
  assert.equal((await browser.act(authorization, other)).status, 401);
});

test('names as they are typed; what an address tells', async () => {
  const { tokens } = await registerPerson(door, 'paula');
  const check = async (name: string) =>
    (await fetch(`${door.baseUrl}/_auralink/v1/names/${encodeURIComponent(name)}`)).json();
  assert.deepEqual(await check('Petra'), { auraId: '@petra.aura', status: 'free' });
  const taken = (await check('pau1a')) as { status: string; suggestions: string[] };
  assert.equal(taken.status, 'taken');
  assert.equal(taken.suggestions.length, 3);
  assert.equal(((await check('sup.port')) as { reason: string }).reason, 'reserved');
  const resolve = (name: string) =>
    api(door, `/_auralink/v1/resolve/${encodeURIComponent(name)}`, tokens.accessToken);
  for (const name of ['paula', '@paula.aura']) {
    const answer = (await (await resolve(name)).json()) as { auraId: string; known: boolean };
    assert.deepEqual([answer.auraId, answer.known], ['@paula.aura', true], name);
  }
  for (const name of ['petra', 'x', '../etc']) assert.equal((await resolve(name)).status, 404, name);
});

test('only the phone chooses which app rings on its device', async () => {
  const { browser, tokens } = await registerPerson(door, 'rita');
  const chat = await browser.signIn(door.chat, { login: { user: 'x', password: 'x' } });
  const choose = (token: string, body: object) =>
    api(door, '/_auralink/v1/devices/current/app', token, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  assert.equal((await choose(tokens.accessToken, { appId: 'chat' })).status, 204);
  assert.equal((await choose(tokens.accessToken, { appId: null })).status, 204);
  assert.equal((await choose(tokens.accessToken, { appId: 'nosuch' })).status, 404);
  assert.equal((await choose(tokens.accessToken, { appId: 7 })).status, 400);
  assert.equal((await choose(chat.accessToken, { appId: 'chat' })).status, 403);
});

test('GET /config tells a page where to begin', async () => {
  const answer = await fetch(`${door.baseUrl}/_auralink/v1/config`);
  const body = (await answer.json()) as { issuer: string; apps: { appId: string; url: string }[] };
  assert.equal(body.issuer, `${door.baseUrl}/oidc`);
  assert.deepEqual(
    body.apps.map((a) => a.appId),
    ['chat', 'market', 'phone'],
  );
});
