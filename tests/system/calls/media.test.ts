/**
 * Media of calls over a real LiveKit: a room from the first token to the call's end, tokens that allow only what the
 * call needs, and calls that end when their media does, be it told by webhooks or, where those are lost, by LiveKit's
 * own list.
 */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { dispose, Room } from '@livekit/rtc-node';
import { decodeJwt } from 'jose';
import { RoomServiceClient } from 'livekit-server-sdk';
import { ORPHAN_ROOM_GRACE_SECONDS } from '../../../auralink-communication-service/auralink-modules/calls/media.ts';
import { LOCK_TIMEOUT_MS } from '../../../auralink-communication-service/store/db.ts';
import type { Answer, Phone } from '../../support/phone.ts';
import { eventually, openStage, type Stage } from '../../support/stage.ts';

const MEDIA_TIMEOUT_SECONDS = 4;
const env = { MEDIA_TIMEOUT_SECONDS: String(MEDIA_TIMEOUT_SECONDS) };
const told = await openStage('media', { env });
// Nobody listens there, so every webhook is lost.
const untold = await openStage('media-lost', { env, processes: 1, livekitWebhookUrl: 'http://127.0.0.1:1/' });
after(() => dispose());

interface Active {
  readonly alice: Phone;
  readonly bob: Phone;
  readonly callId: string;
}

async function active(stage: Stage, media = 'audio'): Promise<Active> {
  const { alice, bob, bobs } = await stage.pair(1);
  const { callId } = (await alice.place(bob.auraId, { media })).body;
  const callee = bobs[0] as Phone;
  const ring = await callee.frame('ring');
  assert.equal((await callee.answer(String(ring.data.ringId))).status, 200);
  return { alice, bob: callee, callId };
}

function roomsOf(stage: Stage): RoomServiceClient {
  const { config } = stage.constellation.settings;
  return new RoomServiceClient(config.LIVEKIT_URL, config.LIVEKIT_API_KEY, config.LIVEKIT_API_SECRET);
}

async function roomNames(stage: Stage): Promise<string[]> {
  return (await roomsOf(stage).listRooms()).map((room) => room.name);
}

/** LiveKit's own judgement of a token: 200 when it would let its bearer in. */
async function judged(stage: Stage, token: string): Promise<number> {
  const query = new URLSearchParams({ access_token: token, protocol: '15', sdk: 'js', version: '2.0.0' });
  const response = await fetch(`${stage.constellation.urls.livekit}/rtc/validate?${query}`);
  await response.body?.cancel();
  return response.status;
}

async function join(token: Answer): Promise<Room> {
  assert.equal(token.status, 200, JSON.stringify(token.body));
  const room = new Room();
  await room.connect(String(token.body.url).replace('localhost', '127.0.0.1'), String(token.body.token), {
    autoSubscribe: false,
    dynacast: false,
  });
  return room;
}

/** Makes a process compare with LiveKit's list at its next look, instead of in up to ten seconds. */
async function reconcileNow(stage: Stage): Promise<void> {
  await stage.world.db.query("UPDATE periodic_jobs SET next_run_at = now() WHERE job = 'media.reconcile'");
}

async function isEstablished(stage: Stage, callId: string): Promise<string[]> {
  const { there } = await stage.one<{ there: boolean }>(
    'SELECT media_established_at IS NOT NULL AS there FROM cross_app_calls WHERE call_id = $1',
    [callId],
  );
  return there ? [] : ['media is not noted as established'];
}

describe('a media token', () => {
  it('opens one room to one person for a minute, and allows what the media need', async () => {
    for (const [media, sources] of [
      ['audio', ['microphone']],
      ['video', ['microphone', 'camera', 'screen_share', 'screen_share_audio']],
    ] as const) {
      const { alice, bob, callId } = await active(told, media);
      for (const phone of [alice, bob]) {
        const { body } = await phone.mediaToken(callId);
        const claims = decodeJwt(String(body.token));
        assert.equal(claims.sub, phone.endpoint.person.auraId);
        assert.equal(Number(claims.exp) - Number(claims.nbf), 60);
        assert.deepEqual(claims.video, {
          roomJoin: true,
          room: body.room,
          canSubscribe: true,
          canPublish: true,
          canPublishSources: sources,
          canPublishData: false,
          canUpdateOwnMetadata: false,
        });
        for (const grant of ['sip', 'agent', 'inference', 'roomConfig', 'metadata'])
          assert.equal(claims[grant], undefined);
      }
      await alice.hangUp(callId);
    }
    await told.settle();
    await told.clear();
  });

  it('makes the room when the first is asked for; after the call there is none, and the token is void', async () => {
    const { alice, bob, callId } = await active(told);
    assert.ok(!(await roomNames(told)).some((name) => name.includes(callId)), 'a room before anybody asked');
    const tokens = await Promise.all([
      alice.mediaToken(callId),
      bob.mediaToken(callId),
      alice.mediaToken(callId),
    ]);
    const [room, ...others] = tokens.map((token) => String(token.body.room));
    assert.deepEqual(others, [room, room]);
    assert.ok((await roomNames(told)).includes(room ?? ''));
    const token = String(tokens[0]?.body.token);
    assert.equal(await judged(told, token), 200);
    await bob.hangUp(callId);
    await eventually(async () => (await roomNames(told)).filter((name) => name === room), 5_000);
    assert.notEqual(await judged(told, token), 200);
    assert.deepEqual((await alice.mediaToken(callId)).body.reason, 'already_ended');
    assert.ok(!(await roomNames(told)).includes(room ?? ''), 'an old token made the room again');
    await told.settle();
    await told.clear();
  });
});

