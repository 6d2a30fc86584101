/**
 * How one process says that its own doors are open: a file in RUN_DIR that bears its process id. On a shared port any
 * process may answer, so that asking there says nothing about a certain one.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const NAME = /^ready-(\d+)$/;

export function readyFilePath(runDir: string, pid: number): string {
  return join(runDir, `ready-${pid}`);
}

/** Says so for this process; the function it returns takes it back. */
export function sayReady(runDir: string): () => void {
  const path = readyFilePath(runDir, process.pid);
  mkdirSync(runDir, { recursive: true });
  writeFileSync(path, '', { mode: 0o600 });
  return () => rmSync(path, { force: true });
}

/** Removes what killed processes left behind: a later process may get their id. */
export function forgetDeadReady(runDir: string, isAlive: (pid: number) => boolean): void {
  for (const name of readdirSync(runDir)) {
    const pid = NAME.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(runDir, name), { force: true });
  }
}
