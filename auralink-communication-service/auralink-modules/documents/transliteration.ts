/**
 * Names as documents write them (ICAO Doc 9303-3, section 6: Latin and Cyrillic). A letter has several spellings where
 * the tables leave a choice or states differ. Other scripts are left to a reviewer: `null`.
 */

/** Spellings of one word that are tried; a word with more is compared by the first ones. */
export const SPELLINGS_MAX = 256;

const LATIN: Readonly<Record<string, readonly string[]>> = {
  Ä: ['AE', 'A'],
  Å: ['AA', 'A'],
  Æ: ['AE'],
  Ð: ['D'],
  Đ: ['D', 'DJ'],
  Ħ: ['H'],
  I: ['I'],
  İ: ['I'],
  ı: ['I'],
  Ĳ: ['IJ'],
  ĸ: ['Q'],
  Ł: ['L'],
  Ñ: ['N', 'NXX'],
  Ŋ: ['N'],
  Ö: ['OE', 'O'],
  Ø: ['OE', 'O'],
  Œ: ['OE'],
  ẞ: ['SS'],
  Þ: ['TH'],
  Ŧ: ['T'],
  Ü: ['UE', 'UXX', 'U'],
  Ə: ['E', 'A'],
};
/** Where Belarus, Bulgaria, Serbia, Macedonia, Russia and Ukraine differ, all of it (table B). */
const CYRILLIC: Readonly<Record<string, readonly string[]>> = {
  А: ['A'],
  Б: ['B'],
  В: ['V'],
  Г: ['G', 'H'],
  Ґ: ['G'],
  Д: ['D'],
  Ѓ: ['G'],
  Ђ: ['D', 'DJ'],
  Е: ['E', 'IE', 'YE'],
  Ё: ['E', 'IO', 'YO'],
  Є: ['IE', 'YE'],
  Ж: ['ZH', 'Z'],
  З: ['Z'],
  Ѕ: ['DZ'],
  И: ['I', 'Y'],
  І: ['I'],
  Ї: ['I', 'YI'],
  Й: ['I', 'Y'],
  Ј: ['J'],
  К: ['K'],
  Ќ: ['K'],
  Л: ['L'],
  Љ: ['LJ'],
  М: ['M'],
  Н: ['N'],
  Њ: ['NJ'],
  О: ['O'],
  П: ['P'],
  Р: ['R'],
  С: ['S'],
  Т: ['T'],
  Ћ: ['C'],
  У: ['U'],
  Ў: ['U'],
  Ф: ['F'],
  Х: ['KH', 'H'],
  Ц: ['TS', 'C'],
  Ч: ['CH', 'C'],
  Џ: ['DZ', 'DJ'],
  Ш: ['SH', 'S'],
  Щ: ['SHCH', 'SHT'],
  Ъ: ['IE', 'A', ''],
  Ы: ['Y'],
  Ь: [''],
  Э: ['E'],
  Ю: ['IU', 'YU'],
  Я: ['IA', 'YA'],
};

/** What a letter is written as; null for one of another script. */
function spellingsOf(letter: string): readonly string[] | null {
  if (/^[A-Z]$/.test(letter)) return [letter];
  const known = LATIN[letter] ?? CYRILLIC[letter];
  if (known !== undefined) return known;
  // Any other mark over a Latin letter is left away.
  const bare = letter.normalize('NFD').replace(/\p{M}/gu, '');
  if (/^[A-Z]$/.test(bare)) return [bare];
  return LATIN[bare] ?? CYRILLIC[bare] ?? null;
}

/** All spellings of a word without blanks, at most SPELLINGS_MAX; null when a letter is of another script. */
export function spellings(word: string): readonly string[] | null {
  let found = [''];
  for (const letter of word.normalize('NFC').replaceAll('ß', 'ẞ').toUpperCase()) {
    const next = spellingsOf(letter);
    if (next === null) return null;
    found = found.flatMap((start) => next.map((spelling) => start + spelling)).slice(0, SPELLINGS_MAX);
  }
  return found;
}

/** `unknown`: she shows no name, or one in a script that is not spelled out here. */
export const NAME_FITS = ['fits', 'partly', 'differs', 'unknown'] as const;
export type NameFit = (typeof NAME_FITS)[number];

export interface DocumentName {
  readonly surname: readonly string[];
  readonly givenNames: readonly string[];
  readonly nameCut: boolean;
}

/** Whether the name that a person shows is that of the document: every word of hers stands in it, in any order. */
export function compareNames(shown: string | null, document: DocumentName): NameFit {
  // An apostrophe is left away, a hyphen is a filler (9303-3, 4.6).
  const words = (shown ?? '')
    .replace(/['’ʼ`]/gu, '')
    .split(/[^\p{L}\p{M}]+/u)
    .filter((word) => word !== '');
  const spelled = words.map(spellings).filter((one) => one !== null);
  if (spelled.length === 0) return 'unknown';
  const inSurname = spelled.map((word) => isAmong(word, document.surname, cutIn(document, 'surname')));
  const inGiven = spelled.map((word) => isAmong(word, document.givenNames, cutIn(document, 'given')));
  const found = spelled.filter((_, index) => inSurname[index] || inGiven[index]).length;
  if (found === 0) return 'differs';
  const whole = inSurname.includes(true) && (document.givenNames.length === 0 || inGiven.includes(true));
  return whole && found === words.length ? 'fits' : 'partly';
}

/** The last word of a zone that was too short may be the beginning of a word. */
function cutIn({ givenNames, nameCut }: DocumentName, part: 'surname' | 'given'): boolean {
  return nameCut && (part === 'given') === givenNames.length > 0;
}

function isAmong(word: readonly string[], written: readonly string[], cut: boolean): boolean {
  const last = written.at(-1);
  return word.some(
    (one) => written.includes(one) || (cut && last !== undefined && last.length > 1 && one.startsWith(last)),
  );
}
