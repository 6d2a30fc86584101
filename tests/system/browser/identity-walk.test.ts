/**
 * One person with the whole service, from the claim of her name to giving it back and taking it again: every page of the
 * account does what it says, and another person sees what she should of it. What three people do with each other is in
 * identity-real.test.ts.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { ownConstellation, withClient } from '../../harness.ts';
import { openPage, pickAudience, says } from '../../support/account-pages.ts';
import {
  type AppPage,
  areThere,
  Device,
  disabled,
  launchBrowser,
  registerByDashboard,
} from '../../support/browser.ts';

const PASSWORD = { frida: 'frida paints her house', gus: 'gus looks for his friends' };
const EMAIL = 'frida.fox@example.org';

const constellation = await ownConstellation('browser-walk', { processes: 2, redis: false });
const { config } = constellation.settings;
const browser = await launchBrowser();
const device = (): Promise<Device> =>
  Device.create(browser, config.PUBLIC_BASE_URL, { viewport: { width: 390, height: 844 } });
const [hers, his, laptop] = [await device(), await device(), await device()];
const frida = await hers.open('phone');
const gus = await his.open('phone');
const { signInCode } = await registerByDashboard(constellation, 'gus');
await gus.signInByCode(signInCode, PASSWORD.gus);

/** As the service that verifies addresses will. */
async function proveFields(): Promise<void> {
  const address = {
    host: config.COMM_POSTGRES_HOST,
    port: config.COMM_POSTGRES_PORT,
    user: config.COMM_POSTGRES_USER,
    password: config.COMM_POSTGRES_PASSWORD,
    database: config.COMM_POSTGRES_DB,
    poolSize: 1,
    applicationName: 'auralink-test',
  };
  await withClient(address, (client) => client.query('UPDATE personal_fields SET verified_at = now()'));
}

/** Something to upload: 900 × 600, red. */
function painting(phone: AppPage): Promise<string> {
  return phone.page.evaluate<string>(`(() => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 900, height: 600 });
    const context = canvas.getContext('2d');
    context.fillStyle = '#c0392b';
    context.fillRect(0, 0, 900, 600);
    return canvas.toDataURL('image/png').split(',')[1];
  })()`);
}

describe('you', () => {
  it('claims a name on the sign-in page', async () => {
    await frida.beginSignIn();
    await frida.page.getByRole('tab', { name: 'Register' }).click();
    await frida.get('register-name').fill('gus');
    await says(frida, 'register-status', /@gus\.aura is taken/);
    await disabled(frida.get('register-submit'));
    await frida.get('register-name').fill('frida');
    await says(frida, 'register-status', /@frida\.aura is free/);
    await frida.get('register-display').fill('Frida Fox');
    await frida.get('register-password').fill(PASSWORD.frida);
    await frida.get('register-invite').fill(constellation.secret('REGISTRATION_TOKEN'));
    await frida.get('register-submit').click();
    await frida.online();
    await says(frida, 'me-address', /^@frida\.aura$/);
  });

  it('has a profile with a picture, which others see where they may', async () => {
    await openPage(frida, 'profile');
    await frida.get('profile-about').fill('Paints houses.');
    await frida.get('profile-save').click();
    await says(frida, 'profile-save-done', /Saved/);
    const buffer = Buffer.from(await painting(frida), 'base64');
    await frida.get('picture-file').setInputFiles({ name: 'me.png', mimeType: 'image/png', buffer });
    await says(frida, 'picture-said', /picture is new/);
    await frida.page.locator('.picture-edit img.avatar').waitFor();
    await openPage(frida, 'privacy');
    for (const rule of ['profile', 'name', 'picture', 'about']) {
      const chosen = frida.page.locator(`[data-testid=privacy-${rule}][data-value=public]`);
      if ((await chosen.count()) === 0) await pickAudience(frida, rule, 'Everybody');
      await chosen.waitFor();
    }
    for (const viewer of ['A stranger', 'A friend', 'Signed out']) {
      await frida.get('see-as-viewer').getByText(viewer).click();
      const card = frida.get('seen').getByRole('article', { name: 'Frida Fox' });
      await card.getByText('Paints houses.').waitFor();
      if (viewer !== 'Signed out') await card.locator('img.avatar').waitFor();
    }
    await pickAudience(frida, 'picture', 'Nobody');
    await frida.get('see-as-viewer').getByText('A friend').click();
    await frida.get('seen').locator('img.avatar').waitFor({ state: 'detached' });
    await pickAudience(frida, 'profile', 'Friends');
    await frida.get('see-as-viewer').getByText('Signed out').click();
    await frida.get('seen').getByText('You are not there').waitFor();
  });

  it('keeps fields: adds, changes and removes them', async () => {
    await openPage(frida, 'profile');
    await frida.get('field-value').fill('frida@example.org');
    await frida.get('field-add').click();
    await frida.page.getByRole('button', { name: 'Change E-mail address frida@example.org' }).click();
    await frida.get('field-changed').fill(EMAIL);
    await frida.get('field-change').click();
    await says(frida, 'fields-said', /E-mail address changed/);
    await frida.get('field-kind').selectOption('phone');
    await frida.get('field-value').fill('030 123456');
    await frida.get('field-add').click();
    await says(frida, 'form-error', /must be a number such as/);
    await frida.get('field-value').fill('+49 (30) 123456');
    await frida.get('field-add').click();
    await frida.page.getByRole('button', { name: 'Remove Phone number +4930123456' }).click();
    await frida.get('field-remove-confirm').click();
    await says(frida, 'fields-said', /Phone number removed/);
    await frida.page.reload();
    await frida.get('field').filter({ hasText: EMAIL }).waitFor();
    await areThere(frida.get('field'), 1);
  });
});

