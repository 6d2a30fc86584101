/**
 * The heads of the audit log's chains, kept outside of the database: a line of JSON whenever any has grown. Whoever cuts
 * the log's end off, chain rows included, does not reach this file.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import type { ChainHead } from '../auralink-modules/auraid/audit-verify.ts';

const headSchema = z.object({
  chain: z.int().min(0),
  seq: z.int().min(0),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});
const lineSchema = z.object({ at: z.iso.datetime(), heads: z.array(headSchema) });

export interface AuditHeadsFile {
  /** Only chains that have grown since this process's last line; nothing where none has. Returns how many. */
  append(heads: readonly ChainHead[], at: Date): number;
}

/** `path` empty: heads are exported nowhere. */
export function createAuditHeadsFile(path: string): AuditHeadsFile {
  const written = new Map<number, number>();
  return {
    append(heads, at) {
      if (path === '') return 0;
      const grown = heads.filter((head) => head.seq > (written.get(head.chain) ?? 0));
      if (grown.length === 0) return 0;
      appendFileSync(path, `${JSON.stringify({ at: at.toISOString(), heads: grown })}\n`, { mode: 0o600 });
      for (const head of grown) written.set(head.chain, head.seq);
      return grown.length;
    },
  };
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
    try {
      return lineSchema.parse(JSON.parse(line)).heads;
    } catch {
      throw new Error(`line ${index + 1} of ${path} is no line of audit heads`);
    }
  });
}
