/**
 * Bad input at privacy, contacts, lists, notes and invites: other people's ids, ids of nothing, wrong types, unknown
 * fields, hostile texts, huge bodies and replays. Each is refused with a clear error, and not one row changes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPrivacyDoor } from '../support/privacy-door.ts';

const TABLES = [
  ...[
    'person_privacy',
    'person_blocks',
    'friendships',
    'friend_requests',
    'contact_lists',
    'contact_list_members',
  ],
  ...['contact_notes', 'invite_codes', 'invite_uses', 'endpoint_events', 'outbox_events', 'aura_id_registry'],
];
const door = await openPrivacyDoor();

/** All rows of all these tables, as one digest each. */
async function state(): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const table of TABLES) {
    const sql = `SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, ',' ORDER BY t::text)), '') AS all FROM ${table} t`;
    found[table] = (await door.db.pool.query(sql)).rows[0].all;
  }
  return found;
}

test('nothing of it changes anything, and everything is told what is wrong', async () => {
  const [alice, bob, eve] = [await door.person(), await door.person(), await door.person()];
  await door.befriend(alice, bob);
  const list = (await alice.ask('POST', '/lists', { name: 'Family' })).body.listId;
  await alice.ask('PUT', `/lists/${list}/members/${bob.auraId}`);
  const invite = (await alice.ask('POST', '/invites', { usesMax: 1, expiresInHours: 1 })).body.inviteId;
  const request = (await bob.ask('POST', '/contacts/requests', { to: (await door.person()).auraId })).body
    .requestId;
  await door.deliver();
  const nothing = '018f0000-0000-7000-8000-000000000000';
  const wide = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`field${i}`, i]));
  const before = await state();
  const bad: [string, string, unknown, number][] = [
    // Other people's ids, and ids of nothing: one answer.
    ...[list, nothing].flatMap((id): [string, string, unknown, number][] => [
      ['PUT', `/lists/${id}`, { name: 'x' }, 404],
      ['DELETE', `/lists/${id}`, undefined, 404],
      ['PUT', `/lists/${id}/members/${bob.auraId}`, undefined, 404],
      ['DELETE', `/lists/${id}/members/${bob.auraId}`, undefined, 404],
    ]),
    ...[invite, nothing].map((id): [string, string, unknown, number] => [
      'DELETE',
      `/invites/${id}`,
      undefined,
      404,
    ]),
    ...[request, nothing].flatMap((id): [string, string, unknown, number][] => [
      ['POST', `/contacts/requests/${id}/accept`, undefined, 404],
      ['POST', `/contacts/requests/${id}/decline`, undefined, 404],
      ['DELETE', `/contacts/requests/${id}`, undefined, 404],
    ]),
    ['DELETE', `/contacts/${alice.auraId}`, undefined, 404],
    ['PUT', `/contacts/${alice.auraId}/note`, { note: 'mine' }, 404],
    // Ids that are none.
    ['DELETE', '/lists/1', undefined, 400],
    ['DELETE', '/invites/%00', undefined, 400],
    ['POST', "/contacts/requests/'; DROP TABLE friendships; --/accept", undefined, 400],
    ['GET', '/contacts?limit=0', undefined, 400],
    ['GET', '/contacts?limit=201', undefined, 400],
    ['GET', '/contacts?after=me', undefined, 400],
    // Addresses: too long, bidirectional, zero-width, homoglyphs, not text at all.
    ...['x'.repeat(65), 'ali\u202ece', 'a\u200blice', '\u0430lice', '', 7, null, ['@a.aura'], {}].map(
      (to): [string, string, unknown, number] => ['POST', '/contacts/requests', { to }, 400],
    ),
    ['PUT', '/blocks/%E2%80%AEalice', undefined, 400],
    // Unknown and too many fields.
    ['POST', '/contacts/requests', { to: bob.auraId, screened: false }, 400],
    ['POST', '/lists', { name: 'x', personId: bob.personId }, 400],
    ['PATCH', '/me/privacy', { personId: bob.personId, name: 'private' }, 400],
    ['PATCH', '/me/privacy', { __proto__: null, constructor: 'public' }, 400],
    ['POST', '/lists', { name: 'x', ...wide }, 413],
    ['PATCH', '/me/privacy', wide, 413],
    ['POST', '/invites/redeem', { code: 'x'.repeat(65) }, 400],
    ['POST', '/invites/redeem', { code: 7 }, 400],
    ['POST', '/invites', { usesMax: '1', expiresInHours: 1 }, 400],
    ['POST', '/invites', { usesMax: 1e9, expiresInHours: 1 }, 400],
    ['POST', '/invites', { usesMax: 1, expiresInHours: 1, label: 'a\u0000b' }, 400],
    ['GET', '/me/profile/as/blocked', undefined, 400],
    ['GET', '/me/profile/as/self', undefined, 400],
  ];
  for (const [method, path, body, status] of bad) {
    const answer = await eve.ask(method, path, body);
    const what = `${method} ${path} ${JSON.stringify(body)?.slice(0, 80)}: ${answer.text}`;
    assert.equal(answer.status, status, what);
    assert.ok(typeof answer.body.reason === 'string' && answer.body.detail.length > 5, what);
    assert.ok(!answer.text.includes(alice.personId) && !answer.text.includes(bob.personId), what);
  }
  assert.deepEqual(await state(), before);
});

test('a replay of what has been decided is refused or changes nothing', async () => {
  const [alice, bob] = [await door.person(), await door.person()];
  const { requestId } = (await alice.ask('POST', '/contacts/requests', { to: bob.auraId })).body;
  await bob.ask('POST', `/contacts/requests/${requestId}/accept`);
  await bob.ask('DELETE', `/contacts/${alice.auraId}`);
  await door.deliver();
  const before = await state();
  for (const [who, method, path] of [
    [bob, 'POST', `/contacts/requests/${requestId}/accept`],
    [bob, 'POST', `/contacts/requests/${requestId}/decline`],
    [alice, 'DELETE', `/contacts/requests/${requestId}`],
    [bob, 'DELETE', `/contacts/${alice.auraId}`],
  ] as const) {
    assert.equal((await who.ask(method, path)).status, 404, `${method} ${path}`);
  }
  assert.deepEqual(await state(), before);
});
