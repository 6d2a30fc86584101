/**
 * QR codes (ISO/IEC 18004) of deep links, as modules and as SVG: byte mode, error correction level M, versions 1 to 3,
 * which hold the longest address and have a single block, so that nothing is interleaved.
 */

/** Data and error correction codewords of versions 1, 2 and 3 at level M. */
const CAPACITY = [
  { data: 16, correction: 10 },
  { data: 28, correction: 16 },
  { data: 44, correction: 26 },
] as const;
/** Bytes of a text that fits: `aura:@` + 30 + `.aura` are 41. */
export const QR_TEXT_MAX_BYTES = 42;
/** Light modules around the code that readers need. */
const QUIET_ZONE = 4;
const FORMAT_MASK = 0x5412;
/** Level M is 00. */
const LEVEL_BITS = 0;

/** `modules[row][column]`; true is dark. */
export type QrModules = readonly (readonly boolean[])[];

/** The modules of `text`. Throws RangeError when it has more than QR_TEXT_MAX_BYTES. */
export function qrModules(text: string): QrModules {
  const bytes = Buffer.from(text, 'utf8');
  const version = CAPACITY.findIndex(({ data }) => bytes.length + 2 <= data) + 1;
  const capacity = CAPACITY[version - 1];
  if (capacity === undefined) throw new RangeError(`at most ${QR_TEXT_MAX_BYTES} bytes fit`);
  const data = dataCodewords(bytes, capacity.data);
  const codewords = [...data, ...correctionCodewords(data, capacity.correction)];
  const masked = Array.from({ length: 8 }, (_, mask) => draw(version, codewords, mask));
  return masked.reduce((best, modules) => (penaltyOf(modules) < penaltyOf(best) ? modules : best));
}

/** An image without any fixed size, black on white, whatever the page around it. */
export function qrSvg(text: string): string {
  const modules = qrModules(text);
  const size = modules.length + 2 * QUIET_ZONE;
  const path = modules
    .flatMap((row, y) => row.map((dark, x) => (dark ? `M${x + QUIET_ZONE} ${y + QUIET_ZONE}h1v1h-1z` : '')))
    .join('');
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges">` +
    `<path fill="#fff" d="M0 0h${size}v${size}H0z"/><path d="${path}"/></svg>`
  );
}

function dataCodewords(bytes: Buffer, count: number): number[] {
  const bits = `0100${bytes.length.toString(2).padStart(8, '0')}${[...bytes]
    .map((byte) => byte.toString(2).padStart(8, '0'))
    .join('')}0000`;
  const words = bits.match(/.{8}/g)?.map((word) => Number.parseInt(word, 2)) ?? [];
  for (let pad = 0; words.length < count; pad++) words.push(pad % 2 === 0 ? 0xec : 0x11);
  return words;
}

/** Product in GF(256) modulo x⁸ + x⁴ + x³ + x² + 1. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) {
    product = (product << 1) ^ ((product >> 7) * 0x11d);
    if ((b >> bit) & 1) product ^= a;
  }
  return product;
}

/** Reed-Solomon: the remainder of the data, as a polynomial, by ∏ (x − 2ⁱ). */
export function correctionCodewords(data: readonly number[], count: number): number[] {
  let divisor = [1];
  for (let i = 0, root = 1; i < count; i++, root = multiply(root, 2)) {
    const next = [...divisor, 0];
    divisor.forEach((factor, at) => {
      next[at + 1] = (next[at + 1] ?? 0) ^ multiply(factor, root);
    });
    divisor = next;
  }
  const rest = [...data, ...new Array<number>(count).fill(0)];
  for (let at = 0; at < data.length; at++) {
    const lead = rest[at] ?? 0;
    divisor.forEach((factor, i) => {
      rest[at + i] = (rest[at + i] ?? 0) ^ multiply(factor, lead);
    });
  }
  return rest.slice(data.length);
}

const MASKS: readonly ((y: number, x: number) => boolean)[] = [
  (y, x) => (y + x) % 2 === 0,
  (y) => y % 2 === 0,
  (_y, x) => x % 3 === 0,
  (y, x) => (y + x) % 3 === 0,
  (y, x) => (Math.floor(y / 2) + Math.floor(x / 3)) % 2 === 0,
  (y, x) => ((y * x) % 2) + ((y * x) % 3) === 0,
  (y, x) => (((y * x) % 2) + ((y * x) % 3)) % 2 === 0,
  (y, x) => (((y + x) % 2) + ((y * x) % 3)) % 2 === 0,
];

