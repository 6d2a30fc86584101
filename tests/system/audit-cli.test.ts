/**
 * `./aura audit verify` over a constellation in which people act: the log that was written is whole, an altered row and an
 * end that was cut off are found, and the exit code says which of whole, altered and unknown it is. (What else may be done
 * behind the log's back is tests/integration/audit.test.ts.)
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { layoutOf } from '../../auralink-communication-service/launcher/layout.ts';
import { testDataDir } from '../harness.ts';
import { pretendUp, type Ran, runCli } from '../support/cli.ts';
import { openStage } from '../support/stage.ts';

const stage = await openStage('audit-cli');
const { settings } = stage.constellation;
const { layout, ports } = settings;
const { db } = stage.world;
pretendUp(layout, { portBase: ports.public });
const verify = (...args: string[]): Promise<Ran> =>
  runCli(['audit', 'verify', '--data', layout.dataDir, ...args]);
async function verdict(...args: string[]): Promise<{
  code: number;
  entries: number;
  faults: { chain: number; seq: number; fault: string }[];
  headsCompared: number | null;
}> {
  const { code, out, err } = await verify('--json', ...args);
  assert.notEqual(out, '', err);
  return { code, ...JSON.parse(out) };
}

/** As whoever owns the database can: no trigger of ours sees it. */
async function behindItsBack(sql: string, values: unknown[] = []): Promise<void> {
  const client = await db.connect();
  try {
    await client.query('BEGIN');
    await client.query('ALTER TABLE audit_log DISABLE TRIGGER USER');
    await client.query(sql, values);
    await client.query('ALTER TABLE audit_log ENABLE TRIGGER USER');
    await client.query('COMMIT');
  } finally {
    client.release();
  }
}

const ACTS = 6;
async function act(): Promise<void> {
  const her = await stage.phone(await stage.person(), { connect: false });
  for (let n = 0; n < ACTS; n++) {
    const answer = await her.request('PUT', '/_auralink/v1/me/profile', { displayName: `Name ${n}` });
    assert.equal(answer.status, 204, JSON.stringify(answer.body));
  }
}

test('what people did is in the log, and the log is whole', async () => {
  await act();
  await act();
  const { code, entries, faults } = await verdict();
  assert.deepEqual([code, entries, faults], [0, 2 * ACTS, []]);
  const told = await verify();
  assert.equal(told.code, 0, told.err);
  assert.match(told.out, /^The audit log is whole: 12 entries\./);
});

test('a process that stops in order exports the heads, and says so once', async () => {
  // What another process exported already is exported no second time.
  await act();
  await stage.constellation.halt('service-2');
  assert.ok(existsSync(settings.config.AUDIT_HEADS_PATH), 'the heads are exported');
  const log = readFileSync(join(layout.logsDir, 'service-2.log'), 'utf8');
  assert.equal(log.split('heads of the audit log are exported').length - 1, 1);
  const { code, headsCompared } = await verdict();
  assert.equal(code, 0);
  assert.ok((headsCompared ?? 0) > 0, `${headsCompared} heads`);
});

test('an altered row is found, and shown as what it is', async () => {
  const { rows } = await db.query('SELECT chain, seq, actor FROM audit_log ORDER BY at LIMIT 1');
  const { chain, actor } = rows[0];
  const seq = Number(rows[0].seq);
  const set = (to: string) =>
    behindItsBack('UPDATE audit_log SET actor = $3 WHERE chain = $1 AND seq = $2', [chain, seq, to]);
  await set('system');
  const found = await verdict();
  assert.deepEqual([found.code, found.faults], [1, [{ chain, seq, fault: 'altered' }]]);
  const told = await verify();
  assert.equal(told.code, 1);
  assert.ok(told.out.includes(`chain ${chain}: entry ${seq} was altered`), told.out);
  await set(actor);
  assert.equal((await verdict()).code, 0);
});

test('an end that was cut off, with the chain’s own head, shows in the exported heads and only there', async () => {
  const { rows } = await db.query('SELECT chain, seq::int FROM audit_log ORDER BY at DESC LIMIT 1');
  const { chain, seq } = rows[0];
  await db.query(`CREATE TABLE cut AS SELECT * FROM audit_log WHERE chain = ${chain} AND seq = ${seq}`);
  await behindItsBack('DELETE FROM audit_log WHERE chain = $1 AND seq = $2', [chain, seq]);
  const setHead = (from: string) =>
    db.query(
      `UPDATE audit_chains c SET seq = l.seq, hash = l.hash FROM ${from} l WHERE c.chain = $1 AND l.chain = $1 AND l.seq = $2`,
      [chain, from === 'cut' ? seq : seq - 1],
    );
  await setHead('audit_log');
  const none = join(layout.dataDir, 'none.jsonl');
  writeFileSync(none, '');
  assert.equal((await verdict('--heads', none)).code, 0, 'the database alone cannot tell');
  const found = await verdict();
  assert.deepEqual([found.code, found.faults], [1, [{ chain, seq, fault: 'cut_off' }]]);
  await behindItsBack('INSERT INTO audit_log SELECT * FROM cut');
  await setHead('cut');
  await db.query('DROP TABLE cut');
  assert.equal((await verdict()).code, 0);
});

test('what cannot be told is neither whole nor altered: exit 2', async () => {
  const nothing = await runCli(['audit', 'verify', '--data', layoutOf(testDataDir('not-up')).dataDir]);
  assert.equal(nothing.code, 2);
  assert.match(nothing.err, /Nothing is up in/);
  const missing = await verify('--heads', '/no/such/file');
  assert.deepEqual([missing.code, missing.out], [2, '']);
  await stage.constellation.halt('postgres');
  const away = await verify();
  assert.deepEqual([away.code, away.out], [2, ''], away.err);
  assert.match(away.err, /^aura: \S/);
  await stage.constellation.start('postgres');
  assert.equal((await verdict()).code, 0);
});
