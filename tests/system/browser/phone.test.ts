/**
 * The pages as a person meets them: claiming an address, the ways to sign in, the web phone beside an app, a reload and
 * a second tab while it rings, and all of it by keyboard and by the names that a screen reader says.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ownConstellation } from '../../harness.ts';
import {
  type AppPage,
  areThere,
  Device,
  disabled,
  eventually,
  launchBrowser,
  registerByDashboard,
} from '../../support/browser.ts';

const CAROL_PASSWORD = 'carol reads and types';
const DAVE_PASSWORD = 'dave has a code only';
/** Controls that Playwright's snapshot shows without a name. */
const NAMELESS = /^\s*- (?:button|textbox|link|radio|tab|dialog|alertdialog|img|meter)\b(?! ")/m;

const constellation = await ownConstellation('browser-phone', { processes: 2, redis: false });
const browser = await launchBrowser();
const baseUrl = constellation.settings.config.PUBLIC_BASE_URL;
const device = (): Promise<Device> => Device.create(browser, baseUrl);
const [hers, his, third] = [await device(), await device(), await device()];
const ofDave = await registerByDashboard(constellation, 'dave');
/** Carol's phone and Dave's Chat, as the tests before leave them. */
const phone = await hers.open('phone');
const chat = await his.open('chat');

async function assertNamed(page: AppPage, what: string): Promise<void> {
  const snapshot = await page.page.locator('body').ariaSnapshot();
  assert.doesNotMatch(snapshot, NAMELESS, `${what} has a control without a name:\n${snapshot}`);
}

/** Types a name and waits for what is said about it. */
async function nameStatus(page: AppPage, name: string, status: string, words: RegExp): Promise<void> {
  await page.page.getByLabel('Your address').fill(name);
  await page.page
    .locator(`[data-testid=register-status][data-status=${status}]`)
    .filter({ hasText: words })
    .waitFor();
}

async function refusal(page: AppPage): Promise<string> {
  return (await page.page.getByRole('alert').textContent()) ?? '';
}

/** Waits until it has the focus. */
async function hasFocus(page: AppPage, testId: string): Promise<void> {
  await eventually(`the focus on ${testId}`, () =>
    page.page.evaluate<boolean>(`document.activeElement?.dataset.testid === '${testId}'`),
  );
}

async function newestInPhone(callId: string): Promise<{ reason: string | null; text: string }> {
  const item = phone.page.locator(`[data-testid=history-item][data-call-id="${callId}"]`);
  await item.and(phone.page.locator(':not([data-reason=ringing]):not([data-reason=active])')).waitFor();
  return { reason: await item.getAttribute('data-reason'), text: (await item.textContent()) ?? '' };
}

describe('sign-in in the browser', () => {
  it('says of a name, as it is typed, whether it is free, taken, or why it is not allowed', async () => {
    await phone.beginSignIn();
    await phone.page.getByRole('tab', { name: 'Register' }).click();
    await assertNamed(phone, 'the register form');
    await nameStatus(phone, 'ab', 'not_allowed', /at least 3 characters/);
    await nameStatus(phone, 'caro!', 'not_allowed', /letters a to z/);
    await nameStatus(phone, 'supp0rt', 'not_allowed', /reserved/);
    await nameStatus(phone, 'dave', 'taken', /@dave\.aura is taken/);
    await disabled(phone.get('register-submit'));
    const suggested = phone.page.getByRole('group', { name: 'Free addresses' }).getByRole('button').first();
    const suggestion = (await suggested.textContent()) ?? '';
    await suggested.click();
    await phone.page.getByText(`${suggestion} is free`).waitFor();
    await nameStatus(phone, 'carol', 'free', /@carol\.aura is free/);
  });

  it('registers with an invitation code only', async () => {
    await phone.get('register-password').fill(CAROL_PASSWORD);
    await phone.page.getByLabel('Invitation code').fill('guessed');
    await phone.get('register-submit').click();
    assert.match(await refusal(phone), /invitation/i);
    await phone.page.getByLabel('Invitation code').fill(constellation.secret('REGISTRATION_TOKEN'));
    await phone.get('register-submit').click();
    await phone.online();
    await phone.get('me-address').filter({ hasText: '@carol.aura' }).waitFor();
    assert.deepEqual(await phone.history(), []);
    await phone.page.getByText('No calls yet').waitFor();
  });

  it('goes back to the app when it is given up, without an error', async () => {
    await chat.beginSignIn();
    await assertNamed(chat, 'the sign-in form');
    await chat.get('abort').click();
    await chat.get('sign-in-button').waitFor();
    await areThere(chat.page.getByRole('alert'), 0);
  });

  it('takes a one-time code once, with a password of her own choice', async () => {
    await chat.signInByCode(ofDave.signInCode, DAVE_PASSWORD);
    await chat.get('me-address').filter({ hasText: '@dave.aura' }).waitFor();
    const other = await third.open('market');
    await other.beginSignIn();
    await other.page.getByRole('tab', { name: 'One-time code' }).click();
    await other.get('code-input').fill(ofDave.signInCode);
    await other.get('code-password').fill('another long password');
    await other.get('code-submit').click();
    assert.match(await refusal(other), /not valid/);
    await other.page.close();
  });

  it('refuses a wrong password, takes the right one, and ends at sign-out', async () => {
    const other = await third.open('play');
    await other.beginSignIn();
    await other.page.getByLabel('Address').fill('dave');
    await other.page.getByLabel('Password').fill('not his password');
    await other.get('signin-submit').click();
    assert.match(await refusal(other), /do not belong together/);
    await other.page.getByLabel('Password').fill(DAVE_PASSWORD);
    await other.get('signin-submit').click();
    await other.online();
    await assertNamed(other, 'Play');
    await other.get('sign-out').click();
    await other.get('sign-in-button').waitFor();
    await other.page.reload();
    await other.get('sign-in-button').waitFor();
    await other.page.close();
  });
});

describe('the web phone beside an app', () => {
  it('calls and is answered by keyboard alone', async () => {
    await assertNamed(phone, 'the phone');
    await phone.page.getByLabel('Address').focus();
    await phone.page.keyboard.type('nobody.has.this');
    await phone.page.getByText('Nobody has the address @nobody.has.this.aura').waitFor();
    await disabled(phone.get('dial-audio'));
    await phone.page.keyboard.press('Control+A');
    await phone.page.keyboard.type('dave');
    await phone.page.locator('[data-testid=dial-status][data-status=found]').waitFor();
    await phone.page.keyboard.press('Enter');
    const outgoing = phone.page.locator('[data-testid=outgoing][data-call-id]');
    const callId = (await outgoing.getAttribute('data-call-id')) ?? '';
    await chat.rings(callId);
    const dialog = chat.page.getByRole('alertdialog', { name: '@carol.aura is calling' });
    await dialog.getByText('from Phone').waitFor();
    await assertNamed(chat, 'the ring');
    await chat.page.keyboard.press('Escape');
    await chat.page.keyboard.press('Escape');
    // Escape must not silence a ring, nor move the focus from the one button to the other.
    await dialog.waitFor();
    await hasFocus(chat, 'ring-answer');
    await chat.page.keyboard.press('Enter');
    await Promise.all([phone.inCall(callId), chat.inCall(callId)]);
    await Promise.all([phone.hears(), chat.hears()]);
    await assertNamed(phone, 'the call');
    await hasFocus(phone, 'hangup');
    await phone.page.keyboard.press('Space');
    await chat.endsWith(callId, 'hung_up');
    const { reason, text } = await newestInPhone(callId);
    assert.equal(reason, 'hung_up');
    assert.match(text, /dave.*outgoing, Outgoing/s);
  });

  it('rings for an app, shows the picture, mutes, and is declined by keyboard', async () => {
    const first = await chat.dial('@carol.aura', 'video');
    await phone.rings(first);
    await phone.get('ring-answer').click();
    await Promise.all([phone.seesMovingPicture(), chat.seesMovingPicture()]);
    await phone.page.getByRole('button', { name: 'Mute' }).click();
    await phone.page.getByRole('button', { name: 'Unmute' }).waitFor();
    await phone.page.getByRole('button', { name: 'Camera off' }).click();
    await phone.page.getByRole('button', { name: 'Camera on' }).waitFor();
    await chat.page.getByText('No picture').waitFor();
    await chat.get('hangup').click();
    assert.match((await newestInPhone(first)).text, /dave.*incoming, Incoming/s);

    const second = await chat.dial('@carol.aura', 'audio');
    await phone.rings(second);
    await hasFocus(phone, 'ring-answer');
    await phone.page.keyboard.press('Shift+Tab');
    await hasFocus(phone, 'ring-decline');
    await phone.page.keyboard.press('Enter');
    await chat.endsWith(second, 'declined');
    const { reason, text } = await newestInPhone(second);
    assert.equal(reason, 'declined');
    assert.match(text, /Declined/);
  });

  it('rings again under the same id after a reload', async () => {
    const callId = await phone.dial('@dave.aura', 'audio');
    const ringId = await chat.rings(callId);
    await chat.page.reload();
    assert.equal(await chat.rings(callId), ringId);
    assert.equal((await chat.ringsOf(callId)).length, 1);
    await phone.get('outgoing-cancel').click();
    const stop = await chat.stopOf(callId);
    assert.deepEqual([stop.data.ringId, stop.data.reason], [ringId, 'caller_cancelled']);
    await chat.get('ring-dialog').waitFor({ state: 'detached' });
    assert.equal((await newestInPhone(callId)).reason, 'cancelled');
  });

  it('comes back to the call after a reload', async () => {
    const callId = await phone.dial('@dave.aura', 'video');
    await chat.rings(callId);
    await chat.get('ring-answer').click();
    await chat.seesMovingPicture();
    await phone.page.reload();
    await phone.inCall(callId);
    await Promise.all([phone.seesMovingPicture(), chat.seesMovingPicture()]);
    await phone.get('hangup').click();
    await chat.endsWith(callId, 'hung_up');
  });

  it('rings in two tabs of one app as one, and stops in the other when one answers', async () => {
    const tab = await his.open('chat');
    await tab.online();
    const callId = await phone.dial('@dave.aura', 'audio');
    const ringIds = await Promise.all([chat.rings(callId), tab.rings(callId)]);
    assert.equal(ringIds[0], ringIds[1]);
    await tab.get('ring-answer').click();
    await Promise.all([tab.inCall(callId), phone.inCall(callId)]);
    const stop = await chat.stopOf(callId);
    assert.deepEqual([stop.data.reason, stop.data.byThisTab], ['answered_here', false]);
    await chat.get('ring-dialog').waitFor({ state: 'detached' });
    await areThere(chat.get('in-call'), 0);
    await tab.hears();
    await tab.get('hangup').click();
    await phone.endsWith(callId, 'hung_up');
    await tab.page.close();
  });

  it('leaves no page with an error', () => {
    assert.deepEqual(
      [hers, his, third].flatMap((one) => one.faults),
      [],
    );
  });
});
