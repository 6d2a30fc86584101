/** Sign-in in the SDK: PKCE, state, nonce, issuer; what a redirect may and may not do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { challengeOf } from '../../../auralink-client/pkce.ts';
import { APP_ID, ISSUER } from '../../fakes/client-service.ts';
import { clientWorld } from '../../fakes/client-world.ts';

async function begun() {
  const world = clientWorld({ signedIn: false });
  const url = new URL(await world.auralink.signInUrl());
  world.service.authorization = url.searchParams;
  const back = (answer: Record<string, string>): string =>
    `https://chat.example/?${new URLSearchParams({ state: url.searchParams.get('state') ?? '', ...answer })}`;
  return { ...world, url, back };
}

test("the challenge is the verifier's SHA-256 (RFC 7636, appendix B)", async () => {
  assert.equal(
    await challengeOf('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'),
    'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  );
});

test('the request asks for a code with S256, state, nonce and the API as audience', async () => {
  const { url } = await begun();
  const parameters = url.searchParams;
  assert.equal(url.origin + url.pathname, `${ISSUER}/auth`);
  assert.equal(parameters.get('client_id'), APP_ID);
  assert.equal(parameters.get('code_challenge_method'), 'S256');
  assert.equal(parameters.get('resource'), 'urn:auralink:api');
  assert.equal(parameters.get('prompt'), null);
  for (const name of ['state', 'nonce', 'code_challenge'])
    assert.match(parameters.get(name) ?? '', /^[\w-]{43}$/);
});

test('the way back signs in, once', async () => {
  const { auralink, back, service } = await begun();
  assert.equal(await auralink.handleRedirect('https://chat.example/'), false);
  assert.equal(await auralink.handleRedirect(back({ code: 'c', iss: ISSUER })), true);
  assert.equal(auralink.signedIn, true);
  await assert.rejects(auralink.handleRedirect(back({ code: 'c' })), { reason: 'invalid_state' });
  assert.equal(service.seen('POST /oidc/token').length, 1);
});

test('an answer to somebody else’s request is refused and nothing is redeemed', async () => {
  const { auralink, service } = await begun();
  await assert.rejects(auralink.handleRedirect('https://chat.example/?code=c&state=forged'), {
    reason: 'invalid_state',
  });
  assert.equal(auralink.signedIn, false);
  assert.equal(service.seen('POST /oidc/token').length, 0);
});

test('an answer from another issuer is refused (RFC 9207)', async () => {
  const { auralink, back, service } = await begun();
  await assert.rejects(auralink.handleRedirect(back({ code: 'c', iss: 'https://evil.example/oidc' })), {
    reason: 'wrong_issuer',
  });
  assert.equal(service.seen('POST /oidc/token').length, 0);
});

for (const [name, claims, reason] of [
  ['another nonce', { nonce: 'stale' }, 'invalid_nonce'],
  ['another app', { aud: 'market' }, 'invalid_id_token'],
  ['another issuer', { iss: 'https://evil.example/oidc' }, 'invalid_id_token'],
] as const) {
  test(`an id token with ${name} signs nobody in`, async () => {
    const { auralink, back, service } = await begun();
    service.idTokenClaims = claims;
    await assert.rejects(auralink.handleRedirect(back({ code: 'c' })), { reason });
    assert.equal(auralink.signedIn, false);
  });
}

test('a refusal of the person is an error with its reason', async () => {
  const { auralink, back } = await begun();
  await assert.rejects(auralink.handleRedirect(back({ error: 'access_denied' })), {
    reason: 'access_denied',
  });
});

test('two sign-ins begun in two tabs can both come back', async () => {
  const { auralink, service, back } = await begun();
  const second = new URL(await auralink.signInUrl()).searchParams;
  assert.equal(await auralink.handleRedirect(back({ code: 'first' })), true);
  service.authorization = second;
  const href = `https://chat.example/?code=second&state=${second.get('state')}`;
  assert.equal(await auralink.handleRedirect(href), true);
});

test('after signing out the next sign-in asks again', async () => {
  const { auralink, back, service } = await begun();
  await auralink.handleRedirect(back({ code: 'c' }));
  await auralink.signOut();
  assert.equal(auralink.signedIn, false);
  assert.equal(service.seen('POST /_auralink/v1/endpoint/revoke').length, 1);
  assert.equal(service.seen('POST /oidc/token/revocation').length, 1);
  assert.equal(new URL(await auralink.signInUrl()).searchParams.get('prompt'), 'login');
});
