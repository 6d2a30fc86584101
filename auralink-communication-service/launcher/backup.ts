/**
 * `./aura backup`: both databases into a folder, while everything runs. The dump of ours has everything but people's data
 * keys; these are in a file of their own, which each backup replaces (backup-files.ts, ADR 27).
 */
import { join, resolve } from 'node:path';
import type { Config } from '../config.ts';
import { readHeads } from '../store/audit.ts';
import { listErased, listMigrations, pagesOfKeys } from '../store/backups.ts';
import type { Db } from '../store/db.ts';
import {
  type Backup,
  describeDump,
  ensureBackupFolder,
  readBackups,
  stampOf,
  writeBackups,
  writeKeys,
} from './backup-files.ts';
import { type CommonOptions, layoutFor } from './commands.ts';
import { withDatabase } from './database-of.ts';
import type { Layout } from './layout.ts';
import { runPgTool } from './pg-tools.ts';
import { consoleProgress, type Progress } from './progress.ts';

export interface BackupOptions extends CommonOptions {
  /** The newest so many stay. */
  readonly keep: number;
}

export async function runBackup(folder: string, options: BackupOptions): Promise<number> {
  const layout = layoutFor(options);
  const into = resolve(folder);
  const progress = consoleProgress();
  const made = await withDatabase(layout, 'aura-backup', async (db, config) => {
    ensureBackupFolder(into);
    const backup = await dumpAll(db, config, into, progress);
    // After the dump: whoever is in it and was erased meanwhile has no key any more.
    const counted = await progress.step("people's data keys", async () =>
      writeKeys(into, pagesOfKeys(db.pool), await listErased(db.pool)),
    );
    writeBackups(into, [...readBackups(into), backup], options.keep);
    return { backup, ...counted };
  });
  const notIn = [layout.secretsDir, join(layout.synapseDir, 'media')];
  if (options.json) console.log(JSON.stringify({ folder: into, ...made, notIn }));
  else console.log(describe(into, layout, made));
  return 0;
}

async function dumpAll({ pool }: Db, config: Config, folder: string, progress: Progress): Promise<Backup> {
  const stamp = stampOf(new Date());
  const auditHeads = await readHeads(pool);
  const migrations = await listMigrations(pool);
  const dump = (name: 'auralink' | 'synapse', database: string, ...more: string[]) =>
    progress.step(`the database ${database}`, async () => {
      const file = `${name}-${stamp}.dump`;
      const args = ['--format=custom', '--no-owner', '--no-privileges', `--file=${join(folder, file)}`];
      await runPgTool('pg_dump', config, [...args, ...more, database]);
      return describeDump(folder, file);
    });
  const auralink = await dump('auralink', config.COMM_POSTGRES_DB, '--exclude-table-data=person_keys');
  const synapse = await dump('synapse', config.COMM_POSTGRES_SYNAPSE_DB);
  return { stamp, auralink, synapse, migrations, auditHeads };
}

function describe(
  folder: string,
  layout: Layout,
  { backup, keys, erased }: { backup: Backup; keys: number; erased: number },
): string {
  return [
    `Backup ${backup.stamp} lies in ${folder}: both databases, and the data keys of ${keys} people.`,
    `In older backups there, what the ${erased} people who were erased had encrypted opens no more.`,
    'Not in it, and needed as well; keep them apart from it:',
    `  ${layout.secretsDir} (the key ring: without it nothing that is encrypted opens)`,
    `  ${join(layout.synapseDir, 'media')} (files of Matrix rooms)`,
    `To bring it back: ./aura restore ${folder}`,
  ].join('\n');
}
