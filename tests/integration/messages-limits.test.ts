/** Limits of messages: exact over processes and under load, counted apart for codes and notices, taken back with a transaction. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { beforeEach, test } from 'node:test';
import {
  CODES_PER_ADDRESS_HOUR,
  CODES_PER_IP_DAY,
  CODES_PER_IP_HOUR,
  CODES_PER_PERSON_DAY,
  CODES_PER_PERSON_HOUR,
  CODES_PER_PREFIX_DAY,
  CODES_PER_PREFIX_HOUR,
  RESETS_PER_ADDRESS_AND_IP_HOUR,
  SMS_PER_DAY_UNCAPPED,
} from '../../auralink-communication-service/auralink-modules/messages/limits.ts';
import type { OutgoingMessage } from '../../auralink-communication-service/auralink-modules/messages/model.ts';
import type { PersonId } from '../../auralink-communication-service/core/ids.ts';
import { testDatabase, testDataDir } from '../harness.ts';
import { EMAIL, messagesRoom, SMS } from '../support/messages-room.ts';

const address = await testDatabase();
const prices = `${testDataDir('limits-prices')}.json`;
writeFileSync(prices, JSON.stringify({ currency: 'EUR', prices: { '+49': 0.1 } }));
const env = {
  SMTP_URL: 'smtp://127.0.0.1:1',
  MAIL_FROM: 'no-reply@aura.example',
  SMPP_URL: 'smpp://127.0.0.1:1',
  SMS_PRICES_FILE: prices,
  SMS_DAILY_SPEND: '3',
};
/** Two processes, neither of which sends: what counts here is what is let in. */
const rooms = [messagesRoom(address, env), messagesRoom(address, env)] as const;
const { db } = rooms[0];
const PERSON = '0198c0de-0000-7000-8000-000000000001' as PersonId;
await db.pool.query(
  `INSERT INTO aura_id_registry (person_id, aura_id, skeleton, state, visibility, registration_key, activated_at)
   VALUES ($1, '@limits.aura', 'limits', 'active', 'public', 'test:limits', now())`,
  [PERSON],
);

beforeEach(() => db.pool.query('TRUNCATE rate_limits, message_spend, outgoing_messages'));

interface Refusal {
  readonly code: string;
  readonly details: { readonly reason: string; readonly retryAfterSeconds: number };
}

/** A hundred at once, half of them at each process; how many were let in, and why the others were not. */
async function rush(
  messageOf: (n: number) => Partial<OutgoingMessage>,
  ipOf = (n: number): string => `192.0.2.${n}`,
  { at = rooms, times = 110 } = {},
) {
  const tries = Array.from({ length: times }, (_, n) => at[n % 2]?.send(messageOf(n), ipOf(n)));
  const outcomes = await Promise.allSettled(tries);
  const refusals = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [outcome.reason as Refusal] : [],
  );
  for (const { code, details } of refusals) {
    assert.equal(code, 'rate_limited', JSON.stringify(details));
    assert.ok(details.retryAfterSeconds > 0);
  }
  const { rows } = await db.pool.query('SELECT count(*)::int AS n FROM outgoing_messages');
  return { letIn: rows[0].n as number, reasons: [...new Set(refusals.map(({ details }) => details.reason))] };
}

test('one address: so many codes an hour, whoever asks and wherever', async () => {
  assert.deepEqual(await rush(() => ({})), { letIn: CODES_PER_ADDRESS_HOUR, reasons: ['address'] });
});

test('one person, one network, one prefix', async () => {
  const to = (n: number): string => `a${n}@mail.example`;
  assert.deepEqual(await rush((n) => ({ to: to(n), personId: PERSON })), {
    letIn: CODES_PER_PERSON_HOUR,
    reasons: ['person'],
  });
  await db.pool.query('TRUNCATE rate_limits, outgoing_messages');
  assert.deepEqual(
    await rush(
      (n) => ({ to: to(n) }),
      () => '192.0.2.7',
    ),
    { letIn: CODES_PER_IP_HOUR, reasons: ['ip'] },
  );
  await db.pool.query('TRUNCATE rate_limits, outgoing_messages');
  const free = { ...env, SMS_PRICES_FILE: '', SMS_DAILY_SPEND: '' };
  const at = [messagesRoom(address, free), messagesRoom(address, free)] as const;
  const expiresAt = new Date(Date.now() + 60_000);
  const code = (n: number) => ({ ...SMS, to: `+4930123${1000 + n}`, expiresAt });
  assert.deepEqual(await rush(code, undefined, { at, times: CODES_PER_PREFIX_HOUR + 10 }), {
    letIn: CODES_PER_PREFIX_HOUR,
    reasons: ['prefix'],
  });
});

