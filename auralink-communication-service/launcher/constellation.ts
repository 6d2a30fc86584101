/**
 * One constellation: PostgreSQL, Redis, Synapse, LiveKit and service processes over one data folder and one set of
 * ports. `./aura up` runs one; tests and benches start as many as they like.
 */
import { mkdirSync } from 'node:fs';
import { unlessAborted } from '../core/abort.ts';
import { FrontDoorError } from './errors.ts';
import { runFirstStart } from './first-start.ts';
import { isPortFree } from './free-ports.ts';
import { httpOrigin } from './hosts.ts';
import { ensureEngines } from './install.ts';
import { databaseUser, ensureDataDir } from './layout.ts';
import { findLeftParts } from './left-parts.ts';
import { livekitPart } from './livekit.ts';
import type { Part } from './part.ts';
import { ensureCluster, ensureDatabases, ensurePrograms, postgresPart } from './postgres.ts';
import { postboxPart } from './postbox/part.ts';
import { type Progress, seconds, silentProgress } from './progress.ts';
import { redisIsInstalled, redisPart } from './redis.ts';
import { readSecret } from './secrets.ts';
import { serviceParts } from './service.ts';
import { prepareSettings, type Settings } from './settings.ts';
import type { PartStatus } from './supervised-part.ts';
import { Supervisor } from './supervisor.ts';
import { synapsePart } from './synapse.ts';

/** First start on a slow machine: schema of Synapse included. */
const START_TIMEOUT_MS = 180_000;

export interface ConstellationOptions {
  readonly dataDir: string;
  readonly portBase: number | null;
  /** Service processes; 0 starts the engines only. */
  readonly processes?: number;
  /** Whether to run a Redis; default: if one is installed. */
  readonly redis?: boolean;
  /** Whether a postbox of ours takes e-mail and SMS where no server is configured; default: no. */
  readonly postbox?: boolean;
  /** Engines to leave out, for tests that need only some. */
  readonly without?: readonly ('synapse' | 'livekit')[];
  /** Where LiveKit sends its webhooks, for tests that lose them. Default: the engines' door. */
  readonly livekitWebhookUrl?: string;
  /** Variables of config.ts; they win over what is computed. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly progress?: Progress;
  readonly onEvent?: (line: string) => void;
  /** Kill all parts when this process ends; for tests, whose parts nobody shall find later. Default true. */
  readonly dieWithUs?: boolean;
  /** Breaks the start off. */
  readonly signal?: AbortSignal;
}

export interface Urls {
  readonly public: string;
  readonly engines: string;
  readonly metrics: string;
  readonly synapse: string;
  readonly livekit: string;
}

export interface Constellation {
  readonly settings: Settings;
  readonly urls: Urls;
  /** A secret of the data folder, by the name of its file. */
  secret(name: string): string;
  /** Signals a part as a fault would; the supervisor then restarts it. Default SIGKILL. */
  kill(part: string, signal?: NodeJS.Signals): void;
  /** Stops a part and leaves it stopped. */
  halt(part: string): Promise<void>;
  /** Starts a halted part and waits until it answers. */
  start(part: string): Promise<void>;
  parts(): Record<string, PartStatus>;
  /** Stops everything in order. */
  stop(): Promise<void>;
}

/** Starts it and returns when every part answers. On failure everything is stopped again. */
export async function startConstellation(options: ConstellationOptions): Promise<Constellation> {
  const progress = options.progress ?? silentProgress;
  await ensureEngines(progress);
  ensureDataDir(options.dataDir, databaseUser());
  const settings = await settingsFor(options);
  await assertPortsFree(settings, options);
  const supervisor = new Supervisor({
    parts: await buildParts(settings, options, progress),
    runDir: settings.layout.runDir,
    logsDir: settings.layout.logsDir,
    ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }),
  });
  const die = (): void => supervisor.killAll();
  if (options.dieWithUs !== false) process.once('exit', die);
  try {
    const started = supervisor.startAll(START_TIMEOUT_MS, (part, tookMs) => {
      progress.note(`  ✓ ${part} answers (${seconds(tookMs)})`);
    });
    await (options.signal === undefined ? started : unlessAborted(started, options.signal));
    if (!options.without?.includes('synapse')) await runFirstStart(settings, progress);
  } catch (error) {
    await supervisor.stopAll();
    process.off('exit', die);
    throw error;
  }
  return {
    settings,
    urls: urlsOf(settings),
    secret: (name) => readSecret(settings.layout.secretsDir, name),
    kill: (part, signal) => supervisor.kill(part, signal),
    halt: (part) => supervisor.halt(part),
    start: (part) => supervisor.start(part, START_TIMEOUT_MS),
    parts: () => supervisor.states(),
    stop: async () => {
      await supervisor.stopAll();
      process.off('exit', die);
    },
  };
}

