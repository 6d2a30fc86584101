/**
 * The migrations against a real PostgreSQL: by psql, by the service, in either order of use, twice, several at once;
 * and what they make: every table and column explained, the schema as documented.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import type { DatabaseAddress } from '../../auralink-communication-service/store/db.ts';
import { migrate, readMigrations } from '../../auralink-communication-service/store/migrate.ts';
import { MIGRATIONS_DIR, postgresAddress, withClient } from '../harness.ts';
import { describeSchema, renderSchema } from './schema-description.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const SNAPSHOT = join(ROOT, 'docs', 'DATABASE.md');
/** The seed's README runs these two by hand. */
const BY_HAND = ['006_phase6_auraid_mesh_schema.sql', '008_communication_service_schema.sql'];
const SEED_TABLES = [
  'aura_id_registry',
  'aura_id_verifications',
  'cross_app_calls',
  'federation_servers',
  'matrix_user_mappings',
  'mesh_nodes',
  'mesh_routes',
  'notification_queue',
  'trust_scores',
];
const ALL = readMigrations(MIGRATIONS_DIR).map((migration) => migration.file);
const RACES = 20;

const server = await postgresAddress();
const made: string[] = [];

async function emptyDatabase(): Promise<DatabaseAddress> {
  const database = `migrations_${process.pid}_${made.length}`;
  await withClient(server, (client) => client.query(`CREATE DATABASE ${database} TEMPLATE template0`));
  made.push(database);
  return { ...server, database };
}

after(async () => {
  await withClient(server, async (client) => {
    for (const database of made) await client.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
  });
});

/** Runs one file as the seed's README shows. Rejects when psql fails or prints an error. */
async function runByPsql(address: DatabaseAddress, file: string): Promise<void> {
  const { host, port, user, database } = address;
  const path = join('scripts', 'db', 'migrations', file);
  const { stderr } = await promisify(execFile)(
    'psql',
    ['-h', host, '-p', String(port), '-U', user, '-d', database, '-f', path],
    { cwd: ROOT, env: { ...process.env, PGPASSWORD: address.password }, timeout: 60_000 },
  );
  assert.doesNotMatch(stderr, /ERROR|FATAL/);
}

interface Recorded {
  readonly file: string;
  readonly checksum: string;
}

function recorded(address: DatabaseAddress): Promise<Recorded[]> {
  return withClient(address, async (client) => {
    const found = await client.query<Recorded>('SELECT file, checksum FROM schema_migrations ORDER BY file');
    return found.rows;
  });
}

function tableNames(address: DatabaseAddress): Promise<string[]> {
  return withClient(address, async (client) =>
    (await describeSchema(client)).tables.map((table) => table.name),
  );
}

function snapshot(): string {
  return existsSync(SNAPSHOT) ? readFileSync(SNAPSHOT, 'utf8') : '';
}

const EXPECTED = readMigrations(MIGRATIONS_DIR).map(({ file, checksum }) => ({ file, checksum }));

test('by psql on an empty database, as the seed shows: the nine tables, recorded with their checksums', async () => {
  const address = await emptyDatabase();
  for (const file of BY_HAND) await runByPsql(address, file);
  assert.deepEqual(await tableNames(address), [...SEED_TABLES, 'schema_migrations'].sort());
  assert.deepEqual(
    await recorded(address),
    EXPECTED.filter(({ file }) => BY_HAND.includes(file)),
  );
});

test('by the service on an empty database: every file, recorded with its checksum', async () => {
  const address = await emptyDatabase();
  assert.deepEqual(await migrate(address, MIGRATIONS_DIR), ALL);
  assert.deepEqual(await recorded(address), EXPECTED);
});

test('the schema is the one that docs/DATABASE.md shows', async () => {
  const address = await emptyDatabase();
  await migrate(address, MIGRATIONS_DIR);
  const found = await withClient(address, async (client) => renderSchema(await describeSchema(client)));
  if (process.env.AURA_UPDATE_SNAPSHOTS === '1') writeFileSync(SNAPSHOT, found);
  assert.equal(found, snapshot());
});

