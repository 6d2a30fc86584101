/**
 * The confusable skeleton of a handle: two handles with the same skeleton can be mistaken for each other, so the
 * registry holds each skeleton once. Built on Unicode's confusables (UTS 39, by way of unhomoglyph), then our own fold
 * for what a person confuses on a screen or says aloud. Pairs of letters are taken apart (w → vv, m → rn) rather than
 * put together, because that has one outcome only: `vvv`, `wv` and `vw` are one skeleton.
 * Separators are left out: `al.ice` beside `alice` would be mistaken at once when spoken.
 */
import unhomoglyph from 'unhomoglyph';

const FOLD: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'l',
  i: 'l',
  '|': 'l',
  m: 'rn',
  w: 'vv',
  '.': '',
  _: '',
  '-': '',
};
const FOLDED = new RegExp(`[${Object.keys(FOLD).join('').replace('-', '\\-')}]`, 'g');

/** `handle` may be anything a person typed; the result is stable under a second application. */
export function skeletonOf(handle: string): string {
  // Before and after normalisation, which turns some look-alikes (ϲ) into others' relatives (ς). Lower case on both
  // sides: the confusables table maps some small letters to capitals and 0 to O.
  const known = unhomoglyph(handle).normalize('NFKC').toLowerCase();
  const plain = unhomoglyph(known).normalize('NFKC').toLowerCase();
  return plain.replace(/\p{M}/gu, '').replace(FOLDED, (letter) => FOLD[letter] ?? letter);
}
