/**
 * `/metrics`: one scrape answers for all service processes on this machine, whichever of them it reaches. Each process
 * offers its own figures on a socket file; the one that is asked collects and sums them, and appends Synapse's.
 */
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, readdirSync, unlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type {} from '@fastify/swagger';
import type { FastifyPluginAsync } from 'fastify';
import { AggregatorRegistry, type MetricObjectWithValues, type MetricValue, Registry } from 'prom-client';
import { Client, request } from 'undici';
import type { ProcessId } from '../core/ids.ts';
import type { Log } from '../core/log.ts';
import { joinExpositions } from './exposition.ts';

/** A process that has not answered by then is left out of this scrape. */
export const PROCESS_SCRAPE_TIMEOUT_MS = 500;
/** Synapse's metrics are left out of a scrape when they take longer. */
export const SYNAPSE_SCRAPE_TIMEOUT_MS = 2_000;
/** Longest path of a socket file: 108 bytes with its end (unix(7)), 104 on macOS. */
export const SOCKET_PATH_MAX_BYTES = 103;

type ProcessMetrics = MetricObjectWithValues<MetricValue<string>>[];

export interface MetricsDeps {
  readonly registry: Registry;
  readonly processId: ProcessId;
  /** Shared by the processes of one deployment. */
  readonly runDir: string;
  readonly synapseMetricsUrl: string;
  readonly log: Log;
}

/** Serves GET /metrics and this process's own share. Ends with its app. */
export const metricsRoutes = (deps: MetricsDeps): FastifyPluginAsync => {
  return async (app) => {
    const folder = socketFolder(deps.runDir);
    const own = socketPath(folder, deps.processId);
    const share = await serveShare(deps.registry, own);
    app.addHook('onClose', async () => {
      share.close();
      share.closeAllConnections();
    });
    app.get('/metrics', { schema: { hide: true } }, async (_request, reply) => {
      const [processes, synapse] = await Promise.all([
        collect(deps, folder, own),
        scrapeSynapse(deps.synapseMetricsUrl).catch(() => null),
      ]);
      const registry = AggregatorRegistry.aggregate(processes);
      const up = `# HELP auralink_synapse_scrape_up Whether Synapse's own metrics are part of this scrape
# TYPE auralink_synapse_scrape_up gauge
auralink_synapse_scrape_up ${synapse === null ? 0 : 1}
`;
      const ours = `${(await registry.metrics()).trimEnd()}\n${up}`;
      return reply.type(Registry.PROMETHEUS_CONTENT_TYPE).send(joinExpositions(ours, synapse ?? ''));
    });
  };
};

/** The folder for socket files: `runDir`, or a short private one that every process of this deployment finds. */
function socketFolder(runDir: string): string {
  const folder = resolve(runDir);
  mkdirSync(folder, { recursive: true });
  if (Buffer.byteLength(socketPath(folder, 'x'.repeat(36))) <= SOCKET_PATH_MAX_BYTES) return folder;
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 16);
  const short = join(tmpdir(), `auralink-${name}`);
  mkdirSync(short, { recursive: true, mode: 0o700 });
  const found = lstatSync(short);
  if (!found.isDirectory() || found.uid !== process.getuid?.()) {
    throw new Error(`${short} belongs to somebody else; choose a shorter RUN_DIR`);
  }
  chmodSync(short, 0o700);
  return short;
}

function socketPath(folder: string, processId: string): string {
  return join(folder, `metrics-${processId}.sock`);
}

async function serveShare(registry: Registry, path: string): Promise<Server> {
  const server = createServer((_request, response) => {
    registry.getMetricsAsJSON().then(
      (metrics) => response.setHeader('content-type', 'application/json').end(JSON.stringify(metrics)),
      () => response.writeHead(500).end(),
    );
  });
  server.unref();
  await new Promise<void>((done, failed) => {
    server.once('error', failed);
    server.listen(path, () => {
      server.off('error', failed);
      done();
    });
  });
  chmodSync(path, 0o600);
  return server;
}

/** The figures of every process that answers; socket files of processes that are gone are removed on the way. */
async function collect(deps: MetricsDeps, folder: string, own: string): Promise<ProcessMetrics[]> {
  const others = readdirSync(folder)
    .filter((name) => /^metrics-.+\.sock$/.test(name))
    .map((name) => join(folder, name))
    .filter((path) => path !== own);
  const found = await Promise.all([
    deps.registry.getMetricsAsJSON(),
    ...others.map((path) =>
      readShare(path).catch((error: unknown) => {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ECONNREFUSED') removeQuietly(path);
        else if (code !== 'ENOENT') deps.log.warn({ err: error, path }, 'a process did not tell its metrics');
        return null;
      }),
    ),
  ]);
  return found.filter((metrics) => metrics !== null);
}

async function readShare(path: string): Promise<ProcessMetrics> {
  const client = new Client('http://localhost', { socketPath: path });
  try {
    const answer = await client.request({
      method: 'GET',
      path: '/',
      signal: AbortSignal.timeout(PROCESS_SCRAPE_TIMEOUT_MS),
    });
    if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`);
    return (await answer.body.json()) as ProcessMetrics;
  } finally {
    await client.destroy();
  }
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Another scrape was quicker.
  }
}

async function scrapeSynapse(url: string): Promise<string> {
  const answer = await request(`${url}/_synapse/metrics`, {
    signal: AbortSignal.timeout(SYNAPSE_SCRAPE_TIMEOUT_MS),
  });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`);
  return text;
}
