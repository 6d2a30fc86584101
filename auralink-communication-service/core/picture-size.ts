/**
 * How large a picture is and where it ends, read from its own structure before anybody decodes it (PNG 11.2, JPEG B.2,
 * WebP container). What follows its end, or stands where pixels should be, may be another file: it is told.
 */
import { type PictureType, typeOfPicture } from './picture.ts';

export interface PictureSize {
  readonly type: PictureType;
  readonly width: number;
  readonly height: number;
  /** It has several frames. */
  readonly moves: boolean;
  /** Where it ends; bytes behind that belong to something else. */
  readonly end: number;
}

interface Frame {
  readonly width: number;
  readonly height: number;
}

/** Null when it is none of the three, or broken. */
export function measurePicture(bytes: Buffer): PictureSize | null {
  try {
    if (bytes.length < 12) return null;
    const type = typeOfPicture(bytes);
    if (type === 'image/png') return { type, ...measurePng(bytes) };
    if (type === 'image/jpeg') return { type, ...measureJpeg(bytes) };
    return { type, ...measureWebp(bytes) };
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

const chunkName = (bytes: Buffer, at: number): string => bytes.toString('latin1', at, at + 4);

function measurePng(bytes: Buffer): Omit<PictureSize, 'type'> {
  if (chunkName(bytes, 12) !== 'IHDR') throw new RangeError('no head');
  const frame: Frame = { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
  let moves = false;
  for (let at = 8; ; ) {
    const name = chunkName(bytes, at + 4);
    const next = at + 12 + bytes.readUInt32BE(at);
    if (next > bytes.length) throw new RangeError('it ends too early');
    if (name === 'acTL') moves = true;
    if (name === 'IHDR' && at !== 8) throw new RangeError('two heads');
    if (name === 'IEND') return { ...frame, moves, end: next };
    at = next;
  }
}

function measureJpeg(bytes: Buffer): Omit<PictureSize, 'type'> {
  let frame: Frame | null = null;
  let scans = 0;
  for (let at = 2; ; ) {
    if (bytes.readUInt8(at) !== 0xff) throw new RangeError('no marker where one must be');
    const marker = bytes.readUInt8(at + 1);
    if (marker === 0xd9) {
      if (frame === null || scans === 0) throw new RangeError('no picture in it');
      return { ...frame, moves: false, end: at + 2 };
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) {
      if (frame !== null) throw new RangeError('two heads');
      frame = { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) };
    }
    // Comments and what programs add stand before the pixels, where they are taken out.
    const isExtra = marker >= 0xe0 && (marker <= 0xef || marker === 0xfe);
    if (isExtra && scans > 0) throw new RangeError('something among the pixels');
    at += 2 + bytes.readUInt16BE(at + 2);
    if (marker === 0xda) {
      scans += 1;
      at = endOfScan(bytes, at);
    }
  }
}

/** The next marker that is neither a stuffed byte nor a restart. */
function endOfScan(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(0xff, from); at !== -1; at = bytes.indexOf(0xff, at + 1)) {
    const next = bytes.readUInt8(at + 1);
    if (next !== 0 && next !== 0xff && !(next >= 0xd0 && next <= 0xd7)) return at;
  }
  throw new RangeError('it ends too early');
}

function measureWebp(bytes: Buffer): Omit<PictureSize, 'type'> {
  if (chunkName(bytes, 0) !== 'RIFF' || chunkName(bytes, 8) !== 'WEBP') throw new RangeError('no WebP');
  const end = 8 + bytes.readUInt32LE(4);
  if (end > bytes.length) throw new RangeError('it ends too early');
  let [width, height, moves] = [0, 0, false];
  for (let at = 12; at < end; ) {
    const name = chunkName(bytes, at);
    const size = bytes.readUInt32LE(at + 4);
    if (name === 'ANIM' || name === 'ANMF') moves = true;
    const found = webpFrame(bytes, name, at + 8);
    // The largest that any chunk speaks of: decoders differ in which one they believe.
    width = Math.max(width, found?.width ?? 0);
    height = Math.max(height, found?.height ?? 0);
    at += 8 + size + (size % 2);
    if (at > end) throw new RangeError('it ends too early');
  }
  if (width === 0) throw new RangeError('no picture in it');
  return { width, height, moves, end };
}

function webpFrame(bytes: Buffer, name: string, at: number): Frame | null {
  if (name === 'VP8X')
    return { width: bytes.readUIntLE(at + 4, 3) + 1, height: bytes.readUIntLE(at + 7, 3) + 1 };
  if (name === 'VP8 ') {
    return { width: bytes.readUInt16LE(at + 6) & 0x3fff, height: bytes.readUInt16LE(at + 8) & 0x3fff };
  }
  if (name !== 'VP8L') return null;
  const packed = bytes.readUInt32LE(at + 1);
  return { width: (packed & 0x3fff) + 1, height: ((packed >>> 14) & 0x3fff) + 1 };
}
