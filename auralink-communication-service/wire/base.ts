/** What every room is built from: configuration, log, database, time and ids, and this process's name. */
import type { Config } from '../config.ts';
import type { Clock } from '../core/clock.ts';
import type { NewId, ProcessId } from '../core/ids.ts';
import type { Db } from '../store/db.ts';
import type { Logger } from './logger.ts';

export interface Base {
  readonly config: Config;
  readonly log: Logger;
  readonly db: Db;
  readonly clock: Clock;
  readonly newId: NewId;
  readonly processId: ProcessId;
}

/** Work that one process at a time does now and then. */
export interface Chore {
  readonly job: string;
  readonly everySeconds: number;
  run(): Promise<void>;
}
