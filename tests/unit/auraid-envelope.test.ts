/** Envelopes: what was sealed opens at its place with its key, and nothing else does. */
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { test } from 'node:test';
import {
  CorruptEnvelopeError,
  type DataKey,
  openValue,
  PADDED_TO_BYTES,
  type Place,
  ringKeyIdOf,
  sealValue,
  unwrapKey,
  wrapKey,
} from '../../auralink-communication-service/auralink-modules/auraid/envelope.ts';
import {
  blindIndex,
  KeyRingError,
  parseKeyRingFile,
  toKeyRing,
} from '../../auralink-communication-service/auralink-modules/auraid/key-ring.ts';

const freshKey = (): DataKey => ({ id: randomUUID(), key: randomBytes(32) });
const place: Place = { table: 'personal_fields', column: 'envelope', row: randomUUID() };
const key = freshKey();
const seal = (text: string): Buffer => sealValue(key, place, Buffer.from(text), randomBytes);
const corrupt = (work: () => unknown): void => assert.throws(work, CorruptEnvelopeError);

test('what was sealed opens again, whatever its length, and never looks the same twice', () => {
  for (const text of ['', 'x', 'alice@example.org', 'ä'.repeat(500)]) {
    assert.equal(openValue(key, place, seal(text)).toString(), text);
  }
  assert.notDeepEqual(seal('same'), seal('same'));
});

test('its size tells little: texts of about one length have one size', () => {
  assert.equal(seal('a').length, seal('a'.repeat(PADDED_TO_BYTES - 4)).length);
  assert.equal(seal('a'.repeat(PADDED_TO_BYTES)).length - seal('a').length, PADDED_TO_BYTES);
});

test('at any other place, or under any other key, it does not open', () => {
  const sealed = seal('a secret');
  for (const other of [
    { ...place, table: 'contact_notes' },
    { ...place, column: 'note_envelope' },
    { ...place, row: randomUUID() },
  ]) {
    corrupt(() => openValue(key, other, sealed));
  }
  corrupt(() => openValue(freshKey(), place, sealed));
  corrupt(() => openValue({ id: key.id, key: randomBytes(32) }, place, sealed));
});

test('no byte of it can be changed, none taken away', () => {
  const sealed = seal('a secret');
  for (let at = 0; at < sealed.length; at++) {
    const altered = Buffer.from(sealed);
    altered[at] = (altered[at] ?? 0) ^ 1;
    corrupt(() => openValue(key, place, altered));
    corrupt(() => openValue(key, place, sealed.subarray(0, at)));
  }
});

test('a wrapped data key names its ring key and opens for its person only', () => {
  const ring = { id: 'k7', key: randomBytes(32) };
  const person = randomUUID();
  const wrapped = wrapKey(ring, person, key, randomBytes);
  assert.equal(ringKeyIdOf(wrapped), 'k7');
  assert.deepEqual(unwrapKey(ring, person, key.id, wrapped), key);
  corrupt(() => unwrapKey(ring, randomUUID(), key.id, wrapped));
  corrupt(() => unwrapKey(ring, person, randomUUID(), wrapped));
  corrupt(() => unwrapKey({ ...ring, key: randomBytes(32) }, person, key.id, wrapped));
});

test('a key ring is read as a whole or not at all', () => {
  const text = () => randomBytes(32).toString('base64url');
  const file = {
    version: 1,
    current: 'k2',
    keys: [
      { id: 'k1', key: text(), createdAt: '2026-11-01T00:00:00.000Z' },
      { id: 'k2', key: text(), createdAt: '2026-11-02T00:00:00.000Z' },
    ],
    indexCurrent: 'i1',
    indexKeys: [{ id: 'i1', key: text() }],
  };
  const ring = toKeyRing(parseKeyRingFile(JSON.stringify(file)));
  assert.equal(ring.current.id, 'k2');
  assert.deepEqual([...ring.keys.keys()], ['k1', 'k2']);
  const short = { ...file, keys: [{ ...file.keys[0], key: 'c2hvcnQ' }] };
  const twice = { ...file, keys: [file.keys[1], file.keys[1]] };
  for (const bad of [
    { ...file, current: 'k3' },
    { ...file, version: 2 },
    short,
    twice,
    { ...file, more: 1 },
  ]) {
    assert.throws(() => parseKeyRingFile(JSON.stringify(bad)), KeyRingError);
  }
  const secret = text();
  const told = (bad: string) => (error: Error) =>
    error instanceof KeyRingError && !error.message.includes(bad);
  assert.throws(() => parseKeyRingFile(secret), told(secret.slice(0, 8)));
});

test('the digest of an address depends on its kind and on the key', () => {
  const one = { id: 'i1', key: randomBytes(32) };
  const digest = blindIndex(one, 'email', 'alice@example.org');
  assert.equal(digest.length, 32);
  assert.deepEqual(blindIndex(one, 'email', 'alice@example.org'), digest);
  assert.notDeepEqual(blindIndex(one, 'phone', 'alice@example.org'), digest);
  assert.notDeepEqual(blindIndex({ id: 'i2', key: randomBytes(32) }, 'email', 'alice@example.org'), digest);
});
