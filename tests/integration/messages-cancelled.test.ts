/**
 * Messages whose code is void before they are sent: wiped in the same transaction, never sent, not paid for; and one that
 * is in hand is not tried again.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import type { MessageId } from '../../auralink-communication-service/core/ids.ts';
import { testDatabase, testDataDir } from '../harness.ts';
import { eventually } from '../support/eventually.ts';
import { messagesRoom } from '../support/messages-room.ts';
import { openPostbox } from '../support/postbox.ts';

const postbox = await openPostbox();
const prices = `${testDataDir('prices')}.json`;
writeFileSync(prices, JSON.stringify({ currency: 'EUR', prices: { '+49': 0.07 } }));
const room = messagesRoom(await testDatabase(), {
  ...postbox.env,
  ...{ SMS_PRICES_FILE: prices, SMS_DAILY_SPEND: '2' },
});
const { pool, unitOfWork } = room.db;
const { messages } = room.part;
const cancel = (...ids: MessageId[]) => unitOfWork.run((tx) => messages.cancel(tx, ids));
const rowOf = async (id: MessageId) =>
  (await pool.query('SELECT * FROM outgoing_messages WHERE message_id = $1', [id])).rows[0];
const spent = async (): Promise<number> =>
  (await pool.query('SELECT coalesce(sum(spent_micros), 0)::float8 AS n FROM message_spend')).rows[0].n;

test('what waits is wiped at once, never sent, and what it would have cost is given back', async () => {
  const [first, second, kept] = [
    await room.send({ channel: 'sms', to: '+4915100000001' }),
    await room.send({ channel: 'sms', to: '+4915100000002' }),
    await room.send({ channel: 'sms', to: '+4915100000003' }),
  ];
  const mail = await room.send({ to: 'void@mail.example' });
  assert.equal(await spent(), 210_000);
  await cancel(first, second, mail);
  for (const id of [first, second, mail]) {
    const { state, address, content, key_id: keyId } = await rowOf(id);
    assert.deepEqual([state, address, content, keyId], ['cancelled', null, null, null]);
  }
  assert.equal(await spent(), 70_000);
  await cancel(first, mail);
  assert.equal(await spent(), 70_000, 'once');
  room.start();
  await eventually(async () => assert.equal((await rowOf(kept)).state, 'delivered'));
  assert.deepEqual(
    postbox.received.map(({ to }) => to),
    ['+4915100000003'],
  );
  await cancel(kept);
  assert.equal((await rowOf(kept)).state, 'delivered', 'what was sent stays so');
});

test('a transaction that is taken back cancels nothing', async () => {
  await postbox.down();
  const id = await room.send({ to: 'stays@mail.example' });
  await assert.rejects(
    unitOfWork.run(async (tx) => {
      await messages.cancel(tx, [id]);
      throw new Error('something else went wrong');
    }),
  );
  await postbox.up();
  await eventually(async () => assert.equal((await rowOf(id)).state, 'sent'), 60_000);
});

test('what is in hand while its code dies is not sent a second time', async () => {
  const to = 'in-hand@mail.example';
  let letGo = (): void => {};
  const held = new Promise<null>((resolve) => {
    letGo = () => resolve(null);
  });
  postbox.behaviour.taken = () => held;
  postbox.behaviour.answers = () => false;
  const id = await room.send({ to });
  await eventually(async () => assert.equal((await rowOf(id)).state, 'sending'));
  await cancel(id);
  letGo();
  await eventually(async () => assert.deepEqual(await stateOf(id), ['failed', 'outcome_unknown']), 30_000);
  assert.equal(postbox.received.filter((message) => message.to === to).length, 1);
  postbox.behave();
});

const stateOf = async (id: MessageId) => {
  const { state, reason } = await rowOf(id);
  return [state, reason];
};

test('a code that was submitted is not sent again, though nobody knew that it had arrived', async () => {
  const to = 'arrived@mail.example';
  postbox.behaviour.answers = () => false;
  const id = await room.send({ to });
  await eventually(async () => assert.equal((await rowOf(id)).lost_outcomes, 1));
  await pool.query("UPDATE outgoing_messages SET run_at = now() + interval '1 h' WHERE message_id = $1", [
    id,
  ]);
  await unitOfWork.run((tx) => messages.codeUsed(tx, id));
  const { state, code_used_at: usedAt } = await rowOf(id);
  assert.equal(state, 'cancelled');
  assert.ok(usedAt instanceof Date);
  assert.equal(postbox.received.filter((message) => message.to === to).length, 1);
  postbox.behave();
});
