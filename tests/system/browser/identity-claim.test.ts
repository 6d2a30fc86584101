/** Claiming an address with a Matrix account that has none, on the sign-in page, by keyboard. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { INTERACTION, WALTER } from '../../fakes/sign-in-routes.ts';
import { areThere, disabled, holds, launchBrowser } from '../../support/browser.ts';
import { IdentityPages, identityStage, NARROWEST } from '../../support/identity-stage.ts';

const service = await identityStage();
const pages = await IdentityPages.open(await launchBrowser(), service, {
  viewport: NARROWEST,
  signedIn: false,
});
const { page } = pages;

async function signIn(user: string, password: string): Promise<void> {
  await pages.goto(`/sign-in/${INTERACTION}`);
  await page.getByTestId('signin-user').focus();
  await page.keyboard.type(user);
  await page.keyboard.press('Tab');
  await page.keyboard.type(password);
  await page.keyboard.press('Enter');
}

async function choose(name: string, status: string): Promise<void> {
  await page.getByTestId('claim-name').focus();
  await page.keyboard.press('Control+A');
  await page.keyboard.type(name);
  await page
    .locator(`[data-testid=claim-status][data-status=${status}]`)
    .filter({ hasText: `@${name}.aura` })
    .waitFor();
}

describe('somebody with a Matrix account', () => {
  it('is not offered an address for a wrong password', async () => {
    await signIn(WALTER.user, 'guessed');
    await page.getByRole('alert').filter({ hasText: 'do not belong together' }).waitFor();
    await areThere(page.getByTestId('claim-name'), 0);
  });

  it('is offered the name that she has there, and told which are taken', async () => {
    await signIn(WALTER.user, WALTER.password);
    await page.getByTestId('claim-for').getByText(WALTER.user).waitFor();
    await holds(page.getByTestId('claim-name'), 'walter');
    await page.locator('[data-testid=claim-status][data-status=free]').waitFor();
    await pages.assertNamed('the claim');
    await pages.assertNoSidewaysScroll('the claim');
    await pages.assertReadable('the claim');
    await choose('bob', 'taken');
    await disabled(page.getByTestId('claim-submit'));
  });

  it('hears that somebody was quicker, and claims another one with her proof', async () => {
    await choose('quick', 'free');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').filter({ hasText: 'Somebody was quicker' }).waitFor();
    await choose('walter', 'free');
    await page.keyboard.press('Enter');
    await page.getByTestId('sign-in-button').waitFor();
    assert.deepEqual(service.life.changes.at(-1), {
      method: 'POST',
      path: `/oidc/interaction/${INTERACTION}/claim`,
      body: { matrixUserId: WALTER.user, password: WALTER.password, auraId: '@walter.aura' },
    });
  });
});
