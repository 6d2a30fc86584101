/** The service's session as administrator of a real Synapse: what killed processes left is cleared away, nothing else. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import {
  createSynapse,
  SYNAPSE_ADMIN_SESSION_IDLE_HOURS,
} from '../../auralink-communication-service/adapters/synapse.ts';
import type { UserId } from '../../auralink-communication-service/core/ids.ts';
import { ADMIN_LOCALPART } from '../../auralink-communication-service/launcher/first-start.ts';
import { APPSERVICE_ID } from '../../auralink-communication-service/launcher/synapse.ts';
import { constellation, postgresAddress, withClient } from '../harness.ts';

const { config, urls } = constellation();
const synapse = createSynapse({
  url: urls.synapse,
  serverName: config.SYNAPSE_SERVER_NAME,
  asToken: config.APPSERVICE_AS_TOKEN,
  appserviceId: APPSERVICE_ID,
  adminLocalpart: ADMIN_LOCALPART,
  adminPassword: config.SYNAPSE_ADMIN_PASSWORD,
});
after(() => synapse.close());
const database = { ...(await postgresAddress()), database: config.COMM_POSTGRES_SYNAPSE_DB };

/** A session that was last used so many hours ago. */
async function leaveSession(name: string, idleHours: number): Promise<string> {
  const response = await fetch(`${urls.synapse}/_matrix/client/v3/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: ADMIN_LOCALPART },
      password: config.SYNAPSE_ADMIN_PASSWORD,
      initial_device_display_name: name,
    }),
  });
  const { device_id } = (await response.json()) as { device_id: string };
  await withClient(database, (client) =>
    client.query('UPDATE devices SET last_seen = $1 WHERE device_id = $2', [
      Date.now() - idleHours * 3_600_000,
      device_id,
    ]),
  );
  return device_id;
}

test('logging in ends the sessions that killed processes left a day ago, and no others', async () => {
  const long = SYNAPSE_ADMIN_SESSION_IDLE_HOURS + 1;
  const left = await leaveSession('AuraLink service', long);
  const living = await leaveSession('AuraLink service', SYNAPSE_ADMIN_SESSION_IDLE_HOURS - 1);
  const operator = await leaveSession("The operator's own", long);
  const userId = `@admin-test-${randomBytes(4).toString('hex')}:${config.SYNAPSE_SERVER_NAME}` as UserId;
  await synapse.createAccount(userId);
  await synapse.setPassword(userId, 'a good long password');
  const { rows } = await withClient(database, (client) =>
    client.query('SELECT device_id FROM devices WHERE device_id = ANY ($1)', [[left, living, operator]]),
  );
  assert.deepEqual(rows.map((row) => row.device_id).sort(), [living, operator].sort());
});
