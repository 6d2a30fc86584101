/**
 * Parts that run although no supervisor does: each is known from the file that says which process it is.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Stage } from './part.ts';
import { isRunning, type ProcessIdentity, readJsonFile, stopProcess } from './process.ts';

/** Content of `<part>.pid` in the run folder: enough to stop it in its place. */
export interface PidFile extends ProcessIdentity {
  readonly fingerprint: string;
  readonly stage: Stage;
  readonly stopSignal: NodeJS.Signals;
  readonly stopTimeoutMs: number;
}

/** By the part's name. */
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
