/**
 * Keeps the parts running: starts them in order, restarts what dies with growing pauses, takes over what an earlier
 * supervisor left running, and writes down how each fares. The parts do not depend on us: if we die they go on.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FrontDoorError } from './errors.ts';
import type { Part, Stage } from './part.ts';
import {
  type Exit,
  isRunning,
  type ProcessIdentity,
  readJsonFile,
  signalGroup,
  spawnDetached,
  stopProcess,
  writeFileAtomic,
} from './process.ts';

export const FIRST_RESTART_DELAY_MS = 200;
export const MAX_RESTART_DELAY_MS = 30_000;
/** A part that ran this long had recovered: the next pause is the first one again. */
export const STABLE_AFTER_MS = 20_000;
/** A part that dies this often before it ever answered will not come. */
const MAX_FAILURES_AT_START = 5;
/** How often a process that is not our child is looked at. */
const ADOPTED_POLL_MS = 200;
const READY_POLL_MS = 50;
const LOG_CHECK_MS = 10_000;
export const MAX_LOG_BYTES = 20 * 1024 * 1024;
const TAIL_LINES = 15;

export interface PartStatus {
  readonly state: 'running' | 'restarting' | 'stopped';
  readonly pid: number | null;
  readonly restarts: number;
  /** ISO time of the next try while `restarting`. */
  readonly nextStartAt?: string;
  /** How the last process of this part ended. */
  readonly lastExit?: string;
}

export interface PartsFile {
  readonly parts: Readonly<Record<string, PartStatus>>;
}

export const PARTS_FILE = 'parts.json';

interface PidFile extends ProcessIdentity {
  readonly fingerprint: string;
  readonly stage: Stage;
  readonly stopSignal: NodeJS.Signals;
  readonly stopTimeoutMs: number;
}

