/** Messages that leave us, against a real SMTP server: what it takes is sent once, what it refuses is told in its words. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { SMTPServer } from 'smtp-server';
import { newId } from '../../auralink-communication-service/core/ids.ts';
import { createMetrics } from '../../auralink-communication-service/core/metrics.ts';
import { systemClock } from '../../auralink-communication-service/core/clock.ts';
import { parseConfig } from '../../auralink-communication-service/config.ts';
import { openDatabase } from '../../auralink-communication-service/store/db.ts';
import { wireMessages } from '../../auralink-communication-service/wire/messages.ts';
import { pino } from 'pino';
import { constellation, testDatabase } from '../harness.ts';
import { eventually } from '../support/eventually.ts';

const taken: string[] = [];
const server = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  onRcptTo: ({ address }, _session, done) =>
    done(
      address.startsWith('nobody')
        ? Object.assign(new Error(`5.1.1 <${address}> unknown`), { responseCode: 550 })
        : null,
    ),
  onData: (stream, _session, done) => {
    let text = '';
    stream.on('data', (chunk) => {
      text += chunk;
    });
    stream.on('end', () => {
      taken.push(text);
      done();
    });
  },
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
after(() => server.close());
const { port } = server.server.address() as { port: number };
const db = openDatabase(await testDatabase());
const log = pino({ level: 'silent' });
const config = parseConfig({
  ...constellation().serviceEnv,
  SMTP_URL: `smtp://127.0.0.1:${port}`,
  MAIL_FROM: 'AuraLink <no-reply@aura.example>',
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
        content: { subject: 'Your code', text: 'It is 123456.' },
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
  assert.equal(taken.length, 1);
  assert.match(taken[0] ?? '', new RegExp(`Message-ID: <${messageId}@aura.example>`));
  const { rows } = await db.pool.query('SELECT state, address, content, key_id FROM outgoing_messages');
  assert.deepEqual(rows, [{ state: 'sent', address: null, content: null, key_id: null }]);
});

test('a 550 is told in the words of the server, without the address', async () => {
  settled.length = 0;
  await send('nobody@mail.example');
  await eventually(() => assert.equal(settled.length, 1));
  assert.match(settled[0] ?? '', /^refused 550 5\.1\.1 .*unknown/);
  assert.doesNotMatch(settled[0] ?? '', /nobody|mail\.example/);
});
