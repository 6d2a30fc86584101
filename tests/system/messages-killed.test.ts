/**
 * E-mail and SMS over two service processes that are killed: between `sending` and the server's answer, before and after
 * the server took the message. Whatever happens, a message reaches a server twice at most, and then as the same; and at the
 * end neither database, nor Redis, nor any log holds an address, a text or a code.
 */
import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { after, beforeEach, test } from 'node:test';
import type { OutgoingMessage } from '../../auralink-communication-service/auralink-modules/messages/model.ts';
import { databaseAddress } from '../../auralink-communication-service/wire/database.ts';
import { ownConstellation, testDataDir } from '../harness.ts';
import { allPlaces, findCanaries } from '../support/canaries.ts';
import { eventually } from '../support/eventually.ts';
import { messagesRoom } from '../support/messages-room.ts';
import { openPostbox } from '../support/postbox.ts';
import { scraper } from '../support/scrape.ts';

const WITHIN_MS = 60_000;
const PROCESSES = ['service-1', 'service-2'] as const;
const postbox = await openPostbox();
const prices = `${testDataDir('killed-prices')}.json`;
writeFileSync(prices, JSON.stringify({ currency: 'EUR', prices: {}, default: 0.25 }));
const env = { ...postbox.env, SMS_PRICES_FILE: prices };
const constellation = await ownConstellation('messages', {
  ...{ processes: 2, redis: true, env },
  without: ['synapse'],
});
const { settings, urls } = constellation;
const metric = scraper(constellation);
/** It only leaves messages; the two processes send them. */
const desk = messagesRoom(databaseAddress(settings.config), {}, { serviceEnv: settings.serviceEnv });
const { pool } = desk.db;
after(() => desk.stop());

const code = (): string => String(randomInt(100_000, 1_000_000));
const word = (): string => randomBytes(9).toString('hex');
const canaries: Record<string, string> = {};

/** A message whose address and text are found nowhere else. */
function canaryMessage(channel: 'email' | 'sms', name: string): Partial<OutgoingMessage> & { to: string } {
  const to = channel === 'email' ? `${word()}@${word()}.example` : `+49151${code()}${randomInt(10, 100)}`;
  const [text, secret] = [word(), code()];
  canaries[`${name} address`] = to;
  canaries[`${name} text`] = text;
  canaries[`${name} code`] = `${secret} ${text}`;
  const content = { text: `Your code: ${secret} ${text}` };
  return channel === 'email'
    ? { channel, to, content: { subject: `Subject ${text}`, ...content } }
    : { channel, to, content };
}

const row = async (messageId: string) =>
  (await pool.query('SELECT * FROM outgoing_messages WHERE message_id = $1', [messageId])).rows[0];
const takenBy = (to: string) =>
  postbox.received.filter((message) => message.to === to).map((message) => ({ ...message, at: '' }));
const becomes = (messageId: string, state: string, reason: string | null = null) =>
  eventually(async () => {
    const found = await row(messageId);
    assert.deepEqual([found.state, found.reason], [state, reason]);
    assert.deepEqual([found.address, found.content, found.key_id], [null, null, null]);
  }, WITHIN_MS);

/** Both die at once; both are back, and find the claims of the dead lapsed. */
async function killAll(): Promise<void> {
  const before = constellation.parts();
  for (const name of PROCESSES) constellation.kill(name);
  await eventually(() => {
    const parts = constellation.parts();
    for (const name of PROCESSES) {
      assert.equal(parts[name]?.state, 'running');
      assert.ok((parts[name]?.restarts ?? 0) > (before[name]?.restarts ?? 0), `${name} was started anew`);
    }
  }, WITHIN_MS);
  await lapse();
}
const lapse = () =>
  pool.query("UPDATE outgoing_messages SET run_at = now() WHERE state IN ('sending', 'queued')");

/** The server has the message and has not answered yet; `done` lets it say what `taken` returns. */
function hold(outcome: 'takes' | 'loses') {
  let [arrived, release] = [() => {}, () => {}];
  const here = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  postbox.behaviour.taken = async () => {
    arrived();
    await released;
    return outcome === 'takes' ? null : { code: 451, words: 'not taken' };
  };
  return { here, release };
}

beforeEach(() => postbox.behave());

for (const [outcome, times] of [
  ['loses', 1],
  ['takes', 2],
] as const) {
  test(`killed before the 250, and the server ${outcome} it: repeated once, as the same`, async () => {
    const message = canaryMessage('email', `killed ${outcome}`);
    const held = hold(outcome);
    const messageId = await desk.send(message);
    await held.here;
    assert.equal((await row(messageId)).state, 'sending');
    // Before the killing, so that the answer goes to nobody.
    for (const name of PROCESSES) constellation.kill(name, 'SIGSTOP');
    held.release();
    if (outcome === 'takes') await eventually(() => assert.equal(takenBy(message.to).length, 1));
    postbox.behave();
    await killAll();
    await becomes(messageId, 'sent');
    const taken = takenBy(message.to);
    assert.equal(taken.length, times);
    assert.ok(taken.every((one) => one.id.includes(messageId)));
    assert.deepEqual(taken[0], taken.at(-1));
  });
}

