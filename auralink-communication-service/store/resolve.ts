/**
 * Looking people up by their addresses, in one statement: the names or aliases, the rules of both sides, and what is shown.
 * Whoever looks somebody up while such a statement is under way shares the next one with all who wait.
 */
import type pg from 'pg';
import type { Beheld } from '../auralink-modules/auraid/ports-privacy.ts';
import type { FindBeheld } from '../auralink-modules/auraid/resolver.ts';
import { gather } from '../core/gather.ts';
import type { AuraId, PersonId } from '../core/ids.ts';
import { query } from './db.ts';
import { namedSql } from './names-sql.ts';
import { beheldOf, type FactsRow, factsSql } from './privacy.ts';

/** Addresses looked up by one statement, whoever asks for them. */
export const RESOLVE_GATHERED_MAX = 100;
/** Such statements that a process has under way at a time. */
const STATEMENTS_AT_ONCE = 3;

interface Asked {
  readonly viewer: PersonId;
  readonly auraId: AuraId;
}

const BEHOLD_BY_NAMES = factsSql(
  `unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS asked (viewer, name, nth)
  CROSS JOIN LATERAL ${namedSql('asked.name')} AS wanted (person_id)`,
  'asked.viewer',
  'asked.nth::int, ',
);

export function findBeheld(pool: pg.Pool): FindBeheld {
  const findOne = gather((asked: readonly Asked[]) => findMany(pool, asked), {
    max: RESOLVE_GATHERED_MAX,
    atOnce: STATEMENTS_AT_ONCE,
  });
  return (viewer, auraId) => findOne({ viewer, auraId });
}

async function findMany(pool: pg.Pool, asked: readonly Asked[]): Promise<(Beheld | null)[]> {
  const rows = await query<FactsRow & { nth: number }>(pool, 'resolve-by-names', BEHOLD_BY_NAMES, [
    asked.map((one) => one.viewer),
    asked.map((one) => one.auraId),
  ]);
  const found = new Map(rows.map((row) => [row.nth, beheldOf(row)]));
  return asked.map((_, i) => found.get(i + 1) ?? null);
}
