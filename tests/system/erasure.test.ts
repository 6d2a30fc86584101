/**
 * A person with everything that one can have here leaves: what she takes along is whole, what stays is said before,
 * and afterwards nothing leads to her any more, at our side or at Synapse, whatever is away or dies meanwhile.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { openKeyRing } from '../../auralink-communication-service/adapters/key-ring-file.ts';
import { createVault } from '../../auralink-communication-service/auralink-modules/auraid/data-keys.ts';
import { fieldPlace } from '../../auralink-communication-service/auralink-modules/auraid/envelope.ts';
import { CLOSE } from '../../auralink-communication-service/auralink-modules/endpoints/model.ts';
import { handleOf } from '../../auralink-communication-service/core/aura-id.ts';
import { systemClock } from '../../auralink-communication-service/core/clock.ts';
import { type AuraId, newId, type PersonId } from '../../auralink-communication-service/core/ids.ts';
import { personKeyStore } from '../../auralink-communication-service/store/person-keys.ts';
import { ownConstellation } from '../harness.ts';
import { eventually } from '../support/eventually.ts';
import { PASSWORD, PIXEL, type RealPerson, realPeople } from '../support/real-people.ts';

const constellation = await ownConstellation('erasure', { processes: 2, redis: false });
const people = await realPeople(constellation);
const { world } = people;
const { config } = constellation.settings;
world.db.on('error', () => {});
/** The outbox takes up a row that a killed process had in hand after its claim has lapsed. */
const DONE_WITHIN_MS = 90_000;

const one = async (sql: string, values: readonly unknown[]): Promise<Record<string, unknown>> =>
  (await world.db.query(sql, [...values])).rows[0] ?? {};

/** With a picture, a field, a friend with a note, and calls both ways. */
async function liveALife(her: RealPerson, friend: RealPerson): Promise<void> {
  for (const [method, path, body] of [
    ['PUT', '/me/profile', { displayName: 'Name of hers', about: 'text of hers' }],
    ['PATCH', '/me/privacy', { profile: 'public' }],
    ['PUT', '/me/picture', PIXEL],
    ['POST', '/me/fields', { kind: 'email', value: 'hers@example.org' }],
    ['POST', '/invites', { usesMax: 2, expiresInHours: 24, label: 'label of hers' }],
  ] as const) {
    const answer = await her.ask(method, path, body);
    assert.ok(answer.status < 300, `${path} ${answer.text}`);
  }
  await people.befriend(her, friend);
  const noted = await her.ask('PUT', `/contacts/${friend.auraId}/note`, { note: 'note of hers' });
  assert.equal(noted.status, 204, noted.text);
  const about = await friend.ask('PUT', `/contacts/${her.auraId}/note`, { note: 'note about her' });
  assert.equal(about.status, 204, about.text);
  for (const [from, to] of [
    [her, friend],
    [friend, her],
  ] as const) {
    const placed = await from.ask('POST', '/calls', { to: to.auraId });
    assert.equal(placed.status, 201, placed.text);
    await from.ask('POST', `/calls/${placed.body.callId}/hangup`);
  }
}

const erase = (her: RealPerson, body: object = {}) =>
  her.ask('POST', '/account/erasure', { confirmation: her.auraId, currentPassword: PASSWORD, ...body });

async function erasureDone(her: RealPerson): Promise<void> {
  await eventually(async () => {
    const { done_at: doneAt, steps_done: steps } = await one(
      'SELECT done_at, steps_done FROM person_erasures WHERE person_id = $1',
      [her.personId],
    );
    assert.ok(doneAt instanceof Date, `not done: ${steps}`);
  }, DONE_WITHIN_MS);
}

