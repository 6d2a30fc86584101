/** Deleting what has lapsed: some rows a statement, so that none holds locks for long, and some statements a turn. */

/** Old requests, lapsed invitation codes, or rested names that one statement deletes. */
export const TIDY_BATCH = 1_000;
/** Such statements in a row; the next turn goes on. */
export const TIDY_ROUNDS_MAX = 50;

/** `prune` deletes TIDY_BATCH rows at most and returns how many there were. */
export async function inBatches(prune: () => Promise<number>): Promise<void> {
  for (let round = 0; round < TIDY_ROUNDS_MAX; round++) {
    if ((await prune()) < TIDY_BATCH) return;
  }
}
