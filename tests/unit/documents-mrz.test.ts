/** Machine readable zones: what is read from right ones, and that every wrong character in a checked place is found. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  judgeMrz,
  type MrzFault,
} from '../../auralink-communication-service/auralink-modules/documents/mrz.ts';
import {
  birthDateOf,
  expiryOf,
} from '../../auralink-communication-service/auralink-modules/documents/mrz-dates.ts';
import {
  compareNames,
  spellings,
} from '../../auralink-communication-service/auralink-modules/documents/transliteration.ts';
import { checkDigit, type Printed, td1, td2, td3 } from '../support/mrz-lines.ts';

const TODAY = new Date('2026-11-23T10:00:00Z');
const judge = (lines: readonly string[], acceptSpecimen = true) =>
  judgeMrz(lines, { today: TODAY, acceptSpecimen });
const faultsOf = (lines: readonly string[]): readonly MrzFault[] => judge(lines).faults ?? [];
const FORMATS = { TD1: td1, TD2: td2, TD3: td3 };
/** Lines and characters (from 0) that a check digit covers, itself included; numbers only where dates and digits stand. */
const CHECKED: Readonly<
  Record<keyof typeof FORMATS, readonly (readonly [line: number, from: number, to: number])[]>
> = {
  TD1: [
    [0, 5, 30],
    [1, 0, 7],
    [1, 8, 15],
    [1, 18, 30],
  ],
  TD2: [
    [1, 0, 10],
    [1, 13, 20],
    [1, 21, 36],
  ],
  TD3: [
    [1, 0, 10],
    [1, 13, 20],
    [1, 21, 44],
  ],
};
const worth = (character: string): number =>
  character === '<' ? 0 : '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'.indexOf(character);
const replaced = (lines: readonly string[], line: number, at: number, by: string): string[] =>
  lines.map((text, index) => (index === line ? text.slice(0, at) + by + text.slice(at + 1) : text));

test("ICAO's own specimens are read, on the days when they were valid", () => {
  const printed = [
    'P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<',
    'L898902C36UTO7408122F1204159ZE184226B<<<<<10',
  ];
  const { document } = judgeMrz(printed, { today: new Date('2012-04-15T23:00:00Z'), acceptSpecimen: true });
  assert.deepEqual(document, {
    format: 'TD3',
    lines: printed,
    documentCode: 'P',
    issuingState: 'UTO',
    number: 'L898902C3',
    nationality: 'UTO',
    birthDate: '1974-08-12',
    expiresOn: '2012-04-15',
    surname: ['ERIKSSON'],
    givenNames: ['ANNA', 'MARIA'],
    nameCut: false,
  });
  const late = judgeMrz(printed, { today: new Date('2012-04-16T00:00:00Z'), acceptSpecimen: true });
  assert.deepEqual(
    late.faults?.map(({ code, line, from, to }) => [code, line, from, to]),
    [['expired', 2, 22, 27]],
  );
});

test('the state of specimens is taken by configuration only, and no invented one at all', () => {
  assert.deepEqual(
    judge(td3(), false).faults?.map(({ code, line, from, to }) => [code, line, from, to]),
    [
      ['state', 1, 3, 5],
      ['state', 2, 11, 13],
    ],
  );
  assert.equal(judge(td3({ state: 'D', nationality: 'D' }), false).document?.issuingState, 'D');
  assert.equal(faultsOf(td3({ state: 'ZZQ' }))[0]?.code, 'state');
});

test('small things that people and readers do to lines are forgiven, and others are named where they are', () => {
  const [first = '', second = ''] = td3();
  assert.ok(judge([` ${first.toLowerCase()}`, `${second.slice(0, 20)} ${second.slice(20)}`]).document);
  assert.ok(judge([first.replaceAll('<<', '«'), second]).document);
  const named = (lines: string[]) => faultsOf(lines).map(({ code, line, from }) => [code, line, from]);
  assert.deepEqual(named([first, second.slice(1)]), [['form', 2, 44]]);
  assert.deepEqual(named([first]), [['form', 1, 1]]);
  assert.deepEqual(named([]), [['form', 1, 1]]);
  assert.deepEqual(named([first, replaced([second], 0, 11, '*')[0] ?? '']), [['character', 2, 12]]);
  assert.deepEqual(named([replaced([first], 0, 7, '0')[0] ?? '', second]), [['name', 1, 6]]);
});

