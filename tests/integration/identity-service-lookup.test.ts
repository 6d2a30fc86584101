/**
 * Look-ups through a real door: only what was proved finds, only whom her rules let be found by this asker, whatever the
 * pepper; a dump tells nothing; statements are made for their indexes.
 */
import assert from 'node:assert/strict';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import {
  LOOKUP_ADDRESSES_MAX,
  LOOKUP_LIMIT,
  LOOKUP_NETWORK_LIMIT,
  LOOKUP_SERVER_LIMIT,
  type Medium,
} from '../../auralink-communication-service/auralink-modules/identity-service/model.ts';
import { allows, AUDIENCES } from '../../auralink-communication-service/auralink-modules/auraid/privacy.ts';
import { privacyStore } from '../../auralink-communication-service/store/privacy.ts';
import { constellation, testDatabase } from '../harness.ts';
import { eventually } from '../support/eventually.ts';
import { openIdentityDoor } from '../support/identity-door.ts';
import { askIdentity, hashOf, type LookupPerson, lookupWorld, tokenFor } from '../support/identity-lookup.ts';
import { planOf, statementsOf } from '../support/plans.ts';
import { befriend, block } from '../support/relations.ts';

const V2 = '/_matrix/identity/v2';
const { config } = constellation();
const door = await openIdentityDoor(await testDatabase());
const { db, identity } = door;
const world = lookupWorld(db, config.KEY_RING_PATH, config.SYNAPSE_SERVER_NAME);
const asker = await world.person();
const token = await tokenFor(db, asker.userId);
const stranger = await tokenFor(db, '@stranger:elsewhere.example');
const unique = randomBytes(5).toString('hex');

const ask = (body: unknown, as = token) =>
  askIdentity(door.baseUrl, 'POST', `${V2}/lookup`, { token: as, body });
async function pepperOf(): Promise<string> {
  const { body } = await askIdentity(door.baseUrl, 'GET', `${V2}/hash_details`, { token });
  assert.deepEqual(body.algorithms, ['sha256']);
  return String(body.lookup_pepper);
}
/** The account found by an address, or null. */
async function found(medium: Medium, address: string, as = token, pepper?: string): Promise<string | null> {
  const with_ = pepper ?? (await pepperOf());
  const hash = hashOf(medium, address, with_);
  const answer = await ask({ algorithm: 'sha256', pepper: with_, addresses: [hash] }, as);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return (answer.body.mappings as Record<string, string>)[hash] ?? null;
}
/** What the outbox does in a running service. */
async function settle(): Promise<void> {
  const { rows } = await db.pool.query<{ topic: string; payload: object }>(
    "DELETE FROM outbox_events WHERE topic = 'identity_service.index' RETURNING topic, payload",
  );
  for (const { topic, payload } of rows) await identity.outboxHandlers.get(topic)?.(payload, '');
}
const keep = identity.chores.find(({ job }) => job === 'identity_service.keep')!;
const rotateSoon = () =>
  db.pool.query("UPDATE identity_peppers SET current_at = now() - interval '2 days' WHERE state = 'current'");
test('what was only typed finds nobody, what was proved finds her primary account, a change ends it', async () => {
  const alice = await world.person();
  await world.rules(alice, 'public');
  const typed = `typed.${unique}@example.org`;
  const fieldId = await world.field(alice, 'email', typed, false);
  await settle();
  assert.equal(await found('email', typed), null);
  await db.pool.query('UPDATE personal_fields SET verified_at = now() WHERE field_id = $1', [fieldId]);
  await settle();
  assert.equal(await found('email', typed.toUpperCase()), alice.userId);
  const number = `+4930${String(Date.now()).slice(-8)}`;
  await world.field(alice, 'phone', number, true);
  await settle();
  assert.equal(await found('msisdn', number), alice.userId);
  assert.equal(await found('email', number), null);
  const other = `other.${unique}@example.org`;
  await world.change(alice, fieldId, other);
  assert.deepEqual([await found('email', typed), await found('email', other)], [null, null]);
  await db.pool.query('UPDATE personal_fields SET verified_at = now() WHERE field_id = $1', [fieldId]);
  assert.equal(await found('email', typed), null, 'the old digest does not stand for the new proof');
  await settle();
  assert.deepEqual([await found('email', typed), await found('email', other)], [null, alice.userId]);
  await db.pool.query('UPDATE personal_fields SET verified_at = NULL WHERE field_id = $1', [fieldId]);
  assert.equal(await found('email', other), null, 'a proof that was withdrawn');
});

