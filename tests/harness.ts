/**
 * What tests use of the world around them. `./aura test` sets
 *   AURA_TEST_DIR            a folder for data of this run; whatever runs over it is stopped at the end
 *   AURA_TEST_CONSTELLATION  file with addresses, secrets and configuration of the engines that integration tests share
 * so tests are run through it: `./aura test`, `./aura test integration`, `./aura test part-of-a-file-name`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import pg from 'pg';
import type { Config } from '../auralink-communication-service/config.ts';
import {
  type Constellation,
  type ConstellationOptions,
  startConstellation,
  type Urls,
} from '../auralink-communication-service/launcher/constellation.ts';
import { findFreePortBase } from '../auralink-communication-service/launcher/free-ports.ts';
import type { Ports } from '../auralink-communication-service/launcher/ports.ts';
import type { DatabaseAddress } from '../auralink-communication-service/store/db.ts';
import { migrate } from '../auralink-communication-service/store/migrate.ts';

export const MIGRATIONS_DIR = join(import.meta.dirname, '../scripts/db/migrations');
const TEMPLATE = 'aura_test_template';
/** Any number, the same in every test process: they take turns at making databases. */
const TEMPLATE_LOCK = 7_281_003;
const POOL_SIZE = 10;

/** PostgreSQL, Redis, Synapse and LiveKit, shared by all integration tests of a run. No service process runs there. */
export interface SharedEngines {
  readonly dataDir: string;
  readonly portBase: number;
  readonly ports: Ports;
  readonly urls: Urls;
  /** What a service process over these engines would be configured with. */
  readonly config: Config;
  /** The same as environment variables, secrets as X_FILE. */
  readonly serviceEnv: Readonly<Record<string, string>>;
}

/** The shared engines. Throws when the test was not started by `./aura test integration`. */
export function constellation(): SharedEngines {
  const path = process.env.AURA_TEST_CONSTELLATION ?? '';
  if (path === '') throw new Error('this test needs the engines that `./aura test integration` starts');
  return JSON.parse(readFileSync(path, 'utf8')) as SharedEngines;
}

/** The shared PostgreSQL, at its maintenance database; the user may make databases. */
export async function postgresAddress(): Promise<DatabaseAddress> {
  const { config } = constellation();
  return {
    host: config.COMM_POSTGRES_HOST,
    port: config.COMM_POSTGRES_PORT,
    user: config.COMM_POSTGRES_USER,
    password: config.COMM_POSTGRES_PASSWORD,
    database: 'postgres',
    poolSize: POOL_SIZE,
    applicationName: 'auralink-test',
  };
}

let databases = 0;

/** A fresh database with the whole schema, cloned from a migrated template; dropped when the test file has ended. */
export async function testDatabase(): Promise<DatabaseAddress> {
  const server = await postgresAddress();
  databases += 1;
  const database = `test_${process.pid}_${databases}`;
  await withClient(server, async (client) => {
    await client.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK]);
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [TEMPLATE]);
    if (found.rowCount === 0) await makeTemplate(client, server);
    await client.query(`CREATE DATABASE ${database} TEMPLATE ${TEMPLATE}`);
  });
  after(async () => {
    await withClient(server, (client) => client.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`));
  });
  return { ...server, database };
}

/** Under another name until it is whole: a template of that name is a finished one. */
async function makeTemplate(client: pg.Client, server: DatabaseAddress): Promise<void> {
  const unfinished = `${TEMPLATE}_unfinished`;
  await client.query(`DROP DATABASE IF EXISTS ${unfinished} WITH (FORCE)`);
  await client.query(`CREATE DATABASE ${unfinished} TEMPLATE template0`);
  await migrate({ ...server, database: unfinished }, MIGRATIONS_DIR);
  await client.query(`ALTER DATABASE ${unfinished} RENAME TO ${TEMPLATE}`);
}

/** One connection, closed afterwards (which frees its locks too). */
export async function withClient<T>(
  address: DatabaseAddress,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const { host, port, user, password, database } = address;
  const client = new pg.Client({ host, port, user, password, database, application_name: 'auralink-test' });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** A data folder of this run; `name` must be unique within it. */
export function testDataDir(name: string): string {
  const folder = process.env.AURA_TEST_DIR ?? '';
  if (folder === '') throw new Error('this test is run by `./aura test`');
  return join(folder, `${name}-${process.pid}`);
}

/** A constellation of the test's own, on free ports, stopped when the test file has ended. */
export async function ownConstellation(
  name: string,
  options: Omit<ConstellationOptions, 'dataDir' | 'portBase'> & { readonly portBase?: number } = {},
): Promise<Constellation> {
  const portBase = options.portBase ?? (await findFreePortBase());
  const started = await startConstellation({ ...options, dataDir: testDataDir(name), portBase });
  after(() => started.stop());
  return started;
}
