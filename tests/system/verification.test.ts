/**
 * Proofs over real doors while processes die: a code that was sent proves after every process was killed, killing in the
 * middle of a proof leaves none or a whole one, and of a reset either nothing or what must follow.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { PASSWORD_CHANGE_LEFT_SECONDS } from '../../auralink-communication-service/auralink-modules/auraid/password-change.ts';
import { ownConstellation } from '../harness.ts';
import { eventually } from '../support/eventually.ts';
import { freeze } from '../support/freeze.ts';
import { codeIn, openPostbox } from '../support/postbox.ts';
import { PASSWORD, type RealPerson, realPeople } from '../support/real-people.ts';

const postbox = await openPostbox();
const constellation = await ownConstellation('verification', {
  processes: 2,
  redis: false,
  env: postbox.env,
});
const people = await realPeople(constellation);
const { db } = people.world;
// The database stops before the last of these connections is closed.
db.on('error', () => {});
const ROUNDS = 4;
const unique = randomBytes(4).toString('hex');
const addressOf = (name: string): string => `${name}.${unique}@mail.example`;

const killAll = (): void => {
  for (const name of ['service-1', 'service-2']) constellation.kill(name);
};

/** Asks until somebody answers. */
async function surely(person: RealPerson, method: string, path: string, body?: object) {
  let answer = { status: 0, text: '', body: {} as Record<string, unknown> };
  await eventually(async () => {
    answer = await person.ask(method, path, body).catch(() => ({ status: 0, text: 'nobody', body: {} }));
    assert.ok(answer.status !== 0 && answer.status < 500, `${answer.status} ${answer.text}`);
  }, 60_000);
  return answer;
}

async function begin(person: RealPerson, address: string): Promise<{ id: string; code: string }> {
  const begun = await surely(person, 'POST', '/me/verifications', { method: 'email', address });
  assert.equal(begun.status, 201, begun.text);
  return {
    id: String(begun.body.verificationId),
    code: codeIn(await postbox.messageTo(address, { withinMs: 60_000 })),
  };
}

const stateOf = async (person: RealPerson, id: string) => {
  const { rows } = await db.query(
    `SELECT v.state, f.verified_at IS NOT NULL AS verified FROM aura_id_verifications v
     LEFT JOIN personal_fields f USING (field_id) WHERE v.person_id = $1 AND v.verification_id = $2`,
    [person.personId, id],
  );
  return rows[0];
};

const endReason = async (challengeId: string): Promise<string | null> => {
  const { rows } = await db.query('SELECT end_reason FROM verification_challenges WHERE challenge_id = $1', [
    challengeId,
  ]);
  return rows[0].end_reason;
};

test('a code proves its address although every process was killed since it was asked for', async () => {
  const alice = await people.register(`va${unique}`);
  const address = addressOf('alice');
  const begun = await surely(alice, 'POST', '/me/verifications', { method: 'email', address });
  killAll();
  const code = codeIn(await postbox.messageTo(address, { withinMs: 60_000 }));
  const proved = await surely(alice, 'POST', `/me/verifications/${begun.body.verificationId}/submit`, {
    code,
  });
  assert.deepEqual([proved.status, proved.body.state], [200, 'verified'], proved.text);
});

test('killed in the middle of a proof, there is none or a whole one, and the code still does it', async () => {
  const bob = await people.register(`vb${unique}`);
  for (let round = 0; round < ROUNDS; round++) {
    const { id, code } = await begin(bob, addressOf(`bob${round}`));
    const submit = bob.ask('POST', `/me/verifications/${id}/submit`, { code }).catch(() => null);
    await sleep(round * 3);
    killAll();
    await submit;
    const { state, verified } = await stateOf(bob, id);
    assert.ok(
      (state === 'pending' && verified !== true) || (state === 'verified' && verified),
      `${state} ${verified}`,
    );
    const again = await surely(bob, 'POST', `/me/verifications/${id}/submit`, { code });
    assert.ok(again.status === 200 || again.body.reason === 'already_verified', again.text);
    assert.deepEqual(await stateOf(bob, id), { state: 'verified', verified: true });
  }
  const { rows } = await db.query(
    "SELECT count(*)::int AS n FROM audit_log WHERE subject_id = $1 AND act = 'verification.proved'",
    [bob.personId],
  );
  assert.equal(rows[0].n, ROUNDS);
});

test('killed in the middle of a reset, her sessions end, or nothing has happened', async () => {
  const carol = await people.register(`vc${unique}`);
  const address = addressOf('carol');
  const { id, code } = await begin(carol, address);
  await surely(carol, 'POST', `/me/verifications/${id}/submit`, { code });
  const since = postbox.received.length;
  const act = async (verb: string, body: object) => {
    const authorization = await carol.browser.authorize(people.phone, { prompt: 'login' });
    return carol.browser.fetch(`/oidc/interaction/${authorization.uid}/${verb}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: carol.browser.baseUrl },
      body: JSON.stringify(body),
    });
  };
  let resetId = '';
  await eventually(async () => {
    const asked = await act('forgotten', { user: carol.auraId, address });
    assert.equal(asked.status, 202);
    ({ resetId } = (await asked.json()) as { resetId: string });
  }, 60_000);
  const reset = codeIn(await postbox.messageTo(address, { since, withinMs: 60_000 }));
  // Its transaction ends the challenge; the processes are killed while a homeserver that hangs is asked.
  await freeze(constellation, 'synapse');
  try {
    const resetting = act('reset', { resetId, code: reset, newPassword: 'another long password' }).catch(
      () => null,
    );
    await eventually(async () => assert.equal(await endReason(resetId), 'used'), 60_000);
    killAll();
    assert.equal(await resetting, null, 'nothing was answered');
  } finally {
    // What it was asked dies with it.
    constellation.kill('synapse');
  }
  await db.query("UPDATE outbox_events SET run_at = now() WHERE topic = 'identity.password_change'");
  await eventually(async () => {
    const { status } = await carol.ask('GET', '/me').catch(() => ({ status: 0 }));
    assert.equal(status, 401);
  }, PASSWORD_CHANGE_LEFT_SECONDS * 1_000);
  const { rows } = await db.query(
    "SELECT act FROM audit_log WHERE subject_id = $1 AND act LIKE 'password%' ORDER BY seq",
    [carol.personId],
  );
  assert.deepEqual(
    rows.map(({ act: what }) => what),
    ['password.reset', 'password.changed'],
  );
  const known = await carol.browser.authorize(people.phone, { prompt: 'login' });
  const login = await carol.browser.act(known, { login: { user: carol.auraId, password: PASSWORD } });
  assert.equal(login.status, 200, 'the password that was never replaced still counts');
});
