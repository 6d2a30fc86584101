/** Quotas in words. */
import type { OwnApp, QuotaUse } from '../../../auralink-client/index.ts';

const NUMBER = new Intl.NumberFormat();

export function quotaWords({ callsPerDay, requestsPerMinute }: OwnApp): string {
  return `${wordsFor(callsPerDay, 'calls a day')}, ${wordsFor(requestsPerMinute, 'requests a minute')}.`;
}

function wordsFor({ limit, used }: QuotaUse, what: string): string {
  if (limit === null) return `Any number of ${what}`;
  return `${NUMBER.format(used)} of ${NUMBER.format(limit)} ${what}`;
}
