/**
 * The operator's list of authorities: all files of one folder (or one file), read at the start and again when one of
 * them changes, appears or goes.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readTrustList, type TrustFile, type TrustList } from '../auralink-modules/documents/trust-list.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';

/** How often the folder is looked at while documents are proven. */
export const TRUST_LOOK_MS = 5_000;
/** Bytes of all files together: ICAO's master list has less than two million. */
export const TRUST_BYTES_MAX = 33_554_432;

const EMPTY: TrustList = { authorities: [], revocations: [] };

/** `path` empty: nobody's signature counts. What cannot be read is logged, and the rest counts. */
export function openTrustFolder(
  path: string,
  clock: Clock,
  log: Pick<Log, 'info' | 'warn'>,
): { current(): TrustList } {
  if (path === '') return { current: () => EMPTY };
  let stamp = '';
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let trust = EMPTY;
  return {
    current: () => {
      if (clock.monotonicMs() - lookedAtMs < TRUST_LOOK_MS) return trust;
      lookedAtMs = clock.monotonicMs();
      try {
        const files = filesAt(path);
        const now = files.map(({ name, size, mtimeMs }) => `${name} ${size} ${mtimeMs}`).join('\n');
        if (now === stamp) return trust;
        const read = readTrustList(files.map(loaded), clock.now());
        [trust, stamp] = [read.trust, now];
        for (const fault of read.faults)
          log.warn({ path, fault }, 'not counted among the authorities for documents');
        const counts = { authorities: trust.authorities.length, revocationLists: trust.revocations.length };
        log.info({ path, ...counts }, 'authorities for documents are read');
      } catch (err) {
        log.warn({ err, path }, 'the authorities for documents cannot be read; the last ones count');
      }
      return trust;
    },
  };
}

interface Found {
  readonly name: string;
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
}

function filesAt(path: string): Found[] {
  const paths = statSync(path).isDirectory()
    ? readdirSync(path)
        .filter((name) => !name.startsWith('.'))
        .sort()
        .map((name) => join(path, name))
    : [path];
  const files = paths.map((one): Found => {
    const { size, mtimeMs } = statSync(one);
    return { name: one.slice(one.lastIndexOf('/') + 1), path: one, size, mtimeMs };
  });
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  if (bytes > TRUST_BYTES_MAX)
    throw new Error(`it holds ${bytes} bytes, and ${TRUST_BYTES_MAX} are the most`);
  return files;
}

const loaded = ({ name, path }: Found): TrustFile => ({ name, bytes: readFileSync(path) });
