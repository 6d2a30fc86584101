/**
 * The confusable skeleton over generated pairs: whatever our fold or Unicode's table takes for the same is one name, and
 * names that people really have are not thrown together beyond what is confused on a screen.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkName } from '../../auralink-communication-service/auralink-modules/auraid/names.ts';
import { skeletonOf } from '../../auralink-communication-service/auralink-modules/auraid/skeleton.ts';
import { findAuraId, handleOf } from '../../auralink-communication-service/core/aura-id.ts';

/** What our fold takes for the same, written out from the issue and not from the code. */
const ALIKE: Readonly<Record<string, readonly string[]>> = {
  l: ['1', 'i', 'I', '|'],
  i: ['1', 'l', 'I'],
  o: ['0', 'O'],
  '0': ['o', 'O'],
  '1': ['l', 'i'],
  m: ['rn'],
  w: ['vv'],
};
/** From Unicode's confusables.txt (UTS 39): Cyrillic, Greek, Armenian, full-width and mathematical twins. */
const UNICODE_ALIKE: Readonly<Record<string, readonly string[]>> = {
  a: ['а', 'ａ', '𝐚', 'ɑ'],
  c: ['с', 'ｃ', '𝐜', 'ϲ'],
  d: ['ԁ', 'ｄ', '𝐝'],
  e: ['е', 'ｅ', '𝐞'],
  g: ['ｇ', '𝐠', 'ɡ'],
  h: ['һ', 'հ', 'ｈ'],
  i: ['і', 'ｉ', '𝐢'],
  j: ['ј', 'ｊ'],
  n: ['ո', 'ｎ'],
  o: ['о', 'ο', 'օ', 'ｏ', '𝐨'],
  p: ['р', 'ρ', 'ｐ'],
  q: ['ԛ', 'ｑ'],
  s: ['ѕ', 'ｓ'],
  u: ['ս', 'ʋ', 'ｕ'],
  v: ['ν', 'ѵ', 'ｖ'],
  w: ['ԝ', 'ｗ'],
  x: ['х', 'ｘ'],
  y: ['у', 'ｙ', 'ү'],
};

const handles = fc
  .string({
    unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789._-'),
    minLength: 3,
    maxLength: 30,
  })
  .map((text) => findAuraId(text))
  .filter((auraId) => auraId !== null)
  .map(handleOf);

/** `handle` with look-alikes put in here and there. */
function confused(table: Readonly<Record<string, readonly string[]>>) {
  return handles.chain((handle) =>
    fc
      .tuple(...[...handle].map((letter) => fc.constantFrom(letter, ...(table[letter] ?? []))))
      .map((letters) => [handle, letters.join('')] as const),
  );
}

test('every pair that our fold confuses has one skeleton', () => {
  fc.assert(
    fc.property(confused(ALIKE), ([a, b]) => skeletonOf(a) === skeletonOf(b)),
    { numRuns: 2_000 },
  );
});

test('every pair that Unicode’s table confuses has one skeleton, or is no address at all', () => {
  fc.assert(
    fc.property(confused(UNICODE_ALIKE), ([a, b]) => skeletonOf(a) === skeletonOf(b)),
    { numRuns: 2_000 },
  );
});

/** Every character that the table maps, with what it is mistaken for, where that is made of what addresses are made of. */
const TABLE = Object.entries(
  JSON.parse(readFileSync(createRequire(import.meta.url).resolve('unhomoglyph/data.json'), 'utf8')) as Record<
    string,
    string
  >,
).filter(([, twin]) => /^[A-Za-z0-9._|-]+$/.test(twin));

test('each of Unicode’s thousands of pairs has one skeleton, wherever it stands in a name', () => {
  assert.ok(TABLE.length > 1_500, `${TABLE.length} pairs`);
  const told = TABLE.filter(([letter, twin]) => skeletonOf(`a${letter}z`) !== skeletonOf(`a${twin}z`));
  assert.deepEqual(told, []);
  fc.assert(
    fc.property(handles, fc.constantFrom(...TABLE), fc.nat(), (handle, [letter, twin], at) => {
      const place = at % (handle.length + 1);
      const put = (what: string) => skeletonOf(handle.slice(0, place) + what + handle.slice(place));
      return put(letter) === put(twin);
    }),
    { numRuns: 5_000 },
  );
});

