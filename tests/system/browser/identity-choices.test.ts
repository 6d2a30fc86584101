/**
 * What a quick or unlucky person meets on the account's pages: choices made while another is being saved, friends behind
 * the first page, a browser that has no clipboard, and things that cannot be taken back.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually, launchBrowser } from '../../support/browser.ts';
import { DESKTOP_SIZE, IdentityPages, identityStage, PHONE_SIZE } from '../../support/identity-stage.ts';

const service = await identityStage();
const { life } = service;
const browser = await launchBrowser();
/** Longer than a person takes from one press to the next. */
const SAVING_MS = 300;

it('saves every choice, also those that are made while another is being saved', async () => {
  const pages = await IdentityPages.open(browser, service, { viewport: DESKTOP_SIZE });
  const { page } = pages;
  await page.route('**/me/privacy', async (route) => {
    if (route.request().method() === 'PATCH') await delay(SAVING_MS);
    await route.continue();
  });
  await pages.me('privacy');
  await page.getByTestId('privacy-name').getByText('Nobody').click();
  await page.getByTestId('privacy-picture').getByText('Nobody').click();
  await page.getByTestId('privacy-about').getByText('Everybody').click();
  await page.getByTestId('privacy-about').getByText('Nobody').click();
  const rules = () => [life.rules.name, life.rules.picture, life.rules.about];
  await eventually('all three choices', async () => rules().every((rule) => rule === 'private'));
  await page.getByTestId('privacy-said').filter({ hasText: 'Saved' }).waitFor();
  for (const rule of ['name', 'picture', 'about']) {
    await page.locator(`[data-testid=privacy-${rule}][data-value=private]`).waitFor();
  }
});

it('keeps friends of later pages in sight when something changes', async () => {
  const pages = await IdentityPages.open(browser, service, { viewport: DESKTOP_SIZE });
  const { page } = pages;
  const [base] = life.friends;
  const friend = (handle: string) => ({ ...base, auraId: `@${handle}.aura`, displayName: handle, lists: [] });
  await page.route(/\/contacts\?/, (route) => {
    const isSecond = new URL(route.request().url()).searchParams.has('after');
    return route.fulfill({
      json: isSecond
        ? { friends: [friend('second')], next: null }
        : { friends: [friend('first')], next: '00000000-0000-4000-8000-000000000001' },
    });
  });
  await page.route(/\/contacts\/.*\/note/, (route) => route.fulfill({ status: 204 }));
  await pages.me('contacts');
  await page.getByRole('button', { name: 'More friends' }).click();
  await page.getByRole('button', { name: 'More about second' }).click();
  await page.getByTestId('note').fill('hello');
  await page.getByTestId('note-save').click();
  await page.getByTestId('note-save-done').filter({ hasText: 'Saved' }).waitFor();
  assert.equal(await page.getByTestId('friend').count(), 2);
});

it('asks before a friendship ends', async () => {
  const pages = await IdentityPages.open(browser, service, { viewport: PHONE_SIZE });
  const { page } = pages;
  const ended: string[] = [];
  await page.route(/\/(?:contacts|blocks)\/[^/?]+$/, async (route) => {
    if (route.request().method() !== 'GET') ended.push(route.request().method());
    await route.fulfill({ status: 204 });
  });
  await pages.me('contacts');
  await page.getByTestId('friend-more').first().click();
  await page.getByTestId('friend-unfriend').click();
  await page.getByTestId('friend-unfriend-confirm').waitFor();
  await page.keyboard.press('Escape');
  await page.getByTestId('friend-unfriend-confirm').waitFor({ state: 'detached' });
  assert.deepEqual(ended, []);
  await page.getByTestId('friend-block').click();
  await page.getByTestId('friend-block-confirm').click();
  await page.getByTestId('note').waitFor({ state: 'detached' });
  assert.deepEqual(ended, ['PUT']);
});

it('says so where the browser cannot copy or open links', async () => {
  const pages = await IdentityPages.open(browser, service, { viewport: PHONE_SIZE });
  const { page, faults } = pages;
  await page.addInitScript(
    "Object.defineProperty(navigator, 'clipboard', { value: undefined }); navigator.registerProtocolHandler = undefined;",
  );
  await page.reload();
  await pages.me('names');
  await page.getByRole('button', { name: /Copy aura/ }).click();
  await page.getByRole('alert').filter({ hasText: 'select the text' }).waitFor();
  await page.getByRole('button', { name: /Open AuraLink links/ }).click();
  await page.getByRole('alert').filter({ hasText: 'does not let pages open' }).waitFor();
  assert.deepEqual(faults, []);
});

it('shows what is chosen in colours of the reader’s own, and says which page is open', async () => {
  const pages = await IdentityPages.open(browser, service, {
    viewport: DESKTOP_SIZE,
    forcedColors: 'active',
  });
  const { page } = pages;
  await pages.me('privacy');
  await page.locator('.segment').first().waitFor();
  const outlines = await page.evaluate<string[]>(
    "[...document.querySelectorAll('.segment')].map((one) => [one.querySelector(':checked') !== null, getComputedStyle(one).outlineStyle].join(' '))",
  );
  assert.deepEqual([...new Set(outlines)].sort(), ['false none', 'true solid']);
  assert.equal(await page.title(), 'Privacy – AuraLink');
});

it('says that a link was made, to those who listen too', async () => {
  const pages = await IdentityPages.open(browser, service, { viewport: PHONE_SIZE });
  await pages.me('invites');
  await pages.page.getByTestId('invite-make').click();
  await pages.page.getByTestId('invite-make-done').filter({ hasText: 'stands below' }).waitFor();
});
