/**
 * Privacy settings over the HTTP door: what is set is what others meet, in contacts, in "see as", in Matrix's profile
 * source and at the gate of calls; a change is told to friends, to her own pages, to the cache and to the audit log.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AUDIENCES } from '../../auralink-communication-service/auralink-modules/auraid/privacy.ts';
import {
  type CallId,
  type InvitationId,
  newId,
  type RingId,
} from '../../auralink-communication-service/core/ids.ts';
import { createCallStore, lockPair } from '../../auralink-communication-service/store/calls.ts';
import { matrixProfileStore } from '../../auralink-communication-service/store/matrix-profile.ts';
import { eventually } from '../support/eventually.ts';
import { openPrivacyDoor, type Somebody } from '../support/privacy-door.ts';

const door = await openPrivacyDoor();
const behind: Promise<void>[] = [];

const seeAs = async (person: Somebody, viewer: string) =>
  (await person.ask('GET', `/me/profile/as/${viewer}`)).body;
const rulesOf = async (person: Somebody) => (await person.ask('GET', '/me/privacy')).body;
const admits = (caller: Somebody, callee: Somebody): Promise<boolean> =>
  door.db.unitOfWork.run((tx) => door.part.gate.admits(tx, caller.personId, callee.personId));

describe('settings', () => {
  it('begin sensibly, change one by one, and stay otherwise', async () => {
    const alice = await door.person();
    const first = await rulesOf(alice);
    assert.deepEqual(first, {
      ...{ profile: 'public', name: 'public', picture: 'public', about: 'public', verifications: 'public' },
      ...{ apps: 'private', presence: 'friends', call: 'public', message: 'public' },
      ...{ findByEmail: 'private', findByPhone: 'private', number: 'private' },
    });
    for (const key of Object.keys(first)) {
      for (const value of AUDIENCES) {
        const before = await rulesOf(alice);
        const set = await alice.ask('PATCH', '/me/privacy', { [key]: value });
        assert.equal(set.status, 200, set.text);
        assert.deepEqual(set.body, { ...before, [key]: value });
        assert.deepEqual(await rulesOf(alice), set.body);
      }
    }
  });

  it('refuse what is no setting, by name, and change nothing', async () => {
    const alice = await door.person();
    const before = await rulesOf(alice);
    for (const body of [{}, { name: 'everybody' }, { name: 'private', nose: 'public' }, { name: null }, []]) {
      assert.equal((await alice.ask('PATCH', '/me/privacy', body)).status, 400, JSON.stringify(body));
    }
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`f${i}`, 'public']));
    assert.equal((await alice.ask('PATCH', '/me/privacy', many)).status, 413);
    assert.deepEqual(await rulesOf(alice), before);
  });

  it('reach friends, her own pages, the cache and the audit log', async () => {
    const [alice, bob, carol] = [await door.person(), await door.person(), await door.person()];
    await door.befriend(alice, bob);
    door.changed.length = 0;
    door.audited.length = 0;
    await alice.ask('PATCH', '/me/privacy', { name: 'private' });
    assert.deepEqual(door.changed, [alice.personId]);
    assert.deepEqual(
      door.audited.map(({ act, detail }) => ({ act, detail })),
      [{ act: 'privacy.changed', detail: { name: 'private' } }],
    );
    const [own] = await alice.events();
    assert.deepEqual([own?.type, own?.data.name], ['privacy.updated', 'private']);
    await door.deliver();
    assert.deepEqual(await bob.events(), [{ type: 'contact.updated', data: { auraId: alice.auraId } }]);
    assert.deepEqual(await carol.events(), [], 'a stranger is told nothing');
  });

  it('tell every friend, however many there are', async () => {
    const alice = await door.person();
    const friends = await Promise.all(Array.from({ length: 230 }, () => door.person()));
    for (const friend of friends) await door.befriend(alice, friend);
    await alice.ask('PATCH', '/me/privacy', { about: 'private' });
    await door.deliver();
    const told = await door.db.pool.query(
      "SELECT count(DISTINCT endpoint_id)::int AS n FROM endpoint_events WHERE type = 'contact.updated' AND data ->> 'auraId' = $1",
      [alice.auraId],
    );
    assert.equal(told.rows[0].n, 230);
  });
});

describe('how others see her', () => {
  it('is the same by trying it and by being it', async () => {
    const [alice, bob] = [await door.person(), await door.person()];
    await door.befriend(alice, bob);
    const asBobSees = async () => {
      const {
        since: _since,
        lists: _lists,
        note: _note,
        ...view
      } = (await bob.ask('GET', '/contacts')).body.friends[0];
      return view;
    };
    for (const profile of AUDIENCES) {
      for (const name of AUDIENCES) {
        await alice.ask('PATCH', '/me/privacy', { profile, name });
        const view = (await seeAs(alice, 'friend')).view;
        assert.deepEqual(view, await asBobSees(), `${profile} ${name}`);
        const shown = profile !== 'private' && name !== 'private';
        assert.equal(view.displayName, shown ? `Name of ${alice.auraId}` : null);
      }
    }
  });

  it('is nobody at all to whom is not signed in, unless she is public', async () => {
    const alice = await door.person();
    assert.equal((await seeAs(alice, 'signed-out')).view.displayName, `Name of ${alice.auraId}`);
    for (const profile of ['friends', 'private']) {
      await alice.ask('PATCH', '/me/privacy', { profile });
      assert.deepEqual(await seeAs(alice, 'signed-out'), { there: false, view: null });
      const asStranger = await seeAs(alice, 'stranger');
      assert.equal(asStranger.there, true);
      assert.equal(asStranger.view.displayName, null);
    }
  });

  it('shows nothing to a friend whom she has blocked since', async () => {
    const [alice, bob] = [await door.person(), await door.person()];
    await door.befriend(alice, bob);
    await alice.ask('PUT', `/blocks/${bob.auraId}`);
    assert.deepEqual((await bob.ask('GET', '/contacts')).body.friends, []);
  });
});

describe('the gate of calls', () => {
  it('lets in whom the rule for calls lets in', async () => {
    const [alice, friend, stranger] = [await door.person(), await door.person(), await door.person()];
    await door.befriend(alice, friend);
    for (const [rules, wanted] of [
      [{ profile: 'public', call: 'public' }, [true, true]],
      [{ profile: 'public', call: 'friends' }, [true, false]],
      [{ profile: 'public', call: 'private' }, [false, false]],
      [{ profile: 'private', call: 'public' }, [true, false]],
      [{ profile: 'friends', call: 'public' }, [true, true]],
    ] as const) {
      await alice.ask('PATCH', '/me/privacy', rules);
      assert.deepEqual([await admits(friend, alice), await admits(stranger, alice)], wanted);
    }
    await alice.ask('PUT', `/blocks/${stranger.auraId}`);
    assert.equal(await admits(stranger, alice), false);
    await assert.rejects(admits(alice, stranger), /You have blocked/);
  });

  it('is asked behind a block that is being written: no call slips past one', async () => {
    const [alice, bob] = [await door.person(), await door.person()];
    let blocked = false;
    await door.db.unitOfWork.run(async (tx) => {
      // A call is being placed: the block waits for it, and its answer comes only after the call's commit.
      await lockPair(tx, bob.personId, alice.personId);
      const blocking = alice.ask('PUT', `/blocks/${bob.auraId}`).then(() => {
        blocked = true;
      });
      await eventually(async () => {
        const waiting = await door.db.pool.query(
          "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted",
        );
        assert.equal(waiting.rowCount, 1);
      });
      assert.equal(blocked, false);
      assert.equal(await door.part.gate.admits(tx, bob.personId, alice.personId), true);
      behind.push(blocking);
    });
    await Promise.all(behind);
    assert.equal(await admits(bob, alice), false);
  });
});

describe('a block in mid-ring', () => {
  it('silences the callee’s pages, keeps the caller ringing, and no late answer gets through', async () => {
    const [alice, bob] = [await door.person(), await door.person()];
    const [callId, invitationId, ringId] = [newId<CallId>(), newId<InvitationId>(), newId<RingId>()];
    await door.db.pool.query(
      `INSERT INTO cross_app_calls (call_id, caller_person_id, caller_aura_id, caller_endpoint_id, caller_app_id, media, state, idempotency_key)
       VALUES ($1, $2, $3, $4, 'chat', 'audio', 'ringing', 'key')`,
      [callId, bob.personId, bob.auraId, bob.endpointId],
    );
    await door.db.pool.query(
      `INSERT INTO call_invitations (invitation_id, call_id, callee_person_id, callee_aura_id, state, deadline_at)
       VALUES ($1, $2, $3, $4, 'ringing', now() + interval '30 seconds')`,
      [invitationId, callId, alice.personId, alice.auraId],
    );
    await door.db.pool.query(
      `INSERT INTO call_rings (ring_id, invitation_id, endpoint_id, device_key, rank, state, ring_seq, sent_at)
       VALUES ($1, $2, $3, 'device', 0, 'sent', 1, now())`,
      [ringId, invitationId, alice.endpointId],
    );
    assert.equal((await alice.ask('PUT', `/blocks/${bob.auraId}`)).status, 204);
    assert.deepEqual(await alice.events(), [
      { type: 'ring.stopped', data: { ringId, invitationId, callId, reason: 'timeout' } },
    ]);
    assert.deepEqual(await bob.events(), []);
    const store = createCallStore(door.db.pool);
    assert.deepEqual(await store.findRingingInvitations(alice.personId), []);
    const settled = await door.db.unitOfWork.run((tx) =>
      store.transition(tx, invitationId, {
        from: 'ringing',
        step: { to: 'answered', callState: 'active', reason: null, stop: null },
        beforeDeadline: true,
        onlyWithoutMedia: false,
        answer: { endpointId: alice.endpointId, key: 'late', mediaTimeoutSeconds: 30 },
      }),
    );
    assert.equal(settled, null);
    const [row] = (
      await door.db.pool.query('SELECT state, screened FROM call_invitations WHERE invitation_id = $1', [
        invitationId,
      ])
    ).rows;
    assert.deepEqual(row, { state: 'ringing', screened: true });
  });
});

describe('what Matrix shows', () => {
  it('is the name of who is public and shows it, and nothing of anybody else', async () => {
    const alice = await door.person();
    await door.db.pool.query(
      `INSERT INTO matrix_user_mappings (matrix_user_id, person_id, state, is_primary, attached_by)
       VALUES ($1, $2, 'active', true, 'provisioned')`,
      [`@u${alice.personId}:test`, alice.personId],
    );
    const matrix = matrixProfileStore(door.db.pool);
    for (const profile of AUDIENCES) {
      for (const name of AUDIENCES) {
        await alice.ask('PATCH', '/me/privacy', { profile, name });
        const wanted = profile === 'public' && name === 'public' ? `Name of ${alice.auraId}` : null;
        assert.equal((await matrix.find(alice.personId))?.displayName, wanted);
      }
    }
  });
});
