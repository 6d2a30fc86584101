/**
 * Processes that outlive whoever started them: each in a session of its own, with a file that says which process it is.
 * A process id alone may have been given away again, so the file holds the start time too.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 50;

export interface OsUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque; the same process always gives the same value. */
  readonly startedAt: string;
}

/** When the process began, or null if there is none (or only its corpse). */
export function findStartTime(pid: number): string | null {
  if (process.platform === 'linux') {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The name in parentheses may hold anything, blanks and parentheses too.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null);
    } catch {
      return null;
    }
  }
  const ps = spawnSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' });
  const line = ps.status === 0 ? ps.stdout.trim() : '';
  return line === '' || line.startsWith('Z') ? null : line.replace(/^\S+\s+/, '');
}

export function isRunning(identity: ProcessIdentity): boolean {
  return findStartTime(identity.pid) === identity.startedAt;
}

export function thisProcess(): ProcessIdentity {
  return { pid: process.pid, startedAt: findStartTime(process.pid) ?? '' };
}

export function readJsonFile<T>(path: string): T | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    return null;
  }
}

/** Readers see the old content or the new one, never a half. */
export function writeFileAtomic(path: string, content: string, mode = 0o600): void {
  const temporary = `${path}.${process.pid}.new`;
  writeFileSync(temporary, content, { mode });
  renameSync(temporary, path);
}

export interface SpawnOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly logFile: string;
  readonly user?: OsUser | undefined;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface Spawned extends ProcessIdentity {
  /** Settles when the process has ended; only its starter gets to know how. */
  readonly exit: Promise<Exit>;
}

/** Starts the process in its own session, output appended to `logFile`. Throws when it cannot be started. */
export async function spawnDetached(options: SpawnOptions): Promise<Spawned> {
  mkdirSync(dirname(options.logFile), { recursive: true });
  const log = openSync(options.logFile, 'a', 0o600);
  try {
    const child = spawn(options.command, options.args, {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: ['ignore', log, log],
      ...(options.user === undefined ? {} : { uid: options.user.uid, gid: options.user.gid }),
    });
    const exit = new Promise<Exit>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    child.unref();
    const pid = child.pid as number;
    return { pid, startedAt: findStartTime(pid) ?? 'gone', exit };
  } finally {
    closeSync(log);
  }
}

/** Signals the process and all that it started; a process that is gone is no fault. */
export function signalGroup(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isRunning(identity)) return;
  // Whoever was started at a terminal leads no group of its own; then there is only the process.
  if (!trySignal(-identity.pid, signal)) trySignal(identity.pid, signal);
}

/** Asks with `signal`, waits, then kills. Resolves when the process is gone. */
export async function stopProcess(
  identity: ProcessIdentity,
  signal: NodeJS.Signals,
  timeoutMs: number,
): Promise<void> {
  if (!isRunning(identity)) return;
  trySignal(identity.pid, signal);
  const deadline = performance.now() + timeoutMs;
  while (isRunning(identity)) {
    if (performance.now() > deadline) signalGroup(identity, 'SIGKILL');
    await delay(POLL_MS);
  }
}

/** `target`: a process, or negative, a group. False when there is none. */
function trySignal(target: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(target, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/**
 * Takes the lock at `path` for this process; false when another live process holds it. A dead holder's lock is taken
 * over. The holder's identity is the file's content, there from the file's first moment.
 */
export function tryLock(path: string): boolean {
  const own = `${path}.${process.pid}.own`;
  const aside = `${path}.${process.pid}.aside`;
  writeFileSync(own, JSON.stringify(thisProcess()), { mode: 0o600 });
  try {
    for (;;) {
      if (tryLink(own, path)) return true;
      const holder = readJsonFile<ProcessIdentity>(path);
      if (holder !== null && isRunning(holder)) return false;
      // Another may have taken the dead lock over since we read it: then it goes back to where it was.
      if (!tryRename(path, aside)) continue;
      const moved = readJsonFile<ProcessIdentity>(aside);
      if (moved !== null && isRunning(moved)) tryLink(aside, path);
    }
  } finally {
    rmSync(own, { force: true });
    rmSync(aside, { force: true });
  }
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function tryRename(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
