/**
 * The borders between apps, people and networks: what one endpoint's token must not see, answer or stop, and who is
 * refused at which door. Every refusal leaves the database as it was.
 */
import assert from 'node:assert/strict';
import { createHash, createHmac, generateKeyPairSync } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { describe, it } from 'node:test';
import { SignJWT } from 'jose';
import { makeDashboardToken } from '../../../auralink-communication-service/launcher/dashboard-token.ts';
import type { Phone } from '../../support/phone.ts';
import { openRawDoor } from '../../support/raw-door.ts';
import { openStage, type Stage } from '../../support/stage.ts';

const outside = Object.values(networkInterfaces())
  .flat()
  .find((address) => address !== undefined && !address.internal && address.family === 'IPv4')?.address;
const stage: Stage = await openStage('borders', { env: { PUBLIC_HOST: '0.0.0.0' } });
const { config } = stage.constellation.settings;

const { raw, socketCode } = openRawDoor(config.PUBLIC_PORT);

/** Chat rings on bob's device; Market waits on the same device, Play rings on another one. */
async function shared(): Promise<{
  alice: Phone;
  chat: Phone;
  market: Phone;
  callId: string;
  chatRing: string;
  marketRing: string;
}> {
  const [a, b] = await Promise.all([stage.person(), stage.person()]);
  const alice = await stage.phone(a);
  const device = `device-${b.personId}`;
  const market = await stage.phone(b, { app: 'market', device });
  const chat = await stage.phone(b, { app: 'chat', device, focused: true });
  const { callId } = (await alice.place(b.auraId)).body;
  await alice.frame('call.updated', (data) => (data.invitation as { alerting: boolean }).alerting);
  const [ring, notice] = await Promise.all([chat.frame('ring'), market.frame('ring.notice')]);
  return {
    alice,
    chat,
    market,
    callId,
    chatRing: String(ring.data.ringId),
    marketRing: String(notice.data.ringId),
  };
}

async function unchanged(work: () => Promise<void>): Promise<void> {
  const before = await stage.rowCounts();
  await work();
  assert.deepEqual(await stage.rowCounts(), before);
}

describe("one app's token and another app's ring", () => {
  it('does not see, answer or stop it', async () => {
    const { alice, chat, market, callId, chatRing } = await shared();
    await unchanged(async () => {
      const ring = `/_auralink/v1/rings/${chatRing}`;
      const tries = [
        await market.request('GET', ring),
        await market.answer(chatRing),
        await market.decline(chatRing),
        await market.call(callId),
        await market.cancel(callId),
        await market.hangUp(callId),
        await market.mediaToken(callId),
      ];
      for (const { status, body } of tries) assert.deepEqual([status, body.errcode], [404, 'M_NOT_FOUND']);
      assert.deepEqual(await historyIds(market), []);
    });
    assert.equal((await chat.answer(chatRing)).status, 200);
    assert.deepEqual([await historyIds(market), await historyIds(chat)], [[], [callId]]);
    await alice.hangUp(callId);
    // What is over is the person's, whichever app she looks from.
    assert.deepEqual(await historyIds(market), [callId]);
    await stage.settle();
    await stage.clear();
  });

  it('cannot use its own silent ring to act on the one that sounds, nor to learn who calls', async () => {
    const { alice, chat, market, callId, chatRing, marketRing } = await shared();
    await unchanged(async () => {
      for (const answer of [await market.answer(marketRing), await market.decline(marketRing)]) {
        assert.deepEqual([answer.status, answer.body.reason], [409, 'not_ringing_here']);
      }
      const waiting = await market.request('GET', `/_auralink/v1/rings/${marketRing}`);
      assert.deepEqual([waiting.body.live, waiting.body.state, waiting.body.ring], [false, 'waiting', null]);
    });
    assert.equal((await chat.answer(chatRing)).status, 200);
    await market.frame('ring.stopped');
    await alice.hangUp(callId);
    const stopped = await market.request('GET', `/_auralink/v1/rings/${marketRing}`);
    assert.deepEqual([stopped.body.state, stopped.body.ring], ['stopped', null]);
    const answer = await market.answer(marketRing);
    assert.equal(answer.status, 409);
    assert.ok(!JSON.stringify(market.frames).includes(alice.endpoint.person.auraId));
    await stage.settle();
    await stage.clear();
  });

  it('gives no media token to a loser, a waiting app or a third person', async () => {
    const { alice, bob, bobs } = await stage.pair(3);
    const carol = await stage.phone(await stage.person());
    const { callId } = (await alice.place(bob.auraId)).body;
    const rings = await Promise.all(bobs.map((phone) => phone.frame('ring')));
    assert.deepEqual((await alice.mediaToken(callId)).body.reason, 'not_answered');
    assert.equal((await bobs[0]?.answer(String(rings[0]?.data.ringId)))?.status, 200);
    for (const phone of [bobs[1], bobs[2], carol]) {
      const refused = await phone?.mediaToken(callId);
      assert.deepEqual([refused?.status, refused?.body.reason], [404, 'unknown_call']);
      assert.equal((await phone?.hangUp(callId))?.status, 404);
    }
    await alice.hangUp(callId);
    await stage.settle();
    await stage.clear();
  });

  it('refuses a deviceKey in a body, and believes none in a cookie', async () => {
    const { alice, bob, bobs } = await stage.pair(1);
    const body = { to: bob.auraId, deviceKey: 'forged' };
    const placed = await alice.request('POST', '/_auralink/v1/calls', body, { 'idempotency-key': 'k' });
    assert.deepEqual([placed.status, placed.body.errcode], [400, 'M_BAD_JSON']);
    const asked = new URLSearchParams({
      client_id: 'phone',
      redirect_uri: `${config.PUBLIC_BASE_URL}/`,
      response_type: 'code',
      scope: 'openid',
      code_challenge: createHash('sha256').update('verifier').digest('base64url'),
      code_challenge_method: 'S256',
    });
    const answer = await raw(`/oidc/auth?${asked}`, {
      headers: { host: new URL(config.PUBLIC_BASE_URL).host, cookie: 'auralink_device=forged.AAAA' },
    });
    assert.equal(answer.status, 303, answer.body);
    const fresh = [answer.headers['set-cookie'] ?? []].flat().find((c) => c.startsWith('auralink_device='));
    assert.match(fresh ?? 'no device', /^auralink_device=[0-9a-f-]{36}\.[\w-]{32};/);
    assert.equal(bobs[0]?.ofType('ring').length, 0);
    const known = await stage.one<{ n: number }>(
      "SELECT count(*)::int AS n FROM endpoints WHERE device_key LIKE 'forged%'",
    );
    assert.equal(known.n, 0);
    await stage.clear();
  });
});

