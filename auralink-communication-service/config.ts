/**
 * The only reader of process.env. One schema names every variable, its default and its meaning; all faults are
 * reported at once by variable name. Precedence: environment, then `.env` beside .env.template, then the default.
 * A variable marked secret may also be given as `X_FILE`, the path of a file that holds it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { parseEnv } from 'node:util';
import { z } from 'zod';
import { RING_TIMEOUT_MAX_SECONDS } from './core/bounds.ts';

const port = z.coerce.number().int().min(1).max(65535);
const flag = z.enum(['true', 'false', '1', '0']).transform((v) => v === 'true' || v === '1');
const list = z.string().transform((v) =>
  v
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);
const networks = list.refine((entries) => entries.every((entry) => isIP(entry) !== 0 || isCidr(entry)), {
  message: 'must be addresses or networks such as 10.0.0.0/8, comma-separated',
});
const appHosts = list.refine(
  (entries) => entries.every((entry) => /^[a-z][a-z0-9-]{1,31}=[^\s=/]+$/.test(entry)),
  {
    message: 'must be entries such as chat=chat.example:8008, comma-separated',
  },
);
const url = z.url().transform((v) => v.replace(/\/+$/, ''));
const secret = z.string().min(16);
const keySet = secret.refine((text) => isPrivateKeySet(text, ecKey), {
  message: 'must be a JWK set with private EC keys',
});
const signingKeySet = secret.refine((text) => isPrivateKeySet(text, ed25519Key), {
  message: 'must be a JWK set with private Ed25519 keys, each with a kid of A–Z, a–z, 0–9 and _',
});
const schemes = (example: string, ...protocols: readonly string[]) =>
  z
    .string()
    .refine((v) => v === '' || (URL.canParse(v) && protocols.includes(new URL(v).protocol)), {
      message: `must be an address such as ${example}`,
    })
    .default('');

function isCidr(text: string): boolean {
  const [address = '', bits = '', more] = text.split('/');
  const family = isIP(address);
  return (
    more === undefined && family !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128)
  );
}

const ecKey = z.object({ kty: z.literal('EC'), d: z.string().min(1) });
const ed25519Key = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  kid: z.string().regex(/^\w{1,64}$/),
  d: z.string().length(43),
  x: z.string().length(43),
});

function isPrivateKeySet(text: string, key: z.ZodType): boolean {
  try {
    return z.object({ keys: z.array(key).min(1) }).safeParse(JSON.parse(text)).success;
  } catch {
    return false;
  }
}

export const configSchema = z.object({
  SYNAPSE_SERVER_NAME: z
    .string()
    .min(1)
    .default('auralink.network')
    .describe('Matrix homeserver domain; cannot change once accounts exist'),
  MATRIX_REGISTRATION_SECRET: secret.describe(
    "Synapse's shared secret, with which the administrator account is made",
  ),
  COMM_POSTGRES_HOST: z.string().default('localhost').describe('Database host'),
  COMM_POSTGRES_PORT: port.default(5433).describe('Database port'),
  COMM_POSTGRES_USER: z.string().default('auralink').describe('Database user'),
  COMM_POSTGRES_PASSWORD: z.string().min(1).describe('Database password'),
  COMM_POSTGRES_DB: z.string().default('auralink_comm').describe("The service's database"),
  COMM_POSTGRES_SYNAPSE_DB: z.string().default('auralink_synapse').describe("Synapse's own database"),
  COMM_POSTGRES_POOL_SIZE: z.coerce
    .number()
    .int()
    .min(4)
    .max(200)
    .default(8)
    .describe(
      'Database connections a service process may hold; about four a processor of the database, over all',
    ),
  COMM_REDIS_HOST: z.string().default('').describe('Redis host; empty: work without Redis'),
  COMM_REDIS_PORT: port.default(6379).describe('Redis port'),
  COMM_REDIS_PASSWORD: z.string().default('').describe('Redis password, if it wants one'),
  DASHBOARD_SERVICE_URL: url.default('http://dashboard-service:8080').describe('Dashboard integration'),
  DASHBOARD_WEBHOOK_SECRET: z
    .union([secret, z.literal('')])
    .default('')
    .describe('What signatures of webhooks to the Dashboard are derived from; empty: none are sent'),
  AI_CORE_URL: url.default('http://ai-core:8000').describe('AI core integration'),
  ENABLE_FEDERATION: flag.default(true).describe('Federate with other Matrix servers'),
  ENABLE_MESH_ROUTING: flag.default(true).describe('Offer relays and direct paths, not only the SFU'),

  PUBLIC_BASE_URL: url
    .default('http://localhost:8008')
    .describe('Where people reach the public door; issuer of sign-in tokens'),
  PUBLIC_HOST: z.string().default('127.0.0.1').describe('Address that the public door binds'),
  PUBLIC_PORT: port.default(8008).describe('Public door'),
  ENGINES_HOST: z
    .string()
    .default('127.0.0.1')
    .describe("Address that the engines' door binds: loopback or a private network"),
  ENGINES_PORT: port.default(8010).describe("The engines' door: Synapse's transactions, LiveKit's webhooks"),
  METRICS_HOST: z.string().default('127.0.0.1').describe('Address that /metrics binds'),
  METRICS_PORT: port.default(9001).describe('Metrics'),
  INTERNAL_ALLOWED_CIDRS: networks
    .default([])
    .describe('Networks besides loopback that may reach /internal, comma-separated'),
  TRUSTED_PROXY_CIDRS: networks
    .default([])
    .describe('Balancers whose X-Forwarded-* are believed, comma-separated'),
  APP_HOSTS: appHosts
    .default([])
    .describe('Hosts that serve one demo app each, as appId=host[:port], comma-separated'),

  SYNAPSE_URL: url.default('http://127.0.0.1:8018').describe("Synapse's client listener"),
  SYNAPSE_METRICS_URL: url
    .default('http://127.0.0.1:8019')
    .describe("Synapse's metrics listener; /_synapse/metrics is read there"),
  SYNAPSE_ADMIN_PASSWORD: secret.describe(
    'Password of the administrator account @auralink-admin that sets first passwords',
  ),
  APPSERVICE_AS_TOKEN: secret.describe('Our token towards Synapse'),
  APPSERVICE_HS_TOKEN: secret.describe("Synapse's token towards us"),
  REGISTRATION_TOKEN: secret.describe(
    'Invitation code for registering on the page and through /_matrix/client/*/register',
  ),

  LIVEKIT_URL: url.default('http://127.0.0.1:7880').describe("LiveKit's API"),
  LIVEKIT_PUBLIC_URL: z
    .string()
    .regex(/^wss?:\/\//)
    .default('ws://localhost:7880')
    .describe('Where browsers reach LiveKit'),
  LIVEKIT_API_KEY: z.string().min(3).default('auralink').describe('LiveKit API key'),
  LIVEKIT_API_SECRET: z.string().min(32).describe('LiveKit API secret, at least 32 characters'),

  COTURN_URL: z.string().default('').describe('turn: address of coturn; empty: none'),

  OIDC_SIGNING_KEYS: keySet.describe(
    'Signing keys of "Sign in with AuraLink", a JWK set with private ES256 keys',
  ),
  OIDC_COOKIE_KEYS: secret.describe('Keys that sign our cookies, comma-separated, newest first'),
  OIDC_SYNAPSE_CLIENT_SECRET: secret.describe("Synapse's client secret at our sign-in"),
  KEY_RING_PATH: z
    .string()
    .default('')
    .describe("File of the key ring that wraps people's data keys; empty: no personal data are kept"),
  AUDIT_HEADS_PATH: z
    .string()
    .default('')
    .describe(
      "File to which the audit log's heads are exported; keep it where the database's owner cannot write",
    ),
  IDENTITY_SERVER_NAME: z
    .string()
    .default('')
    .describe(
      'Name with which the Matrix Identity Service signs what it vouches for; empty: the host of PUBLIC_BASE_URL',
    ),
  IDENTITY_SIGNING_KEYS: signingKeySet.describe(
    'Keys of the Matrix Identity Service, a JWK set with private Ed25519 keys: the first signs, all are valid. On several hosts a new one goes last everywhere first, and then to the front',
  ),
  IDENTITY_TERMS_URL: z
    .union([url, z.literal('')])
    .default('')
    .describe('Document that accounts of the Matrix Identity Service must accept; empty: none'),
  IDENTITY_TERMS_VERSION: z.string().min(1).default('1').describe('Version of that document'),
  IDENTITY_ALLOWED_CIDRS: networks
    .default([])
    .describe(
      'Networks that are not public in which other homeservers may lie all the same, comma-separated',
    ),
  DASHBOARD_ISSUER: z
    .string()
    .default('https://dashboard.auralink.network')
    .describe('iss of Dashboard tokens'),
  DASHBOARD_AUDIENCE: z
    .string()
    .default('auralink-communication-service')
    .describe('aud of Dashboard tokens'),
  DASHBOARD_JWKS_URL: z
    .union([url, z.literal('')])
    .default('')
    .describe('Where the Dashboard publishes its keys'),
  DASHBOARD_JWKS_FILE: z
    .string()
    .default('')
    .describe('Public keys of the Dashboard as a local JWK set, instead of the URL'),

  SMTP_URL: schemes('smtp://user:password@mail.example:587', 'smtp:', 'smtps:').describe(
    'Server that takes our e-mail; smtps: TLS at once, smtp: STARTTLS, unless on this machine; empty: no e-mail',
  ),
  MAIL_FROM: z
    .string()
    .regex(
      /^$|^[^\s<>@]+@[^\s<>@]+$|^[^<>@\p{Cc}]+ <[^\s<>@]+@[^\s<>@]+>$/u,
      'must be such as AuraLink <no-reply@aura.example>',
    )
    .default('')
    .describe('Sender of our e-mail'),
  SMPP_URL: schemes('smpp://user:password@sms.example:2775', 'smpp:', 'ssmpp:').describe(
    'SMPP server that takes our SMS; ssmpp: by TLS; empty: none',
  ),
  SMS_GATEWAY_URL: z
    .union([url, z.literal('')])
    .default('')
    .describe('HTTP gateway that takes our SMS where there is no SMPP_URL; empty: none'),
  SMS_GATEWAY_TOKEN: z
    .union([secret, z.literal('')])
    .default('')
    .describe('Bearer token for the HTTP gateway, and the key of its signed receipts'),
  SMS_SENDER: z
    .string()
    .regex(/^$|^\+?\d{3,15}$|^[A-Za-z0-9 ]{1,11}$/, 'must be a number, or 11 letters and digits at most')
    .default('')
    .describe('Number or name that SMS come from'),
  SMS_PRICES_FILE: z
    .string()
    .default('')
    .describe(
      'Price of one SMS part by prefix, JSON: {"currency":"EUR","prices":{"+49":0.07},"default":0.2}',
    ),
  SMS_DAILY_SPEND: z
    .union([z.literal('').transform(() => null), z.coerce.number().positive().max(1_000_000)])
    .default(null)
    .describe(
      'What the SMS of a day may cost, in the currency of the prices; empty: no cap, and only few SMS in a day',
    ),

  RING_TIMEOUT_SECONDS: z.coerce
    .number()
    .min(1)
    .max(RING_TIMEOUT_MAX_SECONDS)
    .default(45)
    .describe('How long a call rings'),
  MEDIA_TIMEOUT_SECONDS: z.coerce
    .number()
    .min(1)
    .max(300)
    .default(30)
    .describe('How long after an answer, or after everybody left, a call without media stays open'),
  RESERVED_NAMES_FILE: z
    .string()
    .default('')
    .describe("Operator's list of names that nobody may claim, one a line"),
  DOCUMENT_AUTHORITIES_PATH: z
    .string()
    .default('')
    .describe(
      'Folder (or file) with the country signing certificates, revocation lists or master list by which chips of travel documents are proven; empty: chips are not taken',
    ),
  DOCUMENT_REVIEWERS: z.coerce
    .number()
    .int()
    .min(1)
    .max(2)
    .default(1)
    .describe('How many reviewers must agree on a document'),
  DOCUMENT_KEPT_DAYS: z.coerce
    .number()
    .int()
    .min(0)
    .max(365)
    .default(30)
    .describe('Days for which pictures and lines of a document are kept after the decision'),
  DOCUMENT_ACCEPT_SPECIMEN: flag
    .default(false)
    .describe("Take ICAO's specimen state UTO for one: for development only"),
  DEMO_APPS: flag.default(false).describe('Register the demo apps Chat, Market and Play'),
  RUN_DIR: z
    .string()
    .default('.aura/run')
    .describe('Sockets and state files that processes on this machine share'),
  WEB_DIST_DIR: z.string().default('auralink-web/dist').describe('Built pages'),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('How much is logged'),
});

