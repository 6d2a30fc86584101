/** SMS against a real SMPP server and an HTTP gateway: receipts, throttling, reconnecting, spend, and the breaker. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, beforeEach, test } from 'node:test';
import { pino } from 'pino';
import {
  BREAKER_CODES_MIN,
  BREAKER_PROBES_PER_HOUR,
} from '../../auralink-communication-service/auralink-modules/messages/breaker.ts';
import { type MessageId, newId } from '../../auralink-communication-service/core/ids.ts';
import { buildDoor } from '../../auralink-communication-service/http/server.ts';
import { testDatabase, testDataDir } from '../harness.ts';
import { eventually } from '../support/eventually.ts';
import { type MessagesRoom, messagesRoom } from '../support/messages-room.ts';
import { codeIn, openPostbox } from '../support/postbox.ts';

const THROTTLED = 0x58;
const INVALID_ADDRESS = 0x0b;
const INVALID_LENGTH = 0x01;
const NOT_BOUND = 0x04;
const address = await testDatabase();
const postbox = await openPostbox();
const prices = `${testDataDir('prices')}.json`;
writeFileSync(prices, JSON.stringify({ currency: 'EUR', prices: { '+49': 0.07, '+4915': 0.05, '+1': 0.4 } }));
const room = messagesRoom(address, { ...postbox.env, SMS_PRICES_FILE: prices, SMS_DAILY_SPEND: '2' });
room.start();
const { db, settled } = room;
const sms = { channel: 'sms' } as const;

beforeEach(async () => {
  postbox.behave();
  settled.length = 0;
  await db.pool.query('TRUNCATE message_spend, rate_limits');
});

const heard = (of: MessagesRoom = room): string[] =>
  of.settled.map(({ state, reason }) => (reason === null ? state : `${state} ${reason}`));
const count = (to: string): number => postbox.received.filter((message) => message.to === to).length;
const spent = async (): Promise<number> =>
  (await db.pool.query('SELECT coalesce(sum(spent_micros), 0)::float8 AS n FROM message_spend')).rows[0].n;
const refusedFor =
  (reason: string, code: string) => (error: { code: string; details: Record<string, unknown> }) =>
    error.code === code && error.details.reason === reason;

test('an SMS is sent, and its receipt says that it was delivered', async () => {
  await room.send({ ...sms, to: '+4915100000001' });
  await eventually(() => assert.deepEqual(heard(), ['sent', 'delivered']));
  const taken = await postbox.messageTo('+4915100000001');
  assert.deepEqual([codeIn(taken), taken.from], ['123456', 'AuraLink']);
  assert.equal(await spent(), 50_000);
});

test('every letter arrives: Umlaute and € in the GSM alphabet, others by UCS-2, long texts in one piece', async () => {
  const texts = ['Größe: 5 € [ja] {nein} ~', 'Код: 123456 🙂', 'ä'.repeat(200), 'я'.repeat(150)];
  for (const [i, text] of texts.entries()) {
    await room.send({ ...sms, to: `+491510000010${i}`, content: { text } });
    assert.equal((await postbox.messageTo(`+491510000010${i}`)).text, text);
  }
  await eventually(() => assert.equal(heard().filter((state) => state === 'delivered').length, texts.length));
  // 1, 1, 2 and 3 parts.
  assert.equal(await spent(), 7 * 50_000);
});

test('a receipt that it was not delivered settles it as failed', async () => {
  postbox.behaviour.receipt = () => 'UNDELIV';
  await room.send({ ...sms, to: '+4915100000002' });
  await eventually(() => assert.deepEqual(heard(), ['sent', 'failed UNDELIV 000']));
});

test('a number that the server refuses is refused, and costs nothing', async () => {
  postbox.behaviour.recipient = () => ({ code: INVALID_ADDRESS, words: '' });
  await room.send({ ...sms, to: '+4915100000003' });
  await eventually(() => assert.deepEqual(heard(), ['refused ESME_RINVDSTADR']));
  await eventually(async () => assert.equal(await spent(), 0));
});

test('a throttled server is waited for', async () => {
  let asked = 0;
  postbox.behaviour.taken = () => {
    asked += 1;
    return asked === 1 ? { code: THROTTLED, words: '' } : null;
  };
  const begin = performance.now();
  await room.send({ ...sms, to: '+4915100000004' });
  await eventually(() => assert.deepEqual(heard(), ['sent', 'delivered']));
  assert.ok(performance.now() - begin >= 1_000, 'nothing was sent for a second');
  assert.equal(asked, 2);
});

test('a connection that broke is made anew, also for receipts alone', async () => {
  await postbox.down();
  await postbox.up();
  await room.send({ ...sms, to: '+4915100000005' });
  await eventually(() => assert.deepEqual(heard(), ['sent', 'delivered']), 30_000);
  assert.equal(count('+4915100000005'), 1);
});

test('a message that the server cannot take at all is refused at once', async () => {
  postbox.behaviour.recipient = () => ({ code: INVALID_LENGTH, words: '' });
  await room.send({ ...sms, to: '+4915100000011' });
  await eventually(() => assert.deepEqual(heard(), ['refused ESME_RINVMSGLEN']));
});

test('where the connection is not bound the number is not refused: it is bound anew', async () => {
  let asked = 0;
  postbox.behaviour.taken = () => {
    asked += 1;
    return asked === 1 ? { code: NOT_BOUND, words: '' } : null;
  };
  await room.send({ ...sms, to: '+4915100000012' });
  await eventually(() => assert.deepEqual(heard(), ['sent', 'delivered']), 30_000);
  assert.equal(count('+4915100000012'), 1);
});

test('after a server has unbound, the next message goes by a new connection', async () => {
  let asked = 0;
  let answered = 0;
  postbox.behaviour.unbinds = () => {
    asked += 1;
    return asked === 1;
  };
  postbox.behaviour.unbound = () => {
    answered += 1;
  };
  postbox.behaviour.receipt = () => null;
  await room.send({ ...sms, to: '+4915100000013' });
  await eventually(() => assert.deepEqual(heard(), ['sent']));
  await room.send({ ...sms, to: '+4915100000014' });
  await eventually(() => assert.deepEqual(heard(), ['sent', 'sent']), 30_000);
  assert.deepEqual([count('+4915100000013'), count('+4915100000014')], [1, 1]);
  assert.equal(answered, 1, 'its unbind was answered');
});

test('a receipt finds its message by a name that is hexadecimal in one place and decimal in the other', async () => {
  postbox.behaviour.spelling = () => ({ answer: '0B3C9F1A', receipt: String(0x0b3c9f1a) });
  await room.send({ ...sms, to: '+4915100000015' });
  await eventually(() => assert.deepEqual(heard(), ['sent', 'delivered']));
  postbox.behaviour.spelling = () => ({ answer: '3405691582', receipt: 'cafebabe' });
  await room.send({ ...sms, to: '+4915100000016' });
  await eventually(() => assert.deepEqual(heard(), ['sent', 'delivered', 'sent', 'delivered']));
});

test('of a short counter one name may be two messages: no receipt is taken for the other one', async () => {
  postbox.behaviour.receipt = () => null;
  postbox.behaviour.spelling = () => ({ answer: '18', receipt: '' });
  await room.send({ ...sms, to: '+4915100000017' });
  await eventually(() => assert.deepEqual(heard(), ['sent']));
  // Decimal 12 is no message here; hexadecimal 12 would be 18.
  postbox.behaviour.receipt = () => 'UNDELIV';
  postbox.behaviour.spelling = () => ({ answer: '4711', receipt: '12' });
  await room.send({ ...sms, to: '+4915100000018' });
  await eventually(() => assert.deepEqual(heard(), ['sent', 'sent']));
  postbox.behaviour.spelling = () => ({ answer: '4712', receipt: '4712' });
  await room.send({ ...sms, to: '+4915100000019' });
  await eventually(() => assert.equal(heard().length, 4));
  const { rows } = await db.pool.query(
    "SELECT state FROM outgoing_messages WHERE provider_id IN ('18', '4711')",
  );
  assert.deepEqual(
    rows.map(({ state }) => state),
    ['sent', 'sent'],
  );
});

test('a day costs no more than its cap, and where there is no price nothing is sent', async () => {
  const to = (n: number): string => `+1201555000${n}`;
  for (const n of [1, 2, 3, 4, 5]) await room.send({ ...sms, to: to(n) });
  await assert.rejects(
    room.send({ ...sms, to: to(6) }),
    (error: { details: { retryAfterSeconds: number } }) => {
      assert.ok(error.details.retryAfterSeconds > 0 && error.details.retryAfterSeconds <= 86_400);
      return refusedFor('spend', 'rate_limited')(error as never);
    },
  );
  assert.equal(await spent(), 2_000_000);
  await assert.rejects(room.send({ ...sms, to: '+33612345678' }), refusedFor('no_route', 'unavailable'));
  await eventually(() => assert.equal(heard().filter((state) => state === 'sent').length, 5));
});

test('a prefix whose codes nobody submits is paused but for a few; one whose codes are submitted is not', async () => {
  const write = async (prefix: string, used: boolean): Promise<void> => {
    for (let n = 0; n < BREAKER_CODES_MIN; n++) {
      await db.pool.query('TRUNCATE message_spend, rate_limits');
      const messageId = await room.send({ ...sms, to: `${prefix}${1000 + n}` });
      if (!used || n % 4 !== 0) continue;
      await eventually(() => assert.ok(settled.some((message) => message.messageId === messageId)));
      await db.unitOfWork.run((tx) => room.part.messages.codeUsed(tx, messageId));
    }
  };
  await write('+49301234', false);
  await write('+49401234', true);
  await eventually(async () => {
    const { rows } = await db.pool.query(
      "SELECT 1 FROM outgoing_messages WHERE state IN ('queued', 'sending')",
    );
    assert.equal(rows.length, 0);
  });
  await db.pool.query("UPDATE outgoing_messages SET expires_at = now() - interval '1 s'");
  await db.pool.query('TRUNCATE message_spend, rate_limits');
  for (let n = 0; n < BREAKER_PROBES_PER_HOUR; n++) await room.send({ ...sms, to: `+49301234200${n}` });
  await assert.rejects(
    room.send({ ...sms, to: '+493012342009' }),
    refusedFor('sending_paused', 'unavailable'),
  );
  await room.send({ ...sms, to: '+494012342009' });
});

test('an HTTP gateway takes an SMS once, and tells of delivery under its signature', async () => {
  const asked: { headers: IncomingMessage['headers']; body: Record<string, unknown> }[] = [];
  const answers = [503, 500, 200, 422];
  const gateway = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    asked.push({ headers: request.headers, body: JSON.parse(text) });
    response
      .writeHead(answers[asked.length - 1] ?? 200)
      .end(`no such number ${String(asked.at(-1)?.body.to)}`);
  });
  await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', () => resolve()));
  after(() => gateway.close());
  const token = 'a-token-of-the-sms-gateway';
  // What the test before left would be sent here.
  await db.pool.query('DELETE FROM outgoing_messages');
  await room.stop();
  const other = messagesRoom(address, {
    SMS_GATEWAY_URL: `http://127.0.0.1:${(gateway.address() as AddressInfo).port}/send`,
    SMS_GATEWAY_TOKEN: token,
  });
  other.start();
  const door = await buildDoor({
    ...{ logger: pino({ level: 'silent' }), newId, trustedProxies: [] },
    plugins: other.part.plugins,
  });
  after(() => door.close());
  const due = () => other.db.pool.query("UPDATE outgoing_messages SET run_at = now() WHERE state = 'queued'");
  const messageId = await other.send({ ...sms, to: '+4915100000006' });
  await eventually(async () => {
    await due();
    assert.deepEqual(heard(other), ['sent']);
  }, 20_000);
  assert.equal(asked.length, 3);
  assert.deepEqual(new Set(asked.map(({ headers }) => headers['idempotency-key'])), new Set([messageId]));
  assert.equal(asked[0]?.headers.authorization, `Bearer ${token}`);
  assert.deepEqual([asked[2]?.body.to, asked[2]?.body.text], ['+4915100000006', 'Your code is 123456.']);

  const tell = async (id: MessageId, over: { at?: number; key?: string } = {}) => {
    const at = over.at ?? Math.floor(Date.now() / 1_000);
    const payload = JSON.stringify({ id, state: 'delivered' });
    const signature = createHmac('sha256', over.key ?? token)
      .update(`${at}.${payload}`)
      .digest('hex');
    return door.inject({
      method: 'POST',
      url: '/_auralink/v1/messages/receipts',
      headers: { 'content-type': 'application/json', 'x-auralink-signature': `t=${at},v1=${signature}` },
      payload,
    });
  };
  assert.equal((await tell(messageId, { key: 'another-token-than-agreed' })).statusCode, 401);
  assert.equal((await tell(messageId, { at: Math.floor(Date.now() / 1_000) - 301 })).statusCode, 401);
  assert.deepEqual((await tell(messageId)).json(), { settled: true });
  assert.deepEqual((await tell(messageId)).json(), { settled: false });
  assert.deepEqual(heard(other), ['sent', 'delivered']);

  await other.send({ ...sms, to: '+4915100000007' });
  await eventually(() => assert.equal(heard(other).length, 3));
  assert.match(heard(other)[2] ?? '', /^refused 422 no such number …$/);
  await other.stop();
});
