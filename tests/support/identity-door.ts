/**
 * The identity room behind a real HTTP door: a database of the test's own, the shared Synapse. `openIdentityDoor` may be
 * called several times over one database, as several service processes would be.
 */
import { createServer } from 'node:net';
import { after } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import type { Messages } from '../../auralink-communication-service/auralink-modules/messages/model.ts';
import type { Config } from '../../auralink-communication-service/config.ts';
import { systemClock } from '../../auralink-communication-service/core/clock.ts';
import { type EndpointId, newId } from '../../auralink-communication-service/core/ids.ts';
import { createMetrics } from '../../auralink-communication-service/core/metrics.ts';
import { buildDoor, listen } from '../../auralink-communication-service/http/server.ts';
import {
  type DatabaseAddress,
  type Db,
  openDatabase,
} from '../../auralink-communication-service/store/db.ts';
import { createSetDeviceChoice } from '../../auralink-communication-service/store/device-choices.ts';
import { builtInApps } from '../../auralink-communication-service/wire/apps.ts';
import { type Identity, wireIdentity } from '../../auralink-communication-service/wire/identity.ts';
import { type AppAt, Browser, type Tokens } from '../fakes/browser.ts';
import { constellation } from '../harness.ts';

export interface IdentityDoor {
  readonly config: Config;
  readonly baseUrl: string;
  readonly app: FastifyInstance;
  readonly db: Db;
  readonly identity: Identity;
  /** Endpoints whose sockets would have been closed. */
  readonly revoked: EndpointId[];
  readonly phone: AppAt;
  readonly chat: AppAt;
}

/** Nothing is sent: for tests that need nothing sent. */
const NO_MESSAGES: Messages = {
  offers: () => false,
  enqueue: async () => {
    throw new Error('this test sends nothing');
  },
  cancel: async () => {},
  codeUsed: async () => {},
};

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/**
 * Opens the door; closed when the test file has ended. `beside`: another process of the same service, behind the same
 * origin; `port`: that it shares with others, else one of its own.
 */
export async function openIdentityDoor(
  address: DatabaseAddress,
  overrides: Partial<Config> = {},
  beside?: IdentityDoor,
  port?: number,
  messages: Messages = NO_MESSAGES,
): Promise<IdentityDoor> {
  const ownPort = port ?? (await freePort());
  const config: Config = {
    ...constellation().config,
    PUBLIC_BASE_URL: `http://localhost:${ownPort}`,
    APP_HOSTS: [`chat=chat.localhost:${ownPort}`, `market=market.localhost:${ownPort}`],
    DEMO_APPS: true,
    ...beside?.config,
    ...overrides,
  };
  const log = pino({ level: 'silent' });
  const db = openDatabase(address);
  const revoked: EndpointId[] = [];
  const identity = await wireIdentity({
    config,
    log,
    db,
    clock: systemClock,
    newId,
    metrics: createMetrics().identity,
    bus: { publish: () => {}, subscribe: () => {} },
    messages,
    endpointRevoked: (endpointId) => revoked.push(endpointId),
    setDeviceChoice: createSetDeviceChoice(db.pool),
  });
  if (beside === undefined) for (const app of builtInApps(config)) await identity.apps.upsertApp(app);
  const app = await buildDoor({
    logger: log,
    newId,
    trustedProxies: ['127.0.0.1'],
    plugins: identity.plugins,
  });
  await listen(app, '127.0.0.1', ownPort);
  after(async () => {
    await app.close();
    await identity.close();
    await db.close();
  });
  const baseUrl = `http://localhost:${ownPort}`;
  const phone = { clientId: 'phone', redirectUri: `${baseUrl}/` };
  const chat = { clientId: 'chat', redirectUri: `http://chat.localhost:${ownPort}/` };
  return { config, baseUrl, app, db, identity, revoked, phone, chat };
}

export const PASSWORD = 'correct horse battery';

/** A new person on a new device, signed in to the phone. */
export async function registerPerson(
  door: IdentityDoor,
  auraId: string,
  extra: Record<string, string> = {},
): Promise<{ browser: Browser; tokens: Tokens }> {
  const browser = new Browser(door.baseUrl);
  const register = { auraId, password: PASSWORD, invitationCode: door.config.REGISTRATION_TOKEN };
  return { browser, tokens: await browser.signIn(door.phone, { register }, extra) };
}

/** A request to the API with an endpoint token. */
export function api(
  door: IdentityDoor,
  path: string,
  token: string,
  init: RequestInit & { readonly headers?: Record<string, string> } = {},
): Promise<Response> {
  return fetch(`${door.baseUrl}${path}`, {
    ...init,
    headers: { authorization: `Bearer ${token}`, ...init.headers },
  });
}

export async function problem(
  response: Response,
): Promise<{ errcode: string; reason: string; field?: string }> {
  return (await response.json()) as { errcode: string; reason: string; field?: string };
}
