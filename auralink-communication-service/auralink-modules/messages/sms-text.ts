/**
 * How an SMS is coded and into how many parts it falls (3GPP TS 23.038 and 23.040): 160 septets of the GSM alphabet in
 * one part and 153 in each of several, or 70 and 67 UTF-16 units (UCS-2) when a character is not in that alphabet.
 */

/** Septets of an SMS in one part. */
export const SMS_SEPTETS_MAX = 160;
const SMS_SEPTETS_OF_PART = 153;
const SMS_UNITS_MAX = 70;
const SMS_UNITS_OF_PART = 67;
const ESCAPE = 0x1b;

/** 3GPP TS 23.038, 6.2.1, by code; ESC stands at its place. */
const BASIC =
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u001bÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?' +
  '¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà';
/** 6.2.1.1, behind an escape. */
const EXTENDED: Readonly<Record<string, number>> = {
  '\f': 0x0a,
  '^': 0x14,
  '{': 0x28,
  '}': 0x29,
  '\\': 0x2f,
  '[': 0x3c,
  '~': 0x3d,
  ']': 0x3e,
  '|': 0x40,
  '€': 0x65,
};
const CODES: ReadonlyMap<string, readonly number[]> = new Map([
  ...[...BASIC].flatMap((character, code): [string, number[]][] =>
    code === ESCAPE ? [] : [[character, [code]]],
  ),
  ...Object.entries(EXTENDED).map(([character, code]): [string, number[]] => [character, [ESCAPE, code]]),
]);

export interface CodedSms {
  readonly alphabet: 'gsm7' | 'ucs2';
  /** One septet a byte, or UTF-16 with the high byte first. */
  readonly bytes: Buffer;
  readonly parts: number;
}

export function codeSms(text: string): CodedSms {
  const septets = [...text].map((character) => CODES.get(character));
  if (septets.every((codes) => codes !== undefined)) {
    const parts = partsOf(
      septets.map((codes) => codes.length),
      SMS_SEPTETS_MAX,
      SMS_SEPTETS_OF_PART,
    );
    return { alphabet: 'gsm7', bytes: Buffer.from(septets.flat()), parts };
  }
  const bytes = Buffer.from(text, 'utf16le').swap16();
  const parts = partsOf(
    [...text].map((character) => character.length),
    SMS_UNITS_MAX,
    SMS_UNITS_OF_PART,
  );
  return { alphabet: 'ucs2', bytes, parts };
}

/** No character is torn between two parts: an escape stays with its code, as do both halves of a pair. */
function partsOf(sizes: readonly number[], whole: number, part: number): number {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total <= whole) return 1;
  let [parts, room] = [1, part];
  for (const size of sizes) {
    if (size > room) {
      parts += 1;
      room = part;
    }
    room -= size;
  }
  return parts;
}
