/**
 * From a data folder, a port base and the operator's own variables to everything that a constellation needs to know:
 * which engines are ours to run, on which ports, and the environment of a service process. The operator's variables
 * win over what is computed here.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { type Config, configSchema, parseConfig, SECRET_VARIABLES } from '../config.ts';
import { DOTENV_PATH, type Layout, layoutOf, PROJECT_ROOT } from './layout.ts';
import { type Ports, portsFor } from './ports.ts';
import { ensureSecrets, LAUNCHER_SECRETS, MADE_SECRETS, secretPath } from './secrets.ts';

type Env = Readonly<Record<string, string | undefined>>;

export interface SettingsOptions {
  readonly dataDir: string;
  readonly portBase: number | null;
  readonly processes: number;
  /** Whether a Redis of ours shall run. */
  readonly redis: boolean;
  /** Whether a postbox of ours shall take e-mail and SMS. Default: no. */
  readonly postbox?: boolean;
  /** Variables of config.ts that were set by the operator; anything else in it is ignored. */
  readonly operatorEnv: Env;
}

export interface Settings {
  readonly layout: Layout;
  readonly ports: Ports;
  readonly processes: number;
  /** Engines that we start ourselves, because the operator named no other. */
  readonly managed: {
    readonly postgres: boolean;
    readonly redis: boolean;
    /** The postbox takes e-mail, or SMS. */
    readonly mail: boolean;
    readonly sms: boolean;
  };
  readonly config: Config;
  /** Environment of a service process: every variable of config.ts, secrets as files. */
  readonly serviceEnv: Readonly<Record<string, string>>;
}

/** Environment variables that any process of ours inherits; nothing else leaks in. */
const INHERITED = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR', 'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE'];

export function inheritedEnv(): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of INHERITED) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}

/** What the operator set: `.env`, and above it the environment. */
export function readOperatorEnv(dotenvPath: string = DOTENV_PATH): Env {
  const fromFile = existsSync(dotenvPath) ? parseEnv(readFileSync(dotenvPath, 'utf8')) : {};
  return { ...fromFile, ...process.env };
}

/** Makes missing secrets, then computes. Throws ConfigError with all faults of the operator's variables. */
export async function prepareSettings(options: SettingsOptions): Promise<Settings> {
  const layout = layoutOf(options.dataDir);
  const operator = known(options.operatorEnv);
  const ports = withOperatorPorts(portsFor(options.portBase), operator);
  const isSet = (...names: string[]): boolean => names.some((name) => operator[name] !== undefined);
  // Where others reach this server their messages must not end in a file.
  const postbox = options.postbox === true && isHere(operator.PUBLIC_BASE_URL);
  const managed = {
    postgres: !isSet('COMM_POSTGRES_HOST', 'COMM_POSTGRES_PORT'),
    redis: options.redis && !isSet('COMM_REDIS_HOST', 'COMM_REDIS_PORT'),
    mail: postbox && !isSet('SMTP_URL', 'SMTP_URL_FILE'),
    sms: postbox && !isSet('SMPP_URL', 'SMPP_URL_FILE', 'SMS_GATEWAY_URL'),
  };
  await ensureSecrets(layout.secretsDir);
  const computed = computeEnv(layout, ports, managed);
  for (const name of Object.keys(operator)) {
    // X set by the operator beats our X_FILE.
    delete computed[name.endsWith('_FILE') ? name.slice(0, -'_FILE'.length) : `${name}_FILE`];
  }
  // Without a Dashboard that the operator named there is nobody to send to.
  if (operator.DASHBOARD_SERVICE_URL === undefined) delete computed.DASHBOARD_WEBHOOK_SECRET_FILE;
  if (operator.DASHBOARD_JWKS_URL !== undefined) delete computed.DASHBOARD_JWKS_FILE;
  const merged = { ...computed, ...operator };
  const config = parseConfig(merged);
  return { layout, ports, processes: options.processes, managed, config, serviceEnv: toServiceEnv(merged) };
}

