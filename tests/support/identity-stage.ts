/** The account's pages in a real Chromium over one life in memory, and what can be measured on any of them. */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import axe from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { DocumentLife, documentRoutes } from '../fakes/document-routes.ts';
import { identityRoutes } from '../fakes/identity-routes.ts';
import { type IdentityService, startIdentityService } from '../fakes/identity-service.ts';
import { signInRoutes } from '../fakes/sign-in-routes.ts';
import { ownAppsRoutes } from '../fakes/own-apps-routes.ts';
import { verificationRoutes } from '../fakes/verification-routes.ts';
import { eventually } from './browser.ts';
import { td3 } from './mrz-lines.ts';

export const PHONE_SIZE = { width: 390, height: 844 };
export const NARROWEST = { width: 320, height: 640 };
export const DESKTOP_SIZE = { width: 1280, height: 900 };

/** Every page of the account, by the part of the address behind `#/me/`. */
export const ME_PAGES = [
  'profile',
  'names',
  'verifications',
  'privacy',
  'documents',
  'contacts',
  'requests',
  'invites',
  'apps',
  'sessions',
  'accounts',
  'password',
  'data',
  'ownapps',
] as const;

/** Controls that Playwright's snapshot shows without a name. */
const NAMELESS = /^\s*- (?:button|textbox|link|radio|checkbox|combobox|tab|dialog|img)\b(?! ")/m;
/** WCAG 2.2 up to AA, and what axe's makers recommend besides. */
const AXE_TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
/** WCAG 2.2, 1.4.3: text, and large text. */
const CONTRAST_MIN = 4.5;
const LARGE_CONTRAST_MIN = 3;

export async function identityStage(): Promise<IdentityService> {
  const documents = new DocumentLife();
  documents.wait();
  documents.begin(td3());
  const service = await startIdentityService((app, life) => {
    identityRoutes(app, life);
    verificationRoutes(app, life);
    ownAppsRoutes(app, life);
    documentRoutes(app, documents);
    signInRoutes(app);
  });
  after(() => service.close());
  return service;
}

function signedInAt(origin: string): Exclude<BrowserContextOptions['storageState'], string | undefined> {
  const session = {
    accessToken: 'a token of the fake',
    refreshToken: null,
    expiresAtMs: Date.now() + 3_600_000,
    scope: '',
    clockOffsetMs: 0,
  };
  const localStorage = [{ name: 'auralink:phone:session', value: JSON.stringify(session) }];
  return { cookies: [], origins: [{ origin, localStorage }] };
}

export class IdentityPages {
  readonly page: Page;
  readonly service: IdentityService;
  /** Uncaught errors, and what the content policy refused. */
  readonly faults: string[];

  private constructor(page: Page, service: IdentityService, faults: string[]) {
    this.page = page;
    this.service = service;
    this.faults = faults;
  }

  static async open(
    browser: Browser,
    service: IdentityService,
    options: BrowserContextOptions & { signedIn?: boolean } = {},
  ): Promise<IdentityPages> {
    const { signedIn = true, ...contextOptions } = options;
    const context = await browser.newContext({
      locale: 'en-GB',
      reducedMotion: 'reduce',
      ...(signedIn ? { storageState: signedInAt(service.url) } : {}),
      ...contextOptions,
    });
    after(() => context.close());
    const faults: string[] = [];
    context.on('weberror', (error) => faults.push(String(error.error())));
    context.on('console', (message) => {
      if (/content security policy/i.test(message.text())) faults.push(message.text());
    });
    return new IdentityPages(await context.newPage(), service, faults);
  }

  /** `path` on the service's origin; waits until nothing is being fetched for the page any more. */
  async goto(path: string): Promise<void> {
    await this.page.goto('about:blank');
    await this.page.goto(`${this.service.url}${path}`, { waitUntil: 'networkidle' });
    await this.page.locator('main:visible, nav:visible').first().waitFor();
    await this.page.getByText('One moment…').first().waitFor({ state: 'detached' });
  }

  async me(page: string): Promise<void> {
    await this.goto(page === '' ? '/#/me' : `/#/me/${page}`);
  }

  /** That axe finds nothing wrong with what is shown now. */
  async assertAccessible(name: string): Promise<void> {
    await this.page.evaluate(`${axe.source}; 0`);
    const faults = await this.page.evaluate<string[]>(
      `axe.run({ runOnly: ${JSON.stringify(AXE_TAGS)} }).then(({ violations }) =>
        violations.flatMap(({ id, help, nodes }) => nodes.map(({ target }) => id + ': ' + help + ': ' + target.join(' '))))`,
    );
    assert.deepEqual(faults, [], name);
  }

  /** What has the focus: its data-testid, else its label, else its text. */
  focused(): Promise<string> {
    return this.page.evaluate<string>(`(() => {
      const element = document.activeElement;
      return element.dataset.testid ?? element.getAttribute('aria-label') ?? element.textContent.trim();
    })()`);
  }

  /** Waits until it has the focus, named as `focused` names it. */
  async hasFocus(what: string): Promise<void> {
    await eventually(`the focus on ${what}`, async () => (await this.focused()) === what);
  }

  async assertNamed(what: string): Promise<void> {
    const snapshot = await this.page.locator('body').ariaSnapshot();
    assert.doesNotMatch(snapshot, NAMELESS, `${what} has a control without a name:\n${snapshot}`);
  }

  /** Nothing makes the page wider than its window, or stands out of the box that it is in. */
  async assertNoSidewaysScroll(what: string): Promise<void> {
    const wide = await this.page.evaluate<string[]>(`(() => {
      const right = (element) => element.getBoundingClientRect().right;
      const width = document.documentElement.clientWidth;
      const out = document.documentElement.scrollWidth <= width ? [] :
        [...document.querySelectorAll('body *')].filter((element) => right(element) > width + 1);
      for (const box of document.querySelectorAll('.panel, .sheet, .sign-in-card, fieldset, form')) {
        out.push(...[...box.querySelectorAll('*:not(.unseen)')].filter((element) => right(element) > right(box) + 1));
      }
      return out.map((element) => element.tagName + '.' + element.className);
    })()`);
    assert.deepEqual(wide, [], `${what} scrolls sideways`);
  }

  /** Every text on a plain background is readable, and every control large enough to hit (WCAG 2.2, 2.5.8). */
  async assertReadable(what: string): Promise<void> {
    const bad = await this.page.evaluate<string[]>(READABLE);
    assert.deepEqual(bad, [], `${what} has text that is hard to read, or controls that are hard to hit`);
  }
}

const READABLE = `(() => {
  const context = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((one) => one / 255)
    .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
    .reduce((sum, one, index) => sum + one * [0.2126, 0.7152, 0.0722][index], 0);
  const seen = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  // Null where a picture or a gradient is behind: no single colour to compare with.
  const behind = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.backgroundImage !== 'none') return null;
      const colour = rgba(style.backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return rgba('white');
  };
  const bad = [];
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data.trim()).join('');
    if (text === '' || !seen(element) || element.closest('.unseen, svg, :disabled') !== null) continue;
    const background = behind(element);
    if (background === null) continue;
    const style = getComputedStyle(element);
    const [one, other] = [light(rgba(style.color)), light(background)].sort((a, b) => b - a);
    const contrast = (one + 0.05) / (other + 0.05);
    const size = Number.parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (contrast < (large ? ${LARGE_CONTRAST_MIN} : ${CONTRAST_MIN})) bad.push(text.slice(0, 40) + ': ' + contrast.toFixed(2));
  }
  for (const control of document.querySelectorAll('button, nav a, select, .segment, .choice')) {
    const { width, height } = control.getBoundingClientRect();
    if (seen(control) && (width < 24 || height < 24)) bad.push(control.outerHTML.slice(0, 80) + ' is ' + width + ' × ' + height);
  }
  return bad;
})()`;
