/**
 * A new password is set at Synapse, and then every process is killed before any of ours knows: the sessions that were to
 * end do end, whichever process comes next, and the one that asked stays.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownConstellation } from '../harness.ts';
import { eventually } from '../support/eventually.ts';
import { PASSWORD, realPeople } from '../support/real-people.ts';

const constellation = await ownConstellation('password-killed', { processes: 2, redis: false });
const people = await realPeople(constellation);
const { config } = constellation.settings;
const { db } = people.world;
db.on('error', () => {});
const NEW_PASSWORD = 'another horse battery';
/** Synapse limits tries, and processes come back by themselves. */
const WITHIN_MS = 90_000;

/** Synapse's own word, not through our door. */
async function isPasswordOf(userId: string, password: string): Promise<boolean> {
  const answer = await fetch(`${config.SYNAPSE_URL}/_matrix/client/v3/login`, {
    method: 'POST',
    headers: { 'x-forwarded-for': '10.9.9.9', 'x-forwarded-proto': 'https' },
    body: JSON.stringify({
      ...{ type: 'm.login.password', password, device_id: 'ONLYASKING' },
      identifier: { type: 'm.id.user', user: userId },
    }),
  });
  await answer.body?.cancel();
  return answer.status === 200;
}

test('killed between Synapse’s new password and our own transaction', async () => {
  const her = await people.register('killed-lena');
  const [element, chat] = [await her.matrix(), await her.chat()];
  const asChat = async (): Promise<number> =>
    (
      await fetch(`${config.PUBLIC_BASE_URL}/_auralink/v1/me`, {
        headers: { authorization: `Bearer ${chat.accessToken}` },
      })
    ).status;
  assert.equal(await asChat(), 200);
  const lock = await db.connect();
  try {
    await lock.query('BEGIN');
    // Our transaction writes this row, and it is the first thing after Synapse has answered.
    await lock.query('SELECT FROM aura_id_registry WHERE person_id = $1 FOR UPDATE', [her.personId]);
    const asked = her
      .ask('POST', '/account/password', { currentPassword: PASSWORD, newPassword: NEW_PASSWORD })
      .catch(() => null);
    await eventually(
      async () => assert.equal(await isPasswordOf(element.userId, NEW_PASSWORD), true),
      WITHIN_MS,
    );
    for (const name of ['service-1', 'service-2']) constellation.kill(name);
    assert.equal(await asked, null, 'nothing was answered');
  } finally {
    await lock.query('ROLLBACK');
    lock.release();
  }
  await eventually(async () => assert.equal(await asChat(), 200), WITHIN_MS);
  // What was left is taken up after a while; the test does not wait for it.
  await db.query("UPDATE outbox_events SET run_at = now() WHERE topic = 'identity.password_change'");
  await eventually(async () => {
    assert.equal(await asChat(), 401);
    assert.equal((await element.ask('GET', '/client/v3/account/whoami')).status, 401);
  }, 20_000);
  assert.equal((await her.ask('GET', '/me')).status, 200, 'the session that asked stays');
  const acts = await db.query(
    "SELECT detail FROM audit_log WHERE subject_id = $1 AND act = 'password.changed'",
    [her.personId],
  );
  assert.deepEqual(
    acts.rows.map(({ detail }) => detail),
    [{ signOutOthers: true, certain: false }],
  );
});
