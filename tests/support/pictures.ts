/** Pictures for tests: as small as they can be for what they claim, and built to hurt. */
import { crc32, deflateSync } from 'node:zlib';

function chunk(name: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** Grey; `pixels`: false leaves them out, so that only the head claims the size. */
export function png(
  width: number,
  height: number,
  options: { pixels?: boolean; extra?: Buffer[] } = {},
): Buffer {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 0, 0, 0, 0], 8);
  const rows = options.pixels === false ? Buffer.alloc(0) : Buffer.alloc((width + 1) * height, 0x80);
  for (let row = 0; row * (width + 1) < rows.length; row += 1) rows[row * (width + 1)] = 0;
  const parts = [
    chunk('IHDR', head),
    ...(options.extra ?? []),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ];
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), ...parts]);
}

export const pngText = (text: string): Buffer => chunk('tEXt', Buffer.from(`Comment\0${text}`, 'latin1'));
/** A text where pixels are: it stays in a picture that loses its metadata. */
export const pngPixels = (text: string): Buffer => chunk('IDAT', Buffer.from(text, 'latin1'));
export const pngFrames = (): Buffer => chunk('acTL', Buffer.from([0, 0, 0, 2, 0, 0, 0, 0]));

const segment = (marker: number, data: Buffer): Buffer => {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(data.length + 2);
  return Buffer.concat([Buffer.from([0xff, marker]), length, data]);
};

/** Its structure only: no decoder would show it. */
export function jpeg(
  width: number,
  height: number,
  options: { before?: Buffer[]; scan?: Buffer; after?: Buffer } = {},
): Buffer {
  const frame = Buffer.from([8, 0, 0, 0, 0, 1, 1, 0x11, 0]);
  frame.writeUInt16BE(height, 1);
  frame.writeUInt16BE(width, 3);
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    ...(options.before ?? []),
    segment(0xc0, frame),
    segment(0xda, Buffer.from([1, 1, 0, 0, 63, 0])),
    options.scan ?? Buffer.from([0x12, 0xff, 0x00, 0x34, 0xff, 0xd0, 0x56]),
    Buffer.from([0xff, 0xd9]),
    options.after ?? Buffer.alloc(0),
  ]);
}
export const jpegExtra = (marker: number, text: string): Buffer =>
  segment(marker, Buffer.from(text, 'latin1'));

function riff(...chunks: (readonly [string, Buffer])[]): Buffer {
  const body = Buffer.concat(
    chunks.map(([name, data]) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(data.length);
      return Buffer.concat([Buffer.from(name, 'latin1'), length, data, Buffer.alloc(data.length % 2)]);
    }),
  );
  const head = Buffer.from('RIFF....WEBP', 'latin1');
  head.writeUInt32LE(body.length + 4, 4);
  return Buffer.concat([head, body]);
}

export function webp(
  width: number,
  height: number,
  kind: 'VP8 ' | 'VP8L' | 'VP8X' | 'moving' = 'VP8 ',
): Buffer {
  const lossy = Buffer.alloc(12);
  lossy.writeUInt16LE(width & 0x3fff, 6);
  lossy.writeUInt16LE(height & 0x3fff, 8);
  const lossless = Buffer.alloc(8);
  lossless[0] = 0x2f;
  lossless.writeUInt32LE(((((height - 1) & 0x3fff) << 14) | ((width - 1) & 0x3fff)) >>> 0, 1);
  const extended = Buffer.alloc(10);
  extended.writeUIntLE(width - 1, 4, 3);
  extended.writeUIntLE(height - 1, 7, 3);
  if (kind === 'VP8 ') return riff(['VP8 ', lossy]);
  if (kind === 'VP8L') return riff(['VP8L', lossless]);
  if (kind === 'VP8X')
    return riff(['VP8X', extended], ['EXIF', Buffer.from('where she lives')], ['VP8L', lossless]);
  return riff(['VP8X', extended], ['ANIM', Buffer.alloc(6)], ['VP8L', lossless]);
}
