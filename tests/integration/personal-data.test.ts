/**
 * The vault over a real database and a real key-ring file: values open where they were sealed, ciphertexts cannot be
 * swapped, a rotation under load loses nothing, and without the data key's row everything is noise.
 */
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  KEY_RING_LOOK_MS,
  openKeyRing,
} from '../../auralink-communication-service/adapters/key-ring-file.ts';
import {
  createVault,
  type Vault,
} from '../../auralink-communication-service/auralink-modules/auraid/data-keys.ts';
import { CorruptEnvelopeError } from '../../auralink-communication-service/auralink-modules/auraid/envelope.ts';
import type { PersonKeyStore } from '../../auralink-communication-service/auralink-modules/auraid/ports-storage.ts';
import type { PersonId } from '../../auralink-communication-service/core/ids.ts';
import { openDatabase } from '../../auralink-communication-service/store/db.ts';
import { personKeyStore } from '../../auralink-communication-service/store/person-keys.ts';
import { testDatabase } from '../harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'aura-ring-'));
const path = join(folder, 'key-ring.json');
const db = openDatabase({ ...(await testDatabase()), poolSize: 8 });
after(async () => {
  await db.close();
  rmSync(folder, { recursive: true });
});

const ringKeys: { id: string; key: string; createdAt: string }[] = [];
const indexKeys = [{ id: 'i1', key: randomBytes(32).toString('base64url') }];
/** Replaces the file as the launcher does, whole or not at all. */
function writeRing(current: string): void {
  const ring = { version: 1, current, keys: ringKeys, indexCurrent: 'i1', indexKeys };
  writeFileSync(`${path}.new`, JSON.stringify(ring), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
function addKey(id: string): void {
  ringKeys.push({ id, key: randomBytes(32).toString('base64url'), createdAt: new Date().toISOString() });
}
addKey('k1');
writeRing('k1');

// Each process has its own clock here, so that looking at the file does not depend on how fast the machine is.
function process(store: PersonKeyStore = personKeyStore(db.pool)): { vault: Vault; later: () => void } {
  let nowMs = 0;
  const ring = openKeyRing(path, { now: () => new Date(nowMs) }, { warn: () => {} });
  const vault = createVault({ keys: store, ring, newId: randomUUID, randomBytes });
  return {
    vault,
    later: () => {
      nowMs += KEY_RING_LOOK_MS;
    },
  };
}

/** Until a round finds nothing more to do; tells how many data keys the last round could not open. */
async function rewrapAll(vault: Vault): Promise<number> {
  for (;;) {
    const { rewrapped, unreadable } = await vault.rewrap();
    if (rewrapped === 0) return unreadable;
  }
}

async function person(): Promise<PersonId> {
  const id = randomUUID() as PersonId;
  await db.pool.query(
    `INSERT INTO aura_id_registry (person_id, aura_id, skeleton, registration_key, state, activated_at)
     VALUES ($1::uuid, '@p' || substr($1::uuid::text, 1, 8) || '.aura', $1::uuid::text, $1::uuid::text, 'active', now())`,
    [id],
  );
  return id;
}

const placeOf = (row: string) => ({ table: 'personal_fields', column: 'envelope', row });

async function write(vault: Vault, personId: PersonId, value: string): Promise<string> {
  const fieldId = randomUUID();
  await db.unitOfWork.run(async (tx) => {
    const envelope = await vault.seal(tx, personId, placeOf(fieldId), Buffer.from(value));
    await db.pool.query(
      "INSERT INTO personal_fields (field_id, person_id, kind, envelope) VALUES ($1, $2, 'email', $3)",
      [fieldId, personId, envelope],
    );
  });
  return fieldId;
}

async function read(vault: Vault, personId: PersonId, fieldId: string): Promise<string> {
  const sql = 'SELECT envelope FROM personal_fields WHERE field_id = $1';
  const { rows } = await db.pool.query<{ envelope: Buffer }>(sql, [fieldId]);
  return (await vault.open(personId, placeOf(fieldId), rows[0]?.envelope as Buffer)).toString();
}

test('what one process seals another opens; the database holds nothing readable', async () => {
  const alice = await person();
  const fieldId = await write(process().vault, alice, 'canary@example.org');
  assert.equal(await read(process().vault, alice, fieldId), 'canary@example.org');
  const { rows } = await db.pool.query<{ found: boolean }>(
    "SELECT position('canary'::bytea IN envelope) > 0 AS found FROM personal_fields WHERE field_id = $1",
    [fieldId],
  );
  assert.deepEqual(rows, [{ found: false }]);
});

test('two ciphertexts that were swapped do not open, whether of one person or of two', async () => {
  const { vault } = process();
  const [alice, bob] = [await person(), await person()];
  const [a1, a2, b1] = [
    await write(vault, alice, 'a1'),
    await write(vault, alice, 'a2'),
    await write(vault, bob, 'b1'),
  ];
  const swap = (one: string, other: string) =>
    db.pool.query(
      `UPDATE personal_fields f SET envelope = g.envelope FROM personal_fields g
       WHERE f.field_id = ANY ($1) AND g.field_id = ANY ($1) AND g.field_id <> f.field_id`,
      [[one, other]],
    );
  await swap(a1, a2);
  await assert.rejects(read(vault, alice, a1), CorruptEnvelopeError);
  await swap(a1, a2);
  assert.equal(await read(vault, alice, a1), 'a1');
  await swap(a1, b1);
  await assert.rejects(read(vault, alice, a1), CorruptEnvelopeError);
  await assert.rejects(read(vault, bob, b1), CorruptEnvelopeError);
});

test('the first values of a person, sealed at once by several processes, share one data key', async () => {
  const alice = await person();
  const vaults = Array.from({ length: 4 }, () => process().vault);
  const fields = await Promise.all(vaults.map((vault, n) => write(vault, alice, `value ${n}`)));
  const other = process().vault;
  for (const [n, fieldId] of fields.entries()) assert.equal(await read(other, alice, fieldId), `value ${n}`);
});

test('the ring is rotated again and again under load: nothing is lost, and old keys can be retired', async () => {
  const processes = [process(), process()] as const;
  const people = await Promise.all(Array.from({ length: 12 }, person));
  const written: { owner: PersonId; fieldId: string; value: string }[] = [];
  let rotating = true;
  const load = async (n: number): Promise<void> => {
    for (let i = 0; rotating || i < 4; i++) {
      const owner = people[(n + i) % people.length] as PersonId;
      const value = `value ${n} ${i}`;
      written.push({
        owner,
        fieldId: await write(processes[i % 2 === 0 ? 0 : 1].vault, owner, value),
        value,
      });
      const some = written[(i * 7) % written.length];
      if (some === undefined) continue;
      assert.equal(await read(processes[i % 2 === 0 ? 1 : 0].vault, some.owner, some.fieldId), some.value);
    }
  };
  const loads = Promise.all(Array.from({ length: 4 }, (_, n) => load(n)));
  for (let rotation = 2; rotation <= 6; rotation++) {
    const from = written.length;
    addKey(`k${rotation}`);
    writeRing(`k${rotation - 1}`);
    for (const one of processes) one.later();
    writeRing(`k${rotation}`);
    // One of them has not looked yet and goes on with the old key, as real ones do for a moment.
    processes[rotation % 2 === 0 ? 0 : 1].later();
    while (written.length < from + 20) await new Promise((resolve) => setImmediate(resolve));
    for (const one of processes) one.later();
    await rewrapAll(processes[0].vault);
  }
  rotating = false;
  await loads;
  // A person who was made at the last moment by a process that had not looked.
  await rewrapAll(processes[0].vault);
  const counts = await personKeyStore(db.pool).countByRingKey();
  assert.deepEqual([...counts.keys()], ['k6'], 'every data key is wrapped by the newest key');
  ringKeys.splice(0, ringKeys.length - 1);
  writeRing('k6');
  const fresh = process().vault;
  for (const { owner, fieldId, value } of written) assert.equal(await read(fresh, owner, fieldId), value);
  assert.ok(written.length >= 100, `${written.length} values`);
});

test('without her data key a person’s values are noise, and a backup of the ring does not help', async () => {
  const { vault } = process();
  const alice = await person();
  const fieldId = await write(vault, alice, 'gone');
  await db.pool.query('DELETE FROM person_keys WHERE person_id = $1', [alice]);
  vault.forget(alice);
  await assert.rejects(read(vault, alice, fieldId), CorruptEnvelopeError);
  await assert.rejects(read(process().vault, alice, fieldId), CorruptEnvelopeError);
});

test('a data key that is read while she is erased is not remembered', async () => {
  const alice = await person();
  const fieldId = await write(process().vault, alice, 'gone');
  const store = personKeyStore(db.pool);
  const gate = Promise.withResolvers<void>();
  const found = Promise.withResolvers<void>();
  const { vault } = process({
    ...store,
    find: async (personId) => {
      const row = await store.find(personId);
      found.resolve();
      await gate.promise;
      return row;
    },
  });
  const reading = read(vault, alice, fieldId);
  await found.promise;
  await db.pool.query('DELETE FROM person_keys WHERE person_id = $1', [alice]);
  vault.forget(alice);
  gate.resolve();
  assert.equal(await reading, 'gone', 'it was asked for before');
  await assert.rejects(read(vault, alice, fieldId), CorruptEnvelopeError);
});

test('data keys that cannot be opened, more than a round has, are passed over and counted', async () => {
  const { vault } = process();
  const lost = await Promise.all(Array.from({ length: 8 }, person));
  for (const one of lost) await write(vault, one, 'lost');
  // Half of them under a key that the ring has lost (sorted before all others), half with a bit turned over.
  await db.pool.query("UPDATE person_keys SET ring_key_id = 'a-lost' WHERE person_id = ANY ($1)", [
    lost.slice(0, 4),
  ]);
  await db.pool.query(
    'UPDATE person_keys SET wrapped_key = set_byte(wrapped_key, 40, get_byte(wrapped_key, 40) # 1) WHERE person_id = ANY ($1)',
    [lost.slice(4)],
  );
  const bob = await person();
  const fieldId = await write(vault, bob, 'whole');
  const next = `k${ringKeys.length + 20}`;
  addKey(next);
  writeRing(next);
  const store = personKeyStore(db.pool);
  const later = process({
    ...store,
    listWrappedOtherwise: (current, after) => store.listWrappedOtherwise(current, after, 3),
  }).vault;
  assert.equal(await rewrapAll(later), lost.length);
  const { rows } = await db.pool.query('SELECT ring_key_id FROM person_keys WHERE person_id = $1', [bob]);
  assert.deepEqual(rows, [{ ring_key_id: next }]);
  assert.equal(await read(later, bob, fieldId), 'whole');
  await db.pool.query('DELETE FROM person_keys WHERE person_id = ANY ($1)', [lost]);
});

test('a value that is written while she is being erased is refused, and gives her no new key', async () => {
  const { vault } = process();
  const alice = await person();
  await write(vault, alice, 'before');
  const erasing = await db.pool.connect();
  await erasing.query('BEGIN');
  await erasing.query("UPDATE aura_id_registry SET state = 'erased' WHERE person_id = $1", [alice]);
  await erasing.query('DELETE FROM person_keys WHERE person_id = $1', [alice]);
  // Asked for at once: it may be refused before this test looks.
  const late = assert.rejects(write(vault, alice, 'late'), {
    ...{ code: 'unauthenticated', details: { reason: 'signed_out' } },
  });
  const waits = async () =>
    (
      await db.pool.query(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%person_keys%'",
      )
    ).rowCount !== 0;
  while (!(await waits()));
  await erasing.query('COMMIT');
  erasing.release();
  await late;
  assert.deepEqual((await db.pool.query('SELECT 1 FROM person_keys WHERE person_id = $1', [alice])).rows, []);
});

test('a ring’s file that became nonsense leaves the last good one in force, and is told', async () => {
  const warnings: unknown[] = [];
  let nowMs = 0;
  const ring = openKeyRing(path, { now: () => new Date(nowMs) }, { warn: (fields) => warnings.push(fields) });
  const before = ring.current().current.id;
  writeFileSync(path, '{"version":1');
  nowMs += KEY_RING_LOOK_MS;
  assert.equal(ring.current().current.id, before);
  assert.equal(warnings.length, 1);
  writeRing(before);
});

test('of a value that does not open its row is told, once for each look, and nothing of it', async () => {
  const told: object[] = [];
  const ring = openKeyRing(path, { now: () => new Date(0) }, { warn: () => {} });
  const keys = personKeyStore(db.pool);
  const vault = createVault({
    keys,
    ring,
    newId: randomUUID,
    randomBytes,
    unreadable: (place) => told.push(place),
  });
  const alice = await person();
  const [whole, spoilt] = [await write(vault, alice, 'whole'), await write(vault, alice, 'spoilt')];
  await db.pool.query(
    `UPDATE personal_fields SET envelope = set_byte(envelope, length(envelope) - 1,
       get_byte(envelope, length(envelope) - 1) # 1) WHERE field_id = $1`,
    [spoilt],
  );
  assert.equal(await read(vault, alice, whole), 'whole');
  await assert.rejects(read(vault, alice, spoilt), CorruptEnvelopeError);
  assert.deepEqual(told, [{ table: 'personal_fields', column: 'envelope', row: spoilt }]);
});

test('where there is no ring, personal data are refused and nothing is half written', async () => {
  const ring = openKeyRing('', { now: () => new Date(0) }, { warn: () => {} });
  const vault = createVault({ keys: personKeyStore(db.pool), ring, newId: randomUUID, randomBytes });
  const alice = await person();
  await assert.rejects(write(vault, alice, 'x'), { code: 'unavailable', details: { reason: 'no_key_ring' } });
  const { rows } = await db.pool.query('SELECT 1 FROM person_keys WHERE person_id = $1', [alice]);
  assert.deepEqual(rows, []);
});