/** Hour after hour as much as is let in; then the day's sum. */
async function dayOf(hourly: number, daily: number, rushOnce: () => ReturnType<typeof rush>) {
  for (let hour = 0; hour <= Math.ceil(daily / hourly); hour++) {
    const { reasons } = await rushOnce();
    assert.equal(reasons.length, 1);
    await db.pool.query("DELETE FROM rate_limits WHERE key LIKE '%:3600:%'");
  }
  return await rushOnce();
}

test('over a day one person, one network and one prefix get less than their hours would sum up to', async () => {
  let nth = 0;
  const person = await dayOf(CODES_PER_PERSON_HOUR, CODES_PER_PERSON_DAY, () =>
    rush(() => ({ to: `p${++nth}@mail.example`, personId: PERSON }), undefined, { times: 30 }),
  );
  assert.deepEqual(person, { letIn: CODES_PER_PERSON_DAY, reasons: ['person'] });
  await db.pool.query('TRUNCATE rate_limits, outgoing_messages');
  const network = await dayOf(CODES_PER_IP_HOUR, CODES_PER_IP_DAY, () =>
    rush(
      () => ({ to: `n${++nth}@mail.example` }),
      () => '192.0.2.7',
    ),
  );
  assert.deepEqual(network, { letIn: CODES_PER_IP_DAY, reasons: ['ip'] });
  await db.pool.query('TRUNCATE rate_limits, outgoing_messages');
  const nothing = `${testDataDir('limits-free')}.json`;
  writeFileSync(nothing, JSON.stringify({ currency: 'EUR', prices: { '+49': 0 } }));
  const free = { ...env, SMS_PRICES_FILE: nothing };
  const at = [messagesRoom(address, free), messagesRoom(address, free)] as const;
  const expiresAt = new Date(Date.now() + 600_000);
  const prefix = await dayOf(CODES_PER_PREFIX_HOUR, CODES_PER_PREFIX_DAY, () =>
    rush(() => ({ ...SMS, to: `+4930123${10_000 + ++nth}`, expiresAt }), undefined, {
      at,
      times: CODES_PER_PREFIX_HOUR + 10,
    }),
  );
  assert.deepEqual(prefix, { letIn: CODES_PER_PREFIX_DAY, reasons: ['prefix'] });
});

test('where nothing bounds what SMS cost, only few are sent in a day', async () => {
  const free = messagesRoom(address, { ...env, SMS_PRICES_FILE: '', SMS_DAILY_SPEND: '' });
  const spendDay = () =>
    db.pool.query(
      `INSERT INTO rate_limits (key, hits, window_ends_at)
       VALUES ('message:sms:all:day:86400:', $1, now() + interval '1 day')`,
      [SMS_PER_DAY_UNCAPPED - 1],
    );
  await spendDay();
  const expiresAt = new Date(Date.now() + 60_000);
  await free.send({ ...SMS, to: '+4930223456789', expiresAt });
  await assert.rejects(free.send({ ...SMS, to: '+4930323456789', expiresAt }), (error: Refusal) => {
    assert.deepEqual([error.code, error.details.reason], ['rate_limited', 'day']);
    return true;
  });
  await rooms[0].send({ ...SMS, to: '+4930423456789', expiresAt });
});

test('a day never costs more than its cap', async () => {
  const outcome = await rush((n) => ({
    ...SMS,
    to: `+4930${n}234567`,
    expiresAt: new Date(Date.now() + 60_000),
  }));
  assert.deepEqual(outcome, { letIn: 30, reasons: ['spend'] });
  const { rows } = await db.pool.query('SELECT spent_micros::text AS n FROM message_spend');
  assert.deepEqual(rows, [{ n: '3000000' }]);
});

test('who uses up the codes of an address keeps no notice from it', async () => {
  await rush(() => ({}));
  await rooms[0].send({ purpose: 'notice' });
});

