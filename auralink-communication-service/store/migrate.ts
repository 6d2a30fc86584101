/**
 * Runs the SQL files of scripts/db/migrations in order. Each file locks, checks and records itself, so that psql and
 * this code may run them in any order of use; here we only refuse to go on when a recorded file has been altered since.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { DatabaseAddress } from './db.ts';

export interface Migration {
  readonly file: string;
  readonly sql: string;
  /** `sha256:` + hex over the file with its own checksum zeroed. */
  readonly checksum: string;
}

const CHECKSUM = /'sha256:[0-9a-f]{64}'/;
const ZEROED = `'sha256:${'0'.repeat(64)}'`;
/** Migrations may build indexes over much data: far more than a request's time-out. */
const MIGRATION_TIMEOUT_MS = 600_000;

export function checksumOf(sql: string): string {
  return `sha256:${createHash('sha256').update(sql.replace(CHECKSUM, ZEROED)).digest('hex')}`;
}

export function readMigrations(folder: string): Migration[] {
  return readdirSync(folder)
    .filter((file) => /^\d{3}_\w+\.sql$/.test(file))
    .sort()
    .map((file) => {
      const sql = readFileSync(join(folder, file), 'utf8');
      return { file, sql, checksum: checksumOf(sql) };
    });
}

/** Brings the schema up to date; returns the files that ran now. Throws when a file that ran was altered later. */
export async function migrate(address: DatabaseAddress, folder: string): Promise<string[]> {
  const client = new pg.Client({
    host: address.host,
    port: address.port,
    user: address.user,
    password: address.password,
    database: address.database,
    application_name: 'auralink-migrate',
    statement_timeout: MIGRATION_TIMEOUT_MS,
  });
  await client.connect();
  try {
    // "already exists, skipping" of a repeated file is no news.
    await client.query('SET client_min_messages = warning');
    const ran: string[] = [];
    for (const migration of readMigrations(folder)) {
      const before = await findRecorded(client, migration.file);
      if (before === null) {
        assertOwnChecksum(migration);
        await client.query(migration.sql);
        ran.push(migration.file);
      }
      const recorded = before ?? (await findRecorded(client, migration.file));
      if (recorded !== migration.checksum) {
        throw new Error(
          `${migration.file} was altered after it ran here (recorded ${recorded}, file ${migration.checksum}). ` +
            'Restore the file and put the change into a new one.',
        );
      }
    }
    return ran;
  } finally {
    await client.end();
  }
}

/** A file records the checksum that stands in its own text, so that has to be the true one before the file runs. */
function assertOwnChecksum({ file, sql, checksum }: Migration): void {
  if (sql.includes(`'${checksum}'`)) return;
  throw new Error(`${file} does not hold its own checksum ${checksum}; ./aura check --fix writes it.`);
}

async function findRecorded(client: pg.Client, file: string): Promise<string | null> {
  const exists = await client.query("SELECT to_regclass('schema_migrations') IS NOT NULL AS exists");
  if (exists.rows[0]?.exists !== true) return null;
  const found = await client.query('SELECT checksum FROM schema_migrations WHERE file = $1', [file]);
  return found.rows[0]?.checksum ?? null;
}