export interface SupervisorOptions {
  readonly parts: readonly Part[];
  readonly runDir: string;
  readonly logsDir: string;
  /** Told in one line what happened to a part. */
  readonly onEvent?: (line: string) => void;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #parts: ReadonlyMap<string, SupervisedPart>;
  readonly #logTimer: NodeJS.Timeout;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    mkdirSync(options.runDir, { recursive: true, mode: 0o700 });
    mkdirSync(options.logsDir, { recursive: true, mode: 0o700 });
    const changed = (): void => this.#writeStates();
    this.#parts = new Map(
      options.parts.map((part) => [part.name, new SupervisedPart(part, options, changed)]),
    );
    this.#logTimer = setInterval(() => rotateLogs(options.logsDir), LOG_CHECK_MS).unref();
  }

  /** Starts all parts, each as soon as those it waits for answer. Throws FrontDoorError when one does not come. */
  async startAll(
    timeoutMs: number,
    onReady: (part: string, tookMs: number) => void = () => {},
  ): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    const readiness = new Map<string, Promise<void>>();
    const startOne = (name: string): Promise<void> => {
      const known = readiness.get(name);
      if (known !== undefined) return known;
      const part = this.#get(name);
      const started = (async () => {
        await Promise.all(part.part.after.map(startOne));
        const begin = performance.now();
        await part.start();
        await part.untilReady(deadline);
        await part.part.onReady?.();
        onReady(name, performance.now() - begin);
      })();
      readiness.set(name, started);
      return started;
    };
    const results = await Promise.allSettled([...this.#parts.keys()].map(startOne));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** Starts one part that was halted and waits until it answers. */
  async start(name: string, timeoutMs: number): Promise<void> {
    await this.#get(name).start();
    await this.#get(name).untilReady(performance.now() + timeoutMs);
  }

  /** Stops one part and leaves it stopped. */
  async halt(name: string): Promise<void> {
    await this.#get(name).stop();
  }

  /** Signals the part's process itself, behind the supervisor's back, as a fault would. */
  kill(name: string, signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#get(name).signal(signal);
  }

  states(): Record<string, PartStatus> {
    return Object.fromEntries([...this.#parts].map(([name, part]) => [name, part.status()]));
  }

  /** Stops everything in order: the service first, the database last. */
  async stopAll(): Promise<void> {
    const stages = [...new Set(this.#options.parts.map((part) => part.stage))].sort((a, b) => b - a);
    const all = [...this.#parts.values()];
    for (const part of all) part.forgetRestart();
    for (const stage of stages) {
      await Promise.all(all.filter((part) => part.part.stage === stage).map((part) => part.stop()));
    }
    clearInterval(this.#logTimer);
  }

  /** The last resort of a process that must end now: kills all that runs, without waiting. */
  killAll(): void {
    for (const part of this.#parts.values()) part.abandon();
  }

  #get(name: string): SupervisedPart {
    const part = this.#parts.get(name);
    if (part === undefined)
      throw new FrontDoorError(`There is no part ${name}: ${[...this.#parts.keys()].join(', ')}`);
    return part;
  }

  #writeStates(): void {
    const file: PartsFile = { parts: this.states() };
    writeFileAtomic(join(this.#options.runDir, PARTS_FILE), `${JSON.stringify(file)}\n`);
  }
}

class SupervisedPart {
  readonly part: Part;
  readonly #options: SupervisorOptions;
  readonly #changed: () => void;
  readonly #pidPath: string;
  readonly #fingerprint: string;
  #wanted = false;
  #process: ProcessIdentity | null = null;
  #startedAtMs = 0;
  #failures = 0;
  #restarts = 0;
  #nextStartAt: Date | null = null;
  #restartTimer: NodeJS.Timeout | null = null;
  #lastExit: string | null = null;

  constructor(part: Part, options: SupervisorOptions, changed: () => void) {
    this.part = part;
    this.#options = options;
    this.#changed = changed;
    this.#pidPath = join(options.runDir, `${part.name}.pid`);
    this.#fingerprint = fingerprintOf(part);
  }

  status(): PartStatus {
    const state = this.#process !== null ? 'running' : this.#wanted ? 'restarting' : 'stopped';
    return {
      state,
      pid: this.#process?.pid ?? null,
      restarts: this.#restarts,
      ...(this.#nextStartAt === null ? {} : { nextStartAt: this.#nextStartAt.toISOString() }),
      ...(this.#lastExit === null ? {} : { lastExit: this.#lastExit }),
    };
  }

  async start(): Promise<void> {
    if (this.#wanted) return;
    this.#wanted = true;
    const left = readJsonFile<PidFile>(this.#pidPath);
    if (left !== null && isRunning(left)) {
      if (left.fingerprint === this.#fingerprint) return this.#adopt(left);
      await stopProcess(left, left.stopSignal, left.stopTimeoutMs);
    }
    await this.#launch();
  }

  async untilReady(deadline: number): Promise<void> {
    for (;;) {
      if (this.#process !== null && (await this.part.ready())) return;
      const hopeless = this.#failures >= MAX_FAILURES_AT_START;
      if (hopeless || performance.now() > deadline || !this.#wanted) {
        const what = hopeless
          ? `ended ${this.#failures} times (${this.#lastExit})`
          : 'does not answer in time';
        throw new FrontDoorError(`${this.part.name} ${what}. The end of its log:\n${this.#logTail()}`);
      }
      await delay(READY_POLL_MS);
    }
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#process !== null && isRunning(this.#process)) process.kill(this.#process.pid, signal);
  }

  /** From now on its end is no reason to start it again. */
  forgetRestart(): void {
    this.#wanted = false;
    if (this.#restartTimer !== null) clearTimeout(this.#restartTimer);
    this.#restartTimer = null;
    this.#nextStartAt = null;
  }

  async stop(): Promise<void> {
    this.forgetRestart();
    const running = this.#process;
    if (running !== null) {
      await stopProcess(running, this.part.stopSignal, this.part.stopTimeoutMs);
      // What it started itself must not outlive it.
      signalGroup(running, 'SIGKILL');
      this.#process = null;
    }
    rmSync(this.#pidPath, { force: true });
    this.#changed();
  }

  abandon(): void {
    this.forgetRestart();
    if (this.#process !== null) signalGroup(this.#process, 'SIGKILL');
    rmSync(this.#pidPath, { force: true });
  }

  async #launch(): Promise<void> {
    this.#nextStartAt = null;
    this.#startedAtMs = performance.now();
    try {
      const logFile = join(this.#options.logsDir, `${this.part.name}.log`);
      const spawned = await spawnDetached({ ...this.part, logFile });
      this.#record(spawned);
      void spawned.exit.then((exit) => this.#ended(spawned, exit));
    } catch (error) {
      this.#scheduleRestart(`cannot be started: ${(error as Error).message}`);
    }
  }

  #adopt(left: PidFile): void {
    this.#startedAtMs = performance.now();
    this.#record(left);
    this.#options.onEvent?.(`${this.part.name} was already running (process ${left.pid})`);
    const timer = setInterval(() => {
      if (isRunning(left)) return;
      clearInterval(timer);
      this.#ended(left, null);
    }, ADOPTED_POLL_MS).unref();
  }

  #record(identity: ProcessIdentity): void {
    this.#process = { pid: identity.pid, startedAt: identity.startedAt };
    const file: PidFile = {
      ...this.#process,
      fingerprint: this.#fingerprint,
      stage: this.part.stage,
      stopSignal: this.part.stopSignal,
      stopTimeoutMs: this.part.stopTimeoutMs,
    };
    writeFileAtomic(this.#pidPath, JSON.stringify(file));
    this.#changed();
  }

  #ended(identity: ProcessIdentity, exit: Exit | null): void {
    if (this.#process?.pid !== identity.pid || !this.#wanted) return;
    this.#process = null;
    const how =
      exit === null ? 'ended' : exit.signal === null ? `exit ${exit.code}` : `signal ${exit.signal}`;
    this.#scheduleRestart(how);
  }

  #scheduleRestart(how: string): void {
    if (performance.now() - this.#startedAtMs > STABLE_AFTER_MS) this.#failures = 0;
    const pauseMs = restartDelayMs(this.#failures);
    this.#failures += 1;
    this.#lastExit = how;
    this.#nextStartAt = new Date(Date.now() + pauseMs);
    this.#options.onEvent?.(`${this.part.name}: ${how}; starting again in ${pauseMs / 1000} s`);
    this.#restartTimer = setTimeout(() => {
      this.#restartTimer = null;
      this.#restarts += 1;
      void this.#launch();
    }, pauseMs).unref();
    this.#changed();
  }

  #logTail(): string {
    try {
      const log = readFileSync(join(this.#options.logsDir, `${this.part.name}.log`), 'utf8');
      return log.trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
    } catch {
      return '(no log)';
    }
  }
}

/** Pause before the next start after `failures` failures in a row. */
export function restartDelayMs(failures: number): number {
  return Math.min(MAX_RESTART_DELAY_MS, FIRST_RESTART_DELAY_MS * 2 ** failures);
}

function fingerprintOf(part: Part): string {
  const { command, args, env, cwd, user, configuration } = part;
  const text = JSON.stringify([command, args, env, cwd, user ?? null, configuration ?? '']);
  return createHash('sha256').update(text).digest('hex');
}

/** Processes write with O_APPEND, so a log is copied away and cut, without their taking part. */
function rotateLogs(logsDir: string): void {
  for (const file of readdirSync(logsDir).filter((name) => name.endsWith('.log'))) {
    const path = join(logsDir, file);
    if (statSync(path).size <= MAX_LOG_BYTES) continue;
    copyFileSync(path, `${path}.1`);
    truncateSync(path);
  }
}

/** Parts that run although no supervisor does: pid files of living processes, by part. */
export function findLeftParts(runDir: string): Map<string, PidFile> {
  const left = new Map<string, PidFile>();
  for (const file of listPidFiles(runDir)) {
    const pid = readJsonFile<PidFile>(join(runDir, file));
    if (pid !== null && isRunning(pid)) left.set(file.slice(0, -'.pid'.length), pid);
  }
  return left;
}

/** Stops what an earlier supervisor left running, in order. Returns the names of the parts that ran. */
export async function stopLeftParts(runDir: string): Promise<string[]> {
  const left = [...findLeftParts(runDir)];
  const stages = [...new Set(left.map(([, pid]) => pid.stage))].sort((a, b) => b - a);
  for (const stage of stages) {
    const here = left.filter(([, pid]) => pid.stage === stage);
    await Promise.all(here.map(([, pid]) => stopProcess(pid, pid.stopSignal, pid.stopTimeoutMs)));
  }
  for (const file of listPidFiles(runDir)) rmSync(join(runDir, file), { force: true });
  return left.map(([name]) => name);
}

function listPidFiles(runDir: string): string[] {
  try {
    return readdirSync(runDir).filter((file) => file.endsWith('.pid'));
  } catch {
    return [];
  }
}
