/**
 * Three people with the whole service: names, privacy, friends, invitations, sessions, password, export and erasure
 * through the phone's pages, each change seen by the others where it matters to them.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { ownConstellation } from '../../harness.ts';
import { openPage, pickAudience } from '../../support/account-pages.ts';
import {
  type AppPage,
  areThere,
  Device,
  eventually,
  launchBrowser,
  registerByDashboard,
} from '../../support/browser.ts';

const PASSWORD = { carol: 'carol keeps her name', dave: 'dave keeps his name', erin: 'erin keeps her name' };
const NEW_PASSWORD = 'carol has another one';

const constellation = await ownConstellation('browser-identity', { processes: 2, redis: false });
const browser = await launchBrowser();
const baseUrl = constellation.settings.config.PUBLIC_BASE_URL;

async function phoneOf(handle: keyof typeof PASSWORD): Promise<{ device: Device; phone: AppPage }> {
  const device = await Device.create(browser, baseUrl, { viewport: { width: 390, height: 844 } });
  const phone = await device.open('phone');
  const { signInCode } = await registerByDashboard(constellation, handle);
  await phone.signInByCode(signInCode, PASSWORD[handle]);
  return { device, phone };
}

const carol = await phoneOf('carol');
const dave = await phoneOf('dave');
const erin = await phoneOf('erin');

const go = ({ phone }: { phone: AppPage }, page: string): Promise<void> => openPage(phone, page);
const pick = ({ phone }: { phone: AppPage }, rule: string, audience: string): Promise<void> =>
  pickAudience(phone, rule, audience);

/** What somebody's dialer says of an address, once it says this. */
async function dialerSays({ phone }: { phone: AppPage }, address: string, words: string): Promise<void> {
  await phone.page.evaluate(`location.hash = '#/'`);
  await eventually(`"${words}" for ${address}`, async () => {
    await phone.get('dial-input').fill('');
    await phone.get('dial-input').fill(address);
    await phone.page
      .locator('[data-testid=dial-status]:not([data-status=looking]):not([data-status=nothing])')
      .waitFor();
    return (await phone.get('dial-status').textContent()) === words;
  });
}

