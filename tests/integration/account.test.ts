/**
 * What a person tells of herself, her picture and her fields, over the HTTP door and a real PostgreSQL.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cleanPicture } from '../../auralink-communication-service/core/picture.ts';
import { openPrivacyDoor, type Somebody } from '../support/privacy-door.ts';

const door = await openPrivacyDoor();
/** One transparent pixel. */
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

/** The same picture with a comment in it. */
function withComment(text: string): Buffer {
  const data = Buffer.from(`Comment\0${text}`);
  const chunk = Buffer.concat([Buffer.alloc(4), Buffer.from('tEXt'), data, Buffer.alloc(4)]);
  chunk.writeUInt32BE(data.length, 0);
  return Buffer.concat([PIXEL.subarray(0, 33), chunk, PIXEL.subarray(33)]);
}

const putPicture = (who: Somebody, bytes: Buffer, type = 'image/png') =>
  fetch(`${door.publicUrl}/_auralink/v1/me/picture`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${who.token}`, 'content-type': type },
    body: new Uint8Array(bytes),
  });
const getPicture = (of: Somebody, who: Somebody | null) =>
  fetch(`${door.publicUrl}/_auralink/v1/pictures/${of.auraId}`, {
    headers: who === null ? {} : { authorization: `Bearer ${who.token}` },
  });

describe('the profile', () => {
  it('is written, seen by others as its rules say, and taken away', async () => {
    const alice = await door.person();
    const set = await alice.ask('PUT', '/me/profile', {
      displayName: ' Alice  A. ',
      about: 'I sing.\nAlto.',
    });
    assert.equal(set.status, 204, set.text);
    const { view } = (await alice.ask('GET', '/me/profile/as/stranger')).body;
    assert.deepEqual([view.displayName, view.about], ['Alice A.', 'I sing.\nAlto.']);
    await alice.ask('PATCH', '/me/privacy', { about: 'friends' });
    assert.equal((await alice.ask('GET', '/me/profile/as/stranger')).body.view.about, null);
    assert.equal((await alice.ask('GET', '/me/profile/as/friend')).body.view.about, 'I sing.\nAlto.');
    await alice.ask('PUT', '/me/profile', { displayName: null });
    const after = (await alice.ask('GET', '/me/profile/as/friend')).body.view;
    assert.deepEqual([after.displayName, after.about], [null, 'I sing.\nAlto.']);
    assert.ok((await alice.events()).some((event) => event.type === 'me.updated'));
    assert.ok(door.changed.includes(alice.personId));
  });

  it('refuses invisible and too long texts by name', async () => {
    const alice = await door.person();
    for (const [body, field] of [
      [{ displayName: 'a\u202eb' }, 'displayName'],
      [{ displayName: 'x'.repeat(81) }, 'displayName'],
      [{ about: 'x'.repeat(501) }, 'about'],
      [{ about: 'a\u0000b' }, 'about'],
    ] as const) {
      const refused = await alice.ask('PUT', '/me/profile', body);
      assert.deepEqual([refused.status, refused.body.field], [400, field]);
    }
    assert.equal((await alice.ask('PUT', '/me/profile', { state: 'erased' })).status, 400);
  });
});

describe('a picture', () => {
  it('is cleaned, shown by its rule, and alike to whoever may not see it', async () => {
    const [alice, eve, bare] = [await door.person(), await door.person(), await door.person()];
    assert.equal((await putPicture(alice, withComment('taken at home'))).status, 204);
    const open = await getPicture(alice, null);
    assert.deepEqual([open.status, open.headers.get('content-type')], [200, 'image/png']);
    assert.ok(Buffer.from(await open.arrayBuffer()).equals(PIXEL));
    await alice.ask('PATCH', '/me/privacy', { profile: 'private' });
    const answers = await Promise.all([
      getPicture(alice, eve),
      getPicture(bare, eve),
      getPicture(alice, null),
      getPicture({ ...bare, auraId: '@nobody.here.aura' }, null),
    ]);
    const texts = await Promise.all(answers.map(async (one) => `${one.status} ${await one.text()}`));
    assert.equal(new Set(texts).size, 1, texts.join());
    assert.match(texts[0] ?? '', /^404 /);
    assert.equal((await getPicture(alice, alice)).status, 200);
    assert.equal((await alice.ask('DELETE', '/me/picture')).status, 204);
    assert.equal((await getPicture(alice, alice)).status, 404);
  });

  it('is refused when it is none, broken, too large or of another type', async () => {
    const alice = await door.person();
    for (const [bytes, type, status] of [
      [Buffer.from('<svg onload="x"/>'), 'image/png', 400],
      [PIXEL.subarray(0, 40), 'image/png', 400],
      [Buffer.from([0xff, 0xd8, 0xff]), 'image/jpeg', 400],
      [PIXEL, 'image/svg+xml', 400],
      [Buffer.alloc(262_145), 'image/png', 413],
    ] as const) {
      assert.equal((await putPicture(alice, bytes as Buffer, type)).status, status, type);
    }
    assert.equal((await getPicture(alice, alice)).status, 404);
  });

  it('loses what a camera wrote beside the pixels, in JPEG and WebP too', () => {
    const segment = (marker: number, text: string) => {
      const data = Buffer.from(text);
      return Buffer.concat([Buffer.from([0xff, marker, 0, data.length + 2]), data]);
    };
    const scan = Buffer.from([0xff, 0xda, 0, 2, 1, 2, 3, 0xff, 0xd9]);
    const start = Buffer.from([0xff, 0xd8]);
    const jpeg = Buffer.concat([
      start,
      segment(0xe0, 'JFIF'),
      segment(0xe1, 'Exif home'),
      segment(0xfe, 'me'),
      scan,
    ]);
    assert.deepEqual(cleanPicture(jpeg)?.bytes, Buffer.concat([start, segment(0xe0, 'JFIF'), scan]));
    const chunk = (type: string, text: string) => {
      const head = Buffer.from(`${type}....`);
      head.writeUInt32LE(text.length, 4);
      return Buffer.concat([head, Buffer.from(text)]);
    };
    const webp = (...chunks: Buffer[]) => {
      const body = Buffer.concat(chunks);
      const head = Buffer.from('RIFF....WEBP');
      head.writeUInt32LE(body.length + 4, 4);
      return Buffer.concat([head, body]);
    };
    const pixels = chunk('VP8 ', 'pixels');
    assert.deepEqual(cleanPicture(webp(pixels, chunk('EXIF', 'home')))?.bytes, webp(pixels));
  });
});

describe('fields', () => {
  it('are hers alone, checked by kind, and bounded', async () => {
    const [alice, eve] = [await door.person(), await door.person()];
    const made = await alice.ask('POST', '/me/fields', { kind: 'email', value: 'alice@example.org' });
    assert.equal(made.status, 201, made.text);
    assert.deepEqual((await alice.ask('GET', '/me/fields')).body.fields[0].value, 'alice@example.org');
    assert.equal((await eve.ask('DELETE', `/me/fields/${made.body.fieldId}`)).status, 404);
    for (const [kind, value] of [
      ['email', 'no address'],
      ['phone', '0301234'],
      ['birth_date', '31.12.1990'],
      ['about', 'x'],
      ['document', 'x'.repeat(2_001)],
    ]) {
      assert.equal((await alice.ask('POST', '/me/fields', { kind, value })).status, 400, kind);
    }
    for (let i = 1; i < 30; i++) await alice.ask('POST', '/me/fields', { kind: 'document', value: `d${i}` });
    const refused = await alice.ask('POST', '/me/fields', { kind: 'document', value: 'one more' });
    assert.deepEqual([refused.status, refused.body.reason], [409, 'too_many_fields']);
    assert.equal((await alice.ask('DELETE', `/me/fields/${made.body.fieldId}`)).status, 204);
    assert.equal((await alice.ask('GET', '/me/fields')).body.fields.length, 29);
  });
});

describe('what nobody may see', () => {
  it('changes without a word to friends; what they see is told them', async () => {
    const [alice, bob] = [await door.person(), await door.person()];
    await door.befriend(alice, bob);
    const told = async (method: string, path: string, body: object): Promise<number> => {
      const before = (await bob.events()).length;
      const answer = await alice.ask(method, path, body);
      assert.ok(answer.status < 300, answer.text);
      await door.deliver();
      return (await bob.events()).length - before;
    };
    assert.equal(await told('PATCH', '/me/privacy', { about: 'friends' }), 0, 'friends saw it before');
    assert.equal(await told('PUT', '/me/profile', { about: 'Seen.' }), 1);
    assert.equal(await told('PATCH', '/me/privacy', { about: 'private' }), 1);
    assert.equal(await told('PUT', '/me/profile', { about: 'Unseen.' }), 0);
    assert.equal(await told('PATCH', '/me/privacy', { findByEmail: 'public', call: 'friends' }), 0);
    assert.equal(await told('POST', '/me/fields', { kind: 'phone', value: '+4930123456' }), 0);
    assert.equal(await told('POST', '/me/fields', { kind: 'document', value: 'C01X00T47' }), 0);
    assert.equal(await told('PATCH', '/me/privacy', { number: 'friends' }), 1);
    const { fields } = (await alice.ask('GET', '/me/fields')).body;
    for (const { fieldId, kind, value } of fields as { fieldId: string; kind: string; value: string }[]) {
      assert.equal(
        await told('PUT', `/me/fields/${fieldId}`, { kind, value }),
        kind === 'phone' ? 1 : 0,
        kind,
      );
    }
    assert.equal(await told('PUT', '/me/profile', { displayName: 'Alice' }), 1);
  });
});

describe('a value that cannot be opened any more', () => {
  it('is left out and says so to herself, is absent for others, and hides nothing else', async () => {
    const [alice, bob] = [await door.person(), await door.person()];
    await alice.ask('PUT', '/me/profile', { about: 'I sing.' });
    const email = await alice.ask('POST', '/me/fields', { kind: 'email', value: 'a@example.org' });
    await alice.ask('POST', '/me/fields', { kind: 'document', value: 'C01X00T47' });
    await putPicture(alice, PIXEL);
    const spoil = (kind: string) =>
      door.db.pool.query(
        `UPDATE personal_fields f SET envelope = g.envelope FROM personal_fields g
         WHERE f.person_id = $1 AND f.kind = $2 AND g.person_id = $1 AND g.kind = 'document'`,
        [alice.personId, kind],
      );
    for (const kind of ['about', 'email', 'picture']) await spoil(kind);
    const { status, body } = await alice.ask('GET', '/me/fields');
    assert.equal(status, 200);
    const [spoilt, whole] = body.fields;
    assert.deepEqual(spoilt, {
      ...{ fieldId: email.body.fieldId, kind: 'email', unreadable: true },
      updatedAt: spoilt.updatedAt,
    });
    assert.deepEqual([whole.value, whole.unreadable], ['C01X00T47', undefined]);
    const seen = await alice.ask('GET', '/me/profile/as/stranger');
    assert.deepEqual([seen.status, seen.body.view.about], [200, null]);
    assert.equal(seen.body.view.displayName, `Name of ${alice.auraId}`);
    assert.equal((await getPicture(alice, bob)).status, 404);
  });
});

describe('a field in place', () => {
  it('gets another value of its kind, from its owner only, and has to be proved anew', async () => {
    const [alice, eve] = [await door.person(), await door.person()];
    const made = await alice.ask('POST', '/me/fields', { kind: 'email', value: 'old@example.org' });
    const { fieldId } = made.body;
    await door.db.pool.query('UPDATE personal_fields SET verified_at = now() WHERE field_id = $1', [fieldId]);
    const put = (who: Somebody, kind: string, value: string) =>
      who.ask('PUT', `/me/fields/${fieldId}`, { kind, value });
    assert.equal((await put(eve, 'email', 'eve@example.org')).body.reason, 'unknown_field');
    assert.equal((await put(alice, 'phone', '+4930123456')).body.reason, 'unknown_field');
    assert.equal((await put(alice, 'email', 'no address')).body.field, 'value');
    const changed = await put(alice, 'email', 'new@example.org');
    assert.deepEqual([changed.status, changed.body.value], [200, 'new@example.org'], changed.text);
    const { fields } = (await alice.ask('GET', '/me/fields')).body;
    assert.deepEqual(
      fields.map((one: { fieldId: string; value: string }) => [one.fieldId, one.value]),
      [[fieldId, 'new@example.org']],
    );
    const { rows } = await door.db.pool.query('SELECT verified_at FROM personal_fields WHERE field_id = $1', [
      fieldId,
    ]);
    assert.equal(rows[0].verified_at, null);
  });
});
