/** One at a time: across the tabs of an origin where the browser has Web Locks, within this page elsewhere. */
import type { LocksLike } from './environment.ts';

export type WithLock = <T>(name: string, work: () => Promise<T>) => Promise<T>;

export function createLock(locks: LocksLike | null): WithLock {
  if (locks !== null) return (name, work) => locks.request(name, work);
  const tails = new Map<string, Promise<unknown>>();
  return (name, work) => {
    const result = (tails.get(name) ?? Promise.resolve()).then(work, work);
    tails.set(name, result);
    return result;
  };
}