export function settingsFor(options: ConstellationOptions): Promise<Settings> {
  return prepareSettings({
    dataDir: options.dataDir,
    portBase: options.portBase,
    processes: options.processes ?? 1,
    redis: options.redis ?? redisIsInstalled(),
    postbox: options.postbox === true,
    operatorEnv: options.env ?? {},
  });
}

/** Says which port somebody else holds, before anything is started. What an earlier supervisor left is no stranger. */
async function assertPortsFree(settings: Settings, options: ConstellationOptions): Promise<void> {
  const { config, ports, managed, layout } = settings;
  const left = findLeftParts(layout.runDir);
  const isOurs = (part: string): boolean => [...left.keys()].some((name) => name.startsWith(part));
  const wanted: [part: string, host: string, port: number][] = [];
  if (managed.postgres) wanted.push(['postgres', '127.0.0.1', ports.postgres]);
  if (managed.redis) wanted.push(['redis', '127.0.0.1', ports.redis]);
  if (managed.mail) wanted.push(['postbox', '127.0.0.1', ports.postboxMail]);
  if (managed.sms) wanted.push(['postbox', '127.0.0.1', ports.postboxSms]);
  wanted.push(['livekit', '127.0.0.1', ports.livekit], ['livekit', '127.0.0.1', ports.livekitTcp]);
  wanted.push(['synapse', '127.0.0.1', ports.synapse], ['synapse', '127.0.0.1', ports.synapseMetrics]);
  if ((options.processes ?? 1) > 0) {
    wanted.push(['service', config.PUBLIC_HOST, config.PUBLIC_PORT]);
    wanted.push(['service', config.ENGINES_HOST, config.ENGINES_PORT]);
    wanted.push(['service', config.METRICS_HOST, config.METRICS_PORT]);
  }
  const taken: string[] = [];
  for (const [part, host, port] of wanted) {
    if (!isOurs(part) && !(await isPortFree(port, host))) taken.push(`${port} (${part})`);
  }
  if (taken.length === 0) return;
  throw new FrontDoorError(
    `These ports are in use by another program: ${taken.join(', ')}. Choose others with --port-base.`,
  );
}

async function buildParts(
  settings: Settings,
  options: ConstellationOptions,
  progress: Progress,
): Promise<Part[]> {
  const { layout, managed } = settings;
  mkdirSync(layout.confDir, { recursive: true, mode: 0o700 });
  const parts: Part[] = [];
  if (managed.postgres) {
    const user = databaseUser();
    const programs = ensurePrograms(user);
    await progress.step('the database cluster', async () => ensureCluster(settings, programs, user));
    parts.push(postgresPart(settings, programs, user));
  } else {
    await progress.step('the databases', () => ensureDatabases(settings));
  }
  if (managed.redis) parts.push(redisPart(settings));
  if (managed.mail || managed.sms) parts.push(postboxPart(settings));
  if (!options.without?.includes('livekit')) parts.push(livekitPart(settings, options.livekitWebhookUrl));
  if (!options.without?.includes('synapse')) parts.push(synapsePart(settings));
  return [...parts, ...serviceParts(settings)];
}

export function urlsOf(settings: Settings): Urls {
  const { config } = settings;
  return {
    public: httpOrigin(config.PUBLIC_HOST, config.PUBLIC_PORT),
    engines: httpOrigin(config.ENGINES_HOST, config.ENGINES_PORT),
    metrics: httpOrigin(config.METRICS_HOST, config.METRICS_PORT),
    synapse: config.SYNAPSE_URL,
    livekit: config.LIVEKIT_URL,
  };
}
