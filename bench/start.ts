/**
 * How long a start takes: `./aura up` from the call to the first good `/health`, the first time (accounts, schemas and
 * secrets are made) and the second time, and how long `./aura down` takes. Programs are installed before; data is fresh.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchOptions, Figure } from '../auralink-communication-service/launcher/bench.ts';
import { findFreePortBase } from '../auralink-communication-service/launcher/free-ports.ts';
import { ensureEngines, ensureWeb } from '../auralink-communication-service/launcher/install.ts';
import { baseDir, databaseUser, PROJECT_ROOT } from '../auralink-communication-service/launcher/layout.ts';
import { consoleProgress } from '../auralink-communication-service/launcher/progress.ts';

const AURA = join(PROJECT_ROOT, 'aura');
const HEALTH_POLL_MS = 20;
const TIMEOUT_MS = 180_000;

export async function run(options: BenchOptions): Promise<Figure[]> {
  const progress = consoleProgress(options.note);
  await ensureEngines(progress);
  await ensureWeb(progress);
  const folder = join(baseDir(databaseUser()), 'bench', `start-${process.pid}`);
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  const base = await findFreePortBase();
  const at = ['--data', join(folder, 'data')];
  try {
    const first = await timeStart([...at, '--port-base', String(base)], base);
    options.note(`first start: ${first.toFixed(1)} s`);
    await aura(['down', ...at]);
    const second = await timeStart([...at, '--port-base', String(base)], base);
    options.note(`second start: ${second.toFixed(1)} s`);
    const stopping = performance.now();
    await aura(['down', ...at]);
    const stop = (performance.now() - stopping) / 1000;
    return [
      figure('start.first_start_s', first, '<= 60'),
      figure('start.second_start_s', second, '<= 15'),
      figure('start.stop_s', stop, '<= 15'),
    ];
  } finally {
    await aura(['down', ...at]);
    rmSync(folder, { recursive: true, force: true });
  }
}

function figure(name: string, value: number, wanted: string): Figure {
  return { name, value: Math.round(value * 100) / 100, unit: 's', wanted };
}

/** Seconds from the call of the command to the first good answer of /health. */
async function timeStart(args: readonly string[], port: number): Promise<number> {
  const begin = performance.now();
  const failed = new AbortController();
  const up = aura(['up', '--detach', ...args]).catch((error) => {
    failed.abort(error);
    throw error;
  });
  const healthy = untilHealthy(`http://127.0.0.1:${port}/health`, begin, failed.signal);
  const [tookMs] = await Promise.all([healthy, up]);
  return tookMs / 1000;
}

async function untilHealthy(url: string, begin: number, signal: AbortSignal): Promise<number> {
  while (performance.now() - begin < TIMEOUT_MS) {
    signal.throwIfAborted();
    const response = await fetch(url).catch(() => null);
    await response?.body?.cancel();
    if (response?.ok) return performance.now() - begin;
    await new Promise((resolve) => setTimeout(resolve, HEALTH_POLL_MS));
  }
  throw new Error(`${url} did not become healthy`);
}

function aura(args: readonly string[]): Promise<void> {
  const child = spawn(AURA, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString('utf8');
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`aura ${args[0]} ended with ${code}:\n${said}`));
    });
  });
}