function draw(version: number, codewords: readonly number[], mask: number): QrModules {
  const size = 17 + 4 * version;
  const grid: (boolean | null)[][] = Array.from({ length: size }, () => new Array(size).fill(null));
  const set = (y: number, x: number, dark: boolean): void => {
    const row = grid[y];
    if (row !== undefined && x >= 0 && x < size) row[x] = dark;
  };
  for (let i = 0; i < size; i++) {
    set(6, i, i % 2 === 0);
    set(i, 6, i % 2 === 0);
  }
  drawFinders(size, set);
  // Version 1 has no alignment pattern; 2 and 3 have one.
  if (version > 1) square(set, size - 7, size - 7, 2, (ring) => ring !== 1);
  drawFormat(size, mask, set);
  fill(grid, codewords, mask);
  return grid.map((row) => row.map((dark) => dark === true));
}

type SetModule = (y: number, x: number, dark: boolean) => void;

function square(set: SetModule, y: number, x: number, radius: number, dark: (ring: number) => boolean): void {
  for (let dy = -radius; dy <= radius; dy++) {
    for (let dx = -radius; dx <= radius; dx++) {
      set(y + dy, x + dx, dark(Math.max(Math.abs(dy), Math.abs(dx))));
    }
  }
}

function drawFinders(size: number, set: SetModule): void {
  for (const [y, x] of [
    [3, 3],
    [3, size - 4],
    [size - 4, 3],
  ] as const) {
    square(set, y, x, 4, (ring) => ring !== 2 && ring !== 4);
  }
}

/** Level and mask, twice, with their own error correction (BCH 15,5). */
function drawFormat(size: number, mask: number, set: SetModule): void {
  const data = (LEVEL_BITS << 3) | mask;
  let rest = data;
  for (let i = 0; i < 10; i++) rest = (rest << 1) ^ ((rest >> 9) * 0x537);
  const bits = ((data << 10) | rest) ^ FORMAT_MASK;
  const bit = (i: number): boolean => ((bits >> i) & 1) === 1;
  for (let i = 0; i < 15; i++) {
    const along = i < 6 ? i : i < 8 ? i + 1 : size - 15 + i;
    set(along, 8, bit(i));
    const across = i < 8 ? size - 1 - i : i === 8 ? 7 : 14 - i;
    set(8, across, bit(i));
  }
  set(size - 8, 8, true);
}

/** Two columns at a time from the right, up and down by turns, past the timing column. */
function fill(grid: (boolean | null)[][], codewords: readonly number[], mask: number): void {
  const size = grid.length;
  const inverted = MASKS[mask];
  let at = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    const upwards = ((right + 1) & 2) === 0;
    for (let step = 0; step < size; step++) {
      const y = upwards ? size - 1 - step : step;
      for (const x of [right, right - 1]) {
        const row = grid[y];
        if (row === undefined || row[x] !== null) continue;
        const dark = (((codewords[at >> 3] ?? 0) >> (7 - (at & 7))) & 1) === 1;
        at++;
        row[x] = dark !== inverted?.(y, x);
      }
    }
  }
}

/** How hard a reader would find it: runs, blocks, false finders, and too much of one colour. */
function penaltyOf(modules: QrModules): number {
  const size = modules.length;
  const columns = modules.map((_, x) => modules.map((row) => row[x] === true));
  let penalty = 0;
  for (const line of [...modules, ...columns]) {
    const text = line.map((dark) => (dark ? '1' : '0')).join('');
    for (const run of text.match(/0{5,}|1{5,}/g) ?? []) penalty += run.length - 2;
    penalty += 40 * (text.match(/(?=10111010000|00001011101)/g) ?? []).length;
  }
  let dark = 0;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const here = modules[y]?.[x];
      if (here) dark++;
      if (y === 0 || x === 0) continue;
      if ([modules[y - 1]?.[x], modules[y]?.[x - 1], modules[y - 1]?.[x - 1]].every((m) => m === here)) {
        penalty += 3;
      }
    }
  }
  return penalty + 10 * Math.floor(Math.abs((dark * 100) / (size * size) - 50) / 5);
}
