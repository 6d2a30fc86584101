/** Makes a photo small enough for a profile, in the page: what the camera wrote beside it (places, times) stays out. */

export const PICTURE_TYPES = 'image/png,image/jpeg,image/webp';
/** The service takes no larger one. */
const PICTURE_MAX_BYTES = 262_144;
const SIDE_PX = 512;
const QUALITIES = [0.9, 0.75, 0.6, 0.45];

/** A square from its middle, as JPEG. Throws an Error whose message is for people. */
export async function shrink(file: Blob): Promise<Blob> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error('This file is not a picture that we can read. Take a PNG, a JPEG or a WebP.');
  }
  const canvas = document.createElement('canvas');
  canvas.width = SIDE_PX;
  canvas.height = SIDE_PX;
  const context = canvas.getContext('2d');
  if (context === null) throw new Error('This browser cannot draw the picture.');
  const side = Math.min(bitmap.width, bitmap.height);
  const [left, top] = [(bitmap.width - side) / 2, (bitmap.height - side) / 2];
  // JPEG knows no transparency: white, not black, shows through.
  context.fillStyle = '#ffffff';
  context.fillRect(0, 0, SIDE_PX, SIDE_PX);
  context.drawImage(bitmap, left, top, side, side, 0, 0, SIDE_PX, SIDE_PX);
  bitmap.close();
  for (const quality of QUALITIES) {
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/jpeg', quality));
    if (blob !== null && blob.size <= PICTURE_MAX_BYTES) return blob;
  }
  throw new Error('This picture stays too large. Take a plainer one.');
}
