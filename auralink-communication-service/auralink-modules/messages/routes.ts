/**
 * Where an SMS goes: what a part costs there, by the longest prefix of the operator's price list, and the prefix under
 * which numbers are watched for pumping (codes that are ordered for the fee and never submitted).
 */
import { z } from 'zod';

/** Digits behind the country's code that belong to a prefix: an operator, or an area. */
export const PREFIX_DIGITS = 3;
/** Entries of a price list. */
export const SMS_PRICES_MAX = 5_000;
/** Millionths of the currency in one. */
const MICROS = 1_000_000;

const price = z.number().nonnegative().max(100);

/** The file that SMS_PRICES_FILE names: prices of one part, in the currency of SMS_DAILY_SPEND. */
export const smsPricesSchema = z.strictObject({
  currency: z.string().regex(/^[A-Z]{3}$/, 'must be a code such as EUR'),
  prices: z
    .record(z.string().regex(/^\+[1-9]\d{0,14}$/, 'must be a prefix such as +49'), price)
    .refine((prices) => Object.keys(prices).length <= SMS_PRICES_MAX, `must be ${SMS_PRICES_MAX} at most`),
  /** Elsewhere; without it nothing is sent elsewhere. */
  default: price.optional(),
});
export type SmsPrices = z.output<typeof smsPricesSchema>;

/** Millionths of the currency for one part; null: nothing is sent there. Without a list everything costs nothing. */
export function priceOf(prices: SmsPrices | null, number: string): number | null {
  if (prices === null) return 0;
  for (let length = number.length; length >= 2; length--) {
    const found = prices.prices[number.slice(0, length)];
    if (found !== undefined) return Math.round(found * MICROS);
  }
  return prices.default === undefined ? null : Math.round(prices.default * MICROS);
}

export const toMicros = (amount: number): number => Math.round(amount * MICROS);

/** E.164 country codes of one and of two digits (ITU-T E.164, Annex); all others have three. */
const ONE_DIGIT = /^\+[17]/;
const TWO_DIGITS = /^\+(?:2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58])/;

/** `+` and the country's code. `number` in E.164. */
export function countryOf(number: string): string {
  const code = ONE_DIGIT.test(number) ? 1 : TWO_DIGITS.test(number) ? 2 : 3;
  return number.slice(0, 1 + code);
}

/** The country's code and the next digits. `number` in E.164. */
export function prefixOf(number: string): string {
  return number.slice(0, countryOf(number).length + PREFIX_DIGITS);
}
