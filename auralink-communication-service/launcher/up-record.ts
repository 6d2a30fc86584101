/**
 * What a running constellation tells the other commands: which options it was started with, where it answers, whom to
 * try it with. Beside it lies the supervisor's lock. Both live in the run folder.
 */
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { httpOrigin } from './hosts.ts';
import type { Layout } from './layout.ts';
import { isRunning, type ProcessIdentity, readJsonFile } from './process.ts';

export interface Address {
  readonly name: string;
  readonly url: string;
}

/** Somebody to try it with. */
export interface Person {
  readonly auraId: string;
  readonly password: string;
}

export interface UpRecord {
  readonly portBase: number | null;
  readonly processes: number;
  readonly redis: boolean;
  /** From the command to the first good `/health`. */
  readonly startedInSeconds: number;
  readonly health: string;
  readonly addresses: readonly Address[];
  /** Names only: passwords are told once, at the start. */
  readonly people: readonly string[];
}

export function lockPath(layout: Layout): string {
  return join(layout.runDir, 'supervisor.lock');
}

export function recordPath(layout: Layout): string {
  return join(layout.runDir, 'up.json');
}

/** The living supervisor of this data folder, or null. */
export function findSupervisor(layout: Layout): ProcessIdentity | null {
  const holder = readJsonFile<ProcessIdentity>(lockPath(layout));
  return holder !== null && isRunning(holder) ? holder : null;
}

/** The record of a constellation that is up, or null while it is starting or down. */
export function findUpRecord(layout: Layout): UpRecord | null {
  return readJsonFile<UpRecord>(recordPath(layout));
}

/** Where people and programs reach it. */
export function addressesOf(config: Config): Address[] {
  const scheme = new URL(config.PUBLIC_BASE_URL).protocol;
  const title = (app: string): string => `${app.slice(0, 1).toUpperCase()}${app.slice(1)}`;
  const apps = config.APP_HOSTS.map((entry) => {
    const [app = '', host = ''] = entry.split('=', 2);
    return { name: title(app), url: `${scheme}//${host}/` };
  });
  return [
    { name: 'Phone', url: `${config.PUBLIC_BASE_URL}/` },
    ...apps,
    { name: 'Health', url: `${config.PUBLIC_BASE_URL}/health` },
    { name: 'Matrix', url: `${config.PUBLIC_BASE_URL}/_matrix/client/versions` },
    { name: 'Metrics', url: `${httpOrigin(config.METRICS_HOST, config.METRICS_PORT)}/metrics` },
  ];
}
