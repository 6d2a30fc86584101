/** Looking addresses up: the specification's vector, what is refused before anything is read, and what is stored. */
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import {
  createLookup,
  digestOf,
  type LookupDeps,
  pepperedHash,
} from '../../auralink-communication-service/auralink-modules/identity-service/lookup.ts';
import {
  LOOKUP_ADDRESSES_MAX,
  LOOKUP_UNIT,
  normalAddress,
  PEPPERS_CACHE_MS,
} from '../../auralink-communication-service/auralink-modules/identity-service/model.ts';
import type {
  Pepper,
  Question,
} from '../../auralink-communication-service/auralink-modules/identity-service/ports.ts';
import { AuraError } from '../../auralink-communication-service/core/errors.ts';
import { NOBODY, type UserId } from '../../auralink-communication-service/core/ids.ts';

const KEY = randomBytes(32);
const account = { userId: '@a:b' as UserId, personId: null };
const FROM = '192.0.2.1';
const errcode = (error: unknown) => (error instanceof AuraError ? error.details.errcode : String(error));

function stage(over: Partial<LookupDeps> = {}) {
  let nowMs = 0;
  const asked: Question[] = [];
  const counted: [string, number][] = [];
  const peppers: Pepper[] = [
    { pepperId: 1, pepper: 'old', indexKeyId: 'i1', state: 'previous', ageSeconds: 1 },
    { pepperId: 2, pepper: 'matrixrocks', indexKeyId: 'i1', state: 'current', ageSeconds: 1 },
    { pepperId: 3, pepper: 'gone', indexKeyId: 'i0', state: 'previous', ageSeconds: 1 },
  ];
  const lookup = createLookup({
    digests: { peppers: async () => [...peppers] },
    keys: { currentId: () => 'i1', find: (id) => (id === 'i1' ? KEY : null) },
    findAccounts: async (question) => {
      asked.push(question);
      return question.digests.map((_digest, i) => (i === 0 ? '@found:b' : null));
    },
    count: async (key, _limit, count = 1) => void counted.push([key, count]),
    ownServerName: 'ours',
    rotate: async () => {},
    nowMs: () => nowMs,
    ...over,
  });
  return { lookup, asked, counted, peppers, later: () => (nowMs += PEPPERS_CACHE_MS) };
}

test('the hash is that of the specification, whatever the address is written like', () => {
  const wanted = '4kenr7N9drpCJ4AfalmlGQVsOn3o2RHjkADUpXJWZUc';
  for (const address of ['alice@example.com', ' Alice@Example.COM ', 'alice@example.com']) {
    assert.equal(pepperedHash('email', address, 'matrixrocks').toString('base64url'), wanted);
  }
  // Matrix spec, Identity Service API, "Hashing a 3PID".
  const number = pepperedHash('msisdn', '18005552067', 'matrixrocks').toString('base64url');
  assert.equal(number, 'nlo35_T5fzSGZzJApqu8lgIudJvmOQtDaHtr-I4rU7I');
  assert.equal(normalAddress('msisdn', '+1 (800) 555-2067'), '18005552067');
});

test('what is stored is found from the hash with the key, and from nothing without it', () => {
  const hash = pepperedHash('email', 'alice@example.com', 'matrixrocks');
  for (const size of [1, 32, 64]) {
    const key = randomBytes(size);
    for (let i = 0; i < 20; i++) {
      const any = randomBytes(32);
      assert.equal(digestOf(key, any), createHmac('sha256', key).update(any).digest('hex').slice(0, 32));
    }
  }
  assert.match(digestOf(KEY, hash), /^[0-9a-f]{32}$/);
  assert.equal(digestOf(KEY, hash), digestOf(KEY, hash.toString('base64url')));
  assert.notEqual(digestOf(KEY, hash), digestOf(randomBytes(32), hash));
  assert.ok(!digestOf(KEY, hash).includes(hash.toString('hex').slice(0, 32)));
});

test('current and previous pepper count, any other is told the current one', async () => {
  const { lookup, asked } = stage();
  assert.deepEqual(await lookup.hashDetails(), { algorithms: ['sha256'], lookup_pepper: 'matrixrocks' });
  const hash = pepperedHash('email', 'alice@example.com', 'matrixrocks').toString('base64url');
  for (const pepper of ['old', 'matrixrocks']) {
    const found = await lookup.lookup(
      account,
      {
        algorithm: 'sha256',
        pepper,
        addresses: [hash, hash.toUpperCase()],
      },
      FROM,
    );
    assert.deepEqual(found, { [hash]: '@found:b' });
  }
  assert.deepEqual(asked[0]?.asker, NOBODY);
  for (const pepper of ['gone', 'never', '']) {
    await assert.rejects(
      lookup.lookup(account, { algorithm: 'sha256', pepper, addresses: [hash] }, FROM),
      (error) => {
        assert.equal(errcode(error), 'M_INVALID_PEPPER');
        assert.equal((error as AuraError).details.lookup_pepper, 'matrixrocks');
        return true;
      },
    );
  }
  assert.equal(asked.length, 2);
});

test('a pepper that another process made is known at once, one that was dropped is forgotten soon', async () => {
  const { lookup, peppers, later } = stage();
  await lookup.hashDetails();
  peppers.push({ pepperId: 4, pepper: 'new', indexKeyId: 'i1', state: 'building', ageSeconds: 0 });
  await lookup.lookup(account, { algorithm: 'sha256', pepper: 'new', addresses: [] }, FROM);
  peppers.shift();
  later();
  const late = lookup.lookup(account, { algorithm: 'sha256', pepper: 'old', addresses: [] }, FROM);
  await assert.rejects(late, (error) => errcode(error) === 'M_INVALID_PEPPER');
});

test('too much, another algorithm and what is no hash are not looked for; each address counts', async () => {
  const { lookup, asked, counted } = stage();
  const ask = (addresses: readonly string[], algorithm = 'sha256') =>
    lookup.lookup(account, { algorithm, pepper: 'matrixrocks', addresses }, FROM);
  await assert.rejects(ask(Array(LOOKUP_ADDRESSES_MAX + 1).fill('x')), (e) => errcode(e) === 'M_TOO_LARGE');
  await assert.rejects(ask(['alice@example.com email'], 'none'), (e) => errcode(e) === 'M_INVALID_PARAM');
  assert.equal(counted.length, 0);
  assert.deepEqual(await ask(['', 'x', 'alice@example.com email', '_'.repeat(44), 'é'.repeat(43)]), {});
  assert.equal(asked.length, 0);
  await ask(Array(LOOKUP_ADDRESSES_MAX).fill('_'.repeat(43)));
  const units = LOOKUP_ADDRESSES_MAX / LOOKUP_UNIT;
  const windows = ['identity-lookup:@a:b', `identity-lookup-from:${FROM}`, 'identity-lookup-server:b'];
  assert.deepEqual(
    counted,
    [1, units].flatMap((n) => windows.map((window) => [window, n])),
  );
  counted.splice(0);
  const ours = { userId: '@a:ours' as UserId, personId: null };
  await lookup.lookup(ours, { algorithm: 'sha256', pepper: 'matrixrocks', addresses: [] }, FROM);
  assert.deepEqual(
    counted.map(([window]) => window),
    ['identity-lookup:@a:ours', `identity-lookup-from:${FROM}`],
  );
});

test('without any pepper the first one is made, and while that takes long it is said', async () => {
  const none = stage({ digests: { peppers: async () => [] } });
  await assert.rejects(none.lookup.hashDetails(), (error) => (error as AuraError).code === 'unavailable');
});
