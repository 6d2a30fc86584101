/**
 * Servers that are at fault in the middle of a conversation: what was surely not taken waits and arrives once, and what
 * may have been taken is repeated once at most.
 */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { testDatabase } from '../harness.ts';
import { eventually } from '../support/eventually.ts';
import { type MessagesRoom, messagesRoom } from '../support/messages-room.ts';
import { openPostbox, type TestPostbox } from '../support/postbox.ts';

/** Longer than SMTP_SILENCE_TIMEOUT_MS, and than SMPP_ENQUIRE_MS with SMPP_SILENCE_TIMEOUT_MS. */
const SILENCE_MS = 40_000;
const postbox = await openPostbox();
const room = messagesRoom(await testDatabase(), postbox.env);
room.start();
beforeEach(() => {
  postbox.behave();
  room.settled.length = 0;
});

const rowOf = async (of: MessagesRoom, messageId: string) =>
  (await of.db.pool.query('SELECT * FROM outgoing_messages WHERE message_id = $1', [messageId])).rows[0];
const heard = (of: MessagesRoom): string[] =>
  of.settled.map(({ state, reason }) => (reason === null ? state : `${state} ${reason}`));
const taken = (of: TestPostbox, to: string): number =>
  of.received.filter((message) => message.to === to).length;

for (const [where, behaviour] of [
  ['a 550 at MAIL FROM', { sender: () => ({ code: 550, words: 'we do not like you' }) }],
  ['a 421 at the greeting', { greets: () => ({ code: 421, words: 'too many of you' }) }],
  ['a 554 at the greeting', { greets: () => ({ code: 554, words: 'no service here' }) }],
  ['a 421 at RCPT', { recipient: () => ({ code: 421, words: 'closing' }) }],
  ['a 421 behind the text', { taken: () => ({ code: 421, words: 'closing' }) }],
] as const) {
  test(`${where} is no refusal of the message: it waits, and arrives once`, async () => {
    const to = `${where.replaceAll(' ', '.').toLowerCase()}@mail.example`;
    Object.assign(postbox.behaviour, behaviour);
    const messageId = await room.send({ to });
    await eventually(async () => {
      const { state, reason, lost_outcomes: lost } = await rowOf(room, messageId);
      assert.deepEqual([state, lost], ['queued', 0]);
      assert.ok(reason !== null, 'it was tried');
    });
    postbox.behave();
    await eventually(() => assert.deepEqual(heard(room), ['sent']), SILENCE_MS);
    assert.equal(taken(postbox, to), 1);
  });
}

test('a server that is silent behind the text: repeated once, the same to the byte', async () => {
  const to = 'silent@mail.example';
  let asked = 0;
  postbox.behaviour.taken = () => {
    asked += 1;
    return asked === 1 ? new Promise(() => {}) : null;
  };
  const messageId = await room.send({ to });
  await eventually(async () => assert.equal((await rowOf(room, messageId)).lost_outcomes, 1), SILENCE_MS);
  await eventually(() => assert.deepEqual(heard(room), ['sent']), SILENCE_MS);
  assert.deepEqual([asked, taken(postbox, to)], [2, 1]);
});

test('an SMS server that does not answer whether it is there is left: the next message goes by a new connection', async () => {
  const other = await openPostbox();
  const own = messagesRoom(await testDatabase(), other.env);
  let asked = 0;
  other.behaviour.alive = () => {
    asked += 1;
    return asked > 1;
  };
  // It would take nothing by that connection either.
  other.behaviour.taken = () => (asked === 1 ? new Promise(() => {}) : null);
  own.start();
  await eventually(() => assert.equal(asked, 1), SILENCE_MS);
  await own.send({ channel: 'sms', to: '+4915100000021' });
  await eventually(async () => {
    const { rows } = await own.db.pool.query('SELECT lost_outcomes FROM outgoing_messages');
    assert.equal(rows[0].lost_outcomes, 1, 'its outcome was lost with the connection');
  }, SILENCE_MS);
  other.behaviour.taken = () => null;
  await eventually(() => assert.deepEqual(heard(own), ['sent', 'delivered']), SILENCE_MS);
  assert.equal(taken(other, '+4915100000021'), 1);
});
