/**
 * The engines' door over a real database: who may come in, and that a webhook has its effect once. LiveKit's own
 * webhooks are in livekit.test.ts; here they are signed by the test with the same key.
 */
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { after, beforeEach, test } from 'node:test';
import { AccessToken } from 'livekit-server-sdk';
import { pino } from 'pino';
import { createWebhookReader } from '../../auralink-communication-service/adapters/livekit-webhook.ts';
import type { MediaEvents } from '../../auralink-communication-service/auralink-modules/calls/ports.ts';
import { systemClock } from '../../auralink-communication-service/core/clock.ts';
import { newId } from '../../auralink-communication-service/core/ids.ts';
import {
  engineRoutes,
  WEBHOOK_AGE_MAX_SECONDS,
  WEBHOOK_SKEW_MAX_SECONDS,
} from '../../auralink-communication-service/http/engines.ts';
import { buildDoor } from '../../auralink-communication-service/http/server.ts';
import { openDatabase } from '../../auralink-communication-service/store/db.ts';
import {
  rememberWebhook,
  WEBHOOKS_KEPT_HOURS,
  WEBHOOKS_PRUNED_AT_ONCE,
} from '../../auralink-communication-service/store/livekit-webhooks.ts';
import { testDatabase } from '../harness.ts';

const HS_TOKEN = 'the-token-of-this-test';
const KEY = 'test-key';
const SECRET = 'a-secret-of-at-least-thirty-two-characters';
const authorization = { authorization: `Bearer ${HS_TOKEN}` };

const db = openDatabase(await testDatabase());
after(() => db.close());
let heard: string[] = [];
let failOnce = false;
const note = async (text: string) => {
  if (failOnce) {
    failOnce = false;
    throw new Error('the effect failed');
  }
  heard.push(text);
};
const mediaEvents: MediaEvents = {
  participantJoined: (_tx, room, identity) => note(`${identity} joined ${room}`),
  participantLeft: (_tx, room, identity) => note(`${identity} left ${room}`),
  roomFinished: (_tx, room) => note(`${room} finished`),
};
let counted: string[] = [];
let eventsCounted = 0;
const door = await buildDoor({
  logger: pino({ level: 'silent' }),
  newId,
  trustedProxies: [],
  plugins: [
    engineRoutes({
      hsToken: HS_TOKEN,
      readWebhook: createWebhookReader(KEY, SECRET),
      rememberWebhook,
      mediaEvents,
      unitOfWork: db.unitOfWork,
      clock: systemClock,
      counts: {
        webhook: (outcome) => counted.push(outcome),
        transaction: (n) => {
          eventsCounted += n;
        },
      },
    }),
  ],
});
after(() => door.close());
beforeEach(() => {
  heard = [];
  counted = [];
  eventsCounted = 0;
});

interface WebhookOptions {
  readonly id?: string;
  readonly event?: string;
  readonly ageSeconds?: number;
  readonly secret?: string;
  /** Body that is sent instead of the one that was signed. */
  readonly forged?: string;
}

async function sendWebhook(options: WebhookOptions = {}) {
  const body = JSON.stringify({
    id: options.id ?? randomUUID(),
    event: options.event ?? 'participant_joined',
    createdAt: String(Math.floor(Date.now() / 1_000) - (options.ageSeconds ?? 0)),
    room: { name: 'room-1', sid: 'RM_1' },
    ...(options.event !== 'room_finished' && { participant: { identity: 'alice', sid: 'PA_1' } }),
  });
  const token = new AccessToken(KEY, options.secret ?? SECRET, { ttl: 60 });
  token.sha256 = createHash('sha256').update(body).digest('base64');
  return await door.inject({
    method: 'POST',
    url: '/sfu_webhook',
    headers: { 'content-type': 'application/webhook+json', authorization: await token.toJwt() },
    payload: options.forged ?? body,
  });
}

const transactionUrl = '/_matrix/app/v1/transactions/1';

test('Synapse comes in by its token, in the header only', async () => {
  const put = (url: string, headers: Record<string, string> = {}) =>
    door.inject({ method: 'PUT', url, headers, payload: { events: [{}, {}] } });
  assert.equal((await put(transactionUrl)).statusCode, 401);
  assert.equal((await put(`${transactionUrl}?access_token=${HS_TOKEN}`)).statusCode, 401);
  const wrong = await put(transactionUrl, { authorization: 'Bearer wrong' });
  assert.equal(wrong.statusCode, 403);
  assert.equal(wrong.json().errcode, 'M_FORBIDDEN');
  assert.equal(eventsCounted, 0);
  const right = await put(transactionUrl, authorization);
  assert.equal(right.statusCode, 200);
  assert.deepEqual(right.json(), {});
  assert.equal((await put(transactionUrl, authorization)).statusCode, 200);
  assert.equal(eventsCounted, 4);
});

