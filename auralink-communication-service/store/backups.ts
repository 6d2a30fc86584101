/** What a backup keeps by itself of the database: wrapped data keys, and who was erased. */
import type pg from 'pg';
import { NOBODY, type PersonId } from '../core/ids.ts';
import { query } from './db.ts';

/** Keys that are read or written by one statement. */
export const BACKUP_KEYS_BATCH = 5_000;

interface StoredKey {
  readonly personId: string;
  readonly dataKeyId: string;
  readonly ringKeyId: string;
  /** Base64. */
  readonly wrapped: string;
}

export async function* pagesOfKeys(pool: pg.Pool): AsyncGenerator<StoredKey[]> {
  const sql = `SELECT person_id AS "personId", data_key_id AS "dataKeyId", ring_key_id AS "ringKeyId",
      translate(encode(wrapped_key, 'base64'), E'\\n', '') AS wrapped
    FROM person_keys WHERE person_id > $1 ORDER BY person_id LIMIT $2`;
  let after: string = NOBODY;
  for (;;) {
    const rows = await query<StoredKey & pg.QueryResultRow>(pool, 'backup-keys', sql, [
      after,
      BACKUP_KEYS_BATCH,
    ]);
    if (rows.length > 0) yield rows;
    if (rows.length < BACKUP_KEYS_BATCH) return;
    after = rows.at(-1)?.personId ?? NOBODY;
  }
}

/** Everybody who ever was. */
export async function listErased(pool: pg.Pool): Promise<PersonId[]> {
  const sql = 'SELECT person_id FROM person_erasures ORDER BY person_id';
  const rows = await query<{ person_id: PersonId }>(pool, 'backup-erased', sql, []);
  return rows.map((row) => row.person_id);
}

/** Those of people who are there; returns how many. */
export async function insertKeys(pool: pg.Pool, keys: readonly StoredKey[]): Promise<number> {
  const rows = await query(
    pool,
    'backup-keys-insert',
    `INSERT INTO person_keys (person_id, data_key_id, ring_key_id, wrapped_key)
     SELECT k.person_id, k.data_key_id, k.ring_key_id, decode(k.wrapped, 'base64')
     FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) AS k (person_id, data_key_id, ring_key_id, wrapped)
     JOIN aura_id_registry r USING (person_id) ON CONFLICT DO NOTHING RETURNING person_id`,
    [
      keys.map((key) => key.personId),
      keys.map((key) => key.dataKeyId),
      keys.map((key) => key.ringKeyId),
      keys.map((key) => key.wrapped),
    ],
  );
  return rows.length;
}

export async function listMigrations(pool: pg.Pool): Promise<string[]> {
  const rows = await query<{ file: string }>(
    pool,
    'backup-migrations',
    'SELECT file FROM schema_migrations ORDER BY file',
    [],
  );
  return rows.map((row) => row.file);
}

/** Whether anybody has an account here. */
export async function hasPeople(pool: pg.Pool): Promise<boolean> {
  const made = "SELECT to_regclass('aura_id_registry') IS NOT NULL AS made";
  const [table] = await query<{ made: boolean }>(pool, 'backup-has-table', made, []);
  if (table?.made !== true) return false;
  return (await query(pool, 'backup-has-people', 'SELECT FROM aura_id_registry LIMIT 1', [])).length > 0;
}
