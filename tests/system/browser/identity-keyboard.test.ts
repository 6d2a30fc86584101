/**
 * The pages of the account by keyboard alone: order, arrows, Enter and Escape, where the focus goes and comes back to,
 * and that each does what it says. What stands behind the API is one life in memory, which records what it was asked.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SeenChange } from '../../fakes/identity-service.ts';
import { areThere, disabled, eventually, holds, launchBrowser } from '../../support/browser.ts';
import {
  DESKTOP_SIZE,
  IdentityPages,
  identityStage,
  ME_PAGES,
  PHONE_SIZE,
} from '../../support/identity-stage.ts';

const API = '/_auralink/v1';
const service = await identityStage();
const { life } = service;
const browser = await launchBrowser();
const wide = await IdentityPages.open(browser, service, { viewport: DESKTOP_SIZE });
const small = await IdentityPages.open(browser, service, { viewport: PHONE_SIZE });
const { page } = wide;

const press = (key: string): Promise<void> => page.keyboard.press(key);
const said = (testId: string, words: RegExp): Promise<void> =>
  page.getByTestId(testId).filter({ hasText: words }).waitFor();

/** Waits until the page has asked for a change. */
function change(method: string, path: string): Promise<SeenChange> {
  return eventually(`${method} ${path}`, async () => {
    return life.changes.findLast((one) => one.method === method && one.path === `${API}${path}`) ?? null;
  });
}

describe('the way around', () => {
  it('goes through the list in its order, and Enter opens a page at its title', async () => {
    await wide.me('');
    await press('Tab');
    await wide.hasFocus('me-to-phone');
    for (const name of ME_PAGES) {
      await press('Tab');
      await wide.hasFocus(`me-${name}`);
    }
    await page.getByTestId('me-privacy').focus();
    await press('Enter');
    await wide.hasFocus('Privacy');
    await page.locator('[data-testid=me-privacy][aria-current=page]').waitFor();
    await page.goBack();
    await page.getByTestId('page-profile').waitFor();
  });

  it('opens page by page on a phone, and comes back', async () => {
    await small.goto('/');
    await small.page.getByRole('link', { name: 'Your account, 1 friend request' }).focus();
    await small.page.keyboard.press('Enter');
    await small.page.getByTestId('me-sessions').focus();
    await small.page.keyboard.press('Enter');
    await small.page.getByTestId('page-sessions').waitFor();
    await small.page.locator('nav').waitFor({ state: 'hidden' });
    await small.page.keyboard.press('Shift+Tab');
    await small.hasFocus('Back to your account');
    await small.page.keyboard.press('Enter');
    await small.page.getByTestId('me-data').waitFor();
    await small.page.getByTestId('me-to-phone').focus();
    await small.page.keyboard.press('Enter');
    await small.page.getByTestId('dial-input').waitFor();
  });

  it('asks to sign in anew where the phone may not manage the account', async () => {
    life.canManage = false;
    await wide.me('privacy');
    await page.getByTestId('sign-in-anew').waitFor();
    await areThere(page.getByTestId('privacy-name'), 0);
    life.canManage = true;
  });

  it('takes an address from a link into the dialer', async () => {
    await wide.goto(`/?to=${encodeURIComponent('web+aura:@bob.aura')}`);
    await holds(page.getByTestId('dial-input'), '@bob.aura');
    await wide.goto(`/?to=${encodeURIComponent('javascript:alert(1)')}`);
    await holds(page.getByTestId('dial-input'), '');
  });
});