/** Synapse's own word on an account. */
async function isDeactivated(userId: string): Promise<boolean> {
  const login = await fetch(`${config.SYNAPSE_URL}/_matrix/client/v3/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: 'auralink-admin' },
      password: config.SYNAPSE_ADMIN_PASSWORD,
    }),
  });
  const { access_token: token } = (await login.json()) as { access_token: string };
  const answer = await fetch(`${config.SYNAPSE_URL}/_synapse/admin/v2/users/${encodeURIComponent(userId)}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return ((await answer.json()) as { deactivated: boolean }).deactivated;
}

/** In both forms; nothing that the friend keeps is in it. */
async function takesAllAlong(her: RealPerson, friend: RealPerson, matrixId: string): Promise<void> {
  const json = await her.ask('GET', '/account/export');
  const page = await her.ask('GET', '/account/export.html');
  for (const mine of [
    ...['Name of hers', 'text of hers', PIXEL.toString('base64'), 'hers@example.org', 'label of hers'],
    ...['note of hers', her.auraId, friend.auraId, matrixId],
  ]) {
    assert.ok(json.text.includes(mine), `the export lacks ${mine}`);
    assert.ok(page.text.includes(mine), `the page lacks ${mine}`);
  }
  assert.ok(!json.text.includes('note about her'));
  assert.deepEqual(
    [json.body.callsPlaced.length, json.body.callsReceived.length, json.body.sessions.length],
    [1, 1, 2],
  );
}

async function isToldWhatStays(her: RealPerson): Promise<void> {
  const terms = await her.ask('GET', '/account/erasure');
  assert.equal(terms.body.confirmation, her.auraId);
  assert.ok(terms.body.goes.length > 0);
  for (const stay of ['Calls', 'audit log', 'name', 'Backups']) {
    assert.ok(
      terms.body.stays.some(({ what, why, until }: Record<string, string>) => {
        return what?.includes(stay) && why !== '' && until !== '';
      }),
      stay,
    );
  }
}

/** Opens copies of what lies at rest now, as whoever got hold of a backup and of the key ring would. */
async function copyAtRest(her: RealPerson): Promise<() => Promise<Buffer[]>> {
  const copies = (
    await world.db.query<{ field_id: string; envelope: Buffer }>(
      'SELECT field_id, envelope FROM personal_fields WHERE person_id = $1',
      [her.personId],
    )
  ).rows;
  const ring = openKeyRing(config.KEY_RING_PATH, systemClock, { warn() {} });
  return () => {
    const vault = createVault({ keys: personKeyStore(world.db), ring, newId, randomBytes });
    return Promise.all(
      copies.map((copy) => vault.open(her.personId as PersonId, fieldPlace(copy.field_id), copy.envelope)),
    );
  };
}

/** Waits until Matrix shows her picture; then tells with which status it is downloaded by somebody else. */
async function publicPicture(her: RealPerson, userId: string): Promise<() => Promise<number>> {
  const url = await eventually(async () => {
    const row = await one('SELECT shown_picture_url FROM matrix_user_mappings WHERE person_id = $1', [
      her.personId,
    ]);
    assert.ok(typeof row.shown_picture_url === 'string', userId);
    return row.shown_picture_url;
  });
  const someone = await (await people.register(`looking-${randomBytes(4).toString('hex')}`)).matrix();
  const path = `/client/v1/media/download/${url.slice('mxc://'.length)}`;
  return async () => {
    const { status } = await someone.ask('GET', path);
    return status;
  };
}

/** What may lead to an id that leads nowhere, and why. */
const MAY_STAY: Readonly<Record<string, string>> = {
  aura_id_registry: 'the row of who is erased, without a name: calls and the audit log refer to it',
  person_privacy: 'everything is private; each row of the registry has one',
  person_erasures: 'that she was erased, for who brings a backup back',
  audit_log: 'for good, under the id alone',
  endpoints: 'calls refer to where they were placed from; without the device',
  rate_limits: 'a day at most: what was counted under the id',
  cross_app_calls: 'calls are in the lists of those with whom she spoke, without her name',
  call_invitations: 'calls are in the lists of those with whom she spoke, without her name',
};

/** Where her address may be for a while, and why. */
const MAY_HAVE_HER_ADDRESS: Readonly<Record<string, string>> = {
  endpoint_events:
    'what friends’ apps are told, that she is gone among it, until the logs’ window has passed',
};

/** Every table of ours, also one that nobody has thought of yet. */
async function nothingRemains(her: RealPerson, secrets: readonly string[]): Promise<void> {
  const { rows: tables } = await world.db.query<{ name: string }>(
    "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'",
  );
  assert.ok(tables.length > 40, `${tables.length} tables`);
  const withText = async (text: string): Promise<string[]> => {
    const found: string[] = [];
    for (const { name } of tables) {
      const { found: is } = await one(
        `SELECT EXISTS (SELECT FROM "${name}" t WHERE position($1 IN t::text) > 0) AS found`,
        [text],
      );
      if (is === true) found.push(name);
    }
    return found;
  };
  assert.deepEqual(
    (await withText(her.personId)).filter((name) => !(name in MAY_STAY)),
    [],
  );
  for (const secret of secrets) {
    const found = (await withText(secret)).filter(
      (name) => secret !== handleOf(her.auraId as AuraId) || !(name in MAY_HAVE_HER_ADDRESS),
    );
    assert.deepEqual(found, [], secret);
  }
}

/** What a friend still finds of her. */
async function isGoneFor(friend: RealPerson, her: RealPerson): Promise<void> {
  assert.equal((await friend.ask('GET', `/resolve/${her.auraId}`)).body.displayName ?? null, null);
  const call = await friend.ask('POST', '/calls', { to: her.auraId });
  const never = await friend.ask('POST', '/calls', { to: '@never-was.aura' });
  assert.deepEqual([call.status, call.body.reason], [never.status, never.body.reason], call.text);
  assert.equal(call.status, 404);
  const name = await friend.ask('GET', '/names/leaving-hilda');
  assert.equal(name.body.status, 'taken', name.text);
  const claim = await friend.ask('PUT', '/me/name', { auraId: 'leaving-hilda' });
  assert.equal(claim.status, 409, claim.text);
  const hold = await one("SELECT aura_id, person_id, cause FROM aura_id_holds WHERE cause = 'erased'", []);
  assert.deepEqual(hold, { aura_id: null, person_id: null, cause: 'erased' });

  const contacts = await friend.ask('GET', '/contacts');
  assert.deepEqual([contacts.status, contacts.body.friends], [200, []], contacts.text);
  const history = await friend.ask('GET', '/history');
  assert.ok(history.body.calls.length >= 2, history.text);
  const old = history.body.calls.slice(-2);
  assert.doesNotMatch(JSON.stringify(old), /leaving-hilda|Name of hers/);
  assert.match(JSON.stringify(old), /@gone-/);
}

describe('a person leaves', () => {
  it('takes everything along, is told what stays, and is gone everywhere', async () => {
    const [her, friend] = await Promise.all([
      people.register('leaving-hilda'),
      people.register('staying-ines'),
    ]);
    await liveALife(her, friend);
    const element = await her.matrix();
    const chat = await her.chat();
    const pages = [await her.page(her.tokens), await her.page(chat)];
    const friends = await friend.page(friend.tokens);

    await takesAllAlong(her, friend, element.userId);
    await isToldWhatStays(her);
    assert.equal((await erase(her, { confirmation: friend.auraId })).body.reason, 'not_confirmed');
    assert.equal((await erase(her, { currentPassword: 'a guess' })).body.reason, 'wrong_password');
    assert.equal((await her.ask('GET', '/me')).status, 200, 'nothing has happened yet');

    const { rows: devices } = await world.db.query<{ device_key: string }>(
      'SELECT device_key FROM endpoints WHERE person_id = $1',
      [her.personId],
    );
    const open = await copyAtRest(her);
    assert.equal((await open()).length, 3);
    const picture = await publicPicture(her, element.userId);
    assert.equal(await picture(), 200);

    const left = await erase(her);
    assert.equal(left.status, 204, left.text);
    for (const gone of pages) {
      await gone.until(() => gone.closeCode !== null, 'the end of the socket');
      assert.equal(gone.closeCode, CLOSE.signedOut);
    }
    await friends.frame('contact.updated', (data) => data.auraId === her.auraId);
    for (const tokens of [her.tokens, chat]) {
      const me = await fetch(`${config.PUBLIC_BASE_URL}/_auralink/v1/me`, {
        headers: { authorization: `Bearer ${tokens.accessToken}` },
      });
      assert.equal(me.status, 401);
    }
    assert.equal((await her.browser.refresh('phone', her.tokens.refreshToken)).status, 400);
    const again = await her.browser.authorize(people.phone);
    assert.notEqual(again.uid, null, 'the browser is not signed in any more');
    const login = await her.browser.act(again, { login: { user: her.auraId, password: PASSWORD } });
    assert.equal(login.status, 401);
    await assert.rejects(open(), 'a copy of her data is noise');

    await erasureDone(her);
    assert.equal(await isDeactivated(element.userId), true);
    assert.equal(await picture(), 404, 'her picture is gone from the Matrix server');
    assert.equal((await element.ask('GET', '/client/v3/account/whoami')).status, 401);

    await isGoneFor(friend, her);
    await nothingRemains(her, [
      ...[
        'leaving-hilda',
        element.userId,
        'Name of hers',
        'text of hers',
        'hers@example.org',
        'label of hers',
      ],
      ...['note of hers', 'note about her', ...devices.map((device) => device.device_key)],
    ]);
  });

  it('is gone although Synapse is away meanwhile and every process is killed between the steps', async () => {
    const [her, friend] = await Promise.all([
      people.register('leaving-jana'),
      people.register('staying-kim'),
    ]);
    await liveALife(her, friend);
    const element = await her.matrix();
    // The row waits until the test lets it go: without this Synapse would have done its part before it is away.
    await world.db.query(`CREATE FUNCTION test_wait() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN NEW.run_at := now() + interval '1 hour'; RETURN NEW; END $$`);
    await world.db.query(`CREATE TRIGGER test_wait BEFORE INSERT ON outbox_events
      FOR EACH ROW WHEN (NEW.topic = 'identity.erase') EXECUTE FUNCTION test_wait()`);
    assert.equal((await erase(her)).status, 204);
    await world.db.query('DROP FUNCTION test_wait() CASCADE');
    const letGo = () =>
      world.db.query("UPDATE outbox_events SET run_at = now() WHERE topic = 'identity.erase'");
    const outbox = () =>
      one("SELECT attempts, last_error FROM outbox_events WHERE topic = 'identity.erase'", []);

    await constellation.halt('synapse');
    await letGo();
    await eventually(async () => assert.match(String((await outbox()).last_error), /Matrix server/));
    assert.equal((await her.ask('GET', '/me')).status, 401, 'ours is done at once');
    await constellation.start('synapse');

    const lock = await world.db.connect();
    try {
      await lock.query('BEGIN');
      await lock.query('SELECT FROM cross_app_calls WHERE caller_person_id = $1 FOR UPDATE', [her.personId]);
      await letGo();
      await eventually(async () => {
        const { steps_done: steps } = await one(
          'SELECT steps_done FROM person_erasures WHERE person_id = $1',
          [her.personId],
        );
        assert.ok((steps as string[]).includes('matrix'));
      }, DONE_WITHIN_MS);
      for (const name of ['service-1', 'service-2']) constellation.kill(name);
      const stuck = await one('SELECT done_at FROM person_erasures WHERE person_id = $1', [her.personId]);
      assert.equal(stuck.done_at, null);
    } finally {
      await lock.query('ROLLBACK');
      lock.release();
    }
    await erasureDone(her);
    assert.equal(await isDeactivated(element.userId), true);
    const names = await one(
      `SELECT count(*)::int AS n FROM cross_app_calls c JOIN call_invitations i USING (call_id)
       WHERE $1 IN (c.caller_aura_id, i.callee_aura_id)`,
      [her.auraId],
    );
    assert.equal(names.n, 0);
    await eventually(async () => assert.equal((await outbox()).attempts, undefined), DONE_WITHIN_MS);
    const acts = await world.db.query(
      "SELECT act FROM audit_log WHERE subject_id = $1 AND act LIKE 'erasure.%'",
      [her.personId],
    );
    assert.deepEqual(acts.rows.map(({ act }) => act).sort(), ['erasure.confirmed', 'erasure.done']);
  });
});
