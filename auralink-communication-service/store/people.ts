/** The public part of the registry: who a person is, as calls and pages ask for it. */
import type pg from 'pg';
import type { Directory, Person } from '../auralink-modules/calls/ports.ts';
import type { AuraId, PersonId } from '../core/ids.ts';
import { query } from './db.ts';
import { namedSql } from './names-sql.ts';

interface PersonRow {
  person_id: PersonId;
  aura_id: AuraId;
  display_name: string | null;
}

export interface PersonDirectory extends Directory {
  findPersonById(personId: PersonId): Promise<Person | null>;
  /** Localpart of the account that signs her in. */
  findPrimaryLocalpart(personId: PersonId): Promise<string | null>;
}

const BY_NAME = `SELECT r.person_id, r.aura_id, r.display_name
  FROM ${namedSql('$1')} named JOIN aura_id_registry r USING (person_id) WHERE r.state = 'active'`;

function personOf(row: PersonRow): Person {
  return { personId: row.person_id, auraId: row.aura_id, displayName: row.display_name };
}

/** People whose address is active; everybody else is not there. */
export function personDirectory(pool: pg.Pool): PersonDirectory {
  return {
    async findPerson(auraId) {
      const [row] = await query<PersonRow>(pool, 'person_by_name', BY_NAME, [auraId]);
      // As asked: that an alias is one is not told to who uses it.
      return row === undefined ? null : { ...personOf(row), auraId };
    },
    async findPersonById(personId) {
      const [row] = await query<PersonRow>(
        pool,
        'person_by_id',
        `SELECT person_id, aura_id, display_name FROM aura_id_registry
         WHERE state = 'active' AND person_id = $1`,
        [personId],
      );
      return row === undefined ? null : personOf(row);
    },
    async findPrimaryLocalpart(personId) {
      const [row] = await query<{ matrix_user_id: string }>(
        pool,
        'mapping_primary',
        'SELECT matrix_user_id FROM matrix_user_mappings WHERE person_id = $1 AND is_primary',
        [personId],
      );
      return row === undefined ? null : row.matrix_user_id.slice(1, row.matrix_user_id.indexOf(':'));
    },
  };
}
