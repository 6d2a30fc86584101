/**
 * The pages of the account and the two public ones as they look: at phone and desktop width and on the narrowest screen,
 * light and dark, with a picture of each in the run's folder, and with what axe says of it. What stands behind the API is one life in memory.
 */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { INTERACTION } from '../../fakes/sign-in-routes.ts';
import { LINK_TOKEN } from '../../fakes/verification-routes.ts';
import { testDataDir } from '../../harness.ts';
import { launchBrowser } from '../../support/browser.ts';
import {
  DESKTOP_SIZE,
  IdentityPages,
  identityStage,
  ME_PAGES,
  NARROWEST,
  PHONE_SIZE,
} from '../../support/identity-stage.ts';

const service = await identityStage();
service.life.rules = { ...service.life.rules, profile: 'public' };
const browser = await launchBrowser();
const pictures = testDataDir('identity-pages');
mkdirSync(pictures, { recursive: true });

const PATHS: readonly (readonly [name: string, path: string])[] = [
  ['phone', '/'],
  ['list', '/#/me'],
  ...ME_PAGES.map((page) => [page, `/#/me/${page}`] as const),
  ['invitation', '/i#c0de'],
  ['public', '/@alice'],
  ['nobody', '/@nobody'],
  ['sign-in', `/sign-in/${INTERACTION}`],
  ['verify-link', `/verify#${LINK_TOKEN}`],
  ['verify-nothing', '/verify#x'],
];

for (const colorScheme of ['light', 'dark'] as const) {
  for (const [size, viewport] of [
    ['phone', PHONE_SIZE],
    ['desktop', DESKTOP_SIZE],
    ['narrowest', NARROWEST],
  ] as const) {
    describe(`${colorScheme}, ${size}`, async () => {
      const pages = await IdentityPages.open(browser, service, { viewport, colorScheme });
      for (const [name, path] of PATHS) {
        it(`${name} is readable, named and no wider than the screen`, async () => {
          await pages.goto(path);
          await pages.page.screenshot({
            path: join(pictures, `${name}-${size}-${colorScheme}.png`),
            fullPage: true,
          });
          await pages.assertNamed(name);
          await pages.assertNoSidewaysScroll(name);
          await pages.assertReadable(name);
          await pages.assertAccessible(name);
        });
      }

      it('long names and addresses stay within their boxes, in sheets too', async () => {
        const { life } = service;
        const { auraId, displayName } = life;
        life.auraId = '@wolfeschlegelsteinhausen.berg.aura';
        life.displayName = 'Wolfeschlegelsteinhausenbergerdorff Maximiliana the Younger';
        for (const path of ['/', '/#/me', '/#/me/profile', '/#/me/names', '/#/me/privacy', '/@alice']) {
          await pages.goto(path);
          await pages.assertNoSidewaysScroll(`${path} of a long name`);
        }
        await pages.me('names');
        await pages.page.getByTestId('release').click();
        await pages.page.getByRole('dialog').waitFor();
        await pages.assertNoSidewaysScroll('the question before a long address is given back');
        Object.assign(life, { auraId, displayName });
        await pages.me('contacts');
        await pages.page.getByRole('button', { name: 'More about @someone' }).click();
        await pages.page.getByRole('dialog').waitFor();
        await pages.assertNoSidewaysScroll('the sheet of a friend with a long address');
      });

      it('leaves no error, and nothing that the content policy refused', () => {
        assert.deepEqual(pages.faults, []);
      });
    });
  }
}
