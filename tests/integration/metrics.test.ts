/**
 * One scrape tells of all processes: two doors as two processes would open them, over one folder, with a real database
 * and a real Synapse behind, judged by promtool.
 */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pino } from 'pino';
import { newId, type ProcessId } from '../../auralink-communication-service/core/ids.ts';
import { createMetrics, registerSource } from '../../auralink-communication-service/core/metrics.ts';
import {
  metricsRoutes,
  SYNAPSE_SCRAPE_TIMEOUT_MS,
} from '../../auralink-communication-service/http/metrics.ts';
import { buildDoor } from '../../auralink-communication-service/http/server.ts';
import { openDatabase } from '../../auralink-communication-service/store/db.ts';
import { createMetricsSource } from '../../auralink-communication-service/store/metrics.ts';
import { silentLog } from '../fakes/log.ts';
import { constellation, testDatabase } from '../harness.ts';

const { config } = constellation();
const db = openDatabase(await testDatabase());
after(() => db.close());
const root = mkdtempSync(join(tmpdir(), 'aura-m-'));
after(() => rmSync(root, { recursive: true, force: true }));

async function startProcess(runDir: string, synapseMetricsUrl = config.SYNAPSE_METRICS_URL) {
  const metrics = createMetrics();
  registerSource(metrics.registry, createMetricsSource(db.pool));
  const processId = newId<ProcessId>();
  const door = await buildDoor({
    logger: pino({ level: 'silent' }),
    newId,
    trustedProxies: [],
    plugins: [
      metricsRoutes({ registry: metrics.registry, processId, runDir, synapseMetricsUrl, log: silentLog }),
    ],
  });
  await door.ready();
  let closed = false;
  const close = async () => {
    if (!closed) await door.close();
    closed = true;
  };
  after(close);
  const scrape = async () => {
    const answer = await door.inject('/metrics');
    assert.equal(answer.statusCode, 200);
    assert.match(String(answer.headers['content-type']), /^text\/plain; version=0\.0\.4/);
    return answer.payload;
  };
  return { metrics, scrape, close };
}

