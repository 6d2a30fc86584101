/**
 * Calls that the callee's rules keep out: for the caller they are calls to somebody who is offline, from the answer to
 * the request until the end; for the callee they never were. Two processes over one PostgreSQL.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Answer, Frame, Phone } from '../../support/phone.ts';
import { befriend, block } from '../../support/relations.ts';
import { openStage, type Stage } from '../../support/stage.ts';
import type { TestPerson } from '../../support/world.ts';

const RING_TIMEOUT_SECONDS = 3;
const stage: Stage = await openStage('privacy-gate', {
  env: { RING_TIMEOUT_SECONDS: String(RING_TIMEOUT_SECONDS) },
});

const mayCall = (person: TestPerson, audience: string) =>
  stage.world.db.query('UPDATE person_privacy SET may_call = $2 WHERE person_id = $1', [
    person.personId,
    audience,
  ]);
const visibility = (person: TestPerson, audience: string) =>
  stage.world.db.query('UPDATE aura_id_registry SET visibility = $2 WHERE person_id = $1', [
    person.personId,
    audience,
  ]);

/** What must be alike, with ids, addresses and times made comparable. */
function shapeOf(value: unknown, names: ReadonlyMap<string, string>): string {
  return JSON.stringify(value, (key, inner) => {
    if (typeof inner !== 'string') return inner;
    if (names.has(inner)) return names.get(inner);
    return /Id$|At$/.test(key) ? key : inner;
  });
}

/** Everything that the caller gets to see of one call until it has ended. */
async function callAndWatch(caller: Phone, callee: TestPerson): Promise<string[]> {
  const placed: Answer = await caller.place(callee.auraId);
  assert.equal(placed.status, 201, JSON.stringify(placed.body));
  const names = new Map([[callee.auraId, 'CALLEE']]);
  await caller.frame('call.updated', (data) => data.callId === placed.body.callId && data.state === 'ended');
  const frames: Frame[] = caller
    .ofType('call.updated')
    .filter((frame) => frame.data.callId === placed.body.callId);
  const looked = await caller.call(placed.body.callId);
  return [placed.body, ...frames.map((frame) => frame.data), looked.body].map((one) => shapeOf(one, names));
}

