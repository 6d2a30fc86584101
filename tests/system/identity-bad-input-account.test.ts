/**
 * Bad input at the account: erasure, export, sessions, apps and password with other people's ids, ids of nothing, wrong
 * types, hostile texts, ten thousand fields, and rights that are not there. Each is refused, and not one row changes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStage } from '../support/stage.ts';

const API = '/_auralink/v1';
const TABLES = [
  ...['aura_id_registry', 'aura_id_holds', 'endpoints', 'oidc_documents', 'personal_fields', 'person_keys'],
  ...['person_erasures', 'audit_log', 'outbox_events', 'matrix_user_mappings', 'friendships'],
];
const stage = await openStage('bad-input-account', { processes: 1 });

/** All rows of all these tables, as one digest each; when an endpoint was last used is none of the change. */
async function state(): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const table of TABLES) {
    const row = await stage.one<{ all: string }>(
      `SELECT count(*) || ' ' || coalesce(md5(string_agg((to_jsonb(t) - 'last_used_at')::text, ','
         ORDER BY (to_jsonb(t) - 'last_used_at')::text)), '') AS all FROM ${table} t`,
    );
    found[table] = row.all;
  }
  return found;
}

test('nothing of it changes anything, and everything is told what is wrong', async () => {
  const [alice, bob] = [await stage.person(), await stage.person()];
  const hers = await stage.phone(alice, { connect: false });
  const his = await stage.phone(bob, { connect: false });
  const nothing = '018f0000-0000-7000-8000-000000000000';
  const wide = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`field${i}`, i]));
  const { confirmation } = (await hers.request('GET', `${API}/account/erasure`)).body as unknown as {
    confirmation: string;
  };
  assert.equal(confirmation, alice.auraId);
  const before = await state();
  const bad: [string, string, unknown, number][] = [
    ['POST', '/account/erasure', {}, 400],
    ['POST', '/account/erasure', [], 400],
    ['POST', '/account/erasure', wide, 413],
    ['POST', '/account/erasure', { confirmation: alice.auraId }, 400],
    ['POST', '/account/erasure', { confirmation: '', currentPassword: 'x' }, 400],
    ['POST', '/account/erasure', { confirmation: 'x'.repeat(65), currentPassword: 'x' }, 400],
    ['POST', '/account/erasure', { confirmation: alice.auraId, currentPassword: 'a\u0000b' }, 400],
    ['POST', '/account/erasure', { confirmation: alice.auraId, currentPassword: 'x'.repeat(10_000) }, 400],
    [
      'POST',
      '/account/erasure',
      { confirmation: alice.auraId, currentPassword: 'x', personId: bob.personId },
      400,
    ],
    ['POST', '/account/password', { currentPassword: 'x', newPassword: 'short' }, 400],
    ['POST', '/account/password', { currentPassword: 'x' }, 400],
    ['POST', '/account/password', wide, 413],
    ['DELETE', `/me/sessions/${his.endpoint.endpointId}`, undefined, 404],
    ['DELETE', `/me/sessions/${nothing}`, undefined, 404],
    ['DELETE', "/me/sessions/'%3B%20DROP%20TABLE%20endpoints%3B--", undefined, 404],
    ['DELETE', `/me/sessions/${'x'.repeat(90)}`, undefined, 404],
    ['DELETE', '/me/apps/nobody-has-this', undefined, 404],
    ['DELETE', `/me/apps/${'x'.repeat(64)}`, undefined, 400],
  ];
  for (const [method, path, body, status] of bad) {
    const answer = await hers.request(method, `${API}${path}`, body);
    const what = `${method} ${path.slice(0, 80)} ${JSON.stringify(body ?? null).slice(0, 80)}`;
    assert.equal(answer.status, status, `${what}: ${JSON.stringify(answer.body)}`);
    const { detail } = answer.body as unknown as { detail: string };
    assert.ok(detail.length > 5, `${what} says nothing: ${JSON.stringify(answer.body)}`);
    if (status === 400) assert.ok(answer.body.field !== undefined, `${what} names no field`);
  }
  assert.deepEqual(await state(), before);
});

test('an app that may not manage the account can do none of it', async () => {
  const phone = await stage.phone(await stage.person(), {
    connect: false,
    scopes: ['call.place', 'contacts.read'],
  });
  const before = await state();
  const all: [string, string, unknown][] = [
    ['GET', '/account/export', undefined],
    ['GET', '/account/export.html', undefined],
    ['GET', '/account/audit', undefined],
    ['GET', '/account/erasure', undefined],
    ['POST', '/account/erasure', { confirmation: phone.endpoint.person.auraId, currentPassword: 'x' }],
    ['POST', '/account/password', { currentPassword: 'x', newPassword: 'long enough to be one' }],
    ['GET', '/me/sessions', undefined],
    ['POST', '/me/sessions/revoke-all', {}],
    ['GET', '/me/apps', undefined],
  ];
  for (const [method, path, body] of all) {
    const answer = await phone.request(method, `${API}${path}`, body);
    assert.deepEqual([answer.status, answer.body.reason], [403, 'missing_scope'], `${method} ${path}`);
  }
  assert.deepEqual(await state(), before);
});