describe('privacy', () => {
  it('changes a rule by arrow, at once, and shows her as others see her now', async () => {
    await wide.me('privacy');
    const seen = page.getByTestId('seen');
    await seen.getByText('@alice.aura').waitFor();
    await areThere(seen.getByText('Alice Archer'), 0);
    await page.getByTestId('see-as-viewer').getByRole('radio', { checked: true }).focus();
    await press('ArrowRight');
    await seen.getByText('Alice Archer').waitFor();
    await press('ArrowRight');
    await seen.getByText('You are not there').waitFor();
    await page.getByTestId('privacy-profile').getByRole('radio', { checked: true }).focus();
    await press('ArrowLeft');
    assert.deepEqual((await change('PATCH', '/me/privacy')).body, { profile: 'public' });
    await said('privacy-said', /Saved/);
    await seen.getByText('Alice Archer').waitFor();
    await page.getByTestId('privacy-name').getByRole('radio', { checked: true }).focus();
    await press('ArrowRight');
    await seen.getByText('Alice Archer').waitFor({ state: 'detached' });
    assert.equal(life.rules.name, 'friends');
  });

  it('takes a change back that the service refuses', async () => {
    await page.route('**/me/privacy', (route) =>
      route.request().method() === 'PATCH'
        ? route.fulfill({ status: 400, json: { errcode: 'M_INVALID_PARAM', detail: 'not now' } })
        : route.continue(),
    );
    await page.getByTestId('privacy-call').getByRole('radio', { checked: true }).focus();
    await press('ArrowRight');
    await page.getByRole('alert').filter({ hasText: 'not now' }).waitFor();
    await page.locator('[data-testid=privacy-call][data-value=public]').waitFor();
    await page.unroute('**/me/privacy');
  });

  it('draws rules that were changed elsewhere, as soon as it is told', async () => {
    await wide.me('privacy');
    await page.locator('[data-testid=privacy-about][data-value=public]').waitFor();
    life.rules = { ...life.rules, about: 'private' };
    await eventually('the rule of now', async () => {
      service.send('privacy.updated', life.rules);
      return (await page.getByTestId('privacy-about').getAttribute('data-value')) === 'private';
    });
  });

  it('blocks and unblocks', async () => {
    await page.getByTestId('block-address').focus();
    await page.keyboard.type('trudy');
    await press('Enter');
    await page.getByTestId('block').filter({ hasText: '@trudy.aura' }).waitFor();
    await page.getByRole('button', { name: 'Unblock @mallory.aura' }).focus();
    await press('Enter');
    await page.getByTestId('block').filter({ hasText: '@mallory.aura' }).waitFor({ state: 'detached' });
  });
});