describe('people', () => {
  it('is found by her e-mail address once she allows it, and asked from there', async () => {
    await proveFields();
    await openPage(gus, 'contacts');
    await gus.get('find-typed').fill(`${EMAIL}, nobody@example.org`);
    await gus.get('find-submit').click();
    await says(gus, 'found-nobody', /frida\.fox@example\.org, nobody@example\.org/);
    await openPage(frida, 'privacy');
    await pickAudience(frida, 'findByEmail', 'Everybody');
    await gus.get('find-submit').click();
    await gus.get('found-person').filter({ hasText: '@frida.aura' }).waitFor();
    await says(gus, 'found-nobody', /by nobody@example\.org/);
    await gus.page.getByRole('button', { name: 'Ask @frida.aura to be friends' }).click();
    await says(gus, 'found-said', /is asked/);
    await openPage(frida, 'requests');
    await frida.page.getByRole('button', { name: 'Accept @gus.aura' }).click();
    await says(frida, 'incoming-said', /your friend now/);
    await gus.get('friend').filter({ hasText: 'Frida Fox' }).waitFor();
  });

  it('has lists and notes, and blocks, which ends it', async () => {
    await openPage(frida, 'contacts');
    await frida.get('list-name').fill('Painters');
    await frida.get('list-add').click();
    await frida.get('list').filter({ hasText: 'Painters' }).waitFor();
    await frida.page.getByRole('button', { name: 'More about @gus.aura' }).click();
    await frida.get('note').fill('Holds the ladder');
    await frida.get('note-save').click();
    await says(frida, 'note-save-done', /Saved/);
    await frida.page.getByRole('checkbox', { name: 'Painters' }).check();
    await frida.page.getByRole('button', { name: 'Close' }).click();
    await frida.get('list').filter({ hasText: '1 friend' }).waitFor();
    await frida.page.getByRole('button', { name: 'Painters', exact: true }).click();
    await frida.get('friend').filter({ hasText: 'Holds the ladder' }).waitFor();
    await frida.page.getByRole('button', { name: 'Rename the list Painters' }).click();
    await frida.get('list-rename-name').fill('Roofers');
    await frida.get('list-rename').click();
    await frida.get('list').filter({ hasText: 'Roofers' }).waitFor();
    await frida.page.getByRole('button', { name: 'Remove the list Roofers' }).click();
    await frida.get('list-remove-confirm').click();
    await frida.get('list').waitFor({ state: 'detached' });
    await openPage(frida, 'privacy');
    await frida.get('block-address').fill('@gus.aura');
    await frida.get('block-add').click();
    await frida.get('block').filter({ hasText: '@gus.aura' }).waitFor();
    await gus.page.getByText('Nobody yet').waitFor();
    await frida.page.getByRole('button', { name: 'Unblock @gus.aura' }).click();
    await frida.get('block').waitFor({ state: 'detached' });
  });

  it('makes an invitation link and takes it back, which ends it', async () => {
    await openPage(frida, 'invites');
    await frida.get('invite-label').fill('Street party');
    await frida.get('invite-uses').fill('5');
    await frida.get('invite-make').click();
    const url = (await frida.get('invite-url').textContent()) ?? '';
    await frida.get('invite').filter({ hasText: '0 of 5 used' }).waitFor();
    await frida.page.getByRole('button', { name: 'Take back Street party' }).click();
    await says(frida, 'invites-said', /leads nowhere/);
    const page = await his.context.newPage();
    await page.goto(url);
    await page.getByTestId('invite-accept').click();
    await page.getByTestId('invite-error').filter({ hasText: 'taken back' }).waitFor();
    await page.close();
  });
});

