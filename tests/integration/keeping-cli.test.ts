/**
 * `./aura keys` and `./aura audit`, run as people run them: they read the configuration that the service reads, and say
 * plainly what is missing. And a service whose key ring is missing or broken says so, and does not start.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseKeyRingFile } from '../../auralink-communication-service/auralink-modules/auraid/key-ring.ts';
import { identityJwk } from '../../auralink-communication-service/launcher/secrets.ts';
import { layoutOf } from '../../auralink-communication-service/launcher/layout.ts';
import { openDatabase } from '../../auralink-communication-service/store/db.ts';
import { constellation, testDatabase, testDataDir } from '../harness.ts';
import { databaseEnv, pretendUp, runCli, runNode } from '../support/cli.ts';

const address = await testDatabase();
const layout = layoutOf(testDataDir('keeping'));
mkdirSync(layout.dataDir, { recursive: true });
pretendUp(layout);
const ringPath = join(layout.dataDir, 'elsewhere.json');
const key = (id: string) => ({ id, key: randomBytes(32).toString('base64url') });
const ring = {
  version: 1,
  current: 'k7',
  keys: [{ ...key('k7'), createdAt: new Date().toISOString() }],
  indexCurrent: 'i1',
  indexKeys: [key('i1')],
};
writeFileSync(ringPath, JSON.stringify(ring));
const aura = (args: string, env: Record<string, string> = {}) =>
  runCli([...args.split(' '), '--data', layout.dataDir], {
    ...databaseEnv(address),
    KEY_RING_PATH: ringPath,
    ...env,
  });

test('keys: the ring is the one that is configured; a rotation changes its file and is in the audit log', async () => {
  const status = await aura('keys status --json');
  assert.equal(status.code, 0, status.err);
  const { path, keys, missing } = JSON.parse(status.out);
  assert.deepEqual([path, keys.map((one: { id: string }) => one.id), missing], [ringPath, ['k7'], []]);
  const rotated = await aura('keys rotate --json');
  assert.deepEqual([rotated.code, rotated.out], [0, '{"current":"k8"}\n'], rotated.err);
  assert.equal(parseKeyRingFile(readFileSync(ringPath, 'utf8')).current, 'k8');
  const db = openDatabase({ ...address, poolSize: 1 });
  const { rows } = await db.pool.query("SELECT actor, act, detail FROM audit_log WHERE act = 'keys.rotated'");
  assert.deepEqual(rows, [{ actor: 'operator:cli', act: 'keys.rotated', detail: { key: 'k8', was: 'k7' } }]);
  await db.pool.query(
    `INSERT INTO outgoing_messages (message_id, channel, purpose, address, content, key_id, expires_at)
     VALUES (gen_random_uuid(), 'email', 'notice', '\\x00', '\\x00', 'k7', now() + interval '1 h')`,
  );
  const kept = await aura('keys retire k7');
  assert.equal(kept.code, 1);
  assert.match(kept.err, /k7 still seals 1 messages that wait to be sent/);
  await db.pool.query('DELETE FROM outgoing_messages');
  await db.close();
  const retired = await aura('keys retire k7');
  assert.deepEqual([retired.code, retired.out], [0, 'k7 is retired.\n'], retired.err);
});

test('keys: another key of the Identity Service stands first, and the one before stays valid', async () => {
  const path = join(layout.secretsDir, 'IDENTITY_SIGNING_KEYS');
  const kids = (): string[] =>
    JSON.parse(readFileSync(path, 'utf8')).keys.map((one: { kid: string }) => one.kid);
  const [before] = kids();
  const rotated = await aura('keys rotate --identity --json');
  assert.equal(rotated.code, 0, rotated.err);
  const { next } = JSON.parse(rotated.out);
  assert.deepEqual(kids(), [next, before]);
  assert.notEqual(next, before);
  const foreign = await aura('keys rotate --identity', {
    IDENTITY_SIGNING_KEYS: JSON.stringify({ keys: [await identityJwk()] }),
  });
  assert.equal(foreign.code, 1);
  assert.match(foreign.err, /IDENTITY_SIGNING_KEYS is not read from/);
  assert.equal(kids().length, 2);
});

test('keys: a ring that is missing or broken is told by variable and file', async () => {
  const none = await aura('keys status', { KEY_RING_PATH: '/no/such/ring.json' });
  assert.equal(none.code, 1);
  assert.match(
    none.err,
    /^aura: KEY_RING_PATH: the key ring \/no\/such\/ring\.json cannot be read \(ENOENT\)/,
  );
});

test('audit: an exported file that is asked for must be there; the configured one may be absent yet', async () => {
  const missing = await aura('audit verify --heads /no/such/heads.jsonl');
  assert.equal(missing.code, 2, missing.out);
  assert.match(missing.err, /--heads: there is no file \/no\/such\/heads\.jsonl/);
  const first = await aura('audit verify');
  assert.equal(first.code, 0, first.err);
  assert.match(first.out, /The audit log is whole: 2 entries\. No exported heads were compared/);
  const json = JSON.parse((await aura('audit verify --json')).out);
  assert.deepEqual(json, { entries: 2, faults: [], headsCompared: null });
  const heads = join(layout.dataDir, 'heads.jsonl');
  writeFileSync(heads, '');
  assert.equal(JSON.parse((await aura(`audit verify --json --heads ${heads}`)).out).headsCompared, 0);
  writeFileSync(heads, 'nonsense\n');
  const bad = await aura(`audit verify --heads ${heads}`);
  assert.deepEqual([bad.code, bad.err.includes('line 1 of')], [2, true], bad.err);
});

test('a service with a missing or broken key ring does not start, and says what would be right', async () => {
  const secret = ring.keys[0]?.key ?? '';
  const broken = (name: string, text: string): string => {
    const path = join(layout.dataDir, name);
    writeFileSync(path, text);
    return path;
  };
  const cases: [string, RegExp][] = [
    ['/no/such/ring.json', /the key ring \/no\/such\/ring\.json cannot be read \(ENOENT\)/],
    [broken('text.json', secret), /text\.json is no key ring \(it is not JSON\)/],
    [
      broken('short.json', JSON.stringify({ ...ring, keys: [{ ...ring.keys[0], key: 'c2hvcnQ' }] })),
      /short\.json is no key ring \(keys\.0\.key: must be 32 bytes, base64url\)/,
    ],
  ];
  for (const [path, told] of cases) {
    const env = {
      ...process.env,
      ...constellation().serviceEnv,
      ...databaseEnv(address),
      KEY_RING_PATH: path,
    };
    const { code, err } = await runNode('main.ts', [], env);
    assert.equal(code, 2, err);
    assert.match(err, /^The configuration has 1 fault\(s\):\n {2}KEY_RING_PATH: /m);
    assert.match(err, told);
    assert.match(err, /`\.\/aura up` makes one at the first start/);
    assert.doesNotMatch(err, /ZodError|\n {4}at /);
    assert.ok(!err.includes(secret.slice(0, 10)), 'no key is told');
  }
});
