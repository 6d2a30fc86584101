/**
 * Alice in Chat calls Bob, who has Market and Play on one device and Chat on another: answered, declined, cancelled,
 * timed out, with everything that each of them sees and hears. Over two service processes; the caller of this decides
 * about Redis.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RING_ACK_TIMEOUT_MS } from '../../../auralink-communication-service/auralink-modules/calls/model.ts';
import type { Constellation } from '../../../auralink-communication-service/launcher/constellation.ts';
import { ownConstellation, withClient } from '../../harness.ts';
import {
  type AppPage,
  Device,
  eventually,
  launchBrowser,
  registerByDashboard,
} from '../../support/browser.ts';

/**
 * Answer pressed → the other device is silent, on a machine where others are at work: far less than the ring would last.
 * How soon it is on a quiet one is a figure of `./aura bench ring`, and told by these tests.
 */
const STOP_WITHIN_MS = 3000;
/** Long enough to answer on a busy machine, short enough to wait for. */
const RING_TIMEOUT_SECONDS = 12;
const ALICE_PASSWORD = 'alice in a browser';
const BOB_PASSWORD = 'bob in two browsers';
const RECONNECTS_MAX = 40;
/** Calls until one rings as on a machine that is not too busy. */
const CALLS_MAX = 5;

interface Stage {
  readonly constellation: Constellation;
  readonly alice: AppPage;
  /** Bob's first device: two apps, one of which rings. */
  readonly market: AppPage;
  readonly play: AppPage;
  /** Bob's second device. */
  readonly chat: AppPage;
  readonly devices: readonly Device[];
}

async function openStage(name: string, redis: boolean): Promise<Stage> {
  const constellation = await ownConstellation(name, {
    processes: 2,
    redis,
    env: { RING_TIMEOUT_SECONDS: String(RING_TIMEOUT_SECONDS) },
  });
  const browser = await launchBrowser();
  const baseUrl = constellation.settings.config.PUBLIC_BASE_URL;
  const device = (): Promise<Device> => Device.create(browser, baseUrl);
  const [hers, first, second] = [await device(), await device(), await device()];
  const alice = await hers.open('chat');
  const ofAlice = await registerByDashboard(constellation, 'alice');
  await alice.signInByCode(ofAlice.signInCode, ALICE_PASSWORD);
  const market = await first.open('market');
  const ofBob = await registerByDashboard(constellation, 'bob');
  await market.signInByCode(ofBob.signInCode, BOB_PASSWORD);
  const play = await first.open('play');
  await play.signInAgain();
  const chat = await second.open('chat');
  await chat.signIn('@bob.aura', BOB_PASSWORD);
  const stage = { constellation, alice, market, play, chat, devices: [hers, first, second] };
  await spread(stage);
  return stage;
}

async function query<T>(stage: Stage, text: string, values: unknown[]): Promise<T[]> {
  const { config } = stage.constellation.settings;
  const address = {
    host: config.COMM_POSTGRES_HOST,
    port: config.COMM_POSTGRES_PORT,
    user: config.COMM_POSTGRES_USER,
    password: config.COMM_POSTGRES_PASSWORD,
    database: config.COMM_POSTGRES_DB,
    poolSize: 1,
    applicationName: 'auralink-test',
  };
  return withClient(address, async (client) => (await client.query(text, values)).rows as T[]);
}

async function processOf(stage: Stage, page: AppPage): Promise<string | null> {
  const rows = await query<{ process_id: string }>(
    stage,
    'SELECT process_id FROM endpoint_sockets WHERE endpoint_id = $1',
    [await page.endpointId()],
  );
  return rows.length === 1 ? (rows[0]?.process_id ?? null) : null;
}

/** Bob's two devices must hang on different processes, or the stop between them would prove little. */
async function spread(stage: Stage): Promise<void> {
  const settled = (page: AppPage): Promise<string> =>
    eventually(`one socket of ${page.app}`, () => processOf(stage, page));
  const first = await settled(stage.market);
  for (const [page, isRight] of [
    [stage.play, (process: string) => process === first],
    [stage.chat, (process: string) => process !== first],
  ] as const) {
    let tries = 0;
    while (!isRight(await settled(page))) {
      tries += 1;
      assert.ok(tries <= RECONNECTS_MAX, 'the processes do not share the port');
      await page.reconnect();
    }
  }
}

/** Waits until exactly one of the two on Bob's first device rings, and gives it first. */
async function ringingOf(stage: Stage, callId: string): Promise<[rings: AppPage, silent: AppPage]> {
  const { market, play } = stage;
  const ringing = await eventually('a ring on the first device', async () => {
    if ((await market.ringsOf(callId)).length > 0) return market;
    return (await play.ringsOf(callId)).length > 0 ? play : null;
  });
  const silent = ringing === market ? play : market;
  await ringing.rings(callId);
  await eventually(
    'the silent notice in the other app',
    async () => (await silent.log('ringNotice')).length > 0,
  );
  return [ringing, silent];
}

