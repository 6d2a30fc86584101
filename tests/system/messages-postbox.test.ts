/** The development postbox as `./aura up` runs it: what the service sends lands in it, and `./aura messages` shows it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { after, test } from 'node:test';
import { SERVICE_DIR } from '../../auralink-communication-service/launcher/layout.ts';
import type { Received } from '../../auralink-communication-service/launcher/postbox/model.ts';
import { postboxPath } from '../../auralink-communication-service/launcher/postbox/part.ts';
import { databaseAddress } from '../../auralink-communication-service/wire/database.ts';
import { ownConstellation } from '../harness.ts';
import { runCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { messagesRoom } from '../support/messages-room.ts';

const constellation = await ownConstellation('postbox', {
  without: ['synapse'],
  postbox: true,
  redis: false,
});
const { config, layout, serviceEnv } = constellation.settings;
const desk = messagesRoom(databaseAddress(config), {}, { serviceEnv });
after(() => desk.stop());

const messages = (...args: string[]) => runCli(['messages', '--data', layout.dataDir, ...args]);

test('an empty postbox says why it may be empty', async () => {
  const { code, err } = await messages();
  assert.equal(code, 1);
  assert.match(err, /The postbox is empty.*SMTP_URL/);
});

test('what the service sends is shown, to people and to programs, once and while it comes', async () => {
  const follow = spawn(process.execPath, [
    ...[`${SERVICE_DIR}/launcher/cli.ts`, 'messages', '--json', '--follow', '--data', layout.dataDir],
  ]);
  after(() => follow.kill());
  let followed = '';
  follow.stdout.on('data', (chunk) => {
    followed += chunk;
  });
  await desk.send();
  await desk.send({ channel: 'sms' });
  await eventually(async () => {
    const { rows } = await desk.db.pool.query('SELECT state FROM outgoing_messages ORDER BY channel');
    assert.deepEqual(rows, [{ state: 'sent' }, { state: 'delivered' }]);
  }, 30_000);
  const listed = (await messages('--json')).out.trimEnd().split('\n');
  const shown = listed.map((line) => JSON.parse(line) as Received);
  assert.deepEqual(shown.map(({ channel, to, text }) => [channel, to, text]).toSorted(), [
    ['email', 'alice@mail.example', 'It is 123456.'],
    ['sms', '+4915112345678', 'Your code is 123456.'],
  ]);
  assert.match((await messages()).out, /email to alice@mail\.example {2}Your code\n {4}It is 123456\.\n/);
  await eventually(() => assert.deepEqual(followed.trimEnd().split('\n'), listed));
  assert.equal(statSync(postboxPath(layout)).mode & 0o777, 0o600);
});
