/**
 * People who came in by the sign-in page of a whole constellation, with real tokens: what they ask of the API, their
 * Matrix apps, and the database behind it all, for what no answer shows.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after } from 'node:test';
import { decodeJwt } from 'jose';
import type { Constellation } from '../../auralink-communication-service/launcher/constellation.ts';
import type { AppAt, Tokens, WayIn } from '../fakes/browser.ts';
import { Browser } from '../fakes/browser.ts';
import { Phone } from './phone.ts';
import { openWorld, type World } from './world.ts';

export const PASSWORD = 'correct horse battery';
const SCOPE =
  'openid offline_access call.place call.receive profile.read contacts.read contacts.write account.manage';
const CHAT_SCOPE = 'openid offline_access call.place call.receive profile.read contacts.read';
/** One transparent pixel. */
export const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

export interface Asked {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for.
  readonly body: any;
  readonly text: string;
}

export interface MatrixApp {
  readonly userId: string;
  /** A request with its own access token, at our public door. */
  ask(method: string, path: string, body?: object): Promise<Asked>;
}

export interface RealPerson {
  readonly auraId: string;
  readonly personId: string;
  readonly browser: Browser;
  /** Of the phone, which may manage the account. */
  readonly tokens: Tokens;
  ask(method: string, path: string, body?: object | Buffer): Promise<Asked>;
  /** Signs the same browser in to Chat as well. */
  chat(): Promise<Tokens>;
  /** A page of the app with these tokens, connected. */
  page(tokens: Tokens): Promise<Phone>;
  matrix(): Promise<MatrixApp>;
}

export interface RealPeople {
  readonly world: World;
  readonly phone: AppAt;
  register(handle: string): Promise<RealPerson>;
  /** Who has registered before, in another browser. */
  signIn(auraId: string): Promise<RealPerson>;
  befriend(one: RealPerson, other: RealPerson): Promise<void>;
}

async function read(answer: Response): Promise<Asked> {
  const text = await answer.text();
  const json = answer.headers.get('content-type')?.includes('json') ?? false;
  return { status: answer.status, body: json && text !== '' ? JSON.parse(text) : {}, text };
}

function bodyOf(body: object | Buffer | undefined): {
  headers: Record<string, string>;
  body?: string | Uint8Array<ArrayBuffer>;
} {
  if (body === undefined) return { headers: {} };
  if (Buffer.isBuffer(body)) return { headers: { 'content-type': 'image/png' }, body: new Uint8Array(body) };
  return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

async function ask(url: string, token: string, method: string, body?: object | Buffer): Promise<Asked> {
  const { headers, ...rest } = bodyOf(body);
  return read(
    await fetch(url, {
      ...{ method, ...rest },
      headers: { ...headers, authorization: `Bearer ${token}`, 'idempotency-key': randomUUID() },
    }),
  );
}

/** Her Matrix app, signed in by address and password. */
async function matrixApp(base: string, user: string): Promise<MatrixApp> {
  const login = await fetch(`${base}/_matrix/client/v3/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user },
      password: PASSWORD,
    }),
  });
  const answer = await read(login);
  assert.equal(answer.status, 200, answer.text);
  const token: string = answer.body.access_token;
  return {
    userId: answer.body.user_id,
    ask: (method, path, body) => ask(`${base}/_matrix${path}`, token, method, body),
  };
}

export async function realPeople(constellation: Constellation): Promise<RealPeople> {
  const { config } = constellation.settings;
  const base = config.PUBLIC_BASE_URL;
  const phone: AppAt = { clientId: 'phone', redirectUri: `${base}/` };
  const world = await openWorld(constellation);
  const pages: Phone[] = [];
  after(async () => {
    await Promise.all(pages.map((page) => page.close()));
    await world.close();
  });
  const chatAt = async (): Promise<AppAt> => {
    const answer = await fetch(`${base}/_auralink/v1/config`);
    const { apps } = (await answer.json()) as { apps: { appId: string; url: string }[] };
    const redirectUri = apps.find(({ appId }) => appId === 'chat')?.url ?? assert.fail('there is no chat');
    return { clientId: 'chat', redirectUri };
  };

  const register = (handle: string): Promise<RealPerson> =>
    comeIn(`@${handle}.aura`, {
      register: { auraId: handle, password: PASSWORD, invitationCode: config.REGISTRATION_TOKEN },
    });
  const comeIn = async (auraId: string, way: WayIn): Promise<RealPerson> => {
    const browser = new Browser(base);
    const tokens = await browser.signIn(phone, way, { scope: SCOPE });
    const personId = decodeJwt(tokens.accessToken).sub ?? '';
    return {
      ...{ auraId, personId, browser, tokens },
      ask: (method, path, body) => ask(`${base}/_auralink/v1${path}`, tokens.accessToken, method, body),
      chat: async () => browser.signIn(await chatAt(), way, { scope: CHAT_SCOPE }),
      page: async ({ accessToken }) => {
        const { client_id: appId, endpoint_id: endpointId } = decodeJwt(accessToken);
        const page = new Phone(base, {
          ...{ endpointId: String(endpointId), appId: String(appId) },
          ...{ person: { personId, auraId }, token: accessToken },
        });
        pages.push(page);
        return page.connect();
      },
      matrix: () => matrixApp(base, auraId),
    };
  };

  return {
    ...{ world, phone, register },
    signIn: (auraId) => comeIn(auraId, { login: { user: auraId, password: PASSWORD } }),
    befriend: async (one, other) => {
      const asked = await one.ask('POST', '/contacts/requests', { to: other.auraId });
      assert.equal(asked.status, 202, asked.text);
      const accepted = await other.ask('POST', `/contacts/requests/${asked.body.requestId}/accept`);
      assert.ok(accepted.status < 300, accepted.text);
    },
  };
}