export type Config = z.output<typeof configSchema>;

/** Variables that may be given as X_FILE and that nobody logs. */
export const SECRET_VARIABLES = [
  'MATRIX_REGISTRATION_SECRET',
  'COMM_POSTGRES_PASSWORD',
  'COMM_REDIS_PASSWORD',
  'SYNAPSE_ADMIN_PASSWORD',
  'APPSERVICE_AS_TOKEN',
  'APPSERVICE_HS_TOKEN',
  'REGISTRATION_TOKEN',
  'LIVEKIT_API_SECRET',
  'OIDC_SIGNING_KEYS',
  'OIDC_COOKIE_KEYS',
  'OIDC_SYNAPSE_CLIENT_SECRET',
  'IDENTITY_SIGNING_KEYS',
  'SMTP_URL',
  'SMPP_URL',
  'SMS_GATEWAY_TOKEN',
  'DASHBOARD_WEBHOOK_SECRET',
] as const satisfies readonly (keyof Config)[];

/** Secrets that a service may do without. */
export const OPTIONAL_SECRETS: ReadonlySet<string> = new Set([
  'SMTP_URL',
  'SMPP_URL',
  'SMS_GATEWAY_TOKEN',
  'DASHBOARD_WEBHOOK_SECRET',
]);

/** Every fault of the configuration at once, each with its variable. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(`The configuration has ${faults.length} fault(s):\n${faults.map((f) => `  ${f}`).join('\n')}`);
    this.faults = faults;
  }
}

type Env = Readonly<Record<string, string | undefined>>;

/** Throws ConfigError. Unset and empty mean the same: the default. */
export function parseConfig(env: Env): Config {
  const faults: string[] = [];
  const values: Record<string, string> = {};
  for (const name of Object.keys(configSchema.shape)) {
    const value = env[name];
    if (value !== undefined && value !== '') values[name] = value;
  }
  for (const name of SECRET_VARIABLES) {
    const path = env[`${name}_FILE`];
    if (values[name] !== undefined || path === undefined || path === '') continue;
    try {
      values[name] = readFileSync(path, 'utf8').trim();
    } catch (error) {
      faults.push(`${name}_FILE: cannot read ${path} (${(error as NodeJS.ErrnoException).code})`);
    }
  }
  const parsed = configSchema.safeParse(values);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const name = String(issue.path[0]);
      if (faults.some((f) => f.startsWith(`${name}_FILE:`))) continue;
      const missing = values[name] === undefined;
      const alternative = (SECRET_VARIABLES as readonly string[]).includes(name) ? ` (or ${name}_FILE)` : '';
      faults.push(`${name}: ${missing ? `is missing; set it${alternative}` : issue.message}`);
    }
  }
  if (faults.length > 0 || !parsed.success) throw new ConfigError(faults);
  return parsed.data;
}

/** Reads process.env and, below it, `dotenvPath` if that file exists. Throws ConfigError. */
export function loadConfig(dotenvPath: string): Config {
  const fromFile = existsSync(dotenvPath) ? parseEnv(readFileSync(dotenvPath, 'utf8')) : {};
  return parseConfig(layered(process.env, fromFile));
}

/**
 * `upper` over `lower`, name by name: one that `upper` has empty is the default, whatever `lower` says. A secret that
 * `upper` gives as X_FILE hides the X of `lower`.
 */
function layered(upper: Env, lower: Env): Env {
  const merged: Record<string, string | undefined> = { ...lower };
  for (const name of SECRET_VARIABLES) {
    if (upper[`${name}_FILE`] !== undefined && upper[`${name}_FILE`] !== '') delete merged[name];
  }
  return { ...merged, ...upper };
}