test('a transaction may be much larger than a request of people, but not without end, and must be one', async () => {
  const put = (payload: object) =>
    door.inject({ method: 'PUT', url: transactionUrl, headers: authorization, payload });
  assert.equal((await put({ events: [{ body: 'x'.repeat(5_000_000) }] })).statusCode, 200);
  assert.equal((await put({ events: [{ body: 'x'.repeat(17_000_000) }] })).statusCode, 413);
  assert.equal((await put({ events: 'none' })).statusCode, 400);
});

test('we answer a ping, make nobody on demand, and have nothing else', async () => {
  const ask = async (method: 'GET' | 'POST', url: string) =>
    (await door.inject({ method, url, headers: authorization, ...(method === 'POST' && { payload: {} }) }))
      .statusCode;
  assert.equal(await ask('POST', '/_matrix/app/v1/ping'), 200);
  assert.equal(await ask('GET', '/_matrix/app/v1/users/@x.aura:server'), 404);
  assert.equal(await ask('GET', '/_matrix/app/v1/rooms/%23x:server'), 404);
  assert.equal(await ask('POST', '/_matrix/client/unstable/x/rtc/livekit/get_token'), 404);
  assert.equal(await ask('GET', '/_auralink/v1/config'), 404);
  assert.equal(await ask('GET', '/'), 404);
});

test('a webhook of each kind has its effect, others have none', async () => {
  for (const event of [
    'participant_joined',
    'participant_left',
    'room_finished',
    'participant_connection_aborted',
  ]) {
    assert.equal((await sendWebhook({ event })).statusCode, 200);
  }
  assert.deepEqual(heard, ['alice joined room-1', 'alice left room-1', 'room-1 finished']);
  assert.deepEqual(counted, ['handled', 'handled', 'handled', 'ignored']);
});

test('a repeated webhook has its effect once, even when its deliveries meet', async () => {
  const id = randomUUID();
  const answers = await Promise.all(Array.from({ length: 8 }, () => sendWebhook({ id })));
  assert.ok(answers.every(({ statusCode }) => statusCode === 200));
  assert.equal((await sendWebhook({ id })).statusCode, 200);
  assert.deepEqual(heard, ['alice joined room-1']);
  assert.equal(counted.filter((outcome) => outcome === 'repeated').length, 8);
});

test('an effect that failed is not remembered: the repeat has it', async () => {
  const id = randomUUID();
  failOnce = true;
  assert.equal((await sendWebhook({ id })).statusCode, 500);
  assert.equal((await sendWebhook({ id })).statusCode, 200);
  assert.deepEqual(heard, ['alice joined room-1']);
});

test('a webhook that LiveKit did not sign, or signed for another body, is refused', async () => {
  assert.equal((await sendWebhook({ secret: 'another-secret-of-thirty-two-characters' })).statusCode, 401);
  assert.equal((await sendWebhook({ forged: '{"id":"1","event":"room_finished"}' })).statusCode, 401);
  const unsigned = await door.inject({
    method: 'POST',
    url: '/sfu_webhook',
    headers: { 'content-type': 'application/webhook+json' },
    payload: '{}',
  });
  assert.equal(unsigned.statusCode, 401);
  assert.deepEqual(heard, []);
  assert.deepEqual(counted, ['refused', 'refused', 'refused']);
});

test('a webhook of long ago, or of the future, is refused', async () => {
  assert.equal((await sendWebhook({ ageSeconds: WEBHOOK_AGE_MAX_SECONDS + 10 })).statusCode, 400);
  assert.equal((await sendWebhook({ ageSeconds: -WEBHOOK_SKEW_MAX_SECONDS - 10 })).statusCode, 400);
  assert.equal((await sendWebhook({ ageSeconds: WEBHOOK_AGE_MAX_SECONDS - 10 })).statusCode, 200);
  assert.deepEqual(heard, ['alice joined room-1']);
});

test('old rows go as new ones come', async () => {
  await db.pool.query(
    `INSERT INTO livekit_webhooks (webhook_id, event, received_at)
     SELECT 'old-' || n, 'x', now() - make_interval(hours => $1, mins => 1) FROM generate_series(1, $2) AS n`,
    [WEBHOOKS_KEPT_HOURS, WEBHOOKS_PRUNED_AT_ONCE + 3],
  );
  const left = async () =>
    (await db.pool.query("SELECT count(*) FROM livekit_webhooks WHERE webhook_id LIKE 'old-%'")).rows[0]
      .count;
  await sendWebhook();
  assert.equal(Number(await left()), 3);
  await sendWebhook();
  assert.equal(Number(await left()), 0);
});
