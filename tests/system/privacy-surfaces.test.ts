/**
 * What a private, a friends-only and a blocking person look like on each of our surfaces: signed in, in every byte what
 * somebody looks like who shows nothing and is offline; signed out, what a name looks like that nobody has claimed.
 * Ids, times and the asked address are made comparable; status, headers and bodies must then be equal.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { skeletonOf } from '../../auralink-communication-service/auralink-modules/auraid/skeleton.ts';
import { handleOf } from '../../auralink-communication-service/core/aura-id.ts';
import type { AuraId } from '../../auralink-communication-service/core/ids.ts';
import type { Phone } from '../support/phone.ts';
import { block } from '../support/relations.ts';
import { openStage, type Stage } from '../support/stage.ts';
import type { TestPerson } from '../support/world.ts';

const SCOPES = ['call.place', 'call.receive', 'profile.read', 'contacts.read', 'contacts.write'];
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g;
/** Headers of the connection and of the moment. */
const PASSING = new Set(['date', 'x-request-id', 'keep-alive', 'connection']);
const stage: Stage = await openStage('privacy-surfaces', { env: { RING_TIMEOUT_SECONDS: '2' } });
const { db, publicUrl } = stage.world;

const [viewer, hidden, friendsOnly, blocking, bare, open] = await Promise.all(
  Array.from({ length: 6 }, () => stage.person()),
);
if (!viewer || !hidden || !friendsOnly || !blocking || !bare || !open) throw new Error('six people');
const nobody = `@n${randomUUID().replaceAll('-', '').slice(0, 12)}.aura`;
const set = (person: TestPerson, visibility: string, name: string | null) =>
  db.query('UPDATE aura_id_registry SET visibility = $2, display_name = $3 WHERE person_id = $1', [
    person.personId,
    visibility,
    name,
  ]);
await set(hidden, 'private', 'Hidden');
await set(friendsOnly, 'friends', 'Friends only');
await set(blocking, 'public', 'Blocking');
await set(bare, 'friends', null);
await set(open, 'public', 'Open');
await db.query("UPDATE person_privacy SET may_call = 'friends' WHERE person_id = $1", [friendsOnly.personId]);
await block(db, blocking, viewer);
const asking: Phone = await stage.phone(viewer, { scopes: SCOPES });
// All but the bare one are online.
for (const person of [hidden, friendsOnly, blocking, open]) await stage.phone(person);

interface Seen {
  readonly status: number;
  readonly text: string;
  readonly whole: string;
}

async function look(
  method: string,
  path: string,
  auraId: string,
  signedIn: boolean,
  body?: object,
): Promise<Seen> {
  const response = await fetch(`${publicUrl}${path}`, {
    method,
    headers: {
      ...(signedIn && { authorization: `Bearer ${asking.endpoint.token}` }),
      ...(body !== undefined && { 'content-type': 'application/json', 'idempotency-key': randomUUID() }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const same = text.replaceAll(auraId, 'NAME').replace(UUID, 'ID').replace(TIME, 'TIME');
  const headers = [...response.headers].filter(([name]) => !PASSING.has(name));
  return { status: response.status, text, whole: JSON.stringify([response.status, headers.sort(), same]) };
}

type Ask = (auraId: string) => { method: string; path: string; body?: object };
async function assertAlike(ask: Ask, names: readonly string[], signedIn: boolean): Promise<Seen> {
  const seen: Seen[] = [];
  for (const name of names) {
    const { method, path, body } = ask(name);
    seen.push(await look(method, path, name, signedIn, body));
  }
  for (const one of seen) assert.equal(one.whole, seen[0]?.whole);
  return seen[0] as Seen;
}

const SIGNED_IN: Readonly<Record<string, { ask: Ask; status: number }>> = {
  'looking up': {
    ask: (auraId) => ({ method: 'GET', path: `/_auralink/v1/resolve/${auraId}` }),
    status: 200,
  },
  'the picture': {
    ask: (auraId) => ({ method: 'GET', path: `/_auralink/v1/pictures/${auraId}` }),
    status: 404,
  },
  'a call': {
    ask: (to) => ({ method: 'POST', path: '/_auralink/v1/calls', body: { to } }),
    status: 201,
  },
  'a friend request': {
    ask: (to) => ({ method: 'POST', path: '/_auralink/v1/contacts/requests', body: { to } }),
    status: 202,
  },
};
const SIGNED_OUT: Readonly<Record<string, Ask>> = {
  'the profile': (auraId) => ({ method: 'GET', path: `/_auralink/v1/profiles/${auraId}` }),
  'the profile’s page': (auraId) => ({ method: 'GET', path: `/${auraId.slice(0, -'.aura'.length)}` }),
  WebFinger: (auraId) => ({
    method: 'GET',
    path: `/.well-known/webfinger?resource=${encodeURIComponent(`aura:${auraId}`)}`,
  }),
  'the picture': (auraId) => ({ method: 'GET', path: `/_auralink/v1/pictures/${auraId}` }),
};

describe('signed in', () => {
  for (const [name, { ask, status }] of Object.entries(SIGNED_IN)) {
    it(`${name} tells of a private, friends-only or blocking person what it tells of a bare one`, async () => {
      const names = [bare, hidden, friendsOnly, blocking].map((person) => person.auraId);
      const seen = await assertAlike(ask, names, true);
      assert.equal(seen.status, status, seen.text);
    });
  }

  it('looking up tells of a public person what she shows', async () => {
    const seen = await look('GET', `/_auralink/v1/resolve/${open.auraId}`, open.auraId, true);
    assert.equal(JSON.parse(seen.text).displayName, 'Open');
  });

  it('looking up what nobody has claimed says so', async () => {
    const seen = await look('GET', `/_auralink/v1/resolve/${nobody}`, nobody, true);
    assert.equal(seen.status, 404, seen.text);
  });
});

describe('signed out', () => {
  for (const [name, ask] of Object.entries(SIGNED_OUT)) {
    it(`${name} tells of a private or friends-only person what it tells of an unclaimed name`, async () => {
      const seen = await assertAlike(ask, [nobody, hidden.auraId, friendsOnly.auraId, bare.auraId], false);
      assert.equal(seen.status, 404, seen.text);
    });
  }

  it('the profile of a public person is there', async () => {
    const seen = await look('GET', `/_auralink/v1/profiles/${open.auraId}`, open.auraId, false);
    assert.deepEqual([seen.status, JSON.parse(seen.text).displayName], [200, 'Open']);
  });

  it('whether a name is free tells of everybody that it is taken', async () => {
    // The world's people are written without the skeleton that names are compared by.
    for (const { personId, auraId } of [bare, hidden, friendsOnly, blocking, open]) {
      await db.query('UPDATE aura_id_registry SET skeleton = $2 WHERE person_id = $1', [
        personId,
        skeletonOf(handleOf(auraId as AuraId)),
      ]);
    }
    // Suggestions are made of the name itself; the rest must be alike.
    for (const person of [bare, hidden, friendsOnly, blocking, open]) {
      const seen = await look('GET', `/_auralink/v1/names/${person.auraId}`, person.auraId, false);
      const { suggestions: _suggestions, auraId: _auraId, ...rest } = JSON.parse(seen.text);
      assert.deepEqual([seen.status, rest.status, rest.reason], [200, 'taken', 'taken'], seen.text);
    }
  });
});
