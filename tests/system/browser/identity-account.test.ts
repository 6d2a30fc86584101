/** The pages about the account itself by keyboard: profile, address, sessions, apps, password, export, erasure. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PASSWORD } from '../../fakes/identity-routes.ts';
import { areThere, disabled, holds, launchBrowser } from '../../support/browser.ts';
import { IdentityPages, identityStage, PHONE_SIZE } from '../../support/identity-stage.ts';

const service = await identityStage();
const { life } = service;
const pages = await IdentityPages.open(await launchBrowser(), service, { viewport: PHONE_SIZE });
const { page } = pages;

const press = (key: string): Promise<void> => page.keyboard.press(key);
const type = async (testId: string, text: string): Promise<void> => {
  await page.getByTestId(testId).focus();
  await press('Control+A');
  await page.keyboard.type(text);
};
const said = (testId: string, words: RegExp): Promise<void> =>
  page.getByTestId(testId).filter({ hasText: words }).waitFor();

describe('the account by keyboard', () => {
  it('saves name and text, and says so', async () => {
    await pages.me('profile');
    await type('profile-name', 'Alice A.');
    await type('profile-about', 'Climbs.');
    await press('Tab');
    await press('Enter');
    await said('profile-save-done', /Saved/);
    assert.deepEqual([life.displayName, life.about], ['Alice A.', 'Climbs.']);
  });

  it('shrinks a picture in the page, keeps it, and removes it', async () => {
    const big = await page.evaluate<string>(`(() => {
      const canvas = Object.assign(document.createElement('canvas'), { width: 1600, height: 900 });
      canvas.getContext('2d').fillRect(0, 0, 1600, 900);
      return canvas.toDataURL('image/png').split(',')[1];
    })()`);
    await page.getByTestId('picture-file').setInputFiles({
      name: 'me.png',
      mimeType: 'image/png',
      buffer: Buffer.from(big, 'base64'),
    });
    await said('picture-said', /picture is new/);
    const sent = life.changes.findLast((one) => one.path.endsWith('/me/picture'));
    assert.ok(Number.parseInt(String(sent?.body), 10) <= 262_144);
    await page.locator('.picture-edit img.avatar').waitFor();
    await page.getByRole('button', { name: 'Remove it' }).focus();
    await press('Enter');
    await said('picture-said', /picture is gone/);
    await page.getByTestId('picture-file').setInputFiles({
      name: 'me.png',
      mimeType: 'image/png',
      buffer: Buffer.from('not a picture'),
    });
    await page.getByRole('alert').filter({ hasText: 'not a picture that we can read' }).waitFor();
  });

  it('changes a field in its place, gives it up at Escape, and says what is wrong with it', async () => {
    await pages.me('profile');
    const [field] = life.fields;
    await page.getByRole('button', { name: 'Change E-mail address alice@example.com' }).focus();
    await press('Enter');
    await pages.hasFocus('field-changed');
    await disabled(page.getByTestId('field-change'));
    await page.keyboard.type('nobody@example.org');
    await press('Escape');
    await page.getByTestId('field-editor').waitFor({ state: 'detached' });
    await pages.hasFocus('Change E-mail address alice@example.com');
    assert.equal(life.fields[0]?.value, 'alice@example.com', 'Escape changes nothing');

    await press('Enter');
    await pages.hasFocus('field-changed');
    await pages.assertNamed('a field that is changed');
    await page.route('**/me/fields/*', (route) =>
      route.fulfill({ status: 400, json: { errcode: 'M_INVALID_PARAM', detail: 'not such an address' } }),
    );
    await page.keyboard.type('alice@example.net');
    await press('Enter');
    await said('form-error', /not such an address/);
    await page.unroute('**/me/fields/*');
    await press('Enter');
    await said('fields-said', /E-mail address changed/);
    await page.getByTestId('field').getByText('alice@example.net', { exact: true }).waitFor();
    await pages.hasFocus('Change E-mail address alice@example.net');
    const sent = life.changes.findLast((one) => one.method === 'PUT' && one.path.includes('/me/fields/'));
    assert.equal(sent?.path, `/_auralink/v1/me/fields/${field?.fieldId}`);
    assert.deepEqual(sent.body, { kind: 'email', value: 'alice@example.net' });
  });

  it('adds a number as the service keeps it, and removes it with the focus where the next row is', async () => {
    await page.getByTestId('field-kind').selectOption('phone');
    await type('field-value', '+49 (30) 12-34-56');
    await press('Tab');
    await press('Enter');
    await said('field-add-done', /Added/);
    await pages.hasFocus('field-kind');
    await page.getByRole('button', { name: 'Remove Phone number +4930123456' }).focus();
    await press('Enter');
    await page.getByTestId('field-remove-confirm').focus();
    await press('Enter');
    await said('fields-said', /Phone number removed/);
    await pages.hasFocus('Change E-mail address alice@example.net');
  });

  it('changes the address, says which are free, and lists the old one', async () => {
    await pages.me('names');
    await page.getByTestId('qr').waitFor();
    await type('rename-name', 'bob');
    await page.locator('[data-testid=rename-status][data-status=taken]').waitFor();
    await disabled(page.getByTestId('rename-submit'));
    await type('rename-name', 'alice.archer');
    await page.locator('[data-testid=rename-status][data-status=free]').waitFor();
    await press('Enter');
    await said('rename-submit-done', /your address now/);
    await page.getByTestId('holds').getByText('@alice.aura').waitFor();
    await page.getByTestId('show-name').getByRole('heading', { name: '@alice.archer.aura' }).waitFor();
  });

  it('ends one session, then all others after asking', async () => {
    await pages.me('sessions');
    await page.getByRole('button', { name: 'Sign out Chat' }).focus();
    await press('Enter');
    await said('sessions-said', /Chat is signed out/);
    await page.getByTestId('revoke-all').focus();
    await press('Enter');
    await page.getByRole('dialog').waitFor();
    await press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await pages.hasFocus('revoke-all');
    assert.equal(life.sessions.length, 3, 'Escape ends nothing');
    await press('Enter');
    await page.getByTestId('revoke-all-confirm').focus();
    await press('Enter');
    await areThere(page.getByTestId('session'), 1);
    await page.getByTestId('revoke-all').waitFor({ state: 'detached' });
  });

  it('says while the Matrix server is away that Matrix apps are missing, and shows the rest', async () => {
    life.matrixKnown = false;
    await pages.me('sessions');
    await said('matrix-unknown', /Matrix apps cannot be shown at the moment/);
    await page.getByTestId('session').getByText('Phone').waitFor();
    life.matrixKnown = true;
    await pages.me('sessions');
    await page.getByTestId('session').getByText('Phone').waitFor();
    await page.getByTestId('matrix-unknown').waitFor({ state: 'detached' });
  });

  it('removes an app after asking, and not the phone itself', async () => {
    await pages.me('apps');
    await areThere(page.getByTestId('app'), 2);
    await areThere(page.getByRole('button', { name: 'Remove Phone' }), 0);
    await page.getByRole('button', { name: 'Remove Chat' }).focus();
    await press('Enter');
    await page.getByTestId('app-remove').focus();
    await press('Enter');
    await areThere(page.getByTestId('app'), 1);
  });

  it('changes the password, and says when the old one was wrong', async () => {
    await pages.me('password');
    await type('password-now', 'not this one');
    await type('password-new', 'four random words more');
    await press('Enter');
    await said('form-error', /not your password/);
    await type('password-now', PASSWORD);
    await press('Enter');
    await said('password-save-done', /new password counts/);
    await holds(page.getByTestId('password-new'), '');
    const sent = life.changes.findLast((one) => one.path.endsWith('/account/password'));
    assert.deepEqual(sent?.body, {
      currentPassword: PASSWORD,
      newPassword: 'four random words more',
      signOutOthers: true,
    });
  });

  it('gives her data as a page and as a file', async () => {
    await pages.me('data');
    for (const form of ['html', 'json']) {
      const download = page.waitForEvent('download');
      await page.getByTestId(`export-${form}`).focus();
      await press('Enter');
      assert.match((await download).suggestedFilename(), new RegExp(`^auralink-[\\d-]+\\.${form}$`));
    }
    await said('export-said', /downloads/);
  });

  it('erases only after her address and her password, then signs out', async () => {
    await page.getByTestId('erase-begin').focus();
    await press('Enter');
    await page.getByRole('dialog', { name: 'Erase me' }).waitFor();
    await pages.assertNamed('the erasure');
    await type('erase-confirm-password', PASSWORD);
    await disabled(page.getByTestId('erase-confirm'));
    await type('erase-typed', '@bob.aura');
    await disabled(page.getByTestId('erase-confirm'));
    await type('erase-typed', life.auraId);
    await type('erase-confirm-password', 'wrong');
    await press('Enter');
    await said('form-error', /not your password/);
    await type('erase-confirm-password', PASSWORD);
    await press('Enter');
    await page.getByTestId('sign-in-button').waitFor();
  });

  it('leaves no error, and nothing that the content policy refused', () => {
    assert.deepEqual(pages.faults, []);
  });
});
