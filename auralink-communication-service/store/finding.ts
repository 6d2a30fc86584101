/** Blind indexes of personal fields and proofs: finding people by a digest, and making digests anew. */
import type pg from 'pg';
import type { BlindIndexStore, IndexedField, IndexedKind } from '../auralink-modules/auraid/blind-index.ts';
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

interface IndexedRow extends pg.QueryResultRow {
  id: string;
  person_id: PersonId;
  kind: IndexedKind;
  envelope: Buffer;
  index_key_id: string | null;
}

/** A table with digests, and the names of its columns. */
interface Indexed {
  readonly table: 'personal_fields' | 'aura_id_verifications';
  readonly id: string;
  readonly kind: string;
  readonly digest: string;
  readonly envelope: string;
  /** Rows that had a value before there were digests. */
  readonly unindexed: string | null;
}

const FIELDS: Indexed = {
  ...{ table: 'personal_fields', id: 'field_id', kind: 'kind', digest: 'blind_index', envelope: 'envelope' },
  unindexed: "index_key_id IS NULL AND kind IN ('email', 'phone')",
};
const PROOFS: Indexed = {
  ...{ table: 'aura_id_verifications', id: 'verification_id', kind: 'method' },
  ...{ digest: 'subject_index', envelope: 'subject_envelope', unindexed: null },
};

const LAST_UUID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** The second part begins behind all rows of the current key, so that these are not walked over. */
const otherwiseSql = (columns: string, { table, id }: Indexed): string => `(SELECT ${columns} FROM ${table}
  WHERE index_key_id IS NOT NULL AND index_key_id < $1 AND (index_key_id, ${id}) > ($2, $3::uuid)
  ORDER BY index_key_id, ${id} LIMIT $4)
  UNION ALL (SELECT ${columns} FROM ${table}
  WHERE index_key_id IS NOT NULL
    AND (index_key_id, ${id}) > (greatest($1, $2), CASE WHEN $2 > $1 THEN $3::uuid ELSE '${LAST_UUID}' END)
  ORDER BY index_key_id, ${id} LIMIT $4) ORDER BY index_key_id, id LIMIT $4`;

/** Every table with digests: a rotation of the index key makes those of all of them anew. */
export const blindIndexStores = (pool: pg.Pool): readonly BlindIndexStore[] =>
  [FIELDS, PROOFS].map((indexed) => blindIndexStore(pool, indexed));

/** How many digests each index key made, of all tables. */
export async function countDigests(pool: pg.Pool): Promise<ReadonlyMap<string, number>> {
  const total = new Map<string, number>();
  for (const store of blindIndexStores(pool)) {
    for (const [key, n] of await store.countByIndexKey()) total.set(key, (total.get(key) ?? 0) + n);
  }
  return total;
}

function blindIndexStore(pool: pg.Pool, indexed: Indexed): BlindIndexStore {
  const { table, id, kind, digest: column, envelope, unindexed } = indexed;
  const columns = `${id} AS id, person_id, ${kind} AS kind, ${envelope} AS envelope, index_key_id`;
  const unindexedSql = `SELECT ${columns} FROM ${table} WHERE ${unindexed} AND ${id} > $1 ORDER BY ${id} LIMIT $2`;
  const otherwise = otherwiseSql(columns, indexed);
  const toField = (row: IndexedRow): IndexedField => ({
    fieldId: row.id,
    personId: row.person_id,
    kind: row.kind,
    envelope: row.envelope,
    indexKeyId: row.index_key_id,
  });
  return {
    placeOf: (row) => ({ table, column: envelope, row }),
    async listIndexedOtherwise(current, last, limit) {
      if (unindexed !== null && (last === null || last.indexKeyId === null)) {
        const from = [last?.fieldId ?? NOBODY, limit];
        const rows = await query<IndexedRow>(pool, `unindexed-${table}`, unindexedSql, from);
        if (rows.length > 0) return rows.map(toField);
      }
      const from = last === null || last.indexKeyId === null ? ['', NOBODY] : [last.indexKeyId, last.fieldId];
      const rows = await query<IndexedRow>(pool, `indexed-otherwise-${table}`, otherwise, [
        current,
        ...from,
        limit,
      ]);
      return rows.map(toField);
    },
    async setIndex({ fieldId, indexKeyId: was }, { digest, indexKeyId }) {
      const sql = `UPDATE ${table} SET ${column} = $2, index_key_id = $3
        WHERE ${id} = $1 AND coalesce(index_key_id, '') = $4 AND (index_key_id IS NOT NULL OR ${unindexed ?? 'false'})
        RETURNING ${id}`;
      return (await query(pool, `index-${table}`, sql, [fieldId, digest, indexKeyId, was ?? ''])).length > 0;
    },
    async countByIndexKey() {
      const sql = `SELECT index_key_id, count(*)::int AS n FROM ${table}
        WHERE index_key_id IS NOT NULL GROUP BY index_key_id`;
      const rows = await query<{ index_key_id: string; n: number }>(pool, `by-index-key-${table}`, sql, []);
      return new Map(rows.map((row) => [row.index_key_id, row.n]));
    },
  };
}
