/**
 * What contacts keep to themselves: a new name from those who only know the old one, which names are claimed, and how
 * long a refusal takes; and what holds when many ask at once or a stored value cannot be read any more.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  INVITE_REFUSED_MS,
  INVITES_MAX,
} from '../../auralink-communication-service/auralink-modules/auraid/invites.ts';
import { BLOCKS_MAX } from '../../auralink-communication-service/auralink-modules/auraid/contacts.ts';
import { LISTS_MAX } from '../../auralink-communication-service/auralink-modules/auraid/contact-lists.ts';
import { LOOK_UP_LIMIT } from '../../auralink-communication-service/auralink-modules/auraid/sign-in.ts';
import { NOBODY } from '../../auralink-communication-service/core/ids.ts';
import { exportStore } from '../../auralink-communication-service/store/export.ts';
import { personalDataStore } from '../../auralink-communication-service/store/personal-data.ts';
import { privacyStore } from '../../auralink-communication-service/store/privacy.ts';
import { openPrivacyDoor, type Somebody } from '../support/privacy-door.ts';
import { PIXEL } from '../support/real-people.ts';

const door = await openPrivacyDoor();
const { pool } = door.db;

/** Another name, and nobody is shown the way from the old one any more. */
async function rename(who: Somebody): Promise<string> {
  const name = `@secret${who.personId.slice(-8)}.aura`;
  await pool.query('UPDATE aura_id_registry SET aura_id = $2, skeleton = $2 WHERE person_id = $1', [
    who.personId,
    name,
  ]);
  return name;
}

describe('a new name', () => {
  it('is not told to those who asked, were asked by or blocked somebody, nor by their exports', async () => {
    const [victim, stalker, former, blocker] = await Promise.all([
      door.person(),
      door.person(),
      door.person(),
      door.person(),
    ]);
    assert.equal((await stalker.ask('POST', '/contacts/requests', { to: victim.auraId })).status, 202);
    const own = await victim.ask('POST', '/contacts/requests', { to: former.auraId });
    await door.deliver();
    await former.ask('POST', `/contacts/requests/${own.body.requestId}/accept`);
    await former.ask('PUT', `/contacts/${victim.auraId}/note`, { note: 'knows boats' });
    await victim.ask('DELETE', `/contacts/${former.auraId}`);
    await victim.ask('PUT', `/blocks/${stalker.auraId}`);
    await blocker.ask('PUT', `/blocks/${victim.auraId}`);
    await victim.ask('PATCH', '/me/privacy', { profile: 'private' });
    const old = victim.auraId;
    const name = await rename(victim);
    assert.deepEqual(
      (await stalker.ask('GET', '/contacts/requests')).body.outgoing.map((one: { to: string }) => one.to),
      [old],
    );
    assert.deepEqual(
      (await blocker.ask('GET', '/blocks')).body.blocks.map((one: { auraId: string }) => one.auraId),
      [old],
    );
    for (const who of [stalker, former, blocker]) {
      const exported = JSON.stringify(await exportStore(pool).read(who.personId, 1_000));
      assert.ok(!exported.includes(name), exported);
    }
  });

  it('does not keep anybody from taking a block back, by the old name or the new one', async () => {
    for (const isOld of [true, false]) {
      const [alice, bob] = [await door.person(), await door.person()];
      assert.equal((await alice.ask('PUT', `/blocks/${bob.auraId}`)).status, 204);
      const name = await rename(bob);
      assert.equal((await alice.ask('DELETE', `/blocks/${isOld ? bob.auraId : name}`)).status, 204);
      assert.deepEqual((await alice.ask('GET', '/blocks')).body.blocks, []);
    }
  });
});

describe('who tries names', () => {
  for (const [method, path] of [
    ['PUT', '/blocks/'],
    ['DELETE', '/blocks/'],
    ['DELETE', '/contacts/'],
  ] as const) {
    it(`learns of no more by ${method} ${path} than by looking them up`, async () => {
      const spy = await door.person();
      const statuses = await Promise.all(
        Array.from({ length: LOOK_UP_LIMIT.hits + 20 }, (_, i) =>
          spy.ask(method, `${path}@nobody${i}x.aura`).then(({ status }) => status),
        ),
      );
      assert.equal(statuses.filter((status) => status === 429).length, 20);
    });
  }
});