describe('tokens', () => {
  it('lacks a scope: 403, and nothing happens', async () => {
    const bob = await stage.person();
    const silent = await stage.phone(await stage.person(), { scopes: ['profile.read'], connect: false });
    await unchanged(async () => {
      const placed = await silent.place(bob.auraId);
      assert.deepEqual(
        [placed.status, placed.body.reason, placed.body.missingScopes],
        [403, 'missing_scope', ['call.place']],
      );
    });
    const quiet = await stage.phone(bob, { scopes: ['call.place'] });
    const { alice, bobs } = await stage.pair(1);
    const { callId } = (await alice.place(bob.auraId)).body;
    assert.equal((await quiet.request('GET', '/_auralink/v1/history')).status, 403);
    assert.equal(
      (
        await quiet.request('POST', `/_auralink/v1/rings/${callId}/answer`, undefined, {
          'idempotency-key': 'k',
        })
      ).status,
      403,
    );
    assert.equal(quiet.ofType('ring').length, 0, 'an app without call.receive was rung');
    assert.equal(bobs[0]?.ofType('ring').length, 0);
    await alice.cancel(callId);
    await stage.settle();
    await stage.clear();
  });

  it('of a party need a right to calls for its media', async () => {
    const { alice, bob, bobs } = await stage.pair(1);
    const { callId } = (await alice.place(bob.auraId)).body;
    const ring = await bobs[0]?.frame('ring');
    await bobs[0]?.answer(String(ring?.data.ringId));
    const weak = await stage.world.token(alice.endpoint, { scopes: ['profile.read'] });
    for (const verb of ['media-token', 'hangup']) {
      const refused = await raw(`/_auralink/v1/calls/${callId}/${verb}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${weak}` },
      });
      assert.equal(refused.status, 403, `${verb}: ${refused.body}`);
    }
    assert.equal((await alice.mediaToken(callId)).status, 200);
    await alice.hangUp(callId);
    await stage.settle();
    await stage.clear();
  });

  it('that are not ours, not for us, expired or of another kind are refused at every door', async () => {
    const phone = await stage.phone(await stage.person(), { connect: false });
    const { endpoint } = phone;
    const claims = {
      client_id: endpoint.appId,
      endpoint_id: endpoint.endpointId,
      scope: 'call.place profile.read',
    };
    const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const now = Math.floor(Date.now() / 1_000);
    const payload = part({
      ...claims,
      iss: `${config.PUBLIC_BASE_URL}/oidc`,
      aud: 'urn:auralink:api',
      sub: endpoint.person.personId,
      iat: now,
      exp: now + 600,
      jti: 'x',
    });
    const hs256 = `${part({ alg: 'HS256', typ: 'at+jwt' })}.${payload}`;
    const other = await stage.phone(await stage.person(), { connect: false });
    const bad: Record<string, string> = {
      expired: await stage.world.token(endpoint, { expiresInSeconds: -5 }),
      'wrong issuer': await stage.world.token(endpoint, { issuer: 'https://elsewhere.example/oidc' }),
      'wrong audience': await stage.world.token(endpoint, { audience: 'urn:other:api' }),
      'alg none': `${part({ alg: 'none', typ: 'at+jwt' })}.${payload}.`,
      'alg HS256 with a public key': `${hs256}.${createHmac('sha256', config.OIDC_SIGNING_KEYS).update(hs256).digest('base64url')}`,
      "a stranger's key": await new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt' })
        .setIssuer(`${config.PUBLIC_BASE_URL}/oidc`)
        .setAudience('urn:auralink:api')
        .setSubject(endpoint.person.personId)
        .setIssuedAt()
        .setExpirationTime('10m')
        .sign(stranger),
      'typ JWT': await stage.world.token(endpoint, { typ: 'JWT' }),
      "another's endpoint": await stage.world.token({ ...endpoint, endpointId: other.endpoint.endpointId }),
      garbage: 'a.b.c',
    };
    for (const [what, token] of Object.entries(bad)) {
      const answer = await raw('/_auralink/v1/me', { headers: { authorization: `Bearer ${token}` } });
      assert.equal(answer.status, 401, `${what}: ${answer.body}`);
      assert.equal(JSON.parse(answer.body).errcode, 'M_UNKNOWN_TOKEN', what);
      assert.equal(await socketCode({ send: [JSON.stringify({ type: 'hello', token })] }), 4401, what);
    }
    const none = await raw('/_auralink/v1/me');
    assert.deepEqual([none.status, JSON.parse(none.body).errcode], [401, 'M_MISSING_TOKEN']);
    assert.equal((await phone.request('GET', '/_auralink/v1/me')).status, 200);
    await stage.clear();
  });

  it('of an endpoint that was signed out are void at once, in both processes', async () => {
    const { alice, bob, bobs } = await stage.pair(2);
    const [gone, stays] = bobs as [Phone, Phone];
    const tab = await stage.tab(gone);
    assert.equal((await gone.request('POST', '/_auralink/v1/endpoint/revoke')).status, 204);
    await Promise.all([gone, tab].map((page) => page.until(() => page.closeCode === 4440, 'its end')));
    for (let i = 0; i < 10; i++) assert.equal((await gone.request('GET', '/_auralink/v1/me')).status, 401);
    await assert.rejects(gone.connect(), /4401/);
    const { callId } = (await alice.place(bob.auraId)).body;
    await stays.frame('ring');
    await alice.cancel(callId);
    assert.equal(gone.ofType('ring').length, 0);
    await stage.settle();
    await stage.clear();
  });
});

