/** Processes that are found again, locks, supervision with real processes, and the count of tests. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { findLeftParts, stopLeftParts } from '../../../auralink-communication-service/launcher/left-parts.ts';
import { STAGE, type Stage } from '../../../auralink-communication-service/launcher/part.ts';
import {
  findStartTime,
  isRunning,
  readJsonFile,
  stopProcess,
  thisProcess,
  tryLock,
} from '../../../auralink-communication-service/launcher/process.ts';
import {
  MAX_RESTART_DELAY_MS,
  restartDelayMs,
} from '../../../auralink-communication-service/launcher/supervised-part.ts';
import { type PartsFile, Supervisor } from '../../../auralink-communication-service/launcher/supervisor.ts';
import { judge, type TestSummary } from '../../../auralink-communication-service/launcher/test-summary.ts';
import { forgetDeadReady, readyFilePath } from '../../../auralink-communication-service/wire/ready-file.ts';
import { FOR_EVER, scriptPart } from './script-part.ts';

const LAUNCHER = join(import.meta.dirname, '../../../auralink-communication-service/launcher');
const folder = mkdtempSync(join(tmpdir(), 'aura-process-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const POLL_MS = 10;
async function until(what: string, condition: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    assert.ok(performance.now() < deadline, `in vain waited for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function makeRun(name: string): { runDir: string; logsDir: string; dir: string } {
  const dir = join(folder, name);
  mkdirSync(dir);
  return { dir, runDir: join(dir, 'run'), logsDir: join(dir, 'logs') };
}

/** Starts a supervisor in another process and kills it once all its parts run. */
async function startAndKill(
  dir: string,
  parts: readonly [name: string, script: string, stage: Stage][],
): Promise<void> {
  const lone = join(import.meta.dirname, 'lone-supervisor.ts');
  const child = spawn(process.execPath, [lone, dir, JSON.stringify(parts)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = await once(child.stdout, 'data');
  assert.equal(String(said).trim(), 'up');
  child.kill('SIGKILL');
  await once(child, 'exit');
}

test('a process is known by its start, not by its number alone', async () => {
  assert.ok(isRunning(thisProcess()));
  assert.ok(!isRunning({ pid: process.pid, startedAt: 'another time' }));
  const child = spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' });
  await once(child, 'exit');
  assert.equal(findStartTime(child.pid as number), null);
});

test('a lock: the living hold it, the dead lose it', () => {
  const path = join(folder, 'lock');
  assert.equal(tryLock(path), true);
  assert.equal(tryLock(path), false);
  assert.deepEqual(readJsonFile(path), thisProcess());
  writeFileSync(path, JSON.stringify({ pid: process.pid, startedAt: 'long ago' }));
  assert.equal(tryLock(path), true);
  writeFileSync(path, '{"half":');
  assert.equal(tryLock(path), true, 'a lock that tells of nobody is nobody’s');
});

test('a process that ignores the signal to stop is killed', async () => {
  const child = spawn(process.execPath, [
    '-e',
    `process.on('SIGTERM', () => {}); console.log('on'); ${FOR_EVER}`,
  ]);
  await once(child.stdout, 'data');
  const identity = { pid: child.pid as number, startedAt: findStartTime(child.pid as number) ?? '' };
  await stopProcess(identity, 'SIGTERM', 100);
  assert.equal(isRunning(identity), false);
});

test('pauses between restarts double up to their limit', () => {
  assert.deepEqual([0, 1, 2, 3].map(restartDelayMs), [200, 400, 800, 1_600]);
  assert.equal(restartDelayMs(8), MAX_RESTART_DELAY_MS);
  assert.equal(restartDelayMs(2_000), MAX_RESTART_DELAY_MS);
});

test('a part that dies is started again, and the file of the parts says so meanwhile', async () => {
  const { dir, runDir, logsDir } = makeRun('restart');
  const supervisor = new Supervisor({ parts: [scriptPart('one', FOR_EVER, dir)], runDir, logsDir });
  const file = (): PartsFile['parts'][string] | undefined =>
    readJsonFile<PartsFile>(join(runDir, 'parts.json'))?.parts.one;
  try {
    await supervisor.startAll(10_000);
    const first = file()?.pid;
    assert.equal(file()?.state, 'running');
    supervisor.kill('one');
    await until('the death to be told', () => file()?.state === 'restarting');
    assert.equal(file()?.lastExit, 'signal SIGKILL');
    assert.equal(file()?.restarts, 1);
    assert.ok(Date.parse(file()?.nextStartAt ?? '') > Date.now() - 1_000);
    await until('the new process', () => file()?.state === 'running');
    assert.notEqual(file()?.pid, first);
  } finally {
    await supervisor.stopAll();
  }
  assert.deepEqual(file(), { state: 'stopped', pid: null, restarts: 1, lastExit: 'signal SIGKILL' });
});

test('a part that cannot come is told with the end of its log, and nothing is left running', async () => {
  const { dir, runDir, logsDir } = makeRun('hopeless');
  const good = scriptPart('good', FOR_EVER, dir);
  const bad = scriptPart('bad', 'console.error("no such thing"); process.exit(3);', dir, {
    ready: async () => false,
  });
  const after = scriptPart('after', FOR_EVER, dir, { after: ['bad'] });
  const supervisor = new Supervisor({ parts: [good, bad, after], runDir, logsDir });
  await assert.rejects(supervisor.startAll(30_000), /bad ended 5 times \(exit 3\).*no such thing/s);
  await supervisor.stopAll();
  assert.equal(findLeftParts(runDir).size, 0);
  assert.equal(supervisor.states().after?.state, 'stopped');
  await assert.rejects(supervisor.start('good', 1_000), /everything is being stopped/);
});

test('each process answers for itself: one that stands beside a ready one is still waited for', async () => {
  const { dir, runDir, logsDir } = makeRun('each');
  const signs = (ms: number) =>
    `setTimeout(() => require('fs').writeFileSync('ready-' + process.pid, ''), ${ms}); ${FOR_EVER}`;
  const ready = async (pid: number): Promise<boolean> => existsSync(readyFilePath(dir, pid));
  const parts = [
    scriptPart('quick', signs(0), dir, { ready }),
    scriptPart('slow', signs(300), dir, { ready }),
  ];
  const supervisor = new Supervisor({ parts, runDir, logsDir });
  const order: string[] = [];
  try {
    await supervisor.startAll(30_000, (part) => order.push(part));
    assert.deepEqual(order, ['quick', 'slow']);
    for (const { pid } of Object.values(supervisor.states()))
      assert.ok(existsSync(readyFilePath(dir, Number(pid))));
    const kept = supervisor.states().quick?.pid;
    forgetDeadReady(dir, (pid) => pid === kept);
    assert.deepEqual(
      readdirSync(dir).filter((name) => name.startsWith('ready-')),
      [`ready-${kept}`],
    );
  } finally {
    await supervisor.stopAll();
  }
});

test('what a killed supervisor left behind is taken over as it is, unless it is to run otherwise', async () => {
  const { dir, runDir, logsDir } = makeRun('adopt');
  await startAndKill(dir, [
    ['same', FOR_EVER, STAGE.engine],
    ['other', FOR_EVER, STAGE.engine],
  ]);
  const before = findLeftParts(runDir);
  assert.deepEqual([...before.keys()].sort(), ['other', 'same'], 'they outlive it');
  const parts = [
    scriptPart('same', FOR_EVER, dir),
    scriptPart('other', FOR_EVER, dir, { env: { NEW: '1' } }),
  ];
  const next = new Supervisor({ parts, runDir, logsDir });
  try {
    await next.startAll(10_000);
    assert.equal(next.states().same?.pid, before.get('same')?.pid);
    assert.notEqual(next.states().other?.pid, before.get('other')?.pid);
    next.kill('same');
    await until('a part that is not our child to be missed', () => next.states().same?.restarts === 1);
    await until('its new process', () => next.states().same?.state === 'running');
  } finally {
    await next.stopAll();
  }
});

test('without a supervisor the parts are found and stopped in order', async () => {
  const { dir, runDir } = makeRun('left');
  const told = join(dir, 'order');
  const says = (name: string): string =>
    `process.on('SIGTERM', () => { require('fs').appendFileSync(${JSON.stringify(told)}, '${name} '); process.exit(0); }); ${FOR_EVER}`;
  await startAndKill(dir, [
    ['database', says('database'), STAGE.database],
    ['service', says('service'), STAGE.service],
    ['engine', says('engine'), STAGE.engine],
  ]);
  assert.deepEqual((await stopLeftParts(runDir)).sort(), ['database', 'engine', 'service']);
  assert.equal(readFileSync(told, 'utf8'), 'service engine database ');
  assert.equal(findLeftParts(runDir).size, 0);
});

test('node_modules is up to date only when it holds what the lock file asks for', () => {
  const root = join(folder, 'installed');
  mkdirSync(join(root, 'node_modules'), { recursive: true });
  const lock = (packages: object): string => JSON.stringify({ packages: { '': {}, ...packages } });
  const a = { version: '1.0.0', integrity: 'sha512-a' };
  const isInstalled = (wanted: object, installed: object): boolean => {
    writeFileSync(join(root, 'package-lock.json'), lock(wanted));
    writeFileSync(join(root, 'node_modules/.package-lock.json'), lock(installed));
    return spawnSync(process.execPath, [join(LAUNCHER, 'installed.mjs'), root]).status === 0;
  };
  assert.equal(isInstalled({ 'node_modules/a': a }, { 'node_modules/a': a }), true);
  assert.equal(isInstalled({ 'node_modules/a': { ...a, version: '1.0.1' } }, { 'node_modules/a': a }), false);
  assert.equal(isInstalled({ 'node_modules/a': a }, {}), false);
  assert.equal(isInstalled({ 'node_modules/a': { ...a, optional: true } }, {}), true);
  rmSync(join(root, 'node_modules'), { recursive: true });
  assert.equal(spawnSync(process.execPath, [join(LAUNCHER, 'installed.mjs'), root]).status, 1);
});

/** Runs node's test runner with our reporter over one planted file. */
function runPlanted(
  name: string,
  source: string,
): { summary: TestSummary | null; code: number | null; said: string } {
  const dir = join(folder, name);
  mkdirSync(dir);
  cpSync(join(LAUNCHER, 'test-reporter.ts'), join(dir, 'test-reporter.ts'));
  writeFileSync(join(dir, 'planted.test.mjs'), source);
  const path = join(dir, 'summary.json');
  const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
  const ran = spawnSync(
    process.execPath,
    [
      '--test',
      '--test-timeout=1000',
      `--test-reporter=${join(dir, 'test-reporter.ts')}`,
      join(dir, 'planted.test.mjs'),
    ],
    { cwd: dir, encoding: 'utf8', timeout: 20_000, env: { ...env, AURA_TEST_SUMMARY: path } },
  );
  return { summary: readJsonFile<TestSummary>(path), code: ran.status, said: ran.stdout };
}

test('tests are counted as node counts them', () => {
  const { summary, said } = runPlanted(
    'mixed',
    `import { describe, it, test } from 'node:test';
     test('good', () => {});
     test('bad', () => { throw new Error('as planted'); });
     describe('suite', () => { it('in it', () => {}); it('bad in it', () => { throw new Error('deep'); }); });
     test.skip('left out', () => {});
     test.todo('some day');`,
  );
  const { failures, failedFiles, ...counts } = summary as TestSummary;
  assert.deepEqual(counts, { passed: 2, failed: 2, skipped: 2, unsteady: [] });
  assert.equal(failedFiles.length, 1);
  assert.equal(failures.length, 2);
  assert.match(said, /as planted/);
});

test('a test that another file declares is told of under the file that was run', () => {
  writeFileSync(
    join(folder, 'declares.mjs'),
    `import { test } from 'node:test'; export const declare = () => test('bad', () => { throw new Error('x'); });`,
  );
  const { summary } = runPlanted('borrows', `import { declare } from '../declares.mjs'; declare();`);
  assert.deepEqual(summary?.failedFiles, ['planted.test.mjs']);
  assert.deepEqual(summary.failures, ['planted.test.mjs: bad']);
});

test('a file that does not load, a hook that fails, a test never awaited: each is a failure', () => {
  const end = { kind: 'unit', timedOutAfterMs: null, isCi: false };
  const planted = {
    'not-loading': `import 'no-such-module';`,
    'bad-hook': `import { before, describe, it } from 'node:test'; describe('x', () => { before(() => { throw new Error('x'); }); it('y', () => {}); });`,
    'bad-after': `import { after, test } from 'node:test'; after(() => { throw new Error('x'); }); test('y', () => {});`,
    'never-ending': `import { test } from 'node:test'; test('y', () => new Promise(() => {})); test('z', () => {});`,
  };
  for (const [name, source] of Object.entries(planted)) {
    const { summary, code } = runPlanted(name, source);
    assert.ok(judge(summary, { ...end, code }).failed > 0, name);
  }
});
