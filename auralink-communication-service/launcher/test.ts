/**
 * `./aura test`: installs what tests need, starts the engines that integration tests share, runs node's own test
 * runner over each kind, and closes with `N passed, N failed`. Everything that the tests left behind is stopped.
 */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Constellation, startConstellation } from './constellation.ts';
import { FrontDoorError } from './errors.ts';
import { findFreePortBase } from './free-ports.ts';
import { ensureEngines, ensureWeb } from './install.ts';
import { baseDir, databaseUser, layoutOf, NODE, PROJECT_ROOT, TOOLS_DIR } from './layout.ts';
import { stopLeftParts } from './left-parts.ts';
import { isRunning, type ProcessIdentity, readJsonFile, thisProcess, writeFileAtomic } from './process.ts';
import { consoleProgress, type Progress } from './progress.ts';
import { ensureSystemPrograms, SYSTEM_PROGRAMS } from './system-packages.ts';
import { addUp, failedBefore, filesToRunAgain, judge, type TestSummary, weighAgain } from './test-summary.ts';

export const TEST_KINDS = ['unit', 'integration', 'system'] as const;
type TestKind = (typeof TEST_KINDS)[number];

interface KindLimits {
  /** Test files at once. */
  readonly concurrency: number;
  readonly testTimeoutMs: number;
  readonly totalTimeoutMs: number;
}

const LIMITS: Readonly<Record<TestKind, KindLimits>> = {
  unit: { concurrency: 2, testTimeoutMs: 60_000, totalTimeoutMs: 600_000 },
  integration: { concurrency: 2, testTimeoutMs: 120_000, totalTimeoutMs: 1_500_000 },
  // Whole constellations: one at a time on a small machine.
  system: { concurrency: 1, testTimeoutMs: 600_000, totalTimeoutMs: 2_700_000 },
};
const KILL_AFTER_MS = 10_000;

interface Run {
  readonly kind: TestKind;
  readonly files: readonly string[];
}

/** `what`: kinds, and parts of file names. Exit code 1 when a test failed or none ran. */
export async function runTests(
  what: readonly string[],
  options: { readonly json: boolean },
): Promise<number> {
  const write = options.json
    ? (text: string) => process.stderr.write(text)
    : (text: string) => process.stdout.write(text);
  const progress = consoleProgress((line) => write(`${line}\n`));
  const runs = selectRuns(what);
  const begin = performance.now();
  const folder = makeTestFolder();
  const summaries: TestSummary[] = [];
  try {
    for (const run of runs) {
      write(`${run.kind} tests (${run.files.length} files)\n`);
      summaries.push(await runKind(run, folder, progress, write));
    }
  } finally {
    await clearTestFolder(
      folder,
      summaries.some((summary) => summary.failed > 0),
    );
  }
  const total = addUp(summaries);
  const list = (names: readonly string[]): string => names.map((name) => `  ${name}\n`).join('');
  const tookSeconds = Math.round((performance.now() - begin) / 1000);
  if (total.failures.length > 0) {
    write(`Failed:\n${list(total.failures)}Logs: ${relative(PROJECT_ROOT, FAILED_LOGS_DIR)}\n`);
  }
  if (total.unsteady.length > 0) {
    write(`Unsteady (failed, then passed when run again; a fault to be mended):\n${list(total.unsteady)}`);
  }
  if (total.skipped > 0) write(`${total.skipped} skipped${isCi() ? ', which counts as failed in CI' : ''}\n`);
  if (options.json) console.log(JSON.stringify({ ...total, seconds: tookSeconds }));
  else console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed > 0 || total.passed === 0 ? 1 : 0;
}

function isCi(): boolean {
  return process.env.CI === 'true' || process.env.CI === '1';
}

function selectRuns(what: readonly string[]): Run[] {
  const kinds = TEST_KINDS.filter((kind) => what.includes(kind));
  const parts = what.filter((word) => !(TEST_KINDS as readonly string[]).includes(word));
  const runs = (kinds.length > 0 ? kinds : TEST_KINDS).map((kind) => ({
    kind,
    files: globSync(`tests/${kind}/**/*.test.ts`, { cwd: PROJECT_ROOT })
      .filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)))
      .sort(),
  }));
  const chosen = runs.filter((run) => run.files.length > 0);
  if (chosen.length === 0) throw new FrontDoorError(`No test file matches: ${what.join(' ')}`);
  return chosen;
}

