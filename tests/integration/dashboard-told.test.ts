/** What the Dashboard is told of by what people do, through the real routes; and of calls, read behind their back. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { tellEndedCalls } from '../../auralink-communication-service/auralink-modules/dashboard/deliver.ts';
import {
  type DashboardEvent,
  messageSchema,
} from '../../auralink-communication-service/auralink-modules/dashboard/model.ts';
import { newId } from '../../auralink-communication-service/core/ids.ts';
import { beginTellingCalls, endedCalls } from '../../auralink-communication-service/store/ended-calls.ts';
import { dashboardEvents } from '../../auralink-communication-service/store/webhooks.ts';
import { DEFAULT_SCOPE } from '../fakes/browser.ts';
import { testDatabase } from '../harness.ts';
import { api, openIdentityDoor, PASSWORD, registerPerson } from '../support/identity-door.ts';
import { planOf, statementsOf } from '../support/plans.ts';

const address = await testDatabase();
const door = await openIdentityDoor(address, { DASHBOARD_WEBHOOK_SECRET: 'a secret of these tests' });
const silent = await openIdentityDoor(await testDatabase(), { DASHBOARD_WEBHOOK_SECRET: '' });
const MANAGING = { scope: `${DEFAULT_SCOPE} account.manage` };
const { pool, unitOfWork } = door.db;

await registerPerson(door, 'clara');
const { rows: claras } = await pool.query(
  "SELECT person_id FROM aura_id_registry WHERE aura_id = '@clara.aura'",
);
const someone: string = claras[0].person_id;
await pool.query('DELETE FROM webhook_deliveries');

/** Events since the last look, each as its schema says. */
async function told(): Promise<{ type: DashboardEvent['type']; data: Record<string, unknown> }[]> {
  const { rows } = await pool.query(
    'DELETE FROM webhook_deliveries RETURNING seq, type, data, occurred_at AS at',
  );
  return rows
    .sort((a, b) => a.seq - b.seq)
    .map(({ type, data, at }) => {
      messageSchema.parse({ type, timestamp: at.toISOString(), data });
      return { type, data };
    });
}

