/** Looking somebody up by her address, in one statement: the name or alias, the rules of both, and what is shown. */
import type pg from 'pg';
import type { Beheld } from '../auralink-modules/auraid/ports-privacy.ts';
import type { FindBeheld } from '../auralink-modules/auraid/resolver.ts';
import { query } from './db.ts';
import { namedSql } from './names-sql.ts';
import { beheldOf, type FactsRow, factsSql } from './privacy.ts';

const BEHOLD_BY_NAME = factsSql(namedSql('$2'));

export function findBeheld(pool: pg.Pool): FindBeheld {
  return async (viewer, auraId): Promise<Beheld | null> => {
    const [row] = await query<FactsRow>(pool, 'resolve-by-name', BEHOLD_BY_NAME, [viewer, auraId]);
    return row === undefined ? null : beheldOf(row);
  };
}
