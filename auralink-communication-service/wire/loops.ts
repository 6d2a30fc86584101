/**
 * Work that a process does by itself, again and again: each loop runs one round at a time, survives a round that
 * fails, and can be stopped and waited for.
 */
import type { Log } from '../core/log.ts';

export interface Loop {
  stop(): Promise<void>;
}

/** Calls `round` every `everyMs`, at once again when it says that there is more. A failed round is logged and retried. */
export function startLoop(
  name: string,
  everyMs: number,
  round: () => Promise<boolean | unknown>,
  log: Log,
): Loop {
  let timer: NodeJS.Timeout | null = null;
  let running: Promise<void> | null = null;
  let stopped = false;
  const run = async () => {
    let more = false;
    try {
      more = (await round()) === true;
    } catch (err) {
      log.warn({ err, loop: name }, 'a round failed; the next one tries again');
    }
    running = null;
    if (!stopped) schedule(more ? 0 : everyMs);
  };
  const schedule = (afterMs: number) => {
    timer = setTimeout(() => {
      running = run();
    }, afterMs);
  };
  schedule(0);
  return {
    stop: async () => {
      stopped = true;
      if (timer !== null) clearTimeout(timer);
      await running;
    },
  };
}
