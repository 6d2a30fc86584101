/**
 * `./aura up`: installs, starts, waits for `/health`, tells the addresses, and supervises until it is told to stop.
 * With --detach the supervisor is a process of its own and this one only waits for it.
 */
import { closeSync, mkdirSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Constellation, settingsFor, startConstellation } from './constellation.ts';
import { FrontDoorError } from './errors.ts';
import { ensureEngines, ensureWeb } from './install.ts';
import {
  chooseDataDir,
  databaseUser,
  ensureDataDir,
  type Layout,
  layoutOf,
  NODE,
  PROJECT_ROOT,
} from './layout.ts';
import { ensurePeople, isForTrying, readPeople } from './people.ts';
import { spawnDetached, tryLock, writeFileAtomic } from './process.ts';
import { consoleProgress, type Progress } from './progress.ts';
import { redisIsInstalled } from './redis.ts';
import { readOperatorEnv, type Settings } from './settings.ts';
import {
  addressesOf,
  findSupervisor,
  findUpRecord,
  lockPath,
  type Person,
  recordPath,
  type UpRecord,
} from './up-record.ts';

const HEALTH_TIMEOUT_MS = 60_000;
const HEALTH_POLL_MS = 100;
const DETACHED_POLL_MS = 100;
/** What a shell reports of a program that Ctrl-C ended. */
const INTERRUPTED = 130;
const CLI = join(import.meta.dirname, 'cli.ts');

export interface UpOptions {
  readonly data?: string;
  readonly portBase: number | null;
  readonly processes: number;
  readonly redis: boolean;
  readonly detach: boolean;
  /** We are the supervisor that a --detach started: say nothing but progress, our output goes into a log. */
  readonly background: boolean;
  readonly json: boolean;
}

/** Exit code. */
export async function runUp(options: UpOptions): Promise<number> {
  const user = databaseUser();
  const layout = layoutOf(chooseDataDir(options.data, user));
  ensureDataDir(layout.dataDir, user);
  mkdirSync(layout.runDir, { recursive: true, mode: 0o700 });
  if (findSupervisor(layout) !== null) {
    await untilRecorded(layout);
    return tellAlreadyUp(layout, options);
  }
  const progress = consoleProgress();
  const begin = performance.now();
  await ensureEngines(progress);
  await ensureWeb(progress);
  if (options.detach) return detach(layout, options);
  return supervise(layout, options, progress, begin);
}

function tellAlreadyUp(layout: Layout, options: UpOptions): number {
  const record = findUpRecord(layout);
  if (record === null) {
    throw new FrontDoorError('Another ./aura up is starting this data folder but has not come up.');
  }
  tell(layout, record, null, options);
  return 0;
}

async function supervise(
  layout: Layout,
  options: UpOptions,
  progress: Progress,
  begin: number,
): Promise<number> {
  if (!tryLock(lockPath(layout))) return tellAlreadyUp(layout, options);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  let constellation: Constellation | null = null;
  try {
    rmSync(recordPath(layout), { force: true });
    constellation = await startConstellation({
      dataDir: layout.dataDir,
      portBase: options.portBase,
      processes: options.processes,
      redis: options.redis && redisIsInstalled(),
      postbox: true,
      env: readOperatorEnv(),
      progress,
      onEvent: (line) => progress.note(`  ! ${line}`),
      dieWithUs: false,
      signal: stop.signal,
    });
    await untilHealthy(`${constellation.urls.public}/health`, stop.signal);
    const people = await ensurePeople(constellation.settings, progress);
    const record = recordOf(constellation, options, people, performance.now() - begin);
    writeFileAtomic(recordPath(layout), JSON.stringify(record));
    if (!options.background) tell(layout, record, invite(constellation.settings, people), options);
    await untilAborted(stop.signal);
    return 0;
  } catch (error) {
    if (stop.signal.aborted) return INTERRUPTED;
    throw error;
  } finally {
    if (constellation !== null) await progress.step('stopping', constellation.stop);
    rmSync(recordPath(layout), { force: true });
    rmSync(lockPath(layout), { force: true });
  }
}

async function untilHealthy(url: string, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + HEALTH_TIMEOUT_MS;
  let last = 'no answer';
  while (performance.now() < deadline) {
    signal.throwIfAborted();
    try {
      const response = await fetch(url, { signal });
      last = `${response.status} ${await response.text()}`;
      if (response.ok) return;
    } catch (error) {
      last = (error as Error).message;
    }
    await delay(HEALTH_POLL_MS);
  }
  throw new FrontDoorError(`${url} does not become healthy: ${last}`);
}

