/** People, privacy, contacts and the account in the SDK: what is asked, what is never asked twice, what is told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AuraLinkError } from '../../../auralink-client/index.ts';
import { json, problem } from '../../fakes/client-service.ts';
import { clientWorld, settle } from '../../fakes/client-world.ts';

const API = '/_auralink/v1';

test('addresses are escaped wherever they stand in a path', async () => {
  const { auralink, service } = clientWorld();
  const nothing = () => new Response(null, { status: 204 });
  service.on(`PUT ${API}/blocks/%40bob%2F..%2Fme.aura`, nothing);
  service.on(`DELETE ${API}/contacts/%40bob.aura`, nothing);
  await auralink.privacy.block('@bob/../me.aura');
  await auralink.contacts.remove('@bob.aura');
  assert.equal(service.seen(`DELETE ${API}/contacts/%40bob.aura`)[0]?.body, '');
});

test('many addresses are asked about in hundreds, and come back in order', async () => {
  const { auralink, service } = clientWorld();
  service.on(`POST ${API}/resolve`, ({ body }) => {
    const { auraIds } = JSON.parse(body) as { auraIds: string[] };
    return json({ people: auraIds.map((auraId) => (auraId === '@p7.aura' ? null : { auraId })) });
  });
  const asked = Array.from({ length: 230 }, (_, index) => `@p${index}.aura`);
  const people = await auralink.identity.resolveMany(asked);
  assert.deepEqual(
    people.map((one) => one?.auraId ?? null),
    asked.map((auraId) => (auraId === '@p7.aura' ? null : auraId)),
  );
  assert.deepEqual(
    service.seen(`POST ${API}/resolve`).map(({ body }) => JSON.parse(body).auraIds.length),
    [100, 100, 30],
  );
});

test('people are found by what is given, never in a path', async () => {
  const { auralink, service } = clientWorld();
  service.on(`POST ${API}/find`, () => json({ people: [{ auraId: '@bob.aura' }] }));
  const found = await auralink.identity.findPeople({ email: 'bob@example.org' });
  assert.deepEqual(
    found.map(({ auraId }) => auraId),
    ['@bob.aura'],
  );
  assert.deepEqual(JSON.parse(service.seen(`POST ${API}/find`)[0]?.body ?? ''), { email: 'bob@example.org' });
});

test('what anybody may ask goes without a token, a picture with one and under its own type', async () => {
  const { auralink, service } = clientWorld();
  service.on(`GET ${API}/profiles/%40bob.aura`, () => json({ auraId: '@bob.aura' }));
  service.on(`GET ${API}/names/bob`, () => json({ auraId: '@bob.aura', status: 'taken' }));
  service.on(
    `GET ${API}/pictures/%40bob.aura`,
    () => new Response('PNG', { headers: { 'content-type': 'image/png' } }),
  );
  service.on(`PUT ${API}/me/picture`, () => new Response(null, { status: 204 }));
  await auralink.identity.publicProfile('@bob.aura');
  await auralink.identity.checkName('bob');
  const picture = await auralink.account.picture('@bob.aura');
  await auralink.account.setPicture(new Blob(['JPEG'], { type: 'image/jpeg' }));
  assert.deepEqual([picture.type, await picture.text()], ['image/png', 'PNG']);
  const tokens = service.requests.map(({ path, headers }) => [path, headers.authorization !== undefined]);
  assert.deepEqual(tokens, [
    [`${API}/profiles/%40bob.aura`, false],
    [`${API}/names/bob`, false],
    [`${API}/pictures/%40bob.aura`, true],
    [`${API}/me/picture`, true],
  ]);
  assert.equal(service.requests.at(-1)?.headers['content-type'], 'image/jpeg');
});

test('a taken name brings others', async () => {
  const { auralink, service } = clientWorld();
  service.on(`PUT ${API}/me/name`, () => problem(409, 'M_USER_IN_USE', { suggestions: ['@bob.b.aura'] }));
  await assert.rejects(auralink.identity.rename('@bob.aura'), (error) => {
    assert.ok(error instanceof AuraLinkError);
    assert.deepEqual(error.suggestions, ['@bob.b.aura']);
    return true;
  });
});

test('what would be made twice is asked for once, even when no answer comes', async () => {
  const { auralink, service } = clientWorld();
  for (const path of ['/invites', '/lists', '/me/fields', '/account/password']) {
    service.on(`POST ${API}${path}`, () => problem(503, 'M_UNKNOWN'));
  }
  await assert.rejects(auralink.contacts.invite({ usesMax: 1, expiresInHours: 1 }));
  await assert.rejects(auralink.contacts.makeList('Family'));
  await assert.rejects(auralink.account.addField('email', 'a@example.com'));
  await assert.rejects(auralink.account.changePassword({ currentPassword: 'a', newPassword: 'b' }));
  assert.equal(service.requests.length, 4);
});

test('events about people reach the app, and are acknowledged though nobody listens', async () => {
  const { auralink, socket } = clientWorld();
  const heard: unknown[] = [];
  auralink.on('contactUpdated', (data) => heard.push(['contactUpdated', data]));
  auralink.on('contactRequest', (data) => heard.push(['contactRequest', data]));
  auralink.connect();
  await settle();
  socket().welcome(0);
  socket().receive({ type: 'contact.updated', seq: 1, data: { auraId: '@bob.aura' } });
  socket().receive({ type: 'contact.request', seq: 2, data: { requestId: 'r', from: '@bob.aura' } });
  socket().receive({ type: 'privacy.updated', seq: 3, data: {} });
  await settle();
  assert.deepEqual(heard, [
    ['contactUpdated', { auraId: '@bob.aura' }],
    ['contactRequest', { requestId: 'r', from: '@bob.aura' }],
  ]);
  assert.equal(socket().acknowledged().at(-1), 3);
  auralink.disconnect();
});

test('a code is never asked for or given twice over a broken network, and a link goes without a token', async () => {
  const { auralink, service } = clientWorld();
  const { verifications } = auralink.account;
  const away = () => new Response(null, { status: 503 });
  service.on(`POST ${API}/me/verifications`, away);
  service.on(`POST ${API}/me/verifications/v1/submit`, away);
  service.on(`POST ${API}/verifications/link/look`, () =>
    json({ auraId: '@bob.aura', address: 'b…@example.org' }),
  );
  await assert.rejects(verifications.start('email', 'bob@example.org'), AuraLinkError);
  await assert.rejects(verifications.submit('v1', '123456'), AuraLinkError);
  assert.equal(service.seen(`POST ${API}/me/verifications`).length, 1);
  assert.equal(service.seen(`POST ${API}/me/verifications/v1/submit`).length, 1);
  assert.deepEqual(await verifications.lookAtLink('T'), { auraId: '@bob.aura', address: 'b…@example.org' });
  const [asked] = service.seen(`POST ${API}/verifications/link/look`);
  assert.equal(asked?.headers.authorization, undefined);
  assert.deepEqual(JSON.parse(asked?.body ?? ''), { token: 'T' });
});
