/** What benches share: percentiles, a constellation of the bench's own, and one kept-alive connection to an address. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'undici';
import {
  type Constellation,
  type ConstellationOptions,
  startConstellation,
} from '../auralink-communication-service/launcher/constellation.ts';
import { findFreePortBase } from '../auralink-communication-service/launcher/free-ports.ts';
import { ensureEngines, ensureWeb } from '../auralink-communication-service/launcher/install.ts';
import { baseDir, databaseUser } from '../auralink-communication-service/launcher/layout.ts';
import { consoleProgress } from '../auralink-communication-service/launcher/progress.ts';

/** The value that a share `p` (0 to 1) of the samples does not exceed (nearest rank). Throws without samples. */
export function percentile(samples: readonly number[], p: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)];
  if (value === undefined) throw new Error('there is nothing to take a percentile of');
  return value;
}

/** A run that takes longer has hung: a million names are loaded and measured in a fraction of it. */
export const RUN_MAX_MS = 1_200_000;

/**
 * Installs what is missing and runs `work` over a fresh constellation on free ports; stops it and removes its data
 * whatever happens: an error, a signal, or RUN_MAX_MS.
 */
export async function withConstellation<T>(
  name: string,
  options: Omit<ConstellationOptions, 'dataDir' | 'portBase'>,
  work: (constellation: Constellation) => Promise<T>,
): Promise<T> {
  const progress = consoleProgress();
  await ensureEngines(progress);
  await ensureWeb(progress);
  const dataDir = join(baseDir(databaseUser()), 'bench', `${name}-${process.pid}`);
  mkdirSync(dataDir, { recursive: true, mode: 0o755 });
  try {
    const constellation = await startConstellation({
      ...options,
      dataDir,
      portBase: await findFreePortBase(),
    });
    const end = cutShort();
    try {
      return await Promise.race([work(constellation), end.reached]);
    } finally {
      end.forget();
      await constellation.stop();
    }
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Rejects at a signal to end, or when a run has hung. */
function cutShort(): { readonly reached: Promise<never>; forget(): void } {
  const { promise, reject } = Promise.withResolvers<never>();
  const interrupted = (signal: string): void => reject(new Error(`the bench was ended by ${signal}`));
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  const timer = setTimeout(() => reject(new Error(`the bench ran longer than ${RUN_MAX_MS} ms`)), RUN_MAX_MS);
  return {
    reached: promise,
    forget: () => {
      clearTimeout(timer);
      process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
    },
  };
}

export interface TimedGet {
  /** Milliseconds from sending to the last byte. Throws unless the answer is 200. */
  get(path: string): Promise<number>;
  close(): Promise<void>;
}

/** One connection, one request at a time. */
export function openTimedGet(origin: string, token: string): TimedGet {
  const client = new Client(origin);
  const headers = { authorization: `Bearer ${token}` };
  return {
    async get(path) {
      const startedMs = performance.now();
      const answer = await client.request({ method: 'GET', path, headers });
      await answer.body.arrayBuffer();
      const tookMs = performance.now() - startedMs;
      if (answer.statusCode !== 200) throw new Error(`${origin}${path} answered ${answer.statusCode}`);
      return tookMs;
    },
    close: () => client.close(),
  };
}
