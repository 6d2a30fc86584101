/**
 * The audit log over a real database: it takes entries and nothing else, and whatever is changed behind its back, with
 * its triggers off, is found; also a tail that was cut off together with the chain's own head.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  createAuditHeadsFile,
  findExportedHeads,
} from '../../auralink-communication-service/adapters/audit-heads-file.ts';
import {
  type AuditVerdict,
  verifyAudit,
} from '../../auralink-communication-service/auralink-modules/auraid/audit-verify.ts';
import type { PersonId } from '../../auralink-communication-service/core/ids.ts';
import {
  auditReader,
  auditStore,
  readHeads,
  withHeads,
} from '../../auralink-communication-service/store/audit.ts';
import { openDatabase } from '../../auralink-communication-service/store/db.ts';
import { testDatabase } from '../harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'aura-audit-'));
const headsPath = join(folder, 'heads.jsonl');
const db = openDatabase({ ...(await testDatabase()), poolSize: 8 });
after(async () => {
  await db.close();
  rmSync(folder, { recursive: true });
});

const audit = auditStore();
const record = (subject: string): Promise<void> =>
  db.unitOfWork.run((tx) =>
    audit.record(tx, {
      actor: `person:${subject}`,
      act: 'privacy.changed',
      subject: subject as PersonId,
      detail: { field: 'name', count: 3, by: 'ä "quoted" \n line' },
    }),
  );
const verify = (exported = findExportedHeads(headsPath) ?? []): Promise<AuditVerdict> =>
  verifyAudit(auditReader(db.pool), exported);

/** Whoever owns the database can do this; the chain is there to show it. */
async function behindItsBack(sql: string, values: unknown[] = []): Promise<void> {
  const client = await db.pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('ALTER TABLE audit_log DISABLE TRIGGER USER');
    await client.query(sql, values);
    await client.query('ALTER TABLE audit_log ENABLE TRIGGER USER');
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

/** The chain with the most entries, and how many. */
async function longest(): Promise<{ chain: number; seq: number }> {
  const heads = await readHeads(db.pool);
  return heads.toSorted((a, b) => b.seq - a.seq)[0] as { chain: number; seq: number };
}

const subjects = Array.from({ length: 40 }, () => randomUUID());

test('entries of many people, written at once, are whole; an empty log is too', async () => {
  assert.deepEqual(await verify([]), { entries: 0, faults: [] });
  await Promise.all([...subjects, ...subjects, ...subjects].map(record));
  assert.deepEqual(await verify([]), { entries: 120, faults: [] });
});

test('what was written can neither be changed nor deleted nor emptied', async () => {
  for (const sql of [
    "UPDATE audit_log SET actor = 'system'",
    'DELETE FROM audit_log',
    'TRUNCATE audit_log',
    'TRUNCATE audit_log CASCADE',
  ]) {
    await assert.rejects(db.pool.query(sql), { code: '42501' }, sql);
  }
  assert.deepEqual(await verify([]), { entries: 120, faults: [] });
});

test('an act that is not committed leaves no entry and no gap', async () => {
  const undone = db.unitOfWork.run(async (tx) => {
    await audit.record(tx, { actor: 'system', act: 'keys.rotated', subject: subjects[0] as PersonId });
    throw new Error('undone');
  });
  await assert.rejects(undone, /undone/);
  assert.deepEqual(await verify([]), { entries: 120, faults: [] });
});

test('an altered entry, each of its columns, is found', async () => {
  const { chain, seq } = await longest();
  const at = Math.ceil(seq / 2);
  const where = `WHERE chain = ${chain} AND seq = ${at}`;
  const alterations: [string, string][] = [
    ['actor', "'system'"],
    ['act', "'name.renamed'"],
    ['at', "at + interval '1 microsecond'"],
    ['subject_id', `'${randomUUID()}'`],
    ['detail', `detail || '{"count": 4}'`],
  ];
  for (const [column, value] of alterations) {
    const { rows } = await db.pool.query(`SELECT ${column}::text AS was FROM audit_log ${where}`);
    await behindItsBack(`UPDATE audit_log SET ${column} = ${value} ${where}`);
    assert.deepEqual((await verify([])).faults, [{ chain, seq: at, fault: 'altered' }], column);
    const type = { at: 'timestamptz', subject_id: 'uuid', detail: 'jsonb' }[column] ?? 'text';
    await behindItsBack(`UPDATE audit_log SET ${column} = $1::text::${type} ${where}`, [rows[0].was]);
    assert.deepEqual((await verify([])).faults, [], `${column} is back`);
  }
});

test('a missing entry is found, and so are two that changed places', async () => {
  const { chain, seq } = await longest();
  const at = Math.ceil(seq / 2);
  await behindItsBack('CREATE TABLE kept AS SELECT * FROM audit_log');
  const restore = () => behindItsBack('DELETE FROM audit_log; INSERT INTO audit_log SELECT * FROM kept');
  await behindItsBack('DELETE FROM audit_log WHERE chain = $1 AND seq = $2', [chain, at]);
  assert.deepEqual((await verify([])).faults, [{ chain, seq: at, fault: 'missing' }]);
  await restore();
  for (const [from, to] of [
    [at, -1],
    [at + 1, at],
    [-1, at + 1],
  ]) {
    await behindItsBack(`UPDATE audit_log SET seq = ${to} WHERE chain = ${chain} AND seq = ${from}`);
  }
  assert.deepEqual((await verify([])).faults, [{ chain, seq: at, fault: 'altered' }]);
  await restore();
  assert.deepEqual((await verify([])).faults, []);
});

test('an end that was cut off, its head in the database too, shows in the exported heads', async () => {
  const heads = createAuditHeadsFile(headsPath);
  const now = new Date('2026-11-23T00:00:00Z');
  heads.append(await readHeads(db.pool), now);
  heads.append(await readHeads(db.pool), now);
  await record(subjects[0] as string);
  heads.append(await readHeads(db.pool), now);
  assert.deepEqual((await verify()).faults, [], 'the log has grown since the first line');

  const { chain, seq } = await longest();
  await behindItsBack('DELETE FROM audit_log WHERE chain = $1 AND seq = $2', [chain, seq]);
  assert.deepEqual((await verify([])).faults, [{ chain, seq, fault: 'cut_off' }], 'by its own head');
  await behindItsBack(
    `UPDATE audit_chains c SET seq = l.seq, hash = l.hash FROM audit_log l
     WHERE c.chain = $1 AND l.chain = $1 AND l.seq = $2`,
    [chain, seq - 1],
  );
  assert.deepEqual((await verify([])).faults, [], 'the database alone cannot tell');
  assert.deepEqual((await verify()).faults, [{ chain, seq, fault: 'cut_off' }]);
});

test('several processes, each as it stops, write one line for one state, and a new one none', async () => {
  const path = join(folder, 'shared.jsonl');
  const lines = () => readFileSync(path, 'utf8').trimEnd().split('\n').length;
  const now = new Date('2026-11-23T00:00:00Z');
  const processes = [1, 2, 3].map(() => createAuditHeadsFile(path));
  const stop = (files = processes) =>
    Promise.all(files.map((file) => withHeads(db, (heads) => file.append(heads, now))));
  await record(subjects[0] as string);
  const grown = await stop();
  assert.equal(lines(), 1);
  assert.equal(grown.filter((chains) => chains > 0).length, 1);
  assert.deepEqual(await stop([createAuditHeadsFile(path)]), [0], 'a process that has just started');
  await record(subjects[0] as string);
  await stop();
  assert.equal(lines(), 2);
  assert.deepEqual((await verify(findExportedHeads(path) ?? [])).faults, []);
  // Somebody emptied the file, or cut a line in half.
  writeFileSync(path, '');
  await stop();
  assert.equal(lines(), 1);
  writeFileSync(path, '{"at":"2026');
  assert.equal((await stop()).filter((chains) => chains > 0).length, 1);
  assert.equal(lines(), 2, 'whole lines follow a broken one');
  assert.throws(() => findExportedHeads(path), /line 1 of .* is no line of audit heads/);
});

test('an entry that was forged together with its hash and the chain’s head shows in the exported heads', async () => {
  await behindItsBack('DELETE FROM audit_log; INSERT INTO audit_log SELECT * FROM kept');
  const { chain, seq } = await longestEntry();
  const honest = await db.pool.query(
    "SELECT encode(hash, 'hex') AS hash FROM audit_log WHERE chain = $1 AND seq = $2",
    [chain, seq],
  );
  await behindItsBack(
    `UPDATE audit_log SET actor = 'system', hash = sha256(previous_hash || convert_to(concat_ws(E'\\n', chain, seq,
       to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'system', act, subject_id, detail::text), 'UTF8'))
     WHERE chain = $1 AND seq = $2`,
    [chain, seq],
  );
  await db.pool.query(
    `UPDATE audit_chains c SET seq = l.seq, hash = l.hash FROM audit_log l WHERE c.chain = $1 AND l.chain = $1 AND l.seq = $2`,
    [chain, seq],
  );
  const ofChain = (verdict: AuditVerdict) => verdict.faults.filter((fault) => fault.chain === chain);
  assert.deepEqual(ofChain(await verify([])), [], 'the database alone cannot tell');
  const exported = [{ chain, seq, hash: String(honest.rows[0]?.hash) }];
  assert.deepEqual(ofChain(await verify(exported)), [{ chain, seq, fault: 'head_wrong' }]);
});

/** The newest entry of the chain with the most of them. */
async function longestEntry(): Promise<{ chain: number; seq: number }> {
  const { rows } = await db.pool.query<{ chain: number; seq: number }>(
    'SELECT chain::int, max(seq) AS seq FROM audit_log GROUP BY chain ORDER BY max(seq) DESC, chain LIMIT 1',
  );
  return rows[0] as { chain: number; seq: number };
}
