/** Signed JSON: the specification's own vectors, its canonical form for any value, and every way to tamper. */
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  canonicalJson,
  findPrivateKey,
  findPublicKey,
  isSignedBy,
  NotCanonicalError,
  publicKeyOf,
  signingKeysOf,
  signJson,
} from '../../auralink-communication-service/auralink-modules/identity-service/signed-json.ts';

/** Matrix spec, appendices, "Cryptographic Test Vectors". */
const SEED = 'YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1';
const privateKey = findPrivateKey(SEED)!;
const publicKey = createPublicKey(privateKey);
const key = { keyId: 'ed25519:1', privateKey };

test('the vectors of the specification are signed as they stand there', () => {
  assert.equal(publicKeyOf(publicKey), 'XGX0JRS2Af3be3knz2fBiRbApjm2Dh61gXDJA8kcJNI');
  assert.deepEqual(signJson({}, 'domain', key).signatures, {
    domain: {
      'ed25519:1': 'K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/7Xg4ahLwYGYZzuHGZKM5ZAQ',
    },
  });
  assert.deepEqual(signJson({ one: 1, two: 'Two' }, 'domain', key).signatures, {
    domain: {
      'ed25519:1': 'KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7BP7vBZhG6kYdD13EIMJpvhJI+6Bw',
    },
  });
});

test('the canonical form is that of the specification', () => {
  const cases: [unknown, string][] = [
    [{}, '{}'],
    [{ one: 1, two: 'Two' }, '{"one":1,"two":"Two"}'],
    [{ b: '2', a: '1' }, '{"a":"1","b":"2"}'],
    [{ a: '日本語' }, '{"a":"日本語"}'],
    [{ 本: 2, 日: 1 }, '{"日":1,"本":2}'],
    [{ a: null, b: [true, -0, { d: 1, c: undefined }] }, '{"a":null,"b":[true,0,{"d":1}]}'],
    // By code points, not by the halves of which JavaScript's texts are made.
    [{ '\u{10000}': 1, '\uffff': 2 }, '{"\uffff":2,"\u{10000}":1}'],
  ];
  for (const [value, text] of cases) assert.equal(canonicalJson(value), text);
  let deep: unknown = 1;
  for (let i = 0; i < 40; i++) deep = [deep];
  for (const bad of [1.5, 2 ** 53, Number.NaN, '\ud800', deep, undefined, { a: 1n }]) {
    assert.throws(() => canonicalJson(bad), NotCanonicalError);
  }
});

test('what is signed holds for whatever it says, in any order of its keys, and for nothing else', () => {
  const value = fc.dictionary(
    fc.string({ unit: 'grapheme' }),
    fc.oneof(fc.integer(), fc.string({ unit: 'grapheme' })),
  );
  fc.assert(
    fc.property(value, (object) => {
      const { signatures: _taken, unsigned: _also, ...plain } = object as Record<string, unknown>;
      const signed = signJson(plain, 'server', key);
      const turned = Object.fromEntries(Object.entries(signed).reverse());
      assert.ok(isSignedBy(turned, 'server', 'ed25519:1', publicKey));
      assert.ok(isSignedBy({ ...signed, unsigned: { age: 1 } }, 'server', 'ed25519:1', publicKey));
      assert.ok(!isSignedBy({ ...signed, more: 1 }, 'server', 'ed25519:1', publicKey));
    }),
  );
  const signed = signJson({ a: 1 }, 'server', key);
  const other = generateKeyPairSync('ed25519').publicKey;
  assert.ok(!isSignedBy(signed, 'server', 'ed25519:1', other));
  assert.ok(!isSignedBy(signed, 'other', 'ed25519:1', publicKey));
  assert.ok(!isSignedBy(signed, 'server', 'ed25519:2', publicKey));
  for (const forged of ['', 'AAAA', 7, null, {}]) {
    const bad = { a: 1, signatures: { server: { 'ed25519:1': forged } } };
    assert.ok(!isSignedBy(bad, 'server', 'ed25519:1', publicKey));
  }
  assert.ok(!isSignedBy({ a: 1, signatures: null }, 'server', 'ed25519:1', publicKey));
});

test('keys are read in every base64 that is about, and nothing else is taken for one', () => {
  const text = publicKeyOf(publicKey);
  const forms = [text, `${text}=`, text.replaceAll('+', '-').replaceAll('/', '_')];
  for (const form of forms) assert.equal(publicKeyOf(findPublicKey(form)!), text);
  for (const bad of ['', 'a', `${text}A`, `!${text.slice(1)}`]) {
    assert.equal(findPublicKey(bad), null);
    assert.equal(findPrivateKey(bad), null);
  }
  const jwk = { ...privateKey.export({ format: 'jwk' }), kid: 'a1' };
  const [first, second] = signingKeysOf(JSON.stringify({ keys: [jwk, { ...jwk, kid: 'a0' }] }));
  assert.deepEqual([first.keyId, first.publicKey, second?.keyId], ['ed25519:a1', text, 'ed25519:a0']);
  assert.throws(() => signingKeysOf('{"keys":[]}'));
});
