/**
 * The front door as a newcomer uses it: one command up, the addresses answer, parts that die come back and `/health`
 * says so meanwhile, the supervisor's death harms nobody, down stops all, a second start is quick.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { findFreePortBase } from '../../auralink-communication-service/launcher/free-ports.ts';
import { layoutOf } from '../../auralink-communication-service/launcher/layout.ts';
import { findLeftParts } from '../../auralink-communication-service/launcher/left-parts.ts';
import { type ProcessIdentity, readJsonFile } from '../../auralink-communication-service/launcher/process.ts';
import { readSecret } from '../../auralink-communication-service/launcher/secrets.ts';
import type { PartsFile } from '../../auralink-communication-service/launcher/supervisor.ts';
import { readyFilePath } from '../../auralink-communication-service/wire/ready-file.ts';
import { testDataDir } from '../harness.ts';

const AURA = join(import.meta.dirname, '../../aura');
const SECOND_START_MAX_SECONDS = 15;
const POLL_MS = 25;

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function collect(child: ChildProcess): Promise<Ran> {
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    out += chunk.toString('utf8');
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    err += chunk.toString('utf8');
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, err }));
  });
}

/** Runs one command to its end; throws with all that it said unless it ends with `code`. */
async function aura(args: readonly string[], code = 0): Promise<Ran> {
  const ran = await collect(spawn(AURA, args, { env: { ...process.env, NODE_TEST_CONTEXT: '' } }));
  assert.equal(ran.code, code, `aura ${args.join(' ')}:\n${ran.out}\n${ran.err}`);
  return ran;
}