describe('origins and hosts', () => {
  it("refuses an app's token from another origin, over HTTP and on the socket", async () => {
    const phone = await stage.phone(await stage.person(), { connect: false });
    const chatOrigin = `http://chat.localhost:${config.PUBLIC_PORT}`;
    const authorization = `Bearer ${phone.endpoint.token}`;
    const send = [JSON.stringify({ type: 'hello', token: phone.endpoint.token })];
    for (const origin of ['http://evil.example', `http://market.localhost:${config.PUBLIC_PORT}`, 'null']) {
      const answer = await raw('/_auralink/v1/me', { headers: { authorization, origin } });
      assert.deepEqual([answer.status, JSON.parse(answer.body).reason], [403, 'foreign_origin'], origin);
      assert.equal(await socketCode({ send, origin }), 4403, origin);
    }
    const own = await raw('/_auralink/v1/me', { headers: { authorization, origin: chatOrigin } });
    assert.equal(own.status, 200);
    assert.equal(own.headers['access-control-allow-origin'], chatOrigin);
    assert.equal(await socketCode({ send, origin: chatOrigin }), 0);
    const foreign = await raw('/_auralink/v1/config', { headers: { origin: 'http://evil.example' } });
    assert.equal(foreign.headers['access-control-allow-origin'], undefined);
    await stage.clear();
  });

  it("serves nothing but pages on a demo app's host", async () => {
    const phone = await stage.phone(await stage.person(), { connect: false });
    const host = `chat.localhost:${config.PUBLIC_PORT}`;
    const headers = { host, authorization: `Bearer ${phone.endpoint.token}` };
    for (const path of [
      '/_auralink/v1/me',
      '/_auralink/v1/config',
      '/health',
      '/openapi.json',
      '/_matrix/client/versions',
      '/oidc/.well-known/openid-configuration',
      '/internal/routing/query',
    ]) {
      assert.equal((await raw(path, { headers })).status, 404, path);
    }
    const posted = await raw('/_auralink/v1/calls', {
      method: 'POST',
      headers: { ...headers, 'idempotency-key': 'k' },
    });
    assert.equal(posted.status, 404);
    const send = [JSON.stringify({ type: 'hello', token: phone.endpoint.token })];
    assert.equal(await socketCode({ send, host }), 404, 'the socket was served on the host of an app');
    assert.equal((await raw('/', { headers })).status, 200);
    await stage.clear();
  });

  it('has no other socket', async () => {
    assert.equal(await socketCode({ path: '/_auralink/v1/other' }), 404);
    assert.equal(await socketCode({ path: '/_matrix/client/v3/sync' }), 404);
  });
});

