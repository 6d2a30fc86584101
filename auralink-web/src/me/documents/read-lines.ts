/**
 * Reading the lines from a photo, in this browser and nowhere else: an aid, which misreads. Its program and its language
 * data come from our own origin, when they are first needed.
 */
import languageUrl from '@tesseract.js-data/eng/4.0.0_best_int/eng.traineddata.gz?url';
import workerUrl from 'tesseract.js/dist/worker.min.js?url';
import coreUrl from 'tesseract.js-core/tesseract-core-lstm.wasm.js?url';

/** Pixels of the longer side of what is read: more costs time and finds no more. */
const READ_SIDE_PX = 1_800;
const READ_TIMEOUT_MS = 60_000;

/** Lines that look like a machine readable zone; none when there are none. Throws an Error whose message is for people. */
export async function readLines(photo: Blob): Promise<string[]> {
  const canvas = await drawn(photo, READ_SIDE_PX);
  const { createWorker } = await import('tesseract.js');
  const response = await fetch(languageUrl);
  const data = new Uint8Array(await response.arrayBuffer());
  const worker = await createWorker([{ code: 'eng', data }], 1, {
    workerPath: workerUrl,
    corePath: coreUrl,
    workerBlobURL: false,
    cacheMethod: 'none',
  });
  const timer = setTimeout(() => void worker.terminate(), READ_TIMEOUT_MS);
  try {
    await worker.setParameters({ tessedit_char_whitelist: 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<' });
    const { data: read } = await worker.recognize(canvas);
    return zoneIn(read.text);
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}

/** The last lines that are long and have fillers. */
export function zoneIn(text: string): string[] {
  const lines = text
    .toUpperCase()
    .split('\n')
    .map((line) => line.replace(/[^A-Z0-9<]/g, ''))
    .filter((line) => line.length >= 26 && (line.includes('<<') || /\d{6}/.test(line)));
  const last = lines.slice(-3);
  return last.length === 3 && last.every((line) => line.length <= 32) ? last : last.slice(-2);
}

/** As large as `side` at the most, on white. Throws an Error whose message is for people. */
export async function drawn(photo: Blob, side: number): Promise<HTMLCanvasElement> {
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
