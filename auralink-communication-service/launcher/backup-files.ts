/**
 * What lies in a folder of backups: a dump of each database for each time, and one file of keys, which every backup
 * replaces. It has the wrapped data keys of those who are there now and the ids of those who were erased, so that what
 * is encrypted in older dumps of an erased person is noise from the next backup on (ADR 27).
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { FrontDoorError } from './errors.ts';
import { readJsonFile, writeFileAtomic } from './process.ts';

/** Backups that are kept when nothing else is asked for. */
export const BACKUPS_KEPT = 30;
const FORMAT = 1;
const KEYS_FILE = 'keys.jsonl';
const MANIFEST_FILE = 'manifest.json';
const DUMP = /^(?:auralink|synapse)-\d{8}T\d{6}Z\.dump$/;

const dumpSchema = z.object({ file: z.string().regex(DUMP), sha256: z.string(), bytes: z.number() });
const headSchema = z.object({ chain: z.number(), seq: z.number(), hash: z.string() });
const backupSchema = z.object({
  /** By which it is asked for, for example 20261123T140511Z. */
  stamp: z.string(),
  auralink: dumpSchema,
  synapse: dumpSchema,
  /** Migrations that had run. */
  migrations: z.array(z.string()),
  /** Ends of the audit log's chains, all of which are in the dump. */
  auditHeads: z.array(headSchema),
});
const manifestSchema = z.object({ format: z.literal(FORMAT), backups: z.array(backupSchema) });

export type Dump = z.infer<typeof dumpSchema>;
export type Backup = z.infer<typeof backupSchema>;

export interface KeyRow {
  readonly personId: string;
  readonly dataKeyId: string;
  readonly ringKeyId: string;
  /** Base64. */
  readonly wrapped: string;
}

const keyLine = z.object({
  personId: z.string(),
  dataKeyId: z.string(),
  ringKeyId: z.string(),
  wrapped: z.string(),
});
const erasedLine = z.object({ erased: z.uuid() });
const endLine = z.object({ end: z.number(), sha256: z.string() });

export function stampOf(at: Date): string {
  return at.toISOString().replace(/[-:]|\.\d+/g, '');
}

/** Oldest first. Throws FrontDoorError when the manifest is none of ours. */
export function readBackups(folder: string): Backup[] {
  const found = readJsonFile<unknown>(join(folder, MANIFEST_FILE));
  if (found === null) return [];
  const manifest = manifestSchema.safeParse(found);
  if (!manifest.success) {
    throw new FrontDoorError(
      `${join(folder, MANIFEST_FILE)} is not a list of backups that this version reads.`,
    );
  }
  return manifest.data.backups;
}

/** Keeps the newest `keep`, and removes the files of the others and those that no backup names. */
export function writeBackups(folder: string, backups: readonly Backup[], keep: number): void {
  const kept = backups.slice(-keep);
  writeFileAtomic(join(folder, MANIFEST_FILE), JSON.stringify({ format: FORMAT, backups: kept }, null, 2));
  const named = new Set(kept.flatMap(({ auralink, synapse }) => [auralink.file, synapse.file]));
  for (const file of readdirSync(folder)) {
    if (DUMP.test(file) && !named.has(file)) rmSync(join(folder, file));
  }
}

/** Throws FrontDoorError when the folder holds something else. */
export function ensureBackupFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (existsSync(join(folder, MANIFEST_FILE)) || readdirSync(folder).length === 0) return;
  throw new FrontDoorError(`${folder} is not empty and holds no backups; name another folder.`);
}

export async function describeDump(folder: string, file: string): Promise<Dump> {
  const hash = createHash('sha256');
  let bytes = 0;
  await pipeline(createReadStream(join(folder, file)), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      hash.update(chunk);
    }
  });
  return { file, sha256: hash.digest('hex'), bytes };
}

/** Throws FrontDoorError when it is not what was written. */
export async function assertDumpWhole(folder: string, dump: Dump): Promise<void> {
  if (!existsSync(join(folder, dump.file))) {
    throw new FrontDoorError(`${dump.file} is missing; choose another backup with --from.`);
  }
  if ((await describeDump(folder, dump.file)).sha256 === dump.sha256) return;
  throw new FrontDoorError(`${dump.file} is not what was written; choose another backup with --from.`);
}

/** Takes the place of the file before once all of it is on the disk. */
export async function writeKeys(
  folder: string,
  keys: AsyncIterable<readonly KeyRow[]>,
  erased: readonly string[],
): Promise<{ keys: number; erased: number }> {
  const path = join(folder, KEYS_FILE);
  const file = openSync(`${path}.new`, 'w', 0o600);
  const hash = createHash('sha256');
  let lines = 0;
  const write = (rows: readonly object[]): void => {
    const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
    hash.update(text);
    writeSync(file, text);
    lines += rows.length;
  };
  try {
    for await (const rows of keys) write(rows);
    write(erased.map((personId) => ({ erased: personId })));
    writeSync(file, `${JSON.stringify({ end: lines, sha256: hash.digest('hex') })}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(`${path}.new`, path);
  return { keys: lines - erased.length, erased: erased.length };
}

/** Hands the keys out `batch` at a time; returns who was erased. Throws FrontDoorError when the file is not whole. */
export async function readKeys(
  folder: string,
  batch: number,
  take: (keys: readonly KeyRow[]) => Promise<void>,
): Promise<string[]> {
  const path = join(folder, KEYS_FILE);
  const broken = new FrontDoorError(
    `${path} is missing or not whole; without it nothing that is encrypted opens.`,
  );
  if (!existsSync(path)) throw broken;
  const hash = createHash('sha256');
  const erased: string[] = [];
  let keys: KeyRow[] = [];
  let ended = false;
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const row: unknown = parseLine(line);
    const end = endLine.safeParse(row);
    if (end.success) {
      ended = end.data.sha256 === hash.digest('hex');
      break;
    }
    hash.update(`${line}\n`);
    const gone = erasedLine.safeParse(row);
    if (gone.success) erased.push(gone.data.erased);
    else {
      const key = keyLine.safeParse(row);
      if (!key.success) throw broken;
      keys.push(key.data);
    }
    if (keys.length < batch) continue;
    await take(keys);
    keys = [];
  }
  if (!ended) throw broken;
  await take(keys);
  return erased;
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