test('who makes another account her primary one is found under that one; under none while she has none', async () => {
  const alice = await world.person();
  await world.rules(alice, 'public');
  const address = `accounts.${unique}@example.org`;
  await world.field(alice, 'email', address, true);
  await settle();
  assert.equal(await found('email', address), alice.userId);
  const second = alice.userId.replace('@', '@second');
  await db.pool.query(
    `INSERT INTO matrix_user_mappings (matrix_user_id, person_id, state, attached_by, activated_at)
     VALUES ($1, $2, 'active', 'sign_in', now())`,
    [second, alice.personId],
  );
  const setPrimary = (userId: string, primary: boolean) =>
    db.pool.query('UPDATE matrix_user_mappings SET is_primary = $2 WHERE matrix_user_id = $1', [
      userId,
      primary,
    ]);
  await setPrimary(alice.userId, false);
  await settle();
  assert.equal(await found('email', address), null);
  await setPrimary(second, true);
  await settle();
  assert.equal(await found('email', address), second);
  await db.pool.query('DELETE FROM matrix_user_mappings WHERE matrix_user_id = $1', [second]);
  assert.equal(await found('email', address), null, 'at once');
  await setPrimary(alice.userId, true);
  await settle();
  assert.equal(await found('email', address), alice.userId);
});

test('each rule lets in whom it names, as everywhere else; who hides looks like nobody', async () => {
  const relations = await Promise.all(
    ['stranger', 'friend', 'blocked', 'blocked friend'].map(async (relation) => {
      const who = await world.person();
      const address = `${who.personId}@example.org`;
      await world.field(who, 'email', address, true);
      if (relation.includes('friend')) await befriend(db.pool, who, asker);
      if (relation.includes('blocked')) await block(db.pool, who, asker);
      return { who, address };
    }),
  );
  await world.field(asker, 'email', `self.${unique}@example.org`, true);
  await settle();
  const cases = [...relations, { who: asker, address: `self.${unique}@example.org` }];
  const pepper = await pepperOf();
  let hidden = 0;
  for (const profile of AUDIENCES) {
    for (const find of AUDIENCES) {
      for (const { who, address } of cases) {
        await world.rules(who, find, profile);
        const beheld = (await privacyStore(db.pool).behold(asker.personId, [who.personId])).get(who.personId);
        assert.ok(beheld);
        const may = allows(beheld.facts.rules, beheld.viewer, 'find_by_email');
        hidden += may ? 0 : 1;
        assert.equal(
          await found('email', address, token, pepper),
          may ? who.userId : null,
          `${profile} ${find} ${beheld.viewer}`,
        );
        const public_ = profile !== 'private' && find === 'public';
        assert.equal(await found('email', address, stranger, pepper), public_ ? who.userId : null);
      }
    }
  }
  assert.ok(hidden > 10);
});

test('who is suspended is not found; a rule that changes while her digests are made is the one that counts', async () => {
  const alice = await world.person();
  await world.rules(alice, 'public');
  const address = `states.${unique}@example.org`;
  const fieldId = await world.field(alice, 'email', address, true);
  await settle();
  const own = await tokenFor(db, alice.userId);
  const setState = (state: string) =>
    db.pool.query('UPDATE aura_id_registry SET state = $2 WHERE person_id = $1', [alice.personId, state]);
  await setState('suspended');
  assert.deepEqual([await found('email', address), await found('email', address, stranger)], [null, null]);
  await setState('active');
  assert.equal(await found('email', address), alice.userId);
  const client = await db.pool.connect();
  try {
    await db.pool.query('DELETE FROM identity_digests WHERE field_id = $1', [fieldId]);
    await client.query('BEGIN');
    await client.query("UPDATE person_privacy SET find_by_email = 'private' WHERE person_id = $1", [
      alice.personId,
    ]);
    const made = identity.outboxHandlers.get('identity_service.index')!({ fieldId }, '');
    await eventually(async () => {
      const sql =
        "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%identity_digests%'";
      assert.ok((await db.pool.query(sql)).rowCount, 'it waits for the change');
    });
    await client.query('COMMIT');
    await made;
  } finally {
    client.release();
  }
  assert.deepEqual([await found('email', address), await found('email', address, own)], [null, alice.userId]);
});