describe('a call that the callee keeps out', () => {
  it('is for the caller the same as one to somebody who is offline, until its time is up', async () => {
    const alice = await stage.phone(await stage.person());
    const [offline, blocking, hidden, friendsOnly] = await Promise.all(
      Array.from({ length: 4 }, () => stage.person()),
    );
    if (!offline || !blocking || !hidden || !friendsOnly) throw new Error('four people');
    const online = await Promise.all([blocking, hidden, friendsOnly].map((one) => stage.phone(one)));
    await block(stage.world.db, blocking, alice.endpoint.person);
    await visibility(hidden, 'private');
    await mayCall(friendsOnly, 'friends');
    const seen = await Promise.all(
      [offline, blocking, hidden, friendsOnly].map((callee) => callAndWatch(alice, callee)),
    );
    assert.ok(seen[0]?.at(-1)?.includes('"missed"'), seen[0]?.at(-1));
    // A frame read back from the database has its keys in another order than one that came by the bus.
    const [asOffline, ...others] = seen.map((frames) => frames.map((frame) => JSON.parse(frame)));
    for (const other of others) assert.deepEqual(other, asOffline);
    for (const phone of online) assert.deepEqual(phone.frames, []);
    await stage.settle();
    await stage.clear();
  });

  it('does not ring a page that is opened meanwhile', async () => {
    const alice = await stage.phone(await stage.person());
    const bob = await stage.person();
    await mayCall(bob, 'private');
    const placed = await alice.place(bob.auraId);
    const page = await stage.phone(bob);
    await alice.frame('call.updated', (data) => data.state === 'ended');
    assert.deepEqual(page.frames, []);
    const rings = await stage.one<{ n: number }>(
      'SELECT count(*)::int AS n FROM call_rings r JOIN call_invitations i USING (invitation_id) WHERE i.call_id = $1',
      [placed.body.callId],
    );
    assert.equal(rings.n, 0);
    await stage.clear();
  });

  it('is in the caller’s history and not in the callee’s', async () => {
    const alice = await stage.phone(await stage.person());
    const bob = await stage.phone(await stage.person());
    await block(stage.world.db, bob.endpoint.person, alice.endpoint.person);
    const placed = await alice.place(bob.endpoint.person.auraId);
    await alice.frame('call.updated', (data) => data.state === 'ended');
    const own = (await alice.request('GET', '/_auralink/v1/history')).body as unknown as {
      calls: { callId: string }[];
    };
    const others = (await bob.request('GET', '/_auralink/v1/history')).body as unknown as {
      calls: unknown[];
    };
    assert.deepEqual(
      own.calls.map((call) => call.callId),
      [placed.body.callId],
    );
    assert.deepEqual(others.calls, []);
    await stage.clear();
  });

  it('is not merged with a call of hers', async () => {
    const alice = await stage.phone(await stage.person());
    const bob = await stage.phone(await stage.person());
    await mayCall(bob.endpoint.person, 'private');
    const kept = await alice.place(bob.endpoint.person.auraId);
    const hers = await bob.place(alice.endpoint.person.auraId);
    assert.deepEqual([kept.status, hers.status], [201, 201]);
    await alice.frame('ring', (data) => data.callId === hers.body.callId);
    const states = await stage.world.db.query(
      'SELECT state, merged_into_call_id FROM call_invitations WHERE call_id = ANY ($1)',
      [[kept.body.callId, hers.body.callId]],
    );
    assert.deepEqual(
      states.rows,
      Array.from({ length: 2 }, () => ({ state: 'ringing', merged_into_call_id: null })),
    );
    await stage.settle();
    await stage.clear();
  });

  it('rings for a friend whom she lets in, though she is private', async () => {
    const alice = await stage.phone(await stage.person());
    const bob = await stage.phone(await stage.person());
    await visibility(bob.endpoint.person, 'private');
    await befriend(stage.world.db, alice.endpoint.person, bob.endpoint.person);
    const placed = await alice.place(bob.endpoint.person.auraId);
    const ring = await bob.frame('ring', (data) => data.callId === placed.body.callId);
    assert.equal((await bob.answer(String(ring.data.ringId))).status, 200);
    await alice.hangUp(placed.body.callId);
    await stage.settle();
    await stage.clear();
  });
});

describe('whom one has blocked oneself', () => {
  it('cannot be called: that is said, and nothing is placed', async () => {
    const alice = await stage.phone(await stage.person());
    const bob = await stage.person();
    await block(stage.world.db, alice.endpoint.person, bob);
    const before = await stage.rowCounts();
    const placed = await alice.place(bob.auraId);
    assert.deepEqual([placed.status, placed.body.reason], [409, 'you_blocked']);
    assert.deepEqual(await stage.rowCounts(), before);
    await stage.clear();
  });
});

describe('names in calls', () => {
  it('are shown by the rules of whoever bears them', async () => {
    const alice = await stage.phone(await stage.person());
    const bob = await stage.phone(await stage.person());
    const name = (person: TestPerson, text: string) =>
      stage.world.db.query('UPDATE aura_id_registry SET display_name = $2 WHERE person_id = $1', [
        person.personId,
        text,
      ]);
    await name(alice.endpoint.person, 'Alice');
    await name(bob.endpoint.person, 'Bob');
    const names = async (): Promise<[unknown, unknown]> => {
      const placed = await alice.place(bob.endpoint.person.auraId);
      const ring = await bob.frame('ring', (data) => data.callId === placed.body.callId);
      await alice.cancel(placed.body.callId);
      const from = ring.data.from as { displayName: unknown };
      return [(placed.body.peer as { displayName: unknown }).displayName, from.displayName];
    };
    assert.deepEqual(await names(), ['Bob', 'Alice']);
    await visibility(bob.endpoint.person, 'friends');
    await visibility(alice.endpoint.person, 'friends');
    assert.deepEqual(await names(), [null, 'Alice'], 'a caller shows hers by calling');
    await visibility(alice.endpoint.person, 'private');
    assert.deepEqual(await names(), [null, null]);
    await befriend(stage.world.db, alice.endpoint.person, bob.endpoint.person);
    assert.deepEqual(await names(), ['Bob', null]);
    await stage.settle();
    await stage.clear();
  });
});
