/** Where a person is signed in, and her password: over the HTTP door, a real PostgreSQL and, for devices, a real Synapse. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { constellation } from '../harness.ts';
import { planOf, statementsOf } from '../support/plans.ts';
import { openPrivacyDoor, type Somebody } from '../support/privacy-door.ts';

const door = await openPrivacyDoor();
const { config } = constellation();

describe('sessions', () => {
  /** A Matrix account with one device, hers. */
  async function withAccount(person: Somebody): Promise<{ userId: string; token: string }> {
    const response = await fetch(`${config.SYNAPSE_URL}/_matrix/client/v3/register`, {
      method: 'POST',
      headers: { authorization: `Bearer ${config.APPSERVICE_AS_TOKEN}` },
      body: JSON.stringify({
        type: 'm.login.application_service',
        username: `u${randomBytes(16).toString('hex')}`,
        initial_device_display_name: 'Element on a laptop',
      }),
    });
    const made = (await response.json()) as { user_id: string; access_token: string };
    await door.db.pool.query(
      `INSERT INTO matrix_user_mappings (matrix_user_id, person_id, state, is_primary, attached_by)
       VALUES ($1, $2, 'active', true, 'provisioned')`,
      [made.user_id, person.personId],
    );
    return { userId: made.user_id, token: made.access_token };
  }
  const addEndpoint = async (person: Somebody, app: string): Promise<void> => {
    await door.db.pool.query(
      `INSERT INTO apps (app_id, name, icon, origins, redirect_uris, scopes) VALUES ($1, $1, 'x', '{}', '{}', '{}')
       ON CONFLICT DO NOTHING`,
      [app],
    );
    await door.db.pool.query(
      `INSERT INTO endpoints (endpoint_id, person_id, app_id, device_key, scopes)
       VALUES (gen_random_uuid(), $1, $2, 'device-other', '{call.place}')`,
      [person.personId, app],
    );
  };
  const addBrowser = (person: Somebody) =>
    door.db.pool.query(
      `INSERT INTO oidc_documents (model, id, payload, expires_at) VALUES ('Session', $1, $2, now() + interval '1 day')`,
      [
        randomBytes(8).toString('hex'),
        JSON.stringify({ accountId: person.personId, loginTs: 1_700_000_000 }),
      ],
    );
  const kinds = async (person: Somebody): Promise<string[]> =>
    (await person.ask('GET', '/me/sessions')).body.sessions.map((one: { kind: string }) => one.kind).sort();

  it('are listed with this one marked, and ended one by one by their owner only', async () => {
    const [alice, eve] = [await door.person(), await door.person()];
    const { token } = await withAccount(alice);
    await addEndpoint(alice, 'market');
    await addBrowser(alice);
    const listed = (await alice.ask('GET', '/me/sessions')).body.sessions;
    assert.deepEqual(await kinds(alice), ['app', 'app', 'browser', 'matrix']);
    assert.equal(listed.filter((one: { current: boolean }) => one.current).length, 1);
    assert.ok(!JSON.stringify(listed).includes('device-other'), 'the device’s key is nobody’s to see');
    const matrix = listed.find((one: { kind: string }) => one.kind === 'matrix');
    assert.equal(matrix.label, 'Element on a laptop');
    for (const one of listed) {
      const path = `/me/sessions/${encodeURIComponent(one.sessionId)}`;
      assert.equal((await eve.ask('DELETE', path)).status, 404, one.kind);
      if (one.current) continue;
      assert.equal((await alice.ask('DELETE', path)).status, 204, one.kind);
      assert.equal((await alice.ask('DELETE', path)).status, 404, `${one.kind} again`);
    }
    assert.deepEqual(await kinds(alice), ['app']);
    assert.equal(door.revoked.length > 0, true);
    const whoami = await fetch(`${config.SYNAPSE_URL}/_matrix/client/v3/account/whoami`, {
      headers: { authorization: `Bearer ${token}` },
    });
    assert.equal(whoami.status, 401);
  });

  it('end all at once but this one; apps end by name', async () => {
    const alice = await door.person();
    await withAccount(alice);
    await addEndpoint(alice, 'market');
    await addEndpoint(alice, 'play');
    await addBrowser(alice);
    const apps = (await alice.ask('GET', '/me/apps')).body.apps;
    assert.deepEqual(
      apps.map((one: { appId: string; sessions: number }) => [one.appId, one.sessions]),
      [
        ['chat', 1],
        ['market', 1],
        ['play', 1],
      ],
    );
    assert.equal((await alice.ask('DELETE', '/me/apps/market')).status, 204);
    assert.equal((await alice.ask('DELETE', '/me/apps/market')).status, 404);
    assert.equal((await alice.ask('POST', '/me/sessions/revoke-all')).status, 204);
    assert.deepEqual(await kinds(alice), ['app']);
    assert.ok(door.audited.some((entry) => entry.act === 'sessions.revoked_all'));
  });

  it('do not end without their entry in the audit log', async () => {
    const alice = await door.person();
    await addEndpoint(alice, 'market');
    await addBrowser(alice);
    const listed: { sessionId: string; current: boolean }[] = (await alice.ask('GET', '/me/sessions')).body
      .sessions;
    door.auditLog.isAway = true;
    try {
      for (const one of listed) {
        const answer = await alice.ask('DELETE', `/me/sessions/${encodeURIComponent(one.sessionId)}`);
        assert.equal(answer.status, 503);
      }
      assert.equal((await alice.ask('DELETE', '/me/apps/market')).status, 503);
    } finally {
      door.auditLog.isAway = false;
    }
    assert.deepEqual(await kinds(alice), ['app', 'app', 'browser']);
  });

  it('are found, named and ended by indexes, however many others have', async () => {
    const [alice, many] = [await door.person(), await door.person()];
    await withAccount(alice);
    await addEndpoint(alice, 'market');
    await door.db.pool.query(
      `INSERT INTO endpoints (endpoint_id, person_id, app_id, device_key, scopes, grant_id)
       SELECT gen_random_uuid(), $1, 'chat', 'd' || n, '{}', 'g' || n FROM generate_series(1, 20000) n`,
      [many.personId],
    );
    await door.db.pool.query(
      `INSERT INTO oidc_documents (model, id, grant_id, payload)
       SELECT model, 't' || n, 'g' || n, jsonb_build_object('accountId', n) FROM generate_series(1, 20000) n,
         unnest(ARRAY['AccessToken', 'Session']) AS model`,
    );
    await door.db.pool.query('ANALYZE endpoints, oidc_documents');
    const texts = await statementsOf(async () => {
      assert.equal((await alice.ask('POST', '/me/sessions/revoke-all')).status, 204);
    });
    const ours = [...texts].filter((text) => /named|matrix_sign_ins|jsonb_agg/.test(text));
    assert.ok(ours.length >= 3, `${ours.length} statements`);
    for (const text of ours) {
      const plan = (await planOf(door.db.pool, text)).join('\n');
      assert.doesNotMatch(plan, /Seq Scan on/, text);
      assert.doesNotMatch(plan, /Index Cond: \(model = 'Session'::text\)\n/, plan);
    }
  });

  it('end with a new password, which needs the present one', async () => {
    const alice = await door.person();
    const { userId } = await withAccount(alice);
    await addBrowser(alice);
    const change = (body: object) => alice.ask('POST', '/account/password', body);
    const newPassword = 'a new one, long enough';
    assert.equal((await change({ currentPassword: 'wrong', newPassword })).body.reason, 'wrong_password');
    assert.equal(
      (await change({ currentPassword: 'right', newPassword: 'short' })).body.field,
      'newPassword',
    );
    assert.equal(door.passwords.get(userId), undefined);
    const kept = await change({ currentPassword: 'right', newPassword, signOutOthers: false });
    assert.equal(kept.status, 204, kept.text);
    assert.deepEqual(await kinds(alice), ['app', 'browser', 'matrix']);
    assert.equal((await change({ currentPassword: 'right', newPassword })).status, 204);
    assert.equal(door.passwords.get(userId), newPassword);
    assert.deepEqual(await kinds(alice), ['app']);
  });
});
