/**
 * Brings what is missing: Synapse's Python packages, LiveKit, the built pages. Every step is skipped when its stamp
 * says that it was done for exactly these versions, and can be repeated after it was broken off.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FrontDoorError } from './errors.ts';
import { LIVEKIT_BINARY, NODE, PROJECT_ROOT, TOOLS_DIR, VENV_PYTHON } from './layout.ts';
import { tryLock, writeFileAtomic } from './process.ts';
import type { Progress } from './progress.ts';
import {
  LIVEKIT_GO_PACKAGE,
  LIVEKIT_VERSION,
  MIN_GO,
  MIN_PYTHON,
  SYDENT_REQUIREMENTS,
  SYDENT_VERSION,
  SYNAPSE_REQUIREMENTS,
  SYNAPSE_VERSION,
} from './versions.ts';

const LOCK_POLL_MS = 500;
const ERROR_LINES = 25;
const PYTHONS = ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python'];

/** Installs the engines, one process at a time in this clone. Throws FrontDoorError that says what is missing. */
export async function ensureEngines(progress: Progress): Promise<void> {
  await withInstallLock(progress, async () => {
    await ensureSynapse(progress);
    await ensureLivekit(progress);
  });
}

async function withInstallLock(progress: Progress, work: () => Promise<void>): Promise<void> {
  mkdirSync(TOOLS_DIR, { recursive: true });
  const lock = join(TOOLS_DIR, 'install.lock');
  let told = false;
  while (!tryLock(lock)) {
    if (!told) progress.note('  … waiting for another installation in this folder');
    told = true;
    await delay(LOCK_POLL_MS);
  }
  try {
    await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function hashOf(...parts: string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex');
}

/** Runs `work` unless `stamp` already holds `wanted` and `product` exists. */
async function stamped(
  stamp: string,
  wanted: string,
  product: string,
  work: () => Promise<void>,
): Promise<void> {
  const path = join(TOOLS_DIR, stamp);
  if (existsSync(product) && existsSync(path) && readFileSync(path, 'utf8') === wanted) return;
  await work();
  writeFileAtomic(path, wanted);
}

async function ensureSynapse(progress: Progress): Promise<void> {
  const wanted = hashOf(readFileSync(SYNAPSE_REQUIREMENTS, 'utf8'));
  await stamped('synapse.stamp', wanted, VENV_PYTHON, () =>
    progress.step(`Synapse ${SYNAPSE_VERSION} with its Python packages`, async () => {
      const venv = join(TOOLS_DIR, 'venv');
      const python = findPython();
      // Repairs a half-made one, and one whose Python has moved.
      await run(python, ['-m', 'venv', '--clear', venv]);
      await run(VENV_PYTHON, [
        '-m',
        'pip',
        'install',
        '--disable-pip-version-check',
        '--no-deps',
        '--requirement',
        SYNAPSE_REQUIREMENTS,
      ]);
      // Otherwise the first start would translate 2,000 files.
      await run(VENV_PYTHON, ['-m', 'compileall', '-q', '-j', '0', join(venv, 'lib')], [0, 1]);
    }),
  );
}

/** Installs what the bench of look-ups compares with, and returns its Python. Throws FrontDoorError. */
export async function ensureSydent(progress: Progress): Promise<string> {
  const venv = join(TOOLS_DIR, 'sydent');
  const python = join(venv, 'bin/python');
  await withInstallLock(progress, () =>
    stamped('sydent.stamp', hashOf(readFileSync(SYDENT_REQUIREMENTS, 'utf8')), python, () =>
      progress.step(`Sydent ${SYDENT_VERSION} with its Python packages`, async () => {
        await run(findPython(), ['-m', 'venv', '--clear', venv]);
        const locked = ['--no-deps', '--require-hashes', '--requirement', SYDENT_REQUIREMENTS];
        await run(python, ['-m', 'pip', 'install', '--disable-pip-version-check', ...locked]);
      }),
    ),
  );
  return python;
}

async function ensureLivekit(progress: Progress): Promise<void> {
  await stamped('livekit.stamp', LIVEKIT_VERSION, LIVEKIT_BINARY, () =>
    progress.step(`LiveKit ${LIVEKIT_VERSION} (go install; minutes when nothing is cached)`, async () => {
      assertGo();
      const bin = join(TOOLS_DIR, 'bin');
      mkdirSync(bin, { recursive: true });
      await run('go', ['install', `${LIVEKIT_GO_PACKAGE}@${LIVEKIT_VERSION}`], [0], { GOBIN: bin });
      renameSync(join(bin, 'server'), LIVEKIT_BINARY);
    }),
  );
}

/** Builds the pages when their sources changed since the last time. */
export async function ensureWeb(progress: Progress): Promise<void> {
  const web = join(PROJECT_ROOT, 'auralink-web');
  const sources = [web, join(PROJECT_ROOT, 'auralink-client')].flatMap(listSources);
  const contents = [...sources, join(PROJECT_ROOT, 'package-lock.json')].map(
    (path) => `${path.slice(PROJECT_ROOT.length)}:${hashOf(readFileSync(path, 'utf8'))}`,
  );
  await stamped('web.stamp', hashOf(...contents), join(web, 'dist/index.html'), () =>
    progress.step('the pages (vite build)', async () => {
      const vite = join(PROJECT_ROOT, 'node_modules/vite/bin/vite.js');
      await run(
        NODE,
        [vite, 'build', '--config', join(web, 'vite.config.ts'), '--logLevel', 'warn'],
        [0],
        {},
        web,
      );
    }),
  );
}

function listSources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => !/^(dist|node_modules)(\/|$)/.test(path))
    .map((path) => join(folder, path))
    .filter((path) => statSync(path).isFile())
    .sort();
}

function findPython(): string {
  const [major, minor] = MIN_PYTHON;
  const check = `import sys, venv, ensurepip; sys.exit(0 if sys.version_info >= (${major}, ${minor}) else 1)`;
  for (const python of PYTHONS) {
    if (spawnSync(python, ['-c', check], { stdio: 'ignore' }).status === 0) return python;
  }
  throw new FrontDoorError(
    `Synapse needs Python ${major}.${minor} or newer with venv. On Debian: apt-get install python3 python3-venv`,
  );
}

function assertGo(): void {
  const [major, minor] = MIN_GO;
  const version = spawnSync('go', ['env', 'GOVERSION'], { encoding: 'utf8' });
  const found = /go(\d+)\.(\d+)/.exec(version.stdout ?? '');
  const isNewEnough =
    found !== null && (Number(found[1]) > major || (Number(found[1]) === major && Number(found[2]) >= minor));
  if (!isNewEnough) {
    throw new FrontDoorError(
      `LiveKit is built with Go ${major}.${minor} or newer; ${found === null ? 'there is no go here' : `here is ${found[0]}`}. See https://go.dev/dl/`,
    );
  }
}

/** Runs a command to its end. Throws FrontDoorError with the end of its output when it fails. */
export async function run(
  command: string,
  args: readonly string[],
  allowed: readonly number[] = [0],
  env: Readonly<Record<string, string>> = {},
  cwd: string = PROJECT_ROOT,
): Promise<void> {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString('utf8')).slice(-20_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== null && allowed.includes(code)) return;
  const tail = output.trimEnd().split('\n').slice(-ERROR_LINES).join('\n');
  throw new FrontDoorError(`${command} ${args.join(' ')} failed (${code}):\n${tail}`);
}
