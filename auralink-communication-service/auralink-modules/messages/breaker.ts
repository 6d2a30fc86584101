/**
 * The breaker against pumping: codes that are ordered for the fee are not submitted. Of the newest codes to a prefix, to a
 * country and to all numbers together it is counted how many were; where hardly any were, nearly nothing is sent. The
 * wider it looks, the more codes it takes and the fewer of them need be submitted, so that whoever orders some in vain
 * stops nobody else.
 */
import { AuraError } from '../../core/errors.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import type { MessageLimits, MessageMetrics, MessageStore, Sealer } from './ports.ts';
import { countryOf, prefixOf } from './routes.ts';

/** How long the codes of a prefix, or a country, are remembered for judging it. */
export const BREAKER_WINDOW_SECONDS = 21_600;
/** So long a code that was not submitted says nothing: she may be typing it. */
export const BREAKER_GRACE_SECONDS = 180;
/** How many of its newest codes are judged. */
export const BREAKER_CODES_MAX = 50;
/** Fewer say nothing. */
export const BREAKER_CODES_MIN = 20;
/** At least this share of them must have been submitted. */
export const BREAKER_SUBMITTED_MIN = 0.2;
/** A paused prefix gets so many codes an hour, so that it can show that people live there. */
export const BREAKER_PROBES_PER_HOUR = 3;
/** How many of the newest codes to a country are judged. */
export const BREAKER_COUNTRY_CODES_MAX = 200;
/** Fewer to a country say nothing. */
export const BREAKER_COUNTRY_CODES_MIN = 100;
/** How many of the newest codes to all numbers are judged. */
export const BREAKER_ALL_CODES_MAX = 600;
/** Fewer to all numbers say nothing. */
export const BREAKER_ALL_CODES_MIN = 300;
/** At least this share of the codes to a country, and to all numbers, must have been submitted. */
export const BREAKER_WIDE_SUBMITTED_MIN = 0.1;
/** A paused country gets so many codes an hour. */
export const BREAKER_COUNTRY_PROBES_PER_HOUR = 20;
/** All numbers together, when they are paused, get so many codes an hour. */
export const BREAKER_ALL_PROBES_PER_HOUR = 60;
const HOUR = 3_600;

/** Of a number: keyed digests, null for e-mail. */
export interface Route {
  readonly prefixDigest: Buffer | null;
  readonly countryDigest: Buffer | null;
}

export function routeOf(number: string, digest: Sealer['digest']): Route {
  return {
    prefixDigest: digest('message.prefix', prefixOf(number)),
    countryDigest: digest('message.country', countryOf(number)),
  };
}

interface Scope {
  readonly of: 'prefix' | 'country' | 'all';
  readonly digest: Buffer | null;
  readonly max: number;
  readonly min: number;
  readonly submittedMin: number;
  readonly probes: number;
}

function scopesOf({ prefixDigest, countryDigest }: Route): Scope[] {
  return [
    {
      ...{ of: 'prefix', digest: prefixDigest, max: BREAKER_CODES_MAX, min: BREAKER_CODES_MIN },
      ...{ submittedMin: BREAKER_SUBMITTED_MIN, probes: BREAKER_PROBES_PER_HOUR },
    },
    {
      ...{ of: 'country', digest: countryDigest, submittedMin: BREAKER_WIDE_SUBMITTED_MIN },
      ...{ max: BREAKER_COUNTRY_CODES_MAX, min: BREAKER_COUNTRY_CODES_MIN },
      probes: BREAKER_COUNTRY_PROBES_PER_HOUR,
    },
    {
      ...{ of: 'all', digest: null, submittedMin: BREAKER_WIDE_SUBMITTED_MIN },
      ...{ max: BREAKER_ALL_CODES_MAX, min: BREAKER_ALL_CODES_MIN },
      probes: BREAKER_ALL_PROBES_PER_HOUR,
    },
  ];
}

export interface BreakerDeps {
  readonly store: Pick<MessageStore, 'countCodes'>;
  readonly limits: Pick<MessageLimits, 'hit'>;
  readonly metrics: Pick<MessageMetrics, 'messageLimited'>;
}

/** Throws `unavailable` (reason sending_paused). Of a number's code only. */
export async function assertSubmitted(deps: BreakerDeps, tx: Tx, route: Route): Promise<void> {
  for (const { of, digest, max, min, submittedMin, probes } of scopesOf(route)) {
    const window = { seconds: BREAKER_WINDOW_SECONDS, graceSeconds: BREAKER_GRACE_SECONDS, max };
    const { sent, used } = await deps.store.countCodes(tx, of, digest, window);
    if (sent < min || used >= sent * submittedMin) continue;
    const key = `message:sms:probe:${of}:${digest?.toString('base64url') ?? ''}`;
    const full = await deps.limits.hit(tx, [{ kind: 'prefix', key, hits: probes, windowSeconds: HOUR }]);
    if (full === null) continue;
    deps.metrics.messageLimited('sms', 'breaker');
    throw new AuraError('unavailable', 'SMS to numbers like this one are paused for a while.', {
      reason: 'sending_paused',
      retryAfterSeconds: full.retryAfterSeconds,
    });
  }
}
