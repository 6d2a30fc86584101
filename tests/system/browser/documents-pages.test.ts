/**
 * The pages of identity documents over one life in memory: how they look in each width and scheme, the lines with what
 * is wrong where, pictures, the queue, and the viewer by keyboard.
 */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { DocumentLife, documentRoutes } from '../../fakes/document-routes.ts';
import { identityRoutes } from '../../fakes/identity-routes.ts';
import { startIdentityService } from '../../fakes/identity-service.ts';
import { testDataDir } from '../../harness.ts';
import { launchBrowser } from '../../support/browser.ts';
import { DESKTOP_SIZE, IdentityPages, NARROWEST, PHONE_SIZE } from '../../support/identity-stage.ts';
import { td1, td3 } from '../../support/mrz-lines.ts';
import { png } from '../../support/pictures.ts';

let life = new DocumentLife();
const service = await startIdentityService((app, all) => {
  identityRoutes(app, all);
  documentRoutes(
    app,
    new Proxy(life, {
      get: (_, key) => Reflect.get(life, key),
      set: (_, key, value) => Reflect.set(life, key, value),
    }),
  );
});
after(() => service.close());
const browser = await launchBrowser();
const pictures = testDataDir('documents-pages');
mkdirSync(pictures, { recursive: true });
const PHOTO = { name: 'photo.png', mimeType: 'image/png', buffer: png(640, 450) };

const SCENES: Readonly<Record<string, (pages: IdentityPages) => Promise<void>>> = {
  begin: async (pages) => {
    life.begin(td3(), {
      state: 'rejected',
      reason: 'unreadable',
      note: 'Too dark.',
      decidedAt: new Date().toISOString(),
    });
    life.documents = life.documents.slice(0, 1);
    await pages.me('documents');
  },
  faults: async (pages) => {
    await pages.me('documents');
    const [first = '', second = ''] = td3();
    await pages.page.getByTestId('lines').fill(`${first}\n${second.slice(0, 3)}Z${second.slice(4)}`);
    await pages.page.getByText('Line 2, characters 1 to 10').waitFor();
  },
  open: async (pages) => {
    life.begin(td1(), { state: 'asked', missing: ['better_pictures'], note: 'The lower lines are cut off.' });
    await pages.me('documents');
    await pages.page.getByTestId('photo-front').setInputFiles(PHOTO);
    await pages.page.getByAltText('Front of your document').waitFor();
  },
  queue: async (pages) => {
    life.wait();
    life.wait();
    await pages.me('reviews');
    await pages.page.getByTestId('review').first().waitFor();
  },
  taken: async (pages) => {
    life.wait();
    await pages.me('reviews');
    await pages.page.getByRole('button', { name: 'Take document 1' }).click();
    await pages.page.getByAltText('Front of the document').waitFor();
    await pages.page.getByText('Reject', { exact: true }).click();
    await pages.page.getByTestId('verdict-reason').waitFor();
  },
};

for (const colorScheme of ['light', 'dark'] as const) {
  for (const [size, viewport] of Object.entries({
    phone: PHONE_SIZE,
    desktop: DESKTOP_SIZE,
    narrowest: NARROWEST,
  })) {
    describe(`${colorScheme}, ${size}`, async () => {
      const pages = await IdentityPages.open(browser, service, { viewport, colorScheme });
      for (const [name, arrange] of Object.entries(SCENES)) {
        it(`${name} is readable, named and no wider than the screen`, async () => {
          life = new DocumentLife();
          await arrange(pages);
          await pages.page.screenshot({
            path: join(pictures, `${name}-${size}-${colorScheme}.png`),
            fullPage: true,
          });
          await pages.assertNamed(name);
          await pages.assertNoSidewaysScroll(name);
          await pages.assertReadable(name);
        });
      }
      it('leaves no error, and nothing that the content policy refused', () => {
        assert.deepEqual(pages.faults, []);
      });
    });
  }
}

describe('by keyboard', async () => {
  const pages = await IdentityPages.open(browser, service, { viewport: DESKTOP_SIZE });
  const { page } = pages;

  it('lines are typed, a wrong character is named and mended, and the document goes to the reviewers', async () => {
    life = new DocumentLife();
    await pages.me('documents');
    const [first = '', second = ''] = td3();
    await page.getByTestId('lines').focus();
    await page.keyboard.type(`${first}\n${second.slice(0, 21)}9${second.slice(22)}`);
    const told = page.getByTestId('lines-feedback');
    await told.getByText('Line 2, characters 22 to 28: The date of expiry').waitFor();
    assert.equal(await page.getByTestId('lines-send').isDisabled(), true);
    await page.getByTestId('lines').fill(`${first}\n${second}`);
    await told.getByText('All check digits fit.').waitFor();
    await page.getByTestId('lines-send').press('Enter');
    await page.getByTestId('document-live').waitFor();
    await page.getByTestId('photo-front').setInputFiles(PHOTO);
    await page.getByAltText('Front of your document').waitFor();
    await page.getByTestId('document-send').press('Enter');
    await page.getByRole('heading', { name: 'With the reviewers' }).waitFor();
    assert.equal(life.documents[0]?.state, 'pending');
  });

  it('a chip that does not hold says why', async () => {
    life = new DocumentLife();
    life.begin(td3());
    await pages.me('documents');
    await page.getByTestId('chip-files').setInputFiles({
      name: 'EF_SOD.bin',
      mimeType: 'application/octet-stream',
      buffer: Buffer.of(0x77, 0),
    });
    await page.getByTestId('chip-send').press('Enter');
    await page.getByText('A data group is not the one that was signed.').waitFor();
  });

  it('the viewer enlarges, turns and goes back, and a verdict is said with reason and note', async () => {
    life = new DocumentLife();
    life.wait();
    await pages.me('reviews');
    await page.getByRole('button', { name: 'Take document 1' }).press('Enter');
    const viewer = page.getByTestId('viewer');
    await viewer.focus();
    await page.keyboard.press('+');
    await page.getByTestId('viewer-zoom').getByText('150%').waitFor();
    await page.keyboard.press('r');
    await page.locator('[data-turned="1"]').waitFor();
    await page.keyboard.press('0');
    await page.locator('[data-turned="0"]').waitFor();
    await page.getByTestId('viewer-zoom').getByText('100%').waitFor();
    await page.getByRole('button', { name: 'Back', exact: true }).press('Enter');
    await page.getByAltText('Back of the document').waitFor();
    assert.equal(await page.getByTestId('verdict-send').isDisabled(), true);
    await page.getByRole('radio', { name: 'Reject' }).press(' ');
    await page.getByTestId('verdict-reason').selectOption('not_genuine');
    await page.getByTestId('verdict-note').fill('A photo of a screen.');
    await page.getByTestId('verdict-send').press('Enter');
    await page.getByText('Nothing waits for you.').waitFor();
    assert.deepEqual(life.verdicts, [
      { verdict: 'reject', reason: 'not_genuine', note: 'A photo of a screen.' },
    ]);
  });
});
