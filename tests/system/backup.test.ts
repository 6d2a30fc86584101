/**
 * Backups over a whole constellation: one that was made before somebody was erased is brought back, and she is not; what
 * the others encrypted opens with the newest keys; what is damaged, newer, or in the way of people is refused.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { appendFileSync, cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Backup } from '../../auralink-communication-service/launcher/backup-files.ts';
import { findFreePortBase } from '../../auralink-communication-service/launcher/free-ports.ts';
import { layoutOf } from '../../auralink-communication-service/launcher/layout.ts';
import { ownConstellation, testDataDir } from '../harness.ts';
import { dumpOf, findCanaries } from '../support/canaries.ts';
import { pretendUp, type Ran, runCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { PASSWORD, type RealPerson, realPeople } from '../support/real-people.ts';

/** The outbox waits for a Synapse that has just been started. */
const DONE_WITHIN_MS = 60_000;
const first = await ownConstellation('backup', { processes: 1, redis: false });
const { layout, ports } = first.settings;
pretendUp(layout, { portBase: ports.public });
const people = await realPeople(first);
const folder = `${layout.dataDir}-backups`;
const restored = layoutOf(testDataDir('restored'));
const portBase = await findFreePortBase();

const word = (): string => randomBytes(12).toString('hex');
const hers = { handle: `leaving-${word().slice(0, 8)}`, name: word(), about: word(), note: word() };
const his = { about: word() };
let [her, him]: RealPerson[] = [];

function answered(ran: Ran): Record<string, unknown> {
  assert.equal(ran.code, 0, ran.err);
  return JSON.parse(ran.out);
}
const backUp = async (): Promise<Backup> =>
  answered(await runCli(['backup', folder, '--data', layout.dataDir, '--json'])).backup as Backup;
const restore = (...args: string[]): Promise<Ran> =>
  runCli(['restore', folder, '--data', restored.dataDir, '--port-base', String(portBase), ...args]);

let [before, after]: Backup[] = [];

test('a backup is made while everything runs, and another one after somebody was erased', async () => {
  [her, him] = await Promise.all([
    people.register(hers.handle),
    people.register(`staying-${word().slice(0, 8)}`),
  ]);
  await people.befriend(her, him);
  await her.ask('PUT', '/me/profile', { displayName: hers.name, about: hers.about });
  await him.ask('PUT', '/me/profile', { displayName: 'Ines', about: his.about });
  await her.ask('PUT', `/contacts/${him.auraId}/note`, { note: hers.note });
  before = await backUp();
  const keys = () => readFileSync(join(folder, 'keys.jsonl'), 'utf8');
  assert.ok(keys().includes(her.personId) && keys().includes('wrapped'));
  assert.ok(!readFileSync(join(folder, before.auralink.file)).includes(hers.about));

  const erased = await her.ask('POST', '/account/erasure', {
    confirmation: her.auraId,
    currentPassword: PASSWORD,
  });
  assert.equal(erased.status, 204, erased.text);
  after = await backUp();
  assert.notEqual(after.stamp, before.stamp);
  const line = keys()
    .split('\n')
    .find((one) => one.includes(her?.personId ?? ''));
  assert.deepEqual(JSON.parse(line ?? '{}'), { erased: her.personId });
});

test('what cannot be brought back is refused, and says why', async () => {
  cpSync(layout.secretsDir, restored.secretsDir, { recursive: true });
  const files = readdirSync(folder).sort();
  assert.equal(files.length, 6, files.join());
  const manifest = join(folder, 'manifest.json');
  const whole = readFileSync(manifest, 'utf8');
  const unknown = await restore('--from', 'yesterday');
  assert.deepEqual([unknown.code, /There are:\n {2}\d{8}T/.test(unknown.err)], [1, true], unknown.err);
  writeFileSync(manifest, whole.replaceAll('027_', '999_'));
  assert.match((await restore()).err, /newer version of AuraLink \(999_/);
  writeFileSync(manifest, whole);
  const dump = join(folder, after?.synapse.file ?? '');
  const bytes = readFileSync(dump);
  appendFileSync(dump, 'x');
  assert.match((await restore()).err, /is not what was written; choose another backup with --from/);
  writeFileSync(dump, bytes);
  const up = await runCli(['restore', folder, '--data', layout.dataDir]);
  assert.match(up.err, /is up in .*; end it with \.\/aura down/);
  const other = await runCli(['backup', layout.dataDir, '--data', layout.dataDir]);
  assert.match(other.err, /holds no backups/);
});

test('the older backup comes back without her, and with all that the others encrypted', async () => {
  const told = answered(await restore('--from', before?.stamp ?? '', '--json'));
  assert.equal(told.erasedAgain, 1);
  assert.deepEqual((told.audit as { faults: object[] }).faults, []);
  const second = await restore('--from', before?.stamp ?? '');
  assert.match(second.err, /has people. --replace/);

  await first.stop();
  const again = await ownConstellation('restored', { processes: 1, redis: false, portBase });
  const { db } = (await realPeople(again)).world;
  db.on('error', () => {});
  await eventually(async () => {
    const { rows } = await db.query('SELECT done_at FROM person_erasures WHERE person_id = $1', [
      her?.personId,
    ]);
    assert.ok(rows[0]?.done_at instanceof Date);
  }, DONE_WITHIN_MS);
  const { COMM_POSTGRES_DB: name, COMM_POSTGRES_SYNAPSE_DB: synapse } = again.settings.config;
  const places = new Map([
    ['ours', await dumpOf(again, name)],
    ['Synapse', await dumpOf(again, synapse)],
  ]);
  assert.deepEqual(findCanaries(hers, places), []);
  const back = await (await realPeople(again)).signIn(him?.auraId ?? '');
  const me = await back.ask('GET', '/me');
  assert.deepEqual([me.status, me.body.about], [200, his.about], me.text);
  const contacts = await back.ask('GET', '/contacts');
  assert.deepEqual(contacts.body.friends, []);
});
