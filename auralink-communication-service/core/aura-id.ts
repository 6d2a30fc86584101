/**
 * The grammar of an address: `@` + handle + `.aura`. It lives in core because every room speaks of addresses.
 * The handle fits inside a Matrix localpart (Matrix spec, "User identifiers") and reads the same in a URL.
 */
import type { AuraId } from './ids.ts';

/** Shortest handle; two characters are too easily mistaken. */
export const HANDLE_MIN_LENGTH = 3;
/** Longest handle, without the ends. */
export const HANDLE_MAX_LENGTH = 30;
const HANDLE = /^[a-z0-9](?:[a-z0-9._-]{1,28}[a-z0-9])$/;
/** Only digits would read as a telephone number, `a..b` as a typing error, `alice.aura` as somebody else's address. */
const UNFIT = [/^[0-9]+$/, /[._-]{2}/, /\.aura$/];

/** Takes `alice`, `@alice`, `alice.aura`, `@Alice.AURA`; returns the normal form, or null if it cannot be one. */
export function findAuraId(text: string): AuraId | null {
  const lower = text.trim().normalize('NFKC').toLowerCase();
  const handle = lower.replace(/^@/, '').replace(/\.aura$/, '');
  if (!HANDLE.test(handle) || UNFIT.some((pattern) => pattern.test(handle))) return null;
  return `@${handle}.aura` as AuraId;
}

export function handleOf(auraId: AuraId): string {
  return auraId.slice(1, -'.aura'.length);
}