function isHere(publicBaseUrl = 'http://localhost'): boolean {
  return URL.canParse(publicBaseUrl) && /^(?:localhost|127\.0\.0\.1)$/.test(new URL(publicBaseUrl).hostname);
}

/** The variables of config.ts and their `_FILE` forms, as far as they are set to something. */
function known(env: Env): Record<string, string> {
  const names: string[] = [
    ...Object.keys(configSchema.shape),
    ...SECRET_VARIABLES.map((name) => `${name}_FILE`),
  ];
  const result: Record<string, string> = {};
  for (const name of names) {
    const value = env[name];
    if (value !== undefined && value !== '') result[name] = value;
  }
  return result;
}

function withOperatorPorts(ports: Ports, operator: Record<string, string>): Ports {
  const port = (name: string, fallback: number): number => Number(operator[name] ?? fallback);
  return {
    ...ports,
    public: port('PUBLIC_PORT', ports.public),
    engines: port('ENGINES_PORT', ports.engines),
    metrics: port('METRICS_PORT', ports.metrics),
  };
}

function computeEnv(
  layout: Layout,
  ports: Ports,
  managed: Settings['managed'],
): Record<string, string | undefined> {
  const env: Record<string, string | undefined> = {
    PUBLIC_BASE_URL: `http://localhost:${ports.public}`,
    PUBLIC_PORT: String(ports.public),
    ENGINES_PORT: String(ports.engines),
    METRICS_PORT: String(ports.metrics),
    APP_HOSTS: ['chat', 'market', 'play'].map((app) => `${app}=${app}.localhost:${ports.public}`).join(','),
    DEMO_APPS: 'true',
    SYNAPSE_URL: `http://127.0.0.1:${ports.synapse}`,
    SYNAPSE_METRICS_URL: `http://127.0.0.1:${ports.synapseMetrics}`,
    LIVEKIT_URL: `http://127.0.0.1:${ports.livekit}`,
    LIVEKIT_PUBLIC_URL: `ws://localhost:${ports.livekit}`,
    DASHBOARD_JWKS_FILE: secretPath(layout.secretsDir, LAUNCHER_SECRETS.dashboardPublic),
    KEY_RING_PATH: secretPath(layout.secretsDir, LAUNCHER_SECRETS.keyRing),
    AUDIT_HEADS_PATH: join(layout.dataDir, 'audit-heads.jsonl'),
    RUN_DIR: layout.runDir,
    WEB_DIST_DIR: join(PROJECT_ROOT, 'auralink-web/dist'),
  };
  for (const name of MADE_SECRETS) env[`${name}_FILE`] = secretPath(layout.secretsDir, name);
  if (managed.postgres) {
    env.COMM_POSTGRES_HOST = '127.0.0.1';
    env.COMM_POSTGRES_PORT = String(ports.postgres);
  } else {
    delete env.COMM_POSTGRES_PASSWORD_FILE;
  }
  if (managed.mail) {
    env.SMTP_URL = `smtp://127.0.0.1:${ports.postboxMail}`;
    env.MAIL_FROM = 'AuraLink <no-reply@auralink.localhost>';
  }
  if (managed.sms) {
    env.SMPP_URL = `smpp://postbox:postbox@127.0.0.1:${ports.postboxSms}`;
    env.SMS_SENDER = 'AuraLink';
  }
  if (managed.redis) {
    env.COMM_REDIS_HOST = '127.0.0.1';
    env.COMM_REDIS_PORT = String(ports.redis);
  } else {
    delete env.COMM_REDIS_PASSWORD_FILE;
  }
  return env;
}

/** Every variable is set, be it to nothing, so that a `.env` cannot slip in beside what was computed here. */
function toServiceEnv(merged: Record<string, string | undefined>): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of Object.keys(configSchema.shape)) env[name] = merged[name] ?? '';
  for (const name of SECRET_VARIABLES) {
    const file = merged[`${name}_FILE`];
    if (file !== undefined && (merged[name] ?? '') === '') env[`${name}_FILE`] = file;
  }
  return env;
}
