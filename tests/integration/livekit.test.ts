/**
 * LiveKit as the calls room sees it: rooms, tokens and their limits against a real server of this file's own, whose
 * webhooks come to a door of ours.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { decodeJwt } from 'jose';
import { RoomServiceClient } from 'livekit-server-sdk';
import { pino } from 'pino';
import { createLivekit } from '../../auralink-communication-service/adapters/livekit.ts';
import { createWebhookReader } from '../../auralink-communication-service/adapters/livekit-webhook.ts';
import { systemClock } from '../../auralink-communication-service/core/clock.ts';
import { newId } from '../../auralink-communication-service/core/ids.ts';
import { engineRoutes } from '../../auralink-communication-service/http/engines.ts';
import { buildDoor, listen } from '../../auralink-communication-service/http/server.ts';
import { openDatabase } from '../../auralink-communication-service/store/db.ts';
import { rememberWebhook } from '../../auralink-communication-service/store/livekit-webhooks.ts';
import { ownConstellation, testDatabase } from '../harness.ts';
import { eventually } from '../support/eventually.ts';
import { freeze } from '../support/freeze.ts';

const engines = await ownConstellation('livekit', { processes: 0, redis: false, without: ['synapse'] });
const { config } = engines.settings;
const settings = {
  url: config.LIVEKIT_URL,
  publicUrl: config.LIVEKIT_PUBLIC_URL,
  apiKey: config.LIVEKIT_API_KEY,
  apiSecret: config.LIVEKIT_API_SECRET,
};
const livekit = createLivekit(settings);

// Open before the first room is made: LiveKit delivers in order, and waits long for a door that is closed.
const db = openDatabase(await testDatabase());
const finished: string[] = [];
const door = await buildDoor({
  logger: pino({ level: 'silent' }),
  newId,
  trustedProxies: [],
  plugins: [
    engineRoutes({
      hsToken: config.APPSERVICE_HS_TOKEN,
      readWebhook: createWebhookReader(config.LIVEKIT_API_KEY, config.LIVEKIT_API_SECRET),
      rememberWebhook,
      mediaEvents: {
        participantJoined: async () => {},
        participantLeft: async () => {},
        roomFinished: async (_tx, room) => {
          finished.push(room);
        },
      },
      unitOfWork: db.unitOfWork,
      clock: systemClock,
      counts: { webhook: () => {}, transaction: () => {} },
    }),
  ],
});
after(async () => {
  await door.close();
  await db.close();
});
await listen(door, config.ENGINES_HOST, config.ENGINES_PORT);
const names = async () => (await livekit.listRooms()).map(({ name }) => name).sort();

test('a room is made once, listed, and deleted more than once without harm', async () => {
  await livekit.ensureRoom('a');
  await livekit.ensureRoom('a');
  await livekit.ensureRoom('b');
  assert.deepEqual(await names(), ['a', 'b']);
  const found = (await livekit.listRooms()).find(({ name }) => name === 'a');
  assert.equal(found?.participants, 0);
  assert.ok(Math.abs((found?.createdAt.getTime() ?? 0) - Date.now()) < 60_000);
  assert.deepEqual(await livekit.listParticipants('a'), []);
  assert.deepEqual(await livekit.listParticipants('nowhere'), []);
  await livekit.removeParticipant('a', 'nobody');
  await livekit.deleteRoom('a');
  await livekit.deleteRoom('a');
  await livekit.deleteRoom('b');
  assert.deepEqual(await names(), []);
});

/** Whether LiveKit would let this token in, and if not, its own words. */
async function enter(token: string): Promise<string> {
  const answer = await fetch(`${config.LIVEKIT_URL}/rtc/validate?access_token=${token}`);
  return answer.ok ? 'ok' : `${answer.status} ${await answer.text()}`;
}
const grant = (room: string, media: 'audio' | 'video') =>
  livekit.token({ room, identity: 'alice', name: 'Alice', media, ttlSeconds: 60 });

test('a token opens its own room, if that exists, and nothing else', async () => {
  await livekit.ensureRoom('open');
  assert.equal(await enter(await grant('open', 'audio')), 'ok');
  assert.match(await enter(await grant('closed', 'audio')), /^404/);
  const other = await createLivekit({ ...settings, apiSecret: 'x'.repeat(40) }).token({
    room: 'open',
    identity: 'alice',
    name: 'Alice',
    media: 'audio',
    ttlSeconds: 60,
  });
  assert.match(await enter(other), /^401/);
  const asAdmin = new RoomServiceClient(config.LIVEKIT_URL, undefined, undefined, {
    token: await grant('open', 'video'),
  });
  await assert.rejects(asAdmin.listRooms());
  await assert.rejects(asAdmin.createRoom({ name: 'mine' }));
  await assert.rejects(asAdmin.deleteRoom('open'));
  await livekit.deleteRoom('open');
});

test('a token allows what the media needs, for a short time', async () => {
  const claims = async (media: 'audio' | 'video') => decodeJwt(await grant('r', media));
  const audio = await claims('audio');
  assert.deepEqual(audio.video, {
    roomJoin: true,
    room: 'r',
    canSubscribe: true,
    canPublish: true,
    canPublishSources: ['microphone'],
    canPublishData: false,
    canUpdateOwnMetadata: false,
  });
  assert.equal(audio.sub, 'alice');
  assert.ok((audio.exp ?? 0) <= Date.now() / 1_000 + 61);
  const sources = ((await claims('video')).video as { canPublishSources: string[] }).canPublishSources;
  assert.deepEqual(sources, ['microphone', 'camera', 'screen_share', 'screen_share_audio']);
});

test("LiveKit's own webhooks are believed and have their effect", async () => {
  await livekit.ensureRoom('told');
  await livekit.deleteRoom('told');
  await eventually(() => assert.ok(finished.includes('told')));
  const events = await db.pool.query('SELECT DISTINCT event FROM livekit_webhooks');
  assert.deepEqual(events.rows, [{ event: 'room_finished' }]);
});

test('LiveKit away is `unavailable`, at once or after three seconds; back, it works again', async () => {
  await freeze(engines, 'livekit');
  const begin = performance.now();
  await assert.rejects(livekit.ensureRoom('x'), { code: 'unavailable' });
  assert.ok(performance.now() - begin < 5_000);
  engines.kill('livekit', 'SIGCONT');
  await engines.halt('livekit');
  await assert.rejects(livekit.listRooms(), { code: 'unavailable' });
  await assert.rejects(livekit.deleteRoom('x'), { code: 'unavailable' });
  await engines.start('livekit');
  await eventually(() => livekit.listRooms());
});
