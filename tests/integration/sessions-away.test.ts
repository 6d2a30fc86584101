/** Sessions and the password while Synapse is away: ours are shown and ended, and Matrix devices end when it is back. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { beforeEach, describe, it } from 'node:test';
import type { UserId } from '../../auralink-communication-service/core/ids.ts';
import { matrixSignIns } from '../../auralink-communication-service/store/matrix-sign-ins.ts';
import { constellation } from '../harness.ts';
import { cutLine } from '../support/cut-line.ts';
import { openPrivacyDoor, type Somebody } from '../support/privacy-door.ts';
import { openProxy } from '../support/proxy-door.ts';

const { config } = constellation();
const line = await cutLine(config.SYNAPSE_URL);
const door = await openPrivacyDoor(line.url);
/** The way of Matrix clients, which is not cut: for them Synapse is back before it is for us. */
const { url: proxyUrl } = await openProxy({
  synapseUrl: config.SYNAPSE_URL,
  signedIn: matrixSignIns(door.db.pool).note,
});

/** With a Matrix account and one device there. */
async function withDevice(): Promise<{ alice: Somebody; token: string; userId: string; deviceId: string }> {
  const alice = await door.person();
  const response = await fetch(`${config.SYNAPSE_URL}/_matrix/client/v3/register`, {
    method: 'POST',
    headers: { authorization: `Bearer ${config.APPSERVICE_AS_TOKEN}` },
    body: JSON.stringify({
      type: 'm.login.application_service',
      username: `u${randomBytes(16).toString('hex')}`,
    }),
  });
  const made = (await response.json()) as { user_id: string; access_token: string; device_id: string };
  await door.db.pool.query(
    `INSERT INTO matrix_user_mappings (matrix_user_id, person_id, state, is_primary, attached_by)
     VALUES ($1, $2, 'active', true, 'provisioned')`,
    [made.user_id, alice.personId],
  );
  return { alice, token: made.access_token, userId: made.user_id, deviceId: made.device_id };
}

/** A Matrix client signs in; `deviceId`: as a device that it was before. */
async function signIn(userId: string, deviceId?: string): Promise<string> {
  const response = await fetch(`${proxyUrl}/_matrix/client/v3/login`, {
    method: 'POST',
    headers: { authorization: `Bearer ${config.APPSERVICE_AS_TOKEN}`, 'accept-encoding': 'gzip' },
    body: JSON.stringify({
      type: 'm.login.application_service',
      identifier: { type: 'm.id.user', user: userId },
      ...(deviceId === undefined ? {} : { device_id: deviceId }),
    }),
  });
  const made = (await response.json()) as { access_token: string };
  assert.equal(response.status, 200, JSON.stringify(made));
  return made.access_token;
}

async function isSignedIn(token: string): Promise<boolean> {
  const whoami = await fetch(`${config.SYNAPSE_URL}/_matrix/client/v3/account/whoami`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return whoami.status === 200;
}

/** What waits is tried again now. */
async function deliverNow(): Promise<void> {
  await door.db.pool.query('UPDATE outbox_events SET run_at = now()');
  await door.deliver();
}

describe('while Synapse is away', () => {
  beforeEach(() => line.mend());

  it('sessions of ours are listed, and Matrix devices are said to be unknown', async () => {
    const { alice } = await withDevice();
    const there = (await alice.ask('GET', '/me/sessions')).body;
    assert.equal(there.matrixKnown, true);
    const device = there.sessions.find((one: { kind: string }) => one.kind === 'matrix');
    assert.deepEqual([device.createdAt, device.lastSeenAt], [null, null], 'nobody knows, and nobody guesses');
    line.cut();
    const away = await alice.ask('GET', '/me/sessions');
    assert.equal(away.status, 200, away.text);
    assert.equal(away.body.matrixKnown, false);
    assert.deepEqual(
      away.body.sessions.map((one: { kind: string }) => one.kind),
      ['app'],
    );
  });

  for (const [what, path, body] of [
    [
      'a new password',
      '/account/password',
      { currentPassword: 'right', newPassword: 'a new one, long enough' },
    ],
    ['signing out everywhere else', '/me/sessions/revoke-all', undefined],
  ] as const) {
    it(`${what} is no error, and ends Matrix devices when Synapse is back`, async () => {
      const { alice, token } = await withDevice();
      line.cut();
      const done = await alice.ask('POST', path, body);
      assert.equal(done.status, 204, done.text);
      await deliverNow();
      assert.equal(await isSignedIn(token), true);
      line.mend();
      await deliverNow();
      assert.equal(await isSignedIn(token), false);
    });

    it(`${what} spares Matrix devices that came after it, and no old one that signed in anew`, async () => {
      const { alice, token, userId, deviceId } = await withDevice();
      const other = await signIn(userId);
      line.cut();
      assert.equal((await alice.ask('POST', path, body)).status, 204);
      const [later, anew] = [await signIn(userId), await signIn(userId, deviceId)];
      line.mend();
      await deliverNow();
      assert.deepEqual(await Promise.all([token, other, anew].map(isSignedIn)), [false, false, false]);
      assert.equal(await isSignedIn(later), true);
      const { rows } = await door.db.pool.query('SELECT topic FROM outbox_events');
      assert.deepEqual(rows, []);
    });
  }

  it('devices that sign-ins made are remembered for accounts that are somebody’s, and pruned', async () => {
    const { userId } = await withDevice();
    await signIn(userId, 'NAMEDBYITSELF');
    await signIn(userId);
    const store = matrixSignIns(door.db.pool);
    const noted = async (): Promise<string[]> => {
      const sql = 'SELECT device_id FROM matrix_sign_ins WHERE matrix_user_id = $1';
      return (await door.db.pool.query(sql, [userId])).rows.map((row) => row.device_id);
    };
    await store.note('@nobody:aura.example' as UserId, 'TWO', 0);
    const [made, ...more] = await noted();
    assert.deepEqual([typeof made, made === 'NAMEDBYITSELF', more], ['string', false, []]);
    const all = await door.db.pool.query("SELECT FROM matrix_sign_ins WHERE device_id = 'TWO'");
    assert.equal(all.rowCount, 0);
    await door.db.pool.query(
      "UPDATE matrix_sign_ins SET signed_in_at = now() - interval '31 days' WHERE matrix_user_id = $1",
      [userId],
    );
    assert.equal(await store.prune(30, 10), 1);
    assert.deepEqual(await noted(), []);
  });
});
