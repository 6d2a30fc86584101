/** Photos of documents as they are uploaded: drawn anew, so that what the camera wrote beside the pixels stays out. */
import { drawn } from './drawn.ts';

/** Drawn anew: what the camera wrote beside the pixels stays out. Throws as `drawn`. */
export async function plainPhoto(photo: Blob, maxBytes: number): Promise<Blob> {
  const canvas = await drawn(photo, 3_000);
  for (const quality of [0.92, 0.8, 0.65, 0.5]) {
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/jpeg', quality));
    if (blob !== null && blob.size <= maxBytes) return blob;
  }
  throw new Error('This picture stays too large. Take a plainer one.');
}
