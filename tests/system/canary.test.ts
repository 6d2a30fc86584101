/**
 * Nothing that a person tells of herself lies readable anywhere: she sets every kind of it with texts found nowhere else,
 * lives with it, and then both databases, Redis, the homeserver's media store and all logs are searched. (Swapped ciphertexts and a rotation under load
 * below the API are tests/integration/personal-data.test.ts.)
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createClient } from 'redis';
import { LOOK_UP_LIMIT } from '../../auralink-communication-service/auralink-modules/auraid/sign-in.ts';
import { ownConstellation } from '../harness.ts';
import { allPlaces, findCanaries, formsOf, mediaStore } from '../support/canaries.ts';
import { pretendUp, runCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { png, pngPixels } from '../support/pictures.ts';
import { codeIn, linkIn, openPostbox } from '../support/postbox.ts';
import { PASSWORD, type RealPerson, realPeople } from '../support/real-people.ts';

const postbox = await openPostbox();
const constellation = await ownConstellation('canary', { processes: 2, redis: true, env: postbox.env });
const { config, layout, ports } = constellation.settings;
const people = await realPeople(constellation);
const { db } = people.world;
// The database stops before the last of these connections is closed.
db.on('error', () => {});
const alice = await people.register(`alice${randomBytes(3).toString('hex')}`);
const bob = await people.register(`bob${randomBytes(3).toString('hex')}`);

const word = (what: string): string => `canary ${what} ${randomBytes(9).toString('base64')}`;
const digits = (count: number): string =>
  Array.from(randomBytes(count), (byte) => String(byte % 10)).join('');
const canaries = {
  about: word('about'),
  email: `canary.${randomBytes(6).toString('hex')}@mail.example`,
  phone: `+4930${digits(11)}`,
  birthDate: '1907-02-03',
  postalAddress: word('street'),
  document: word('document'),
  picture: word('picture'),
  privatePicture: word('private picture'),
  note: word('note'),
  listName: word('list'),
  inviteLabel: word('label').slice(0, 40),
  password: PASSWORD,
  linked: `canary.${randomBytes(6).toString('hex')}@linked.example`,
  unfinished: `canary.${randomBytes(6).toString('hex')}@unfinished.example`,
};
/** Tokens of links that were sent to her. */
const codes: string[] = [];

/** Its pixels hold the canary: it is shown again as it came. */
const pictureOf = (text: string): Buffer => png(1, 1, { extra: [pngPixels(text)] });

