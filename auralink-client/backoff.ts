/** Full-jitter back-off: after an outage a thousand clients come back spread out, not in step. */

/** Ceiling of the first wait. */
export const BACKOFF_FIRST_MS = 250;
/** Ceiling of every later wait. */
export const BACKOFF_MAX_MS = 10_000;

/** A random time up to a ceiling that doubles with each attempt (the first is attempt 0). */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(attempt, 20));
  return Math.round(random() * ceiling);
}

export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
