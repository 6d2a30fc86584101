/**
 * The developer's page "Apps and keys" by keyboard alone: an app is made and changed, a key is made, shown once, replaced
 * and revoked; what is pressed says its name. What stands behind the API is one life in memory.
 */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { testDataDir } from '../../harness.ts';
import { areThere, disabled, eventually, launchBrowser } from '../../support/browser.ts';
import { DESKTOP_SIZE, IdentityPages, identityStage, PHONE_SIZE } from '../../support/identity-stage.ts';

const service = await identityStage();
const { life } = service;
const browser = await launchBrowser();
const pictures = testDataDir('own-apps');
mkdirSync(pictures, { recursive: true });
const wide = await IdentityPages.open(browser, service, { viewport: DESKTOP_SIZE });
const { page } = wide;
const press = (key: string): Promise<void> => page.keyboard.press(key);
const said = (testId: string, words: RegExp): Promise<void> =>
  page.getByTestId(testId).filter({ hasText: words }).waitFor();

describe('apps', () => {
  it('are shown with their quotas and how far they are used', async () => {
    await wide.me('ownapps');
    await page.getByTestId('own-app').filter({ hasText: '412 of 1,000 calls a day' }).waitFor();
  });

  it('are made: nothing is sent before all is said, and what is taken is said so', async () => {
    await disabled(page.getByTestId('own-app-make'));
    await page.getByTestId('own-app-id').focus();
    await page.keyboard.type('Taken');
    await press('Tab');
    await page.keyboard.type('Rowing');
    await press('Tab');
    await page.keyboard.type('🚣');
    await press('Tab');
    await page.keyboard.type('https://rowing.example');
    await page.getByTestId('own-app-make').focus();
    await press('Enter');
    await page.getByRole('alert').filter({ hasText: 'Another app has this id' }).waitFor();
    await page.getByTestId('own-app-id').focus();
    await press('Control+A');
    await page.keyboard.type('rowing');
    await press('Enter');
    await page.getByTestId('own-app').filter({ hasText: 'rowing at https://rowing.example' }).waitFor();
    const made = life.ownApps.find((one) => one.appId === 'rowing');
    assert.deepEqual([made?.name, made?.icon, made?.origins], ['Rowing', '🚣', ['https://rowing.example']]);
  });

  it('are changed in a sheet, which gives the focus back', async () => {
    await page.getByRole('button', { name: 'Change Rowing' }).focus();
    await press('Enter');
    await page.getByRole('dialog', { name: 'Change Rowing' }).waitFor();
    await page.getByTestId('own-app-save-name').fill('Rowing club');
    await page.getByTestId('own-app-save-redirects').fill('https://rowing.example/in');
    await page.getByTestId('own-app-save').focus();
    await press('Enter');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByTestId('own-app').filter({ hasText: 'Rowing club' }).waitFor();
    assert.deepEqual(life.ownApps.find((one) => one.appId === 'rowing')?.redirectUris, [
      'https://rowing.example/in',
    ]);
    await page.getByRole('button', { name: 'Change Rowing club' }).focus();
    await press('Enter');
    await page.getByRole('dialog').waitFor();
    await press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await wide.hasFocus('Change Rowing club');
  });
});

describe('apps that end', () => {
  it('are switched off when she has said so twice, and on again', async () => {
    await page.getByRole('button', { name: 'Change Rowing club' }).focus();
    await press('Enter');
    await page.getByTestId('own-app-disable').focus();
    await press('Enter');
    await page.getByRole('dialog', { name: 'Switch Rowing club off?' }).waitFor();
    await press('Escape');
    await wide.hasFocus('own-app-disable');
    await press('Enter');
    await page.getByTestId('own-app-disable-confirm').focus();
    await press('Enter');
    const row = page.getByTestId('own-app').filter({ hasText: 'Rowing club' });
    await row.filter({ hasText: 'Switched off' }).waitFor();
    await page.getByRole('button', { name: 'Change Rowing club' }).focus();
    await press('Enter');
    await page.getByTestId('own-app-enable').focus();
    await press('Enter');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.equal(life.ownApps.find((one) => one.appId === 'rowing')?.isOn, true);
  });

  it('are deleted when she has said so twice', async () => {
    await page.getByRole('button', { name: 'Change Rowing club' }).focus();
    await press('Enter');
    await page.getByTestId('own-app-delete').focus();
    await press('Enter');
    await page.getByTestId('own-app-delete-confirm').focus();
    await press('Enter');
    await page.getByTestId('own-app').filter({ hasText: 'Rowing club' }).waitFor({ state: 'detached' });
    assert.ok(!life.ownApps.some((one) => one.appId === 'rowing'));
  });
});

