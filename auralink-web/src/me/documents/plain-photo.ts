/** Photos of documents as they are uploaded: drawn anew, so that what the camera wrote beside the pixels stays out. */

/** As large as `side` at the most, on white. Throws an Error whose message is for people. */
async function drawn(photo: Blob, side: number): Promise<HTMLCanvasElement> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(photo);
  } catch {
    throw new Error('This file is not a picture that we can read. Take a PNG, a JPEG or a WebP.');
  }
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.round(bitmap.width * scale);
  canvas.height = Math.round(bitmap.height * scale);
  const context = canvas.getContext('2d');
  if (context === null) throw new Error('This browser cannot draw the picture.');
  context.fillStyle = '#ffffff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas;
}

/** Drawn anew: what the camera wrote beside the pixels stays out. Throws as `drawn`. */
export async function plainPhoto(photo: Blob, maxBytes: number): Promise<Blob> {
  const canvas = await drawn(photo, 3_000);
  for (const quality of [0.92, 0.8, 0.65, 0.5]) {
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/jpeg', quality));
    if (blob !== null && blob.size <= maxBytes) return blob;
  }
  throw new Error('This picture stays too large. Take a plainer one.');
}
