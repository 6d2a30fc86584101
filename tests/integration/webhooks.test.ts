/** Webhooks to the Dashboard: real PostgreSQL, real HTTP, signatures verified by the receiver's library. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { beforeEach, test } from 'node:test';
import { deliverDue } from '../../auralink-communication-service/auralink-modules/dashboard/deliver.ts';
import { messageSchema } from '../../auralink-communication-service/auralink-modules/dashboard/model.ts';
import { newId, type PersonId } from '../../auralink-communication-service/core/ids.ts';
import { layoutOf } from '../../auralink-communication-service/launcher/layout.ts';
import { deliveryStore } from '../../auralink-communication-service/store/webhook-deliveries.ts';
import { testDatabase, testDataDir } from '../harness.ts';
import { databaseEnv, pretendUp, runCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { planOf, statementsOf } from '../support/plans.ts';
import { MASTER_SECRET, openWebhookStage } from '../support/webhook-stage.ts';

const HOUR = 3_600;
const address = await testDatabase();
const stage = await openWebhookStage(address);
const { dashboard, webhooks, db } = stage;
const names = (received: typeof dashboard.received) => received.map(({ message }) => message.data.auraId);

beforeEach(async () => {
  await db.pool.query('DELETE FROM webhook_deliveries');
  await db.unitOfWork.run((tx) => deliveryStore(db.pool).setDisabled(tx, null));
  for (const list of [dashboard.received, dashboard.tries, dashboard.forged, stage.acts]) list.length = 0;
  dashboard.answer = () => ({ status: 204 });
  dashboard.secrets = await webhooks.secrets();
});

test('an event arrives once, signed, as its schema says, and its data are wiped', async () => {
  await stage.event('anna');
  await stage.deliverAll();
  assert.deepEqual(names(dashboard.received), ['@anna.aura']);
  assert.ok(messageSchema.safeParse(dashboard.received[0]?.message).success);
  assert.deepEqual(await stage.states(), { delivered: 1 });
  const { rows } = await db.pool.query('SELECT data, last_status FROM webhook_deliveries');
  assert.deepEqual(rows, [{ data: null, last_status: 204 }]);
  assert.deepEqual(dashboard.forged, []);
});

test('each try has the same id and body, and waits longer than the one before', async () => {
  await stage.event('berta');
  dashboard.answer = () => ({ status: dashboard.tries.length < 4 ? 500 : 204 });
  for (const [i, wait] of [5, 10, 20].entries()) {
    await stage.deliverAll();
    assert.equal(dashboard.tries.length, i + 1);
    await stage.letPass(wait - 2);
    await stage.deliverAll();
    assert.equal(dashboard.tries.length, i + 1, 'too early');
    await stage.letPass(2);
  }
  await stage.deliverAll();
  assert.equal(dashboard.received.length, 1);
  assert.equal(new Set(dashboard.tries.map((one) => one.webhookId)).size, 1);
  assert.equal(new Set(dashboard.tries.map((one) => JSON.stringify(one.message))).size, 1);
});

test('the Dashboard is away for an hour and comes back: nothing is lost, nobody’s events change their order', async () => {
  await dashboard.down();
  const people = Array.from({ length: 5 }, () => newId<PersonId>());
  for (let minute = 0; minute < 60; minute += 5) {
    for (const personId of people) await stage.event(`at${minute}`, personId);
    await stage.deliverAll();
    await stage.letPass(300);
  }
  assert.equal((await stage.states()).pending, 60);
  await dashboard.up();
  await stage.letPass(HOUR);
  await stage.deliverAll();
  assert.deepEqual(await stage.states(), { delivered: 60 });
  for (const personId of people) {
    const hers = dashboard.received.filter(({ message }) => message.data.personId === personId);
    assert.deepEqual(
      names(hers),
      Array.from({ length: 12 }, (_, i) => `@at${i * 5}.aura`),
    );
  }
});

test('a day without acceptance: given up, listed, and sent again when an operator says so', async () => {
  dashboard.answer = () => ({ status: 500 });
  await stage.event('clara');
  for (let hour = 0; hour <= 26; hour++) {
    await stage.deliverAll();
    await stage.letPass(HOUR);
  }
  assert.deepEqual(await stage.states(), { dead: 1 });
  const tries = dashboard.tries.length;
  assert.ok(tries >= 24 && tries <= 30, `${tries} tries`);
  const [dead] = await webhooks.list('dead', null, 10);
  assert.deepEqual([dead?.type, dead?.lastStatus, dead?.nextTryAt], ['auraid.released', 500, null]);
  dashboard.answer = () => ({ status: 204 });
  await stage.deliverAll();
  assert.equal(dashboard.received.length, 0, 'dead is dead');
  assert.equal(await webhooks.replay('operator', [dead?.webhookId ?? '']), 1);
  assert.equal(await webhooks.replay('operator', [dead?.webhookId ?? '']), 0, 'it is not dead any more');
  await stage.deliverAll();
  assert.deepEqual(
    dashboard.received.map((one) => one.webhookId),
    [dead?.webhookId],
  );
  assert.deepEqual(stage.acts, ['operator webhooks.replayed', 'operator webhooks.replayed']);
});

test('after an outage a round looks at nobody’s later events while her first one waits, and goes on with them when it is taken', async () => {
  await db.pool.query(`INSERT INTO webhook_deliveries (webhook_id, type, subject_id, data, attempts, run_at)
    SELECT gen_random_uuid(), 'auraid.released', ('00000000-0000-7000-8000-' || lpad(person::text, 12, '0'))::uuid,
      json_build_object('personId', '00000000-0000-7000-8000-' || lpad(person::text, 12, '0'),
        'auraId', '@n' || nth || '.aura'),
      (nth = 1)::int, now() + CASE WHEN nth = 1 THEN interval '10 minutes' ELSE interval '-1 minute' END
    FROM generate_series(1, 1500) person, generate_series(1, 4) nth ORDER BY nth, person`);
  const due = async () => {
    const { rows } = await db.pool.query(
      "SELECT count(*)::int AS n FROM webhook_deliveries WHERE state = 'pending' AND run_at <= now()",
    );
    return rows[0].n;
  };
  const store = deliveryStore(db.pool);
  assert.deepEqual(await store.claim(16), []);
  assert.equal(await due(), 0, 'the next round has nothing to look at');
  const newcomer = await stage.event('newcomer');
  await stage.deliverAll();
  assert.deepEqual(
    dashboard.received.map(({ message }) => message.data.personId),
    [newcomer],
    'nobody waits behind them',
  );
  const anybody = '00000000-0000-7000-8000-000000000007';
  await db.pool.query('UPDATE webhook_deliveries SET run_at = now() WHERE subject_id = $1 AND attempts = 1', [
    anybody,
  ]);
  await stage.deliverAll();
  assert.deepEqual(names(dashboard.received).slice(1), ['@n1.aura', '@n2.aura', '@n3.aura', '@n4.aura']);
  assert.equal((await stage.states()).pending, 1499 * 4);
});

test('Retry-After: nothing at all is sent before', async () => {
  dashboard.answer = () => ({ status: 429, headers: { 'retry-after': '600' } });
  await stage.event('dora');
  await stage.deliverAll();
  dashboard.answer = () => ({ status: 204 });
  await stage.event('emma');
  await stage.letPass(590);
  await stage.deliverAll();
  assert.equal(dashboard.tries.length, 1);
  await stage.letPass(20);
  await stage.deliverAll();
  assert.deepEqual(names(dashboard.received).sort(), ['@dora.aura', '@emma.aura']);
});

test('410: nothing is sent until an operator says so, and nothing is lost meanwhile', async () => {
  dashboard.answer = () => ({ status: 410 });
  await stage.event('frieda');
  await stage.deliverAll();
  await stage.event('greta');
  await stage.letPass(48 * HOUR);
  await stage.deliverAll();
  assert.equal(dashboard.tries.length, 1);
  const status = await webhooks.status();
  assert.deepEqual([status.pending, status.dead, status.disabledReason], [2, 0, 'gone']);
  dashboard.answer = () => ({ status: 200 });
  await webhooks.setEnabled('operator', true);
  await stage.deliverAll();
  assert.deepEqual(names(dashboard.received).sort(), ['@frieda.aura', '@greta.aura']);
});

test('after a rotation both secrets count, and the old one ends', async () => {
  const [old = ''] = await webhooks.secrets();
  const fresh = await webhooks.rotate('operator', 2 * HOUR);
  for (const secrets of [[old], [fresh]]) {
    dashboard.secrets = secrets;
    await stage.event('helga');
    await stage.deliverAll();
  }
  assert.deepEqual([dashboard.received.length, dashboard.forged.length], [2, 0]);
  assert.equal(dashboard.received[0]?.signature.split(' ').length, 2);
  await stage.letPass(2 * HOUR);
  await stage.event('ida');
  await stage.deliverAll();
  assert.equal(dashboard.received.at(-1)?.signature.split(' ').length, 1);
  dashboard.secrets = [old];
  await stage.event('ida');
  await stage.deliverAll();
  assert.equal(dashboard.forged.length, 1, 'what only knows the old one believes nothing');
});

test('four processes at once: each event is taken once, and each person’s in order', async () => {
  const people = Array.from({ length: 20 }, () => newId<PersonId>());
  for (let n = 0; n < 6; n++) await Promise.all(people.map((personId) => stage.event(`n${n}`, personId)));
  await Promise.all(Array.from({ length: 4 }, () => stage.deliverAll()));
  await stage.deliverAll();
  assert.deepEqual([dashboard.received.length, dashboard.tries.length], [120, 120]);
  assert.equal(new Set(dashboard.received.map((one) => one.webhookId)).size, 120);
  for (const personId of people) {
    const hers = dashboard.received.filter(({ message }) => message.data.personId === personId);
    assert.deepEqual(names(hers), ['@n0.aura', '@n1.aura', '@n2.aura', '@n3.aura', '@n4.aura', '@n5.aura']);
  }
});

test('kill -9 in the middle of a delivery: another process sends it again, under the same id', async () => {
  dashboard.answer = () => null;
  await stage.event('jana');
  const child = spawn(
    process.execPath,
    [
      join(import.meta.dirname, '../support/lone-deliverer.ts'),
      JSON.stringify(address),
      dashboard.url,
      MASTER_SECRET,
    ],
    { stdio: 'ignore' },
  );
  await eventually(() => assert.equal(dashboard.tries.length, 1));
  child.kill('SIGKILL');
  await once(child, 'close');
  dashboard.answer = () => ({ status: 204 });
  await stage.deliverAll();
  assert.equal(dashboard.received.length, 0, 'it is in the dead process’s hands until its claim lapses');
  await stage.letPass(31);
  await stage.deliverAll();
  assert.equal(dashboard.received[0]?.webhookId, dashboard.tries[0]?.webhookId);
  assert.deepEqual(await stage.states(), { delivered: 1 });
});

test('no answer in time, a redirect, and what is too large are failures that say why', async () => {
  const lastError = async () => (await webhooks.list('pending', null, 1))[0];
  dashboard.answer = () => null;
  await stage.event('karla');
  await deliverDue(stage.sender(200));
  assert.equal((await lastError())?.lastError, 'no answer within 200 ms');
  dashboard.answer = () => ({ status: 302, headers: { location: `${dashboard.url}/elsewhere` } });
  await stage.letPass(HOUR);
  await deliverDue(stage.sender());
  assert.equal((await lastError())?.lastStatus, 302);
  await db.pool.query('DELETE FROM webhook_deliveries');
  await stage.event('k'.repeat(70_000));
  const tries = dashboard.tries.length;
  await deliverDue(stage.sender());
  assert.equal((await lastError())?.lastError, 'the message is too large to be sent');
  assert.equal(dashboard.tries.length, tries);
});

test('each statement of a delivery has its index', async () => {
  await stage.event('lena');
  dashboard.answer = () => ({
    status: dashboard.tries.length % 2 === 0 ? 204 : 503,
    headers: { 'retry-after': '0' },
  });
  const texts = await statementsOf(async () => {
    await stage.deliverAll();
    await stage.letPass(HOUR);
    await stage.deliverAll();
    await webhooks.list('dead', null, 10);
    await deliveryStore(db.pool).prune(7, 30, 100);
  });
  const scans: string[] = [];
  for (const text of texts) {
    if (!text.includes('webhook_deliveries')) continue;
    const plan = await planOf(db.pool, text);
    if (plan.some((line) => /Seq Scan on webhook_deliveries/.test(line))) scans.push(plan.join('\n'));
  }
  assert.deepEqual(scans, []);
});

test('./aura webhooks lists, replays, rotates and switches', async () => {
  const layout = layoutOf(testDataDir('webhooks'));
  pretendUp(layout);
  const run = async (...args: string[]) => {
    const env = { ...databaseEnv(address), DASHBOARD_WEBHOOK_SECRET: MASTER_SECRET };
    const { code, out, err } = await runCli(['webhooks', ...args, '--data', layout.dataDir, '--json'], env);
    assert.equal(code, 0, err);
    return JSON.parse(out);
  };
  await stage.event('mara');
  await db.pool.query("UPDATE webhook_deliveries SET state = 'dead', settled_at = now()");
  const listed = await run('list');
  assert.deepEqual([listed.status.dead, listed.deliveries.length], [1, 1]);
  assert.deepEqual(await run('replay', listed.deliveries[0].webhookId), { replayed: 1 });
  const { secret } = await run('rotate', '--grace', '60');
  assert.equal((await run('secrets')).secrets[0], secret);
  await run('disable');
  assert.equal((await run('list')).status.disabledReason, 'operator');
  await run('enable');
  dashboard.secrets = [secret];
  await stage.deliverAll();
  assert.deepEqual(names(dashboard.received), ['@mara.aura']);
  const acts = await db.pool.query("SELECT act FROM audit_log WHERE actor = 'operator:cli' ORDER BY at");
  assert.deepEqual(
    acts.rows.map((row) => row.act),
    ['webhooks.replayed', 'webhooks.secret_rotated', 'webhooks.disabled', 'webhooks.enabled'],
  );
});
