/** Looking somebody up by her address, in one statement: the name or alias, the rules of both, and what is shown. */
import type pg from 'pg';
import type { Beheld } from '../auralink-modules/auraid/ports-privacy.ts';
import type { FindBeheld } from '../auralink-modules/auraid/resolver.ts';
import { query } from './db.ts';
import { beheldOf, type FactsRow, factsSql } from './privacy.ts';

const NAMED = `(
    SELECT person_id FROM aura_id_registry WHERE aura_id = $2
    UNION ALL
    SELECT person_id FROM aura_id_holds WHERE aura_id = $2 AND cause = 'renamed' AND resolves_until > now()
  )`;
const BEHOLD_BY_NAME = factsSql(NAMED);

export function findBeheld(pool: pg.Pool): FindBeheld {
  return async (viewer, auraId): Promise<Beheld | null> => {
    const [row] = await query<FactsRow>(pool, 'resolve-by-name', BEHOLD_BY_NAME, [viewer, auraId]);
    return row === undefined ? null : beheldOf(row);
  };
}
