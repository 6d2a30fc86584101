/**
 * What two processes remember for a moment, with a wake bus that loses every message: whoever was signed out is let in
 * nowhere after SESSION_CACHE_MS, and what was changed is shown nowhere after RESOLVE_CACHE_MS. At the process that did
 * it, and for what manages the account, it counts at once.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RESOLVE_CACHE_MS } from '../../auralink-communication-service/auralink-modules/auraid/resolver.ts';
import { SESSION_CACHE_MS } from '../../auralink-communication-service/http/endpoint-auth.ts';
import { DEFAULT_SCOPE } from '../fakes/browser.ts';
import { testDatabase } from '../harness.ts';
import { eventually } from '../support/stage.ts';
import {
  api,
  type IdentityDoor,
  openIdentityDoor,
  PASSWORD,
  registerPerson,
} from '../support/identity-door.ts';

const address = await testDatabase();
const here = await openIdentityDoor(address);
const there = await openIdentityDoor(address, {}, here);
const SCOPE = `${DEFAULT_SCOPE} contacts.read contacts.write account.manage`;
/** For a request that was on its way, and a machine that is busy. */
const GRACE_MS = 500;

const status = async (door: IdentityDoor, path: string, token: string, init: RequestInit = {}) =>
  (await api(door, path, token, init as never)).status;
const ME = '/_auralink/v1/me';

/** Asks seldom enough for the limit of look-ups. */
async function until(what: () => Promise<boolean>, withinMs: number): Promise<void> {
  await eventually(async () => ((await what()) ? [] : ['the old answer still lives']), withinMs);
}

test('signed out at one process: refused there at once, at the other within the time that is promised', async () => {
  const { tokens } = await registerPerson(here, '@sara.aura');
  for (const door of [here, there]) assert.equal(await status(door, ME, tokens.accessToken), 200);
  const out = await status(here, '/_auralink/v1/endpoint/revoke', tokens.accessToken, { method: 'POST' });
  assert.equal(out, 204);
  assert.equal(await status(here, ME, tokens.accessToken), 401);
  // The other one has not heard of it; what manages the account is asked all the same.
  assert.equal(await status(there, '/_auralink/v1/me/sessions', tokens.accessToken), 401);
  await until(async () => (await status(there, ME, tokens.accessToken)) === 401, SESSION_CACHE_MS + GRACE_MS);
});

test('an app that was switched off is refused within the time that is promised', async () => {
  const { tokens } = await registerPerson(here, '@tara.aura');
  assert.equal(await status(here, ME, tokens.accessToken), 200);
  await here.db.pool.query(
    "UPDATE apps SET disabled_at = now(), disabled_by = 'operator' WHERE app_id = 'phone'",
  );
  await until(async () => (await status(here, ME, tokens.accessToken)) === 401, SESSION_CACHE_MS + GRACE_MS);
  await here.db.pool.query("UPDATE apps SET disabled_at = NULL, disabled_by = NULL WHERE app_id = 'phone'");
});

test('a change of privacy, a block, a new name: nothing old is shown after the time that is promised', async () => {
  const anna = await registerPerson(here, '@anna.lis.aura', { scope: SCOPE });
  const bert = await registerPerson(here, '@bert.lis.aura');
  const shown = async (door: IdentityDoor, auraId: string) => {
    const answer = await api(door, `/_auralink/v1/resolve/${auraId}`, bert.tokens.accessToken);
    return (await answer.json()) as { displayName?: string | null; auraId?: string };
  };
  const put = async (method: string, path: string, body: object | null) => {
    const json = { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const init = { method, ...(body !== null && json) };
    const answer = await api(here, `/_auralink/v1${path}`, anna.tokens.accessToken, init);
    assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.text()}`);
  };
  const gone = async (is: () => Promise<boolean>) => until(is, RESOLVE_CACHE_MS + GRACE_MS);
  await here.db.pool.query(
    "UPDATE aura_id_registry SET display_name = 'Anna', visibility = 'public' WHERE aura_id = '@anna.lis.aura'",
  );
  for (const door of [here, there])
    await gone(async () => (await shown(door, '@anna.lis.aura')).displayName === 'Anna');

  await put('PATCH', '/me/privacy', { name: 'private' });
  assert.equal((await shown(here, '@anna.lis.aura')).displayName, null);
  await gone(async () => (await shown(there, '@anna.lis.aura')).displayName === null);
  await put('PATCH', '/me/privacy', { name: 'public' });
  assert.equal((await shown(here, '@anna.lis.aura')).displayName, 'Anna');
  await gone(async () => (await shown(there, '@anna.lis.aura')).displayName === 'Anna');

  await put('PUT', '/me/name', { auraId: '@anna.new.aura' });
  // Under the name that was asked for, and under the new one, she is the same.
  for (const name of ['@anna.lis.aura', '@anna.new.aura']) {
    await gone(async () => (await shown(there, name)).displayName === 'Anna');
  }

  await put('PUT', '/blocks/@bert.lis.aura', null);
  assert.equal((await shown(here, '@anna.lis.aura')).displayName, null);
  await gone(async () => (await shown(there, '@anna.lis.aura')).displayName === null);
});

for (const [how, path, more] of [
  ['who gave her name back', '/me/name', {}],
  ['who was erased', '/account/erasure', { confirmation: '@gone.lis.aura' }],
] as const) {
  test(`${how} is gone, and her sessions with her, after the time that is promised`, async () => {
    const auraId = path === '/me/name' ? '@back.lis.aura' : '@gone.lis.aura';
    const hers = await registerPerson(here, auraId, { scope: SCOPE });
    const his = await registerPerson(here, `@see.${auraId.slice(1)}`);
    const look = (door: IdentityDoor) =>
      status(door, `/_auralink/v1/resolve/${auraId}`, his.tokens.accessToken);
    for (const door of [here, there]) {
      assert.equal(await look(door), 200);
      assert.equal(await status(door, ME, hers.tokens.accessToken), 200);
    }
    const answer = await api(here, `/_auralink/v1${path}`, hers.tokens.accessToken, {
      method: path === '/me/name' ? 'DELETE' : 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...more, currentPassword: PASSWORD }),
    });
    assert.equal(answer.status, 204, await answer.text());
    assert.equal(await look(here), 404);
    assert.equal(await status(here, ME, hers.tokens.accessToken), 401);
    const gone = SESSION_CACHE_MS + GRACE_MS;
    await until(async () => (await status(there, ME, hers.tokens.accessToken)) === 401, gone);
    await until(async () => (await look(there)) === 404, gone);
  });
}
