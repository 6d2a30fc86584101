/**
 * Proving an address on the account's page, by the link of an e-mail, and a forgotten password on the sign-in page: by
 * keyboard alone, with a picture of each step in the run's folder. What stands behind the API is one life in memory.
 */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { INTERACTION, RIGHT_CODE } from '../../fakes/sign-in-routes.ts';
import { LINK_TOKEN } from '../../fakes/verification-routes.ts';
import { testDataDir } from '../../harness.ts';
import { areThere, launchBrowser } from '../../support/browser.ts';
import { DESKTOP_SIZE, IdentityPages, identityStage, PHONE_SIZE } from '../../support/identity-stage.ts';

const service = await identityStage();
const browser = await launchBrowser();
const pictures = testDataDir('identity-verify');
mkdirSync(pictures, { recursive: true });

const at = (method: string) => service.life.changes.filter((one) => one.method === method).at(-1);

async function look(pages: IdentityPages, name: string): Promise<void> {
  await pages.page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
  await pages.assertNamed(name);
  await pages.assertNoSidewaysScroll(name);
  await pages.assertReadable(name);
}

describe('proving an address, by keyboard', async () => {
  const pages = await IdentityPages.open(browser, service, { viewport: PHONE_SIZE });
  const { page } = pages;
  const entry = (subject: string) => page.getByTestId('code-entry').filter({ hasText: subject });

  it('is begun with an address, and one that is none is said to be none', async () => {
    service.life.verifications = [];
    await pages.me('verifications');
    await page.getByTestId('verify-method').selectOption('phone');
    await page.getByTestId('verify-address').focus();
    await page.keyboard.type('030 1234567');
    await page.keyboard.press('Enter');
    await page.getByTestId('form-error').filter({ hasText: 'with its country' }).waitFor();
    await page.getByTestId('verify-method').selectOption('email');
    await page.getByTestId('verify-address').focus();
    await page.keyboard.press('Control+A');
    await page.keyboard.type('alice@home.example');
    await page.keyboard.press('Enter');
    await entry('alice@home.example').waitFor();
    assert.deepEqual(at('POST')?.body, { method: 'email', address: 'alice@home.example' });
    await look(pages, 'begun');
  });

  it('hears of a wrong code, and is done with the right one', async () => {
    await page.getByTestId('code-input').focus();
    await page.keyboard.type('999 999');
    await page.keyboard.press('Enter');
    await page.getByTestId('form-error').filter({ hasText: 'not the code' }).waitFor();
    await look(pages, 'wrong-code');
    await page.getByTestId('code-input').focus();
    await page.keyboard.press('Control+A');
    await page.keyboard.type(RIGHT_CODE);
    await page.keyboard.press('Enter');
    await page.getByTestId('verification').filter({ hasText: 'alice@home.example' }).waitFor();
    await areThere(page.getByTestId('code-entry'), 0);
    await look(pages, 'confirmed');
  });

  it('says what it claims and what not, and who sees it', async () => {
    await page.getByText('What this says').click();
    await page.getByText('Not who read it').waitFor();
    await page.getByTestId('who-sees').filter({ hasText: 'Your friends see' }).waitFor();
  });

  it('is withdrawn after a question', async () => {
    await page.getByRole('button', { name: 'Withdraw alice@home.example' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await look(pages, 'withdraw');
    await page.getByTestId('withdraw-confirm').focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByTestId('ended').filter({ hasText: 'You withdrew it' }).waitFor();
  });

  it('that the message was refused is told when it happens', async () => {
    await page.getByTestId('verify-address').focus();
    await page.keyboard.type('typo@home.example');
    await page.keyboard.press('Enter');
    await entry('typo@home.example').waitFor();
    const [one] = service.life.verifications;
    if (one?.challenge) {
      const challenge = {
        ...one.challenge,
        delivery: 'refused',
        deliveryReason: '550 no such mailbox',
      } as const;
      service.life.verifications = [{ ...one, challenge }];
    }
    service.send('verification.updated', { verificationId: one?.verificationId });
    await page.getByTestId('code-status').filter({ hasText: '550 no such mailbox' }).waitFor();
    await page.getByTestId('code-give-up').focus();
    await page.keyboard.press('Enter');
    await areThere(page.getByTestId('code-entry'), 0);
  });

  it('that a code was not sent in time is told, and another one asked for in place of it', async () => {
    await page.getByTestId('verify-address').focus();
    await page.keyboard.type('late@home.example');
    await page.keyboard.press('Enter');
    await entry('late@home.example').waitFor();
    const [one] = service.life.verifications;
    const become = (change: { isOver: boolean; delivery: 'expired' | null }): void => {
      if (one?.challenge) {
        service.life.verifications = [{ ...one, challenge: { ...one.challenge, ...change } }];
      }
      service.send('verification.updated', { verificationId: one?.verificationId });
    };
    become({ isOver: true, delivery: 'expired' });
    await page.getByTestId('code-status').filter({ hasText: 'was not sent' }).waitFor();
    await areThere(page.getByTestId('code-input'), 0);
    await page.getByRole('button', { name: 'Send another code' }).waitFor();
    await look(pages, 'not-sent');
    become({ isOver: true, delivery: null });
    await page.getByTestId('code-status').filter({ hasText: 'The code has lapsed' }).waitFor();
    await page.getByTestId('code-give-up').focus();
    await page.keyboard.press('Enter');
    await areThere(page.getByTestId('code-entry'), 0);
  });

  it('where nothing is sent, the page says so', async () => {
    service.life.offered = [];
    service.life.verifications = [];
    await pages.me('verifications');
    await page.getByText('neither e-mails nor text messages').waitFor();
    await look(pages, 'nothing-offered');
    service.life.offered = ['email', 'phone'];
  });
});

describe('the link of an e-mail', async () => {
  const pages = await IdentityPages.open(browser, service, { viewport: PHONE_SIZE, signedIn: false });
  const { page } = pages;

  it('says whom it is about and confirms nothing by itself', async () => {
    await pages.goto(`/verify#${LINK_TOKEN}`);
    await page.getByRole('heading', { name: 'Is this you?' }).waitFor();
    assert.equal(at('POST')?.path, '/_auralink/v1/verifications/link/look');
    await look(pages, 'link');
    assert.equal(new URL(page.url()).hash, '', 'the token does not stay in the address');
    await page.reload();
    await page.getByTestId('link-confirm').waitFor();
  });

  it('confirms at the press of its button', async () => {
    await page.getByTestId('link-confirm').focus();
    await page.keyboard.press('Enter');
    await page.getByTestId('link-done').waitFor();
    assert.deepEqual(at('POST'), {
      method: 'POST',
      path: '/_auralink/v1/verifications/link',
      body: { token: LINK_TOKEN },
    });
    await look(pages, 'link-done');
  });
});

for (const [name, viewport, colorScheme] of [
  ['phone', PHONE_SIZE, 'dark'],
  ['desktop', DESKTOP_SIZE, 'light'],
] as const) {
  describe(`a forgotten password, ${name}`, async () => {
    const pages = await IdentityPages.open(browser, service, { viewport, colorScheme, signedIn: false });
    const { page } = pages;

    it('is set with a code, and what is said is the same for any address', async () => {
      await pages.goto(`/sign-in/${INTERACTION}`);
      await page.getByTestId('signin-user').focus();
      await page.keyboard.type('@alice.aura');
      await page.getByTestId('forgotten').focus();
      await page.keyboard.press('Enter');
      await page.getByTestId('forgotten-address').waitFor();
      await look(pages, `forgotten-${name}`);
      await page.getByTestId('forgotten-address').focus();
      await page.keyboard.type('alice@home.example');
      await page.keyboard.press('Enter');
      await page.getByTestId('forgotten-asked').filter({ hasText: 'If this address is confirmed' }).waitFor();
      assert.deepEqual(at('POST')?.body, { user: '@alice.aura', address: 'alice@home.example' });
      await page.getByTestId('forgotten-code').focus();
      await page.keyboard.type('999999');
      await page.getByTestId('forgotten-password').focus();
      await page.keyboard.type('a new long password');
      await page.keyboard.press('Enter');
      await page.getByRole('alert').filter({ hasText: 'not the code' }).waitFor();
      await look(pages, `forgotten-code-${name}`);
      await page.getByTestId('forgotten-code').focus();
      await page.keyboard.press('Control+A');
      await page.keyboard.type(RIGHT_CODE);
      await page.keyboard.press('Enter');
      await page.getByTestId('sign-in-button').waitFor();
    });
  });
}