async function done(person: RealPerson, method: string, path: string, body?: object | Buffer) {
  const answer = await person.ask(method, path, body);
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`);
  return answer;
}

const field = (kind: string, value: string) => done(alice, 'POST', '/me/fields', { kind, value });

test('she tells all of it, and those who may see it do', async () => {
  await people.befriend(alice, bob);
  await done(alice, 'PATCH', '/me/privacy', { profile: 'public', about: 'friends', number: 'friends' });
  await done(alice, 'PUT', '/me/profile', { displayName: 'Alice', about: canaries.about });
  await done(alice, 'PUT', '/me/picture', pictureOf(canaries.picture));
  await field('email', canaries.email);
  await field('phone', canaries.phone);
  await field('birth_date', canaries.birthDate);
  await field('postal_address', canaries.postalAddress);
  await field('document', canaries.document);
  await done(alice, 'PUT', `/contacts/${bob.auraId}/note`, { note: canaries.note });
  const list = await done(alice, 'POST', '/lists', { name: canaries.listName });
  await done(alice, 'PUT', `/lists/${list.body.listId}/members/${bob.auraId}`);
  await done(alice, 'POST', '/invites', { usesMax: 1, expiresInHours: 1, label: canaries.inviteLabel });

  const seen = await done(bob, 'GET', `/resolve/${alice.auraId}`);
  assert.deepEqual([seen.body.about, seen.body.number], [canaries.about, canaries.phone]);
  const shown = await done(bob, 'GET', `/pictures/${alice.auraId}`);
  assert.ok(shown.text.includes(canaries.picture), 'the picture holds its canary');
  const fields = await done(alice, 'GET', '/me/fields');
  assert.equal(fields.body.fields.length, 5);
});

test('she proves addresses by a code and by a link, and begins what she never finishes', async () => {
  for (const [address, by] of [
    [canaries.email, 'code'],
    [canaries.linked, 'link'],
    [canaries.unfinished, null],
  ] as const) {
    const begun = await done(alice, 'POST', '/me/verifications', { method: 'email', address });
    const message = await postbox.messageTo(address);
    const code = codeIn(message);
    const token = new URL(linkIn(message)).hash.slice(1);
    codes.push(token);
    if (by === 'code')
      await done(alice, 'POST', `/me/verifications/${begun.body.verificationId}/submit`, { code });
    if (by === 'link') await done(alice, 'POST', '/verifications/link', { token });
  }
  const { body } = await done(alice, 'GET', '/me/verifications');
  assert.deepEqual(body.verifications.map(({ state }: { state: string }) => state).sort(), [
    'pending',
    'verified',
    'verified',
  ]);
});

test('she calls and is called', async () => {
  const [her, his] = [await alice.page(alice.tokens), await bob.page(bob.tokens)];
  for (const [from, to] of [
    [her, his],
    [his, her],
  ] as const) {
    const placed = await from.place(to.endpoint.person.auraId);
    assert.equal(placed.status, 201, JSON.stringify(placed.body));
    await to.frame('ring', (data) => data.callId === placed.body?.callId);
    const ended = await from.cancel(String(placed.body.callId));
    assert.ok(ended.status < 300);
  }
});

test('what is wrong with a value is told without it, and is not logged', async () => {
  const refused = await alice.ask('POST', '/me/fields', { kind: 'birth_date', value: canaries.document });
  assert.equal(refused.status, 400);
  assert.ok(!refused.text.includes(canaries.document));
  await alice.ask('POST', '/me/fields', { kind: canaries.note, value: canaries.note });
});

test('Matrix has the picture of who is public, loses it when she is so no more, and never has that of who is private', async () => {
  const carol = await people.register(`carol${randomBytes(3).toString('hex')}`);
  await done(carol, 'PATCH', '/me/privacy', { profile: 'private' });
  await done(carol, 'PUT', '/me/picture', pictureOf(canaries.privatePicture));
  const found = () => findCanaries(canaries, new Map([['media store', mediaStore(constellation)]]));
  await eventually(() => assert.deepEqual(found(), ['picture in media store']));
  await done(alice, 'PATCH', '/me/privacy', { profile: 'friends' });
  await eventually(() => assert.deepEqual(found(), []));
});

test('neither database, nor Redis, nor the media store, nor any log has any of it in any form', async () => {
  // What commits left to be done has been done, and is in the logs.
  await eventually(async () => {
    assert.deepEqual((await db.query('SELECT topic, last_error FROM outbox_events')).rows, []);
  });
  const places = await allPlaces(constellation);
  assert.ok(places.size >= 7, [...places.keys()].join());
  for (const [place, bytes] of places) {
    if (place.startsWith('database')) assert.ok(bytes.length > 10_000, `${place} is dumped`);
  }
  const tokens = Object.fromEntries(codes.map((token, n) => [`token ${n}`, token]));
  assert.equal(codes.length, 3);
  assert.deepEqual(findCanaries({ ...canaries, ...tokens }, places), []);
});

test('the same search finds what is planted, in each place and each form', async () => {
  const planted = word('planted');
  const base64 = Buffer.from(`before it ${planted} behind it`).toString('base64');
  await db.query('CREATE TABLE planted AS SELECT $1::bytea AS bytes', [Buffer.from(planted)]);
  const client = createClient({
    socket: { host: config.COMM_REDIS_HOST, port: config.COMM_REDIS_PORT },
    ...(config.COMM_REDIS_PASSWORD === '' ? {} : { password: config.COMM_REDIS_PASSWORD }),
  });
  await client.connect();
  await client.set('planted', encodeURIComponent(planted));
  appendFileSync(join(layout.logsDir, 'planted.log'), `${base64}\n`);
  const found = findCanaries({ planted }, await allPlaces(constellation));
  await db.query('DROP TABLE planted');
  await client.del('planted');
  client.destroy();
  assert.deepEqual(
    found.filter((one) => !one.includes('in file')),
    [`planted in database ${config.COMM_POSTGRES_DB}`, 'planted in redis', 'planted in log planted.log'],
  );
  for (const form of formsOf(planted)) {
    const place = new Map([['a file', Buffer.concat([Buffer.from('xyz'), form])]]);
    assert.deepEqual(findCanaries({ planted }, place), ['planted in a file'], form.toString());
  }
});

const LOOK_UPS = LOOK_UP_LIMIT.hits / 3;

test('a rotation while she reads and writes loses nothing', async () => {
  pretendUp(layout, { portBase: ports.public });
  let rotating = true;
  const written: string[] = [];
  const writing = (async () => {
    while (rotating) {
      const value = word('turn');
      const { body } = await field('document', value);
      const { body: all } = await done(alice, 'GET', '/me/fields');
      assert.ok(all.fields.some((one: { value: string }) => one.value === value));
      written.push(body.fieldId);
      await done(alice, 'DELETE', `/me/fields/${body.fieldId}`);
      // A minute has so many look-ups and no more.
      if (written.length > LOOK_UPS) continue;
      const seen = await done(bob, 'GET', `/resolve/${alice.auraId}`);
      assert.equal(seen.body.about, canaries.about);
    }
  })();
  const rotated = await runCli(['keys', 'rotate', '--data', layout.dataDir]);
  const k1 = async (): Promise<number> =>
    (await db.query("SELECT count(*)::int AS n FROM person_keys WHERE ring_key_id = 'k1'")).rows[0].n;
  await eventually(async () => assert.equal(await k1(), 0), 60_000);
  rotating = false;
  await writing;
  assert.equal(rotated.code, 0, rotated.err);
  assert.ok(written.length > 0);
});

test('two ciphertexts that were swapped do not open: both say so, and nothing else is hidden', async () => {
  await db.query(
    `UPDATE personal_fields f SET envelope = g.envelope FROM personal_fields g
     WHERE f.person_id = $1 AND g.person_id = $1 AND f.kind IN ('email', 'phone') AND g.kind IN ('email', 'phone')
       AND f.kind <> g.kind`,
    [alice.personId],
  );
  const answer = await alice.ask('GET', '/me/fields');
  assert.equal(answer.status, 200, answer.text);
  const listed = answer.body.fields as { kind: string; value?: string; unreadable?: true }[];
  const swapped = listed.filter(({ kind }) => kind === 'email' || kind === 'phone');
  // Two addresses and a number: each holds what belongs to another.
  assert.equal(swapped.length, 3);
  assert.ok(swapped.every(({ value, unreadable }) => value === undefined && unreadable === true));
  assert.ok(listed.every(({ kind, value }) => kind === 'email' || kind === 'phone' || value !== undefined));
});
