/** Machine readable zones with right check digits, computed here from ICAO Doc 9303-3 and not by the code under test. */

export interface Printed {
  readonly code?: string;
  readonly state?: string;
  readonly surname?: string;
  readonly given?: string;
  readonly number?: string;
  readonly nationality?: string;
  readonly birth?: string;
  readonly sex?: string;
  readonly expiry?: string;
  readonly optional?: string;
}

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** Weights 7, 3, 1; a filler is 0 (9303-3, 4.9). */
export function checkDigit(text: string): string {
  let sum = 0;
  for (const [index, character] of [...text].entries()) {
    const value = character === '<' ? 0 : ALPHABET.indexOf(character);
    sum += value * ([7, 3, 1][index % 3] ?? 0);
  }
  return String(sum % 10);
}

const filled = (text: string, length: number): string => text.padEnd(length, '<').slice(0, length);
const checked = (text: string): string => text + checkDigit(text);

const SPECIMEN: Required<Printed> = {
  code: 'P',
  state: 'UTO',
  surname: 'ERIKSSON',
  given: 'ANNA<MARIA',
  number: 'L898902C3',
  nationality: 'UTO',
  birth: '740812',
  sex: 'F',
  expiry: '320415',
  optional: '',
};

export function td3(printed: Printed = {}): string[] {
  const d = { ...SPECIMEN, ...printed };
  const number = checked(filled(d.number, 9));
  const birth = checked(d.birth);
  const rest = checked(d.expiry) + checked(filled(d.optional, 14));
  return [
    filled(d.code, 2) + filled(d.state, 3) + filled(`${d.surname}<<${d.given}`, 39),
    `${number}${filled(d.nationality, 3)}${birth}${d.sex}${rest}${checkDigit(number + birth + rest)}`,
  ];
}

export function td2(printed: Printed = {}): string[] {
  const d = { ...SPECIMEN, code: 'I', ...printed };
  const number = checked(filled(d.number, 9));
  const birth = checked(d.birth);
  const rest = checked(d.expiry) + filled(d.optional, 7);
  return [
    filled(d.code, 2) + filled(d.state, 3) + filled(`${d.surname}<<${d.given}`, 31),
    `${number}${filled(d.nationality, 3)}${birth}${d.sex}${rest}${checkDigit(number + birth + rest)}`,
  ];
}

export function td1(printed: Printed = {}): string[] {
  const d = { ...SPECIMEN, code: 'I', ...printed };
  const number = checked(filled(d.number, 9)) + filled(d.optional, 15);
  const birth = checked(d.birth);
  const expiry = checked(d.expiry);
  const more = filled('', 11);
  return [
    filled(d.code, 2) + filled(d.state, 3) + number,
    `${birth}${d.sex}${expiry}${filled(d.nationality, 3)}${more}${checkDigit(number + birth + expiry + more)}`,
    filled(`${d.surname}<<${d.given}`, 30),
  ];
}
