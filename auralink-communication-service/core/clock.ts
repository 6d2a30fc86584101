/**
 * Time as a parameter. Deadlines that several processes share are judged by the database's clock (in SQL);
 * this one is for what a single process measures: token ages, latencies, back-off.
 */

export interface Clock {
  now(): Date;
  /** Milliseconds that never jump, for measuring. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
};
