/** Which statements are sent, and how the database would run them. */
import pg from 'pg';

/** Texts of the statements that `work` sends. */
export async function statementsOf(work: () => Promise<void>): Promise<Set<string>> {
  const texts = new Set<string>();
  const plain = pg.Client.prototype.query;
  pg.Client.prototype.query = function (this: pg.Client, ...asked: unknown[]) {
    const [first] = asked;
    if (typeof first === 'object' && first !== null && 'text' in first) texts.add(String(first.text));
    return Reflect.apply(plain, this, asked);
  } as typeof plain;
  try {
    await work();
  } finally {
    pg.Client.prototype.query = plain;
  }
  return texts;
}

/** The generic plan, as the service's connections make it. */
export async function planOf(pool: pg.Pool, text: string): Promise<string[]> {
  const client = await pool.connect();
  try {
    await client.query(`PREPARE planned AS ${text}`);
    const { rows: made } = await client.query<{ n: number }>(
      "SELECT cardinality(parameter_types) AS n FROM pg_prepared_statements WHERE name = 'planned'",
    );
    const parameters = Array.from({ length: made[0]?.n ?? 0 }, () => 'NULL').join();
    const execute = parameters === '' ? 'planned' : `planned(${parameters})`;
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN EXECUTE ${execute}`);
    await client.query('DEALLOCATE planned');
    return rows.map((row) => row['QUERY PLAN']);
  } finally {
    client.release();
  }
}
