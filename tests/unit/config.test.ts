/** The configuration: the seed's names and defaults, every fault at once, secrets from files, the order of sources. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  ConfigError,
  configSchema,
  loadConfig,
  parseConfig,
  OPTIONAL_SECRETS,
  SECRET_VARIABLES,
} from '../../auralink-communication-service/config.ts';

const SECRET = 'a-secret-of-more-than-thirty-two-characters';
const KEYS = '{"keys":[{"kty":"EC","crv":"P-256","x":"x","y":"y","d":"d"}]}';
const ED25519 = { kty: 'OKP', crv: 'Ed25519', kid: 'a1', d: 'd'.repeat(43), x: 'x'.repeat(43) };
const required: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    SECRET_VARIABLES.filter((name) => !OPTIONAL_SECRETS.has(name)).map((name) => [name, SECRET]),
  ),
  OIDC_SIGNING_KEYS: KEYS,
  IDENTITY_SIGNING_KEYS: JSON.stringify({ keys: [ED25519] }),
};

function faultsOf(work: () => unknown): readonly string[] {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.faults;
  }
  assert.fail('the configuration was accepted');
}

function folder(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'auralink-config-'));
  context.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Sets variables of this process for the time of one test. */
function setEnvironment(context: TestContext, env: Readonly<Record<string, string>>): void {
  const before = { ...process.env };
  context.after(() => {
    process.env = before;
  });
  for (const name of Object.keys(configSchema.shape)) {
    delete process.env[name];
    delete process.env[`${name}_FILE`];
  }
  Object.assign(process.env, env);
}

test("the seed's variables have the seed's defaults", () => {
  const config = parseConfig(required);
  assert.equal(config.SYNAPSE_SERVER_NAME, 'auralink.network');
  assert.equal(config.DASHBOARD_SERVICE_URL, 'http://dashboard-service:8080');
  assert.equal(config.AI_CORE_URL, 'http://ai-core:8000');
  assert.equal(config.ENABLE_FEDERATION, true);
  assert.equal(config.ENABLE_MESH_ROUTING, true);
  assert.equal(config.COMM_POSTGRES_PORT, 5433);
  assert.equal(config.COMM_POSTGRES_USER, 'auralink');
  assert.equal(config.COMM_POSTGRES_DB, 'auralink_comm');
  assert.deepEqual([config.PUBLIC_PORT, config.ENGINES_PORT, config.METRICS_PORT], [8008, 8010, 9001]);
});

test('every variable says what it is for', () => {
  const silent = Object.entries(configSchema.shape).filter(([, schema]) => !schema.description);
  assert.deepEqual(
    silent.map(([name]) => name),
    [],
  );
});

test('all faults are reported at once, each by its variable', () => {
  const faults = faultsOf(() =>
    parseConfig({ COMM_POSTGRES_PORT: '70000', ENABLE_FEDERATION: 'perhaps', AI_CORE_URL: 'not a url' }),
  );
  const named = faults.map((fault) => fault.slice(0, fault.indexOf(':')));
  for (const name of [
    'COMM_POSTGRES_PORT',
    'ENABLE_FEDERATION',
    'AI_CORE_URL',
    'MATRIX_REGISTRATION_SECRET',
  ]) {
    assert.equal(named.filter((other) => other === name).length, 1, `${name} among ${named.join(', ')}`);
  }
});

test('what only a later part would stumble over is found here', () => {
  const wrong: Readonly<Record<string, readonly string[]>> = {
    INTERNAL_ALLOWED_CIDRS: ['10.0.0.0/33', '10.0.0/8', 'everybody', '::1/129', '10.0.0.0/8/8'],
    TRUSTED_PROXY_CIDRS: ['10.0.0.0/'],
    APP_HOSTS: ['chat', 'chat=', '=chat.example', 'chat=http://chat.example', 'Chat=chat.example'],
    IDENTITY_SIGNING_KEYS: [
      KEYS,
      JSON.stringify({ keys: [{ ...ED25519, kid: 'a:1' }] }),
      '{"keys":[]}      ',
    ],
    OIDC_SIGNING_KEYS: [SECRET, '{"keys":[]}              ', '{"keys":[{"kty":"EC","x":"only public"}]}'],
  };
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      const faults = faultsOf(() => parseConfig({ ...required, [name]: value }));
      assert.deepEqual([faults.length, faults[0]?.split(':')[0]], [1, name], value);
    }
  }
  const right = {
    INTERNAL_ALLOWED_CIDRS: '10.0.0.0/8,192.0.2.1,fd00::/8',
    APP_HOSTS: 'chat=chat.localhost:8008',
  };
  assert.equal(parseConfig({ ...required, ...right }).INTERNAL_ALLOWED_CIDRS.length, 3);
});

