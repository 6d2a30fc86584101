/** Sessions and the password while Synapse is away: ours are shown and ended, and Matrix devices end when it is back. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { beforeEach, describe, it } from 'node:test';
import { constellation } from '../harness.ts';
import { cutLine } from '../support/cut-line.ts';
import { openPrivacyDoor, type Somebody } from '../support/privacy-door.ts';

const { config } = constellation();
const line = await cutLine(config.SYNAPSE_URL);
const door = await openPrivacyDoor(line.url);

/** With a Matrix account; returns its device's token. */
async function withDevice(): Promise<{ alice: Somebody; token: string }> {
  const alice = await door.person();
  const response = await fetch(`${config.SYNAPSE_URL}/_matrix/client/v3/register`, {
    method: 'POST',
    headers: { authorization: `Bearer ${config.APPSERVICE_AS_TOKEN}` },
    body: JSON.stringify({
      type: 'm.login.application_service',
      username: `u${randomBytes(16).toString('hex')}`,
    }),
  });
  const made = (await response.json()) as { user_id: string; access_token: string };
  await door.db.pool.query(
    `INSERT INTO matrix_user_mappings (matrix_user_id, person_id, state, is_primary, attached_by)
     VALUES ($1, $2, 'active', true, 'provisioned')`,
    [made.user_id, alice.personId],
  );
  return { alice, token: made.access_token };
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
  }
});
