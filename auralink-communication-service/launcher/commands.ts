/** The commands beside `up`: down, status, logs and token. Each returns its exit code. */
import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { settingsFor } from './constellation.ts';
import { isDashboardOurs, makeDashboardToken } from './dashboard-token.ts';
import { FrontDoorError } from './errors.ts';
import { chooseDataDir, databaseUser, type Layout, layoutOf } from './layout.ts';
import { findLeftParts, stopLeftParts } from './left-parts.ts';
import { readJsonFile, stopProcess } from './process.ts';
import { readOperatorEnv } from './settings.ts';
import { PARTS_FILE, type PartsFile } from './supervisor.ts';
import { findSupervisor, findUpRecord } from './up-record.ts';

/** Stopping every part one after the other, each with all the time it may take. */
const STOP_TIMEOUT_MS = 90_000;
const HEALTH_TIMEOUT_MS = 5_000;
const LOG_TAIL_BYTES = 16_384;
const FOLLOW_POLL_MS = 250;

export interface CommonOptions {
  readonly data?: string;
  readonly json: boolean;
}

export function layoutFor(options: CommonOptions): Layout {
  return layoutOf(chooseDataDir(options.data, databaseUser()));
}

/** Stops the supervisor, which stops its parts; without one stops the parts that it left. */
export async function runDown(options: CommonOptions): Promise<number> {
  const layout = layoutFor(options);
  const supervisor = findSupervisor(layout);
  if (supervisor !== null) await stopProcess(supervisor, 'SIGTERM', STOP_TIMEOUT_MS);
  const left = await stopLeftParts(layout.runDir);
  const wasUp = supervisor !== null || left.length > 0;
  if (options.json) console.log(JSON.stringify({ wasUp }));
  else console.log(wasUp ? 'AuraLink is down.' : `Nothing is running in ${layout.dataDir}.`);
  return 0;
}

interface Health {
  readonly status: number | null;
  readonly body: unknown;
}

/** 0 when all is well, 1 otherwise. */
export async function runStatus(options: CommonOptions): Promise<number> {
  const layout = layoutFor(options);
  const isSupervised = findSupervisor(layout) !== null;
  const parts = statesOf(layout, isSupervised);
  const record = isSupervised ? findUpRecord(layout) : null;
  const health = record === null ? null : await askHealth(record.health);
  if (options.json) {
    console.log(
      JSON.stringify({ dataDir: layout.dataDir, isSupervised, parts, health, addresses: record?.addresses }),
    );
  } else {
    printStatus(layout, isSupervised, parts, health);
  }
  return health?.status === 200 ? 0 : 1;
}

function statesOf(layout: Layout, isSupervised: boolean): PartsFile['parts'] {
  const written = readJsonFile<PartsFile>(join(layout.runDir, PARTS_FILE))?.parts ?? {};
  if (isSupervised) return written;
  // Nobody keeps the file; what runs is known from the processes themselves.
  const left = findLeftParts(layout.runDir);
  return Object.fromEntries(
    Object.entries(written).map(([name, status]) => {
      const pid = left.get(name)?.pid ?? null;
      return [name, { state: pid === null ? 'stopped' : 'running', pid, restarts: status.restarts }];
    }),
  );
}

async function askHealth(url: string): Promise<Health> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS) });
    return { status: response.status, body: await response.json() };
  } catch (error) {
    return { status: null, body: (error as Error).message };
  }
}

function printStatus(
  layout: Layout,
  isSupervised: boolean,
  parts: PartsFile['parts'],
  health: Health | null,
): void {
  const entries = Object.entries(parts);
  if (entries.length === 0) {
    console.log(`Nothing has run in ${layout.dataDir}; ./aura up starts it.`);
    return;
  }
  const width = Math.max(...entries.map(([name]) => name.length), 'part'.length);
  console.log(`${'part'.padEnd(width)}  ${'state'.padEnd(10)}  ${'process'.padStart(8)}  restarts  last end`);
  for (const [name, status] of entries) {
    const row = [
      name.padEnd(width),
      status.state.padEnd(10),
      String(status.pid ?? '-').padStart(8),
      String(status.restarts).padStart(8),
      status.lastExit ?? '',
    ];
    console.log(row.join('  ').trimEnd());
  }
  if (!isSupervised)
    console.log('No supervisor: nothing restarts what dies. ./aura up takes over what runs.');
  if (health !== null)
    console.log(`/health ${health.status ?? 'does not answer'}: ${JSON.stringify(health.body, null, 2)}`);
}

/** Prints the end of one log or of all; with `follow` goes on until it is interrupted. */
export async function runLogs(
  part: string | undefined,
  options: CommonOptions & { follow: boolean },
): Promise<number> {
  const { logsDir } = layoutFor(options);
  const all = existsSync(logsDir)
    ? readdirSync(logsDir)
        .filter((name) => name.endsWith('.log'))
        .map((name) => name.slice(0, -'.log'.length))
        .sort()
    : [];
  const names = part === undefined ? all : all.filter((name) => name === part);
  if (names.length === 0) {
    throw new FrontDoorError(
      all.length === 0
        ? `There are no logs in ${logsDir}.`
        : `No log of ${part}; there are ${all.join(', ')}.`,
    );
  }
  const tails = names.map(
    (name) => new LogTail(join(logsDir, `${name}.log`), part === undefined ? `${name} | ` : ''),
  );
  const print = (): void => {
    for (const tail of tails) for (const line of tail.read()) console.log(line);
  };
  print();
  while (options.follow) {
    await delay(FOLLOW_POLL_MS);
    print();
  }
  return 0;
}

/** The lines of a file that grows, and now and then begins anew. */
class LogTail {
  readonly #path: string;
  readonly #prefix: string;
  #offset: number | null = null;
  #rest = '';

  constructor(path: string, prefix: string) {
    this.#path = path;
    this.#prefix = prefix;
  }

  read(): string[] {
    const size = statSync(this.#path).size;
    const isFirst = this.#offset === null;
    let offset = this.#offset ?? Math.max(0, size - LOG_TAIL_BYTES);
    if (size < offset) offset = 0;
    this.#offset = size;
    if (size === offset) return [];
    const buffer = Buffer.alloc(size - offset);
    const file = openSync(this.#path, 'r');
    readSync(file, buffer, 0, buffer.length, offset);
    closeSync(file);
    const lines = (this.#rest + buffer.toString('utf8')).split('\n');
    this.#rest = lines.pop() ?? '';
    // The first read began in the middle of a line.
    if (isFirst && offset > 0) lines.shift();
    return lines.map((line) => this.#prefix + line);
  }
}

/** A Dashboard token for trying the internal interfaces. */
export async function runToken(
  options: CommonOptions & { scope: string; ttl: number; subject: string },
): Promise<number> {
  const layout = layoutFor(options);
  const settings = await settingsFor({ dataDir: layout.dataDir, portBase: null, env: readOperatorEnv() });
  if (!isDashboardOurs(settings)) {
    throw new FrontDoorError(
      'DASHBOARD_JWKS_URL or DASHBOARD_JWKS_FILE is set: only that Dashboard can issue tokens.',
    );
  }
  const token = await makeDashboardToken(settings, options.scope, options.ttl, options.subject);
  console.log(
    options.json ? JSON.stringify({ token, scope: options.scope, ttlSeconds: options.ttl }) : token,
  );
  return 0;
}