test('a missing secret is told with its _FILE form, and a fault never shows a value', () => {
  const faults = faultsOf(() => parseConfig({ ...required, REGISTRATION_TOKEN: 'short-value' }));
  assert.equal(faults.length, 1);
  assert.match(faults[0] ?? '', /^REGISTRATION_TOKEN: /);
  assert.doesNotMatch(faults[0] ?? '', /short-value/);
  const { LIVEKIT_API_SECRET: _, ...without } = required;
  assert.deepEqual(
    faultsOf(() => parseConfig(without)),
    ['LIVEKIT_API_SECRET: is missing; set it (or LIVEKIT_API_SECRET_FILE)'],
  );
});

test('a secret may come from a file; the variable itself goes first', (context) => {
  const path = join(folder(context), 'secret');
  writeFileSync(path, 'from-the-file-0123456789\n');
  const { COMM_POSTGRES_PASSWORD: _, ...rest } = required;
  const fromFile = { ...rest, COMM_POSTGRES_PASSWORD_FILE: path };
  assert.equal(parseConfig(fromFile).COMM_POSTGRES_PASSWORD, 'from-the-file-0123456789');
  const both = { ...fromFile, COMM_POSTGRES_PASSWORD: 'from-the-variable-0123' };
  assert.equal(parseConfig(both).COMM_POSTGRES_PASSWORD, 'from-the-variable-0123');
});

test('a secret file that cannot be read is one fault, named', (context) => {
  const path = join(folder(context), 'absent');
  const { COMM_POSTGRES_PASSWORD: _, ...rest } = required;
  const faults = faultsOf(() => parseConfig({ ...rest, COMM_POSTGRES_PASSWORD_FILE: path }));
  assert.equal(faults.length, 1);
  assert.match(faults[0] ?? '', /^COMM_POSTGRES_PASSWORD_FILE: cannot read .*absent \(ENOENT\)$/);
});

test('an empty value is the default', () => {
  assert.equal(parseConfig({ ...required, PUBLIC_PORT: '' }).PUBLIC_PORT, 8008);
});

test('lists, flags and addresses are read as what they mean', () => {
  const config = parseConfig({
    ...required,
    INTERNAL_ALLOWED_CIDRS: ' 10.0.0.0/8, ,fd00::/8 ',
    ENABLE_MESH_ROUTING: '0',
    PUBLIC_BASE_URL: 'https://aura.example/',
  });
  assert.deepEqual(config.INTERNAL_ALLOWED_CIDRS, ['10.0.0.0/8', 'fd00::/8']);
  assert.equal(config.ENABLE_MESH_ROUTING, false);
  assert.equal(config.PUBLIC_BASE_URL, 'https://aura.example');
});

test('the environment goes before .env, and .env before the default', (context) => {
  const dotenv = join(folder(context), '.env');
  writeFileSync(
    dotenv,
    'SYNAPSE_SERVER_NAME=from.file\nCOMM_POSTGRES_DB=from_file\nCOMM_POSTGRES_USER=from_file\n',
  );
  setEnvironment(context, { ...required, SYNAPSE_SERVER_NAME: 'from.environment', COMM_POSTGRES_USER: '' });
  const config = loadConfig(dotenv);
  assert.equal(config.SYNAPSE_SERVER_NAME, 'from.environment');
  assert.equal(config.COMM_POSTGRES_DB, 'from_file');
  assert.equal(config.COMM_POSTGRES_USER, 'auralink', 'empty in the environment means the default');
  assert.equal(config.LOG_LEVEL, 'info');
});

test("a secret file of the environment goes before .env's value", (context) => {
  const own = folder(context);
  writeFileSync(join(own, 'secret'), 'from-the-secret-file-01');
  writeFileSync(join(own, '.env'), 'COMM_POSTGRES_PASSWORD=from-the-dotenv-012345\n');
  const { COMM_POSTGRES_PASSWORD: _, ...rest } = required;
  setEnvironment(context, { ...rest, COMM_POSTGRES_PASSWORD_FILE: join(own, 'secret') });
  assert.equal(loadConfig(join(own, '.env')).COMM_POSTGRES_PASSWORD, 'from-the-secret-file-01');
});

test('without .env the environment alone counts', (context) => {
  setEnvironment(context, required);
  assert.equal(loadConfig(join(folder(context), '.env')).PUBLIC_PORT, 8008);
});
