/** From the operator's variables to what each part is told: ports, secrets, the environment of a service process. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { parse } from 'yaml';
import {
  ConfigError,
  configSchema,
  loadConfig,
  OPTIONAL_SECRETS,
  SECRET_VARIABLES,
} from '../../../auralink-communication-service/config.ts';
import { urlsOf } from '../../../auralink-communication-service/launcher/constellation.ts';
import { isDashboardOurs } from '../../../auralink-communication-service/launcher/dashboard-token.ts';
import { livekitConfiguration } from '../../../auralink-communication-service/launcher/livekit.ts';
import { ensurePeople } from '../../../auralink-communication-service/launcher/people.ts';
import { PORT_SPAN, portsFor } from '../../../auralink-communication-service/launcher/ports.ts';
import { silentProgress } from '../../../auralink-communication-service/launcher/progress.ts';
import { ensureSecrets, LAUNCHER_SECRETS } from '../../../auralink-communication-service/launcher/secrets.ts';
import { prepareSettings } from '../../../auralink-communication-service/launcher/settings.ts';
import { registrationYaml } from '../../../auralink-communication-service/launcher/synapse.ts';

const folder = mkdtempSync(join(tmpdir(), 'aura-settings-'));
after(() => rmSync(folder, { recursive: true, force: true }));

let folders = 0;
function prepare(operatorEnv: Record<string, string> = {}, portBase: number | null = 20_000, redis = true) {
  folders += 1;
  const dataDir = join(folder, String(folders));
  return prepareSettings({ dataDir, portBase, processes: 2, redis, operatorEnv });
}

test('without a base the ports are those of the README; with one they are distinct and within its span', () => {
  assert.deepEqual(
    [portsFor(null).public, portsFor(null).engines, portsFor(null).metrics, portsFor(null).postgres],
    [8008, 8010, 9001, 5433],
  );
  const ports = Object.values(portsFor(20_000));
  assert.equal(new Set(ports).size, ports.length);
  assert.ok(ports.every((port) => port >= 20_000 && port < 20_000 + PORT_SPAN));
  for (const bad of [80, 65_400, 20_000.5, Number.NaN]) assert.throws(() => portsFor(bad), RangeError);
});

test('secrets: made once, mode 600 in a folder of mode 700, never overwritten', async () => {
  const dir = join(folder, 'secrets');
  const made = await ensureSecrets(dir);
  const needed = SECRET_VARIABLES.filter((name) => !OPTIONAL_SECRETS.has(name));
  for (const name of needed) assert.ok(made.includes(name), name);
  assert.equal(statSync(dir).mode & 0o777, 0o700);
  const before = readdirSync(dir).map((name) => [name, readFileSync(join(dir, name), 'utf8')]);
  for (const [name] of before) assert.equal(statSync(join(dir, name as string)).mode & 0o777, 0o600, name);
  assert.equal(new Set(before.map(([, value]) => value)).size, before.length, 'each is another');
  rmSync(join(dir, 'REGISTRATION_TOKEN'));
  assert.deepEqual(await ensureSecrets(dir), ['REGISTRATION_TOKEN']);
  for (const [name, value] of before.filter(([one]) => one !== 'REGISTRATION_TOKEN')) {
    assert.equal(readFileSync(join(dir, name as string), 'utf8'), value, name);
  }
});

test('signing keys carry their thumbprint; the public Dashboard key holds no private part', async () => {
  const { layout, config } = await prepare();
  const [key] = (JSON.parse(config.OIDC_SIGNING_KEYS) as { keys: JWK[] }).keys;
  assert.ok(key?.d !== undefined && key.crv === 'P-256');
  assert.equal(key.kid, await calculateJwkThumbprint(key));
  assert.equal(config.OIDC_COOKIE_KEYS.split(',').length, 2);
  const read = (name: string) => JSON.parse(readFileSync(join(layout.secretsDir, name), 'utf8'));
  const [published] = read(LAUNCHER_SECRETS.dashboardPublic).keys as JWK[];
  assert.equal(published?.d, undefined);
  assert.equal(published?.kid, read(LAUNCHER_SECRETS.dashboardPrivate).kid);
});

test('a service process is told every variable, secrets as files, and comes to the same configuration', async () => {
  const { serviceEnv, config } = await prepare();
  for (const name of Object.keys(configSchema.shape)) assert.ok(name in serviceEnv, name);
  for (const name of SECRET_VARIABLES)
    assert.equal(serviceEnv[name], '', `${name} itself is not handed over`);
  const dotenv = join(folder, 'stray.env');
  writeFileSync(
    dotenv,
    'RING_TIMEOUT_SECONDS=7\nREGISTRATION_TOKEN=from-a-stray-dotenv-file\nAI_CORE_URL=http://x\n',
  );
  const before = { ...process.env };
  Object.assign(process.env, serviceEnv);
  try {
    assert.deepEqual(loadConfig(dotenv), config, 'a .env does not slip in');
  } finally {
    process.env = before;
  }
});

test('the operator wins: over ports, over secrets, and over whole engines', async () => {
  const own = await prepare({ PUBLIC_PORT: '4444', REGISTRATION_TOKEN: 'an-invitation-of-my-own' });
  assert.equal(own.config.PUBLIC_PORT, 4444);
  assert.equal(own.ports.public, 4444);
  assert.equal(own.config.PUBLIC_BASE_URL, 'http://localhost:4444');
  assert.equal(own.config.REGISTRATION_TOKEN, 'an-invitation-of-my-own');
  assert.equal(own.serviceEnv.REGISTRATION_TOKEN_FILE, undefined);
  assert.deepEqual(own.managed, { postgres: true, redis: true, mail: false, sms: false });

  const elsewhere = await prepare({
    COMM_POSTGRES_HOST: 'db.example',
    COMM_POSTGRES_PASSWORD: 'theirs',
    COMM_REDIS_HOST: 'cache.example',
  });
  assert.deepEqual(elsewhere.managed, { postgres: false, redis: false, mail: false, sms: false });
  assert.equal(elsewhere.config.COMM_POSTGRES_HOST, 'db.example');
  assert.equal(elsewhere.config.COMM_POSTGRES_PASSWORD, 'theirs');
  assert.equal(elsewhere.config.COMM_REDIS_PASSWORD, '', 'our password is not for their Redis');
  // Without a password for their database: a fault with a name, not our own password sent to a stranger.
  await assert.rejects(prepare({ COMM_POSTGRES_PORT: '5432' }), (error: unknown) => {
    assert.ok(error instanceof ConfigError);
    assert.deepEqual(error.faults.length, 1);
    assert.match(error.faults[0] ?? '', /^COMM_POSTGRES_PASSWORD: is missing/);
    return true;
  });
});

test('no Redis is told as no Redis', async () => {
  const { managed, config } = await prepare({}, 20_000, false);
  assert.equal(managed.redis, false);
  assert.equal(config.COMM_REDIS_HOST, '');
});

test('the engines are told where the doors are bound, and every address of the machine means loopback', async () => {
  for (const [host, origin] of [
    ['0.0.0.0', 'http://127.0.0.1'],
    ['::', 'http://[::1]'],
    ['fd00::7', 'http://[fd00::7]'],
    ['10.0.0.7', 'http://10.0.0.7'],
  ] as const) {
    const settings = await prepare({ ENGINES_HOST: host, PUBLIC_HOST: host });
    const { public: publicPort, engines } = settings.ports;
    assert.equal(urlsOf(settings).public, `${origin}:${publicPort}`);
    assert.equal(parse(registrationYaml(settings)).url, `${origin}:${engines}`);
    assert.deepEqual(parse(livekitConfiguration(settings)).webhook.urls, [
      `${origin}:${engines}/sfu_webhook`,
    ]);
  }
});

test('where another Dashboard is believed nothing is signed with the development key, and nobody is made', async () => {
  assert.equal(isDashboardOurs(await prepare()), true);
  for (const foreign of [
    { DASHBOARD_JWKS_URL: 'https://dashboard.example/keys' },
    { DASHBOARD_JWKS_FILE: join(folder, 'their-keys.json') },
  ]) {
    const settings = await prepare(foreign);
    assert.equal(isDashboardOurs(settings), false);
    assert.deepEqual(await ensurePeople(settings, silentProgress), []);
  }
});
