/** The Identity Service's data key, in the form in which the vault keeps people's. */
import type pg from 'pg';
import type { PersonKeyStore, WrappedDataKey } from '../auralink-modules/auraid/ports-storage.ts';
import type { PersonId } from '../core/ids.ts';
import { query } from './db.ts';

interface Row extends pg.QueryResultRow {
  owner_id: PersonId;
  data_key_id: string;
  ring_key_id: string;
  wrapped_key: Buffer;
}

const COLUMNS = 'owner_id, data_key_id, ring_key_id, wrapped_key';

const toKey = (row: Row): WrappedDataKey => ({
  personId: row.owner_id,
  dataKeyId: row.data_key_id,
  ringKeyId: row.ring_key_id,
  wrapped: row.wrapped_key,
});

export function identityKeyStore(pool: pg.Pool): PersonKeyStore {
  return {
    async find(owner) {
      const sql = `SELECT ${COLUMNS} FROM identity_data_keys WHERE owner_id = $1`;
      const [row] = await query<Row>(pool, 'identity-key', sql, [owner]);
      return row === undefined ? null : toKey(row);
    },
    async insert(tx, key) {
      // The update changes nothing: it makes the row that is there come back.
      const sql = `INSERT INTO identity_data_keys (${COLUMNS}) VALUES ($1, $2, $3, $4)
        ON CONFLICT (owner_id) DO UPDATE SET data_key_id = identity_data_keys.data_key_id RETURNING ${COLUMNS}`;
      const values = [key.personId, key.dataKeyId, key.ringKeyId, key.wrapped];
      const [row] = await query<Row>(tx, 'identity-key-insert', sql, values);
      if (row === undefined) throw new Error('the key was not stored');
      return toKey(row);
    },
    async listWrappedOtherwise(current, after, limit) {
      // There is one owner: by its id all pages are in order.
      const sql = `SELECT ${COLUMNS} FROM identity_data_keys WHERE owner_id >= '00000000-0000-0000-0000-000000000000'
        AND ring_key_id <> $1 AND (ring_key_id, owner_id) > ($2, $3::uuid) ORDER BY ring_key_id, owner_id LIMIT $4`;
      const from = [after?.ringKeyId ?? '', after?.personId ?? '00000000-0000-0000-0000-000000000000'];
      return (await query<Row>(pool, 'identity-keys-otherwise', sql, [current, ...from, limit])).map(toKey);
    },
    async rewrap(key, was) {
      const sql = `UPDATE identity_data_keys SET ring_key_id = $3, wrapped_key = $4, wrapped_at = now()
        WHERE owner_id = $1 AND data_key_id = $2 AND ring_key_id = $5 RETURNING owner_id`;
      const values = [key.personId, key.dataKeyId, key.ringKeyId, key.wrapped, was];
      return (await query(pool, 'identity-key-rewrap', sql, values)).length > 0;
    },
    async countByRingKey() {
      const sql = 'SELECT ring_key_id, count(*)::int AS n FROM identity_data_keys GROUP BY ring_key_id';
      const rows = await query<{ ring_key_id: string; n: number }>(pool, 'identity-keys-by-ring', sql, []);
      return new Map(rows.map((row) => [row.ring_key_id, row.n]));
    },
  };
}
