/** What is wrong with the lines while they are typed, and where: an aid for the eye. The service judges for itself. */
import { type Details, parse } from 'mrz';

export interface LineFault {
  /** From 1, as people count; both ends included. */
  readonly line: number;
  readonly from: number;
  readonly to: number;
  readonly message: string;
}

export interface Feedback {
  readonly lines: readonly string[];
  readonly faults: readonly LineFault[];
  /** As many lines and characters as a document has. */
  readonly whole: boolean;
}

/** ICAO 9303: lines and characters of TD3, TD2 and TD1. */
export const ZONE_SIZES = [
  { count: 2, length: 44 },
  { count: 2, length: 36 },
  { count: 3, length: 30 },
];
const CHECKED: Readonly<Record<string, string>> = {
  documentNumberCheckDigit: 'document number',
  birthDateCheckDigit: 'date of birth',
  expirationDateCheckDigit: 'date of expiry',
  personalNumberCheckDigit: 'personal number',
  compositeCheckDigit: 'whole line',
};

/** One line a row, without blanks, in capitals. */
export function linesOf(text: string): string[] {
  return text
    .toUpperCase()
    .replaceAll('«', '<<')
    .split(/\r?\n/)
    .map((line) => line.replace(/\s/g, ''))
    .filter((line) => line !== '');
}

export function feedbackOn(text: string): Feedback {
  const lines = linesOf(text);
  const strange = lines.flatMap((line, index) =>
    [...line.matchAll(/[^A-Z0-9<]/g)].map((match) => ({
      line: index + 1,
      from: match.index + 1,
      to: match.index + 1,
      message: `Only A to Z, 0 to 9 and < stand there, not ${match[0]}.`,
    })),
  );
  const whole = ZONE_SIZES.some(
    ({ count, length }) => lines.length === count && lines.every((line) => line.length === length),
  );
  if (strange.length > 0 || !whole) return { lines, faults: strange, whole };
  const faults = parse(lines).details.flatMap((detail) => faultIn(detail, lines));
  // The digit over everything is wrong whenever another one is: it says no more then.
  const single = faults.filter(({ message }) => !message.includes('whole line'));
  return { lines, faults: single.length > 0 ? single : faults, whole };
}

function faultIn({ field, valid, ranges }: Details, lines: readonly string[]): LineFault[] {
  const what = field === null ? undefined : CHECKED[field];
  const [digit, checked] = ranges;
  if (what === undefined || valid || digit === undefined) return [];
  const unused =
    field === 'personalNumberCheckDigit' &&
    lines[digit.line]?.slice(checked?.start, digit.end).replaceAll('<', '') === '';
  if (unused) return [];
  const from = field !== 'compositeCheckDigit' && checked?.line === digit.line ? checked.start : digit.start;
  return [
    {
      line: digit.line + 1,
      from: from + 1,
      to: digit.end,
      message: `The ${what} and its check digit do not fit.`,
    },
  ];
}

/** `Line 2, characters 1 to 10` */
export function placeWords({ line, from, to }: LineFault): string {
  return from === to ? `Line ${line}, character ${from}` : `Line ${line}, characters ${from} to ${to}`;
}
