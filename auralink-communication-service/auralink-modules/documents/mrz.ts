/**
 * The machine readable zone of a travel document (ICAO Doc 9303, parts 3 to 6: TD1, TD2, TD3). `mrz` splits it into
 * fields and compares check digits; what they mean for us is judged here. Readable lines with right check digits
 * prove nothing of their holder: anybody can compute them.
 */
import { type Details, parse, type Range, states } from 'mrz';
import { birthDateOf, expiryOf } from './mrz-dates.ts';

export const MRZ_FORMATS = ['TD1', 'TD2', 'TD3'] as const;
export type MrzFormat = (typeof MRZ_FORMATS)[number];

/** The state of ICAO's specimens, which issues nothing. */
export const SPECIMEN_STATE = 'UTO';

export interface MrzDocument {
  readonly format: MrzFormat;
  /** The normal form of the lines. */
  readonly lines: readonly string[];
  /** `P`, `I`, `ID`, `PD`… */
  readonly documentCode: string;
  /** ICAO's code, without fillers: `D`, `UTO`, `FRA`. */
  readonly issuingState: string;
  readonly number: string;
  readonly nationality: string;
  /** `1974-08-12`; shorter where the document does not tell month or day. */
  readonly birthDate: string;
  /** `2030-04-15`; valid to the end of that day. */
  readonly expiresOn: string;
  /** Words of the primary identifier, then of the secondary one. */
  readonly surname: readonly string[];
  readonly givenNames: readonly string[];
  /** The zone had no room for the whole name, so its last word may be cut. */
  readonly nameCut: boolean;
}

export const MRZ_FAULTS = ['form', 'character', 'check_digit', 'state', 'date', 'name', 'expired'] as const;

/** Where it is wrong, as people count: line and characters from 1, both ends included. */
export interface MrzFault {
  readonly code: (typeof MRZ_FAULTS)[number];
  readonly line: number;
  readonly from: number;
  readonly to: number;
  readonly message: string;
}

export type MrzJudgement =
  | { readonly document: MrzDocument; readonly faults: null }
  | { readonly document: null; readonly faults: readonly MrzFault[] };

const SIZES: Readonly<Record<MrzFormat, { readonly lines: number; readonly length: number }>> = {
  TD1: { lines: 3, length: 30 },
  TD2: { lines: 2, length: 36 },
  TD3: { lines: 2, length: 44 },
};
const CHECK_DIGITS: Readonly<Record<string, string>> = {
  documentNumberCheckDigit: 'the document number',
  birthDateCheckDigit: 'the date of birth',
  expirationDateCheckDigit: 'the date of expiry',
  personalNumberCheckDigit: 'the personal number',
  compositeCheckDigit: 'all of it together',
};

/** What people type and readers make of fillers and spaces. */
export function normalLines(lines: readonly string[]): string[] {
  return lines.map((line) =>
    line.replace(/\s/gu, '').replaceAll('«', '<<').replace(/[‹＜]/gu, '<').toUpperCase(),
  );
}

/** `today` decides centuries and whether it has expired. */
export function judgeMrz(
  typed: readonly string[],
  options: { readonly today: Date; readonly acceptSpecimen: boolean },
): MrzJudgement {
  const lines = normalLines(typed);
  const format = formatOf(lines);
  if (format === null) return { document: null, faults: formFaults(lines) };
  const strange = lines.flatMap(strangeCharacters);
  if (strange.length > 0) return { document: null, faults: strange };
  const parsed = parse(lines);
  if (parsed.format !== format) {
    return { document: null, faults: [fault('form', 0, 0, 2, 'This kind of card is not taken here.')] };
  }
  const zone = new Zone(parsed.details, lines);
  const faults = [
    ...parsed.details.flatMap((detail) => checkDigitFaults(detail, lines)),
    ...zone.stateFaults(options.acceptSpecimen),
    ...zone.nameFaults(),
  ];
  const birth = birthDateOf(zone.raw('birthDate'), options.today);
  const expiry = expiryOf(zone.raw('expirationDate'), options.today);
  if (birth === null) faults.push(zone.fault('date', 'birthDate', 'This is no date of birth (YYMMDD).'));
  if (expiry === null) faults.push(zone.fault('date', 'expirationDate', 'This is no date (YYMMDD).'));
  if (birth === null || expiry === null || faults.length > 0) return { document: null, faults };
  if (expiry <= birth) {
    return {
      document: null,
      faults: [zone.fault('date', 'expirationDate', 'It expires before its holder was born.')],
    };
  }
  if (expiry < isoDay(options.today)) {
    return {
      document: null,
      faults: [zone.fault('expired', 'expirationDate', `The document expired on ${expiry}.`)],
    };
  }
  return { document: zone.document(format, lines, birth, expiry), faults: null };
}

const isoDay = (at: Date): string => at.toISOString().slice(0, 10);

function fault(code: MrzFault['code'], line: number, start: number, end: number, message: string): MrzFault {
  return { code, line: line + 1, from: start + 1, to: end, message };
}

function formatOf(lines: readonly string[]): MrzFormat | null {
  const fits = MRZ_FORMATS.find((format) => {
    const { lines: count, length } = SIZES[format];
    return lines.length === count && lines.every((line) => line.length === length);
  });
  return fits ?? null;
}

