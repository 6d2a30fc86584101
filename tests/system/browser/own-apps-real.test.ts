/**
 * "Apps and keys" with the whole service over two processes: a developer makes an app and a key, somebody signs in to it,
 * the key is replaced and revoked, and the app is switched off and on and deleted, each seen from the app's side.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CLOSE } from '../../../auralink-communication-service/auralink-modules/endpoints/model.ts';
import { Browser } from '../../fakes/browser.ts';
import { ownConstellation } from '../../harness.ts';
import { openPage, says } from '../../support/account-pages.ts';
import { Device, eventually, launchBrowser, registerByDashboard } from '../../support/browser.ts';
import { Phone } from '../../support/phone.ts';
import type { TestEndpoint } from '../../support/world.ts';

const PASSWORD = 'she rows every morning';

const constellation = await ownConstellation('browser-own-apps', { processes: 2, redis: false });
const publicUrl = constellation.urls.public;
const device = await Device.create(await launchBrowser(), constellation.settings.config.PUBLIC_BASE_URL, {
  viewport: { width: 390, height: 844 },
});
const phone = await device.open('phone');
const { signInCode } = await registerByDashboard(constellation, 'anna');
await phone.signInByCode(signInCode, PASSWORD);
const { page } = phone;

const ROWING = { clientId: 'rowing', redirectUri: 'https://rowing.example/' };
const get = async (path: string, token: string) => {
  const answer = await fetch(`${publicUrl}${path}`, { headers: { authorization: `Bearer ${token}` } });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
};
const keyOpens = async (key: string): Promise<boolean> =>
  (await get('/_auralink/v1/app', key)).status === 200;
const until = (what: string, is: () => Promise<boolean>) =>
  eventually(what, async () => (await is()) || null);

/** Somebody's page of the app: signed in, with an open socket. */
async function userOf(): Promise<{ token: string; socket: Phone }> {
  const way = { login: { user: 'anna', password: PASSWORD } };
  const { accessToken: token } = await new Browser(constellation.settings.config.PUBLIC_BASE_URL).signIn(
    ROWING,
    way,
  );
  const socket = await new Phone(publicUrl, { token } as TestEndpoint).connect();
  return { token, socket };
}

async function openSheet(name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).click();
  await page.getByRole('dialog', { name }).waitFor();
}
const freshKey = async (): Promise<string> => (await phone.get('app-key-value').textContent()) ?? '';

describe('apps and keys over the real service', () => {
  let key = '';

  it('she makes an app, and a key that opens it', async () => {
    await openPage(phone, 'ownapps');
    await phone.get('own-app-id').fill('rowing');
    await phone.get('own-app-make-name').fill('Rowing');
    await phone.get('own-app-make-icon').fill('🚣');
    await phone.get('own-app-make-origins').fill('https://rowing.example');
    await phone.get('own-app-make').click();
    await says(phone, 'own-app', /rowing at https:\/\/rowing\.example\. 0 of 1,000 calls a day/);
    await openSheet('Keys of Rowing');
    await phone.get('app-key-name').fill('Boathouse');
    await phone.get('app-key-make').click();
    await phone.get('app-key-value').waitFor();
    key = await freshKey();
    const { status, body } = await get('/_auralink/v1/app', key);
    assert.deepEqual([status, body.appId, body.isOn], [200, 'rowing', true]);
  });

  it('she replaces it, having been asked; both are good until she revokes the old one', async () => {
    const old = key;
    await page.getByRole('button', { name: /^Replace Boathouse/ }).click();
    await page
      .getByRole('dialog', { name: 'Replace Boathouse?' })
      .getByRole('button', { name: 'Close' })
      .click();
    assert.equal(await freshKey(), old, 'asked, and not done');
    await page.getByRole('button', { name: /^Replace Boathouse/ }).click();
    await phone.get('app-key-replace-confirm').click();
    await says(phone, 'app-keys-said', /has a successor/);
    key = await freshKey();
    assert.notEqual(key, old);
    assert.deepEqual([await keyOpens(old), await keyOpens(key)], [true, true]);
    await page.getByRole('button', { name: `Revoke Boathouse ending in ${old.slice(-4)}` }).click();
    await phone.get('app-key-revoke-confirm').click();
    await says(phone, 'app-keys-said', /opens nothing any more/);
    assert.deepEqual([await keyOpens(old), await keyOpens(key)], [false, true]);
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
  });

  it('switched off, it signs its users out and opens to no key; on again, they sign in anew', async () => {
    const { token, socket } = await userOf();
    await openSheet('Change Rowing');
    await phone.get('own-app-disable').click();
    await phone.get('own-app-disable-confirm').click();
    await page.getByTestId('own-app').filter({ hasText: 'Switched off' }).waitFor();
    await socket.until(() => socket.closeCode !== null, 'the end of the socket');
    assert.equal(socket.closeCode, CLOSE.signedOut);
    await until('the token to end', async () => (await get('/_auralink/v1/me', token)).status === 401);
    assert.equal(await keyOpens(key), false);
    await assert.rejects(userOf());
    await openSheet('Change Rowing');
    await phone.get('own-app-enable').click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByTestId('own-app').filter({ hasText: 'Switched off' }).waitFor({ state: 'detached' });
    assert.equal(await keyOpens(key), true);
    assert.equal((await get('/_auralink/v1/me', (await userOf()).token)).status, 200);
  });

  it('deleted, it is gone with everything', async () => {
    const { token, socket } = await userOf();
    await openSheet('Change Rowing');
    await phone.get('own-app-delete').click();
    await page.getByRole('dialog', { name: 'Delete Rowing?' }).waitFor();
    await phone.get('own-app-delete-confirm').click();
    await page.getByText('No app yet.').waitFor();
    await socket.until(() => socket.closeCode !== null, 'the end of the socket');
    assert.equal(socket.closeCode, CLOSE.signedOut);
    await until('the token to end', async () => (await get('/_auralink/v1/me', token)).status === 401);
    assert.equal(await keyOpens(key), false);
    await phone.get('own-app-id').fill('rowing');
    await phone.get('own-app-make-name').fill('Rowing');
    await phone.get('own-app-make-icon').fill('🚣');
    await phone.get('own-app-make-origins').fill('https://rowing.example');
    await phone.get('own-app-make').click();
    await page.getByRole('alert').filter({ hasText: 'Another app has this id' }).waitFor();
  });
});
