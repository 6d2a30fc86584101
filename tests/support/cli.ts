/** `./aura` run as people run it, over a data folder that looks as if a supervisor were up there. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { after } from 'node:test';
import { type Layout, SERVICE_DIR } from '../../auralink-communication-service/launcher/layout.ts';
import { thisProcess, writeFileAtomic } from '../../auralink-communication-service/launcher/process.ts';
import {
  lockPath,
  recordPath,
  type UpRecord,
} from '../../auralink-communication-service/launcher/up-record.ts';
import type { DatabaseAddress } from '../../auralink-communication-service/store/db.ts';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** This test is the process that lives. */
export function pretendUp(layout: Layout, over: Partial<UpRecord> = {}): void {
  const record: UpRecord = {
    portBase: null,
    processes: 1,
    redis: false,
    startedInSeconds: 1,
    health: 'http://127.0.0.1:1/health',
    addresses: [],
    people: [],
    ...over,
  };
  mkdirSync(dirname(lockPath(layout)), { recursive: true });
  writeFileAtomic(lockPath(layout), JSON.stringify(thisProcess()));
  writeFileAtomic(recordPath(layout), JSON.stringify(record));
}

/** Variables that lead the launcher to this database. */
export const databaseEnv = (address: DatabaseAddress): Record<string, string> => ({
  COMM_POSTGRES_HOST: address.host,
  COMM_POSTGRES_PORT: String(address.port),
  COMM_POSTGRES_USER: address.user,
  COMM_POSTGRES_PASSWORD: address.password,
  COMM_POSTGRES_DB: address.database,
});

export const runCli = (
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<Ran> => runNode('launcher/cli.ts', args, { ...process.env, ...env });

/** A file of the service as a process of its own; returns when it has ended. */
export async function runNode(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<Ran> {
  const child = spawn(process.execPath, [`${SERVICE_DIR}/${file}`, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
  });
  after(() => child.kill());
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, out, err };
}
