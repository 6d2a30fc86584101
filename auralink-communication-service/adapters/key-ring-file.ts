/**
 * The key ring's file. It may be replaced while we run: its metadata are looked at once in a while, and at once when a
 * key is asked for that we do not know. A file that cannot be read or understood leaves the last good ring in force.
 */
import { readFileSync, statSync } from 'node:fs';
import {
  type KeyRing,
  KeyRingError,
  type KeyRingFile,
  type KeyRingSource,
  parseKeyRingFile,
  toKeyRing,
} from '../auralink-modules/auraid/key-ring.ts';
import type { Clock } from '../core/clock.ts';
import { AuraError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';

/** How often the file's metadata are looked at while keys are in use. */
export const KEY_RING_LOOK_MS = 1_000;

const noRing: KeyRingSource = {
  current: () => {
    throw noKeyRing();
  },
  refresh: () => {
    throw noKeyRing();
  },
};

function noKeyRing(): AuraError {
  return new AuraError('unavailable', 'This server keeps no personal data: KEY_RING_PATH is not set.', {
    reason: 'no_key_ring',
  });
}

/** Throws KeyRingError that names the file and what would be right. */
export function readKeyRingFile(path: string): KeyRingFile {
  try {
    return parseKeyRingFile(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof KeyRingError) {
      throw new KeyRingError(`${path} is no key ring (${error.message})`);
    }
    throw new KeyRingError(`the key ring ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** Throws KeyRingError at once where the file is bad; `path` empty: a ring that refuses everything. */
export function openKeyRing(path: string, clock: Pick<Clock, 'now'>, log: Pick<Log, 'warn'>): KeyRingSource {
  if (path === '') return noRing;
  const stampOf = (): string => {
    const { ino, size, mtimeMs } = statSync(path);
    return `${ino} ${size} ${mtimeMs}`;
  };
  let ring: KeyRing = toKeyRing(readKeyRingFile(path));
  // As yet unknown: the first look reads the file once more.
  let stamp = '';
  let lookedAtMs = clock.now().getTime();
  const refresh = (): KeyRing => {
    lookedAtMs = clock.now().getTime();
    try {
      const found = stampOf();
      if (found === stamp) return ring;
      ring = toKeyRing(readKeyRingFile(path));
      stamp = found;
    } catch (err) {
      log.warn({ err, path }, 'the key ring cannot be read; the last good one stays in force');
    }
    return ring;
  };
  return {
    current: () => (clock.now().getTime() - lookedAtMs >= KEY_RING_LOOK_MS ? refresh() : ring),
    refresh,
  };
}
