/**
 * Bad input at names, accounts and public faces: grammar, homoglyphs, bidirectional and zero-width characters, bodies of
 * ten thousand fields, foreign tokens. Every mistake gets its clear error and changes nothing.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Phone } from '../support/phone.ts';
import { openRawDoor } from '../support/raw-door.ts';
import { openRefusals } from '../support/refusals.ts';
import { openStage, type Stage } from '../support/stage.ts';

const stage: Stage = await openStage('identity-bad-input-names', { processes: 1 });
const { raw } = openRawDoor(stage.constellation.settings.config.PUBLIC_PORT);
const { refused, send } = openRefusals(stage);
const SCOPES = ['call.place', 'profile.read', 'account.manage'];
const invalid = (field: string, reason?: string) => ({
  ...{ status: 400, errcode: 'M_INVALID_PARAM', field },
  ...(reason === undefined ? {} : { reason }),
});
const badJson = (field: string) => ({ status: 400, errcode: 'M_BAD_JSON', field });

/** Rows that names and accounts write; the stage's own count knows only those of calls. */
async function rows(): Promise<unknown> {
  return stage.one(
    `SELECT (SELECT count(*) FROM aura_id_holds) AS holds, (SELECT count(*) FROM matrix_user_mappings) AS accounts,
       (SELECT md5(string_agg(aura_id || state, ',' ORDER BY person_id)) FROM aura_id_registry) AS names`,
  );
}
const alice: Phone = await stage.phone(await stage.person(), { scopes: SCOPES });
const before = await rows();

/** Node says how long a body is with POST and PUT only. */
const sized = (body: string | undefined) => ({ 'content-length': String(Buffer.byteLength(body ?? '')) });
const rename = (auraId: unknown) => () => send(alice, 'PUT', '/me/name', JSON.stringify({ auraId }));

describe('a new name', () => {
  it('that breaks the grammar is refused with the reason', async () => {
    const faults = {
      bad_character: [
        'аlicе',
        'ali\u200bce',
        'ali\u200dce',
        'a\u202ecila',
        'a\u2066lice\u2069',
        'a\ufefflice',
        'al\u00adice',
        'ali ce',
        'alice/../bob',
        'alíce',
        'a😀lice',
        'alice@home',
        "al'ice",
        'al%69ce',
      ],
      too_short: ['al', '@a.aura'],
      too_long: ['a'.repeat(31)],
      bad_edge: ['-alice', 'alice.'],
      repeated_separator: ['al..ice', 'a-_lice'],
      digits_only: ['123456'],
      reserved: ['admin', 'adm1n', 'SUPP0RT', 'aura.link', 'gone-0123456789abcdef012345'],
    } as const;
    for (const [reason, texts] of Object.entries(faults)) {
      for (const text of texts) await refused(JSON.stringify(text), invalid('auraId', reason), rename(text));
    }
  });

  it('of another person, or one that looks like it, is taken', async () => {
    const bob = await stage.person();
    const handle = bob.auraId.slice(1, -'.aura'.length);
    // The stage writes people without the fold; the registry would have folded this one.
    await stage.world.db.query('UPDATE aura_id_registry SET skeleton = $2 WHERE person_id = $1', [
      bob.personId,
      handle.replaceAll('0', 'o').replaceAll(/[1i]/g, 'l'),
    ]);
    const taken = { status: 409, errcode: 'M_USER_IN_USE', reason: 'taken', field: 'auraId' };
    for (const text of [handle, handle.toUpperCase(), `${handle[0]}.${handle.slice(1)}`]) {
      await refused(text, taken, rename(text));
    }
    await stage.world.db.query('DELETE FROM aura_id_registry WHERE person_id = $1', [bob.personId]);
  });

  it('in a body that is not as it should be is refused', async () => {
    for (const value of [1, null, true, ['alice'], { auraId: 'alice' }, '', 'x'.repeat(65)]) {
      await refused(JSON.stringify(value), badJson('auraId'), rename(value));
    }
    const put = (body: string) => () => send(alice, 'PUT', '/me/name', body);
    for (const body of ['null', '[]', '"alice"']) await refused(body, badJson('body'), put(body));
    await refused('{}', badJson('auraId'), put('{}'));
    const fields = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`f${i}`, i]));
    const many = { status: 413, errcode: 'M_TOO_LARGE', field: 'body' };
    await refused('ten thousand fields', many, put(JSON.stringify({ auraId: 'alina', ...fields })));
    const short = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [i.toString(36), 0]));
    await refused('five thousand', badJson('body'), put(JSON.stringify({ auraId: 'alina', ...short })));
    const poisoned = { status: 400, errcode: 'M_NOT_JSON', field: 'body' };
    await refused('__proto__', poisoned, put('{"auraId":"alina","x":{"__proto__":{}}}'));
  });

  it('needs an app that may manage the account', async () => {
    const chat = await stage.phone(alice.endpoint.person, { scopes: ['call.place', 'profile.read'] });
    const missing = { status: 403, errcode: 'M_FORBIDDEN', reason: 'missing_scope' };
    for (const [method, path, body] of [
      ['PUT', '/me/name', '{"auraId":"alina"}'],
      ['DELETE', '/me/name', '{"currentPassword":"x"}'],
      ['GET', '/me/names', undefined],
      ['GET', '/me/matrix-accounts', undefined],
      ['DELETE', '/me/matrix-accounts/@a:b', '{"currentPassword":"x"}'],
    ] as const) {
      await refused(`${method} ${path}`, missing, () => send(chat, method, path, body, sized(body)));
    }
  });

  it('asked for twice is one rename', async () => {
    const bob = await stage.phone(await stage.person(), { scopes: SCOPES });
    const auraId = bob.endpoint.person.auraId;
    const again = await bob.request('PUT', '/_auralink/v1/me/name', { auraId });
    assert.deepEqual([again.status, again.body.aliasUntil], [200, null]);
    await bob.close();
    await stage.world.db.query('DELETE FROM aura_id_registry WHERE person_id = $1', [
      bob.endpoint.person.personId,
    ]);
  });
});

