/**
 * A change of privacy reaches open pages at once, over two service processes, with and without Redis: within a second a
 * friend's page is told, and from then on nobody is shown what is hidden now.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Phone } from '../support/phone.ts';
import { befriend } from '../support/relations.ts';
import { openStage, type Stage } from '../support/stage.ts';

const SCOPES = [
  ...['call.place', 'call.receive', 'profile.read', 'contacts.read', 'contacts.write', 'account.manage'],
];
/** What people take for at once. */
const AT_ONCE_MS = 1_000;
const ROUNDS = 6;

for (const redis of [false, true]) {
  const stage: Stage = await openStage(`privacy-sockets-${redis ? 'with' : 'without'}-redis`, { redis });

  const nameSeenBy = async (phone: Phone, auraId: string): Promise<unknown> =>
    ((await phone.request('GET', `/_auralink/v1/resolve/${auraId}`)).body as { displayName?: unknown })
      .displayName;

  describe(`a change of privacy ${redis ? 'with' : 'without'} Redis`, () => {
    it('reaches friends’ and her own pages within a second, and no look-up is stale after it', async () => {
      const [alice, bob] = await Promise.all([stage.person(), stage.person()]);
      await stage.world.db.query("UPDATE aura_id_registry SET display_name = 'Alice' WHERE person_id = $1", [
        alice.personId,
      ]);
      await befriend(stage.world.db, alice, bob);
      const hers = await stage.phone(alice, { scopes: SCOPES });
      // Several pages: some of them are at the other process.
      const friends = await Promise.all(
        ['chat', 'market', 'play'].map((app) => stage.phone(bob, { app, scopes: SCOPES })),
      );
      for (let round = 0; round < ROUNDS; round++) {
        const name = round % 2 === 0 ? 'private' : 'friends';
        for (const friend of friends) await nameSeenBy(friend, alice.auraId);
        const seen = friends.map((friend) => friend.ofType('contact.updated').length);
        const startedMs = performance.now();
        const set = await hers.request('PATCH', '/_auralink/v1/me/privacy', { name });
        assert.equal(set.status, 200, JSON.stringify(set.body));
        await hers.frame('privacy.updated', (rules) => rules.name === name);
        for (const [i, friend] of friends.entries()) {
          await friend.until(
            () => friend.ofType('contact.updated').length > (seen[i] ?? 0),
            'contact.updated',
          );
          const told = friend.ofType('contact.updated').at(-1);
          assert.deepEqual(told?.data, { auraId: alice.auraId });
          assert.ok((told?.at ?? Infinity) - startedMs < AT_ONCE_MS, `${(told?.at ?? 0) - startedMs} ms`);
          assert.equal(await nameSeenBy(friend, alice.auraId), name === 'private' ? null : 'Alice');
        }
      }
      await stage.clear();
    });

    it('tells a stranger nothing, and hides from her within a second', async () => {
      const [alice, eve] = await Promise.all([stage.person(), stage.person()]);
      await stage.world.db.query("UPDATE aura_id_registry SET display_name = 'Alice' WHERE person_id = $1", [
        alice.personId,
      ]);
      const hers = await stage.phone(alice, { scopes: SCOPES });
      const stranger = await stage.phone(eve, { scopes: SCOPES });
      assert.equal(await nameSeenBy(stranger, alice.auraId), 'Alice');
      await hers.request('PATCH', '/_auralink/v1/me/privacy', { profile: 'private' });
      const startedMs = performance.now();
      while ((await nameSeenBy(stranger, alice.auraId)) !== null) {
        assert.ok(performance.now() - startedMs < AT_ONCE_MS, 'still shown');
      }
      assert.deepEqual(stranger.frames, []);
      await stage.clear();
    });
  });
}
