/**
 * One identity for Matrix apps and ours, with a real Matrix client (matrix-js-sdk) at the public door of a whole
 * constellation: a Matrix user claims an AuraID for the account she has, and a person of ours uses Matrix apps with the
 * same sign-in.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ICreateClientOpts, type MatrixClient, createClient as sdkClient } from 'matrix-js-sdk';
import { Browser, type Tokens } from '../fakes/browser.ts';
import { ownConstellation } from '../harness.ts';

const PASSWORD = 'correct horse battery';
const SCOPE = 'openid offline_access call.place call.receive profile.read account.manage';
const { settings } = await ownConstellation('matrix-claim', { processes: 2, redis: false });
const { config } = settings;
const base = config.PUBLIC_BASE_URL;
const phone = { clientId: 'phone', redirectUri: `${base}/` };

/** The SDK writes every request to the console otherwise. */
const quiet = { trace() {}, debug() {}, info() {}, warn() {}, error() {}, getChild: () => quiet };
const createClient = (options: ICreateClientOpts) => sdkClient({ logger: quiet, ...options });

/** What an operator does for an account that was there before AuraLink; returns its Matrix id. */
async function matrixUser(localpart: string): Promise<string> {
  const admin = createClient({ baseUrl: config.SYNAPSE_URL });
  const { access_token: token } = await admin.loginRequest({
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user: 'auralink-admin' },
    password: config.SYNAPSE_ADMIN_PASSWORD,
  });
  const userId = `@${localpart}:${config.SYNAPSE_SERVER_NAME}`;
  const answer = await fetch(`${config.SYNAPSE_URL}/_synapse/admin/v2/users/${encodeURIComponent(userId)}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ password: PASSWORD }),
  });
  assert.equal(answer.status, 201, await answer.text());
  return userId;
}

/** A Matrix app of hers, through our public door. */
async function matrixApp(user: string, password = PASSWORD): Promise<MatrixClient> {
  const login = await createClient({ baseUrl: base }).loginRequest({
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user },
    password,
  });
  return createClient({
    baseUrl: base,
    userId: login.user_id,
    accessToken: login.access_token,
    deviceId: login.device_id,
  });
}

/** "Sign in with AuraLink" in a Matrix app whose browser is this one, which is signed in. */
async function ssoLogin(browser: Browser): Promise<string> {
  const client = createClient({ baseUrl: base });
  const flows = (await client.loginFlows()).flows.map((flow) => flow.type);
  assert.ok(flows.includes('m.login.sso'));
  let next = client.getSsoLoginUrl('http://localhost:9/done', 'sso', 'oidc-auralink');
  for (let hops = 0; hops < 10; hops++) {
    const answer = await browser.fetch(next);
    const location = answer.headers.get('location');
    const onwards = location ?? /href="([^"]*loginToken=[^"]*)"/.exec(await answer.text())?.[1] ?? '';
    const token = /loginToken=([^&]+)/.exec(onwards)?.[1];
    if (token !== undefined) return (await client.loginRequest({ type: 'm.login.token', token })).user_id;
    assert.ok(onwards !== '', `${next} answered ${answer.status}`);
    next = new URL(onwards, new URL(next, base)).href;
  }
  return assert.fail('too many redirects');
}

interface Asked {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function api(tokens: Tokens, method: string, path: string, body?: object): Promise<Asked> {
  const answer = await fetch(`${base}/_auralink/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${tokens.accessToken}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? {} : JSON.parse(text) };
}

async function refusal(answer: Response): Promise<[number, string]> {
  return [answer.status, ((await answer.json()) as { reason: string }).reason];
}

async function register(auraId: string): Promise<{ browser: Browser; tokens: Tokens }> {
  const browser = new Browser(base);
  const invitationCode = config.REGISTRATION_TOKEN;
  const way = { register: { auraId, password: PASSWORD, invitationCode } };
  return { browser, tokens: await browser.signIn(phone, way, { scope: SCOPE }) };
}

