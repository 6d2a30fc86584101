/**
 * Synapse as a part: its configuration from the templates in docker/conf, the operator's overlay, our registration as
 * its application service, and its process.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { FrontDoorError } from './errors.ts';
import { httpOrigin } from './hosts.ts';
import { SERVICE_DIR, VENV_PYTHON } from './layout.ts';
import { answersHttp, type Part, STAGE } from './part.ts';
import { writeFileAtomic } from './process.ts';
import { LAUNCHER_SECRETS, readSecret, secretPath } from './secrets.ts';
import { inheritedEnv, type Settings } from './settings.ts';

const STOP_TIMEOUT_MS = 15_000;
const TEMPLATES = join(SERVICE_DIR, 'docker/conf');
export const APPSERVICE_ID = 'auralink';
const OVERLAY_COMMENT =
  '# Your own settings for Synapse. Read after the generated homeserver.yaml, whole top-level keys replace its own.\n' +
  '# This file is made once and never touched again. Apply with ./aura down and ./aura up.\n{}\n';

/**
 * Replaces every {{name}} by the value as JSON. A name without a value, or a value without a place, is a fault.
 * `{% raw %}…{% endraw %}` keeps what is inside for Synapse's own templates.
 */
export function fillTemplate(template: string, values: Readonly<Record<string, unknown>>): string {
  const used = new Set<string>();
  const filled = template.replace(
    /\{% raw %\}(.*?)\{% endraw %\}|\{\{(\w+)\}\}/g,
    (_whole, raw?: string, name?: string) => {
      if (name === undefined) return raw ?? '';
      if (!(name in values)) throw new Error(`the template asks for ${name}, which has no value`);
      used.add(name);
      return JSON.stringify(values[name]);
    },
  );
  const unused = Object.keys(values).filter((name) => !used.has(name));
  if (unused.length > 0) throw new Error(`the template has no place for ${unused.join(', ')}`);
  return filled;
}

/** A comment of the template may speak of {{name}}; only lines that are not comments are filled. */
function fillFile(file: string, values: Readonly<Record<string, unknown>>): string {
  const lines = readFileSync(join(TEMPLATES, file), 'utf8').split('\n');
  const content = lines.filter((line) => !line.trimStart().startsWith('#'));
  return `# Generated at each start from docker/conf/${file}; changes here are lost.\n${fillTemplate(content.join('\n'), values)}`;
}

export function homeserverYaml(settings: Settings): string {
  const { config, layout, ports } = settings;
  const secret = (name: string): string => readSecret(layout.secretsDir, name);
  const issuer = new URL(config.PUBLIC_BASE_URL);
  return fillFile('homeserver.yaml', {
    serverName: config.SYNAPSE_SERVER_NAME,
    publicBaseUrl: `${config.PUBLIC_BASE_URL}/`,
    pidFile: join(layout.synapseDir, 'homeserver.pid'),
    signingKeyPath: secretPath(layout.secretsDir, LAUNCHER_SECRETS.synapseSigning),
    logConfigPath: join(layout.confDir, 'log.config'),
    mediaStorePath: join(layout.synapseDir, 'media'),
    macaroonSecretKey: secret(LAUNCHER_SECRETS.synapseMacaroon),
    formSecret: secret(LAUNCHER_SECRETS.synapseForm),
    port: ports.synapse,
    metricsPort: ports.synapseMetrics,
    bindAddresses: ['127.0.0.1'],
    resources: config.ENABLE_FEDERATION ? ['client', 'federation', 'openid'] : ['client', 'openid'],
    databaseHost: config.COMM_POSTGRES_HOST,
    databasePort: config.COMM_POSTGRES_PORT,
    databaseUser: config.COMM_POSTGRES_USER,
    databasePassword: config.COMM_POSTGRES_PASSWORD,
    databaseName: config.COMM_POSTGRES_SYNAPSE_DB,
    registrationPath: join(layout.confDir, 'appservice.yaml'),
    federationDomainWhitelist: config.ENABLE_FEDERATION ? null : [],
    registrationSharedSecret: config.MATRIX_REGISTRATION_SECRET,
    ssoClientWhitelist: [`${config.PUBLIC_BASE_URL}/`],
    issuer: `${config.PUBLIC_BASE_URL}/oidc`,
    oidcClientSecret: config.OIDC_SYNAPSE_CLIENT_SECRET,
    // Synapse takes an http issuer for localhost only; elsewhere the operator chose plain http himself.
    skipIssuerVerification: issuer.protocol === 'http:' && issuer.hostname !== 'localhost',
  });
}