/** The value of a series, e.g. `x_total{a="b"}`; undefined when it is not there. */
function readSeries(exposition: string, series: string): number | undefined {
  const line = exposition.split('\n').find((candidate) => candidate.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

/** Lines in which promtool finds fault with the format; what it thinks of names is another matter. */
async function parseFaults(exposition: string): Promise<string> {
  const promtool = spawn('promtool', ['check', 'metrics'], { stdio: ['pipe', 'ignore', 'pipe'] });
  let said = '';
  promtool.stderr.on('data', (chunk) => {
    said += chunk;
  });
  promtool.stdin.end(exposition);
  const [code] = (await once(promtool, 'close')) as [number];
  // 3: it could read everything, and has opinions on names.
  return code === 0 || code === 3 ? '' : `${code}: ${said}`;
}

test('whichever process is asked, the answer is the sum of all, with Synapse behind it', async () => {
  const runDir = join(root, 'sum');
  const [one, two] = [await startProcess(runDir), await startProcess(runDir)];
  one.metrics.calls.placed('audio');
  two.metrics.calls.placed('audio');
  two.metrics.calls.placed('video');
  one.metrics.calls.ended('hung_up');
  two.metrics.identity.registered('page');
  one.metrics.http.request('GET', '/x', 200, 5);
  two.metrics.http.request('GET', '/x', 200, 50);
  for (const { scrape } of [one, two]) {
    const text = await scrape();
    assert.equal(readSeries(text, 'auralink_service_processes'), 2);
    assert.equal(readSeries(text, 'auralink_calls_placed_total{media="audio"}'), 2);
    assert.equal(readSeries(text, 'auralink_calls_placed_total{media="video"}'), 1);
    assert.equal(readSeries(text, 'cross_app_calls_total{outcome="hung_up"}'), 1);
    assert.equal(readSeries(text, 'auraid_registrations_total{via="page"}'), 1);
    const labels = 'method="GET",route="/x",status="2xx"';
    assert.equal(readSeries(text, `auralink_http_request_seconds_count{${labels}}`), 2);
    assert.equal(readSeries(text, 'auralink_synapse_scrape_up'), 1);
    assert.match(text, /^# TYPE synapse_\w+ /m);
    assert.equal(await parseFaults(text), '');
  }
  await two.close();
  assert.equal(readSeries(await one.scrape(), 'auralink_service_processes'), 1);
});

test("the product's own four are always there, and those of the database are counted once", async () => {
  const runDir = join(root, 'four');
  const [one] = [await startProcess(runDir), await startProcess(runDir)];
  const empty = await one.scrape();
  for (const name of ['auraid_registrations_total', 'cross_app_calls_total', 'mesh_routes_active']) {
    assert.match(empty, new RegExp(`^# TYPE ${name} `, 'm'));
  }
  assert.match(empty, /^# TYPE trust_score_distribution histogram$/m);
  assert.equal(readSeries(empty, 'trust_score_distribution_count'), 0);
  assert.equal(readSeries(empty, 'mesh_routes_active'), 0);

  await db.pool.query(
    `INSERT INTO mesh_routes (route_id, from_node, to_node, media, kind, reason, expires_at)
     SELECT gen_random_uuid(), 'a', 'b', 'audio', 'sfu', 'test', now() + make_interval(mins => n)
     FROM unnest(ARRAY[1, 2, 3, -1]) AS n`,
  );
  await db.pool.query(
    `WITH people AS (
       INSERT INTO aura_id_registry (person_id, aura_id, skeleton, state, registration_key, activated_at)
       SELECT gen_random_uuid(), '@score' || n || '.aura', 'score' || n, 'active', 'test:' || n, now()
       FROM generate_series(1, 3) AS n RETURNING person_id, aura_id
     )
     INSERT INTO trust_scores (person_id, score, score_low, score_high, components, reasons)
     SELECT person_id, 30 * substr(aura_id, 7, 1)::int, 0, 100, '{}', '[]' FROM people`,
  );
  const text = await one.scrape();
  assert.equal(readSeries(text, 'mesh_routes_active'), 3);
  assert.equal(readSeries(text, 'trust_score_distribution_count'), 3);
  assert.equal(readSeries(text, 'trust_score_distribution_sum'), 180);
  assert.equal(readSeries(text, 'trust_score_distribution_bucket{le="20"}'), 0);
  assert.equal(readSeries(text, 'trust_score_distribution_bucket{le="30"}'), 1);
  assert.equal(readSeries(text, 'trust_score_distribution_bucket{le="60"}'), 2);
  assert.equal(readSeries(text, 'trust_score_distribution_bucket{le="+Inf"}'), 3);
  assert.equal(await parseFaults(text), '');
});

test('Synapse away or silent: ours alone, in time, and says so', async () => {
  const away = await startProcess(join(root, 'away'), 'http://127.0.0.1:9');
  const text = await away.scrape();
  assert.equal(readSeries(text, 'auralink_synapse_scrape_up'), 0);
  assert.equal(await parseFaults(text), '');

  const silent = createServer(() => {});
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  after(() => {
    silent.close();
    silent.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const waiting = await startProcess(join(root, 'silent'), url);
  const begin = performance.now();
  assert.equal(readSeries(await waiting.scrape(), 'auralink_synapse_scrape_up'), 0);
  assert.ok(performance.now() - begin < SYNAPSE_SCRAPE_TIMEOUT_MS + 2_000);
});

test('a process that was killed leaves a file behind, which the next scrape removes', async () => {
  const runDir = join(root, 'dead');
  mkdirSync(runDir);
  const left = join(runDir, 'metrics-killed.sock');
  const killed = execFile(process.execPath, [
    '-e',
    `require('net').createServer().listen(${JSON.stringify(left)}, () => process.kill(process.pid, 'SIGKILL'))`,
  ]);
  await once(killed, 'close');
  assert.ok(existsSync(left));
  const { scrape } = await startProcess(runDir);
  assert.equal(readSeries(await scrape(), 'auralink_service_processes'), 1);
  assert.equal(existsSync(left), false);
});

test('a process that does not answer is left out, and its file is kept', async () => {
  const runDir = join(root, 'stuck');
  mkdirSync(runDir);
  const stuck = createServer(() => {});
  stuck.listen(join(runDir, 'metrics-stuck.sock'));
  await once(stuck, 'listening');
  after(() => {
    stuck.close();
    stuck.closeAllConnections();
  });
  const { scrape } = await startProcess(runDir);
  assert.equal(readSeries(await scrape(), 'auralink_service_processes'), 1);
  assert.ok(existsSync(join(runDir, 'metrics-stuck.sock')));
});

test('a folder whose path is too long for a socket has a short stand-in that all processes find', async () => {
  const runDir = join(root, 'x'.repeat(100));
  const standIns = () => readdirSync(tmpdir()).filter((name) => name.startsWith('auralink-'));
  const before = standIns();
  after(() => {
    for (const name of standIns())
      if (!before.includes(name)) rmSync(join(tmpdir(), name), { recursive: true });
  });
  const [one, two] = [await startProcess(runDir), await startProcess(runDir)];
  assert.equal(readSeries(await one.scrape(), 'auralink_service_processes'), 2);
  await two.close();
  await one.close();
  assert.deepEqual(readdirSync(runDir), []);
});
