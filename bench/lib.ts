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
import { baseDir, databaseUser } from '../auralink-communication-service/launcher/layout.ts';

/** The value that a share `p` (0 to 1) of the samples does not exceed (nearest rank). Throws without samples. */
export function percentile(samples: readonly number[], p: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)];
  if (value === undefined) throw new Error('there is nothing to take a percentile of');
  return value;
}

/** Runs `work` over a fresh constellation on free ports; stops it and removes its data whatever happens. */
export async function withConstellation<T>(
  name: string,
  options: Omit<ConstellationOptions, 'dataDir' | 'portBase'>,
  work: (constellation: Constellation) => Promise<T>,
): Promise<T> {
  const dataDir = join(baseDir(databaseUser()), 'bench', `${name}-${process.pid}`);
  mkdirSync(dataDir, { recursive: true, mode: 0o755 });
  try {
    const constellation = await startConstellation({
      ...options,
      dataDir,
      portBase: await findFreePortBase(),
    });
    try {
      return await work(constellation);
    } finally {
      await constellation.stop();
    }
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
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
