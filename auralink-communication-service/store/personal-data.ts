/** What people told of themselves: one row a value, each in an envelope of its own. */
import type pg from 'pg';
import type { FieldKind, PersonalDataStore, StoredField } from '../auralink-modules/auraid/personal-data.ts';
import { signedOut } from '../core/errors.ts';
import { query } from './db.ts';
import { neededSql, standingSql } from './privacy-sql.ts';

interface FieldRow extends pg.QueryResultRow {
  field_id: string;
  kind: StoredField['kind'];
  envelope: Buffer;
  updated_at: Date;
}

const toField = (row: FieldRow): StoredField => ({
  fieldId: row.field_id,
  kind: row.kind,
  envelope: row.envelope,
  updatedAt: row.updated_at,
});
const COLUMNS = 'field_id, kind, envelope, updated_at';

interface PictureRow extends pg.QueryResultRow {
  field_id: string;
  envelope: Buffer | null;
}

const PICTURE = `
  SELECT f.field_id, CASE WHEN ${neededSql('r.visibility', 'p.show_picture')} <= v.standing THEN f.envelope END AS envelope
  FROM aura_id_registry r JOIN person_privacy p USING (person_id)
  CROSS JOIN LATERAL (SELECT ${standingSql('$1::uuid', 'r.person_id')} AS standing OFFSET 0) v
  JOIN personal_fields f ON f.person_id = r.person_id AND f.kind = 'picture'
  WHERE r.person_id = $2`;

export function personalDataStore(pool: pg.Pool): PersonalDataStore {
  return {
    async setDisplayName(tx, personId, displayName) {
      const sql = 'UPDATE aura_id_registry SET display_name = $2, updated_at = now() WHERE person_id = $1';
      await query(tx, 'profile-name', sql, [personId, displayName]);
    },
    async lockPerson(tx, personId) {
      const sql = "SELECT FROM aura_id_registry WHERE person_id = $1 AND state = 'active' FOR NO KEY UPDATE";
      if ((await query(tx, 'profile-lock', sql, [personId])).length === 0) throw signedOut();
    },
    async list(personId) {
      const sql = `SELECT ${COLUMNS} FROM personal_fields WHERE person_id = $1 ORDER BY field_id`;
      return (await query<FieldRow>(pool, 'fields-list', sql, [personId])).map(toField);
    },
    async findPicture(viewer, personId) {
      const [row] = await query<PictureRow>(pool, 'fields-picture', PICTURE, [viewer, personId]);
      return row?.envelope ? { fieldId: row.field_id, envelope: row.envelope } : null;
    },
    async count(tx, personId) {
      const sql = `SELECT count(*)::int AS n FROM personal_fields
        WHERE person_id = $1 AND kind IN ('email', 'phone', 'birth_date', 'postal_address', 'document')`;
      return (await query<{ n: number }>(tx, 'fields-count', sql, [personId]))[0]?.n ?? 0;
    },
    async insert(tx, personId, { fieldId, kind, envelope }, index) {
      const sql = `INSERT INTO personal_fields (field_id, person_id, kind, envelope, blind_index, index_key_id)
        VALUES ($1, $2, $3, $4, $5, $6)`;
      const by = [index?.digest ?? null, index?.indexKeyId ?? null];
      await query(tx, 'fields-insert', sql, [fieldId, personId, kind, envelope, ...by]);
    },
    async update(tx, personId, { fieldId, kind, envelope }, index) {
      const sql = `UPDATE personal_fields SET envelope = $4, blind_index = $5, index_key_id = $6, verified_at = NULL,
          updated_at = now()
        WHERE field_id = $2 AND person_id = $1 AND kind = $3 RETURNING field_id`;
      const by = [index?.digest ?? null, index?.indexKeyId ?? null];
      return (await query(tx, 'fields-update', sql, [personId, fieldId, kind, envelope, ...by])).length > 0;
    },
    async remove(tx, personId, fieldId) {
      const sql = `DELETE FROM personal_fields WHERE field_id = $2 AND person_id = $1 AND kind NOT IN ('about', 'picture')
        RETURNING kind`;
      return (
        (await query<{ kind: FieldKind }>(tx, 'fields-remove', sql, [personId, fieldId]))[0]?.kind ?? null
      );
    },
    async removeKind(tx, personId, kind) {
      const sql = 'DELETE FROM personal_fields WHERE person_id = $1 AND kind = $2 RETURNING field_id';
      return (await query(tx, 'fields-remove-kind', sql, [personId, kind])).length > 0;
    },
  };
}
