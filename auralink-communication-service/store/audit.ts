/**
 * The audit log in PostgreSQL. A trigger numbers, dates and chains each entry; reading back for `./aura audit verify`
 * hands out what the hash was made of, letter by letter.
 */
import type pg from 'pg';
import type { Act, Audit } from '../auralink-modules/auraid/audit.ts';
import type { AuditReader, ChainedEntry, ChainHead } from '../auralink-modules/auraid/audit-verify.ts';
import type { UnitOfWork } from '../core/unit-of-work.ts';
import { query } from './db.ts';

/** `audited` hears of every entry as it is written. */
export function auditStore(audited: (act: Act) => void = () => {}): Audit {
  return {
    async record(tx, { actor, act, subject, detail }) {
      await query(
        tx,
        'audit-record',
        'INSERT INTO audit_log (actor, act, subject_id, detail) VALUES ($1, $2, $3, $4)',
        [actor, act, subject, JSON.stringify(detail ?? {})],
      );
      audited(act);
    },
  };
}

export async function readHeads(pool: pg.Pool): Promise<ChainHead[]> {
  const sql = "SELECT chain::int, seq, encode(hash, 'hex') AS hash FROM audit_chains ORDER BY chain";
  return await query<ChainHead & pg.QueryResultRow>(pool, 'audit-heads', sql, []);
}

/** Any number, the same in every process: one exports heads at a time. */
const EXPORT_LOCK = 4_242_190;

/** Hands the heads to `use` while no other process does. */
export async function withHeads<T>(
  { pool, unitOfWork }: { readonly pool: pg.Pool; readonly unitOfWork: UnitOfWork },
  use: (heads: readonly ChainHead[]) => T,
): Promise<T> {
  return await unitOfWork.run(async (tx) => {
    await query(tx, 'audit-heads-lock', 'SELECT pg_advisory_xact_lock($1)', [EXPORT_LOCK]);
    return use(await readHeads(pool));
  });
}

export function auditReader(pool: pg.Pool): AuditReader {
  return {
    heads: () => readHeads(pool),
    entries: (chain, after, limit) => readChain(pool, chain, after, limit),
  };
}

async function readChain(
  pool: pg.Pool,
  chain: number,
  after: number,
  limit: number,
): Promise<ChainedEntry[]> {
  return await query<ChainedEntry & pg.QueryResultRow>(
    pool,
    'audit-chain',
    `SELECT chain::int, seq, encode(hash, 'hex') AS hash, encode(previous_hash, 'hex') AS "previousHash",
       concat_ws(E'\\n', chain, seq, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
         actor, act, subject_id, detail::text) AS text
     FROM audit_log WHERE chain = $1 AND seq > $2 ORDER BY seq LIMIT $3`,
    [chain, after, limit],
  );
}
