/**
 * Export and erasure over a real database, a real key ring and the real audit log: the export has every table that knows
 * a person, and nobody's secrets but hers; an erasure leaves noise and a number, and goes on after a failure.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { erase } from '../../auralink-communication-service/auralink-modules/auraid/erasure.ts';
import { asPage } from '../../auralink-communication-service/auralink-modules/auraid/export.ts';
import { MATRIX_PROFILE_LEFT_TOPIC } from '../../auralink-communication-service/auralink-modules/auraid/matrix-profile.ts';
import { newId } from '../../auralink-communication-service/core/ids.ts';
import { EXPORTED_TABLES } from '../../auralink-communication-service/store/export.ts';
import {
  call,
  deactivated,
  deps,
  exported,
  homeserver,
  note,
  one,
  person,
  pool,
  revoked,
  runErasure,
  vault,
} from '../support/leaving-room.ts';
import { planOf, statementsOf } from '../support/plans.ts';
import { befriend, block } from '../support/relations.ts';

describe('export', () => {
  it('has every table that knows a person', async () => {
    const { rows } = await pool.query<{ name: string }>(
      `SELECT DISTINCT conrelid::regclass::text AS name FROM pg_constraint
       WHERE contype = 'f' AND confrelid = 'aura_id_registry'::regclass`,
    );
    const missing = rows.map(({ name }) => name).filter((name) => !EXPORTED_TABLES.has(name));
    assert.deepEqual(missing, []);
  });

  it('opens what is hers, and holds nothing that others keep about her', async () => {
    const [alice, bob] = [await person('alice'), await person('bob')];
    await befriend(pool, alice, bob);
    await note(alice, bob, 'owes me a boat');
    await note(bob, alice, 'talks too much');
    await call(alice, bob);
    await pool.query(
      `INSERT INTO friend_requests (request_id, from_person_id, to_person_id, state, decided_at, asked_by, asked_as)
       SELECT $1, f.person_id, t.person_id, 'declined', now(), f.aura_id, t.aura_id
       FROM aura_id_registry f, aura_id_registry t WHERE f.person_id = $2 AND t.person_id = $3`,
      [newId(), alice.personId, bob.personId],
    );
    await block(pool, bob, alice);
    const all = await exported(alice);
    const text = JSON.stringify(all);
    for (const mine of ['alice@example.com', 'owes me a boat', '@alice.aura', '@ualice:aura.example']) {
      assert.ok(text.includes(mine), mine);
    }
    for (const his of ['talks too much', 'bob@example.com', 'Name of bob', 'declined']) {
      assert.ok(!text.includes(his), his);
    }
    assert.deepEqual(all.blocks, [], 'whom she blocked, not who blocked her');
    assert.deepEqual((all.requestsSent as { state: string }[])[0]?.state, 'pending');
    assert.equal((all.audit as { act: string }[])[0]?.act, 'export.made');
  });

  it('makes a page on which nothing that she wrote runs', async () => {
    const mallory = await person('mallory');
    await note(mallory, await person('trent'), '<script>alert("1")</script>');
    const page = asPage(await exported(mallory));
    assert.ok(page.includes('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;'));
    assert.ok(!page.includes('<script'));
  });

  it('says what cannot be read any more, and has everything else', async () => {
    const [nina, otto] = [await person('nina'), await person('otto')];
    await note(nina, otto, 'keeps bees');
    await note(nina, await person('paul'), 'keeps cats');
    // The one has another's ciphertext; of the field the last byte was altered.
    await pool.query(
      `UPDATE contact_notes n SET note_envelope = (SELECT envelope FROM personal_fields WHERE field_id = $2)
       WHERE n.person_id = $1 AND n.contact_person_id = $3`,
      [nina.personId, nina.fieldId, otto.personId],
    );
    const oneLess = await exported(nina);
    assert.deepEqual(oneLess.unreadable, [{ section: 'notes', table: 'contact_notes', kind: 'note' }]);
    assert.deepEqual(
      (oneLess.notes as { note?: string; unreadable?: true }[])
        .map((row) => row.note ?? row.unreadable)
        .sort(),
      ['keeps cats', true].sort(),
    );
    assert.equal((oneLess.fields as { value: string }[])[0]?.value, 'nina@example.com');
    // As when the ring has lost the key that wrapped hers.
    await pool.query("UPDATE person_keys SET ring_key_id = 'lost' WHERE person_id = $1", [nina.personId]);
    vault.forget(nina.personId);
    const all = await exported(nina);
    assert.deepEqual(all.unreadable.map(({ kind }) => kind).sort(), ['email', 'note', 'note']);
    assert.equal((all.profile as { auraId: string }[])[0]?.auraId, '@nina.aura');
    const page = asPage(all);
    assert.ok(page.includes('<h2>What could not be read</h2>') && page.includes('<td>email</td>'), page);
    assert.ok(asPage(oneLess).includes('<td>keeps cats</td>'), 'also where the first row has no value');
  });

  it('is given twice a minute', async () => {
    const greedy = await person('greedy');
    await exported(greedy);
    await exported(greedy);
    await assert.rejects(exported(greedy), { code: 'rate_limited' });
  });
});

describe('erasure', () => {
  it('does nothing without her address', async () => {
    const carol = await person('carol');
    await assert.rejects(erase(deps, carol.personId, '@someone.aura'), { code: 'invalid' });
    const { state } = await one('SELECT state FROM aura_id_registry WHERE person_id = $1', [carol.personId]);
    assert.equal(state, 'active');
    assert.ok(
      (
        await vault.open(
          carol.personId,
          { table: 'personal_fields', column: 'envelope', row: carol.fieldId },
          (
            await one('SELECT envelope FROM personal_fields WHERE field_id = $1', [carol.fieldId])
          ).envelope as Buffer,
        )
      ).length > 0,
    );
  });

  it('leaves a number: her rows, sessions and name are gone, and a copy of her data cannot be read', async () => {
    const [dave, erin] = [await person('dave'), await person('erin')];
    await befriend(pool, dave, erin);
    await note(erin, dave, 'nice');
    const place = { table: 'personal_fields', column: 'envelope', row: dave.fieldId };
    const backup = (await one('SELECT envelope FROM personal_fields WHERE field_id = $1', [dave.fieldId]))
      .envelope as Buffer;
    assert.equal((await vault.open(dave.personId, place, backup)).toString(), 'dave@example.com');
    const [placed, received] = [await call(dave, erin), await call(erin, dave)];
    await erase(deps, dave.personId, dave.auraId);
    assert.deepEqual(revoked.splice(0), [dave.endpointId]);
    await assert.rejects(vault.open(dave.personId, place, backup));
    const row = await one('SELECT * FROM aura_id_registry WHERE person_id = $1', [dave.personId]);
    assert.deepEqual([row.state, row.display_name, row.dashboard_user_id], ['erased', null, null]);
    for (const [table, column] of [
      ['personal_fields', 'person_id'],
      ['person_keys', 'person_id'],
      ['friendships', 'friend_person_id'],
      ['contact_notes', 'contact_person_id'],
      ['matrix_user_mappings', 'person_id'],
    ]) {
      const { n } = await one(`SELECT count(*)::int AS n FROM ${table} WHERE ${column} = $1`, [
        dave.personId,
      ]);
      assert.equal(n, 0, table);
    }
    const told = await one('SELECT data FROM endpoint_events WHERE endpoint_id = $1', [erin.endpointId]);
    assert.deepEqual(told.data, { auraId: '@dave.aura' });
    const hold = await one("SELECT * FROM aura_id_holds WHERE skeleton = 'dave'", []);
    assert.deepEqual([hold.cause, hold.person_id, hold.aura_id], ['erased', null, null]);

    await runErasure(dave);
    assert.deepEqual(
      deactivated.splice(0),
      ['@udave:aura.example'],
      'the account that she brought along stays',
    );
    const asCaller = await one('SELECT caller_aura_id FROM cross_app_calls WHERE call_id = $1', [placed]);
    const asCallee = await one('SELECT callee_aura_id FROM call_invitations WHERE call_id = $1', [received]);
    assert.match(String(asCaller.caller_aura_id), /^@gone-/);
    assert.match(String(asCallee.callee_aura_id), /^@gone-/);
    const others = await one('SELECT callee_aura_id FROM call_invitations WHERE call_id = $1', [placed]);
    assert.equal(others.callee_aura_id, '@erin.aura');
    const { rows } = await pool.query<{ act: string }>(
      'SELECT act FROM audit_log WHERE subject_id = $1 ORDER BY at',
      [dave.personId],
    );
    assert.deepEqual(
      rows.map(({ act }) => act),
      ['erasure.confirmed', 'erasure.done'],
    );
  });

  it('goes on where it failed, and is done once', async () => {
    const frank = await person('frank');
    await erase(deps, frank.personId, frank.auraId);
    homeserver.refusals = 1;
    await assert.rejects(runErasure(frank), /away/);
    const half = await one('SELECT steps_done, done_at FROM person_erasures WHERE person_id = $1', [
      frank.personId,
    ]);
    assert.deepEqual(half, { steps_done: ['rows', 'sessions'], done_at: null });
    await runErasure(frank);
    await runErasure(frank);
    assert.deepEqual(deactivated.splice(0), ['@ufrank:aura.example']);
    const whole = await one('SELECT steps_done, done_at FROM person_erasures WHERE person_id = $1', [
      frank.personId,
    ]);
    assert.deepEqual(whole.steps_done, ['rows', 'sessions', 'matrix', 'history']);
    assert.ok(whole.done_at instanceof Date);
  });

  it('has what we wrote taken back from the account that she brought along', async () => {
    const heidi = await person('heidi');
    await pool.query(
      `UPDATE matrix_user_mappings SET shown_name = 'Heidi', shown_picture_url = 'mxc://aura.example/h'
       WHERE person_id = $1`,
      [heidi.personId],
    );
    await erase(deps, heidi.personId, heidi.auraId);
    const { rows } = await pool.query('SELECT payload FROM outbox_events WHERE topic = $1', [
      MATRIX_PROFILE_LEFT_TOPIC,
    ]);
    const left = {
      userId: '@own-heidi:aura.example',
      displayName: 'Heidi',
      avatarUrl: 'mxc://aura.example/h',
    };
    assert.deepEqual(
      rows.map(({ payload }) => payload),
      [left],
    );
  });

  it('is refused a second time: there is nobody any more', async () => {
    const grace = await person('grace');
    await erase(deps, grace.personId, grace.auraId);
    await assert.rejects(erase(deps, grace.personId, grace.auraId), { code: 'unauthenticated' });
  });
});

describe('export and erasure', () => {
  it('find every row of hers by an index, however many others have', async () => {
    const [ivan, judy] = [await person('ivan'), await person('judy')];
    await pool.query(
      `INSERT INTO friend_requests (request_id, from_person_id, to_person_id, state, decided_at, asked_by, asked_as)
       SELECT gen_random_uuid(), $1, $2, 'withdrawn', now(), '@judy.aura', '@judith.aura' FROM generate_series(1, 20000)`,
      [judy.personId, (await person('judith')).personId],
    );
    await pool.query(
      `INSERT INTO endpoints (endpoint_id, person_id, app_id, device_key, scopes, revoked_at)
       SELECT gen_random_uuid(), $1, 'chat', 'd' || n, '{}', now() FROM generate_series(1, 20000) n`,
      [judy.personId],
    );
    await pool.query('ANALYZE friend_requests, endpoints');
    const texts = await statementsOf(async () => {
      await exported(ivan);
      await erase(deps, ivan.personId, ivan.auraId);
      await runErasure(ivan);
    });
    const ours = [...texts].filter((text) => /^\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH)/.test(text));
    assert.ok(ours.length > 40, `${ours.length} statements`);
    const scans: string[] = [];
    for (const text of ours) {
      const scan = (await planOf(pool, text)).find((line) => line.includes('Seq Scan on'));
      if (scan !== undefined) scans.push(`${scan}: ${text}`);
    }
    assert.deepEqual(scans, []);
    // Reading the whole of another index is no better.
    const received = ours.filter((text) => /friend_requests[^()]* WHERE to_person_id/.test(text));
    assert.equal(received.length, 2);
    for (const text of received) {
      assert.match((await planOf(pool, text)).join('\n'), /friend_requests_to_idx/, text);
    }
  });
});
