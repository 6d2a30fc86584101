/**
 * Where everything lies. All that is installed goes into `.aura/` in the clone; all that is made while running goes into
 * the data folder. PostgreSQL refuses to run as root, so as root its own user must be able to enter both: where it
 * cannot enter the clone, data and PostgreSQL's programs go to /var/lib/auralink/<id> instead.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { FrontDoorError } from './errors.ts';
import type { OsUser } from './process.ts';

export const PROJECT_ROOT = resolve(import.meta.dirname, '../..');
export const TOOLS_DIR = join(PROJECT_ROOT, '.aura');
export const SERVICE_DIR = join(PROJECT_ROOT, 'auralink-communication-service');
export const DOTENV_PATH = join(SERVICE_DIR, '.env');
export const NODE = process.execPath;
export const VENV_PYTHON = join(TOOLS_DIR, 'venv/bin/python');
export const LIVEKIT_BINARY = join(TOOLS_DIR, 'bin/livekit-server');
const SYSTEM_DIR = '/var/lib/auralink';
/** Debian's own name for it; used when it exists, made when not. */
const DATABASE_USER = 'postgres';

export interface Layout {
  readonly dataDir: string;
  readonly secretsDir: string;
  /** Process files and the state of the parts. */
  readonly runDir: string;
  readonly logsDir: string;
  /** Generated at each start. */
  readonly confDir: string;
  readonly postgresDir: string;
  readonly synapseDir: string;
  readonly redisDir: string;
  /** The operator's own settings for Synapse; kept. */
  readonly overlayPath: string;
}

export function layoutOf(dataDir: string): Layout {
  return {
    dataDir,
    secretsDir: join(dataDir, 'secrets'),
    runDir: join(dataDir, 'run'),
    logsDir: join(dataDir, 'logs'),
    confDir: join(dataDir, 'conf'),
    postgresDir: join(dataDir, 'postgres'),
    synapseDir: join(dataDir, 'synapse'),
    redisDir: join(dataDir, 'redis'),
    overlayPath: join(dataDir, 'homeserver.overlay.yaml'),
  };
}

/** The place outside the clone that belongs to this clone alone. */
export function systemDir(root: string = PROJECT_ROOT): string {
  return join(SYSTEM_DIR, createHash('sha256').update(root).digest('hex').slice(0, 12));
}

/** `asked`: what `--data` said. As root, falls back to the system folder when the database's user cannot enter. */
export function chooseDataDir(asked: string | undefined, user: OsUser | undefined): string {
  if (asked !== undefined) {
    const dataDir = resolve(asked);
    // The folder itself is ours to open; those above it are not.
    const above = nearestExisting(dirname(dataDir));
    if (user !== undefined && !mayEnter(user, above)) {
      throw new FrontDoorError(
        `PostgreSQL runs as the user ${user.name}, who may not enter ${above}. ` +
          'Name another folder with --data, or leave --data away.',
      );
    }
    return dataDir;
  }
  return join(baseDir(user), 'data');
}

/** Folder for data of this clone: `.aura`, or the system folder where the database's user may not enter the clone. */
export function baseDir(user: OsUser | undefined): string {
  return user === undefined || mayEnter(user, PROJECT_ROOT) ? TOOLS_DIR : systemDir();
}

/**
 * Makes the data folder so that the database's user can pass through it, whatever our umask; what others must not read
 * lies in folders of mode 700 inside.
 */
export function ensureDataDir(dataDir: string, user: OsUser | undefined): void {
  const missing: string[] = [];
  for (let at = dataDir; !existsSync(at); at = dirname(at)) missing.unshift(at);
  for (const folder of missing) {
    mkdirSync(folder);
    chmodSync(folder, 0o755);
  }
  chmodSync(dataDir, user === undefined ? 0o700 : 0o711);
}

function nearestExisting(path: string): string {
  let at = path;
  while (!existsSync(at) && at !== dirname(at)) at = dirname(at);
  return at;
}

/** Whether `user` may pass through the folder; asked of the system itself, as that user. */
export function mayEnter(user: OsUser, folder: string): boolean {
  const asked = spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], {
    cwd: '/',
    uid: user.uid,
    gid: user.gid,
    stdio: 'ignore',
  });
  return asked.status === 0;
}

/**
 * As whom PostgreSQL runs: undefined means as ourselves. As root it is the system's database user, who is made when
 * there is none. Throws FrontDoorError when it cannot be made.
 */
export function databaseUser(): OsUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const found = findUser(DATABASE_USER);
  if (found !== null) return found;
  spawnSync('groupadd', ['--system', DATABASE_USER], { stdio: 'ignore' });
  const made = spawnSync(
    'useradd',
    ['--system', '--no-create-home', '--shell', '/usr/sbin/nologin', '--gid', DATABASE_USER, DATABASE_USER],
    { encoding: 'utf8' },
  );
  const user = findUser(DATABASE_USER);
  if (user === null) {
    throw new FrontDoorError(
      `PostgreSQL does not run as root, and the user ${DATABASE_USER} could not be made: ${made.stderr}`,
    );
  }
  return user;
}

function findUser(name: string): OsUser | null {
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  const fields = lines.map((line) => line.split(':')).find((line) => line[0] === name);
  if (fields === undefined) return null;
  return { name, uid: Number(fields[2]), gid: Number(fields[3]) };
}
