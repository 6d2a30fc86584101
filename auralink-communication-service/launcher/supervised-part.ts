/**
 * One part under supervision: started, or taken over from an earlier supervisor; restarted with growing pauses when it
 * dies; stopped on demand. A file beside its lock says which process it is, so that it can be found again.
 */
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FrontDoorError } from './errors.ts';
import type { PidFile } from './left-parts.ts';
import type { Part } from './part.ts';
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

/** Wait before the first restart of a part that died; it doubles from one to the next. */
export const FIRST_RESTART_DELAY_MS = 200;
/** Longest wait before a restart. */
export const MAX_RESTART_DELAY_MS = 30_000;
/** A part that ran this long had recovered: the next pause is the first one again. */
export const STABLE_AFTER_MS = 20_000;
/** A part that dies this often before it ever answered will not come. */
const MAX_FAILURES_AT_START = 5;
/** How often a process that is not our child is looked at. */
const ADOPTED_POLL_MS = 200;
const READY_POLL_MS = 50;
const TAIL_LINES = 15;

export interface PartStatus {
  readonly state: 'running' | 'restarting' | 'stopped';
  readonly pid: number | null;
  /** The one that is being waited for included. */
  readonly restarts: number;
  /** ISO time of the next try while `restarting`. */
  readonly nextStartAt?: string;
  /** How the last process of this part ended. */
  readonly lastExit?: string;
}

export interface SupervisedPartOptions {
  readonly runDir: string;
  readonly logsDir: string;
  /** Told in one line what happened to a part. */
  readonly onEvent?: (line: string) => void;
}

export class SupervisedPart {
  readonly part: Part;
  readonly #options: SupervisedPartOptions;
  readonly #changed: () => void;
  readonly #pidPath: string;
  readonly #fingerprint: string;
  #wanted = false;
  #isRetired = false;
  /** Settles when no process is just being started. */
  #launching: Promise<void> = Promise.resolve();
  #process: ProcessIdentity | null = null;
  #startedAtMs = 0;
  #failures = 0;
  #restarts = 0;
  #nextStartAt: Date | null = null;
  #restartTimer: NodeJS.Timeout | null = null;
  #lastExit: string | null = null;

  constructor(part: Part, options: SupervisedPartOptions, changed: () => void) {
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
    if (this.#isRetired)
      throw new FrontDoorError(`${this.part.name} is not started: everything is being stopped`);
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
      if (this.#process !== null && (await this.part.ready(this.#process.pid))) return;
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

  /** It will not be started any more. */
  retire(): void {
    this.#isRetired = true;
    this.#forgetRestart();
  }

  #forgetRestart(): void {
    this.#wanted = false;
    if (this.#restartTimer !== null) clearTimeout(this.#restartTimer);
    this.#restartTimer = null;
    this.#nextStartAt = null;
  }

  async stop(): Promise<void> {
    this.#forgetRestart();
    await this.#launching;
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
    this.retire();
    if (this.#process !== null) signalGroup(this.#process, 'SIGKILL');
    rmSync(this.#pidPath, { force: true });
  }

  #launch(): Promise<void> {
    this.#launching = this.#spawn();
    return this.#launching;
  }

  async #spawn(): Promise<void> {
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
    this.#restarts += 1;
    this.#lastExit = how;
    this.#nextStartAt = new Date(Date.now() + pauseMs);
    this.#options.onEvent?.(`${this.part.name}: ${how}; starting again in ${pauseMs / 1000} s`);
    this.#restartTimer = setTimeout(() => {
      this.#restartTimer = null;
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
