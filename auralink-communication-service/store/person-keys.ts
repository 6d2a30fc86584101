/** People's wrapped data keys in PostgreSQL. */
import type pg from 'pg';
import type { PersonKeyStore, WrappedDataKey } from '../auralink-modules/auraid/ports-storage.ts';
import { signedOut } from '../core/errors.ts';
import { NOBODY, type PersonId } from '../core/ids.ts';
import { query } from './db.ts';

interface Row extends pg.QueryResultRow {
  person_id: PersonId;
  data_key_id: string;
  ring_key_id: string;
  wrapped_key: Buffer;
}

const LAST_UUID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
const COLUMNS = 'person_id, data_key_id, ring_key_id, wrapped_key';

const toKey = (row: Row): WrappedDataKey => ({
  personId: row.person_id,
  dataKeyId: row.data_key_id,
  ringKeyId: row.ring_key_id,
  wrapped: row.wrapped_key,
});

export function personKeyStore(pool: pg.Pool): PersonKeyStore {
  return {
    async find(personId) {
      const sql = `SELECT ${COLUMNS} FROM person_keys WHERE person_id = $1`;
      const [row] = await query<Row>(pool, 'person-key', sql, [personId]);
      return row === undefined ? null : toKey(row);
    },
    async insert(tx, key) {
      const [row] = await query<Row>(
        tx,
        'person-key-insert',
        // The update changes nothing: it makes the row that is there come back, and keeps an erasure waiting.
        // And nobody gets a key who is being, or has been, erased: her row is waited for and looked at again.
        `INSERT INTO person_keys (${COLUMNS})
         SELECT $1::uuid, $2::uuid, $3::text, $4::bytea FROM aura_id_registry r
         WHERE r.person_id = $1 AND r.state = 'active' FOR SHARE
         ON CONFLICT (person_id) DO UPDATE SET data_key_id = person_keys.data_key_id RETURNING ${COLUMNS}`,
        [key.personId, key.dataKeyId, key.ringKeyId, key.wrapped],
      );
      if (row === undefined) throw signedOut();
      return toKey(row);
    },
    async listWrappedOtherwise(current, after, limit) {
      // The second part begins behind all rows of `current`, so that these are not walked over.
      const sql = `(SELECT ${COLUMNS} FROM person_keys
        WHERE ring_key_id < $1 AND (ring_key_id, person_id) > ($2, $3::uuid)
        ORDER BY ring_key_id, person_id LIMIT $4)
        UNION ALL (SELECT ${COLUMNS} FROM person_keys
        WHERE (ring_key_id, person_id) > (greatest($1, $2), CASE WHEN $2 > $1 THEN $3::uuid ELSE '${LAST_UUID}' END)
        ORDER BY ring_key_id, person_id LIMIT $4) ORDER BY ring_key_id, person_id LIMIT $4`;
      const from = [after?.ringKeyId ?? '', after?.personId ?? NOBODY];
      return (await query<Row>(pool, 'person-keys-otherwise', sql, [current, ...from, limit])).map(toKey);
    },
    async rewrap(key, was) {
      const rows = await query(
        pool,
        'person-key-rewrap',
        `UPDATE person_keys SET ring_key_id = $3, wrapped_key = $4, wrapped_at = now()
         WHERE person_id = $1 AND data_key_id = $2 AND ring_key_id = $5 RETURNING person_id`,
        [key.personId, key.dataKeyId, key.ringKeyId, key.wrapped, was],
      );
      return rows.length > 0;
    },
    async countByRingKey() {
      const sql = 'SELECT ring_key_id, count(*) AS n FROM person_keys GROUP BY ring_key_id';
      const rows = await query<{ ring_key_id: string; n: number }>(pool, 'person-keys-by-ring', sql, []);
      return new Map(rows.map((row) => [row.ring_key_id, row.n]));
    },
  };
}