test('by psql and then by the service: only the rest runs, and the schema is the same', async () => {
  const address = await emptyDatabase();
  for (const file of BY_HAND) await runByPsql(address, file);
  assert.deepEqual(
    await migrate(address, MIGRATIONS_DIR),
    ALL.filter((file) => !BY_HAND.includes(file)),
  );
  assert.equal(
    await withClient(address, async (client) => renderSchema(await describeSchema(client))),
    snapshot(),
  );
});

test('by the service and then by psql: nothing changes', async () => {
  const address = await emptyDatabase();
  await migrate(address, MIGRATIONS_DIR);
  for (const file of ALL) await runByPsql(address, file);
  assert.deepEqual(await recorded(address), EXPECTED);
  assert.equal(
    await withClient(address, async (client) => renderSchema(await describeSchema(client))),
    snapshot(),
  );
});

test('calls that were going on before their table came stand among the open ones', async () => {
  const address = await emptyDatabase();
  const before = ALL.filter((file) => file < '018');
  for (const file of before) await runByPsql(address, file);
  const open = await withClient(address, async (client) => {
    await client.query(
      `INSERT INTO aura_id_registry (person_id, aura_id, skeleton, state, activated_at, registration_key)
       SELECT gen_random_uuid(), '@' || n || '.aura', n, 'active', now(), n FROM unnest(ARRAY['anna', 'bert']) AS n`,
    );
    await client.query(
      `INSERT INTO cross_app_calls (call_id, caller_person_id, caller_aura_id, caller_endpoint_id, caller_app_id, media,
         state, end_reason, ended_at, idempotency_key)
       SELECT gen_random_uuid(), person_id, aura_id, gen_random_uuid(), 'chat', 'audio', s.state, s.reason,
         CASE WHEN s.state = 'ended' THEN now() END, s.state
       FROM aura_id_registry, (VALUES ('ringing', NULL), ('active', NULL), ('ended', 'missed')) AS s (state, reason)
       WHERE aura_id = '@anna.aura'`,
    );
    await client.query(
      `INSERT INTO call_invitations (invitation_id, call_id, callee_person_id, callee_aura_id, state, deadline_at,
         media_deadline_at, answered_by_endpoint_id, ended_at)
       SELECT gen_random_uuid(), call_id, person_id, aura_id,
         CASE state WHEN 'ringing' THEN 'ringing' WHEN 'active' THEN 'answered' ELSE 'missed' END,
         '2026-01-01', CASE WHEN state = 'active' THEN '2026-01-02'::timestamptz END, gen_random_uuid(), ended_at
       FROM cross_app_calls c, (SELECT person_id, aura_id FROM aura_id_registry WHERE aura_id = '@bert.aura') bert`,
    );
    await migrate(address, MIGRATIONS_DIR);
    const { rows } = await client.query<{ state: string; day: number }>(
      `SELECT i.state, extract(day FROM o.due_at)::int AS day
       FROM open_invitations o JOIN call_invitations i USING (invitation_id) ORDER BY i.state`,
    );
    return rows;
  });
  assert.deepEqual(open, [
    { state: 'answered', day: 2 },
    { state: 'ringing', day: 1 },
  ]);
});

test('twice either way does no harm and keeps the rows', async () => {
  const address = await emptyDatabase();
  await migrate(address, MIGRATIONS_DIR);
  await withClient(address, (client) =>
    client.query(`INSERT INTO federation_servers (server_name) VALUES ('kept.example')`),
  );
  assert.deepEqual(await migrate(address, MIGRATIONS_DIR), []);
  for (const file of [...BY_HAND, ...BY_HAND]) await runByPsql(address, file);
  const kept = await withClient(address, (client) =>
    client.query('SELECT server_name FROM federation_servers'),
  );
  assert.deepEqual(kept.rows, [{ server_name: 'kept.example' }]);
});

test('several at once, by the service and by psql: each file runs once and nobody fails', async () => {
  for (let race = 0; race < RACES; race++) {
    const address = await emptyDatabase();
    await Promise.all([
      migrate(address, MIGRATIONS_DIR),
      migrate(address, MIGRATIONS_DIR),
      runByPsql(address, BY_HAND[0] ?? '').then(() => runByPsql(address, BY_HAND[1] ?? '')),
    ]);
    assert.deepEqual(await recorded(address), EXPECTED, `race ${race}`);
  }
});