function recordOf(
  constellation: Constellation,
  options: UpOptions,
  people: readonly Person[],
  tookMs: number,
): UpRecord {
  return {
    portBase: options.portBase,
    processes: options.processes,
    redis: options.redis,
    startedInSeconds: Math.round(tookMs / 100) / 10,
    health: `${constellation.urls.public}/health`,
    addresses: addressesOf(constellation.settings.config),
    people: people.map((person) => person.auraId),
  };
}

/** What somebody who tries it needs to get in. */
interface Invitation {
  readonly people: readonly Person[];
  /** With which anybody registers; null where it is not for the screen. */
  readonly invitationCode: string | null;
}

function invite({ config }: Settings, people: readonly Person[]): Invitation {
  return { people, invitationCode: isForTrying(config) ? config.REGISTRATION_TOKEN : null };
}

/** `invitation` null: it was up already, and this has been told. */
function tell(layout: Layout, record: UpRecord, invitation: Invitation | null, options: UpOptions): void {
  if (options.json) {
    const answer = { ...record, dataDir: layout.dataDir, alreadyUp: invitation === null };
    console.log(JSON.stringify({ ...answer, ...invitation }));
    return;
  }
  const how = invitation === null ? 'is already up' : `is up after ${record.startedInSeconds} s`;
  const stopWith = invitation === null || options.detach ? './aura down' : 'Ctrl-C';
  console.log(`AuraLink ${how}; ${stopWith} stops it. Data: ${layout.dataDir}`);
  const width = Math.max(...record.addresses.map((address) => address.name.length));
  for (const address of record.addresses) console.log(`  ${address.name.padEnd(width)}  ${address.url}`);
  for (const person of invitation?.people ?? []) {
    console.log(`  Try it as ${person.auraId}  password ${person.password}`);
  }
  const code = invitation?.invitationCode ?? null;
  if (code !== null) console.log(`  Register with the invitation code ${code}`);
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    // The parts' watchers do not hold this process; this does.
    const hold = setInterval(() => {}, 60_000);
    const finish = (): void => {
      clearInterval(hold);
      resolve();
    };
    if (signal.aborted) finish();
    else signal.addEventListener('abort', finish, { once: true });
  });
}

/** Starts the supervisor in a session of its own and shows what it says until it is up. */
async function detach(layout: Layout, options: UpOptions): Promise<number> {
  const logFile = join(layout.logsDir, 'supervisor.log');
  mkdirSync(layout.logsDir, { recursive: true, mode: 0o700 });
  closeSync(openSync(logFile, 'a', 0o600));
  const args = [
    CLI,
    'up',
    '--background',
    '--data',
    layout.dataDir,
    '--processes',
    String(options.processes),
  ];
  if (options.portBase !== null) args.push('--port-base', String(options.portBase));
  if (!options.redis) args.push('--no-redis');
  // A supervisor that was killed left its record behind.
  rmSync(recordPath(layout), { force: true });
  const env = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== undefined));
  let seen = statSync(logFile).size;
  const show = (): void => {
    const said = readFrom(logFile, seen);
    seen += said.length;
    process.stderr.write(said);
  };
  const child = await spawnDetached({
    command: NODE,
    args,
    env: env as Record<string, string>,
    cwd: PROJECT_ROOT,
    logFile,
  });
  let hasEnded = false;
  void child.exit.then(() => {
    hasEnded = true;
  });
  while (!hasEnded) {
    await delay(DETACHED_POLL_MS);
    show();
    const record = findUpRecord(layout);
    if (record === null) continue;
    const settings = await settingsFor({ ...options, dataDir: layout.dataDir, env: readOperatorEnv() });
    tell(layout, record, invite(settings, readPeople(layout, record.people)), options);
    return 0;
  }
  show();
  throw new FrontDoorError(`It did not come up; see ${logFile}`);
}

async function untilRecorded(layout: Layout): Promise<void> {
  const deadline = performance.now() + HEALTH_TIMEOUT_MS;
  while (findUpRecord(layout) === null && findSupervisor(layout) !== null && performance.now() < deadline) {
    await delay(DETACHED_POLL_MS);
  }
}

function readFrom(path: string, offset: number): Buffer {
  const size = statSync(path).size;
  if (size <= offset) return Buffer.alloc(0);
  const buffer = Buffer.alloc(size - offset);
  const file = openSync(path, 'r');
  try {
    readSync(file, buffer, 0, buffer.length, offset);
  } finally {
    closeSync(file);
  }
  return buffer;
}
