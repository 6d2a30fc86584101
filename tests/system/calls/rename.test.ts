/**
 * Renaming in mid-ring and mid-call disturbs nothing: the same call goes on under the names that both sides know, and
 * the old name rings its bearer the next time, too. Two processes over one PostgreSQL, a real LiveKit.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TokenVerifier } from 'livekit-server-sdk';
import type { Phone } from '../../support/phone.ts';
import { openStage, type Stage } from '../../support/stage.ts';

const stage: Stage = await openStage('rename');
const SCOPES = ['call.place', 'call.receive', 'profile.read', 'account.manage'];
let renames = 0;

/** Takes a new name by way of the API; returns it. */
async function rename(phone: Phone): Promise<string> {
  renames += 1;
  const auraId = `@renamed-${renames}-${phone.endpoint.person.auraId.slice(2, 10)}.aura`;
  const answer = await phone.request('PUT', '/_auralink/v1/me/name', { auraId });
  assert.deepEqual([answer.status, answer.body.auraId], [200, auraId], JSON.stringify(answer.body));
  return auraId;
}

async function pair(): Promise<{ alice: Phone; bob: Phone }> {
  const [caller, callee] = await Promise.all([stage.person(), stage.person()]);
  const [alice, bob] = await Promise.all([
    stage.phone(caller, { scopes: SCOPES }),
    stage.phone(callee, { scopes: SCOPES }),
  ]);
  return { alice, bob };
}

const callFrames = (phone: Phone) =>
  phone.frames.filter(({ type }) => type === 'ring' || type === 'ring.stop' || type === 'call.updated');

describe('renaming', () => {
  it('in mid-ring and mid-call: the ring rings on, is answered, has media, and is hung up', async () => {
    const { alice, bob } = await pair();
    const known = bob.endpoint.person.auraId;
    const placed = await alice.place(known);
    assert.equal(placed.status, 201);
    const { callId } = placed.body;
    const ring = await bob.frame('ring');
    await alice.frame('call.updated', (data) => (data.invitation as { alerting: boolean }).alerting);

    const before = [callFrames(alice).length, callFrames(bob).length];
    await Promise.all([rename(alice), rename(bob)]);
    await Promise.all([alice.frame('me.updated'), bob.frame('me.updated')]);
    assert.deepEqual([callFrames(alice).length, callFrames(bob).length], before, 'the ring was disturbed');

    assert.equal((await bob.answer(String(ring.data.ringId))).status, 200);
    await alice.frame('call.updated', (data) => data.state === 'active');
    await Promise.all([rename(alice), rename(bob)]);
    const { settings } = stage.constellation;
    const verifier = new TokenVerifier(settings.config.LIVEKIT_API_KEY, settings.config.LIVEKIT_API_SECRET);
    const rooms = await Promise.all(
      [alice, bob].map(async (phone) => {
        const token = await phone.mediaToken(callId);
        assert.equal(token.status, 200, JSON.stringify(token.body));
        return (await verifier.verify(String(token.body.token))).video?.room;
      }),
    );
    assert.ok(rooms[0]);
    assert.equal(rooms[0], rooms[1]);
    const looked = (await alice.call(callId)).body;
    assert.equal(looked.state, 'active');
    assert.ok(JSON.stringify(looked).includes(known), 'the caller sees the name that she called');
    assert.equal((await alice.hangUp(callId)).status, 200);
    await bob.frame('call.updated', (data) => data.state === 'ended');
    await stage.settle();
    await stage.clear();
  });

  it('the next call by the old name rings, and the caller is not told of the new one', async () => {
    const { alice, bob } = await pair();
    const known = bob.endpoint.person.auraId;
    const now = await rename(bob);
    const placed = await alice.place(known);
    assert.equal(placed.status, 201);
    const ring = await bob.frame('ring');
    assert.ok(!JSON.stringify(placed.body).includes(now));
    assert.equal((await bob.decline(String(ring.data.ringId))).status, 200);
    const end = await alice.frame('call.updated', (data) => data.state === 'ended');
    assert.ok(!JSON.stringify(end.data).includes(now));
    const history = await alice.request('GET', '/_auralink/v1/calls');
    assert.ok(!JSON.stringify(history.body).includes(now), 'the history tells of the rename');
    await stage.settle();
    await stage.clear();
  });

  it('calls the own old name: that is the own address', async () => {
    const { bob } = await pair();
    const known = bob.endpoint.person.auraId;
    await rename(bob);
    const answer = await bob.place(known);
    assert.deepEqual([answer.status, answer.body.reason], [400, 'own_address']);
    await stage.clear();
  });

  it('giving the name back needs the password, and changes nothing while that cannot be asked for', async () => {
    const { bob } = await pair();
    await stage.world.db.query(
      `INSERT INTO matrix_user_mappings (matrix_user_id, person_id, state, is_primary, attached_by)
       VALUES ('@' || $1::text || ':nowhere', $1::uuid, 'active', true, 'sign_in')`,
      [bob.endpoint.person.personId],
    );
    // Synapse is left out of this stage, so her password cannot be asked for: nothing may change then.
    const body = { currentPassword: 'a password of hers' };
    const refused = await bob.request('DELETE', '/_auralink/v1/me/name', body);
    assert.equal(refused.status, 503);
    assert.equal(
      (await bob.request('GET', '/_auralink/v1/me/names')).body.current,
      bob.endpoint.person.auraId,
    );
    assert.ok(bob.isOpen);
    await stage.clear();
  });
});