for (const [format, make] of Object.entries(FORMATS) as [keyof typeof FORMATS, (p?: Printed) => string[]][]) {
  test(`${format}: a wrong check digit in any of its places is found and named`, () => {
    const lines = make({ optional: 'ZE18422' });
    assert.equal(judge(lines).document?.format, format);
    let places = 0;
    for (const [line, from, to] of CHECKED[format]) {
      for (let at = from; at < to; at += 1) {
        const was = lines[line]?.[at] ?? '';
        const wrong = /\d/.test(was) ? String((Number(was) + 1) % 10) : was === 'Z' ? 'Y' : 'Z';
        const faults = faultsOf(replaced(lines, line, at, wrong));
        assert.ok(
          faults.some(
            (fault) =>
              fault.code === 'check_digit' ||
              (fault.line === line + 1 && fault.from <= at + 1 && at < fault.to),
          ),
          `${format} line ${line + 1}, character ${at + 1}: ${was} → ${wrong}`,
        );
        places += 1;
      }
    }
    assert.ok(places >= 32, String(places));
  });

  test(`${format}: one changed character is found unless its value differs by a multiple of ten (7, 3, 1 cannot tell)`, () => {
    const places = CHECKED[format].flatMap(([line, from, to]) =>
      Array.from({ length: to - from }, (_, index) => ({ line, at: from + index })),
    );
    const number = fc
      .string({
        unit: fc.constantFrom(...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'),
        minLength: 9,
        maxLength: 9,
      })
      .filter((text) => !text.includes('<'));
    const change = fc.record({
      number,
      place: fc.constantFrom(...places),
      by: fc.constantFrom(...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<'),
    });
    fc.assert(
      fc.property(change, ({ number: text, place, by }) => {
        const lines = make({ number: text });
        const was = lines[place.line]?.[place.at] ?? '';
        fc.pre(was !== by);
        const alike = (worth(was) - worth(by)) % 10 === 0;
        const { document } = judge(replaced(lines, place.line, place.at, by));
        // Dates and check digits are digits, so there even these are found: a letter or filler is none.
        if (!alike) assert.equal(document, null, `${was} → ${by} at ${place.line}:${place.at}`);
      }),
      { numRuns: 1_000 },
    );
    const [line, at] = [CHECKED[format][0]?.[0] ?? 0, CHECKED[format][0]?.[1] ?? 0];
    assert.ok(
      judge(replaced(make({ number: 'A23456789' }), line, at, 'K')).document,
      'A and K are 10 and 20',
    );
  });
}

test('in dates and check digits letters and fillers of the same value are found too', () => {
  const lines = td3({ birth: '800812' });
  for (const at of [13, 14, 15, 16, 17, 18, 21, 22, 23, 24, 25, 26]) {
    const alike = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'].find(
      (letter) => (worth(letter) - worth(lines[1]?.[at] ?? '')) % 10 === 0,
    );
    assert.equal(judge(replaced(lines, 1, at, alike ?? '')).document, null, String(at));
  }
  for (const at of [9, 19, 27, 43]) {
    assert.equal(judge(replaced(td3(), 1, at, '<')).document, null, `check digit ${at}`);
  }
});

test('a long document number goes on in the optional data', () => {
  const long = 'D23145890734';
  const line =
    `I<UTO${long.slice(0, 9)}<${long.slice(9)}${checkDigit(`${long.slice(0, 9)}<${long.slice(9)}`)}`.padEnd(
      30,
      '<',
    );
  const [, second = '', third = ''] = td1();
  const body = line.slice(5) + second.slice(0, 7) + second.slice(8, 15) + second.slice(18, 29);
  const { document, faults } = judge([line, second.slice(0, 29) + checkDigit(body), third]);
  assert.equal(document?.number, long, JSON.stringify(faults));
});

test('dates: centuries, days that the calendar lacks, and parts that are not known', () => {
  assert.equal(birthDateOf('261123', TODAY), '2026-11-23');
  assert.equal(birthDateOf('261124', TODAY), '1926-11-24');
  assert.equal(birthDateOf('000229', TODAY), '2000-02-29');
  for (const none of ['010229', '991301', '990100', '99010', '<<0101', '99<<01']) {
    assert.equal(birthDateOf(none, TODAY), null, none);
  }
  assert.equal(birthDateOf('7408<<', TODAY), '1974-08');
  assert.equal(birthDateOf('74<<<<', TODAY), '1974');
  assert.equal(expiryOf('760101', TODAY), '2076-01-01');
  assert.equal(expiryOf('770101', TODAY), '1977-01-01');
  assert.equal(expiryOf('3204<<', TODAY), null);
  assert.equal(faultsOf(td3({ birth: '761301' }))[0]?.code, 'date');
});

test('any text is judged without a crash, and only lines with right check digits become a document', () => {
  const anything = fc.array(
    fc.oneof(
      fc.string({ maxLength: 60 }),
      fc.string({ unit: fc.constantFrom(...'AZ09<'), minLength: 44, maxLength: 44 }),
    ),
    { maxLength: 4 },
  );
  fc.assert(
    fc.property(anything, (lines) => {
      const { document, faults } = judge(lines);
      assert.equal(document === null, faults !== null && faults.length > 0);
      for (const fault of faults ?? [])
        assert.ok(fault.from >= 1 && fault.to >= fault.from, JSON.stringify(fault));
    }),
  );
});

test('names are compared as ICAO spells them', () => {
  const name = (surname: string, given: string, nameCut = false) => ({
    surname: surname.split(' '),
    givenNames: given === '' ? [] : given.split(' '),
    nameCut,
  });
  const cases: [string | null, ReturnType<typeof name>, string][] = [
    ['Anna Maria Eriksson', name('ERIKSSON', 'ANNA MARIA'), 'fits'],
    ['Anna Eriksson', name('ERIKSSON', 'ANNA MARIA'), 'fits'],
    ['Anna', name('ERIKSSON', 'ANNA MARIA'), 'partly'],
    ['Anna Schmidt', name('ERIKSSON', 'ANNA MARIA'), 'partly'],
    ['Bob Schmidt', name('ERIKSSON', 'ANNA MARIA'), 'differs'],
    [null, name('ERIKSSON', 'ANNA'), 'unknown'],
    ['李小龍', name('LI', 'XIAOLONG'), 'unknown'],
    ['Jürgen Groß', name('GROSS', 'JUERGEN'), 'fits'],
    ['Jürgen Groß', name('GROSS', 'JURGEN'), 'fits'],
    ['Søren Ødegård', name('OEDEGAARD', 'SOEREN'), 'fits'],
    ['Seán O’Connor', name('OCONNOR', 'SEAN'), 'fits'],
    ['Jean-Luc Lefèvre', name('LEFEVRE', 'JEAN LUC'), 'fits'],
    ['Юлия Щербакова', name('SHCHERBAKOVA', 'IULIIA'), 'fits'],
    ['Núñez Peña', name('NUNXXEZ', 'PENXXA'), 'fits'],
    ['Nguyễn Văn Đức', name('NGUYEN', 'VAN DUC'), 'fits'],
    ['Maximiliane Papandropoulous', name('PAPANDROPOULOUS', 'JONATHON MAX', true), 'fits'],
    ['Maximiliane Papandropoulous', name('PAPANDROPOULOUS', 'JONATHON MAX'), 'partly'],
    ['Suharto', name('SUHARTO', ''), 'fits'],
  ];
  for (const [shown, document, fit] of cases) assert.equal(compareNames(shown, document), fit, String(shown));
  assert.ok((spellings('ÄÖÜÄÖÜÄÖÜÄÖÜ') ?? []).length <= 256);
});