test('killed twice: given up with outcome_unknown, and never sent a third time', async () => {
  const message = canaryMessage('email', 'killed twice');
  let held = hold('takes');
  const messageId = await desk.send(message);
  for (const _try of [1, 2]) {
    await held.here;
    for (const name of PROCESSES) constellation.kill(name, 'SIGSTOP');
    held.release();
    held = hold('takes');
    await killAll();
  }
  await becomes(messageId, 'failed', 'outcome_unknown');
  assert.equal(takenBy(message.to).length, 2);
  held.release();
});

test('an SMS whose answer the killing hid is repeated once as well', async () => {
  const message = canaryMessage('sms', 'killed sms');
  const held = hold('takes');
  const messageId = await desk.send(message);
  await held.here;
  for (const name of PROCESSES) constellation.kill(name, 'SIGSTOP');
  held.release();
  await eventually(() => assert.equal(takenBy(message.to).length, 1));
  postbox.behave();
  await killAll();
  await becomes(messageId, 'delivered');
  const taken = takenBy(message.to).map(({ text, from }) => ({ text, from }));
  assert.equal(taken.length, 2);
  assert.deepEqual(taken[0], taken[1]);
});

test('two processes at work, one of them killed: everything arrives, and at most what was in hand twice', async () => {
  const all = Array.from({ length: 60 }, (_, n) => canaryMessage('email', `flow ${n}`));
  const sending = Promise.all(all.map((message, n) => desk.send(message, `192.0.2.${n}`)));
  await eventually(
    () => assert.ok(takenBy(all[0]?.to ?? '').length + postbox.received.length > 10),
    WITHIN_MS,
  );
  constellation.kill('service-1');
  const ids = await sending;
  await eventually(async () => {
    await pool.query(
      "UPDATE outgoing_messages SET run_at = now() WHERE state = 'sending' AND run_at < now() + interval '80 s'",
    );
    const { rows } = await pool.query('SELECT state FROM outgoing_messages WHERE message_id = ANY ($1)', [
      ids,
    ]);
    assert.ok(
      rows.every(({ state }) => state === 'sent'),
      JSON.stringify(rows),
    );
  }, WITHIN_MS);
  const twice = all.filter(({ to }) => takenBy(to).length > 1);
  assert.ok(all.every(({ to }) => [1, 2].includes(takenBy(to).length)));
  assert.ok(twice.length <= 8, `${twice.length} were sent twice`);
});

test('what is refused quotes nobody, what waits is seen in /health and in the figures', async () => {
  const refused = canaryMessage('email', 'refused');
  postbox.behaviour.recipient = (to) => ({
    code: 550,
    words: `5.1.1 <${to}> and ${to.split('@')[0]} unknown`,
  });
  const refusedId = await desk.send(refused);
  await eventually(async () => assert.equal((await row(refusedId)).state, 'refused'), WITHIN_MS);
  postbox.behaviour.recipient = () => ({ code: 451, words: 'later' });
  const waits = await desk.send(canaryMessage('email', 'waits'));
  await pool.query(
    "UPDATE outgoing_messages SET created_at = now() - interval '10 minutes' WHERE message_id = $1",
    [waits],
  );
  await eventually(async () => {
    const health = (await (await fetch(`${urls.public}/health`)).json()) as {
      parts: Record<string, { state: string; detail: string | null }>;
    };
    assert.equal(health.parts.mail?.state, 'degraded');
    assert.match(health.parts.mail?.detail ?? '', /^the oldest message has waited 6\d\d s$/);
    assert.equal(health.parts.sms?.state, 'ok');
  }, WITHIN_MS);
  const counted = async (outcome: string): Promise<void> =>
    assert.ok((await metric('auralink_messages_total', `outcome="${outcome}"`)) >= 1, outcome);
  await eventually(() => counted('refused'), WITHIN_MS);
  // The server is asked only after /health has told of the wait.
  await eventually(() => counted('delayed'), WITHIN_MS);
  assert.ok((await metric('auralink_messages_oldest_seconds', 'channel="email"')) >= 600);
  assert.ok((await metric('auralink_messages_spend_today')) >= 0.25);
  postbox.behave();
  await lapse();
  await becomes(waits, 'sent');
});

test('neither database, nor Redis, nor any log has an address, a text or a code', async () => {
  const places = await allPlaces(constellation);
  assert.ok(places.size >= 5, [...places.keys()].join());
  assert.ok(Object.keys(canaries).length > 180);
  assert.deepEqual(findCanaries(canaries, places), []);
});