/** One ring on each device, and on the first in one app only, whatever has happened since. */
async function assertOneRingADevice(stage: Stage, callId: string): Promise<void> {
  const counts = await Promise.all(
    [stage.market, stage.play, stage.chat].map(async (page) => (await page.ringsOf(callId)).length),
  );
  const [market = 0, play = 0, chat = 0] = counts;
  assert.equal(market + play, 1, `Market rang ${market} times, Play ${play} times`);
  assert.equal(chat, 1);
}

/**
 * Whether an app said too late that it rings, so that the next one of its device was rung as well: right on a machine
 * that is too busy, and wrong if it was in time.
 */
async function hasFailedOpen(stage: Stage, callId: string): Promise<boolean> {
  const [row] = await eventually('the apps to say that they ring', async () => {
    const rows = await query<{ failed_open: boolean; acknowledged: boolean; in_time: boolean }>(
      stage,
      `SELECT bool_or(r.rank > 0 AND r.sent_at IS NOT NULL) AS failed_open,
         bool_and(r.acknowledged_at IS NOT NULL) FILTER (WHERE r.rank = 0) AS acknowledged,
         bool_and(r.acknowledged_at < r.sent_at + make_interval(secs => $2::float8 / 1000)) FILTER (WHERE r.rank = 0) AS in_time
       FROM call_rings r JOIN call_invitations USING (invitation_id) WHERE call_id = $1`,
      [callId, RING_ACK_TIMEOUT_MS],
    );
    return rows[0]?.acknowledged === true && rows;
  });
  assert.ok(
    row?.failed_open !== true || !row.in_time,
    'two apps of a device ring, though the first was in time',
  );
  return row?.failed_open === true;
}

/** A call for which each of Bob's devices was in time; those before it are taken back. */
async function dialBob(stage: Stage): Promise<string> {
  for (let calls = 1; ; calls += 1) {
    const callId = await stage.alice.dial('@bob.aura', 'video');
    if (!(await hasFailedOpen(stage, callId))) return callId;
    assert.ok(calls < CALLS_MAX, `in ${CALLS_MAX} calls no app said in time that it rings`);
    await stage.alice.get('outgoing-cancel').click();
    await stage.alice.endsWith(callId, 'cancelled');
  }
}

/** Alice calls with video; both devices of Bob ring. */
async function callBob(stage: Stage): Promise<{ callId: string; rings: AppPage; silent: AppPage }> {
  const callId = await dialBob(stage);
  const [[rings, silent]] = await Promise.all([ringingOf(stage, callId), stage.chat.rings(callId)]);
  await stage.alice.hearsRinging();
  await assertOneRingADevice(stage, callId);
  return { callId, rings, silent };
}

async function assertCallRow(
  stage: Stage,
  callId: string,
  endReason: string,
  answered: boolean,
): Promise<void> {
  const row = await eventually('the call to be over in the database', async () => {
    const rows = await query<{ state: string; end_reason: string; answered: boolean }>(
      stage,
      `SELECT state, end_reason, answered_at IS NOT NULL AS answered FROM cross_app_calls WHERE call_id = $1`,
      [callId],
    );
    return rows[0]?.state === 'ended' && rows[0];
  });
  assert.deepEqual(row, { state: 'ended', end_reason: endReason, answered });
  const open = await query(
    stage,
    `SELECT 1 FROM call_rings JOIN call_invitations USING (invitation_id) WHERE call_id = $1 AND call_rings.state <> 'stopped'`,
    [callId],
  );
  assert.equal(open.length, 0, 'a ring is still open');
}

/** In every app of both people the call is the newest, with its true reason. */
async function assertHistory(stage: Stage, callId: string, endReason: string): Promise<void> {
  for (const [page, direction, peer] of [
    [stage.alice, 'outgoing', '@bob.aura'],
    [stage.market, 'incoming', '@alice.aura'],
    [stage.play, 'incoming', '@alice.aura'],
    [stage.chat, 'incoming', '@alice.aura'],
  ] as const) {
    const [newest] = await page.history();
    assert.equal(newest?.callId, callId);
    assert.deepEqual(
      [newest.direction, newest.peer.auraId, newest.state, newest.endReason, newest.media],
      [direction, peer, 'ended', endReason, 'video'],
    );
  }
}

/** The words that a person reads about the newest call with `peer`. */
async function lastWords(page: AppPage, peer: string): Promise<string> {
  await page.get('thread').filter({ hasText: peer }).click();
  const bubble = page.page.getByRole('main').getByRole('listitem').last();
  return (await bubble.textContent()) ?? '';
}

async function assertWords(stage: Stage, hers: RegExp, his: RegExp): Promise<void> {
  await eventually('her words', async () => hers.test(await lastWords(stage.alice, 'bob')));
  await eventually('his words', async () => his.test(await lastWords(stage.chat, 'alice')));
}

