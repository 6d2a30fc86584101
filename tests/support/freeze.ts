/** Stops a part in its tracks, as a machine that hangs would; `SIGCONT` lets it go on. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Constellation } from '../../auralink-communication-service/launcher/constellation.ts';
import { eventually } from './eventually.ts';

/** Returns when it has really stopped: the signal takes a while to reach every thread, and a request may slip through. */
export async function freeze(engines: Constellation, part: string): Promise<void> {
  const pid = engines.parts()[part]?.pid;
  if (pid === null || pid === undefined) throw new Error(`${part} does not run`);
  engines.kill(part, 'SIGSTOP');
  await eventually(() => {
    const running = readdirSync(`/proc/${pid}/task`).filter((task) => stateOf(pid, task) !== 'T');
    if (running.length > 0) throw new Error(`${running.length} threads of ${part} still run`);
  });
}

/** One letter, as in proc_pid_stat(5): behind the name, which may hold anything and ends with a bracket. */
function stateOf(pid: number, task: string): string {
  const stat = readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2)[0] ?? '';
}