describe('people', () => {
  it('opens a friend, keeps the focus in the sheet, and gives it back at Escape', async () => {
    await wide.me('contacts');
    const more = page.getByRole('button', { name: 'More about Carol Çelik' });
    await more.focus();
    await press('Enter');
    const sheet = page.getByRole('dialog', { name: 'Carol Çelik' });
    await sheet.waitFor();
    await wide.assertNamed('the sheet of a friend');
    const inside = () => page.evaluate<boolean>('document.activeElement.closest("dialog") !== null');
    for (let stop = 0; stop < 12; stop += 1) {
      await press('Tab');
      assert.ok(await inside(), `stop ${stop} is outside of the sheet`);
    }
    await press('Escape');
    await sheet.waitFor({ state: 'detached' });
    await eventually('the focus back', () => more.evaluate((one) => one === one.ownerDocument.activeElement));
    await press('Enter');
    await sheet.getByRole('button', { name: 'Close' }).focus();
    await press('Space');
    await sheet.waitFor({ state: 'detached' });
    await eventually('the focus back', () => more.evaluate((one) => one === one.ownerDocument.activeElement));
  });

  it('writes a note and puts a friend on a list', async () => {
    await press('Enter');
    await page.getByTestId('note').focus();
    await page.keyboard.type('Owes me a boat');
    await press('Tab');
    await press('Enter');
    await said('note-save-done', /Saved/);
    await page.getByRole('checkbox', { name: 'Family' }).focus();
    await press('Space');
    await change('PUT', `/lists/${life.lists[0]?.listId}/members/@carol.aura`);
    await press('Escape');
    await page.getByTestId('friend').filter({ hasText: 'Owes me a boat' }).waitFor();
  });

  it('finds people by e-mail address and number, and asks them', async () => {
    await wide.me('contacts');
    await page.getByTestId('find-typed').focus();
    await page.keyboard.type('frank@example.org, +49 30 123456; nobody@example.org, alice@example.com');
    await press('Enter');
    const found = page.getByTestId('found-person');
    await found.filter({ hasText: 'Bob Brown' }).getByText('Your friend').waitFor();
    await found.filter({ hasText: 'Alice Archer' }).getByText('You', { exact: true }).waitFor();
    await found.getByText('@gina.from.the.harbour.aura').waitFor();
    await said('found-nobody', /Nobody was found by nobody@example.org\. Only people who have confirmed it/);
    assert.deepEqual(
      life.changes.filter(({ path }) => path === `${API}/find`).map(({ body }) => body),
      [
        { email: 'frank@example.org' },
        { phone: '+49 30 123456' },
        { email: 'nobody@example.org' },
        { email: 'alice@example.com' },
      ],
    );
    await wide.assertNamed('the found');
    await page.getByRole('button', { name: 'Ask Frank Fjord to be friends' }).focus();
    await press('Enter');
    await said('found-said', /Frank Fjord is asked/);
    await found.filter({ hasText: 'Frank Fjord' }).getByText('Asked').waitFor();
    assert.deepEqual((await change('POST', '/contacts/requests')).body, { to: '@frank.aura' });
    await wide.hasFocus('Ask @gina.from.the.harbour.aura to be friends');
  });

  it('says of what cannot be looked for what would be right, and asks nobody', async () => {
    const before = life.changes.length;
    await page.getByTestId('find-typed').focus();
    for (const [typed, words] of [
      ['030 123456', /030 123456 is no number with its country, such as \+49 30 123456/],
      ['carol@', /carol@ is no e-mail address/],
      ['@carol.aura', /@carol\.aura is an AuraLink address/],
      [Array.from({ length: 11 }, (_, n) => `c${n}@example.org`).join(','), /At most 10 at a time/],
    ] as const) {
      await press('Control+A');
      await page.keyboard.type(typed);
      await press('Enter');
      await said('find-fault', words);
    }
    await page.getByTestId('found-person').first().waitFor({ state: 'detached' });
    assert.equal(life.changes.length, before);
  });

  it('accepts who asks, and asks somebody', async () => {
    await wide.me('requests');
    await page.getByRole('button', { name: 'Accept Dave Dune' }).focus();
    await press('Space');
    await said('incoming-said', /your friend now/);
    await page.getByText('Nobody asks at the moment').waitFor();
    await page.getByTestId('ask-address').focus();
    await page.keyboard.type('nobody');
    await press('Enter');
    await page.getByRole('alert').filter({ hasText: 'Nobody has this address' }).waitFor();
    await press('Control+A');
    await page.keyboard.type('grace');
    await press('Enter');
    await page.getByTestId('outgoing-requests').getByText('@grace.aura').waitFor();
    await page.getByRole('button', { name: 'Take back the request to @grace.aura' }).focus();
    await press('Enter');
    await page.getByTestId('outgoing-requests').getByText('@grace.aura').waitFor({ state: 'detached' });
  });

  it('shows who asks without a reload', async () => {
    const requestId = 'b3a0b3ce-0000-7000-8000-000000000001';
    const from = {
      ...(life.friends[0] as (typeof life.friends)[number]),
      auraId: '@heidi.aura',
      displayName: 'Heidi',
    };
    life.requests = {
      ...life.requests,
      incoming: [{ requestId, from, createdAt: new Date().toISOString() }],
    };
    await eventually('Heidi', async () => {
      service.send('contact.request', { requestId });
      return (await page.getByRole('button', { name: 'Accept Heidi' }).count()) === 1;
    });
  });

  it('makes an invitation link, shows it once, and takes it back', async () => {
    await wide.me('invites');
    await page.getByTestId('invite-label').focus();
    await page.keyboard.type('Rowing');
    await press('Tab');
    await press('Control+A');
    await page.keyboard.type('101');
    await disabled(page.getByTestId('invite-make'));
    await press('Control+A');
    await page.keyboard.type('3');
    await press('Enter');
    await said('invite-url', /\/i#c0de$/);
    assert.deepEqual((await change('POST', '/invites')).body, {
      usesMax: 3,
      expiresInHours: 168,
      label: 'Rowing',
    });
    await page.getByRole('button', { name: 'Take back Rowing' }).focus();
    await press('Enter');
    await said('invites-said', /leads nowhere/);
    await areThere(page.getByTestId('invite-url'), 0);
  });

  it('takes an invitation, and says of a bad one that it is', async () => {
    await wide.goto('/i#gone');
    await page.getByTestId('invite-accept').focus();
    await press('Enter');
    await said('invite-error', /used up, over, or was taken back/);
    await wide.goto('/i#c0de');
    await page.getByTestId('invite-accept').focus();
    await press('Enter');
    await page.getByRole('link', { name: 'Call Frank Fjord' }).waitFor();
    assert.ok(!life.changes.some((one) => one.path.includes('c0de')), 'the code was in an address');
  });
});
