/**
 * The transaction as the rooms see it: opaque. A use case opens `unitOfWork.run(tx => …)` and passes `tx` to every
 * store port that it calls; only store/ knows what is inside.
 */

declare const txBrand: unique symbol;
export interface Tx {
  readonly [txBrand]: true;
}

export interface UnitOfWork {
  /**
   * Runs `work` in one transaction. Deadlocks and serialization failures run it again, so `work` must have no effect
   * but through `tx`. What is asked of stores with one `tx` at the same time is done in the order of asking. Throws `unavailable` when the database is away.
   */
  run<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
}
