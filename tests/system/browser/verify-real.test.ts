/**
 * Proving addresses through the web pages with the whole service and real SMTP and SMPP servers: by code, by link, by
 * SMS, a refused address, an address that somebody else proves, and a forgotten password.
 */
import { describe, it } from 'node:test';
import { ownConstellation } from '../../harness.ts';
import { openPage, pickAudience } from '../../support/account-pages.ts';
import { type AppPage, Device, launchBrowser, registerByDashboard } from '../../support/browser.ts';
import { codeIn, linkIn, openPostbox } from '../../support/postbox.ts';

const PASSWORD = 'the first of her passwords';
const NEW_PASSWORD = 'the second of her passwords';

const postbox = await openPostbox();
const constellation = await ownConstellation('browser-verify', {
  processes: 2,
  redis: false,
  env: postbox.env,
});
const browser = await launchBrowser();
const baseUrl = constellation.settings.config.PUBLIC_BASE_URL;

async function phoneOf(handle: string): Promise<{ device: Device; phone: AppPage }> {
  const device = await Device.create(browser, baseUrl, { viewport: { width: 390, height: 844 } });
  const phone = await device.open('phone');
  const { signInCode } = await registerByDashboard(constellation, handle);
  await phone.signInByCode(signInCode, PASSWORD);
  return { device, phone };
}
type Owner = Awaited<ReturnType<typeof phoneOf>>;

const carol = await phoneOf('carol');
const dave = await phoneOf('dave');

const entryOf = ({ phone }: Owner, address: string) => phone.get('code-entry').filter({ hasText: address });
const provedOf = ({ phone }: Owner, address: string) =>
  phone.get('verification').filter({ hasText: address });

/** Types the address; the code is on its way. */
async function begin(who: Owner, method: 'email' | 'phone', address: string): Promise<void> {
  await who.phone.get('verify-method').selectOption(method);
  await who.phone.get('verify-address').fill(address);
  await who.phone.get('verify-start').click();
  await entryOf(who, address.replaceAll(' ', '')).waitFor();
}

async function give(who: Owner, address: string, code: string): Promise<void> {
  const entry = entryOf(who, address);
  await entry.getByTestId('code-input').fill(code);
  await entry.getByTestId('code-submit').click();
}

async function prove(who: Owner, method: 'email' | 'phone', address: string): Promise<void> {
  const since = postbox.received.length;
  await begin(who, method, address);
  await give(who, address, codeIn(await postbox.messageTo(address, { since })));
  await provedOf(who, address).waitFor();
}

describe('proving addresses', () => {
  it('an e-mail address, by the code that arrived', async () => {
    await openPage(carol.phone, 'verifications');
    await begin(carol, 'email', 'carol@one.example');
    const code = codeIn(await postbox.messageTo('carol@one.example'));
    const wrong = String((Number(code) + 1) % 1_000_000).padStart(6, '0');
    await give(carol, 'carol@one.example', wrong);
    await carol.phone.page.getByRole('alert').filter({ hasText: 'not the code' }).waitFor();
    await give(carol, 'carol@one.example', code);
    await provedOf(carol, 'carol@one.example').waitFor();
  });

  it('another, by the link in its message, which her open page hears of', async () => {
    await begin(carol, 'email', 'carol@two.example');
    const link = linkIn(await postbox.messageTo('carol@two.example'));
    const elsewhere = await browser.newContext();
    const page = await elsewhere.newPage();
    await page.goto(link);
    await page.getByText('@carol.aura says that').waitFor();
    await page.getByTestId('link-confirm').click();
    await page.getByTestId('link-done').waitFor();
    await provedOf(carol, 'carol@two.example').waitFor();
    // From one fragment to the same is no load.
    await page.goto('about:blank');
    await page.goto(link);
    await page.getByTestId('link-refused').waitFor();
    await elsewhere.close();
  });

  it('a number, by the code in an SMS', async () => {
    await prove(carol, 'phone', '+4915123456789');
  });

  it('an address that is refused is told to be', async () => {
    postbox.behaviour.recipient = () => ({ code: 550, words: 'no such mailbox' });
    await begin(carol, 'email', 'typo@one.example');
    await carol.phone.get('code-status').filter({ hasText: 'does not take messages' }).waitFor();
    await carol.phone.get('code-give-up').click();
    await entryOf(carol, 'typo@one.example').waitFor({ state: 'detached' });
    postbox.behave();
  });

  it('she is found by what she proved, and her card says what it is', async () => {
    await openPage(carol.phone, 'privacy');
    await pickAudience(carol.phone, 'profile', 'Everybody');
    await pickAudience(carol.phone, 'findByEmail', 'Everybody');
    await openPage(dave.phone, 'contacts');
    const found = (await dave.phone.page.evaluate(
      `window.auralink.identity.findPeople({ email: 'Carol@One.example' })
        .then((people) => people.map(({ auraId, verifications }) => auraId + ' ' + verifications))`,
    )) as string[];
    if (found.join() !== '@carol.aura email_controlled,phone_controlled') throw new Error(found.join());
  });

  it('who else proves her address takes it, and she is told on her page and at her other addresses', async () => {
    await openPage(carol.phone, 'verifications');
    const since = postbox.received.length;
    await openPage(dave.phone, 'verifications');
    await prove(dave, 'email', 'carol@one.example');
    await carol.phone.get('ended').filter({ hasText: 'Somebody else has confirmed it since' }).waitFor();
    for (const to of ['carol@two.example', '+4915123456789']) {
      const { text } = await postbox.messageTo(to, { since });
      if (!text.includes('Somebody else')) throw new Error(text);
    }
  });
});

describe('a forgotten password', () => {
  it('is set by a code, ends what was open, and is told at her other addresses', async () => {
    const since = postbox.received.length;
    const device = await Device.create(browser, baseUrl, { viewport: { width: 390, height: 844 } });
    const phone = await device.open('phone');
    await phone.beginSignIn();
    await phone.get('forgotten').click();
    await phone.get('forgotten-user').fill('@carol.aura');
    await phone.get('forgotten-address').fill('carol@two.example');
    await phone.get('forgotten-ask').click();
    await phone.get('forgotten-asked').waitFor();
    await phone.get('forgotten-code').fill(codeIn(await postbox.messageTo('carol@two.example', { since })));
    await phone.get('forgotten-password').fill(NEW_PASSWORD);
    await phone.get('forgotten-reset').click();
    await phone.online();
    await carol.phone.get('sign-in-button').waitFor();
    const { text } = await postbox.messageTo('+4915123456789', { since });
    if (!text.includes('a new password was asked for')) throw new Error(text);
    await device.context.close();
    // She comes back to where she was.
    await carol.phone.beginSignIn();
    await carol.phone.get('signin-user').fill('carol');
    await carol.phone.get('signin-password').fill(NEW_PASSWORD);
    await carol.phone.get('signin-submit').click();
    await carol.phone.get('page-verifications').waitFor();
  });
});
