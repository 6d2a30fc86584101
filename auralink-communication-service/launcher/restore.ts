/**
 * `./aura restore`: a backup into a data folder in which nothing is up. PostgreSQL alone is started; both databases are
 * brought back with the newest keys, brought up to this version's schema, and whoever was erased since the backup is
 * erased again before anything else runs. Secrets (the key ring above all) are the operator's to bring.
 */
import { join, resolve } from 'node:path';
import pg from 'pg';
import { verifyAudit } from '../auralink-modules/auraid/audit-verify.ts';
import type { Config } from '../config.ts';
import type { PersonId } from '../core/ids.ts';
import { auditReader } from '../store/audit.ts';
import { BACKUP_KEYS_BATCH, hasPeople, insertKeys } from '../store/backups.ts';
import { type DatabaseAddress, type Db, openDatabase } from '../store/db.ts';
import { migrate, readMigrations } from '../store/migrate.ts';
import { databaseAddress } from '../wire/database.ts';
import { eraserOf } from '../wire/erase-again.ts';
import { assertDumpWhole, type Backup, type Dump, readBackups, readKeys } from './backup-files.ts';
import { type CommonOptions, layoutFor } from './commands.ts';
import { startConstellation } from './constellation.ts';
import { FrontDoorError } from './errors.ts';
import { PROJECT_ROOT } from './layout.ts';
import { runPgTool } from './pg-tools.ts';
import { consoleProgress, type Progress } from './progress.ts';
import { readOperatorEnv } from './settings.ts';
import { findSupervisor } from './up-record.ts';

const MIGRATIONS = join(PROJECT_ROOT, 'scripts/db/migrations');

export interface RestoreOptions extends CommonOptions {
  /** A backup's stamp; default: the newest. */
  readonly from?: string;
  /** Take the place of people who are there. */
  readonly replace: boolean;
  readonly portBase: number | null;
}

interface Restored {
  readonly backup: string;
  readonly keys: number;
  readonly erasedAgain: number;
  readonly audit: { readonly entries: number; readonly faults: readonly object[] };
}

/** Exit code: 0, or 1 when the audit log that was brought back is not what was written. */
export async function runRestore(folder: string, options: RestoreOptions): Promise<number> {
  const from = resolve(folder);
  const backup = chosen(readBackups(from), from, options.from);
  assertKnown(backup);
  for (const dump of [backup.auralink, backup.synapse]) await assertDumpWhole(from, dump);
  const layout = layoutFor(options);
  if (findSupervisor(layout) !== null) {
    throw new FrontDoorError(`AuraLink is up in ${layout.dataDir}; end it with ./aura down first.`);
  }
  const progress = consoleProgress();
  const constellation = await startConstellation({
    ...{ dataDir: layout.dataDir, portBase: options.portBase, processes: 0, redis: false },
    ...{ without: ['synapse', 'livekit'], env: readOperatorEnv(), progress },
  });
  try {
    const { config } = constellation.settings;
    const restored = await restore(config, from, backup, options.replace, progress);
    console.log(options.json ? JSON.stringify(restored) : describe(restored));
    return restored.audit.faults.length === 0 ? 0 : 1;
  } finally {
    await constellation.stop();
  }
}

function chosen(backups: readonly Backup[], folder: string, stamp: string | undefined): Backup {
  const found = stamp === undefined ? backups.at(-1) : backups.find((backup) => backup.stamp === stamp);
  if (found !== undefined) return found;
  const list = backups.map((backup) => `  ${backup.stamp}`).join('\n');
  if (list === '') throw new FrontDoorError(`There are no backups in ${folder}.`);
  throw new FrontDoorError(`--from: there is no backup ${stamp} in ${folder}. There are:\n${list}`);
}

function assertKnown({ migrations, stamp }: Backup): void {
  const known = new Set(readMigrations(MIGRATIONS).map(({ file }) => file));
  const newer = migrations.filter((file) => !known.has(file));
  if (newer.length === 0) return;
  throw new FrontDoorError(
    `Backup ${stamp} is of a newer version of AuraLink (${newer.join(', ')}); restore it with that version.`,
  );
}

async function restore(
  config: Config,
  folder: string,
  backup: Backup,
  replace: boolean,
  progress: Progress,
): Promise<Restored> {
  const address = databaseAddress(config);
  if (!replace && (await withPool(address, ({ pool }) => hasPeople(pool)))) {
    throw new FrontDoorError(
      `The database ${address.database} has people. --replace puts the backup into their place, and they are gone.`,
    );
  }
  await load(config, folder, config.COMM_POSTGRES_SYNAPSE_DB, backup.synapse, progress);
  await load(config, folder, config.COMM_POSTGRES_DB, backup.auralink, progress);
  await progress.step('the schema of this version', () => migrate(address, MIGRATIONS));
  return withPool(address, async (db) => {
    let keys = 0;
    const erased = await progress.step("people's data keys", () =>
      readKeys(folder, BACKUP_KEYS_BATCH, async (rows) => {
        keys += await insertKeys(db.pool, rows);
      }),
    );
    const erasedAgain = await progress.step('erasing again who was erased since', () =>
      eraseAll(db, config, erased),
    );
    const audit = await progress.step('the audit log', () =>
      verifyAudit(auditReader(db.pool), backup.auditHeads),
    );
    return { backup: backup.stamp, keys, erasedAgain, audit };
  });
}

async function eraseAll(db: Db, config: Config, people: readonly string[]): Promise<number> {
  const erase = eraserOf(db, config);
  let again = 0;
  for (const personId of people) if (await erase(personId as PersonId)) again += 1;
  return again;
}

async function withPool<T>(address: DatabaseAddress, work: (db: Db) => Promise<T>): Promise<T> {
  const db = openDatabase({ ...address, poolSize: 2, applicationName: 'aura-restore' });
  try {
    return await work(db);
  } finally {
    await db.close();
  }
}

/** Whatever is in the database makes room. */
async function load(
  config: Config,
  folder: string,
  database: string,
  dump: Dump,
  progress: Progress,
): Promise<void> {
  await progress.step(`the database ${database}`, async () => {
    const { host, port, user, password } = databaseAddress(config);
    const client = new pg.Client({ host, port, user, password, database });
    await client.connect();
    try {
      await client.query('SET client_min_messages = warning');
      await client.query('DROP SCHEMA IF EXISTS public CASCADE');
      await client.query('CREATE SCHEMA public');
    } finally {
      await client.end();
    }
    const args = ['--no-owner', '--no-privileges', '--exit-on-error', `--dbname=${database}`];
    await runPgTool('pg_restore', config, [...args, join(folder, dump.file)]);
  });
}

function describe({ backup, keys, erasedAgain, audit }: Restored): string {
  const log =
    audit.faults.length === 0
      ? `The audit log is whole up to then: ${audit.entries} entries.`
      : 'The audit log is NOT what was written: ./aura audit verify tells where, once it is up.';
  return [
    `Backup ${backup} is back, with the data keys of ${keys} people.`,
    `${erasedAgain} people who were erased since are erased again; Matrix follows once the service runs.`,
    log,
    'What happened after the backup is lost: sessions and apps that were signed out since are signed in again.',
    'Start it with ./aura up.',
  ].join('\n');
}
