/** The database of the constellation that is up, for commands that look into it. */
import type { Config } from '../config.ts';
import { type Db, openDatabase } from '../store/db.ts';
import { databaseAddress } from '../wire/database.ts';
import { settingsFor } from './constellation.ts';
import { FrontDoorError } from './errors.ts';
import type { Layout } from './layout.ts';
import { readOperatorEnv } from './settings.ts';
import { findSupervisor, findUpRecord } from './up-record.ts';

/** Throws FrontDoorError when nothing is up in the data folder. */
export async function withDatabase<T>(
  layout: Layout,
  applicationName: string,
  work: (db: Db, config: Config) => Promise<T>,
): Promise<T> {
  const record = findSupervisor(layout) === null ? null : findUpRecord(layout);
  if (record === null) throw new FrontDoorError(`Nothing is up in ${layout.dataDir}; ./aura up starts it.`);
  const { config } = await settingsFor({
    dataDir: layout.dataDir,
    portBase: record.portBase,
    env: readOperatorEnv(),
  });
  const db = openDatabase({ ...databaseAddress(config), poolSize: 1, applicationName });
  try {
    return await work(db, config);
  } finally {
    await db.close();
  }
}
