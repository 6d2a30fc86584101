/** What the supervisor has to know of a part: how to start it, how to see that it answers, how to stop it. */
import type { OsUser } from './process.ts';

export const STAGE = { database: 0, engine: 1, service: 2 } as const;
export type Stage = (typeof STAGE)[keyof typeof STAGE];

export interface Part {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly user?: OsUser | undefined;
  readonly stopSignal: NodeJS.Signals;
  /** After this long without an end it is killed. */
  readonly stopTimeoutMs: number;
  /** Parts that must answer before this one is started. */
  readonly after: readonly string[];
  /** Higher stages are stopped first; within a stage all at once. */
  readonly stage: Stage;
  /** Whether the process `pid` of it answers now; must give up by itself within a second or so. */
  ready(pid: number): Promise<boolean>;
  /** Runs once, after the first answer and before the parts that wait for this one; must be repeatable. */
  onReady?(): Promise<void>;
  /** Content of configuration files: a running process with another fingerprint is restarted, not adopted. */
  readonly configuration?: string;
}

const PROBE_TIMEOUT_MS = 1_000;

/** True when the address answers with a success. */
export async function answersHttp(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