test('no name with a character of Unicode’s table that is not plain can be claimed', () => {
  for (const [letter] of TABLE) {
    if (/^[ -~]$/.test(letter)) continue;
    const name = checkName(`ab${letter}cd`, new Set());
    // Full-width and mathematical letters are the plain ones, written otherwise: then it is the plain name.
    if (name.ok) assert.match(name.auraId, /^@ab[a-z0-9._-]+cd[.]aura$/, letter);
    else assert.match(name.fault, /^(?:bad_character|repeated_separator)$/, letter);
  }
});

test('what is confused twice over is still one: the skeleton is stable and blind to case and separators', () => {
  fc.assert(
    fc.property(confused(ALIKE), ([handle, twin]) => {
      const skeleton = skeletonOf(handle);
      assert.equal(skeletonOf(skeletonOf(twin)), skeleton);
      assert.equal(skeletonOf(twin.toUpperCase().replaceAll('|', 'l')), skeletonOf(handle.toUpperCase()));
      assert.equal(skeletonOf([...handle.replace(/[._-]/g, '')].join('.')), skeleton);
    }),
  );
});

test('nothing that is not a plain letter, digit or separator can be claimed', () => {
  const strange = fc.constantFrom(
    'а',
    'ο',
    '\u200b',
    '\u200d',
    '\u202e',
    '\u2066',
    '\u00ad',
    '\ufeff',
    'é',
    'ß',
    '😀',
    ' ',
    '\u0000',
    '\u0301',
    '/',
    '%',
    "'",
  );
  fc.assert(
    fc.property(handles, strange, fc.nat(), (handle, letter, at) => {
      const place = 1 + (at % (handle.length - 1));
      const name = checkName(`${handle.slice(0, place)}${letter}${handle.slice(place)}`, new Set());
      assert.deepEqual([name.ok, name.ok ? '' : name.fault], [false, 'bad_character']);
    }),
    { numRuns: 1_000 },
  );
});

/** First names that are common in many countries. */
const NAMES =
  `aaron abigail adam aisha alan albert alejandro alex alexander alice amanda amber amir amy ana andrea
andrew angela anna anthony antonio arthur ashley barbara benjamin beth beverly brandon brenda brian bruce bryan carl
carlos carol carolyn catherine charles charlotte cheryl christian christina christopher cynthia daniel david deborah
dennis diana diane donald donna doris dorothy douglas dylan edward elena elizabeth ella emily emma eric ethan eugene
evelyn fatima frances frank gabriel gary george gerald gloria grace gregory hannah harold heather helen henry isabella
jack jacob jacqueline james jan janet janice jason jean jeffrey jennifer jeremy jerry jessica joan joe john jonathan
jordan jose joseph joshua joyce juan judith judy julia julie justin karen katherine kathleen kathryn keith kelly
kenneth kevin kimberly kyle larry laura lauren lawrence linda lisa logan louis madison margaret maria marie marilyn
mark martha martin mary matthew megan melissa mia michael michelle mohammed nancy natalie nathan nicholas nicole noah
nora olga olivia pamela patricia patrick paul peter philip rachel ralph randy raymond rebecca richard robert roger
ronald rose roy russell ruth ryan samantha samuel sandra sara sarah scott sean sharon shirley sofia sophia stephanie
stephen steven susan teresa terry theresa thomas timothy tyler victoria vincent virginia walter wayne wei william
willie yuki yusuf zachary zoe`.split(/\s+/);

test('no two common first names are taken for one', () => {
  const bySkeleton = Map.groupBy(NAMES, skeletonOf);
  const joined = [...bySkeleton.values()].filter((names) => names.length > 1);
  assert.deepEqual(joined, []);
  assert.ok(NAMES.length > 200);
});
