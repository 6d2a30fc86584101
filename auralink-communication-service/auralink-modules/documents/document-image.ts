/** Pictures of documents as they come in: one picture and nothing else, of a size that can be shown, without metadata. */
import { AuraError } from '../../core/errors.ts';
import { cleanPicture, type PictureType } from '../../core/picture.ts';
import { measurePicture } from '../../core/picture-size.ts';
import { DOCUMENT_IMAGE_MAX_PIXELS, DOCUMENT_IMAGE_MIN_SIDE } from './model.ts';

export interface DocumentImage {
  readonly type: PictureType;
  readonly bytes: Buffer;
  readonly width: number;
  readonly height: number;
}

function refused(reason: string, message: string): AuraError {
  return new AuraError('invalid', message, { field: 'body', reason });
}

/** Throws invalid (not_a_picture, not_only_a_picture, moving_picture, too_many_pixels, too_small). Nothing is decoded. */
export function takeImage(uploaded: Buffer): DocumentImage {
  const size = measurePicture(uploaded);
  const cleaned = size === null ? null : cleanPicture(uploaded);
  if (size === null || cleaned === null) {
    throw refused('not_a_picture', 'This is no PNG, JPEG or WebP picture, or a broken one.');
  }
  if (size.end !== uploaded.length) {
    throw refused(
      'not_only_a_picture',
      'Something else follows the picture in this file; save it as a plain picture.',
    );
  }
  if (size.moves) throw refused('moving_picture', 'This picture moves; send one that stands still.');
  const { width, height } = size;
  if (width * height > DOCUMENT_IMAGE_MAX_PIXELS) {
    throw refused('too_many_pixels', `The picture has ${width} × ${height} pixels; send one with fewer.`);
  }
  if (Math.max(width, height) < DOCUMENT_IMAGE_MIN_SIDE || Math.min(width, height) === 0) {
    throw refused('too_small', `The picture has ${width} × ${height} pixels; nothing can be read on it.`);
  }
  return { ...cleaned, width, height };
}
