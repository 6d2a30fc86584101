/** Invite codes over the HTTP door and a real PostgreSQL: uses, expiry, revocation, and that a bad one tells nothing. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openPrivacyDoor, type Somebody } from '../support/privacy-door.ts';

const door = await openPrivacyDoor();

async function make(
  owner: Somebody,
  over: object = {},
): Promise<{ inviteId: string; code: string; url: string }> {
  const made = await owner.ask('POST', '/invites', { usesMax: 10, expiresInHours: 24, ...over });
  assert.equal(made.status, 201, made.text);
  return made.body;
}
const redeem = (who: Somebody, code: string) => who.ask('POST', '/invites/redeem', { code });

describe('an invite', () => {
  it('makes a stranger the friend of somebody who is private', async () => {
    const alice = await door.person(undefined, { profile: 'friends' });
    const bob = await door.person();
    const invite = await make(alice, { label: 'for the choir' });
    assert.match(invite.code, /^[A-Za-z0-9_-]{22}$/);
    assert.ok(invite.url.endsWith(`/i#${invite.code}`));
    const redeemed = await redeem(bob, invite.code);
    assert.equal(redeemed.status, 200, redeemed.text);
    assert.equal(redeemed.body.displayName, `Name of ${alice.auraId}`);
    const [friend] = (await alice.ask('GET', '/contacts')).body.friends;
    assert.equal(friend.auraId, bob.auraId);
    assert.equal((await redeem(bob, invite.code)).text, redeemed.text, 'a repeat is the same answer');
    const [listed] = (await alice.ask('GET', '/invites')).body.invites;
    assert.deepEqual(
      [listed.label, listed.uses, listed.usesMax, listed.revokedAt],
      ['for the choir', 1, 10, null],
    );
    assert.ok(!JSON.stringify(listed).includes(invite.code), 'the code is shown once');
  });

  it('lets in as many as it says, of fifty who come at once', async () => {
    const alice = await door.person();
    const { code } = await make(alice);
    const people = await Promise.all(Array.from({ length: 50 }, () => door.person()));
    const answers = await Promise.all(people.map((one) => redeem(one, code)));
    assert.equal(answers.filter((one) => one.status === 200).length, 10);
    const refused = answers.filter((one) => one.status !== 200);
    assert.deepEqual([...new Set(refused.map((one) => one.body.reason))], ['bad_invite']);
    assert.equal((await alice.ask('GET', '/contacts')).body.friends.length, 10);
    assert.equal((await alice.ask('GET', '/invites')).body.invites[0].uses, 10);
  });

  it('counts one person once, though she comes twenty times at once', async () => {
    const [alice, bob] = [await door.person(), await door.person()];
    const { code } = await make(alice, { usesMax: 3 });
    const answers = await Promise.all(Array.from({ length: 20 }, () => redeem(bob, code)));
    assert.deepEqual([...new Set(answers.map((one) => one.status))], [200]);
    assert.equal((await alice.ask('GET', '/invites')).body.invites[0].uses, 1);
  });

  it('is refused in one and the same way when it is unknown, spent, lapsed, revoked or of a blocker', async () => {
    const [alice, bob] = [await door.person(), await door.person()];
    const [spent, lapsed, revoked, blocked] = await Promise.all([
      make(alice, { usesMax: 1 }),
      make(alice),
      make(alice),
      make(alice),
    ]);
    if (!spent || !lapsed || !revoked || !blocked) throw new Error('four invites');
    await redeem(await door.person(), spent.code);
    await door.db.pool.query(
      "UPDATE invite_codes SET expires_at = now() - interval '1 second' WHERE invite_id = $1",
      [lapsed.inviteId],
    );
    assert.equal((await alice.ask('DELETE', `/invites/${revoked.inviteId}`)).status, 204);
    const answers = [
      await redeem(bob, 'AAAAAAAAAAAAAAAAAAAAAA'),
      await redeem(bob, spent.code),
      await redeem(bob, lapsed.code),
      await redeem(bob, revoked.code),
    ];
    await alice.ask('PUT', `/blocks/${bob.auraId}`);
    answers.push(await redeem(bob, blocked.code));
    assert.equal(answers[0]?.status, 404);
    assert.equal(answers[0]?.body.reason, 'bad_invite');
    assert.deepEqual([...new Set(answers.map((one) => one.text))].length, 1);
    assert.deepEqual((await bob.ask('GET', '/contacts')).body.friends, []);
  });

  it('is revoked by its owner only, once', async () => {
    const [alice, eve] = [await door.person(), await door.person()];
    const { inviteId } = await make(alice);
    assert.equal((await eve.ask('DELETE', `/invites/${inviteId}`)).status, 404);
    assert.equal((await alice.ask('DELETE', `/invites/${inviteId}`)).status, 204);
    assert.equal((await alice.ask('DELETE', `/invites/${inviteId}`)).status, 404);
    assert.equal(door.audited.filter((entry) => entry.act === 'invite.revoked').length >= 1, true);
  });

  it('is refused to oneself, and bad ones are not made', async () => {
    const alice = await door.person();
    const { code } = await make(alice);
    assert.equal((await redeem(alice, code)).body.reason, 'own_invite');
    for (const over of [
      { usesMax: 0 },
      { usesMax: 101 },
      { usesMax: 1.5 },
      { expiresInHours: 0 },
      { expiresInHours: 2_161 },
      { label: 'x'.repeat(81) },
      { label: '' },
      { more: 1 },
    ]) {
      const refused = await alice.ask('POST', '/invites', { usesMax: 1, expiresInHours: 1, ...over });
      assert.equal(refused.status, 400, JSON.stringify(over));
    }
    assert.equal((await alice.ask('GET', '/invites')).body.invites.length, 1);
  });

  it('is limited: thirty tries an hour, fifty open ones a person', async () => {
    const [alice, bob] = [await door.person(), await door.person()];
    const statuses: number[] = [];
    for (let i = 0; i < 31; i++) statuses.push((await redeem(bob, `guess-${i}`)).status);
    assert.deepEqual(statuses.slice(-2), [404, 429]);
    for (let i = 0; i < 50; i++) await make(alice);
    const refused = await alice.ask('POST', '/invites', { usesMax: 1, expiresInHours: 1 });
    assert.deepEqual([refused.status, refused.body.reason], [409, 'too_many_invites']);
  });
});
