/**
 * A person before the whole world, over HTTP and a real database: WebFinger, profile, page and QR code exist for public
 * people only, and everybody else is, byte for byte, like a name that nobody has.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import { pino } from 'pino';
import { createPeopleViews } from '../../auralink-communication-service/auralink-modules/auraid/people-views.ts';
import { createPublicProfiles } from '../../auralink-communication-service/auralink-modules/auraid/public-profile.ts';
import { newId } from '../../auralink-communication-service/core/ids.ts';
import { namesRoutes } from '../../auralink-communication-service/http/names-routes.ts';
import {
  PUBLIC_REFUSAL_BYTES,
  publicRoutes,
} from '../../auralink-communication-service/http/public-routes.ts';
import { buildDoor } from '../../auralink-communication-service/http/server.ts';
import { openDatabase } from '../../auralink-communication-service/store/db.ts';
import { nameStore } from '../../auralink-communication-service/store/names.ts';
import { privacyStore } from '../../auralink-communication-service/store/privacy.ts';
import { testDatabase } from '../harness.ts';
import { namesRoom } from '../support/names-room.ts';

const BASE = 'https://aura.example.org';
const db = openDatabase(await testDatabase());
const room = namesRoom(db);
let door: FastifyInstance;

before(async () => {
  const profiles = createPublicProfiles({
    names: nameStore(db.pool),
    views: createPeopleViews({
      store: privacyStore(db.pool),
      vault: { open: async () => assert.fail('nothing encrypted is shown here') },
    }),
    publicBaseUrl: BASE,
    serverName: 'example.org',
  });
  const routes = [
    publicRoutes({
      profiles,
      limiter: { hit: async () => {} },
      sendProfilePage: (reply) => reply.type('text/html').send('<!doctype html><p>the page</p>'),
    }),
    namesRoutes({
      auth: { requireEndpoint: () => async () => {} },
      names: room.names,
      accounts: room.accounts,
    }),
  ] as FastifyPluginAsync[];
  door = await buildDoor({ logger: pino({ level: 'silent' }), newId, trustedProxies: [], plugins: routes });
});
after(async () => {
  await door.close();
  await db.close();
});

const get = (url: string) => door.inject({ method: 'GET', url });
const webFinger = (resource: string, rest = '') =>
  get(`/.well-known/webfinger?resource=${encodeURIComponent(resource)}${rest}`);

async function person(
  name: string,
  visibility: 'public' | 'friends' | 'private',
  displayName: string | null,
) {
  const made = await room.person(name);
  await db.pool.query('UPDATE aura_id_registry SET visibility = $2, display_name = $3 WHERE person_id = $1', [
    made.personId,
    visibility,
    displayName,
  ]);
  return made;
}

test('a public person is found by her account, her deep link and her page', async () => {
  await person('anna', 'public', 'Anna Berg');
  const expected = {
    subject: 'acct:anna@example.org',
    aliases: ['aura:@anna.aura', `${BASE}/@anna`],
    links: [
      { rel: 'http://webfinger.net/rel/profile-page', type: 'text/html', href: `${BASE}/@anna` },
      { rel: 'self', type: 'application/json', href: `${BASE}/_auralink/v1/profiles/%40anna.aura` },
    ],
  };
  const resources = [
    'acct:anna@example.org',
    'acct:anna@aura.example.org',
    'acct:Anna.aura@example.org',
    'aura:@anna.aura',
    `${BASE}/@anna`,
  ];
  for (const resource of resources) {
    const answer = await webFinger(resource);
    assert.equal(answer.statusCode, 200, resource);
    assert.match(String(answer.headers['content-type']), /^application\/jrd\+json/);
    assert.equal(answer.headers['access-control-allow-origin'], '*');
    assert.deepEqual(answer.json(), expected);
  }
  const one = await webFinger('acct:anna@example.org', '&rel=self');
  assert.deepEqual(one.json().links, expected.links.slice(1));
});

test('a public profile shows the fields that are public, and its page is there', async () => {
  const { personId } = await person('berta', 'public', 'Berta');
  const profile = await get('/_auralink/v1/profiles/@berta.aura');
  assert.equal(profile.statusCode, 200);
  assert.deepEqual([profile.json().auraId, profile.json().displayName], ['@berta.aura', 'Berta']);
  assert.equal(profile.json().online, false);
  assert.equal((await get('/@berta')).statusCode, 200);
  await db.pool.query(`UPDATE person_privacy SET show_name = 'friends' WHERE person_id = $1`, [personId]);
  assert.equal((await get('/_auralink/v1/profiles/berta')).json().displayName, null);
});

test('private, friends-only, erased, released and unclaimed names are answered alike', async () => {
  await person('clara', 'private', 'Clara Hidden');
  await person('doris', 'friends', 'Doris Hidden');
  const { personId } = await person('emily', 'public', 'Emily Gone');
  await room.names.release(personId);
  await person('frida', 'public', 'Frida Out');
  await db.pool.query(`UPDATE aura_id_registry SET state = 'suspended' WHERE aura_id = '@frida.aura'`);
  const surfaces = [
    (name: string) => `/_auralink/v1/profiles/@${name}.aura`,
    (name: string) => `/.well-known/webfinger?resource=acct:${name}@example.org`,
    (name: string) => `/@${name}`,
  ];
  for (const surface of surfaces) {
    const answers = await Promise.all(
      ['clara', 'doris', 'emily', 'frida', 'nobod'].map(async (name) => {
        const { statusCode, headers, body } = await get(surface(name));
        const { date: _date, ...rest } = headers;
        return { statusCode, headers: rest, body };
      }),
    );
    for (const answer of answers) assert.deepEqual(answer, answers.at(-1));
    assert.equal(answers[0]?.statusCode, 404);
    assert.equal(answers[0]?.headers['cache-control'], 'no-store');
  }
  const refusal = await get('/_auralink/v1/profiles/@clara.aura');
  assert.equal(Buffer.byteLength(refusal.body), PUBLIC_REFUSAL_BYTES);
});

test('what is no address, or of another server, is like nobody; what is no resource is refused', async () => {
  await person('greta', 'public', 'Greta');
  const nobody = await get('/_auralink/v1/profiles/nobod');
  for (const name of ['ал', 'a', '%E2%80%AEgreta', 'gr%20eta', '..%2Fgreta']) {
    const answer = await get(`/_auralink/v1/profiles/${name === 'ал' ? encodeURIComponent(name) : name}`);
    assert.deepEqual([answer.statusCode, answer.body], [404, nobody.body], name);
  }
  for (const resource of [
    'acct:greta@elsewhere.org',
    'mailto:greta@example.org',
    'https://evil.org/@greta',
    'aura:',
  ]) {
    assert.equal((await webFinger(resource)).statusCode, 404, resource);
  }
  for (const query of ['', '?resource=', `?resource=${'x'.repeat(600)}`]) {
    const answer = await get(`/.well-known/webfinger${query}`);
    assert.deepEqual([answer.statusCode, answer.json().field], [400, 'resource'], query);
  }
});

test('an alias of a public person leads to her and tells her present name', async () => {
  const { personId } = await person('hanna', 'public', 'Hanna');
  await room.names.rename(personId, 'hannah.new');
  const answer = await webFinger('acct:hanna@example.org');
  assert.equal(answer.json().subject, 'acct:hannah.new@example.org');
  assert.equal((await get('/@hanna')).statusCode, 200);
  await db.pool.query(
    `UPDATE aura_id_holds SET resolves_until = now() - interval '1 second' WHERE aura_id = '@hanna.aura'`,
  );
  assert.equal((await webFinger('acct:hanna@example.org')).statusCode, 404);
});

test('a QR code is drawn for any address, and says nothing about whether somebody has it', async () => {
  const [hers, nobodys] = [
    await get('/_auralink/v1/names/@anna.aura/qr.svg'),
    await get('/_auralink/v1/names/@nobod.aura/qr.svg'),
  ];
  for (const code of [hers, nobodys]) {
    assert.equal(code.statusCode, 200);
    assert.match(String(code.headers['content-type']), /^image\/svg\+xml/);
    assert.match(code.body, /^<svg /);
  }
  assert.equal((await get('/_auralink/v1/names/ANNA/qr.svg')).body, hers.body);
  const bad = await get('/_auralink/v1/names/%D0%B0nna/qr.svg');
  assert.deepEqual([bad.statusCode, bad.json().reason, bad.json().field], [400, 'bad_character', 'name']);
});
