/**
 * A limiter for what is asked very often: it takes several hits of a window at a time and hands them out from memory.
 * Who asks seldom takes one at a time; who goes on asking takes ever more at once. Over all processes no more than the
 * limit is let through. Hits that were taken here are of use here only: who asks several processes may be stopped early,
 * by at most one lease for each of the others.
 */
import type { RateLimit, RateLimiter } from '../auralink-modules/auraid/ports.ts';
import type { TakeHits } from './rate-limits.ts';

/** Hits taken at a time, at most, of limits below LEASE_OF_LIMIT times as many, and unless one asks for more at once. */
export const LEASE_HITS_MAX = 32;
/** Of a higher limit one part in so many is taken at a time, at most. */
export const LEASE_OF_LIMIT = 10;
/** Askers that a process remembers; what the oldest has left above it is lost. */
export const LEASES_MAX = 50_000;

interface Lease {
  /** Of a limit that was lowered since, nothing is left. */
  readonly ofLimit: number;
  /** Hits taken the last time. */
  readonly size: number;
  left: number;
  /** The end of the window that they were taken of. */
  readonly untilMs: number;
}

export function leasedLimiter(take: TakeHits, nowMs: () => number): RateLimiter {
  const leases = new Map<string, Lease>();
  /** Takings under way: whoever comes meanwhile waits, and then has what is left. */
  const taking = new Map<string, Promise<void>>();

  const isGood = (lease: Lease | undefined, limit: RateLimit): lease is Lease =>
    lease !== undefined && nowMs() < lease.untilMs && lease.ofLimit <= limit.hits;
  const findLease = (key: string, limit: RateLimit): Lease | undefined => {
    const lease = leases.get(key);
    return isGood(lease, limit) ? lease : undefined;
  };
  const takeMore = async (key: string, limit: RateLimit, count: number): Promise<void> => {
    const lease = findLease(key, limit);
    const left = lease?.left ?? 0;
    const largest = Math.max(LEASE_HITS_MAX, Math.floor(limit.hits / LEASE_OF_LIMIT));
    const most = Math.max(count - left, lease === undefined ? 1 : Math.min(lease.size * 2, largest));
    // Before asking: the answer may be a while on its way, and no lease may outlive its window.
    const askedAtMs = nowMs();
    const { hits, leftMs } = await take({ key, limit, least: count - left, most });
    // What others spent meanwhile is gone; a window that began meanwhile knows nothing of what was left of the last one.
    const kept = isGood(lease, limit) ? lease.left : 0;
    leases.delete(key);
    if (leases.size >= LEASES_MAX) leases.delete(leases.keys().next().value ?? '');
    leases.set(key, { ofLimit: limit.hits, size: most, left: kept + hits, untilMs: askedAtMs + leftMs });
  };
  return {
    async hit(key, limit, count = 1) {
      for (;;) {
        const lease = findLease(key, limit);
        if (lease !== undefined && lease.left >= count) {
          lease.left -= count;
          return;
        }
        const underWay = taking.get(key);
        if (underWay !== undefined) {
          // Its failure is its asker's.
          await underWay.catch(() => {});
          continue;
        }
        const mine = takeMore(key, limit, count).finally(() => taking.delete(key));
        taking.set(key, mine);
        await mine;
      }
    },
  };
}