describe('a Matrix account', () => {
  it('with an id, a proof or a password that is not as it should be is refused', async () => {
    const attach = (body: object) => () => send(alice, 'POST', '/me/matrix-accounts', JSON.stringify(body));
    const whole = { matrixUserId: '@a:example.org', password: 'p', currentPassword: 'p' };
    const bad: [string, string, object][] = [
      ['no colon', 'matrixUserId', { ...whole, matrixUserId: '@alice' }],
      ['an address', 'matrixUserId', { ...whole, matrixUserId: '@alice.aura' }],
      ['a space', 'matrixUserId', { ...whole, matrixUserId: '@a b:example.org' }],
      ['a NUL', 'matrixUserId', { ...whole, matrixUserId: '@a\u0000:example.org' }],
      ['half a character', 'matrixUserId', { ...whole, matrixUserId: '@a\ud800:example.org' }],
      ['too long', 'matrixUserId', { ...whole, matrixUserId: `@${'a'.repeat(300)}:example.org` }],
      ['two proofs', 'password', { ...whole, openIdToken: 't' }],
      ['no proof', 'password', { matrixUserId: '@a:example.org', currentPassword: 'p' }],
      ['no password of hers', 'currentPassword', { matrixUserId: '@a:example.org', password: 'p' }],
      [
        'a long token',
        'openIdToken',
        { matrixUserId: '@a:b', currentPassword: 'p', openIdToken: 'x'.repeat(600) },
      ],
      ['a field more', 'body', { ...whole, primary: true }],
    ];
    for (const [what, field, body] of bad) await refused(what, badJson(field), attach(body));
    const long = JSON.stringify({ ...whole, password: 'p'.repeat(1_000) });
    await refused('a long password', badJson('password'), () =>
      send(alice, 'POST', '/me/matrix-accounts', long),
    );
    const proof = '{"currentPassword":"p"}';
    await refused('no id', invalid('userId'), () =>
      send(alice, 'DELETE', '/me/matrix-accounts/alice', proof, sized(proof)),
    );
  });
});

describe('what anybody may ask', () => {
  it('answers strange names and resources with a clear refusal, never with a fault of ours', async () => {
    const strange = [
      '%00',
      '%ff',
      '%E2%80%AE',
      '%D0%B0lice',
      '..%2f..%2fetc%2fpasswd',
      '%',
      "'%20OR%201=1--",
      'a'.repeat(127),
      '@',
      '%F0%9F%98%80',
    ];
    for (const text of strange) {
      for (const path of [
        `/_auralink/v1/profiles/${text}`,
        `/_auralink/v1/names/${text}/qr.svg`,
        `/.well-known/webfinger?resource=acct:${text}@localhost`,
        `/@${text}`,
      ]) {
        const { status } = await raw(path, { method: 'GET', headers: {} });
        assert.ok(status === 400 || status === 404, `${path} answered ${status}`);
      }
    }
  });
});

describe('the page of a person', () => {
  it('is the same page for everybody; only the status tells whether she shows herself', async () => {
    const { auraId } = alice.endpoint.person;
    const look = async () => {
      const { status, body, headers } = await raw(`/${auraId.slice(0, -'.aura'.length)}`);
      return { status, body, type: String(headers['content-type']) };
    };
    const shown = await look();
    assert.equal(shown.status, 200);
    assert.match(shown.type, /^text\/html/);
    assert.match(shown.body, /<div id="root">/);
    const visibility = 'UPDATE aura_id_registry SET visibility = $2 WHERE aura_id = $1';
    await stage.world.db.query(visibility, [auraId, 'private']);
    assert.deepEqual(await look(), { ...shown, status: 404 });
    await stage.world.db.query(visibility, [auraId, 'public']);
  });
});

describe('after all that', () => {
  it('names, holds and accounts are what they were', async () => assert.deepEqual(await rows(), before));
});
