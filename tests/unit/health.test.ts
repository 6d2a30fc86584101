/** `/health` and `/ready` over probes that the test decides: which part matters, what is cached, what the launcher adds. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { FastifyPluginAsync } from 'fastify';
import { pino } from 'pino';
import { systemClock } from '../../auralink-communication-service/core/clock.ts';
import { newId } from '../../auralink-communication-service/core/ids.ts';
import {
  HEALTH_CACHED_MS,
  type Health,
  healthRoutes,
  PARTS,
  type PartName,
  type Probe,
} from '../../auralink-communication-service/http/health.ts';
import { describeRestart } from '../../auralink-communication-service/http/parts-file.ts';
import { buildDoor } from '../../auralink-communication-service/http/server.ts';

const runDir = mkdtempSync(join(tmpdir(), 'aura-health-'));
after(() => rmSync(runDir, { recursive: true }));

const ok: Probe = async () => ({ version: '1' });
const away: Probe = async () => {
  throw new Error('connect ECONNREFUSED 10.0.0.1:5432');
};

async function door(
  over: Partial<Record<PartName, Probe>> = {},
  options: { stopping?: boolean; dir?: string } = {},
) {
  let nowMs = 0;
  const probes = {
    ...(Object.fromEntries(PARTS.map((name) => [name, ok])) as Record<PartName, Probe>),
    ...over,
  };
  const app = await buildDoor({
    logger: pino({ level: 'silent' }),
    newId,
    trustedProxies: [],
    plugins: [
      healthRoutes({
        probes,
        runDir: options.dir ?? join(runDir, 'none'),
        version: '9.9',
        clock: { now: systemClock.now, monotonicMs: () => nowMs },
        isStopping: () => options.stopping === true,
      }) as FastifyPluginAsync,
    ],
  });
  after(() => app.close());
  const get = async (url: string) => {
    const answer = await app.inject(url);
    return { status: answer.statusCode, body: answer.json() as Health & { ready: boolean; reason: string } };
  };
  return {
    get,
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

test('all parts there: 200 and ok', async () => {
  const { get } = await door();
  const { status, body } = await get('/health');
  assert.equal(status, 200);
  assert.equal(body.status, 'ok');
  assert.deepEqual(Object.keys(body.parts).sort(), [...PARTS].sort());
  assert.equal((await get('/ready')).status, 200);
});

for (const name of PARTS) {
  const essential = name === 'postgres' || name === 'livekit';
  test(`without ${name}: ${essential ? '503' : '200, degraded'}`, async () => {
    const { get } = await door({ [name]: away });
    const { status, body } = await get('/health');
    assert.equal(status, essential ? 503 : 200);
    assert.equal(body.status, essential ? 'down' : 'degraded');
    assert.equal(body.parts[name]?.state, 'down');
    assert.doesNotMatch(JSON.stringify(body), /ECONNREFUSED|10\.0\.0\.1/);
    assert.equal((await get('/ready')).status, name === 'postgres' ? 503 : 200);
  });
}

test('what nobody configured is no fault; what answers badly is degraded', async () => {
  const { get } = await door({
    redis: async () => null,
    coturn: async () => ({ version: null, trouble: 'answers 500' }),
  });
  const { status, body } = await get('/health');
  assert.equal(status, 200);
  assert.equal(body.parts.redis?.state, 'not_configured');
  assert.deepEqual(body.parts.coturn?.detail, 'answers 500');
  assert.equal(body.status, 'degraded');
});

test('a probe that never answers counts as down within its limit', async () => {
  const { get } = await door({ livekit: () => new Promise(() => {}) });
  const begin = performance.now();
  assert.equal((await get('/health')).status, 503);
  assert.ok(performance.now() - begin < 3_000);
});

test('probes run at most once a second, however often they are asked for', async () => {
  let asked = 0;
  const { get, pass } = await door({
    postgres: async () => {
      asked += 1;
      return { version: null };
    },
  });
  await Promise.all([get('/health'), get('/health'), get('/ready')]);
  assert.equal(asked, 1);
  pass(HEALTH_CACHED_MS);
  await get('/health');
  assert.equal(asked, 2);
});

test('a process that is stopping is not ready', async () => {
  const { get } = await door({}, { stopping: true });
  const { status, body } = await get('/ready');
  assert.equal(status, 503);
  assert.equal(body.reason, 'stopping');
});

test('the launcher tells what a probe cannot know', async () => {
  const nextStartAt = new Date(Date.now() + 60_000).toISOString();
  const restarting = { state: 'restarting', pid: null, restarts: 3, nextStartAt };
  const running = { state: 'running', pid: 1, restarts: 1 };
  writeFileSync(
    join(runDir, 'parts.json'),
    JSON.stringify({ parts: { livekit: restarting, 'service-2': restarting, postgres: running } }),
  );
  const { get } = await door({ livekit: away }, { dir: runDir });
  const { body } = await get('/health');
  assert.match(body.parts.livekit?.detail ?? '', /^restarting \(3rd time, next try in \d+ s\)$/);
  assert.match(body.parts['service-2']?.detail ?? '', /^restarting/);
  assert.equal(body.parts.postgres?.detail, null);
});

test('restarts are counted as people count', () => {
  const times = (restarts: number) => describeRestart({ state: 'restarting', restarts }, new Date());
  assert.equal(times(1), 'restarting (1st time)');
  assert.equal(times(2), 'restarting (2nd time)');
  assert.equal(times(11), 'restarting (11th time)');
  assert.equal(times(23), 'restarting (23rd time)');
  assert.equal(describeRestart({ state: 'running', restarts: 5 }, new Date()), null);
  assert.equal(describeRestart(undefined, new Date()), null);
});