describe('what is hidden', () => {
  it('does not leave the database for those who do not see it, however long it is', async () => {
    const [alice, friend, stranger] = [await door.person(), await door.person(), await door.person()];
    await door.befriend(alice, friend);
    await alice.ask('PUT', '/me/profile', { about: 'long' });
    await alice.ask('POST', '/me/fields', { kind: 'phone', value: '+493012345678' });
    const put = await fetch(`${door.publicUrl}/_auralink/v1/me/picture`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${alice.token}`, 'content-type': 'image/png' },
      body: new Uint8Array(PIXEL),
    });
    assert.equal(put.status, 204);
    const read = async (viewer: Somebody['personId']) => {
      const facts = (await privacyStore(pool).behold(viewer, [alice.personId])).get(alice.personId)?.facts;
      const picture = await personalDataStore(pool).findPicture(viewer, alice.personId);
      return [facts?.aboutEnvelope, facts?.numberEnvelope, picture?.envelope].map((one) => one != null);
    };
    const rules = { about: 'friends', picture: 'friends', number: 'friends' };
    await alice.ask('PATCH', '/me/privacy', { profile: 'public', ...rules });
    assert.deepEqual(await read(friend.personId), [true, true, true]);
    assert.deepEqual(await read(alice.personId), [true, true, true]);
    assert.deepEqual(await read(stranger.personId), [false, false, false]);
    assert.deepEqual(await read(NOBODY), [false, false, false]);
    await alice.ask('PATCH', '/me/privacy', { profile: 'private' });
    assert.deepEqual(await read(friend.personId), [false, false, false]);
    assert.deepEqual(await read(alice.personId), [true, true, true]);
    const open = { profile: 'public', about: 'public', picture: 'public', number: 'public' };
    await alice.ask('PATCH', '/me/privacy', open);
    assert.deepEqual(await read(stranger.personId), [true, true, true]);
    await alice.ask('PUT', `/blocks/${stranger.auraId}`);
    assert.deepEqual(await read(stranger.personId), [false, false, false]);
  });

  it('is not told by how soon an invite is refused', async () => {
    const [owner, guest] = [await door.person(), await door.person()];
    const make = async () => (await owner.ask('POST', '/invites', { usesMax: 1, expiresInHours: 1 })).body;
    const [good, gone] = [await make(), await make()];
    await owner.ask('DELETE', `/invites/${gone.inviteId}`);
    await owner.ask('PUT', `/blocks/${guest.auraId}`);
    for (const { code } of [good, gone]) {
      const startedMs = performance.now();
      const answer = await guest.ask('POST', '/invites/redeem', { code });
      assert.deepEqual([answer.status, answer.body.reason], [404, 'bad_invite']);
      assert.ok(performance.now() - startedMs >= INVITE_REFUSED_MS - 1);
    }
  });
});

describe('maxima', () => {
  it('hold when everything is asked at once', async () => {
    const alice = await door.person();
    const made = async (path: string, body: (i: number) => object, times: number) => {
      const all = await Promise.all(
        Array.from({ length: times }, (_, i) =>
          alice.ask('POST', path, body(i)).then(({ status }) => status),
        ),
      );
      return [all.filter((status) => status === 201).length, all.filter((status) => status === 409).length];
    };
    const invite = () => ({ usesMax: 1, expiresInHours: 1 });
    assert.deepEqual(await made('/invites', invite, INVITES_MAX + 30), [INVITES_MAX, 30]);
    assert.deepEqual(await made('/lists', (i) => ({ name: `list ${i}` }), LISTS_MAX + 30), [LISTS_MAX, 30]);
  });

  it('let a block that stands be asked for again', async () => {
    const [alice, bob, carol] = [await door.person(), await door.person(), await door.person()];
    await pool.query(
      `WITH made AS (
         INSERT INTO aura_id_registry (person_id, aura_id, skeleton, state, registration_key, activated_at)
         SELECT gen_random_uuid(), '@blocked' || n || '.aura', 'blocked' || n, 'active', 'blocked:' || n, now()
         FROM generate_series(1, $2::int) n RETURNING person_id, aura_id
       ) INSERT INTO person_blocks (person_id, blocked_person_id, blocked_as) SELECT $1, person_id, aura_id FROM made`,
      [alice.personId, BLOCKS_MAX - 1],
    );
    assert.equal((await alice.ask('PUT', `/blocks/${bob.auraId}`)).status, 204);
    assert.equal((await alice.ask('PUT', `/blocks/${bob.auraId}`)).status, 204);
    const refused = await alice.ask('PUT', `/blocks/${carol.auraId}`);
    assert.deepEqual([refused.status, refused.body.reason], [409, 'too_many_blocks']);
    const sql = 'SELECT count(*)::int AS n FROM person_blocks WHERE person_id = $1';
    assert.equal((await pool.query(sql, [alice.personId])).rows[0].n, BLOCKS_MAX);
  });
});

describe('a value that cannot be read any more', () => {
  it('hides nothing else, and is said to be there', async () => {
    const [alice, bob] = [await door.person(), await door.person()];
    await door.befriend(alice, bob);
    await alice.ask('PUT', `/contacts/${bob.auraId}/note`, { note: 'x' });
    await alice.ask('POST', '/invites', { usesMax: 1, expiresInHours: 1, label: 'x' });
    await alice.ask('POST', '/lists', { name: 'x' });
    const broken = Buffer.from(JSON.stringify(['nobody', {}, 'eA==']));
    for (const [table, column] of [
      ['contact_notes', 'note_envelope'],
      ['invite_codes', 'label_envelope'],
      ['contact_lists', 'name_envelope'],
    ]) {
      await pool.query(`UPDATE ${table} SET ${column} = $2 WHERE person_id = $1`, [alice.personId, broken]);
    }
    const [friend] = (await alice.ask('GET', '/contacts')).body.friends;
    assert.deepEqual([friend.note, friend.noteUnreadable], [null, true]);
    const [invite] = (await alice.ask('GET', '/invites')).body.invites;
    assert.deepEqual([invite.label, invite.labelUnreadable], [null, true]);
    const [list] = (await alice.ask('GET', '/lists')).body.lists;
    assert.deepEqual([list.name, list.unreadable], ['', true]);
  });
});

describe('an export', () => {
  it('says of what there is more than fits', async () => {
    const alice = await door.person();
    for (const name of ['a', 'b', 'c']) await alice.ask('POST', '/lists', { name });
    const cut = async (limit: number) =>
      (await exportStore(pool).read(alice.personId, limit))
        .filter((section) => !section.whole)
        .map(({ name }) => name);
    assert.deepEqual(await cut(1_000), []);
    const before = (await exportStore(pool).read(alice.personId, 1_000)).findIndex(
      ({ name }) => name === 'lists',
    );
    const rows = (await exportStore(pool).read(alice.personId, 1_000))
      .slice(0, before)
      .flatMap((one) => one.rows);
    assert.ok((await cut(rows.length + 2)).includes('lists'));
  });
});