/** `actor` pressed `button`; the other device's stop carries `reason` and came in time. */
async function assertStopInTime(
  actor: AppPage,
  button: 'ring-answer' | 'ring-decline',
  other: AppPage,
  callId: string,
  reason: string,
): Promise<number> {
  const stop = await other.stopOf(callId);
  assert.equal(stop.data.reason, reason);
  assert.equal(stop.data.byThisTab, false);
  const tookMs = stop.atMs - (await actor.clickedAtMs(button));
  assert.ok(tookMs > 0 && tookMs < STOP_WITHIN_MS, `the other device rang on for ${Math.round(tookMs)} ms`);
  await other.get('ring-dialog').waitFor({ state: 'detached' });
  return tookMs;
}

async function answeredScenario(stage: Stage, where: 'first' | 'second'): Promise<number> {
  const { callId, rings } = await callBob(stage);
  const [actor, other] = where === 'first' ? [rings, stage.chat] : [stage.chat, rings];
  await actor.get('ring-answer').click();
  await Promise.all([actor.inCall(callId), stage.alice.inCall(callId)]);
  const tookMs = await assertStopInTime(actor, 'ring-answer', other, callId, 'answered_elsewhere');
  await other.endsWith(callId, 'answered_elsewhere');
  await Promise.all([stage.alice.seesMovingPicture(), actor.seesMovingPicture()]);
  await Promise.all([stage.alice.hears(), actor.hears()]);
  await assertOneRingADevice(stage, callId);
  await (where === 'first' ? stage.alice : actor).get('hangup').click();
  await Promise.all([stage.alice.endsWith(callId, 'hung_up'), actor.endsWith(callId, 'hung_up')]);
  await assertCallRow(stage, callId, 'hung_up', true);
  await assertHistory(stage, callId, 'hung_up');
  await assertWords(stage, /You talked/, /You talked/);
  return tookMs;
}

async function declinedScenario(stage: Stage): Promise<number> {
  const { callId, rings } = await callBob(stage);
  await stage.chat.get('ring-decline').click();
  const tookMs = await assertStopInTime(stage.chat, 'ring-decline', rings, callId, 'declined_elsewhere');
  await rings.endsWith(callId, 'declined_elsewhere');
  await stage.alice.endsWith(callId, 'declined');
  await assertCallRow(stage, callId, 'declined', false);
  await assertHistory(stage, callId, 'declined');
  await assertWords(stage, /Declined/, /Declined/);
  return tookMs;
}

async function silencedScenario(
  stage: Stage,
  how: { stopReason: string; endReason: string; hers: RegExp; his: RegExp; end: () => Promise<void> },
): Promise<void> {
  const { callId, rings, silent } = await callBob(stage);
  await how.end();
  for (const page of [rings, stage.chat]) {
    const stop = await page.stopOf(callId);
    assert.equal(stop.data.reason, how.stopReason);
    await page.get('ring-dialog').waitFor({ state: 'detached' });
  }
  assert.equal(await silent.isRinging(), false);
  await stage.alice.endsWith(callId, how.endReason);
  await assertOneRingADevice(stage, callId);
  await assertCallRow(stage, callId, how.endReason, false);
  await assertHistory(stage, callId, how.endReason);
  await assertWords(stage, how.hers, how.his);
}

/** Starts everything (until the file ends) and declares the tests; to be awaited at the top of a file. */
export async function callScenario(name: string, options: { readonly redis: boolean }): Promise<void> {
  const stage = await openStage(name, options.redis);
  describe(`calls in the browser, Redis ${options.redis ? 'on' : 'off'}`, () => {
    it('is answered on the second device: the first is silent at once, both see and hear', async (t) => {
      t.diagnostic(
        `the other device was silent after ${Math.round(await answeredScenario(stage, 'second'))} ms`,
      );
    });

    it('is answered on the first device, in the app that rings there', async (t) => {
      t.diagnostic(
        `the other device was silent after ${Math.round(await answeredScenario(stage, 'first'))} ms`,
      );
    });

    it('is declined on one device for all', async (t) => {
      t.diagnostic(`the other device was silent after ${Math.round(await declinedScenario(stage))} ms`);
    });

    it('is cancelled by the caller', () =>
      silencedScenario(stage, {
        stopReason: 'caller_cancelled',
        endReason: 'cancelled',
        hers: /Cancelled/,
        his: /Missed, the caller hung up/,
        end: () => stage.alice.get('outgoing-cancel').click(),
      }));

    it('is missed', () =>
      silencedScenario(stage, {
        stopReason: 'timeout',
        endReason: 'missed',
        hers: /No answer/,
        his: /Missed/,
        end: async () => {},
      }));

    it('leaves no page with an error', () => {
      assert.deepEqual(
        stage.devices.flatMap((device) => device.faults),
        [],
      );
    });
  });
}