test('what a transaction counted goes with it, and a refusal leaves the transaction usable', async () => {
  const message = { ...EMAIL, expiresAt: new Date(Date.now() + 60_000) };
  const { messages } = rooms[0].part;
  for (let n = 0; n < CODES_PER_ADDRESS_HOUR * 2; n++) {
    await assert.rejects(
      db.unitOfWork.run(async (tx) => {
        await messages.enqueue(tx, message, { ip: '192.0.2.1' });
        throw new Error('taken back');
      }),
      /taken back/,
    );
  }
  await rush(() => ({}));
  await db.unitOfWork.run(async (tx) => {
    await assert.rejects(messages.enqueue(tx, message, { ip: '192.0.2.1' }), { code: 'rate_limited' });
    await messages.enqueue(tx, { ...message, to: 'bob@mail.example' }, { ip: '192.0.2.1' });
  });
  const { rows } = await db.pool.query('SELECT count(*)::int AS n FROM outgoing_messages');
  assert.equal(rows[0].n, CODES_PER_ADDRESS_HOUR + 1);
});

test('what is refused uses up no other window, though its transaction goes on', async () => {
  const { part } = rooms[0];
  const to = 'one@mail.example';
  const expiresAt = new Date(Date.now() + 600_000);
  const message = { ...EMAIL, to, expiresAt } as OutgoingMessage;
  for (let i = 0; i < CODES_PER_ADDRESS_HOUR + 30; i++) {
    await db.unitOfWork.run(async (tx) => {
      await part.messages.enqueue(tx, message, { ip: '192.0.2.1' }).catch((error: Refusal) => {
        assert.equal(error.details.reason, 'address');
      });
    });
  }
  const { rows } = await db.pool.query<{ key: string; hits: number }>('SELECT key, hits FROM rate_limits');
  assert.ok(rows.length >= 3);
  for (const { key, hits } of rows) assert.equal(hits, CODES_PER_ADDRESS_HOUR, key);
});

test('one network cannot use up the codes for a new password of an address, nor anybody those that prove it', async () => {
  const ask = { purpose: 'password', to: 'asked@mail.example' } as const;
  const stranger = () => '198.51.100.9';
  // What is let in is counted from the test's beginning.
  const byOne = await rush(() => ask, stranger, { times: 12 });
  assert.deepEqual(byOne, { letIn: RESETS_PER_ADDRESS_AND_IP_HOUR, reasons: ['ip'] });
  const herself = () => '192.0.2.8';
  const byHer = await rush(() => ask, herself, { times: 1 });
  assert.deepEqual(byHer, { letIn: RESETS_PER_ADDRESS_AND_IP_HOUR + 1, reasons: [] });
  const everywhere = (n: number): string => `203.0.113.${n}`;
  const byAll = await rush(() => ask, everywhere, { times: 12 });
  assert.deepEqual(byAll, { letIn: CODES_PER_ADDRESS_HOUR, reasons: ['address'] });
  const proof = await rush(() => ({ to: ask.to }), stranger, { times: 1 });
  assert.deepEqual(proof, { letIn: CODES_PER_ADDRESS_HOUR + 1, reasons: [] });
});

test('what is wrong with a message is told by its field', async () => {
  for (const [field, over] of [
    ['to', { to: 'alice' }],
    ['to', { to: 'alice@mail.example\r\nBcc: eve@mail.example' }],
    ['content.subject', { content: { subject: 'two\nlines', text: 'x' } }],
    ['expiresAt', { expiresAt: new Date(0) }],
    ['expiresAt', { expiresAt: new Date(Date.now() + 90_000_000) }],
    ['to', { ...SMS, to: '0301234567' }],
    [
      'content.text',
      { ...SMS, content: { text: 'я'.repeat(300) }, expiresAt: new Date(Date.now() + 60_000) },
    ],
  ] as const) {
    await assert.rejects(
      rooms[0].send(over as Partial<OutgoingMessage>),
      (error: { code: string; details: { field: string } }) =>
        error.code === 'invalid' && error.details.field === field,
      JSON.stringify(over),
    );
  }
});

test('a channel that nobody configured is told apart', async () => {
  const none = messagesRoom(address, {});
  assert.deepEqual([none.part.messages.offers('email'), none.part.messages.offers('sms')], [false, false]);
  assert.deepEqual(
    [rooms[0].part.messages.offers('email'), rooms[0].part.messages.offers('sms')],
    [true, true],
  );
  await assert.rejects(none.send(), { code: 'unavailable', details: { reason: 'channel_not_configured' } });
  assert.deepEqual([await none.part.probe('email'), await none.part.probe('sms')], [null, null]);
});
