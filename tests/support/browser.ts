/**
 * Real Chromium with fake devices, and the pages as a person uses them. One `Device` is one browser profile; one
 * `AppPage` is one tab of one app in it. Everything is found by role, label or data-testid, and everything is waited
 * for: nothing here sleeps for luck.
 */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Locator,
  type Page,
} from 'playwright-core';
import type { Constellation } from '../../auralink-communication-service/launcher/constellation.ts';
import { makeDashboardToken } from '../../auralink-communication-service/launcher/dashboard-token.ts';

export type AppName = 'phone' | 'chat' | 'market' | 'play';

/** Chromium's own; the camera shows a moving picture and the microphone beeps once a second. */
const CHROMIUM = '/usr/bin/chromium';
const FLAGS = [
  '--no-sandbox',
  '--use-fake-ui-for-media-stream',
  '--use-fake-device-for-media-stream',
  '--mute-audio',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--disable-quic',
];
/** Generous: others may be at work on the machine. What must be quick is asserted by its own figure. */
const WAIT_MS = 20_000;
const POLL_MS = 50;

/** Wall clock of every click, by the pressed element's data-testid: a page's log says when it heard, not when she acted. */
const NOTE_CLICKS = `document.addEventListener('click', (event) => {
  const testId = event.target.closest?.('[data-testid]')?.dataset.testid;
  (window.auraTestClicks ??= {})[testId] = performance.timeOrigin + performance.now();
}, true)`;

/** One entry of the page's own log (`window.auralinkLog`). */
export interface LogEntry {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly type: string;
  readonly data: Record<string, unknown>;
}

export interface HistoryEntry {
  readonly callId: string;
  readonly direction: 'outgoing' | 'incoming';
  readonly state: string;
  readonly endReason: string | null;
  readonly media: string;
  readonly peer: { readonly auraId: string };
  readonly invitation: { readonly state: string; readonly reason: string | null };
}

/** Polls until `look` gives something else than null or false. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | null | false>,
  withinMs = WAIT_MS,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== null && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`waited ${withinMs} ms for ${what}`);
    await delay(POLL_MS);
  }
}

/** Waits until it cannot be pressed. */
export function disabled(control: Locator): Promise<void> {
  return control.and(control.page().locator(':disabled')).waitFor();
}

/** Waits until the field holds this. */
export async function holds(field: Locator, value: string): Promise<void> {
  await eventually(`"${value}" in the field`, async () => (await field.inputValue()) === value);
}

/** Waits until there are so many. */
export async function areThere(what: Locator, count: number): Promise<void> {
  await eventually(`${count} of ${what}`, async () => (await what.count()) === count);
}

/** Closed when the test file has ended. */
export async function launchBrowser(): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  after(() => browser.close());
  return browser;
}

export class Device {
  readonly context: BrowserContext;
  readonly #origins: Readonly<Record<AppName, string>>;
  /** What went wrong in a page unseen: uncaught errors, and what the browser refused by CSP. */
  readonly faults: string[] = [];

  private constructor(context: BrowserContext, baseUrl: string) {
    this.context = context;
    const { port } = new URL(baseUrl);
    const at = (app: string): string => `http://${app}.localhost:${port}`;
    this.#origins = { phone: baseUrl, chat: at('chat'), market: at('market'), play: at('play') };
    context.on('weberror', (error) => this.faults.push(String(error.error())));
    context.on('console', (message) => {
      if (/content security policy/i.test(message.text())) this.faults.push(message.text());
    });
  }

  /** A fresh browser profile. */
  static async create(browser: Browser, baseUrl: string, options?: BrowserContextOptions): Promise<Device> {
    const context = await browser.newContext({ locale: 'en-GB', ...options });
    context.setDefaultTimeout(WAIT_MS);
    await context.addInitScript(NOTE_CLICKS);
    return new Device(context, baseUrl);
  }

  async open(app: AppName): Promise<AppPage> {
    const page = await this.context.newPage();
    await page.goto(`${this.#origins[app]}/`);
    return new AppPage(page, app);
  }
}

export class AppPage {
  readonly page: Page;
  readonly app: AppName;

  constructor(page: Page, app: AppName) {
    this.page = page;
    this.app = app;
  }

  get(testId: string): Locator {
    return this.page.getByTestId(testId);
  }

  /** From the app's page to the sign-in page. */
  async beginSignIn(): Promise<void> {
    await this.get('sign-in-button').click();
    await this.page.waitForURL('**/sign-in/*');
  }

  async signIn(user: string, password: string): Promise<void> {
    await this.beginSignIn();
    await this.page.getByLabel('Address').fill(user);
    await this.page.getByLabel('Password').fill(password);
    await this.get('signin-submit').click();
    await this.online();
  }

  async signInByCode(code: string, newPassword: string): Promise<void> {
    await this.beginSignIn();
    await this.page.getByRole('tab', { name: 'One-time code' }).click();
    await this.page.getByLabel('One-time code', { exact: true }).last().fill(code);
    await this.get('code-password').fill(newPassword);
    await this.get('code-submit').click();
    await this.online();
  }

  /** Somebody is signed in on this device already: one press, no password. */
  async signInAgain(): Promise<void> {
    await this.get('sign-in-button').click();
    await this.online();
  }

  /** Signed in, and its socket is open. */
  async online(): Promise<void> {
    await this.page.locator('[data-testid=connection][data-state=online]').waitFor();
  }