describe('keys', () => {
  it('are made and shown once', async () => {
    await wide.me('ownapps');
    await page.getByRole('button', { name: 'Keys of Harbour shop' }).focus();
    await press('Enter');
    await page.getByRole('dialog', { name: 'Keys of Harbour shop' }).waitFor();
    await page.getByTestId('app-key-name').focus();
    await page.keyboard.type('Nightly');
    await press('Enter');
    await said('app-key-value', /^alk_[\w-]{43}$/);
    await page.getByTestId('app-key').filter({ hasText: 'Nightly' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Keys of Harbour shop' }).focus();
    await press('Enter');
    await page.getByTestId('app-key').filter({ hasText: 'Nightly' }).waitFor();
    await areThere(page.getByTestId('app-key-value'), 0);
  });

  it('are replaced: the old one says until when it is good', async () => {
    await page.getByRole('button', { name: 'Replace Server ending in x7Qa' }).focus();
    await press('Enter');
    await page.getByRole('dialog', { name: 'Replace Server?' }).waitFor();
    await press('Escape');
    await wide.hasFocus('Replace Server ending in x7Qa');
    await press('Enter');
    await page.getByTestId('app-key-replace-confirm').focus();
    await press('Enter');
    await said('app-keys-said', /has a successor/);
    await page.getByTestId('app-key').filter({ hasText: 'x7Qa' }).filter({ hasText: 'good until' }).waitFor();
    await said('app-key-value', /^alk_/);
  });

  it('are revoked', async () => {
    await page.getByRole('button', { name: 'Revoke Server ending in x7Qa' }).focus();
    await press('Enter');
    await page.getByTestId('app-key-revoke-confirm').focus();
    await press('Enter');
    await said('app-keys-said', /opens nothing any more/);
    await eventually(
      'the key to be gone',
      async () => !life.appKeys.some((one) => one.hint === 'x7Qa') || null,
    );
  });
});

/** The question that a sheet asks before it ends something. */
async function ask(pages: IdentityPages, sheet: string): Promise<void> {
  if (sheet === 'Change') await pages.page.getByTestId('own-app-delete').click();
  else
    await pages.page
      .getByRole('button', { name: /^Revoke/ })
      .first()
      .click();
  await pages.page.getByRole('dialog').nth(1).waitFor();
}

for (const colorScheme of ['light', 'dark'] as const) {
  for (const [size, viewport] of [
    ['phone', PHONE_SIZE],
    ['desktop', DESKTOP_SIZE],
  ] as const) {
    it(`the sheets are readable, named and no wider than the screen: ${colorScheme}, ${size}`, async () => {
      const pages = await IdentityPages.open(browser, service, { viewport, colorScheme });
      for (const sheet of ['Change', 'Keys of']) {
        await pages.me('ownapps');
        await pages.page.getByRole('button', { name: `${sheet} Harbour shop` }).click();
        await pages.page.getByRole('dialog').waitFor();
        if (sheet === 'Keys of') {
          await pages.page.getByTestId('app-key-name').fill('Picture');
          await pages.page.getByTestId('app-key-make').click();
          await pages.page.getByTestId('app-key-value').waitFor();
        }
        const name = `${sheet === 'Change' ? 'change' : 'keys'}-${size}-${colorScheme}`;
        await pages.page.screenshot({ path: join(pictures, `${name}.png`) });
        await pages.assertNamed(name);
        await pages.assertNoSidewaysScroll(name);
        await pages.assertReadable(name);
        await ask(pages, sheet);
        await pages.page.screenshot({ path: join(pictures, `${name}-question.png`) });
        await pages.assertNoSidewaysScroll(`${name}-question`);
        await pages.assertReadable(`${name}-question`);
      }
    });
  }
}
