/** Files of a chip as reader apps hand them out: one by one, or in a zip archive, which is unpacked within bounds only. */
import { promisify } from 'node:util';
import yauzl, { type Entry, type ZipFile } from 'yauzl';
import { isOfChip } from './passive-authentication.ts';

/** Bytes of all files, packed and unpacked: a portrait has 20 to 100 KB, everything a chip holds less than 500. */
export const CHIP_BYTES_MAX = 2_097_152;
/** Files: sixteen data groups, EF.SOD, EF.COM, and a few that belong to none. */
export const CHIP_FILES_MAX = 24;
const ZIP_START = Buffer.from('PK\u0003\u0004', 'latin1');
export type Unpacked = { readonly files: readonly Buffer[] } | { readonly files: null; readonly why: string };

/** `files` empty of what no chip holds (a reader app's own notes). */
export async function unpackChip(uploaded: readonly Buffer[]): Promise<Unpacked> {
  const found: Buffer[] = [];
  for (const bytes of uploaded) {
    if (!bytes.subarray(0, 4).equals(ZIP_START)) {
      found.push(bytes);
      continue;
    }
    try {
      found.push(...(await unzip(bytes)));
    } catch (error) {
      return { files: null, why: error instanceof Error ? error.message : 'the archive is broken' };
    }
  }
  const files = found.filter(isOfChip);
  if (files.length > CHIP_FILES_MAX) return { files: null, why: `more than ${CHIP_FILES_MAX} files` };
  if (files.reduce((sum, { length }) => sum + length, 0) > CHIP_BYTES_MAX) {
    return { files: null, why: `more than ${CHIP_BYTES_MAX} bytes` };
  }
  return { files };
}

const openZip = promisify<Buffer, yauzl.Options, ZipFile>(yauzl.fromBuffer);

/** Sizes are believed only as far as yauzl sees them kept while it unpacks. Throws with a reason. */
async function unzip(bytes: Buffer): Promise<Buffer[]> {
  const zip = await openZip(bytes, { lazyEntries: true, validateEntrySizes: true });
  if (zip.entryCount > CHIP_FILES_MAX * 2) throw new Error('the archive has too many files');
  const files: Buffer[] = [];
  let left = CHIP_BYTES_MAX;
  for await (const entry of entriesOf(zip)) {
    if (entry.fileName.endsWith('/')) continue;
    left -= entry.uncompressedSize;
    if (left < 0) throw new Error(`the archive holds more than ${CHIP_BYTES_MAX} bytes`);
    files.push(await read(zip, entry));
  }
  return files;
}

async function* entriesOf(zip: ZipFile): AsyncGenerator<Entry> {
  for (;;) {
    const entry = await new Promise<Entry | null>((resolve, reject) => {
      zip
        .once('entry', resolve)
        .once('end', () => resolve(null))
        .once('error', reject);
      zip.readEntry();
    });
    zip.removeAllListeners();
    if (entry === null) return;
    yield entry;
  }
}

async function read(zip: ZipFile, entry: Entry): Promise<Buffer> {
  const stream = await new Promise<NodeJS.ReadableStream>((resolve, reject) => {
    zip.openReadStream(entry, (error, opened) => (error === null ? resolve(opened) : reject(error)));
  });
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > entry.uncompressedSize) throw new Error('a file is larger than the archive says');
    chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks);
}
