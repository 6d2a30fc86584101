/**
 * The heads of the audit log's chains, kept outside of the database: a line of JSON whenever any has grown. Whoever cuts
 * the log's end off, chain rows included, does not reach this file. Processes share it and take turns: see `withHeads`.
 */
import { appendFileSync, closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { z } from 'zod';
import type { ChainHead } from '../auralink-modules/auraid/audit-verify.ts';

const headSchema = z.object({
  chain: z.int().min(0),
  seq: z.int().min(0),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});
const lineSchema = z.object({ at: z.iso.datetime(), heads: z.array(headSchema) });

const NEW_LINE = 0x0a;

/** Null: it is not what we wrote. */
function findLine(line: string): z.infer<typeof lineSchema> | null {
  try {
    return lineSchema.parse(JSON.parse(line));
  } catch {
    return null;
  }
}

export interface AuditHeadsFile {
  /** Only chains that have grown since the file's last line; nothing where none has. Returns how many. */
  append(heads: readonly ChainHead[], at: Date): number;
}

/** `path` empty: heads are exported nowhere. */
export function createAuditHeadsFile(path: string): AuditHeadsFile {
  const written = new Map<number, number>();
  let readBytes = 0;
  let endsInLine = true;
  /** What other processes wrote since. A file that has shrunk is another one. */
  const catchUp = (): void => {
    let bytes = findBytes(path, readBytes);
    if (bytes === null) {
      readBytes = 0;
      written.clear();
      bytes = findBytes(path, 0) ?? Buffer.alloc(0);
    }
    readBytes += bytes.length;
    if (bytes.length > 0 || readBytes === 0) endsInLine = bytes.length === 0 || bytes.at(-1) === NEW_LINE;
    for (const line of bytes.toString('utf8').split('\n')) {
      for (const { chain, seq } of findLine(line)?.heads ?? []) {
        written.set(chain, Math.max(seq, written.get(chain) ?? 0));
      }
    }
  };
  return {
    append(heads, at) {
      if (path === '') return 0;
      catchUp();
      const grown = heads.filter((head) => head.seq > (written.get(head.chain) ?? 0));
      if (grown.length === 0) return 0;
      // A line that a full disk or a kill cut short is the verification's to tell of; it must not spoil the next one.
      const line = `${endsInLine ? '' : '\n'}${JSON.stringify({ at: at.toISOString(), heads: grown })}\n`;
      appendFileSync(path, line, { mode: 0o600 });
      for (const head of grown) written.set(head.chain, head.seq);
      readBytes += Buffer.byteLength(line);
      endsInLine = true;
      return grown.length;
    },
  };
}

/** The file from there on; null when it is shorter, or there is none. */
function findBytes(path: string, from: number): Buffer | null {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    const { size } = fstatSync(file);
    if (size < from) return null;
    const bytes = Buffer.alloc(size - from);
    readSync(file, bytes, 0, bytes.length, from);
    return bytes;
  } finally {
    closeSync(file);
  }
}

/**
 * Every head that was ever exported; null where there is no such file. Throws where it cannot be read, and with the
 * line's number where it is not what we wrote.
 */
export function findExportedHeads(path: string): ChainHead[] | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    throw new Error(`the exported heads ${path} cannot be read (${code})`);
  }
  const lines = text.split('\n');
  return lines.flatMap((line, index) => {
    if (line === '') return [];
    const found = findLine(line);
    if (found === null) throw new Error(`line ${index + 1} of ${path} is no line of audit heads`);
    return found.heads;
  });
}