async function until<T>(
  what: string,
  look: () => Promise<T | null> | T | null,
  timeoutMs = 60_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (seen !== null) return seen;
    assert.ok(performance.now() < deadline, `in vain waited for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

interface Health {
  readonly status: string;
  readonly parts: Readonly<Record<string, { readonly state: string; readonly detail: string | null }>>;
}

const dataDir = testDataDir('front-door');
const layout = layoutOf(dataDir);
let base = 0;
let upArgs: string[] = [];

before(async () => {
  base = await findFreePortBase();
  upArgs = ['up', '--data', dataDir, '--port-base', String(base), '--processes', '2'];
});
after(() => aura(['down', '--data', dataDir]));

async function health(): Promise<{ status: number; body: Health } | null> {
  const response = await fetch(`http://127.0.0.1:${base}/health`).catch(() => null);
  return response === null ? null : { status: response.status, body: (await response.json()) as Health };
}

function pidOf(part: string): number {
  const pid = readJsonFile<PartsFile>(join(layout.runDir, 'parts.json'))?.parts[part]?.pid;
  assert.ok(typeof pid === 'number', `${part} runs`);
  return pid;
}

const ALL_PARTS = ['livekit', 'postbox', 'postgres', 'redis', 'service-1', 'service-2', 'synapse'];

test('up on an empty folder: every part answers, two people can sign in, and others are invited', async () => {
  const { out } = await aura([...upArgs, '--detach', '--json']);
  const answer = JSON.parse(out) as {
    addresses: { name: string; url: string }[];
    people: object[];
    invitationCode: string;
    alreadyUp: boolean;
  };
  assert.equal(answer.alreadyUp, false);
  assert.deepEqual(
    answer.addresses.map((address) => address.name),
    ['Phone', 'Chat', 'Market', 'Play', 'Health', 'Matrix', 'Metrics'],
  );
  for (const { name, url } of answer.addresses) {
    const { host, pathname } = new URL(url);
    // Names under localhost are the browser's business; here the address is spelt out and the name goes along.
    const target = url.replace(/\/\/[^:/]+/, '//127.0.0.1');
    const response = await fetch(target, { headers: { host, 'x-test': pathname } });
    assert.equal(response.status, 200, `${name} ${url}`);
    await response.body?.cancel();
  }
  assert.equal(answer.invitationCode, readSecret(layout.secretsDir, 'REGISTRATION_TOKEN'));
  for (const part of ['service-1', 'service-2'])
    assert.ok(existsSync(readyFilePath(layout.runDir, pidOf(part))), `${part} has its doors open`);
  assert.equal(answer.people.length, 2);
  for (const person of answer.people as { auraId: string; password: string }[]) {
    const login = await fetch(`http://127.0.0.1:${base}/_matrix/client/r0/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'm.login.password', user: person.auraId, password: person.password }),
    });
    assert.equal(login.status, 200, person.auraId);
  }
});

test('status tells every part and is content; logs are there; a token opens /internal', async () => {
  const { out } = await aura(['status', '--data', dataDir, '--json']);
  const status = JSON.parse(out) as {
    isSupervised: boolean;
    parts: PartsFile['parts'];
    health: { status: number };
  };
  assert.equal(status.isSupervised, true);
  assert.equal(status.health.status, 200);
  assert.deepEqual(Object.keys(status.parts).sort(), ALL_PARTS);
  for (const [name, part] of Object.entries(status.parts)) assert.equal(part.state, 'running', name);
  assert.match((await aura(['status', '--data', dataDir])).out, /^service-2 +running/m);
  assert.match((await aura(['logs', 'redis', '--data', dataDir])).out, /Ready to accept connections/);
  assert.match((await aura(['logs', 'nothing', '--data', dataDir], 1)).err, /there are .*postgres/);
  const { out: token } = await aura(['token', '--scope', 'matrix.register', '--data', dataDir]);
  const ask = (authorization: string) =>
    fetch(`http://127.0.0.1:${base}/internal/matrix/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization },
      body: JSON.stringify({ dashboardUserId: 'front-door', auraId: '@dora.aura' }),
    });
  assert.equal((await ask('Bearer nonsense')).status, 401);
  const registered = await ask(`Bearer ${token.trim()}`);
  assert.equal(registered.status, 201);
  assert.ok(!/token/i.test(await registered.text()), 'no token in the answer');
});

test('a second up says that it is up already and leaves everything alone', async () => {
  const before = findLeftParts(layout.runDir);
  const { out } = await aura(upArgs);
  assert.match(out, /already up/);
  assert.match(out, new RegExp(`http://localhost:${base}/`));
  assert.deepEqual(findLeftParts(layout.runDir), before);
});

/** Kills the part's process and then each of its successors, `times` in all, so that the pauses grow. */
async function killRepeatedly(part: string, times: number): Promise<void> {
  let killed: number | null = null;
  for (let i = 0; i < times; i++) {
    killed = await until(`another process of ${part}`, () => {
      const status = readJsonFile<PartsFile>(join(layout.runDir, 'parts.json'))?.parts[part];
      return status?.state === 'running' && status.pid !== killed ? status.pid : null;
    });
    process.kill(killed, 'SIGKILL');
  }
}

for (const part of ['synapse', 'livekit', 'redis']) {
  test(`${part} dies again and again: /health says so meanwhile, and it comes back`, async () => {
    await killRepeatedly(part, 4);
    const said = await until(`/health to tell of ${part}`, async () => {
      const seen = await health();
      return /restarting/.test(seen?.body.parts[part]?.detail ?? '') ? seen : null;
    });
    assert.match(said.body.parts[part]?.detail ?? '', /4th time, next try in \d s/);
    assert.notEqual(said.body.parts[part]?.state, 'ok');
    if (part === 'redis') assert.equal(said.status, 200, 'local calls work without Redis');
    await until(`${part} to be well again`, async () => {
      const seen = await health();
      return seen?.status === 200 && seen.body.parts[part]?.state === 'ok' ? seen : null;
    });
  });
}

test('kill -9 of PostgreSQL and of one service process: both are back, nothing that was made is lost', async () => {
  const killed = ['postgres', 'service-1'].map((part) => [part, pidOf(part)] as const);
  for (const [, pid] of killed) process.kill(pid, 'SIGKILL');
  await until('both to be started again', () => {
    const parts = readJsonFile<PartsFile>(join(layout.runDir, 'parts.json'))?.parts ?? {};
    return killed.every(([part, pid]) => parts[part]?.state === 'running' && parts[part]?.pid !== pid)
      ? true
      : null;
  });
  const { out: token } = await aura(['token', '--scope', 'matrix.register', '--data', dataDir]);
  // 503 while the engines find their feet; then she is found, not made again.
  const answered = await until('an answer that is not "later"', async () => {
    const response = await fetch(`http://127.0.0.1:${base}/internal/matrix/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token.trim()}` },
      body: JSON.stringify({ dashboardUserId: 'front-door', auraId: '@dora.aura' }),
    }).catch(() => null);
    await response?.body?.cancel();
    return response === null || response.status === 503 ? null : response.status;
  });
  assert.equal(answered, 200, 'she was registered before');
  for (let good = 0; good < 10; ) good = (await health())?.status === 200 ? good + 1 : 0;
});

