/**
 * A limiter for what is asked very often: it takes several hits of a window at a time and hands them out from memory.
 * Who asks seldom takes one at a time; who goes on asking takes ever more at once. Over all processes no more than the
 * limit is let through; what was taken and not used is lost, so a busy asker may be stopped a little early.
 */
import type { RateLimiter } from '../auralink-modules/auraid/ports.ts';

/** Hits taken at a time, at most. */
export const LEASE_HITS_MAX = 32;
/** Hits that were taken and not used for so long are given up. */
export const LEASE_MS = 5_000;
/** Askers that a process remembers. */
export const LEASES_MAX = 50_000;

interface Lease {
  readonly size: number;
  left: number;
  readonly untilMs: number;
}

export function leasedLimiter(inner: RateLimiter, nowMs: () => number): RateLimiter {
  const leases = new Map<string, Lease>();
  return {
    async hit(key, limit, count = 1) {
      const lease = leases.get(key);
      const alive = lease !== undefined && nowMs() < lease.untilMs;
      if (alive && lease.left >= count) {
        lease.left -= count;
        return;
      }
      const size = Math.max(count, alive ? Math.min(lease.size * 2, LEASE_HITS_MAX) : 1);
      await inner.hit(key, limit, size);
      leases.delete(key);
      if (leases.size >= LEASES_MAX) leases.delete(leases.keys().next().value ?? '');
      leases.set(key, { size, left: size - count, untilMs: nowMs() + LEASE_MS });
    },
  };
}