test('a file that was altered after it ran is refused by name', async (context) => {
  const address = await emptyDatabase();
  const folder = copyOfMigrations(context);
  await migrate(address, folder);
  const file = join(folder, BY_HAND[1] ?? '');
  writeFileSync(file, readFileSync(file, 'utf8').replace('-- Calls across apps', '-- Calls between apps'));
  await assert.rejects(migrate(address, folder), /008_communication_service_schema\.sql was altered/);
});

test('a file whose text is not what its checksum says never runs', async (context) => {
  const address = await emptyDatabase();
  const folder = copyOfMigrations(context);
  const file = join(folder, BY_HAND[1] ?? '');
  writeFileSync(file, readFileSync(file, 'utf8').replace('-- Calls across apps', '-- Calls between apps'));
  await assert.rejects(
    migrate(address, folder),
    /008_communication_service_schema\.sql does not hold its own checksum/,
  );
  assert.ok(!(await tableNames(address)).includes('cross_app_calls'));
});

test('a file that fails leaves nothing behind, and runs once it is mended', async (context) => {
  const address = await emptyDatabase();
  const folder = copyOfMigrations(context);
  await withClient(address, (client) => client.query('CREATE TABLE trust_scores (in_the_way int)'));
  await assert.rejects(migrate(address, folder), /trust_scores/);
  assert.deepEqual(await tableNames(address), ['trust_scores']);
  await withClient(address, (client) => client.query('DROP TABLE trust_scores'));
  assert.deepEqual(await migrate(address, folder), ALL);
});

test('what was written at Matrix for people who had given their names back before is ordered to be taken back', async (context) => {
  const address = await emptyDatabase();
  const folder = copyOfMigrations(context);
  const later = ALL.filter((file) => file >= '020');
  for (const file of later) rmSync(join(folder, file));
  await migrate(address, folder);
  const ordered = await withClient(address, async (client) => {
    await client.query(
      `WITH people AS (
         INSERT INTO aura_id_registry (person_id, aura_id, skeleton, state, registration_key, activated_at)
         SELECT gen_random_uuid(), '@' || state || '.aura', state, state, state, now()
         FROM unnest(ARRAY['active', 'released']) AS state RETURNING person_id, state
       )
       INSERT INTO matrix_user_mappings (matrix_user_id, person_id, state, is_primary, attached_by, shown_name)
       SELECT '@' || state || ':x', person_id, 'active', true, 'sign_in', 'Name' FROM people`,
    );
    assert.deepEqual(await migrate(address, MIGRATIONS_DIR), later);
    const { rows } = await client.query('SELECT topic, payload FROM outbox_events');
    return rows;
  });
  const payload = { userId: '@released:x', displayName: 'Name', avatarUrl: null };
  assert.deepEqual(ordered, [{ topic: 'identity.matrix_profile_left', payload }]);
});

function copyOfMigrations(context: { after(work: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'auralink-migrations-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(MIGRATIONS_DIR, folder, { recursive: true });
  return folder;
}

test('every table, column, domain and function says what it is for', async () => {
  const address = await emptyDatabase();
  await migrate(address, MIGRATIONS_DIR);
  const { tables, domains, functions } = await withClient(address, describeSchema);
  const silent = tables.flatMap((table) => [
    ...(table.comment === null ? [table.name] : []),
    ...table.columns
      .filter((column) => column.comment === null)
      .map((column) => `${table.name}.${column.name}`),
  ]);
  silent.push(
    ...[...domains, ...functions].filter(({ comment }) => comment === null).map(({ name }) => name),
  );
  assert.deepEqual(silent, []);
  for (const name of SEED_TABLES) {
    const table = tables.find((candidate) => candidate.name === name);
    assert.ok(
      table?.constraints.some(({ definition }) => definition.startsWith('PRIMARY KEY')),
      name,
    );
  }
});
