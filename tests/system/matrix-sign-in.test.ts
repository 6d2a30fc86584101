/**
 * One sign-in for apps and Matrix clients, through the public door of a whole constellation: an AuraID in Matrix
 * log-ins, "Sign in with AuraLink" at Synapse, signing out of both at once, and registering with an invitation code.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser } from '../fakes/browser.ts';
import { ownConstellation } from '../harness.ts';

const PASSWORD = 'correct horse battery';
const { settings } = await ownConstellation('matrix-sign-in', {
  processes: 1,
  redis: false,
});
const { config } = settings;
const base = config.PUBLIC_BASE_URL;
const phone = { clientId: 'phone', redirectUri: `${base}/` };

async function matrix(path: string, init: { token?: string; body?: object } = {}) {
  const answer = await fetch(`${base}/_matrix/client/${path}`, {
    method: init.body === undefined ? 'GET' : 'POST',
    headers: { ...(init.token === undefined ? {} : { authorization: `Bearer ${init.token}` }) },
    ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, string> };
}

async function register(auraId: string): Promise<Browser> {
  const browser = new Browser(base);
  const invitationCode = config.REGISTRATION_TOKEN;
  await browser.signIn(phone, { register: { auraId, password: PASSWORD, invitationCode } });
  return browser;
}

/** As Element does: to Synapse, from there to us and back, and in the end a token for `m.login.token`. */
async function signInWithAuraLink(
  browser: Browser,
): Promise<{ readonly asked: boolean; readonly loginToken: string }> {
  const done = 'http://localhost:9/done';
  let next = `/_matrix/client/v3/login/sso/redirect/oidc-auralink?redirectUrl=${encodeURIComponent(done)}`;
  for (let hops = 0; hops < 10; hops++) {
    const answer = await browser.fetch(next);
    const location = answer.headers.get('location');
    // Synapse asks once whether this client is trusted; the link in its page goes on.
    const onwards = location ?? /href="([^"]*loginToken=[^"]*)"/.exec(await answer.text())?.[1] ?? '';
    const loginToken = /loginToken=([^&]+)/.exec(onwards)?.[1];
    if (loginToken !== undefined) return { asked: false, loginToken };
    if (/\/oidc\/interaction\//.test(onwards)) return { asked: true, loginToken: '' };
    assert.ok(onwards !== '', `${next} answered ${answer.status}`);
    next = new URL(onwards, new URL(next, base)).href;
  }
  return assert.fail('too many redirects');
}

test('a Matrix log-in takes an AuraID, in every version and form', async () => {
  await register('anna');
  const password = { type: 'm.login.password', password: PASSWORD };
  const users = new Set<string>();
  for (const version of ['r0', 'v3', 'api/v1']) {
    for (const name of [{ identifier: { type: 'm.id.user', user: '@anna.aura' } }, { user: 'Anna.aura' }]) {
      const { status, body } = await matrix(`${version}/login`, { body: { ...password, ...name } });
      assert.equal(status, 200, `${version} ${JSON.stringify(name)}`);
      users.add(body.user_id ?? '');
    }
  }
  assert.equal(users.size, 1);
  assert.doesNotMatch([...users].join(), /anna/);
  const wrong = await matrix('v3/login', { body: { ...password, user: '@nobody.aura' } });
  assert.deepEqual([wrong.status, wrong.body.errcode], [403, 'M_FORBIDDEN']);
});

test('"Sign in with AuraLink" lets a Matrix client into the account of the signed-in person', async () => {
  const browser = await register('berta');
  const { loginToken } = await signInWithAuraLink(browser);
  const session = await matrix('v3/login', { body: { type: 'm.login.token', token: loginToken } });
  assert.equal(session.status, 200);
  const byName = await matrix('v3/login', {
    body: { type: 'm.login.password', password: PASSWORD, user: '@berta.aura' },
  });
  assert.equal(session.body.user_id, byName.body.user_id);

  // Signing out of AuraLink ends the Matrix session that came from it, and only that.
  const page = await (await browser.fetch('/oidc/session/end')).text();
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(page)?.[1] ?? '';
  await browser.fetch('/oidc/session/end/confirm', {
    method: 'POST',
    body: new URLSearchParams({ xsrf, logout: 'yes' }),
  });
  assert.equal((await matrix('v3/account/whoami', { token: session.body.access_token ?? '' })).status, 401);
  assert.equal((await matrix('v3/account/whoami', { token: byName.body.access_token ?? '' })).status, 200);
  assert.equal((await signInWithAuraLink(browser)).asked, true, 'the next one is asked for a password');
});

test('a Matrix account made with an invitation code has no AuraID, and no app lets it in', async () => {
  const first = await matrix('r0/register', { body: {} });
  assert.equal(first.status, 401);
  const { session } = first.body;
  const body = { username: 'element-user', password: PASSWORD };
  const wrong = await matrix('r0/register', {
    body: { ...body, auth: { type: 'm.login.registration_token', token: 'guess', session } },
  });
  assert.equal(wrong.status, 401);
  const stages = [
    { type: 'm.login.registration_token', token: config.REGISTRATION_TOKEN },
    { type: 'm.login.dummy' },
  ];
  let made = wrong;
  for (const stage of stages)
    made = await matrix('r0/register', { body: { ...body, auth: { ...stage, session } } });
  assert.equal(made.status, 200);
  assert.equal(
    (
      await matrix('r0/login', {
        body: { type: 'm.login.password', user: 'element-user', password: PASSWORD },
      })
    ).status,
    200,
  );
  const browser = new Browser(base);
  const authorization = await browser.authorize(phone);
  const answer = await browser.act(authorization, {
    login: { user: made.body.user_id ?? '', password: PASSWORD },
  });
  assert.deepEqual([answer.status, ((await answer.json()) as { reason: string }).reason], [403, 'no_auraid']);
});
