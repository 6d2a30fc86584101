/** What the answer to a webhook means, and when the next try is: a pure function. */

/** Wait before the second try; each further wait is twice as long. */
export const RETRY_FIRST_SECONDS = 5;
/** Longest wait between two tries, and the longest Retry-After that is honoured in full. */
export const RETRY_WAIT_MAX_SECONDS = 3_600;
/** So long after its first try a delivery is given up. */
export const RETRY_FOR_SECONDS = 86_400;

export interface Answer {
  /** Null: there was none in time. */
  readonly status: number | null;
  /** The header as it came. */
  readonly retryAfter: string | null;
  /** What went wrong, for people; null when the answer says it all. */
  readonly error: string | null;
}

export type Verdict =
  | { readonly what: 'delivered' | 'dead' | 'gone' }
  /** `pause`: it asked for it, so nothing else is sent before either. */
  | { readonly what: 'retry'; readonly afterSeconds: number; readonly pause: boolean };

export interface Tried {
  /** This try included. */
  readonly attempts: number;
  /** Since the first try. */
  readonly ageSeconds: number;
  readonly now: Date;
  /** From 0 to 1: spreads the tries of many. */
  readonly chance: number;
}

export function judge(answer: Answer, { attempts, ageSeconds, now, chance }: Tried): Verdict {
  const { status } = answer;
  if (status !== null && status >= 200 && status < 300) return { what: 'delivered' };
  if (status === 410) return { what: 'gone' };
  const left = RETRY_FOR_SECONDS - ageSeconds;
  if (left <= 0) return { what: 'dead' };
  const asked = retryAfterSeconds(answer.retryAfter, now);
  const doubled = Math.min(RETRY_WAIT_MAX_SECONDS, RETRY_FIRST_SECONDS * 2 ** (attempts - 1));
  const own = doubled * (0.5 + chance / 2);
  // A server that is over may ask for more patience, not for less.
  const wait = asked === null ? own : Math.max(own, Math.min(asked, RETRY_WAIT_MAX_SECONDS));
  // The last try is made when the day is over, not before.
  return { what: 'retry', afterSeconds: Math.min(wait, left), pause: asked !== null };
}

/** RFC 9110, 10.2.3: seconds or a date. Null when it is neither. */
export function retryAfterSeconds(header: string | null, now: Date): number | null {
  if (header === null) return null;
  if (/^\d{1,9}$/.test(header)) return Number(header);
  const date = Date.parse(header);
  return Number.isNaN(date) ? null : Math.max(0, (date - now.getTime()) / 1_000);
}