describe("the engines' surfaces from outside", () => {
  it('does not pass /_matrix/app on, whatever its spelling', async () => {
    for (const path of [
      '/_matrix/app/v1/transactions/1',
      '/_matrix//app/v1/ping',
      '/_matrix/client/../app/v1/ping',
      '/_matrix/%61pp/v1/ping',
      '/_matrix/client/%2e%2e/app/v1/ping',
      '/_synapse/admin/v1/users',
      '/_synapse/client/../admin/v1/users',
      '/sfu_webhook',
    ]) {
      const answer = await raw(path, {
        method: 'PUT',
        headers: { authorization: `Bearer ${config.APPSERVICE_HS_TOKEN}` },
      });
      assert.equal(answer.status, 404, `${path}: ${answer.body}`);
    }
  });

  it("refuses webhooks and transactions without the engine's own proof", async () => {
    const engines = stage.constellation.urls.engines;
    const webhook = await fetch(`${engines}/sfu_webhook`, {
      method: 'POST',
      headers: { 'content-type': 'application/webhook+json', authorization: 'Bearer a.b.c' },
      body: JSON.stringify({ event: 'room_finished', id: 'x' }),
    });
    assert.equal(webhook.status, 401);
    const none = await fetch(`${engines}/_matrix/app/v1/transactions/1`, {
      method: 'PUT',
      body: '{"events":[]}',
    });
    assert.equal(none.status, 401);
    const wrong = await fetch(
      `${engines}/_matrix/app/v1/transactions/1?access_token=${config.APPSERVICE_HS_TOKEN}`,
      {
        method: 'PUT',
        headers: {
          authorization: `Bearer ${config.APPSERVICE_AS_TOKEN}`,
          'content-type': 'application/json',
        },
        body: '{"events":[]}',
      },
    );
    assert.equal(wrong.status, 403);
  });

  it('hides /internal from other networks, whatever the headers say', {
    skip: outside === undefined && 'this machine has loopback only',
  }, async () => {
    const token = () => makeDashboardToken(stage.constellation.settings, 'routing.query');
    const ask = async (address: string, headers: Record<string, string> = {}) =>
      await raw('/internal/routing/query', {
        method: 'POST',
        address,
        headers: { 'content-type': 'application/json', authorization: `Bearer ${await token()}`, ...headers },
        body: JSON.stringify({ from: '@alice.aura', to: '@bob.aura', media: 'audio' }),
      });
    const far = outside ?? '';
    assert.notEqual((await ask('127.0.0.1')).status, 404);
    for (const headers of [
      {},
      { 'x-forwarded-for': '127.0.0.1' },
      { forwarded: 'for=127.0.0.1' },
      { 'x-real-ip': '127.0.0.1' },
    ]) {
      const answer = await ask(far, headers);
      assert.deepEqual([answer.status, JSON.parse(answer.body).reason], [404, 'unknown_route']);
    }
    assert.equal((await raw('/_auralink/v1/config', { address: far })).status, 200);
  });
});

async function historyIds(phone: Phone): Promise<unknown[]> {
  const { body } = await phone.request('GET', '/_auralink/v1/history');
  return (body.calls as unknown as { callId: string }[]).map((call) => call.callId);
}
