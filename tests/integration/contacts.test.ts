/**
 * Friends, requests, blocks, lists and notes over the HTTP door and a real PostgreSQL: friendship is mutual, who asks
 * learns nothing from the answer, and what is other people's does not exist.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { contactStore } from '../../auralink-communication-service/store/contacts.ts';
import { inviteStore } from '../../auralink-communication-service/store/invites.ts';
import { openPrivacyDoor, type Somebody } from '../support/privacy-door.ts';

const door = await openPrivacyDoor();

const ask = (from: Somebody, to: Somebody) => from.ask('POST', '/contacts/requests', { to: to.auraId });
const friendsOf = async (person: Somebody): Promise<string[]> =>
  (await person.ask('GET', '/contacts')).body.friends.map((one: { auraId: string }) => one.auraId);
const requestsOf = async (person: Somebody) => (await person.ask('GET', '/contacts/requests')).body;
const count = async (sql: string, values: unknown[] = []): Promise<number> =>
  (await door.db.pool.query(`SELECT count(*)::int AS n FROM ${sql}`, values)).rows[0].n;

describe('requests', () => {
  it('makes friends of both when the one who was asked accepts', async () => {
    const [alice, bob] = [await door.person(), await door.person()];
    const asked = await ask(alice, bob);
    assert.deepEqual([asked.status, asked.body.state], [202, 'pending']);
    await door.deliver();
    const told = await bob.events();
    assert.deepEqual(told, [
      { type: 'contact.request', data: { requestId: asked.body.requestId, from: alice.auraId } },
    ]);
    const { incoming } = await requestsOf(bob);
    assert.equal(incoming[0].from.displayName, `Name of ${alice.auraId}`);
    assert.equal((await requestsOf(alice)).outgoing[0].to, bob.auraId);
    const accepted = await bob.ask('POST', `/contacts/requests/${asked.body.requestId}/accept`);
    assert.equal(accepted.status, 204);
    assert.deepEqual(await friendsOf(alice), [bob.auraId]);
    assert.deepEqual(await friendsOf(bob), [alice.auraId]);
    assert.deepEqual(await requestsOf(alice), { incoming: [], outgoing: [] });
    assert.deepEqual((await alice.events()).at(-1), {
      type: 'contact.updated',
      data: { auraId: bob.auraId },
    });
    const again = await ask(alice, bob);
    assert.deepEqual([again.status, again.body.reason], [409, 'already_friends']);
  });

  it('makes friends of two who ask each other', async () => {
    const [alice, bob] = [await door.person(), await door.person()];
    await ask(alice, bob);
    const crossing = await ask(bob, alice);
    assert.deepEqual([crossing.status, crossing.body.state], [202, 'pending']);
    assert.deepEqual(await friendsOf(alice), [bob.auraId]);
    assert.deepEqual(await requestsOf(alice), { incoming: [], outgoing: [] });
  });

  it('makes one friendship of twenty crossing requests at once', async () => {
    const [alice, bob] = [await door.person(), await door.person()];
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? ask(alice, bob) : ask(bob, alice))),
    );
    for (const one of all) assert.ok(one.status === 202 || one.status === 409, one.text);
    assert.deepEqual([await friendsOf(alice), await friendsOf(bob)], [[bob.auraId], [alice.auraId]]);
    assert.equal(
      await count("friend_requests WHERE from_person_id IN ($1, $2) AND state = 'pending'", [
        alice.personId,
        bob.personId,
      ]),
      0,
    );
  });

  it('looks alike to who asks, whether it waits, was declined, or is kept from whom she asks', async () => {
    const alice = await door.person();
    const [waiting, declining, blocking] = [await door.person(), await door.person(), await door.person()];
    await blocking.ask('PUT', `/blocks/${alice.auraId}`);
    const first = await Promise.all([waiting, declining, blocking].map((one) => ask(alice, one)));
    await door.deliver();
    await declining.ask('POST', `/contacts/requests/${first[1]?.body.requestId}/decline`);
    assert.deepEqual(await blocking.events(), []);
    assert.deepEqual((await requestsOf(blocking)).incoming, []);
    const repeated = await Promise.all([waiting, declining, blocking].map((one) => ask(alice, one)));
    assert.deepEqual(
      repeated.map((one) => one.text),
      first.map((one) => one.text),
    );
    assert.deepEqual(
      (await requestsOf(alice)).outgoing.map((one: { to: string }) => one.to).sort(),
      [waiting, declining, blocking].map((one) => one.auraId).sort(),
    );
    await door.deliver();
    assert.equal((await declining.events()).length, 1, 'a repeat is not delivered again');
    // The blocker sees nothing of it either after she has thought better of it.
    await blocking.ask('DELETE', `/blocks/${alice.auraId}`);
    assert.deepEqual((await requestsOf(blocking)).incoming, []);
  });

  it('taken back and asked again after it was declined is not delivered again', async () => {
    const [alice, bob] = [await door.person(), await door.person()];
    const first = await ask(alice, bob);
    await bob.ask('POST', `/contacts/requests/${first.body.requestId}/decline`);
    assert.equal((await alice.ask('DELETE', `/contacts/requests/${first.body.requestId}`)).status, 204);
    const second = await ask(alice, bob);
    assert.equal(second.status, 202);
    assert.notEqual(second.body.requestId, first.body.requestId);
    assert.deepEqual((await requestsOf(bob)).incoming, []);
  });

  it('refuses unknown addresses, her own, and bad ones, each by its reason', async () => {
    const alice = await door.person();
    const unknown = await alice.ask('POST', '/contacts/requests', { to: '@nobody.here.aura' });
    assert.deepEqual([unknown.status, unknown.body.reason], [404, 'unknown_address']);
    const own = await ask(alice, alice);
    assert.deepEqual([own.status, own.body.reason], [400, 'own_address']);
    const bad = await alice.ask('POST', '/contacts/requests', { to: 'al‮ice', extra: 1 });
    assert.equal(bad.status, 400);
    assert.equal(await count('friend_requests WHERE from_person_id = $1', [alice.personId]), 0);
  });

  it('limits one person to thirty a day', async () => {
    const alice = await door.person();
    const answers: number[] = [];
    for (let i = 0; i < 31; i++) answers.push((await ask(alice, await door.person())).status);
    assert.deepEqual(answers.slice(-2), [202, 429]);
  });

  it('is decided by who was asked and taken back by who asked, and by nobody else', async () => {
    const [alice, bob, eve] = [await door.person(), await door.person(), await door.person()];
    const { requestId } = (await ask(alice, bob)).body;
    for (const [who, verb] of [
      [eve, 'accept'],
      [eve, 'decline'],
      [alice, 'accept'],
      [alice, 'decline'],
    ] as const) {
      const refused = await who.ask('POST', `/contacts/requests/${requestId}/${verb}`);
      assert.deepEqual([refused.status, refused.body.reason], [404, 'unknown_request']);
    }
    for (const who of [eve, bob]) {
      assert.equal((await who.ask('DELETE', `/contacts/requests/${requestId}`)).status, 404);
    }
    assert.equal((await requestsOf(bob)).incoming.length, 1);
    assert.equal((await alice.ask('DELETE', `/contacts/requests/${requestId}`)).status, 204);
    assert.deepEqual((await requestsOf(bob)).incoming, []);
  });
});

describe('friends', () => {
  it('are parted on both sides at once', async () => {
    const [alice, bob] = [await door.person(), await door.person()];
    await door.befriend(alice, bob);
    assert.equal((await alice.ask('DELETE', `/contacts/${bob.auraId}`)).status, 204);
    assert.deepEqual([await friendsOf(alice), await friendsOf(bob)], [[], []]);
    assert.equal((await alice.ask('DELETE', `/contacts/${bob.auraId}`)).status, 404);
  });

  it('come in pages that miss nobody', async () => {
    const alice = await door.person();
    const others = await Promise.all(Array.from({ length: 7 }, () => door.person()));
    for (const other of others) await door.befriend(alice, other);
    const found: string[] = [];
    let next: string | null = null;
    do {
      const page: { friends: { auraId: string }[]; next: string | null } = (
        await alice.ask('GET', `/contacts?limit=3${next === null ? '' : `&after=${next}`}`)
      ).body;
      found.push(...page.friends.map((one) => one.auraId));
      next = page.next;
    } while (next !== null);
    assert.deepEqual(found.sort(), others.map((one) => one.auraId).sort());
  });
});

describe('blocks', () => {
  it('end friendship and requests, and tell nobody but a former friend’s page', async () => {
    const [alice, bob] = [await door.person(), await door.person()];
    await door.befriend(alice, bob);
    assert.equal((await alice.ask('PUT', `/blocks/${bob.auraId}`)).status, 204);
    assert.deepEqual(
      (await alice.ask('GET', '/blocks')).body.blocks.map((one: { auraId: string }) => one.auraId),
      [bob.auraId],
    );
    assert.deepEqual([await friendsOf(alice), await friendsOf(bob)], [[], []]);
    assert.ok(door.changed.includes(alice.personId) && door.changed.includes(bob.personId));
    assert.ok(door.audited.some((entry) => entry.act === 'contact.blocked'));
    const own = await ask(alice, bob);
    assert.deepEqual([own.status, own.body.reason], [409, 'you_blocked']);
    assert.equal((await alice.ask('PUT', `/blocks/${bob.auraId}`)).status, 204);
    assert.equal(await count('person_blocks WHERE person_id = $1', [alice.personId]), 1);
    assert.equal((await alice.ask('DELETE', `/blocks/${bob.auraId}`)).status, 204);
    assert.equal((await ask(alice, bob)).status, 202);

    const [carol, dave] = [await door.person(), await door.person()];
    await carol.ask('PUT', `/blocks/${dave.auraId}`);
    assert.deepEqual(await dave.events(), []);
  });
});

describe('lists and notes', () => {
  it('are hers alone: made, named, filled, emptied and deleted', async () => {
    const [alice, bob, eve] = [await door.person(), await door.person(), await door.person()];
    await door.befriend(alice, bob);
    const made = await alice.ask('POST', '/lists', { name: '  Family ' });
    assert.deepEqual([made.status, made.body.name, made.body.members], [201, 'Family', []]);
    const path = `/lists/${made.body.listId}`;
    assert.equal((await alice.ask('PUT', `${path}/members/${bob.auraId}`)).status, 204);
    assert.equal((await alice.ask('PUT', `${path}/members/${eve.auraId}`)).body.reason, 'no_contact');
    assert.equal((await alice.ask('PUT', path, { name: 'Kin' })).status, 204);
    assert.equal(
      (await alice.ask('PUT', `/contacts/${bob.auraId}/note`, { note: 'Owes me\na book' })).status,
      204,
    );
    const [friend] = (await alice.ask('GET', '/contacts')).body.friends;
    assert.deepEqual([friend.lists, friend.note], [[made.body.listId], 'Owes me\na book']);
    assert.equal((await bob.ask('GET', '/contacts')).body.friends[0].note, null);
    for (const refused of [
      await eve.ask('PUT', path, { name: 'Mine' }),
      await eve.ask('DELETE', path),
      await eve.ask('DELETE', `${path}/members/${bob.auraId}`),
      await eve.ask('PUT', `/contacts/${bob.auraId}/note`, { note: 'x' }),
    ]) {
      assert.equal(refused.status, 404, refused.text);
    }
    assert.deepEqual((await alice.ask('GET', '/lists')).body.lists, [
      { listId: made.body.listId, name: 'Kin', members: [bob.auraId] },
    ]);
    assert.equal((await alice.ask('PUT', `/contacts/${bob.auraId}/note`, { note: null })).status, 204);
    assert.equal((await alice.ask('GET', '/contacts')).body.friends[0].note, null);
    assert.equal((await alice.ask('DELETE', `${path}/members/${bob.auraId}`)).status, 204);
    assert.equal((await alice.ask('DELETE', path)).status, 204);
    assert.deepEqual((await alice.ask('GET', '/lists')).body.lists, []);
  });

  it('has one note for a friend, though two pages write it at once', async () => {
    const [alice, bob] = [await door.person(), await door.person()];
    await door.befriend(alice, bob);
    const notes = Array.from({ length: 10 }, (_, i) => `note ${i}`);
    const answers = await Promise.all(
      notes.map((note) => alice.ask('PUT', `/contacts/${bob.auraId}/note`, { note })),
    );
    assert.deepEqual([...new Set(answers.map((one) => one.status))], [204]);
    assert.ok(notes.includes((await alice.ask('GET', '/contacts')).body.friends[0].note));
  });

  it('has a bound: the fifty-first list is refused', async () => {
    const alice = await door.person();
    for (let i = 0; i < 50; i++)
      assert.equal((await alice.ask('POST', '/lists', { name: `l${i}` })).status, 201);
    const refused = await alice.ask('POST', '/lists', { name: 'one more' });
    assert.deepEqual([refused.status, refused.body.reason], [409, 'too_many_lists']);
  });

  it('refuses names and notes that are empty, too long or not plain text', async () => {
    const [alice, bob] = [await door.person(), await door.person()];
    await door.befriend(alice, bob);
    for (const name of ['', ' ', 'x'.repeat(61), 'a\u0000b', 7, null]) {
      assert.equal((await alice.ask('POST', '/lists', { name })).status, 400, JSON.stringify(name));
    }
    for (const note of ['', 'x'.repeat(1_001), 'a\u0007b', 7]) {
      const refused = await alice.ask('PUT', `/contacts/${bob.auraId}/note`, { note });
      assert.deepEqual([refused.status, refused.body.field], [400, 'note'], JSON.stringify(note));
    }
  });
});

describe('scopes', () => {
  it('are asked of every route', async () => {
    const [alice, bob] = [await door.person(), await door.person()];
    const reader = await alice.withScopes(['contacts.read']);
    const writer = await alice.withScopes(['contacts.write']);
    const id = '018f0000-0000-7000-8000-000000000000';
    const reads = ['/contacts', '/contacts/requests', '/lists'];
    for (const path of reads) assert.equal((await writer('GET', path)).body.reason, 'missing_scope', path);
    const writes: [string, string, unknown?][] = [
      ['POST', '/contacts/requests', { to: bob.auraId }],
      ['POST', `/contacts/requests/${id}/accept`],
      ['POST', `/contacts/requests/${id}/decline`],
      ['DELETE', `/contacts/requests/${id}`],
      ['DELETE', `/contacts/${bob.auraId}`],
      ['PUT', `/contacts/${bob.auraId}/note`, { note: 'x' }],
      ['POST', '/lists', { name: 'x' }],
      ['PUT', `/lists/${id}`, { name: 'x' }],
      ['DELETE', `/lists/${id}`],
      ['PUT', `/lists/${id}/members/${bob.auraId}`],
      ['DELETE', `/lists/${id}/members/${bob.auraId}`],
      ['POST', '/invites/redeem', { code: 'x' }],
    ];
    for (const [method, path, body] of writes) {
      assert.equal((await reader(method, path, body)).body.reason, 'missing_scope', path);
    }
    const managed: [string, string, unknown?][] = [
      ['GET', '/blocks'],
      ['PUT', `/blocks/${bob.auraId}`],
      ['DELETE', `/blocks/${bob.auraId}`],
      ['GET', '/me/privacy'],
      ['PATCH', '/me/privacy', { name: 'private' }],
      ['GET', '/me/profile/as/friend'],
      ['GET', '/invites'],
      ['POST', '/invites', { usesMax: 1, expiresInHours: 1 }],
      ['DELETE', `/invites/${id}`],
    ];
    for (const [method, path, body] of managed) {
      assert.equal((await writer(method, path, body)).body.reason, 'missing_scope', path);
    }
  });
});

describe('what is old', () => {
  it('is deleted a bounded number at a time, the oldest first, and nothing that is not old', async () => {
    const [alice, ...others] = await Promise.all([0, 1, 2, 3].map(() => door.person()));
    assert.ok(alice !== undefined);
    for (const [i, other] of others.entries()) {
      await ask(alice, other);
      await door.db.pool.query(
        `UPDATE friend_requests SET created_at = now() - make_interval(days => $2) WHERE to_person_id = $1`,
        [other.personId, [1, 100, 200][i]],
      );
      const made: { status: number; text: string } = await alice.ask('POST', '/invites', {
        ...{ usesMax: 1, expiresInHours: 1, label: `i${i}` },
      });
      assert.equal(made.status, 201, made.text);
    }
    await door.db.pool.query(
      `UPDATE invite_codes SET expires_at = now() - make_interval(days => 40) WHERE invite_id IN
         (SELECT invite_id FROM invite_codes WHERE person_id = $1 ORDER BY invite_id LIMIT 2)`,
      [alice.personId],
    );
    const requests = contactStore(door.db.pool);
    const left = () => count('friend_requests WHERE from_person_id = $1', [alice.personId]);
    assert.deepEqual([await requests.pruneRequests(90, 1), await left()], [1, 2]);
    assert.equal(
      await count("friend_requests WHERE from_person_id = $1 AND created_at < now() - interval '150 days'", [
        alice.personId,
      ]),
      0,
    );
    assert.deepEqual([await requests.pruneRequests(90, 9), await left()], [1, 1]);
    const invites = inviteStore(door.db.pool);
    assert.deepEqual([await invites.prune(30, 1), await invites.prune(30, 9)], [1, 1]);
    assert.equal(await count('invite_codes WHERE person_id = $1', [alice.personId]), 1);
  });
});

describe('a path', () => {
  it('with a part that is too long, or that is no URL, is refused like everything else', async () => {
    const alice = await door.person();
    for (const [path, status, reason] of [
      [`/contacts/${'a'.repeat(1_025)}/note`, 414, 'path_too_long'],
      ['/contacts/%E0%A4%A/note', 400, 'bad_path'],
    ] as const) {
      const refused = await alice.ask('PUT', path, { note: 'x' });
      assert.equal(refused.status, status, refused.text);
      assert.match(refused.headers.get('content-type') ?? '', /problem\+json/);
      const { errcode, error, type, title, detail, field } = refused.body;
      assert.deepEqual([errcode, field, refused.body.reason], ['M_INVALID_PARAM', 'path', reason]);
      assert.equal(error, detail);
      assert.ok(type.endsWith(reason) && title !== '');
      assert.ok(!refused.text.includes('aaaa'), 'what was asked is not said back');
    }
    const longest = await alice.ask('DELETE', `/me/sessions/matrix:${'a'.repeat(1_000)}`);
    assert.equal(longest.status, 404, longest.text);
  });
});
