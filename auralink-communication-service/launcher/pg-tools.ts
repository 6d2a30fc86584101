/** PostgreSQL's own pg_dump and pg_restore, on the databases of a constellation. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Config } from '../config.ts';
import { FrontDoorError } from './errors.ts';

/** Of what a program said, so much is told when it has failed. */
const SAID_MAX_CHARACTERS = 2_000;

/** Runs it with the database's address in its environment. Throws FrontDoorError with what it said. */
export async function runPgTool(
  program: 'pg_dump' | 'pg_restore',
  config: Config,
  args: readonly string[],
): Promise<void> {
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      PATH: process.env.PATH,
      PGHOST: config.COMM_POSTGRES_HOST,
      PGPORT: String(config.COMM_POSTGRES_PORT),
      PGUSER: config.COMM_POSTGRES_USER,
      PGPASSWORD: config.COMM_POSTGRES_PASSWORD,
    },
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-SAID_MAX_CHARACTERS);
  });
  const [code] = (await once(child, 'close').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new FrontDoorError(
      `There is no ${program} on this machine; install PostgreSQL's client programs (Debian: postgresql-client).`,
    );
  })) as [number | null];
  if (code !== 0) throw new FrontDoorError(`${program} failed: ${said.trim()}`);
}