test('kill -9 of the supervisor harms nobody; the next up takes everything over', async () => {
  // The test before killed some: one that found no database has ended again, and is not back until it is ready.
  await until('every part to run', () => {
    const alive = [...findLeftParts(layout.runDir).keys()].sort();
    if (alive.join() !== ALL_PARTS.join()) return null;
    const parts = readJsonFile<PartsFile>(join(layout.runDir, 'parts.json'))?.parts ?? {};
    const isReady = (part: string) => existsSync(readyFilePath(layout.runDir, parts[part]?.pid ?? 0));
    return isReady('service-1') && isReady('service-2') ? true : null;
  });
  const supervisor = readJsonFile<ProcessIdentity>(join(layout.runDir, 'supervisor.lock'));
  process.kill(supervisor?.pid as number, 'SIGKILL');
  const left = findLeftParts(layout.runDir);
  assert.deepEqual([...left.keys()].sort(), ALL_PARTS);
  assert.equal((await health())?.status, 200);
  const { out } = await aura(['status', '--data', dataDir], 1);
  assert.match(out, /No supervisor/);
  await aura([...upArgs, '--detach']);
  assert.deepEqual(findLeftParts(layout.runDir), left, 'the same processes');
  const killed = pidOf('livekit');
  process.kill(killed, 'SIGKILL');
  await until('an adopted part to be restarted', () => {
    const part = readJsonFile<PartsFile>(join(layout.runDir, 'parts.json'))?.parts.livekit;
    return part?.state === 'running' && part.pid !== killed ? true : null;
  });
});

test('down stops everything; a second start is healthy within 15 s', async () => {
  assert.match((await aura(['down', '--data', dataDir])).out, /is down/);
  assert.equal(findLeftParts(layout.runDir).size, 0);
  assert.equal(await health(), null);
  assert.match((await aura(['down', '--data', dataDir])).out, /Nothing is running/);
  // The machine may be busy with something else: the best of a few counts.
  const tookSeconds: number[] = [];
  while (tookSeconds.length < 3 && !tookSeconds.some((took) => took < SECOND_START_MAX_SECONDS)) {
    const begin = performance.now();
    await aura([...upArgs, '--detach']);
    tookSeconds.push((performance.now() - begin) / 1000);
    assert.equal((await health())?.status, 200);
    await aura(['down', '--data', dataDir]);
  }
  assert.ok(Math.min(...tookSeconds) < SECOND_START_MAX_SECONDS, `took ${tookSeconds.join(', ')} s`);
});

test('in the foreground Ctrl-C stops everything, also in the middle of the start', async () => {
  const starting = spawn(AURA, upArgs);
  const startingEnd = collect(starting);
  await until('the first part to run', () => (findLeftParts(layout.runDir).size > 0 ? true : null));
  starting.kill('SIGINT');
  assert.equal((await startingEnd).code, 130);
  assert.equal(findLeftParts(layout.runDir).size, 0);

  const running = spawn(AURA, upArgs);
  const runningEnd = collect(running);
  let said = '';
  running.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString('utf8');
  });
  await until('it to be up', () => (/Ctrl-C stops it/.test(said) ? true : null));
  assert.equal((await health())?.status, 200);
  running.kill('SIGINT');
  assert.equal((await runningEnd).code, 0);
  assert.equal(findLeftParts(layout.runDir).size, 0);
});

test('a port that somebody else holds is named before anything is started', async () => {
  const stranger = createServer().listen(base + 4, '127.0.0.1');
  await once(stranger, 'listening');
  try {
    const { err } = await aura(upArgs, 1);
    assert.match(err, new RegExp(`in use by another program: ${base + 4} \\(synapse\\)`));
    assert.equal(findLeftParts(layout.runDir).size, 0);
  } finally {
    stranger.close();
  }
});
