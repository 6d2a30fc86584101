/**
 * What the front door tells while it works: a line when a step begins and one with its time when it has ended. Lines go
 * to stderr, so that stdout stays clean for `--json`.
 */

export interface Progress {
  /** Runs `work` as a named step; failures are told and passed on. */
  step<T>(title: string, work: () => Promise<T>): Promise<T>;
  note(line: string): void;
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

export function consoleProgress(write: (line: string) => void = (line) => console.error(line)): Progress {
  return {
    async step(title, work) {
      const started = performance.now();
      write(`  … ${title}`);
      try {
        const result = await work();
        write(`  ✓ ${title} (${seconds(performance.now() - started)})`);
        return result;
      } catch (error) {
        write(`  ✗ ${title} (${seconds(performance.now() - started)})`);
        throw error;
      }
    },
    note: write,
  };
}

export const silentProgress: Progress = { step: (_title, work) => work(), note: () => {} };