describe('who is in the room', () => {
  it('is heard from webhooks: media established, and the call over when they have left', async () => {
    const { alice, bob, callId } = await active(told);
    const rooms = [await join(await alice.mediaToken(callId)), await join(await bob.mediaToken(callId))];
    await eventually(() => isEstablished(told, callId), 5_000);
    for (const room of rooms) await room.disconnect();
    const ended = await alice.frame('call.updated', (data) => data.state === 'ended');
    assert.equal(ended.data.endReason, 'media_lost');
    await told.settle();
    await told.clear();
  });

  it('came in the very moment at which the call was to be closed without them: it goes on', async () => {
    const { alice, bob, callId } = await active(told);
    const client = await told.world.db.connect();
    try {
      await client.query('BEGIN');
      await client.query('SELECT FROM call_invitations WHERE call_id = $1 FOR UPDATE', [callId]);
      // The deadline passes; the process that closes the call waits for the row that we hold.
      await eventually(
        async () => {
          const { blocked } = await told.one<{ blocked: boolean }>(
            `SELECT EXISTS (SELECT FROM pg_stat_activity
             WHERE wait_event_type = 'Lock' AND query LIKE '%UPDATE call_invitations SET%') AS blocked`,
          );
          return blocked ? [] : ['nobody waits for the row'];
        },
        LOCK_TIMEOUT_MS + MEDIA_TIMEOUT_SECONDS * 1_000,
      );
      // What `setPresence` writes when the second of the two has come in.
      await client.query(
        `WITH there AS (
           UPDATE call_invitations SET media_deadline_at = NULL WHERE call_id = $1 RETURNING invitation_id
         ) UPDATE open_invitations o SET due_at = NULL FROM there t WHERE o.invitation_id = t.invitation_id`,
        [callId],
      );
      await client.query('COMMIT');
    } finally {
      client.release();
    }
    assert.equal((await bob.call(callId)).body.state, 'active');
    assert.equal((await alice.hangUp(callId)).body.state, 'ended');
    assert.equal((await bob.call(callId)).body.endReason, 'hung_up');
  });

  it('is put out of it when the call is hung up', async () => {
    const { alice, bob, callId } = await active(told);
    const room = await join(await alice.mediaToken(callId));
    const put = new Promise<void>((resolve) => {
      room.once('disconnected', () => resolve());
    });
    await bob.hangUp(callId);
    await put;
    await told.settle();
    await told.clear();
  });

  it('is found out by asking where every webhook is lost, and rooms without a call go', async () => {
    const { alice, bob, callId } = await active(untold);
    const token = await alice.mediaToken(callId);
    const orphan = String(token.body.room).replace(callId, 'nobody');
    const foreign = 'call_of-another-deployment';
    for (const name of [orphan, foreign]) await roomsOf(untold).createRoom({ name, emptyTimeout: 300 });
    const madeAt = performance.now();
    const rooms = [await join(token), await join(await bob.mediaToken(callId))];
    await eventually(async () => {
      await reconcileNow(untold);
      return await isEstablished(untold, callId);
    }, 10_000);
    for (const room of rooms) await room.disconnect();
    const ending = alice.frame('call.updated', (data) => data.state === 'ended', 30_000);
    await eventually(async () => {
      await reconcileNow(untold);
      return (await roomNames(untold)).includes(orphan) ? ['the orphan is still there'] : [];
    }, 40_000);
    assert.ok(performance.now() - madeAt > ORPHAN_ROOM_GRACE_SECONDS * 900);
    assert.ok((await roomNames(untold)).includes(foreign), 'a room of somebody else was deleted');
    assert.equal((await ending).data.endReason, 'media_lost');
    const { n } = await untold.one<{ n: number }>('SELECT count(*)::int AS n FROM livekit_webhooks');
    assert.equal(n, 0, 'a webhook came through: the test proves nothing');
    await untold.settle();
    await untold.clear();
  });
});