test('a Matrix user claims an AuraID for her account through sign-in, and is called by it', async () => {
  const userId = await matrixUser('rosa');
  const element = await matrixApp(userId);
  const browser = new Browser(base);
  let authorization = await browser.authorize(phone, { scope: SCOPE });
  const login = await browser.act(authorization, { login: { user: userId, password: PASSWORD } });
  assert.deepEqual(await refusal(login), [403, 'no_auraid']);
  const claim = { matrixUserId: userId, password: PASSWORD, auraId: 'rosa', displayName: 'Rosa' };
  const guess = await browser.act(authorization, { claim: { ...claim, password: 'a guess of hers' } });
  assert.deepEqual(await refusal(guess), [401, 'bad_credentials']);
  const reserved = await browser.act(authorization, { claim: { ...claim, auraId: 'adm1n' } });
  assert.deepEqual(await refusal(reserved), [400, 'reserved']);
  const answer = await browser.act(authorization, { claim });
  assert.equal(answer.status, 200, await answer.clone().text());
  const { redirectTo } = (await answer.json()) as { redirectTo: string };
  authorization = await browser.follow(authorization, redirectTo);
  const redeemed = (await (await browser.redeem(authorization)).json()) as { access_token: string };
  const tokens: Tokens = { accessToken: redeemed.access_token, refreshToken: '', idToken: '' };

  const { accounts } = (await api(tokens, 'GET', '/me/matrix-accounts')).body as {
    accounts: { userId: string; primary: boolean; attachedBy: string }[];
  };
  assert.deepEqual(
    accounts.map((a) => [a.userId, a.primary, a.attachedBy]),
    [[userId, true, 'sign_in']],
  );
  const { tokens: caller } = await register('caller-of-rosa');
  const placed = await fetch(`${base}/_auralink/v1/calls`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${caller.accessToken}`,
      'content-type': 'application/json',
      'idempotency-key': crypto.randomUUID(),
    },
    body: JSON.stringify({ to: '@rosa.aura' }),
  });
  assert.equal(placed.status, 201, await placed.text());
  // Her Matrix app goes on as before, and signs in by the new name, too, into the same account.
  assert.equal((await element.whoami()).user_id, userId);
  assert.equal((await matrixApp('@rosa.aura')).getUserId(), userId);
  assert.equal(await ssoLogin(browser), userId);
});

test('a person of ours uses a Matrix app by AuraID and password, by an old name, and by the same sign-in', async () => {
  const { browser, tokens } = await register('berta');
  const byName = await matrixApp('@berta.aura');
  const userId = byName.getUserId() ?? '';
  assert.doesNotMatch(userId, /berta/);
  assert.equal(await ssoLogin(browser), userId);
  const renamed = await api(tokens, 'PUT', '/me/name', { auraId: 'bertha-new' });
  assert.equal(renamed.status, 200, JSON.stringify(renamed.body));
  for (const name of ['@berta.aura', 'Bertha-New.aura'])
    assert.equal((await matrixApp(name)).getUserId(), userId);
  assert.equal((await byName.whoami()).user_id, userId);
});

test('accounts are attached by password and by a Matrix OpenID token, and the primary one signs her in', async () => {
  const { browser, tokens } = await register('clara');
  const [byPassword, byToken] = [await matrixUser('clara-one'), await matrixUser('clara-two')];
  const attach = (proof: object, currentPassword = PASSWORD) =>
    api(tokens, 'POST', '/me/matrix-accounts', { ...proof, currentPassword });
  const attached = await attach({ matrixUserId: byPassword, password: PASSWORD });
  assert.deepEqual([attached.status, attached.body.userId], [201, byPassword], JSON.stringify(attached.body));
  const openId = await (await matrixApp(byToken)).getOpenIdToken();
  const proof = { matrixUserId: byToken, openIdToken: openId.access_token };
  assert.equal((await attach(proof, 'a guess')).body.reason, 'wrong_password');
  assert.equal((await attach({ ...proof, openIdToken: 'made-up' })).body.reason, 'bad_proof');
  assert.equal((await attach({ ...proof, matrixUserId: byPassword })).body.reason, 'bad_proof');
  assert.equal((await attach(proof)).status, 201);
  assert.equal((await attach(proof)).body.reason, 'proof_used');
  const { tokens: other } = await register('dagmar');
  const theft = { matrixUserId: byPassword, password: PASSWORD, currentPassword: PASSWORD };
  const refused = await api(other, 'POST', '/me/matrix-accounts', theft);
  assert.deepEqual([refused.status, refused.body.reason], [409, 'account_taken']);

  const primary = { matrixUserId: byToken, password: PASSWORD, currentPassword: PASSWORD };
  assert.equal((await api(tokens, 'PUT', '/me/matrix-accounts/primary', primary)).status, 204);
  assert.equal((await matrixApp('@clara.aura')).getUserId(), byToken);
  assert.equal(await ssoLogin(browser), byToken);
});

test('who gave her name back signs in by it, is told which account she has, and claims it again', async () => {
  const { browser, tokens } = await register('emilia');
  const userId = (await matrixApp('@emilia.aura')).getUserId() ?? '';
  const wrong = await api(tokens, 'DELETE', '/me/name', { currentPassword: 'a guess' });
  assert.deepEqual([wrong.status, wrong.body.reason], [403, 'wrong_password']);
  assert.equal((await api(tokens, 'DELETE', '/me/name', { currentPassword: PASSWORD })).status, 204);
  assert.equal((await api(tokens, 'GET', '/me')).status, 401);
  const authorization = await browser.authorize(phone, { scope: SCOPE });
  assert.notEqual(authorization.uid, null, 'the browser is signed out, too');
  const guess = await browser.act(authorization, { login: { user: 'emilia', password: 'a guess' } });
  assert.deepEqual(await refusal(guess), [401, 'bad_credentials']);
  const byName = await browser.act(authorization, { login: { user: 'emilia', password: PASSWORD } });
  const offered = (await byName.json()) as { reason: string; matrixUserId: string };
  assert.deepEqual([byName.status, offered.reason, offered.matrixUserId], [403, 'no_auraid', userId]);
  const claim = { matrixUserId: userId, password: PASSWORD, auraId: 'emilia' };
  assert.equal((await browser.act(authorization, { claim })).status, 200);
});
