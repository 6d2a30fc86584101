/**
 * Keeps the parts running: starts them in order, writes down how each fares, stops them in order. The parts do not
 * depend on us: if we die they go on, and the next supervisor takes them over.
 */
import { copyFileSync, mkdirSync, readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { FrontDoorError } from './errors.ts';
import type { Part } from './part.ts';
import { writeFileAtomic } from './process.ts';
import { type PartStatus, SupervisedPart, type SupervisedPartOptions } from './supervised-part.ts';

const LOG_CHECK_MS = 10_000;
/** A log is cut when it is longer than this; one older piece is kept. */
export const MAX_LOG_BYTES = 20 * 1024 * 1024;

/** What `parts.json` in the run folder holds; `/health` reads it. */
export interface PartsFile {
  readonly parts: Readonly<Record<string, PartStatus>>;
}

export const PARTS_FILE = 'parts.json';

export interface SupervisorOptions extends SupervisedPartOptions {
  readonly parts: readonly Part[];
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
    await Promise.all([...this.#parts.keys()].map(startOne));
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
    for (const part of all) part.retire();
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

/** Processes write with O_APPEND, so a log is copied away and cut, without their taking part. */
function rotateLogs(logsDir: string): void {
  for (const file of readdirSync(logsDir).filter((name) => name.endsWith('.log'))) {
    const path = join(logsDir, file);
    if (statSync(path).size <= MAX_LOG_BYTES) continue;
    copyFileSync(path, `${path}.1`);
    truncateSync(path);
  }
}