describe('the account', () => {
  it('removes an app, which is signed out at once', async () => {
    const chat = await laptop.open('chat');
    await chat.signIn('@frida.aura', PASSWORD.frida);
    await openPage(frida, 'apps');
    await frida.page.getByRole('button', { name: 'Remove Chat' }).click();
    await frida.get('app-remove').click();
    await chat.get('sign-in-button').waitFor();
    await areThere(frida.get('app'), 1);
    await chat.page.close();
  });

  it('signs out everywhere else, so that the other device asks for the password again', async () => {
    const market = await laptop.open('market');
    await market.signInAgain();
    await openPage(frida, 'sessions');
    await frida.page.getByRole('button', { name: 'Sign out Market' }).waitFor();
    await frida.get('revoke-all').click();
    await frida.get('revoke-all-confirm').click();
    await areThere(frida.get('session'), 1);
    await frida.get('session').getByText('This one').waitFor();
    await market.get('sign-in-button').waitFor();
    await market.beginSignIn();
    await market.get('signin-password').waitFor();
    await market.page.close();
  });

  it('shows her Matrix account, and her data with what was done', async () => {
    await openPage(frida, 'accounts');
    await frida.get('account').getByText('Main').waitFor();
    await openPage(frida, 'data');
    await frida.get('act').filter({ hasText: 'All other sessions ended' }).first().waitFor();
    await areThere(frida.get('act').filter({ hasText: 'Address claimed' }), 0);
    await frida.get('acts-all').click();
    await frida.get('act').filter({ hasText: 'Address claimed' }).waitFor();
    const download = frida.page.waitForEvent('download');
    await frida.get('export-html').click();
    const page = await readFile(await (await download).path(), 'utf8');
    for (const known of ['@frida.aura', 'Frida Fox', EMAIL]) assert.ok(page.includes(known), known);
    await says(frida, 'export-said', /downloads/);
  });

  it('gives her name back, and takes it again at the sign-in', async () => {
    await openPage(frida, 'names');
    await frida.get('release').click();
    await frida.get('release-confirm-password').fill('not hers');
    await frida.get('release-confirm').click();
    await says(frida, 'form-error', /not your password/);
    await frida.get('release-confirm-password').fill(PASSWORD.frida);
    await frida.get('release-confirm').click();
    await frida.beginSignIn();
    await frida.get('signin-user').fill('frida');
    await frida.get('signin-password').fill(PASSWORD.frida);
    await frida.get('signin-submit').click();
    await says(frida, 'claim-for', /You gave @frida\.aura back\. Take it again/);
    await says(frida, 'claim-status', /still kept for you/);
    await frida.get('claim-submit').click();
    // Where she left.
    await frida.get('show-name').getByRole('heading', { name: '@frida.aura' }).waitFor();
    await frida.page.evaluate(`location.hash = '#/'`);
    await frida.online();
    await says(frida, 'me-address', /^@frida\.aura$/);
  });

  it('leaves no page with an error', () => {
    assert.deepEqual(
      [hers, his, laptop].flatMap((one) => one.faults),
      [],
    );
  });
});
