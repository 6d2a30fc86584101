/** The breaker against pumping: by prefix, by country and over all numbers, also while the codes still live. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import {
  BREAKER_ALL_CODES_MIN,
  BREAKER_ALL_PROBES_PER_HOUR,
  BREAKER_CODES_MIN,
  BREAKER_COUNTRY_CODES_MIN,
  BREAKER_COUNTRY_PROBES_PER_HOUR,
  BREAKER_GRACE_SECONDS,
  BREAKER_PROBES_PER_HOUR,
  BREAKER_WINDOW_SECONDS,
} from '../../auralink-communication-service/auralink-modules/messages/breaker.ts';
import { testDatabase } from '../harness.ts';
import { messagesRoom, SMS } from '../support/messages-room.ts';

const room = messagesRoom(await testDatabase(), { SMPP_URL: 'smpp://127.0.0.1:1' });
const { pool } = room.db;

beforeEach(() => pool.query('TRUNCATE outgoing_messages, rate_limits'));

let nth = 0;
const send = async (prefix: string): Promise<void> => {
  // What is judged here are the codes, not how many there were in an hour.
  await pool.query("DELETE FROM rate_limits WHERE key LIKE 'message:sms:codes:%' OR key LIKE '%:all:day:%'");
  const expiresAt = new Date(Date.now() + 600_000);
  await room.send({ ...SMS, to: `${prefix}${10_000 + ++nth}`, expiresAt });
};
/** Codes that were sent so long ago; of ten `used` were submitted. */
async function sent(
  prefixes: readonly string[],
  each: number,
  used = 0,
  secondsAgo = BREAKER_GRACE_SECONDS + 1,
) {
  for (const prefix of prefixes) for (let i = 0; i < each; i++) await send(prefix);
  await pool.query(
    `UPDATE outgoing_messages SET state = 'sent', address = NULL, content = NULL, key_id = NULL, settled_at = now(),
       sent_at = now() - make_interval(secs => $2), expires_at = now() + make_interval(secs => 600 - $2),
       code_used_at = CASE WHEN nth % 10 < $1 THEN now() END
     FROM (SELECT message_id, row_number() OVER (ORDER BY message_id) AS nth FROM outgoing_messages WHERE state = 'queued') n
     WHERE n.message_id = outgoing_messages.message_id`,
    [used, secondsAgo],
  );
}
/** How many are let in until it is paused; null: it is not. */
async function letIn(prefix: string, most: number): Promise<number | null> {
  for (let n = 0; n <= most; n++) {
    try {
      await send(prefix);
    } catch (error) {
      const { code, details } = error as { code: string; details: { reason: string } };
      assert.deepEqual([code, details.reason], ['unavailable', 'sending_paused']);
      return n;
    }
  }
  return null;
}
const prefixesOf = (country: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${country}${100 + n}`);

test('codes that live still are judged after a while, and what was submitted at once', async () => {
  await sent(['+49301'], BREAKER_CODES_MIN, 0, BREAKER_GRACE_SECONDS - 60);
  assert.equal(await letIn('+49301', 5), null, 'she may be typing it');
  await pool.query('TRUNCATE outgoing_messages, rate_limits');
  await sent(['+49301'], BREAKER_CODES_MIN);
  assert.equal(await letIn('+49301', 5), BREAKER_PROBES_PER_HOUR);
  assert.equal(await letIn('+49401', 5), null);
  await pool.query('TRUNCATE outgoing_messages, rate_limits');
  await sent(['+49301'], BREAKER_CODES_MIN - 1);
  await sent(['+49301'], 10, 9, 1);
  assert.equal(await letIn('+49301', 5), null, 'people live there');
});

test('codes to a country, each prefix below its own measure, pause the country but for a few; no other one', async () => {
  const prefixes = prefixesOf('+49', 10);
  await sent(prefixes, BREAKER_COUNTRY_CODES_MIN / prefixes.length - 1);
  assert.equal(await letIn('+49999', 5), null, 'too few to say anything');
  await sent(prefixes, 1);
  const most = BREAKER_COUNTRY_PROBES_PER_HOUR;
  assert.equal(await letIn('+49998', most), most);
  assert.equal(await letIn('+33612', 5), null);
});

test('where one of ten is submitted a country is not paused, and what is long ago is forgotten', async () => {
  await sent(prefixesOf('+49', 10), BREAKER_COUNTRY_CODES_MIN / 10, 1);
  assert.equal(await letIn('+49998', BREAKER_COUNTRY_PROBES_PER_HOUR), null);
  await pool.query('TRUNCATE outgoing_messages, rate_limits');
  await sent(prefixesOf('+49', 10), BREAKER_COUNTRY_CODES_MIN / 10, 0, BREAKER_WINDOW_SECONDS + 601);
  assert.equal(await letIn('+49998', BREAKER_COUNTRY_PROBES_PER_HOUR), null);
});

test('codes to many countries, each below its own measure, pause all but for a few', async () => {
  const countries = ['+49', '+33', '+44', '+39'];
  const each = BREAKER_ALL_CODES_MIN / countries.length / 5;
  for (const country of countries) await sent(prefixesOf(country, 5), each);
  const most = BREAKER_ALL_PROBES_PER_HOUR;
  assert.equal(await letIn('+8190', most), most);
});
