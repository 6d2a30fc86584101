/** Messages that leave us, against a real SMTP server: what it takes is sent once, what it refuses is told in its words. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { newId } from '../../auralink-communication-service/core/ids.ts';
import { createMetrics } from '../../auralink-communication-service/core/metrics.ts';
import { systemClock } from '../../auralink-communication-service/core/clock.ts';
import { parseConfig } from '../../auralink-communication-service/config.ts';
import { openDatabase } from '../../auralink-communication-service/store/db.ts';
import { wireMessages } from '../../auralink-communication-service/wire/messages.ts';
import { pino } from 'pino';
import { constellation, testDatabase } from '../harness.ts';
import { eventually } from '../support/eventually.ts';
import { codeIn, linkIn, openPostbox } from '../support/postbox.ts';

const postbox = await openPostbox();
const db = openDatabase(await testDatabase());
const log = pino({ level: 'silent' });
const config = parseConfig({
  ...constellation().serviceEnv,
  ...postbox.env,
});
const metrics = createMetrics();
const settled: string[] = [];
const part = wireMessages({ config, log, db, clock: systemClock, newId }, metrics.messages);
part.onSettled(async (_tx, { state, reason }) => {
  settled.push(`${state} ${reason}`);
});
const loop = part.start();
after(async () => {
  await loop.stop();
  await part.close();
  await db.close();
});
const send = (to: string) =>
  db.unitOfWork.run((tx) =>
    part.messages.enqueue(
      tx,
      {
        channel: 'email',
        to,
        content: { subject: 'Your code', text: 'It is 123456, or press https://aura.example/#/verify?t=abc' },
        purpose: 'verification',
        personId: null,
        expiresAt: new Date(Date.now() + 600_000),
      },
      { ip: '192.0.2.1' },
    ),
  );

test('an e-mail is taken by the server and wiped here', async () => {
  const messageId = await send('alice@mail.example');
  await eventually(() => assert.deepEqual(settled, ['sent null']));
  assert.equal(postbox.received.length, 1);
  const taken = await postbox.messageTo('alice@mail.example');
  assert.deepEqual(
    [taken.id, taken.subject, codeIn(taken)],
    [`<${messageId}@aura.example>`, 'Your code', '123456'],
  );
  assert.equal(linkIn(taken), 'https://aura.example/#/verify?t=abc');
  const { rows } = await db.pool.query('SELECT state, address, content, key_id FROM outgoing_messages');
  assert.deepEqual(rows, [{ state: 'sent', address: null, content: null, key_id: null }]);
});

test('a 550 is told in the words of the server, without the address', async () => {
  settled.length = 0;
  postbox.behaviour.recipient = (to) => ({ code: 550, words: `5.1.1 <${to}> is unknown to us` });
  await send('nobody@mail.example');
  await eventually(() => assert.equal(settled.length, 1));
  assert.match(settled[0] ?? '', /^refused 550 5\.1\.1 .*is unknown to us/);
  assert.doesNotMatch(settled[0] ?? '', /nobody|mail\.example/);
});