/**
 * Our registration. The order of the rules matters: the first match wins, patterns are anchored at their start only,
 * and a person whose localpart lay in the exclusive one would get no push rules and no unread counts.
 */
export function registrationYaml(settings: Settings): string {
  const { config } = settings;
  const server = config.SYNAPSE_SERVER_NAME.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const engines = httpOrigin(config.ENGINES_HOST, config.ENGINES_PORT);
  return stringify({
    id: APPSERVICE_ID,
    url: engines,
    as_token: config.APPSERVICE_AS_TOKEN,
    hs_token: config.APPSERVICE_HS_TOKEN,
    sender_localpart: 'auralink',
    rate_limited: false,
    namespaces: {
      users: [
        { exclusive: true, regex: `^@[^:]+[.]aura:${server}$` },
        { exclusive: false, regex: `^@.*:${server}$` },
      ],
      rooms: [],
      aliases: [],
    },
    'io.element.msc4512.proxy_prefix': 'rtc/livekit',
    'io.element.msc4512.proxy_url': engines,
    'io.element.msc4502.scopes': ['urn:matrix:client:io.element.msc4502:rooms:is_joined'],
  });
}

/** Writes the generated files; makes the overlay if there is none. Returns all of it as one text. */
export function writeSynapseFiles(settings: Settings): string {
  const { layout } = settings;
  assertSameServerName(settings);
  mkdirSync(layout.confDir, { recursive: true, mode: 0o700 });
  mkdirSync(layout.synapseDir, { recursive: true, mode: 0o700 });
  if (!existsSync(layout.overlayPath)) writeFileAtomic(layout.overlayPath, OVERLAY_COMMENT);
  const files = {
    'homeserver.yaml': homeserverYaml(settings),
    'appservice.yaml': registrationYaml(settings),
    'log.config': fillFile('log.config', {
      rootLevel: settings.config.LOG_LEVEL === 'debug' ? 'INFO' : 'WARNING',
    }),
  };
  for (const [name, content] of Object.entries(files)) writeFileAtomic(join(layout.confDir, name), content);
  return [...Object.values(files), readFileSync(layout.overlayPath, 'utf8')].join('\n');
}

/** Accounts carry the server's name for ever. */
function assertSameServerName(settings: Settings): void {
  const path = join(settings.layout.dataDir, 'server-name');
  const wanted = settings.config.SYNAPSE_SERVER_NAME;
  if (!existsSync(path)) {
    writeFileAtomic(path, `${wanted}\n`);
    return;
  }
  const before = readFileSync(path, 'utf8').trim();
  if (before === wanted) return;
  throw new FrontDoorError(
    `SYNAPSE_SERVER_NAME is ${wanted}, but the accounts in ${settings.layout.dataDir} belong to ${before}. ` +
      'Set it back, or use another --data folder.',
  );
}

export function synapsePart(settings: Settings): Part {
  const { layout, ports, managed } = settings;
  const configuration = writeSynapseFiles(settings);
  return {
    name: 'synapse',
    command: VENV_PYTHON,
    args: [
      '-m',
      'synapse.app.homeserver',
      '-c',
      join(layout.confDir, 'homeserver.yaml'),
      '-c',
      layout.overlayPath,
    ],
    env: { ...inheritedEnv(), PYTHONUNBUFFERED: '1' },
    cwd: layout.synapseDir,
    stopSignal: 'SIGTERM',
    stopTimeoutMs: STOP_TIMEOUT_MS,
    stage: STAGE.engine,
    after: managed.postgres ? ['postgres'] : [],
    ready: () => answersHttp(`http://127.0.0.1:${ports.synapse}/health`),
    configuration,
  };
}
