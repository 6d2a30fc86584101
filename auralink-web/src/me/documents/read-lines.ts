/**
 * Reading the lines from a photo, in this browser and nowhere else: an aid, which misreads. Its program and its language
 * data (together 7 MB) come from our own origin, when they are first needed.
 */
import languageUrl from '@tesseract.js-data/eng/4.0.0_best_int/eng.traineddata.gz?url';
import type { Worker } from 'tesseract.js';
import workerUrl from 'tesseract.js/dist/worker.min.js?url';
import coreUrl from 'tesseract.js-core/tesseract-core-simd-lstm.wasm.js?url';
import { drawn } from './drawn.ts';
import { zoneIn } from './zone.ts';

/** Pixels of the longer side of what is read: more costs time and finds no more. */
const READ_SIDE_PX = 1_800;
/** The zone lies in the lower part of a page; where the whole is read badly, that part is read by itself. */
const LOWER_PART = 0.4;
const READ_TIMEOUT_MS = 60_000;
const CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<';

/** Lines that look like a machine readable zone; none when there are none. Throws an Error whose message is for people. */
export async function readLines(photo: Blob): Promise<string[]> {
  const canvas = await drawn(photo, READ_SIDE_PX);
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), READ_TIMEOUT_MS);
  const late = new Promise<never>((_, reject) => {
    over.signal.addEventListener('abort', () =>
      reject(new Error('Reading takes too long on this device. Type the lines, please.')),
    );
  });
  // Waited for below, but maybe never.
  late.catch(() => {});
  let worker: Worker | null = null;
  try {
    worker = await Promise.race([start(over.signal), late]);
    return await Promise.race([read(worker, canvas), late]);
  } finally {
    clearTimeout(timer);
    await worker?.terminate();
  }
}

async function start(signal: AbortSignal): Promise<Worker> {
  const { createWorker, OEM } = await import('tesseract.js');
  // `/assets/eng-….traineddata.gz`: the worker makes the address from folder and language again.
  const [, langPath, language] = /^(.*)\/([\w-]+)\.traineddata\.gz$/.exec(languageUrl) ?? [];
  if (langPath === undefined || language === undefined) throw new Error(`${languageUrl} is no language`);
  const worker = await createWorker(language, OEM.LSTM_ONLY, {
    ...{ workerPath: workerUrl, corePath: coreUrl, langPath },
    workerBlobURL: false,
    cacheMethod: 'none',
    // The promises say it too.
    errorHandler: () => {},
  });
  if (signal.aborted) await worker.terminate();
  return worker;
}

async function read(worker: Worker, canvas: HTMLCanvasElement): Promise<string[]> {
  const { PSM } = await import('tesseract.js');
  await worker.setParameters({ tessedit_char_whitelist: CHARACTERS, tessedit_pageseg_mode: PSM.AUTO });
  const whole = zoneIn((await worker.recognize(canvas)).data.text);
  if (whole.length > 0) return whole;
  await worker.setParameters({ tessedit_pageseg_mode: PSM.SINGLE_BLOCK });
  const top = Math.round(canvas.height * (1 - LOWER_PART));
  const rectangle = { left: 0, top, width: canvas.width, height: canvas.height - top };
  return zoneIn((await worker.recognize(canvas, { rectangle })).data.text);
}