function formFaults(lines: readonly string[]): MrzFault[] {
  const wanted = Object.values(SIZES).filter((size) => size.lines === lines.length);
  // As long as most of its lines come nearest to.
  const longest = Math.max(0, ...lines.map((line) => line.length));
  const length = wanted
    .map((size) => size.length)
    .sort((a, b) => Math.abs(a - longest) - Math.abs(b - longest))[0];
  if (length === undefined) {
    return [
      fault(
        'form',
        0,
        0,
        1,
        'Give two lines (passports, larger cards) or three (small cards), as they are printed.',
      ),
    ];
  }
  return lines.flatMap((line, index) =>
    line.length === length
      ? []
      : [
          fault(
            'form',
            index,
            Math.min(line.length, length - 1),
            Math.max(line.length, length),
            `Line ${index + 1} has ${line.length} characters; it must have ${length}, fillers (<) included.`,
          ),
        ],
  );
}

function strangeCharacters(line: string, index: number): MrzFault[] {
  return [...line.matchAll(/[^A-Z0-9<]/gu)].map((match) =>
    fault(
      'character',
      index,
      match.index,
      match.index + 1,
      `Only A to Z, 0 to 9 and < stand there, not ${match[0]}.`,
    ),
  );
}

function checkDigitFaults(detail: Details, lines: readonly string[]): MrzFault[] {
  const of = detail.field === null ? undefined : CHECK_DIGITS[detail.field];
  if (of === undefined || detail.valid || isUnused(detail, lines)) return [];
  // The field that it checks stands beside it; the composite one checks three.
  const [digit, ...checked] = detail.ranges;
  if (digit === undefined) return [];
  const beside = detail.field === 'compositeCheckDigit' ? undefined : checked[0];
  const start = beside?.line === digit.line ? Math.min(beside.start, digit.start) : digit.start;
  return [
    fault(
      'check_digit',
      digit.line,
      start,
      digit.end,
      `The check digit of ${of} does not fit; look at every character.`,
    ),
  ];
}

/** A personal number that is not given may have a filler for its check digit (part 4, 4.2.2.2). */
function isUnused({ field, ranges: [digit, checked] }: Details, lines: readonly string[]): boolean {
  return (
    field === 'personalNumberCheckDigit' &&
    textAt(lines, digit) === '<' &&
    /^<+$/.test(textAt(lines, checked))
  );
}

function textAt(lines: readonly string[], range: Range | undefined): string {
  return range === undefined ? '' : (lines[range.line] ?? '').slice(range.start, range.end);
}

const withoutFillers = (raw: string): string => raw.replace(/<+$/, '');

/** The fields by name, as they stand in the lines. */
class Zone {
  readonly #fields: ReadonlyMap<string, Details>;
  readonly #lines: readonly string[];

  constructor(details: readonly Details[], lines: readonly string[]) {
    this.#lines = lines;
    this.#fields = new Map(details.flatMap((one) => (one.field === null ? [] : [[one.field, one] as const])));
  }

  raw(field: string): string {
    return textAt(this.#lines, this.#fields.get(field)?.ranges[0]);
  }

  fault(code: MrzFault['code'], field: string, message: string): MrzFault {
    const range = this.#fields.get(field)?.ranges[0] ?? { line: 0, start: 0, end: 1 };
    return fault(code, range.line, range.start, range.end, message);
  }

  stateFaults(acceptSpecimen: boolean): MrzFault[] {
    return (['issuingState', 'nationality'] as const).flatMap((field) => {
      const code = withoutFillers(this.raw(field));
      if (Object.hasOwn(states, code) || (code === SPECIMEN_STATE && acceptSpecimen)) return [];
      const what = code === SPECIMEN_STATE ? 'is the state of specimens' : 'is no state of ICAO’s list';
      return [this.fault('state', field, `${code === '' ? 'This' : code} ${what}.`)];
    });
  }

  nameFaults(): MrzFault[] {
    const [surname] = namesIn(this.raw('lastName'));
    if (surname.length > 0 && /^[A-Z<]+$/.test(this.raw('lastName'))) return [];
    return [this.fault('name', 'lastName', 'A name is letters: SURNAME<<GIVEN<NAMES.')];
  }

  document(format: MrzFormat, lines: readonly string[], birthDate: string, expiresOn: string): MrzDocument {
    const names = this.raw('lastName');
    const [surname, givenNames] = namesIn(names);
    return {
      ...{ format, lines, birthDate, expiresOn, surname, givenNames },
      documentCode: withoutFillers(this.raw('documentCode')),
      issuingState: withoutFillers(this.raw('issuingState')),
      number: this.#number(),
      nationality: withoutFillers(this.raw('nationality')),
      nameCut: !names.endsWith('<'),
    };
  }

  /** One that is too long for its field goes on in the optional data, with a filler for its check digit (part 5, note j). */
  #number(): string {
    const ranges = this.#fields.get('documentNumber')?.ranges ?? [];
    const [first = '', digit, rest = ''] = ranges.map((range) => textAt(this.#lines, range));
    if (digit !== '<') return withoutFillers(first);
    return `${first}${(rest.split('<')[0] ?? '').slice(0, -1)}`;
  }
}

function namesIn(raw: string): readonly [surname: string[], givenNames: string[]] {
  const [surname = '', given = ''] = raw.split('<<');
  const words = (text: string): string[] => text.split('<').filter((word) => word !== '');
  return [words(surname), words(given)];
}
