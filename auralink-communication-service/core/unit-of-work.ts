/**
 * The transaction as the rooms see it: opaque. A use case opens `unitOfWork.run(tx => …)` and passes `tx` to every
 * store port that it calls; only store/ knows what is inside.
 */

declare const txBrand: unique symbol;
export interface Tx {
  readonly [txBrand]: true;
}

const lasts = new WeakMap<Tx, Promise<unknown>[]>();

/**
 * For statements whose result nobody needs and which nothing follows: COMMIT is sent right behind them, which spares a
 * round trip. If one fails, nothing is committed and `run` rejects with its error.
 */
export function lastly(tx: Tx, statement: Promise<unknown>): void {
  // Whoever runs the transaction awaits it; until then a failure is nobody's.
  statement.catch(() => {});
  const those = lasts.get(tx);
  if (those === undefined) lasts.set(tx, [statement]);
  else those.push(statement);
}

/** What was left to be awaited. */
export function lastOf(tx: Tx): readonly Promise<unknown>[] {
  return lasts.get(tx) ?? [];
}

export interface UnitOfWork {
  /**
   * Runs `work` in one transaction. Deadlocks and serialization failures run it again, so `work` must have no effect
   * but through `tx`. What is asked of stores with one `tx` at the same time is done in the order of asking. Throws `unavailable` when the database is away.
   */
  run<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
}
