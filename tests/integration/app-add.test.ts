/** `./aura app add`, run as people run it, over a real database; then signing in to the app that it registered. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { after, test } from 'node:test';
import { layoutOf, SERVICE_DIR } from '../../auralink-communication-service/launcher/layout.ts';
import { thisProcess, writeFileAtomic } from '../../auralink-communication-service/launcher/process.ts';
import {
  lockPath,
  recordPath,
  type UpRecord,
} from '../../auralink-communication-service/launcher/up-record.ts';
import { Browser } from '../fakes/browser.ts';
import { testDatabase, testDataDir } from '../harness.ts';
import { openIdentityDoor, PASSWORD, registerPerson } from '../support/identity-door.ts';

const address = await testDatabase();
const door = await openIdentityDoor(address);
const layout = layoutOf(testDataDir('app-add'));

/** As if a supervisor were up: this test is the process that lives. */
function pretendUp(): void {
  const record: UpRecord = {
    portBase: null,
    processes: 1,
    redis: false,
    startedInSeconds: 1,
    health: `${door.baseUrl}/health`,
    addresses: [],
    people: [],
  };
  mkdirSync(dirname(lockPath(layout)), { recursive: true });
  writeFileAtomic(lockPath(layout), JSON.stringify(thisProcess()));
  writeFileAtomic(recordPath(layout), JSON.stringify(record));
}

async function add(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const cli = spawn(
    process.execPath,
    [`${SERVICE_DIR}/launcher/cli.ts`, 'app', 'add', ...args, '--data', layout.dataDir],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        COMM_POSTGRES_HOST: address.host,
        COMM_POSTGRES_PORT: String(address.port),
        COMM_POSTGRES_USER: address.user,
        COMM_POSTGRES_PASSWORD: address.password,
        COMM_POSTGRES_DB: address.database,
      },
    },
  );
  after(() => cli.kill());
  let [out, err] = ['', ''];
  cli.stdout.on('data', (chunk) => {
    out += chunk;
  });
  cli.stderr.on('data', (chunk) => {
    err += chunk;
  });
  const [code] = (await once(cli, 'close')) as [number];
  return { code, out, err };
}

const shop = ['--id', 'shop', '--name', 'Shop', '--icon', '🛒', '--origin', 'https://shop.example'];

test('without a running constellation it says so', async () => {
  const { code, err } = await add(...shop);
  assert.equal(code, 1);
  assert.match(err, /Nothing is up in .*\.\/aura up starts it/);
});

test('an app that was added can be signed in to at once; added again, it is brought up to date', async () => {
  pretendUp();
  const added = await add(...shop, '--json');
  assert.equal(added.code, 0, added.err);
  const expected = {
    appId: 'shop',
    name: 'Shop',
    icon: '🛒',
    origins: ['https://shop.example'],
    redirectUris: ['https://shop.example/'],
    scopes: ['call.place', 'call.receive', 'profile.read'],
    isOn: true,
  };
  assert.deepEqual(JSON.parse(added.out), expected);
  await registerPerson(door, 'anna');
  const way = { login: { user: 'anna', password: PASSWORD } };
  const at = (path: string) => ({ clientId: 'shop', redirectUri: `https://shop.example/${path}` });
  await new Browser(door.baseUrl).signIn(at(''), way);
  await assert.rejects(new Browser(door.baseUrl).signIn(at('back'), way), / 400: /);

  const again = await add(...shop, '--redirect', 'https://shop.example/back');
  assert.equal(again.code, 0, again.err);
  assert.match(again.out, /Shop is registered as shop at https:\/\/shop\.example/);
  await new Browser(door.baseUrl).signIn(at('back'), way);
  await assert.rejects(new Browser(door.baseUrl).signIn(at(''), way), / 400: /);
});

test('what is no app is refused, and nothing changes', async () => {
  pretendUp();
  const apps = async () => (await door.db.pool.query('SELECT * FROM apps ORDER BY app_id')).rows;
  const before = await apps();
  const cases: readonly [string, ...string[]][] = [
    ['--id', '--id', 'synapse'],
    ['--id', '--id', 'phone'],
    ['--id', '--id', 'No App'],
    ['--name', '--name', ''],
    ['--origin', '--origin', 'http://shop.example'],
    ['--origin', '--origin', 'https://shop.example/path'],
    ['--redirect', '--redirect', 'https://evil.example/'],
  ];
  for (const [option, ...over] of cases) {
    const { code, err } = await add(...shop, ...over);
    assert.deepEqual([code, err.includes(`aura: ${option}: `)], [1, true], `${over}: ${err}`);
  }
  assert.deepEqual(await apps(), before);
});
