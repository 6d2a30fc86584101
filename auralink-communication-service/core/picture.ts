/**
 * Pictures as they come in: PNG, JPEG or WebP by their own bytes, whatever they are called, and without what cameras
 * and programs write beside the pixels (place, time, device, comments).
 */

export type PictureType = 'image/png' | 'image/jpeg' | 'image/webp';

export interface Picture {
  readonly type: PictureType;
  readonly bytes: Buffer;
}

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Chunks that a PNG is shown by (PNG specification, 11). */
const PNG_KEPT = new Set([
  'IHDR',
  'PLTE',
  'IDAT',
  'IEND',
  'tRNS',
  'gAMA',
  'cHRM',
  'sRGB',
  'iCCP',
  'sBIT',
  'pHYs',
]);
const WEBP_DROPPED = new Set(['EXIF', 'XMP ']);
/** Bits of VP8X that announce EXIF and XMP (WebP container specification). */
const VP8X_METADATA = 0x08 | 0x04;

/** Null when it is none of the three, or broken. */
export function cleanPicture(bytes: Buffer): Picture | null {
  try {
    if (bytes.subarray(0, 8).equals(PNG)) return { type: 'image/png', bytes: cleanPng(bytes) };
    if (bytes[0] === 0xff && bytes[1] === 0xd8) return { type: 'image/jpeg', bytes: cleanJpeg(bytes) };
    if (bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP') {
      return { type: 'image/webp', bytes: cleanWebp(bytes) };
    }
    return null;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** What we keep was cleaned: its first byte tells the type. */
export function typeOfPicture(bytes: Buffer): PictureType {
  if (bytes[0] === 0x89) return 'image/png';
  return bytes[0] === 0xff ? 'image/jpeg' : 'image/webp';
}

function slice(bytes: Buffer, from: number, to: number): Buffer {
  if (to > bytes.length || to < from) throw new RangeError('the picture ends too early');
  return bytes.subarray(from, to);
}

function cleanPng(bytes: Buffer): Buffer {
  const kept: Buffer[] = [PNG];
  for (let at = PNG.length; ; ) {
    const length = bytes.readUInt32BE(at);
    const chunk = slice(bytes, at, at + 12 + length);
    const type = chunk.toString('latin1', 4, 8);
    if (PNG_KEPT.has(type)) kept.push(chunk);
    if (type === 'IEND') return Buffer.concat(kept);
    at += chunk.length;
  }
}

function cleanJpeg(bytes: Buffer): Buffer {
  const kept = [slice(bytes, 0, 2)];
  for (let at = 2; ; ) {
    if (bytes.readUInt8(at) !== 0xff) throw new RangeError('no marker where one must be');
    const marker = bytes.readUInt8(at + 1);
    // Start of scan: from here on only pixels, to the end.
    if (marker === 0xda) return Buffer.concat([...kept, slice(bytes, at, bytes.length)]);
    const segment = slice(bytes, at, at + 2 + bytes.readUInt16BE(at + 2));
    const isMetadata = (marker >= 0xe1 && marker <= 0xef && marker !== 0xee) || marker === 0xfe;
    if (!isMetadata) kept.push(segment);
    at += segment.length;
  }
}

function cleanWebp(bytes: Buffer): Buffer {
  const kept: Buffer[] = [];
  const end = Math.min(bytes.length, 8 + bytes.readUInt32LE(4));
  for (let at = 12; at < end; ) {
    const length = bytes.readUInt32LE(at + 4);
    const chunk = Buffer.from(slice(bytes, at, at + 8 + length + (length % 2)));
    const type = chunk.toString('latin1', 0, 4);
    if (type === 'VP8X') chunk.writeUInt8(chunk.readUInt8(8) & ~VP8X_METADATA, 8);
    if (!WEBP_DROPPED.has(type)) kept.push(chunk);
    at += chunk.length;
  }
  const body = Buffer.concat(kept);
  if (body.length === 0) throw new RangeError('it has no chunk');
  const head = Buffer.from('RIFF....WEBP', 'latin1');
  head.writeUInt32LE(body.length + 4, 4);
  return Buffer.concat([head, body]);
}
