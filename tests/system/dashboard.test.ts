/**
 * The Dashboard and the whole service: two processes that are killed with a webhook in hand, a call whose end is told,
 * quotas of calls, and the management routes behind the front door.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { signingSecret } from '../../auralink-communication-service/auralink-modules/dashboard/signing.ts';
import { configSchema } from '../../auralink-communication-service/config.ts';
import { openFakeDashboard } from '../fakes/dashboard.ts';
import { eventually } from '../support/eventually.ts';
import { openStage } from '../support/stage.ts';

const { DASHBOARD_AUDIENCE, DASHBOARD_ISSUER } = configSchema.shape;
const dashboard = await openFakeDashboard(
  DASHBOARD_AUDIENCE.parse(undefined),
  DASHBOARD_ISSUER.parse(undefined),
);
after(() => dashboard.down());
const stage = await openStage('dashboard', {
  env: { DASHBOARD_SERVICE_URL: dashboard.url, DASHBOARD_JWKS_URL: dashboard.jwksUrl },
});
const { secret_id: secretId } = await stage.one<{ secret_id: string }>(
  'SELECT secret_id FROM webhook_secrets',
);
dashboard.secrets = [signingSecret(stage.constellation.secret('DASHBOARD_WEBHOOK_SECRET'), secretId)];

test('every process is killed with a webhook in hand: it arrives afterwards, under the same id', async () => {
  const alice = await stage.person();
  const phone = await stage.phone(alice, { scopes: ['account.manage'], connect: false });
  dashboard.answer = () => null;
  const changed = await phone.request('PATCH', '/_auralink/v1/me/privacy', { call: 'friends' });
  assert.equal(changed.status, 200);
  await eventually(() => assert.equal(dashboard.tries.length, 1));
  for (const name of ['service-1', 'service-2']) stage.constellation.kill(name);
  dashboard.answer = () => ({ status: 204 });
  await eventually(() => assert.equal(dashboard.received.length, 1), 90_000);
  const [received] = dashboard.received;
  assert.equal(received?.webhookId, dashboard.tries[0]?.webhookId);
  assert.deepEqual(received?.message.data, { personId: alice.personId, changed: ['call'] });
});

test('a call that ended is told, once', async () => {
  const { alice, bob } = await stage.pair(1);
  const placed = await alice.place(bob.auraId);
  assert.equal(placed.status, 201);
  const { callId } = placed.body as { callId: string };
  assert.equal((await alice.cancel(callId)).status, 200);
  const told = () => dashboard.received.filter(({ message }) => message.data.callId === callId);
  await eventually(() => assert.equal(told().length, 1), 150_000);
  const message = told()[0]?.message;
  assert.deepEqual(
    [message?.type, message?.data.reason, message?.data.durationSeconds],
    ['call.ended', 'cancelled', 0],
  );
});

test('an app that reached its calls of the day is refused with its quota, and the Dashboard is told', async () => {
  const { alice, bob } = await stage.pair(1);
  const manage = (body: object) =>
    dashboard.token('apps.manage').then((token) =>
      fetch(`${stage.world.publicUrl}/internal/apps/chat`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    );
  const own = { app: { name: 'My chat', icon: '💬', origins: ['https://chat.example'] } };
  assert.equal((await manage(own)).status, 403, 'it comes with the service');
  await stage.world.db.query("UPDATE apps SET calls_per_day = 0 WHERE app_id = 'chat'");
  await eventually(async () => {
    const { status, body } = await alice.place(bob.auraId);
    assert.deepEqual([status, (body as { reason?: string }).reason], [429, 'app_quota_reached']);
  }, 30_000);
  await eventually(() => {
    const told = dashboard.received.filter(({ message }) => message.type === 'app.quota_reached');
    assert.deepEqual(
      told.map(({ message }) => [message.data.appId, message.data.quota, message.data.limit]),
      [['chat', 'calls_per_day', 0]],
    );
  });
});
