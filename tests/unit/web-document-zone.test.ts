/** The zone among what a program read from a photo: found, brought to its length, and put right where only digits can be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zoneIn } from '../../auralink-web/src/me/documents/zone.ts';
import { td1, td2, td3 } from '../support/mrz-lines.ts';

const ABOVE = 'PASSPORT\nERIKSSON\n\nANNA MARIA\n12 AUG 1974\nL898902C3\n';

for (const [name, lines] of [
  ['TD1', td1()],
  ['TD2', td2()],
  ['TD3', td3()],
] as const) {
  test(`${name}: the lines are found under everything else, with blanks and noise between`, () => {
    const spaced = lines.map((line) => ` ${line.slice(0, 5)} ${line.slice(5)} `).join('\n\n.\n');
    assert.deepEqual(zoneIn(`${ABOVE}${spaced}\n`), lines);
  });

  test(`${name}: lost and doubled fillers are put right`, () => {
    const run = lines.findIndex((line) => line.includes('<<<<'));
    const lost = lines.map((line, i) => (i === run ? line.replace('<<<<', '<<') : line));
    const doubled = lines.map((line, i) => (i === run ? line.replace('<<<<', '<<<<<') : line));
    assert.deepEqual(zoneIn(lost.join('\n')), lines);
    assert.deepEqual(zoneIn(doubled.join('\n')), lines);
  });
}

test('letters where only digits can stand become digits', () => {
  const [names = '', numbers = ''] = td3();
  // The dates: years, months and days.
  const misread = `${numbers.slice(0, 13)}${numbers.slice(13, 27).replaceAll('0', 'O').replaceAll('1', 'I')}${numbers.slice(27)}`;
  assert.notEqual(misread, numbers);
  assert.deepEqual(zoneIn(`${names}\n${misread}`), [names, numbers]);
});

test('there is none in an empty text, a letter, or one line alone', () => {
  for (const text of ['', ABOVE, 'Dear Anna,\nI write to you because', td3()[0] ?? '']) {
    assert.deepEqual(zoneIn(text), [], text);
  }
});
