/** Messages that leave us, against real SMTP and SMPP servers: taken once, refused in the server's words, told when settled. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { beforeEach, test } from 'node:test';
import { query } from '../../auralink-communication-service/store/db.ts';
import { testDatabase, testDataDir } from '../harness.ts';
import { eventually } from '../support/eventually.ts';
import { EMAIL, messagesRoom, type MessagesRoom } from '../support/messages-room.ts';
import { codeIn, linkIn, openPostbox } from '../support/postbox.ts';

const address = await testDatabase();
const postbox = await openPostbox();
const prices = `${testDataDir('prices')}.json`;
writeFileSync(prices, JSON.stringify({ currency: 'EUR', prices: { '+49': 0.07, '+4915': 0.05 } }));
const room = messagesRoom(address, { ...postbox.env, SMS_PRICES_FILE: prices, SMS_DAILY_SPEND: '1' });
room.start();
const { db, settled } = room;

beforeEach(() => {
  postbox.behave();
  settled.length = 0;
});

const heard = (of: MessagesRoom = room): string[] =>
  of.settled.map(({ state, reason }) => (reason === null ? state : `${state} ${reason}`));
const row = async (messageId: string) =>
  (await db.pool.query('SELECT * FROM outgoing_messages WHERE message_id = $1', [messageId])).rows[0];
/** What listeners hear is committed a moment later. */
const wiped = (messageId: string, as: string): Promise<void> =>
  eventually(async () => {
    const { state, address: to, content, key_id: keyId } = await row(messageId);
    assert.deepEqual([state, to, content, keyId], [as, null, null, null]);
  });
const count = (to: string): number => postbox.received.filter((message) => message.to === to).length;
const soon = (messageId: string) =>
  db.pool.query("UPDATE outgoing_messages SET run_at = now() WHERE message_id = $1 AND state = 'queued'", [
    messageId,
  ]);

test('an e-mail is taken by the server, told, and wiped here', async () => {
  const text = 'It is 123456, or press https://aura.example/#/verify?t=abc';
  const messageId = await room.send({ content: { subject: 'Your code', text, html: `<b>${text}</b>` } });
  await eventually(() => assert.deepEqual(heard(), ['sent']));
  const taken = await postbox.messageTo('alice@mail.example');
  assert.deepEqual([taken.id, taken.subject], [`<${messageId}@aura.example>`, 'Your code']);
  assert.deepEqual([codeIn(taken), linkIn(taken)], ['123456', 'https://aura.example/#/verify?t=abc']);
  assert.match(taken.html ?? '', /<b>It is 123456/);
  await wiped(messageId, 'sent');
});

for (const [at, behave] of [
  ['RCPT', 'recipient'],
  ['DATA', 'taken'],
] as const) {
  test(`a 550 at ${at} is told in the server's words, without the address`, async () => {
    const to = `no-body.${behave}@my-mail.example`;
    postbox.behaviour[behave] = () => ({ code: 550, words: `5.1.1 <${to}> is unknown to us` });
    const messageId = await room.send({ to });
    await eventually(() => assert.equal(settled.length, 1));
    assert.match(heard()[0] ?? '', /^refused 550 5\.1\.1 .*is unknown to us/);
    assert.doesNotMatch(heard()[0] ?? '', /no-body|mail\.example/);
    await wiped(messageId, 'refused');
  });
}

test('a 451 is no refusal: it is tried again until it is taken', async () => {
  const to = 'grey@mail.example';
  postbox.behaviour.recipient = () => ({ code: 451, words: '4.7.1 come back later' });
  const messageId = await room.send({ to });
  await eventually(async () => assert.match((await row(messageId)).reason ?? '', /^451 .*come back later/));
  assert.equal((await row(messageId)).state, 'queued');
  postbox.behave();
  await soon(messageId);
  await eventually(() => assert.deepEqual(heard(), ['sent']));
  assert.equal(count(to), 1);
});

test('a connection that breaks behind the last byte: repeated once, the same to the byte, and then given up', async () => {
  const to = 'cut@mail.example';
  postbox.behaviour.answers = () => false;
  const messageId = await room.send({ to });
  await eventually(async () => assert.equal((await row(messageId)).lost_outcomes, 1));
  await soon(messageId);
  await eventually(() => assert.deepEqual(heard(), ['failed outcome_unknown']));
  const taken = postbox.received.filter((message) => message.to === to);
  assert.equal(taken.length, 2);
  assert.deepEqual({ ...taken[0], at: '' }, { ...taken[1], at: '' });
});

test('what expired is not sent', async () => {
  await postbox.down();
  const messageId = await room.send({ to: 'late@mail.example' });
  await eventually(async () => assert.notEqual((await row(messageId)).reason, null));
  await db.pool.query(
    "UPDATE outgoing_messages SET expires_at = now() - interval '1 s', run_at = now() WHERE message_id = $1",
    [messageId],
  );
  await postbox.up();
  await eventually(() => assert.deepEqual(heard(), ['expired']), 60_000);
  assert.equal(count('late@mail.example'), 0);
  await wiped(messageId, 'expired');
});

test('what cannot be opened fails, and keeps nothing else from being sent', async () => {
  await db.unitOfWork.run(async (tx) => {
    const message = { ...EMAIL, to: 'x@mail.example', expiresAt: new Date(Date.now() + 60_000) };
    const broken = await room.part.messages.enqueue(tx, message, { ip: '192.0.2.1' });
    await query(tx, 'swap', 'UPDATE outgoing_messages SET content = address WHERE message_id = $1', [broken]);
  });
  await room.send({ to: 'y@mail.example' });
  await eventually(() => assert.deepEqual(heard().toSorted(), ['failed unreadable', 'sent']));
  assert.equal(count('y@mail.example'), 1);
});

test('a listener that fails takes back its own part, and the message is sent once all the same', async () => {
  const other = messagesRoom(address, postbox.env);
  other.part.onSettled(() => Promise.reject(new Error('a fault of the listener')));
  await room.stop();
  other.start();
  const messageId = await other.send({ to: 'listener@mail.example' });
  await eventually(async () => assert.equal((await otherRow(other, messageId)).state, 'sent'));
  assert.equal(count('listener@mail.example'), 1);
  await other.stop();
});

const otherRow = async (of: MessagesRoom, messageId: string) =>
  (await of.db.pool.query('SELECT * FROM outgoing_messages WHERE message_id = $1', [messageId])).rows[0];
