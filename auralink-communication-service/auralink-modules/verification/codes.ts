/** Codes and link tokens: made from chance alone, kept as keyed digests, compared in a time that tells nothing. */
import { timingSafeEqual } from 'node:crypto';
import { CODE_DIGITS, CODE_TRIES_MAX, LINK_TOKEN_BYTES } from './model.ts';
import type { LockedChallenge, RandomBytes } from './ports-challenges.ts';

const CODES = 10 ** CODE_DIGITS;
/** The largest multiple of CODES within 32 bits: numbers above it would make some codes likelier than others. */
const FAIR_BELOW = Math.floor(2 ** 32 / CODES) * CODES;

export function makeCode(randomBytes: RandomBytes): string {
  for (;;) {
    const number = randomBytes(4).readUInt32BE();
    if (number < FAIR_BELOW) return String(number % CODES).padStart(CODE_DIGITS, '0');
  }
}

export const makeToken = (randomBytes: RandomBytes): string =>
  randomBytes(LINK_TOKEN_BYTES).toString('base64url');

/** Whether one of the digests is this one; all are compared. */
export function isAmong(digest: Buffer, digests: readonly Buffer[]): boolean {
  let found = false;
  for (const one of digests) {
    if (one.length === digest.length && timingSafeEqual(one, digest)) found = true;
  }
  return found;
}

export type CodeVerdict = 'right' | 'wrong' | 'expired' | 'dead' | 'used' | 'replaced';

/** `digests`: of what was submitted, by every key that may have made the stored one. */
export function judge(
  challenge: Pick<LockedChallenge, 'endReason' | 'isOver' | 'tries' | 'codeHash'>,
  digests: readonly Buffer[],
): CodeVerdict {
  const matches = isAmong(challenge.codeHash, digests);
  if (challenge.endReason === 'used') return 'used';
  if (challenge.endReason === 'tries' || challenge.tries >= CODE_TRIES_MAX) return 'dead';
  if (challenge.endReason === 'replaced' || challenge.endReason === 'withdrawn') return 'replaced';
  if (challenge.endReason === 'expired' || challenge.isOver) return 'expired';
  return matches ? 'right' : 'wrong';
}
