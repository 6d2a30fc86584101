/** The public part of the registry: who a person is, as calls and pages ask for it. */
import type pg from 'pg';
import type { Directory, Person } from '../auralink-modules/calls/ports.ts';
import type { AuraId, PersonId } from '../core/ids.ts';
import { query } from './db.ts';

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

/** People whose address is active; everybody else is not there. */
export function personDirectory(pool: pg.Pool): PersonDirectory {
  const findOne = async (name: string, condition: string, value: string): Promise<Person | null> => {
    const [row] = await query<PersonRow>(
      pool,
      name,
      `SELECT person_id, aura_id, display_name FROM aura_id_registry WHERE state = 'active' AND ${condition}`,
      [value],
    );
    if (row === undefined) return null;
    return { personId: row.person_id, auraId: row.aura_id, displayName: row.display_name };
  };
  return {
    findPerson: (auraId) => findOne('person_by_name', 'aura_id = $1', auraId),
    findPersonById: (personId) => findOne('person_by_id', 'person_id = $1', personId),
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
