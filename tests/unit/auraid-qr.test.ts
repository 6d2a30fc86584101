/**
 * QR codes: the error correction against the published vector of ISO/IEC 18004's own example, and every code read back
 * by a reader that knows nothing of how it was drawn.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  correctionCodewords,
  QR_TEXT_MAX_BYTES,
  type QrModules,
  qrModules,
  qrSvg,
} from '../../auralink-communication-service/auralink-modules/auraid/qr.ts';

const DATA_CODEWORDS = [16, 28, 44] as const;
const CORRECTION_CODEWORDS = [10, 16, 26] as const;

/** ISO/IEC 18004, table C.1: the fifteen bits for level M and each mask. */
const FORMATS = [0x5412, 0x5125, 0x5e7c, 0x5b4b, 0x45f9, 0x40ce, 0x4f97, 0x4aa0] as const;

const isMasked: readonly ((i: number, j: number) => boolean)[] = [
  (i, j) => (i + j) % 2 === 0,
  (i) => i % 2 === 0,
  (_i, j) => j % 3 === 0,
  (i, j) => (i + j) % 3 === 0,
  (i, j) => ((i >> 1) + Math.floor(j / 3)) % 2 === 0,
  (i, j) => ((i * j) % 2) + ((i * j) % 3) === 0,
  (i, j) => (((i * j) % 2) + ((i * j) % 3)) % 2 === 0,
  (i, j) => (((i + j) % 2) + ((i * j) % 3)) % 2 === 0,
];

function formatOf(code: QrModules): { first: number; second: number } {
  const size = code.length;
  const at = (y: number, x: number) => (code[y]?.[x] ? '1' : '0');
  const [last, end] = [size - 1, size - 8];
  // From the most significant bit on, as figure 25 of the standard counts them.
  const first = [0, 1, 2, 3, 4, 5, 7, 8]
    .map((x) => at(8, x))
    .concat([7, 5, 4, 3, 2, 1, 0].map((y) => at(y, 8)));
  const second = Array.from({ length: 7 }, (_, i) => at(last - i, 8)).concat(
    Array.from({ length: 8 }, (_, i) => at(8, end + i)),
  );
  return { first: Number.parseInt(first.join(''), 2), second: Number.parseInt(second.join(''), 2) };
}

/** Modules that carry no data: finders with their formats, timing, and the alignment pattern. */
function isFunction(y: number, x: number, size: number): boolean {
  const corner = (y < 9 && (x < 9 || x >= size - 8)) || (y >= size - 8 && x < 9);
  const aligned = size > 21 && Math.abs(y - (size - 7)) <= 2 && Math.abs(x - (size - 7)) <= 2;
  return corner || y === 6 || x === 6 || aligned;
}

function codewordsOf(code: QrModules, mask: number): number[] {
  const size = code.length;
  let bits = '';
  let upwards = true;
  for (const right of Array.from({ length: (size - 1) / 2 }, (_, i) => size - 1 - 2 * i).map((x) =>
    x <= 6 ? x - 1 : x,
  )) {
    for (let step = 0; step < size; step++) {
      const y = upwards ? size - 1 - step : step;
      for (const x of [right, right - 1]) {
        if (!isFunction(y, x, size)) bits += code[y]?.[x] !== isMasked[mask]?.(y, x) ? '1' : '0';
      }
    }
    upwards = !upwards;
  }
  return bits.match(/.{8}/g)?.map((byte) => Number.parseInt(byte, 2)) ?? [];
}

function read(code: QrModules): string {
  const { first, second } = formatOf(code);
  assert.equal(first, second);
  const mask = FORMATS.indexOf(first as (typeof FORMATS)[number]);
  assert.ok(mask >= 0, 'the format is none of level M');
  const version = (code.length - 17) / 4;
  const words = codewordsOf(code, mask);
  const [data, correction] = [DATA_CODEWORDS[version - 1] ?? 0, CORRECTION_CODEWORDS[version - 1] ?? 0];
  assert.deepEqual(words.slice(data), correctionCodewords(words.slice(0, data), correction));
  const bits = words
    .slice(0, data)
    .map((word) => word.toString(2).padStart(8, '0'))
    .join('');
  assert.equal(bits.slice(0, 4), '0100', 'byte mode');
  const length = Number.parseInt(bits.slice(4, 12), 2);
  const bytes = Array.from({ length }, (_, i) => Number.parseInt(bits.slice(12 + 8 * i, 20 + 8 * i), 2));
  return Buffer.from(bytes).toString('utf8');
}

test('error correction is that of the published example (HELLO WORLD, version 1, level M)', () => {
  const data = [32, 91, 11, 120, 209, 114, 220, 77, 67, 64, 236, 17, 236, 17, 236, 17];
  assert.deepEqual(correctionCodewords(data, 10), [196, 35, 39, 119, 235, 215, 231, 226, 93, 23]);
});

test('every address is read back from its code', () => {
  for (const handle of ['bob', 'alice', 'a-very-long-handle-of-30-chars']) {
    const text = `aura:@${handle}.aura`;
    assert.equal(read(qrModules(text)), text);
  }
  const texts = fc.string({ minLength: 1, maxLength: QR_TEXT_MAX_BYTES, unit: 'grapheme-ascii' });
  fc.assert(fc.property(texts, (text) => read(qrModules(text)) === text));
});

test('finders, timing and the dark module are where readers look for them', () => {
  const finder = ['1111111', '1000001', '1011101', '1011101', '1011101', '1000001', '1111111'];
  for (const text of [
    'aura:@bob.aura',
    'aura:@somebody-else.aura',
    'aura:@a-very-long-handle-of-30-chars.aura',
  ]) {
    const code = qrModules(text);
    const size = code.length;
    const part = (y: number, x: number) =>
      finder.map((_, dy) => finder.map((_row, dx) => (code[y + dy]?.[x + dx] ? '1' : '0')).join(''));
    for (const [y, x] of [
      [0, 0],
      [0, size - 7],
      [size - 7, 0],
    ] as const) {
      assert.deepEqual(part(y, x), finder);
    }
    for (let i = 8; i < size - 8; i++)
      assert.deepEqual([code[6]?.[i], code[i]?.[6]], [i % 2 === 0, i % 2 === 0]);
    assert.equal(code[size - 8]?.[8], true);
  }
});

test('a text that is too long is refused', () => {
  assert.throws(() => qrModules('x'.repeat(QR_TEXT_MAX_BYTES + 1)), RangeError);
});

test('the image has a quiet zone, and a dark square for every dark module', () => {
  const code = qrModules('aura:@alice.aura');
  const svg = qrSvg('aura:@alice.aura');
  assert.match(svg, new RegExp(`viewBox="0 0 ${code.length + 8} ${code.length + 8}"`));
  assert.equal(svg.match(/h1v1h-1z/g)?.length, code.flat().filter(Boolean).length);
  assert.doesNotMatch(svg, /<script|href/);
});