describe('three people', () => {
  it('one gives herself a name, and shows it to friends only', async () => {
    await go(carol, 'profile');
    await carol.phone.get('profile-name').fill('Carol Clay');
    await carol.phone.get('profile-save').click();
    await carol.phone.get('profile-save-done').filter({ hasText: 'Saved' }).waitFor();
    await go(carol, 'privacy');
    await carol.phone.page.locator('[data-testid=privacy-profile][data-value=friends]').waitFor();
    await pick(carol, 'name', 'Friends');
    await dialerSays(dave, '@carol.aura', '@carol.aura');
  });

  it('a request is seen without a reload, and makes them friends', async () => {
    await go(carol, 'requests');
    await carol.phone.page.getByText('Nobody asks at the moment').waitFor();
    await go(dave, 'requests');
    await dave.phone.get('ask-address').fill('carol');
    await dave.phone.get('ask').click();
    await carol.phone.page.getByRole('button', { name: 'Accept @dave.aura' }).click();
    await carol.phone.get('incoming-said').filter({ hasText: 'your friend now' }).waitFor();
    await go(dave, 'contacts');
    await dave.phone.get('friend').filter({ hasText: 'Carol Clay' }).waitFor();
    await dialerSays(dave, '@carol.aura', 'Carol Clay · @carol.aura');
    await dialerSays(erin, '@carol.aura', '@carol.aura');
  });

  it('she sees herself as they do', async () => {
    await go(carol, 'privacy');
    const seen = carol.phone.get('seen');
    await seen.getByText('@carol.aura').waitFor();
    await areThere(seen.getByText('Carol Clay'), 0);
    await carol.phone.get('see-as-viewer').getByText('A friend').click();
    await seen.getByText('Carol Clay').waitFor();
    await carol.phone.get('see-as-viewer').getByText('Signed out').click();
    await seen.getByText('You are not there').waitFor();
    const page = await erin.device.context.newPage();
    await page.goto(`${baseUrl}/@carol`);
    await page.locator('[data-testid=public-profile][data-status=nobody]').waitFor();
    await pick(carol, 'profile', 'Everybody');
    await pick(carol, 'name', 'Everybody');
    await eventually('her public page', async () => {
      await page.reload();
      const card = page.locator('[data-testid=public-profile]:not([data-status=looking])');
      await card.waitFor();
      return (await card.getAttribute('data-status')) === 'found';
    });
    await page.getByText('Carol Clay').first().waitFor();
    await page.close();
  });

  it('an invitation link makes a stranger a friend, and a wrong one nobody', async () => {
    await go(carol, 'invites');
    await carol.phone.get('invite-make').click();
    const url = (await carol.phone.get('invite-url').textContent()) ?? '';
    const page = await erin.device.context.newPage();
    await page.goto(url);
    await page.getByTestId('invite-accept').click();
    await page.getByRole('link', { name: 'Call Carol Clay' }).waitFor();
    await page.close();
    const late = await dave.device.context.newPage();
    await late.goto(`${baseUrl}/i#guessed`);
    await late.getByTestId('invite-accept').click();
    await late.getByTestId('invite-error').filter({ hasText: 'used up' }).waitFor();
    await late.close();
  });

  it('another address rings her, and the old one too', async () => {
    await go(carol, 'names');
    await carol.phone.get('rename-name').fill('carol.clay');
    await carol.phone.page.locator('[data-testid=rename-status][data-status=free]').waitFor();
    await carol.phone.get('rename-submit').click();
    await carol.phone.get('holds').getByText('@carol.aura').waitFor();
    await dave.phone.page.evaluate(`location.hash = '#/'`);
    for (const address of ['@carol.aura', '@carol.clay.aura']) {
      const callId = await dave.phone.dial(address, 'audio');
      await carol.phone.rings(callId);
      await carol.phone.get('ring-decline').click();
      await dave.phone.endsWith(callId, 'declined');
    }
  });

  it('she ends the session of another device, which hears it at once', async () => {
    const other = await Device.create(browser, baseUrl);
    const chat = await other.open('chat');
    await chat.signIn('@carol.clay.aura', PASSWORD.carol);
    await go(carol, 'sessions');
    await carol.phone.page.getByRole('button', { name: 'Sign out Chat' }).click();
    await chat.get('sign-in-button').waitFor();
  });

  it('another password counts, the old one does not', async () => {
    await go(carol, 'password');
    await carol.phone.get('password-now').fill(PASSWORD.carol);
    await carol.phone.get('password-new').fill(NEW_PASSWORD);
    await carol.phone.get('password-save').click();
    await carol.phone.get('password-save-done').filter({ hasText: 'counts' }).waitFor();
    const chat = await (await Device.create(browser, baseUrl)).open('chat');
    await chat.beginSignIn();
    await chat.page.getByLabel('Address').fill('carol.clay');
    await chat.page.getByLabel('Password').fill(PASSWORD.carol);
    await chat.get('signin-submit').click();
    await chat.page.getByRole('alert').filter({ hasText: 'do not belong together' }).waitFor();
    await chat.page.getByLabel('Password').fill(NEW_PASSWORD);
    await chat.get('signin-submit').click();
    await chat.online();
  });

  it('takes all her data with her, then is erased, and is nobody to the others', async () => {
    await go(carol, 'data');
    const download = carol.phone.page.waitForEvent('download');
    await carol.phone.get('export-json').click();
    const text = await readFile(await (await download).path(), 'utf8');
    assert.match(text, /@carol\.clay\.aura/);
    assert.match(text, /Carol Clay/);
    await carol.phone.get('erase-begin').click();
    await carol.phone.get('erase-typed').fill('@carol.clay.aura');
    await carol.phone.get('erase-confirm-password').fill(NEW_PASSWORD);
    await carol.phone.get('erase-confirm').click();
    await carol.phone.get('sign-in-button').waitFor();
    await dialerSays(dave, '@carol.clay.aura', 'Nobody has the address @carol.clay.aura.');
    await go(dave, 'contacts');
    await dave.phone.page.getByText('Nobody yet').waitFor();
  });

  it('leaves no page with an error', () => {
    assert.deepEqual(
      [carol, dave, erin].flatMap(({ device }) => device.faults),
      [],
    );
  });
});