test('of several who proved an address the last counts, though she hides', async () => {
  const [first, second] = [await world.person(), await world.person()];
  const address = `shared.${unique}@example.org`;
  for (const who of [first, second]) {
    await world.rules(who, 'public');
    await world.field(who, 'email', address, true);
  }
  await settle();
  assert.equal(await found('email', address), second.userId);
  await world.rules(second, 'private');
  assert.equal(await found('email', address), null);
});

test('while a pepper is replaced both count, and nobody is lost; the one before is dropped after its time', async () => {
  const old = await pepperOf();
  const people: { who: LookupPerson; address: string }[] = [];
  const join = async (): Promise<void> => {
    const who = await world.person();
    await world.rules(who, 'public');
    const address = `turn.${people.length}.${unique}@example.org`;
    await world.field(who, 'email', address, true);
    await settle();
    people.push({ who, address });
  };
  for (let i = 0; i < 20; i++) await join();
  let rotating = true;
  const load = (async () => {
    while (rotating || people.length < 30) {
      await join();
      const { who, address } = people[Math.trunc(Math.random() * people.length)]!;
      assert.equal(await found('email', address, token, old), who.userId);
      assert.equal(await found('email', address), who.userId);
      await turn();
    }
  })();
  await rotateSoon();
  await Promise.all([keep.run(), keep.run(), keep.run()]);
  rotating = false;
  await load;
  const current = await eventually(async () => {
    const pepper = await pepperOf();
    assert.notEqual(pepper, old);
    return pepper;
  });
  for (const { who, address } of people) {
    assert.equal(await found('email', address, token, old), who.userId);
    assert.equal(await found('email', address, token, current), who.userId);
  }
  await db.pool.query(
    "UPDATE identity_peppers SET previous_at = now() - interval '2 hours' WHERE state = 'previous'",
  );
  await keep.run();
  const { rows } = await db.pool.query('SELECT pepper, state FROM identity_peppers');
  assert.deepEqual(rows, [{ pepper: current, state: 'current' }]);
  const { rows: left } = await db.pool.query('SELECT DISTINCT pepper_id FROM identity_digests');
  assert.equal(left.length, 1);
});

test('a dump cannot be tried: no digest follows from an address, the pepper and all else that is stored', async () => {
  const who = await world.person();
  await world.rules(who, 'public');
  const address = `dump.${unique}@example.org`;
  const fieldId = await world.field(who, 'email', address, true);
  await settle();
  const { rows: peppers } = await db.pool.query('SELECT * FROM identity_peppers');
  const { rows: digests } = await db.pool.query<{ digest: string }>(
    'SELECT digest FROM identity_digests WHERE field_id = $1',
    [fieldId],
  );
  assert.equal(digests.length, peppers.length);
  const stored = new Set(digests.map(({ digest }) => digest.replaceAll('-', '')));
  const keysInDump = peppers.flatMap((row) => Object.values(row).map(String));
  for (const { pepper } of peppers) {
    const texts = [`${address} email ${pepper}`, address, `email\0${address}`];
    for (const text of texts) {
      const plain = createHash('sha256').update(text).digest();
      const tried = [
        plain.toString('hex'),
        createHash('sha256').update(plain).digest('hex'),
        ...keysInDump.flatMap((key) => [
          createHmac('sha256', key).update(plain).digest('hex'),
          createHmac('sha256', key).update(text).digest('hex'),
        ]),
      ];
      for (const digest of tried) assert.ok(!stored.has(digest.slice(0, 32)));
    }
  }
  assert.equal(await found('email', address), who.userId, 'with the key it is found');
});

