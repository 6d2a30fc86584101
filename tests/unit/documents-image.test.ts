/** Pictures of documents: measured before anybody decodes them, and nothing but a picture. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { takeImage } from '../../auralink-communication-service/auralink-modules/documents/document-image.ts';
import { measurePicture } from '../../auralink-communication-service/core/picture-size.ts';
import { jpeg, jpegExtra, png, pngFrames, pngText, webp } from '../support/pictures.ts';

const reasonOf = (bytes: Buffer): string | null => {
  try {
    takeImage(bytes);
    return null;
  } catch (error) {
    return String((error as { details: { reason: string } }).details.reason);
  }
};

test('each kind is measured from its own structure, and loses what is written beside the pixels', () => {
  for (const bytes of [
    png(640, 480),
    jpeg(640, 480),
    webp(640, 480),
    webp(640, 480, 'VP8L'),
    webp(640, 480, 'VP8X'),
  ]) {
    const { width, height } = takeImage(bytes);
    assert.deepEqual([width, height], [640, 480], bytes.subarray(0, 16).toString('latin1'));
  }
  const where = 'where she lives';
  for (const bytes of [
    png(640, 480, { extra: [pngText(where)] }),
    jpeg(640, 480, { before: [jpegExtra(0xe1, where), jpegExtra(0xfe, where)] }),
    webp(640, 480, 'VP8X'),
  ]) {
    assert.ok(bytes.includes(where));
    const taken = takeImage(bytes);
    assert.ok(!taken.bytes.includes(where));
    assert.deepEqual(measurePicture(taken.bytes)?.end, taken.bytes.length);
  }
});

test('decompression bombs are refused by what their head says', () => {
  assert.equal(reasonOf(png(60_000, 60_000, { pixels: false })), 'too_many_pixels');
  assert.equal(reasonOf(jpeg(65_535, 65_535)), 'too_many_pixels');
  assert.equal(reasonOf(webp(16_384, 16_384, 'VP8L')), 'too_many_pixels');
  assert.equal(reasonOf(webp(16_777_216, 16_777_216, 'VP8X')), 'too_many_pixels');
  assert.equal(reasonOf(png(1, 1)), 'too_small');
  assert.equal(reasonOf(png(0, 800, { pixels: false })), 'too_small');
});

test('polyglots: another file behind the picture, among its pixels, or in its place', () => {
  const zip = Buffer.from('PK\u0003\u0004 and so on');
  const page = Buffer.from('<html><script>alert(1)</script></html>');
  for (const bytes of [png(640, 480), jpeg(640, 480), webp(640, 480)]) {
    assert.equal(reasonOf(Buffer.concat([bytes, zip])), 'not_only_a_picture');
    assert.equal(reasonOf(Buffer.concat([bytes, page])), 'not_only_a_picture');
    assert.equal(reasonOf(Buffer.concat([page, bytes])), 'not_a_picture');
    assert.equal(reasonOf(bytes.subarray(0, bytes.length - 3)), 'not_a_picture');
  }
  const among = jpeg(640, 480, { scan: Buffer.concat([Buffer.of(1, 2), jpegExtra(0xfe, '<script>')]) });
  assert.equal(reasonOf(among), 'not_a_picture');
  assert.equal(reasonOf(jpeg(640, 480, { after: jpeg(640, 480) })), 'not_only_a_picture');
  for (const bytes of [
    Buffer.from('%PDF-1.7'),
    Buffer.from('GIF89a......'),
    page,
    Buffer.alloc(0),
    Buffer.alloc(100),
  ]) {
    assert.equal(reasonOf(bytes), 'not_a_picture');
  }
});

test('what moves is no picture of a document', () => {
  assert.equal(reasonOf(png(640, 480, { extra: [pngFrames()] })), 'moving_picture');
  assert.equal(reasonOf(webp(640, 480, 'moving')), 'moving_picture');
});

test('broken ones are refused at whatever byte they break', () => {
  for (const bytes of [png(400, 40), jpeg(400, 400), webp(400, 400, 'VP8X')]) {
    for (let length = 0; length < bytes.length; length += 1) {
      assert.equal(reasonOf(bytes.subarray(0, length)), 'not_a_picture', String(length));
    }
  }
});