  async dial(address: string, media: 'audio' | 'video'): Promise<string> {
    await this.get('dial-input').fill(address);
    await this.get(`dial-${media}`).click();
    const outgoing = this.page.locator('[data-testid=outgoing][data-call-id]');
    const refused = this.page.locator('[data-testid=dial-status][data-status=error]');
    await outgoing.or(refused).first().waitFor();
    const said = (await refused.count()) > 0 ? await refused.textContent() : null;
    assert.equal(said, null, `${address} could not be called`);
    const callId = await outgoing.getAttribute('data-call-id');
    assert.ok(callId);
    return callId;
  }

  /** Waits until the caller is told that it rings. */
  async hearsRinging(): Promise<void> {
    await this.page.locator('[data-testid=outgoing-state][data-state=ringing]').waitFor();
  }

  /** Waits for the ring of this call and gives its id. */
  async rings(callId: string): Promise<string> {
    const dialog = this.page.locator(`[data-testid=ring-dialog][data-call-id="${callId}"]`);
    const ringId = await dialog.getAttribute('data-ring-id');
    await dialog.waitFor();
    assert.ok(ringId);
    return ringId;
  }

  async isRinging(): Promise<boolean> {
    return (await this.get('ring-dialog').count()) > 0;
  }

  /** What the page was told since it was loaded. */
  async log(type: string): Promise<LogEntry[]> {
    const entries = await this.page.evaluate<LogEntry[]>('window.auralinkLog ?? []');
    return entries.filter((entry) => entry.type === type);
  }

  async ringsOf(callId: string): Promise<LogEntry[]> {
    return (await this.log('ring')).filter((entry) => entry.data.callId === callId);
  }

  /** Waits for the ring's stop. */
  stopOf(callId: string): Promise<LogEntry> {
    return eventually(`the stop of the ring in ${this.app}`, async () => {
      const stops = (await this.log('ringStopped')).filter((entry) => entry.data.callId === callId);
      return stops[0] ?? null;
    });
  }

  /** When she pressed it last, milliseconds since 1970. */
  async clickedAtMs(testId: string): Promise<number> {
    const atMs = await this.page.evaluate<number | null>(`window.auraTestClicks?.['${testId}'] ?? null`);
    assert.ok(atMs !== null, `${testId} was not pressed`);
    return atMs;
  }

  async inCall(callId: string): Promise<void> {
    await this.page.locator(`[data-testid=in-call][data-call-id="${callId}"]`).waitFor();
  }

  /** Waits for the words at the end of a call, and gives the reason behind them. */
  async endsWith(callId: string, reason: string): Promise<void> {
    await this.page
      .locator(`[data-testid=last-end][data-call-id="${callId}"][data-reason="${reason}"]`)
      .waitFor();
  }

  /** The other one's picture is there, plays, and changes. */
  async seesMovingPicture(): Promise<void> {
    const look = (): Promise<{ width: number; time: number; pixels: string } | null> =>
      this.page.evaluate(`(() => {
        const video = document.querySelector('[data-testid=remote-video]');
        if (video === null || video.videoWidth === 0) return null;
        const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 48 });
        const context = canvas.getContext('2d');
        context.drawImage(video, 0, 0, 64, 48);
        const pixels = context.getImageData(0, 0, 64, 48).data.join();
        return { width: video.videoWidth, time: video.currentTime, pixels };
      })()`);
    const first = await eventually(`a picture in ${this.app}`, look);
    await eventually(`another picture in ${this.app}`, async () => {
      const now = await look();
      return now !== null && now.time > first.time + 0.5 && now.pixels !== first.pixels;
    });
  }

  /** The other one's sound is not silence, measured on what the page plays, and by what the page itself shows. */
  async hears(): Promise<void> {
    await eventually(`sound in ${this.app}`, () =>
      this.page.evaluate<boolean>(`(async () => {
        const audio = document.querySelector('[data-testid=remote-audio]');
        if (!audio?.srcObject) return false;
        if (window.auraTestEar?.stream !== audio.srcObject) {
          const context = new AudioContext();
          const analyser = context.createAnalyser();
          context.createMediaStreamSource(audio.srcObject).connect(analyser);
          window.auraTestEar = { stream: audio.srcObject, context, analyser };
        }
        await window.auraTestEar.context.resume();
        const samples = new Float32Array(window.auraTestEar.analyser.fftSize);
        window.auraTestEar.analyser.getFloatTimeDomainData(samples);
        return !audio.paused && samples.some((sample) => Math.abs(sample) > 0.01);
      })()`),
    );
    await eventually(`the level of the sound in ${this.app}`, async () => {
      return Number(await this.get('remote-audio').getAttribute('data-level')) > 0;
    });
  }

  /** The person's calls as her app gets them, newest first. */
  async history(): Promise<HistoryEntry[]> {
    return this.page.evaluate<HistoryEntry[]>('window.auralink.calls.history().then((page) => page.calls)');
  }

  /** A new connection, as after a break; the service's processes share the port by chance. */
  async reconnect(): Promise<void> {
    await this.page.evaluate('(window.auralink.disconnect(), window.auralink.connect())');
    await this.online();
  }

  /** Its endpoint at the service. */
  async endpointId(): Promise<string> {
    return this.page.evaluate<string>('window.auralink.me().then((me) => me.endpointId)');
  }
}

/** Registers somebody as the Dashboard does. */
export async function registerByDashboard(
  constellation: Constellation,
  handle: string,
): Promise<{ auraId: string; signInCode: string }> {
  const token = await makeDashboardToken(constellation.settings, 'matrix.register');
  const auraId = `@${handle}.aura`;
  const response = await fetch(`${constellation.urls.public}/internal/matrix/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ dashboardUserId: `dashboard-${handle}`, auraId }),
  });
  const body = (await response.json()) as { signInCode: string };
  assert.equal(response.status, 201, JSON.stringify(body));
  return { auraId, signInCode: body.signInCode };
}