test('too many addresses are refused, and who asks for too many in an hour is stopped', async () => {
  const pepper = await pepperOf();
  const hashes = (n: number) => Array.from({ length: n }, () => randomBytes(32).toString('base64url'));
  const eager = await tokenFor(db, `@eager${unique}:elsewhere.example`);
  for (const n of [LOOKUP_ADDRESSES_MAX + 1, 10_000]) {
    const answer = await ask({ algorithm: 'sha256', pepper, addresses: hashes(n) }, eager);
    assert.deepEqual([answer.status, answer.body.errcode], [413, 'M_TOO_LARGE']);
  }
  const body = { algorithm: 'sha256', pepper, addresses: hashes(LOOKUP_ADDRESSES_MAX) };
  let answered = 0;
  for (;;) {
    const answer = await ask(body, eager);
    if (answer.status === 429) break;
    assert.equal(answer.status, 200);
    answered += 1;
    assert.ok(answered <= LOOKUP_LIMIT.hits / 100);
  }
  assert.equal(answered, LOOKUP_LIMIT.hits / 100);
  assert.equal(
    (await ask({ algorithm: 'sha256', pepper: 'x', addresses: [] })).body.errcode,
    'M_INVALID_PEPPER',
  );
  assert.equal((await ask({ algorithm: 'sha256', pepper })).body.errcode, 'M_BAD_JSON');
  assert.equal((await ask({ algorithm: 'sha256', pepper, addresses: [1] })).body.errcode, 'M_BAD_JSON');
  assert.equal((await ask({}, 'unknown')).status, 401);
});

test('with many rows every statement of a look-up and of a rotation goes by its index', async () => {
  await db.pool.query(
    `INSERT INTO identity_associations (association_id, matrix_user_id, medium, address_envelope, validated_at)
     SELECT gen_random_uuid(), '@m' || n || ':elsewhere.example', 'email', '\\x00', now() FROM generate_series(1, 20000) n`,
  );
  await db.pool.query(
    `INSERT INTO identity_digests (digest, pepper_id, association_id, medium, matrix_user_id, proved_at)
     SELECT gen_random_uuid(), p.pepper_id, a.association_id, a.medium, a.matrix_user_id, a.validated_at
     FROM identity_associations a CROSS JOIN identity_peppers p`,
  );
  await db.pool.query('ANALYZE identity_associations, identity_digests, personal_fields, aura_id_registry');
  const one = await world.person();
  const fieldId = await world.field(one, 'email', `plan.${unique}@example.org`, true);
  const sent = await statementsOf(async () => {
    await settle();
    await found('email', `plan.${unique}@example.org`);
    await identity.outboxHandlers.get('identity_service.index')?.({ fieldId }, '');
    await rotateSoon();
    await keep.run();
  });
  const ours = [...sent].filter(
    (text) => /identity_(digests|associations)/.test(text) && !text.startsWith('LOCK'),
  );
  assert.ok(ours.length >= 3, `${ours.length} statements`);
  for (const text of ours) {
    const plan = (await planOf(db.pool, text)).join('\n');
    assert.ok(
      !/Seq Scan on (identity_digests|identity_associations|personal_fields|aura_id|matrix_user)/.test(plan),
      plan,
    );
    if (text.includes('WITH ORDINALITY')) assert.ok(!/Hash Join|Merge Join/.test(plan), plan);
  }
});

test('many accounts of one network, or of one other homeserver, look up no more together than they may', async () => {
  const pepper = await pepperOf();
  const body = { algorithm: 'sha256', pepper, addresses: [hashOf('email', `x.${unique}@x`, pepper)] };
  const spend = (key: string, limit: { hits: number }) =>
    db.pool.query(
      "INSERT INTO rate_limits (key, hits, window_ends_at) VALUES ($1, $2, now() + interval '1 hour')",
      [key, limit.hits],
    );
  const lookUp = async (userId: string, from: string) =>
    (
      await askIdentity(door.baseUrl, 'POST', `${V2}/lookup`, {
        token: await tokenFor(db, userId),
        body,
        from,
      })
    ).status;
  await spend('identity-lookup-from:192.0.2.7', LOOKUP_NETWORK_LIMIT);
  await spend('identity-lookup-server:farm.example', LOOKUP_SERVER_LIMIT);
  await spend(`identity-lookup-server:${config.SYNAPSE_SERVER_NAME}`, LOOKUP_SERVER_LIMIT);
  assert.equal(await lookUp('@one:a.example', '192.0.2.7'), 429);
  assert.equal(await lookUp('@two:b.example', '192.0.2.7'), 429);
  assert.equal(await lookUp('@one:farm.example', '192.0.2.8'), 429);
  assert.equal(await lookUp('@two:farm.example', '192.0.2.9'), 429);
  assert.equal(await lookUp('@three:b.example', '192.0.2.9'), 200);
  assert.equal(await lookUp(`@four:${config.SYNAPSE_SERVER_NAME}`, '192.0.2.9'), 200, 'our own are known');
});