const change = (token: string, method: string, path: string, body: object) =>
  api(door, `/_auralink/v1${path}`, token, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

test('registered, renamed, privacy changed, erased: each told once, with the change', async () => {
  const { tokens } = await registerPerson(door, 'anna', MANAGING);
  const [registered] = await told();
  const personId = registered?.data.personId;
  assert.deepEqual(registered, {
    type: 'auraid.registered',
    data: { personId, auraId: '@anna.aura', dashboardUserId: null, via: 'page' },
  });
  const token = tokens.accessToken;
  assert.equal((await change(token, 'PATCH', '/me/privacy', { call: 'friends' })).status, 200);
  assert.equal((await change(token, 'PATCH', '/me/privacy', { call: 'friends' })).status, 200);
  assert.deepEqual(await told(), [{ type: 'auraid.privacy_changed', data: { personId, changed: ['call'] } }]);
  assert.equal((await change(token, 'PUT', '/me/name', { auraId: 'anna.two' })).status, 200);
  const [renamed, ...more] = await told();
  assert.deepEqual(more, []);
  assert.deepEqual(
    [renamed?.type, renamed?.data.auraId, renamed?.data.previousAuraId],
    ['auraid.renamed', '@anna.two.aura', '@anna.aura'],
  );
  const erased = await change(token, 'POST', '/account/erasure', {
    confirmation: '@anna.two.aura',
    currentPassword: PASSWORD,
  });
  assert.ok(erased.ok, String(erased.status));
  assert.deepEqual(await told(), [{ type: 'auraid.erased', data: { personId, dashboardUserId: null } }]);
});

test('released', async () => {
  const { tokens } = await registerPerson(door, 'berta', MANAGING);
  const [registered] = await told();
  const gone = await change(tokens.accessToken, 'DELETE', '/me/name', {
    currentPassword: PASSWORD,
  });
  assert.ok(gone.ok, `${gone.status} ${await gone.clone().text()}`);
  assert.deepEqual(await told(), [
    { type: 'auraid.released', data: { personId: registered?.data.personId, auraId: '@berta.aura' } },
  ]);
});

test('where no Dashboard is configured nothing is written', async () => {
  await registerPerson(silent, 'clara');
  const { rows } = await silent.db.pool.query('SELECT type FROM webhook_deliveries');
  assert.deepEqual(rows, []);
});

/** A UUIDv7 of a moment so many seconds ago. */
function idAgo(seconds: number): string {
  const at = (Date.now() - seconds * 1_000).toString(16).padStart(12, '0');
  return `${at.slice(0, 8)}-${at.slice(8)}-7${randomUUID().slice(15)}`;
}

/** `behindSeconds`: so slow is the clock of the server that made it. */
async function call(secondsAgo: number, ended: boolean, behindSeconds = 0): Promise<string> {
  const callId = idAgo(secondsAgo + behindSeconds);
  await pool.query(
    `INSERT INTO cross_app_calls (call_id, caller_person_id, caller_aura_id, caller_endpoint_id, caller_app_id, media,
       state, end_reason, idempotency_key, created_at, answered_at, ended_at)
     VALUES ($1, $2, '@clara.aura', $3, 'phone', 'audio', $4, $5, $6, now() - make_interval(secs => $7),
       now() - make_interval(secs => $7 - 5), CASE WHEN $5::text IS NOT NULL THEN now() END)`,
    [callId, someone, newId(), ...(ended ? ['ended', 'hung_up'] : ['active', null]), callId, secondsAgo],
  );
  await pool.query(
    `INSERT INTO call_invitations (invitation_id, call_id, callee_person_id, callee_aura_id, state, reason, deadline_at,
       answered_by_endpoint_id, ended_at)
     VALUES ($1, $2, $3, '@clara.aura', $4, $5, now(), $6, CASE WHEN $5::text IS NOT NULL THEN now() END)`,
    [newId(), callId, someone, ...(ended ? ['ended', 'hung_up'] : ['answered', null]), newId()],
  );
  return callId;
}

const telling = { unitOfWork, calls: endedCalls, events: dashboardEvents(newId) };
const tellAll = async () => {
  while (await tellEndedCalls(telling));
};
const callsTold = async () => (await told()).map(({ data }) => data.callId);

test('each call that ended is told once: those that go on later, those from before never, by any process', async () => {
  await pool.query("INSERT INTO dashboard_calls_cursor (what, after_call_id) VALUES ('call.ended', $1)", [
    idAgo(200),
  ]);
  await beginTellingCalls(pool);
  await call(300, true);
  const [early, open, late] = [await call(150, true), await call(140, false), await call(130, true)];
  const fresh = await call(10, true);
  await Promise.all([tellAll(), tellAll(), tellAll()]);
  await tellAll();
  assert.deepEqual((await callsTold()).sort(), [early, late].sort());
  await tellAll();
  assert.deepEqual(await callsTold(), []);
  await pool.query(
    "UPDATE cross_app_calls SET state = 'ended', end_reason = 'hung_up', ended_at = now() WHERE call_id = $1",
    [open],
  );
  await tellAll();
  const [ended] = await told();
  const data = ended?.data ?? {};
  assert.deepEqual(
    [data.callId, data.reason, data.appId, data.durationSeconds],
    [open, 'hung_up', 'phone', 135],
  );
  await pool.query("UPDATE dashboard_calls_cursor SET after_call_id = $1 WHERE what = 'call.ended'", [
    idAgo(120),
  ]);
  const settled = await call(61, true);
  await tellAll();
  assert.deepEqual(await callsTold(), [settled], `${fresh} is too young`);
});

test('a call whose server’s clock is minutes behind is told of all the same, and nothing twice', async () => {
  await pool.query("UPDATE dashboard_calls_cursor SET after_call_id = $1 WHERE what = 'call.ended'", [
    idAgo(60),
  ]);
  await pool.query("UPDATE dashboard_calls_cursor SET after_call_id = $1 WHERE what = 'call.late'", [
    idAgo(2_000),
  ]);
  const punctual = await call(950, true);
  const slow = await call(850, true, 90);
  await tellAll();
  assert.deepEqual(await callsTold(), [slow], `${punctual} was told in its time`);
  await pool.query("UPDATE dashboard_calls_cursor SET after_call_id = $1 WHERE what = 'call.late'", [
    idAgo(2_000),
  ]);
  const other = await call(800, true, 150);
  await pool.query(
    "INSERT INTO webhook_deliveries (webhook_id, type, once_key, data) VALUES ($1, 'call.ended', $2, '{}')",
    [newId(), `call.ended:${slow}`],
  );
  await tellAll();
  const { rows } = await pool.query("SELECT once_key FROM webhook_deliveries WHERE type = 'call.ended'");
  assert.deepEqual(
    rows.map((row) => row.once_key).sort(),
    [`call.ended:${slow}`, `call.ended:${other}`].sort(),
  );
});

test('looking for ended calls scans no table of calls', async () => {
  const texts = await statementsOf(tellAll);
  const scans: string[] = [];
  for (const text of texts) {
    if (!text.includes('cross_app_calls')) continue;
    const plan = await planOf(pool, text);
    if (plan.some((line) => /Seq Scan on (cross_app_calls|call_invitations)/.test(line)))
      scans.push(plan.join('\n'));
  }
  assert.deepEqual(scans, []);
});
