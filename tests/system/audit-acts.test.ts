/**
 * What people do to identities is in the audit log: every route that changes something names the acts that it writes, or
 * says why it writes none; and what two people do to each other is there, by id, each in her own entries.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ACTS, type Act } from '../../auralink-communication-service/auralink-modules/auraid/audit.ts';
import { ownConstellation } from '../harness.ts';
import { realPeople } from '../support/real-people.ts';

const CALLS = 'calls have records of their own, which both people see';
const LISTS = 'her own order of her contacts, which nobody else meets';
const ASKS = 'changes nothing';
const SIGN_IN = 'session.started';
const KEY = ['app.key_issued', 'app.key_rotated', 'app.key_revoked'] as const;

/** By method and path: what it writes, or (a sentence) why it writes nothing. */
const WRITES: Readonly<Record<string, Act | readonly Act[] | { readonly nothing: string }>> = {
  'POST /oidc/interaction/{uid}/login': SIGN_IN,
  'POST /oidc/interaction/{uid}/code': SIGN_IN,
  'POST /oidc/interaction/{uid}/register': ['name.claimed', SIGN_IN],
  'POST /oidc/interaction/{uid}/claim': ['name.claimed', 'name.taken_back', SIGN_IN],
  'POST /oidc/interaction/{uid}/forgotten': {
    nothing: 'who asks is not known; a message that is sent is recorded',
  },
  'POST /oidc/interaction/{uid}/reset': ['password.reset', SIGN_IN],
  'POST /oidc/interaction/{uid}/abort': { nothing: ASKS },
  'POST /internal/matrix/register': 'name.claimed',
  'POST /_auralink/v1/endpoint/revoke': 'session.revoked',
  'PUT /_auralink/v1/devices/current/app': { nothing: 'which app rings on a device: no one else meets it' },
  'POST /_auralink/v1/resolve': { nothing: ASKS },
  'POST /_auralink/v1/find': { nothing: ASKS },
  'PATCH /_auralink/v1/me/privacy': 'privacy.changed',
  'PUT /_auralink/v1/blocks/{auraId}': 'contact.blocked',
  'DELETE /_auralink/v1/blocks/{auraId}': 'contact.unblocked',
  'DELETE /_auralink/v1/contacts/{auraId}': 'contact.unfriended',
  'PUT /_auralink/v1/contacts/{auraId}/note': { nothing: LISTS },
  'POST /_auralink/v1/contacts/requests': ['contact.asked', 'contact.befriended'],
  'POST /_auralink/v1/contacts/requests/{requestId}/accept': 'contact.befriended',
  'POST /_auralink/v1/contacts/requests/{requestId}/decline': 'contact.declined',
  'DELETE /_auralink/v1/contacts/requests/{requestId}': 'contact.withdrawn',
  'POST /_auralink/v1/lists': { nothing: LISTS },
  'PUT /_auralink/v1/lists/{listId}': { nothing: LISTS },
  'DELETE /_auralink/v1/lists/{listId}': { nothing: LISTS },
  'PUT /_auralink/v1/lists/{listId}/members/{auraId}': { nothing: LISTS },
  'DELETE /_auralink/v1/lists/{listId}/members/{auraId}': { nothing: LISTS },
  'POST /_auralink/v1/invites': 'invite.made',
  'DELETE /_auralink/v1/invites/{inviteId}': 'invite.revoked',
  'POST /_auralink/v1/invites/redeem': 'invite.used',
  'PUT /_auralink/v1/me/name': 'name.renamed',
  'DELETE /_auralink/v1/me/name': 'name.released',
  'POST /_auralink/v1/me/matrix-accounts': 'account.attached',
  'PUT /_auralink/v1/me/matrix-accounts/primary': 'account.primary',
  'DELETE /_auralink/v1/me/matrix-accounts/{userId}': 'account.detached',
  'POST /_auralink/v1/me/fields': 'field.written',
  'PUT /_auralink/v1/me/fields/{fieldId}': 'field.written',
  'DELETE /_auralink/v1/me/fields/{fieldId}': 'field.removed',
  'PUT /_auralink/v1/me/picture': 'field.written',
  'DELETE /_auralink/v1/me/picture': 'field.removed',
  'PUT /_auralink/v1/me/profile': 'profile.changed',
  'POST /_auralink/v1/account/erasure': ['erasure.confirmed', 'erasure.done'],
  'POST /_auralink/v1/me/documents': 'document.begun',
  'PUT /_auralink/v1/me/documents/{documentId}/lines': { nothing: 'a draft, until it is sent' },
  'POST /_auralink/v1/me/documents/{documentId}/send': 'document.sent',
  'DELETE /_auralink/v1/me/documents/{documentId}': ['document.withdrawn', 'document.deleted'],
  'POST /_auralink/v1/me/documents/{documentId}/chip': { nothing: 'a draft, until it is sent' },
  'PUT /_auralink/v1/me/documents/{documentId}/images/{side}': { nothing: 'a draft, until it is sent' },
  'DELETE /_auralink/v1/me/documents/{documentId}/images/{side}': { nothing: 'a draft, until it is sent' },
  'POST /_auralink/v1/me/verifications': { nothing: 'a claim, until it is proved' },
  'DELETE /_auralink/v1/me/verifications/{verificationId}': 'verification.withdrawn',
  'POST /_auralink/v1/me/verifications/{verificationId}/submit': 'verification.proved',
  'POST /_auralink/v1/me/verifications/{verificationId}/resend': { nothing: 'a claim, until it is proved' },
  'POST /_auralink/v1/verifications/link/look': { nothing: ASKS },
  'POST /_auralink/v1/verifications/link': 'verification.proved',
  'POST /_auralink/v1/reviews/{documentId}/claim': 'document.claimed',
  'POST /_auralink/v1/reviews/{documentId}/release': {
    nothing: 'the claim is recorded, and lapses by itself',
  },
  'POST /_auralink/v1/reviews/{documentId}/verdict': [
    'document.judged',
    'document.approved',
    'document.rejected',
    'document.asked',
  ],
  'DELETE /_auralink/v1/me/apps/{appId}': 'session.revoked',
  'POST /_auralink/v1/account/password': 'password.changed',
  'DELETE /_auralink/v1/me/sessions/{sessionId}': 'session.revoked',
  'POST /_auralink/v1/me/sessions/revoke-all': 'sessions.revoked_all',
  'POST /_auralink/v1/calls': { nothing: CALLS },
  'POST /_auralink/v1/calls/{callId}/cancel': { nothing: CALLS },
  'POST /_auralink/v1/calls/{callId}/hangup': { nothing: CALLS },
  'POST /_auralink/v1/calls/{callId}/media-token': { nothing: CALLS },
  'POST /_auralink/v1/rings/{ringId}/answer': { nothing: CALLS },
  'POST /_auralink/v1/rings/{ringId}/decline': { nothing: CALLS },
  'POST /internal/users/{personId}/suspend': 'person.suspended',
  'POST /internal/users/{personId}/resume': 'person.resumed',
  'PUT /internal/reviewers/{personId}': 'reviewer.granted',
  'DELETE /internal/reviewers/{personId}': 'reviewer.revoked',
  'POST /internal/webhooks/replay': 'webhooks.replayed',
  'POST /internal/webhooks/rotate': 'webhooks.secret_rotated',
  'POST /internal/webhooks/enable': 'webhooks.enabled',
  'POST /internal/webhooks/disable': 'webhooks.disabled',
  'PUT /internal/apps/{appId}': ['app.made', 'app.changed', 'app.switched'],
  'DELETE /internal/apps/{appId}': 'app.deleted',
  'POST /internal/apps/{appId}/keys': KEY[0],
  'POST /internal/apps/{appId}/keys/{keyId}/rotate': KEY[1],
  'DELETE /internal/apps/{appId}/keys/{keyId}': KEY[2],
  'PUT /_auralink/v1/me/own-apps/{appId}': ['app.made', 'app.changed'],
  'DELETE /_auralink/v1/me/own-apps/{appId}': 'app.deleted',
  'POST /_auralink/v1/me/own-apps/{appId}/disable': 'app.switched',
  'POST /_auralink/v1/me/own-apps/{appId}/enable': 'app.switched',
  'POST /_auralink/v1/me/own-apps/{appId}/keys': KEY[0],
  'POST /_auralink/v1/me/own-apps/{appId}/keys/{keyId}/rotate': KEY[1],
  'DELETE /_auralink/v1/me/own-apps/{appId}/keys/{keyId}': KEY[2],
  'POST /_auralink/v1/app/introspect': { nothing: ASKS },
  'POST /internal/mesh/register_node': { nothing: 'of a node of the mesh, not of an identity' },
  'POST /internal/routing/query': { nothing: ASKS },
};
/** Written by no request that changes something. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'export.made': 'GET /account/export',
  'address.bound': 'POST /_matrix/identity/v2/3pid/bind',
  'address.unbound': 'POST /_matrix/identity/v2/3pid/unbind, and a newer proof of the same address',
  'keys.rotated': './aura keys rotate',
  'session.widened': 'GET /oidc/auth, when an app asks for more on the same device',
  'verification.superseded': 'a newer proof of the same address',
  'verification.expired': 'time',
  'document.viewed': 'GET of a picture by a reviewer',
  'review.refused': 'a reviewer who asks for what is not hers',
};

test('every route that changes something says what it writes, and every act is written by something', () => {
  const description = JSON.parse(readFileSync('docs/api/openapi.json', 'utf8')) as {
    paths: Record<string, Record<string, unknown>>;
  };
  const changing = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.keys(methods)
      .filter((method) => !['get', 'head'].includes(method))
      .map((method) => `${method.toUpperCase()} ${path}`),
  );
  assert.deepEqual(Object.keys(WRITES).sort(), changing.sort());
  const written = Object.values(WRITES).flatMap((one) =>
    typeof one === 'object' && 'nothing' in one ? [] : [one].flat(),
  );
  assert.deepEqual([...new Set([...written, ...Object.keys(ELSEWHERE)])].sort(), [...ACTS].sort());
});

test('what two people do to each other is there by id, and what an app may do from when on', async () => {
  const constellation = await ownConstellation('audit-acts', { processes: 1, redis: false });
  const people = await realPeople(constellation);
  const { db } = people.world;
  db.on('error', () => {});
  const [her, him] = await Promise.all([people.register('acting-helga'), people.register('acting-henry')]);
  const did = async (one: typeof her, method: string, path: string, body?: object) => {
    const answer = await one.ask(method, path, body);
    assert.ok(answer.status < 300, `${path} ${answer.text}`);
    return answer.body;
  };
  const request = async () =>
    (await did(her, 'POST', '/contacts/requests', { to: him.auraId })).requestId as string;
  await did(him, 'POST', `/contacts/requests/${await request()}/decline`);
  await did(her, 'DELETE', `/contacts/requests/${await request()}`);
  const { code, inviteId } = await did(him, 'POST', '/invites', {
    usesMax: 1,
    expiresInHours: 1,
    label: null,
  });
  await did(her, 'POST', '/invites/redeem', { code });
  await did(her, 'DELETE', `/contacts/${him.auraId}`);
  await did(him, 'PUT', `/blocks/${her.auraId}`);
  await did(him, 'DELETE', `/blocks/${her.auraId}`);
  await did(him, 'POST', '/contacts/requests', { to: her.auraId });
  await did(her, 'POST', '/contacts/requests', { to: him.auraId });

  const acts = async (one: typeof her) => {
    const { rows } = await db.query<{ actor: string; act: string; detail: Record<string, string> }>(
      `SELECT actor, act, detail FROM audit_log WHERE subject_id = $1 AND act NOT IN ('name.claimed') ORDER BY at`,
      [one.personId],
    );
    assert.ok(rows.every(({ actor }) => actor === `person:${one.personId}`));
    return rows.map(({ act, detail }) => [act, detail.other ?? detail.appId ?? null]);
  };
  const [hers, his] = [her.personId, him.personId];
  assert.deepEqual(await acts(her), [
    ['session.started', 'phone'],
    ['contact.asked', his],
    ['contact.withdrawn', his],
    ['invite.used', his],
    ['contact.unfriended', his],
    ['contact.befriended', his],
  ]);
  assert.deepEqual(await acts(him), [
    ['session.started', 'phone'],
    ['contact.declined', hers],
    ['invite.made', null],
    ['contact.blocked', hers],
    ['contact.unblocked', hers],
    ['contact.asked', hers],
  ]);
  const { rows } = await db.query("SELECT detail FROM audit_log WHERE act = 'invite.used'");
  assert.equal(rows[0].detail.inviteId, inviteId);
});
