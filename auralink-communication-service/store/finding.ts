/** Blind indexes of personal fields: finding people by a digest, and making digests anew. */
import type pg from 'pg';
import type { BlindIndexStore, FoundBy, IndexedField } from '../auralink-modules/auraid/blind-index.ts';
import type { FindByDigest } from '../auralink-modules/auraid/finding.ts';
import { NOBODY, type PersonId } from '../core/ids.ts';
import { query } from './db.ts';
import { beheldOf, type FactsRow, factsSql } from './privacy.ts';

/** Only what was proved: anybody may type any address into her own fields. */
const FOUND = factsSql(
  `(SELECT DISTINCT f.person_id FROM personal_fields f
  WHERE f.blind_index = ANY ($2::bytea[]) AND f.kind = $3
    AND f.verified_at IS NOT NULL AND f.blind_index IS NOT NULL LIMIT $4) AS wanted (person_id)`,
  '$1::uuid',
);

export function findByDigest(pool: pg.Pool): FindByDigest {
  return async (viewer, kind, digests, limit) => {
    const rows = await query<FactsRow>(pool, 'find-by-digest', FOUND, [viewer, digests, kind, limit]);
    return rows.map(beheldOf);
  };
}

interface FieldRow extends pg.QueryResultRow {
  field_id: string;
  person_id: PersonId;
  kind: FoundBy;
  envelope: Buffer;
  index_key_id: string | null;
}

const COLUMNS = 'field_id, person_id, kind, envelope, index_key_id';
const UNINDEXED = `SELECT ${COLUMNS} FROM personal_fields
  WHERE index_key_id IS NULL AND kind IN ('email', 'phone') AND field_id > $1 ORDER BY field_id LIMIT $2`;
const LAST_UUID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
/** The second part begins behind all rows of the current key, so that these are not walked over. */
const OTHERWISE = `(SELECT ${COLUMNS} FROM personal_fields
  WHERE index_key_id IS NOT NULL AND index_key_id < $1 AND (index_key_id, field_id) > ($2, $3::uuid)
  ORDER BY index_key_id, field_id LIMIT $4)
  UNION ALL (SELECT ${COLUMNS} FROM personal_fields
  WHERE index_key_id IS NOT NULL
    AND (index_key_id, field_id) > (greatest($1, $2), CASE WHEN $2 > $1 THEN $3::uuid ELSE '${LAST_UUID}' END)
  ORDER BY index_key_id, field_id LIMIT $4) ORDER BY index_key_id, field_id LIMIT $4`;

export function blindIndexStore(pool: pg.Pool): BlindIndexStore {
  const toField = (row: FieldRow): IndexedField => ({
    fieldId: row.field_id,
    personId: row.person_id,
    kind: row.kind,
    envelope: row.envelope,
    indexKeyId: row.index_key_id,
  });
  return {
    async listIndexedOtherwise(current, last, limit) {
      if (last === null || last.indexKeyId === null) {
        const from = [last?.fieldId ?? NOBODY, limit];
        const rows = await query<FieldRow>(pool, 'fields-unindexed', UNINDEXED, from);
        if (rows.length > 0) return rows.map(toField);
      }
      const from = last === null || last.indexKeyId === null ? ['', NOBODY] : [last.indexKeyId, last.fieldId];
      const values = [current, ...from, limit];
      return (await query<FieldRow>(pool, 'fields-indexed-otherwise', OTHERWISE, values)).map(toField);
    },
    async setIndex({ fieldId, indexKeyId: was }, { digest, indexKeyId }) {
      const sql = `UPDATE personal_fields SET blind_index = $2, index_key_id = $3
        WHERE field_id = $1 AND coalesce(index_key_id, '') = $4 RETURNING field_id`;
      return (await query(pool, 'field-index', sql, [fieldId, digest, indexKeyId, was ?? ''])).length > 0;
    },
    async countByIndexKey() {
      const sql = `SELECT index_key_id, count(*)::int AS n FROM personal_fields
        WHERE index_key_id IS NOT NULL GROUP BY index_key_id`;
      const rows = await query<{ index_key_id: string; n: number }>(pool, 'fields-by-index-key', sql, []);
      return new Map(rows.map((row) => [row.index_key_id, row.n]));
    },
  };
}