async function runKind(
  run: Run,
  folder: string,
  progress: Progress,
  write: (text: string) => void,
): Promise<TestSummary> {
  let shared: Constellation | null = null;
  try {
    await ensureNeeds(run.kind, progress);
    if (run.kind === 'integration') shared = await startShared(folder, progress);
  } catch (error) {
    // What cannot be installed or started is a failure, in its own words, not a reason to stop without a count.
    write(`  ✗ ${(error as Error).message}\n`);
    return failedBefore(`${run.kind}: what the tests need`);
  }
  try {
    const first = await runNode(run, folder, write);
    const files = isCi() ? filesToRunAgain(first) : [];
    if (files.length === 0) return first;
    write(`${run.kind} tests that failed, run once more (${files.length} files)\n`);
    return weighAgain(first, await runNode({ ...run, files }, folder, write));
  } finally {
    await shared?.stop();
  }
}

async function ensureNeeds(kind: TestKind, progress: Progress): Promise<void> {
  if (kind === 'unit') return;
  const { psql, redis, promtool, chromium } = SYSTEM_PROGRAMS;
  await ensureSystemPrograms(
    kind === 'system' ? [psql, redis, promtool, chromium] : [psql, redis, promtool],
    progress,
  );
  await ensureEngines(progress);
  if (kind === 'system') await ensureWeb(progress);
}

/** The engines that all integration tests share; they find them by AURA_TEST_CONSTELLATION. */
async function startShared(folder: string, progress: Progress): Promise<Constellation> {
  const dataDir = join(folder, 'shared');
  const portBase = await findFreePortBase();
  const shared = await startConstellation({ dataDir, portBase, processes: 0, redis: true, progress });
  const { config, serviceEnv, ports } = shared.settings;
  writeFileAtomic(
    sharedPath(folder),
    JSON.stringify({ dataDir, portBase, ports, serviceEnv, config, urls: shared.urls }),
  );
  return shared;
}

function sharedPath(folder: string): string {
  return join(folder, 'shared.json');
}

async function runNode(run: Run, folder: string, write: (text: string) => void): Promise<TestSummary> {
  const limits = LIMITS[run.kind];
  const summaryPath = join(folder, `${run.kind}.summary.json`);
  const child = spawn(
    NODE,
    [
      '--test',
      `--test-reporter=${join(import.meta.dirname, 'test-reporter.ts')}`,
      '--test-reporter-destination=stdout',
      `--test-concurrency=${limits.concurrency}`,
      `--test-timeout=${limits.testTimeoutMs}`,
      '--test-force-exit',
      ...run.files,
    ],
    {
      cwd: PROJECT_ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        AURA_TEST_SUMMARY: summaryPath,
        AURA_TEST_DIR: folder,
        AURA_TEST_CONSTELLATION: run.kind === 'integration' ? sharedPath(folder) : '',
      },
    },
  );
  child.stdout.on('data', (chunk: Buffer) => write(chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => write(chunk.toString('utf8')));
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS).unref();
  }, limits.totalTimeoutMs);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  return judge(readJsonFile<TestSummary>(summaryPath), {
    kind: run.kind,
    code,
    timedOutAfterMs: timedOut ? limits.totalTimeoutMs : null,
    isCi: isCi(),
  });
}

const FAILED_LOGS_DIR = join(TOOLS_DIR, 'test-logs');

/** A folder for all data of this run; clears those of runs that were killed. */
function makeTestFolder(): string {
  const user = databaseUser();
  const parent = join(baseDir(user), 'test');
  mkdirSync(parent, { recursive: true, mode: 0o755 });
  for (const name of readdirSync(parent)) {
    const owner = readJsonFile<ProcessIdentity>(join(parent, name, 'owner.json'));
    if (owner === null || !isRunning(owner)) void removeConstellations(join(parent, name));
  }
  const folder = join(parent, `run-${process.pid}`);
  mkdirSync(folder, { mode: 0o711 });
  writeFileAtomic(join(folder, 'owner.json'), JSON.stringify(thisProcess()));
  return folder;
}

async function clearTestFolder(folder: string, keepLogs: boolean): Promise<void> {
  if (keepLogs) {
    rmSync(FAILED_LOGS_DIR, { recursive: true, force: true });
    for (const name of readdirSync(folder)) {
      const logs = layoutOf(join(folder, name)).logsDir;
      if (existsSync(logs)) cpSync(logs, join(FAILED_LOGS_DIR, name), { recursive: true });
    }
  }
  await removeConstellations(folder);
}

/** Stops whatever still runs over a data folder in here, and removes all. */
async function removeConstellations(folder: string): Promise<void> {
  for (const name of readdirSync(folder)) await stopLeftParts(layoutOf(join(folder, name)).runDir);
  rmSync(folder, { recursive: true, force: true });
}
