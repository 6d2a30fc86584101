/** `./aura app add`, run as people run it, over a real database; then signing in to the app that it registered. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { layoutOf } from '../../auralink-communication-service/launcher/layout.ts';
import { Browser } from '../fakes/browser.ts';
import { testDatabase, testDataDir } from '../harness.ts';
import { databaseEnv, pretendUp, runCli } from '../support/cli.ts';
import { openIdentityDoor, PASSWORD, registerPerson } from '../support/identity-door.ts';

const address = await testDatabase();
const door = await openIdentityDoor(address);
const layout = layoutOf(testDataDir('app-add'));

const add = (...args: string[]) =>
  runCli(['app', 'add', ...args, '--data', layout.dataDir], databaseEnv(address));

const shop = ['--id', 'shop', '--name', 'Shop', '--icon', '🛒', '--origin', 'https://shop.example'];

test('without a running constellation it says so', async () => {
  const { code, err } = await add(...shop);
  assert.equal(code, 1);
  assert.match(err, /Nothing is up in .*\.\/aura up starts it/);
});

test('an app that was added can be signed in to at once; added again, it is brought up to date', async () => {
  pretendUp(layout);
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
  pretendUp(layout);
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
