/** An AuraID in a Matrix login: resolved in every form that Synapse reads, and never beside a second user. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { rewriteLogin } from '../../auralink-communication-service/auralink-modules/auraid/matrix-login.ts';
import type { AuraId, UserId } from '../../auralink-communication-service/core/ids.ts';

const ALICE = '@u1:example.org' as UserId;
const resolve = async (auraId: AuraId) => (auraId === '@alice.aura' ? ALICE : null);
const password = { type: 'm.login.password', password: 'secret' };

test('an AuraID becomes the user id of her account', async () => {
  for (const user of ['@alice.aura', 'alice.aura', '@Alice.Aura']) {
    const body = { ...password, identifier: { type: 'm.id.user', user } };
    assert.deepEqual(await rewriteLogin(body, resolve), {
      ...password,
      identifier: { type: 'm.id.user', user: ALICE },
    });
    assert.deepEqual(await rewriteLogin({ ...password, user }, resolve), {
      ...password,
      identifier: { type: 'm.id.user', user: ALICE },
    });
  }
});

test('other users are left to Synapse', async () => {
  for (const user of ['alice', '@alice:example.org', '@bob.aura', '@alice.aura:example.org']) {
    const body = { ...password, identifier: { type: 'm.id.user', user } };
    assert.deepEqual(await rewriteLogin(body, resolve), body);
  }
});

test("of several ways to name a user only Synapse's first choice is left", async () => {
  const body = {
    ...password,
    medium: 'email',
    address: 'mallory@example.org',
    user: '@alice.aura',
    identifier: { type: 'm.id.user', user: '@bob.aura' },
  };
  assert.deepEqual(await rewriteLogin(body, resolve), {
    ...password,
    identifier: { type: 'm.id.thirdparty', medium: 'email', address: 'mallory@example.org' },
  });
  const { medium: _m, address: _a, ...two } = body;
  assert.deepEqual(await rewriteLogin(two, resolve), {
    ...password,
    identifier: { type: 'm.id.user', user: ALICE },
  });
});

test('a phone without a country is understood as a third party', async () => {
  const body = { ...password, identifier: { type: 'm.id.phone', phone: '+491701234567' } };
  assert.deepEqual(await rewriteLogin(body, resolve), {
    ...password,
    identifier: { type: 'm.id.thirdparty', medium: 'msisdn', address: '491701234567' },
  });
  const whole = { ...password, identifier: { type: 'm.id.phone', country: 'DE', phone: '0170' } };
  assert.deepEqual(await rewriteLogin(whole, resolve), whole);
});

test('a token login and what is not a login come back as they were', async () => {
  for (const body of [
    { type: 'm.login.token', token: 'x' },
    null,
    'text',
    [1],
    { identifier: 'alice.aura' },
  ]) {
    assert.deepEqual(await rewriteLogin(body, resolve), body);
  }
});

test('any JSON goes through without a throw, and names at most one user afterwards', async () => {
  const key = fc.constantFrom('user', 'medium', 'address', 'identifier', 'type', 'other');
  const value = fc.oneof(
    fc.constantFrom('@alice.aura', 'email', 'a@b.c'),
    fc.jsonValue(),
    fc.dictionary(key, fc.string()),
  );
  await fc.assert(
    fc.asyncProperty(fc.dictionary(key, value), async (body) => {
      const out = (await rewriteLogin(body, resolve)) as Record<string, unknown>;
      // Empty text and a list name nobody: Synapse passes over the one and answers 400 to the other.
      const isText = (text: unknown) => typeof text === 'string' && text !== '';
      const ways = [
        isText(out.user),
        isText(out.medium) && isText(out.address),
        typeof out.identifier === 'object' && out.identifier !== null && !Array.isArray(out.identifier),
      ];
      assert.ok(ways.filter(Boolean).length <= 1, JSON.stringify({ body, out }));
    }),
    {
      examples: [
        [{ user: '', identifier: [] }],
        [{ user: '', medium: '', address: '', identifier: null }],
        [{ user: '@alice.aura', medium: 'email', address: '', identifier: {} }],
      ],
    },
  );
});
