/**
 * What the database server itself gives on this machine: `pgbench -S` (one SELECT by primary key a transaction, over
 * prepared statements) in a database of its own, beside ours.
 */
import { spawnSync } from 'node:child_process';
import pg from 'pg';
import type { Config } from '../auralink-communication-service/config.ts';

/** A hundred thousand rows each. */
const SCALE = 10;
const CLIENTS = 8;
const THREADS = 2;
const SECONDS = 10;
const DATABASE = 'auralink_pgbench';

type Server = Pick<
  Config,
  'COMM_POSTGRES_HOST' | 'COMM_POSTGRES_PORT' | 'COMM_POSTGRES_USER' | 'COMM_POSTGRES_PASSWORD'
>;

/** Transactions a second; null where there is no pgbench. */
export async function measureSelects(server: Server, note: (line: string) => void): Promise<number | null> {
  if (spawnSync('pgbench', ['--version']).status !== 0) {
    note('  there is no pgbench on this machine (Debian: postgresql-contrib); the limit is left out');
    return null;
  }
  const client = new pg.Client({
    host: server.COMM_POSTGRES_HOST,
    port: server.COMM_POSTGRES_PORT,
    user: server.COMM_POSTGRES_USER,
    password: server.COMM_POSTGRES_PASSWORD,
    database: 'postgres',
  });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${DATABASE}`);
    runPgbench(server, ['-i', '-q', '-s', String(SCALE)]);
    const load = [
      '-n',
      '-S',
      '-M',
      'prepared',
      '-c',
      String(CLIENTS),
      '-j',
      String(THREADS),
      '-T',
      String(SECONDS),
    ];
    const perSecond = Number(/^tps = ([\d.]+)/m.exec(runPgbench(server, load))?.[1]);
    if (!Number.isFinite(perSecond)) throw new Error('pgbench told no rate');
    return perSecond;
  } finally {
    await client.query(`DROP DATABASE IF EXISTS ${DATABASE} WITH (FORCE)`);
    await client.end();
  }
}

function runPgbench(server: Server, args: readonly string[]): string {
  const ran = spawnSync('pgbench', [...args, DATABASE], {
    encoding: 'utf8',
    env: {
      ...process.env,
      PGHOST: server.COMM_POSTGRES_HOST,
      PGPORT: String(server.COMM_POSTGRES_PORT),
      PGUSER: server.COMM_POSTGRES_USER,
      PGPASSWORD: server.COMM_POSTGRES_PASSWORD,
    },
  });
  if (ran.status !== 0) throw new Error(`pgbench: ${ran.stderr}`);
  return ran.stdout;
}
