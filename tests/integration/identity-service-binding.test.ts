/**
 * Proving and binding through a real door: both sides are proven, what is somebody else's, guessed, forged or
 * replayed does nothing.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import {
  KEY_ASKED_LIMIT,
  PROVE_LIMIT,
  TOKEN_TRIES_MAX,
  UNBIND_LIMIT,
} from '../../auralink-communication-service/auralink-modules/identity-service/model.ts';
import {
  isSignedBy,
  signJson,
} from '../../auralink-communication-service/auralink-modules/identity-service/signed-json.ts';
import {
  V2,
  NAME,
  config,
  otherName,
  sent,
  used,
  door,
  db,
  account,
  alice,
  eve,
  post,
  freshAddress,
  secret,
  request,
  validate,
  bind,
  found,
  ourKey,
  ourKeyId,
  serverKey,
} from '../support/identity-binding.ts';
import { askIdentity } from '../support/identity-lookup.ts';

test('an address that came back is bound by a signed association, found, and unbound', async () => {
  const email = freshAddress();
  const asked = await validate(alice, email.toUpperCase());
  assert.equal(sent.at(-1)?.to, email);
  assert.equal(used.length, 1);
  const query = `sid=${asked.sid}&client_secret=${asked.client_secret}`;
  const validated = await askIdentity(door.baseUrl, 'GET', `${V2}/3pid/getValidated3pid?${query}`, alice);
  assert.deepEqual([validated.body.address, validated.body.medium], [email, 'email']);
  assert.ok(Math.abs(Number(validated.body.validated_at) - Date.now()) < 60_000);
  const bound = await bind(alice, asked);
  assert.equal(bound.status, 200, JSON.stringify(bound.body));
  assert.deepEqual([bound.body.address, bound.body.medium, bound.body.mxid], [email, 'email', alice.userId]);
  assert.ok(isSignedBy(bound.body, NAME, ourKeyId, ourKey));
  assert.ok(!isSignedBy({ ...bound.body, mxid: eve.userId }, NAME, ourKeyId, ourKey), 'a forged one');
  assert.equal((await bind(alice, asked)).status, 200, 'a repeat is the same');
  assert.equal(await found(email), alice.userId);
  const what = { mxid: alice.userId, threepid: { medium: 'email', address: email } };
  assert.equal((await post('/3pid/unbind', what)).status, 401);
  assert.equal((await post('/3pid/unbind', what, eve.token)).status, 403);
  assert.equal(await found(email), alice.userId);
  for (let i = 0; i < 2; i++) assert.deepEqual((await post('/3pid/unbind', what, alice.token)).body, {});
  assert.equal(await found(email), null);
  const { rows } = await db.pool.query('SELECT FROM identity_associations WHERE matrix_user_id = $1', [
    alice.userId,
  ]);
  assert.equal(rows.length, 0);
});

test('nobody binds what another account proved, nor for another account', async () => {
  const asked = await validate(alice, freshAddress());
  const stolen = await bind(eve, asked);
  assert.deepEqual([stolen.status, stolen.body.errcode], [404, 'M_NO_VALID_SESSION'], 'with sid and secret');
  const forOther = await bind(alice, asked, eve.userId);
  assert.deepEqual([forOther.status, forOther.body.errcode], [403, 'M_FORBIDDEN']);
  for (const wrong of [{ client_secret: secret() }, { sid: '00000000-0000-0000-0000-000000000000' }]) {
    assert.equal((await bind(alice, { ...asked, ...wrong })).body.errcode, 'M_NO_VALID_SESSION');
  }
  const open = await request(alice, freshAddress());
  assert.equal((await bind(alice, open)).body.errcode, 'M_SESSION_NOT_VALIDATED');
  assert.equal(
    (await post('/validate/email/submitToken', open, eve.token)).body.errcode,
    'M_NO_VALID_SESSION',
  );
  assert.equal(
    (await post('/validate/msisdn/submitToken', open, alice.token)).body.errcode,
    'M_NO_VALID_SESSION',
  );
  assert.equal((await post('/validate/email/submitToken', open)).body.errcode, 'M_UNAUTHORIZED');
});

test('wrong tokens are counted, the right one after too many is refused, another message begins anew', async () => {
  const email = freshAddress();
  const client_secret = secret();
  const asked = await request(alice, email, { client_secret });
  const submit = (token: string) => post('/validate/email/submitToken', { ...asked, token }, alice.token);
  for (let i = 0; i < TOKEN_TRIES_MAX; i++) {
    assert.equal((await submit(`wrong${i}`)).body.errcode, 'M_TOKEN_INCORRECT');
  }
  assert.equal((await submit(asked.token)).body.errcode, 'M_TOKEN_INCORRECT');
  const before = sent.length;
  const same = await post(
    '/validate/email/requestToken',
    { client_secret, email, send_attempt: 1 },
    alice.token,
  );
  assert.deepEqual([same.body.sid, sent.length], [asked.sid, before], 'a repeat sends nothing');
  const again = await request(alice, email, { client_secret, send_attempt: 2 });
  assert.deepEqual([again.sid, sent.length], [asked.sid, before + 1]);
  assert.equal((await submit(asked.token)).body.errcode, 'M_TOKEN_INCORRECT', 'the first token');
  assert.deepEqual((await submit(again.token)).body, { success: true });
});

test('a session and a token end with their time', async () => {
  const asked = await request(alice, freshAddress());
  const age = (sql: string) =>
    db.pool.query(`UPDATE identity_sessions SET ${sql} WHERE session_id = $1`, [asked.sid]);
  await age("token_expires_at = now() - interval '1 second'");
  const late = await post('/validate/email/submitToken', asked, alice.token);
  assert.equal(late.body.errcode, 'M_SESSION_EXPIRED');
  const valid = await validate(alice, freshAddress());
  await db.pool.query(
    "UPDATE identity_sessions SET validated_at = now() - interval '25 hours' WHERE session_id = $1",
    [valid.sid],
  );
  assert.equal((await bind(alice, valid)).body.errcode, 'M_SESSION_EXPIRED');
});

test('opening the link proves nothing, the press does; where it leads is shown and never runs', async () => {
  const asked = await request(alice, freshAddress(), { next_link: 'https://app.example/done?"><script>' });
  const link = /https?:\S+/.exec(sent.at(-1)!.content.text)![0];
  assert.ok(link.startsWith(`https://${NAME}${V2}/validate/email/submitToken?`));
  const { search } = new URL(link);
  const page = await fetch(`${door.baseUrl}${V2}/validate/email/submitToken${search}`);
  const html = await page.text();
  assert.equal(page.status, 200);
  assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/);
  assert.match(html, /app\.example/);
  assert.ok(!html.includes('<script>'));
  assert.equal((await bind(alice, asked)).body.errcode, 'M_SESSION_NOT_VALIDATED');
  const press = (body: Record<string, string>) =>
    fetch(`${door.baseUrl}${V2}/validate/email/submitToken`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(body),
    });
  const wrong = await press({ ...asked, token: 'wrong' });
  assert.equal(wrong.status, 400);
  assert.match(await wrong.text(), /This did not work/);
  const done = await press({ ...asked });
  assert.equal(done.status, 200);
  assert.ok(!(await done.text()).includes('<script>'));
  assert.equal((await bind(alice, asked)).status, 200);
  for (const next_link of [
    'javascript:alert(1)',
    'data:text/html,x',
    'https://a@evil.example/',
    'x',
    '//evil',
  ]) {
    const body = { client_secret: secret(), email: freshAddress(), send_attempt: 1, next_link };
    const refused = await post('/validate/email/requestToken', body, alice.token);
    assert.deepEqual([refused.status, refused.body.field], [400, 'next_link'], next_link);
  }
});

test('a number is proved by a code in an SMS', async () => {
  const carol = await account();
  const client_secret = secret();
  const body = { client_secret, country: 'GB', phone_number: '07400 123456', send_attempt: 1 };
  const asked = await post('/validate/msisdn/requestToken', body, carol.token);
  assert.equal(asked.status, 200, JSON.stringify(asked.body));
  const message = sent.at(-1)!;
  assert.deepEqual([message.channel, message.to], ['sms', '+447400123456']);
  const [token = ''] = /^\d{6}/.exec(message.content.text) ?? [];
  const name = { sid: String(asked.body.sid), client_secret, token };
  assert.deepEqual((await post('/validate/msisdn/submitToken', name, carol.token)).body, { success: true });
  const bound = await bind(carol, name);
  assert.deepEqual([bound.body.address, bound.body.medium], ['447400123456', 'msisdn']);
  for (const phone_number of ['123', 'abc', '+1', '']) {
    const bad = await post('/validate/msisdn/requestToken', { ...body, phone_number }, carol.token);
    assert.equal(bad.status, 400);
  }
  for (const email of ['a', 'a@b@c', 'a b@c', '<a@b.c>', '"a"@b.c', '@b.c']) {
    const bad = await post('/validate/email/requestToken', { ...body, email }, carol.token);
    assert.equal(bad.body.errcode, 'M_INVALID_EMAIL', email);
  }
});

test('of two accounts that prove one address the newer has it; a proof of the address alone unbinds', async () => {
  const email = freshAddress();
  const older = await validate(alice, email);
  await bind(alice, older);
  const mallory = await account();
  const asked = await validate(mallory, email);
  await Promise.all([bind(mallory, asked), bind(mallory, asked), bind(mallory, asked)]);
  assert.equal(await found(email), mallory.userId);
  const back = await bind(alice, older);
  assert.deepEqual(
    [back.status, back.body.errcode],
    [400, 'M_SESSION_EXPIRED'],
    'an older proof takes nothing back',
  );
  assert.equal(await found(email), mallory.userId);
  const { rows } = await db.pool.query('SELECT FROM identity_associations WHERE matrix_user_id = $1', [
    mallory.userId,
  ]);
  assert.equal(rows.length, 1);
  const { sid, client_secret } = await validate(eve, email);
  const what = { mxid: mallory.userId, threepid: { medium: 'email', address: email }, sid, client_secret };
  const elsewhere = await validate(eve, freshAddress());
  const wrong = { ...what, sid: elsewhere.sid, client_secret: elsewhere.client_secret };
  assert.equal((await post('/3pid/unbind', wrong)).status, 403);
  assert.deepEqual((await post('/3pid/unbind', what)).body, {});
  assert.equal(await found(email), null);
});

test('a homeserver unbinds its own accounts by its signature, and nobody else’s', async () => {
  const email = freshAddress();
  await bind(alice, await validate(alice, email));
  const threepid = { medium: 'email', address: email };
  const unbind = async (
    over: Record<string, unknown> = {},
    mxid = alice.userId,
    key = serverKey.privateKey,
  ) => {
    const content = { mxid, threepid };
    const uri = `${V2}/3pid/unbind`;
    const request = { method: 'POST', uri, origin: otherName, destination_is: NAME, content, ...over };
    const signed = signJson(request, otherName, { keyId: 'ed25519:x', privateKey: key });
    const signature = signed.signatures[otherName]?.['ed25519:x'];
    const answer = await fetch(`${door.baseUrl}${uri}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `X-Matrix origin="${otherName}",key="ed25519:x",sig="${signature}"`,
      },
      body: JSON.stringify(content),
    });
    return answer.status;
  };
  assert.equal(await unbind({ destination_is: 'another.example' }), 401);
  assert.equal(
    await unbind({ content: { mxid: eve.userId, threepid } }),
    401,
    'another body than was signed',
  );
  assert.equal(await unbind({}, alice.userId, generateKeyPairSync('ed25519').privateKey), 401, 'forged');
  assert.equal(await unbind({}, `@alice:${config.SYNAPSE_SERVER_NAME}`), 403);
  assert.equal(await found(email), alice.userId);
  assert.equal(await unbind(), 200);
  assert.equal(await found(email), null);
});

test('whoever has no account here has us ask foreign servers only so often', async () => {
  const what = { mxid: '@x:nowhere.invalid', threepid: { medium: 'email', address: freshAddress() } };
  const statuses: number[] = [];
  for (let i = 0; i <= UNBIND_LIMIT.hits; i++) statuses.push((await post('/3pid/unbind', what)).status);
  assert.equal(statuses.at(-1), 429);
  assert.ok(statuses.filter((status) => status === 401).length <= UNBIND_LIMIT.hits);
});

test('one network proves, binds and asks for keys only so often, whatever accounts it has; another one goes on', async () => {
  const [one, another] = ['192.0.2.7', '192.0.2.8'];
  const sid = '00000000-0000-4000-8000-000000000000';
  const session = { sid, client_secret: secret() };
  const get = (path: string, from: string) =>
    fetch(`${door.baseUrl}${V2}${path}`, {
      headers: { authorization: `Bearer ${eve.token}`, 'x-forwarded-for': from },
    });
  const query = new URLSearchParams({ ...session, token: 'x' });
  const asks = [
    (from: string) => post('/3pid/bind', { ...session, mxid: alice.userId }, alice.token, from),
    (from: string) => post('/validate/email/submitToken', { ...session, token: 'x' }, eve.token, from),
    (from: string) => get(`/validate/msisdn/submitToken?${query}`, from),
    (from: string) => get(`/3pid/getValidated3pid?${query}`, from),
    (from: string) => post('/sign-ed25519', { mxid: eve.userId, private_key: 'x', token: 'x' }, 'x', from),
  ];
  for (let i = 0; i < PROVE_LIMIT.hits; i++) {
    const { status } = await asks[i % asks.length]!(one);
    assert.notEqual(status, 429, String(i));
  }
  for (const ask of asks) {
    assert.equal((await ask(one)).status, 429);
    assert.notEqual((await ask(another)).status, 429);
  }
  const key = '/pubkey/ephemeral/isvalid?public_key=x';
  for (let i = 0; i < KEY_ASKED_LIMIT.hits; i++) assert.equal((await get(key, one)).status, 200);
  assert.deepEqual([(await get(key, one)).status, (await get(key, another)).status], [429, 200]);
});
