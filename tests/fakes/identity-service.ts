/**
 * The routes of the account's pages with one person's life in memory, behind the real plugin that serves the built
 * pages with their content policy: for tests about the pages themselves. It records every request that changes something.
 */
import { randomUUID } from 'node:crypto';
import { type FastifyInstance, fastify } from 'fastify';
import { WebSocketServer } from 'ws';
import type {
  AppKey,
  OwnApp,
  AccountSession,
  Block,
  ContactList,
  Friend,
  FriendRequests,
  Invite,
  NameHold,
  PersonalField,
  PrivacyRules,
  ProfileView,
  VerificationView,
} from '../../auralink-client/index.ts';
import { pagesPlugin, sendPage } from '../../auralink-communication-service/http/pages.ts';
import { WEB_DIST } from '../support/web-dist.ts';

const DAY_MS = 86_400_000;
/** 1 × 1, red. */
const PICTURE = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC',
  'base64',
);
const QR =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path d="M0 0h3v3H0zM5 0h3v3H5zM0 5h3v3H0zM4 4h1v1H4zM6 5h2v1H6z"/></svg>';

export interface SeenChange {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

export function inDays(days: number): string {
  return new Date(Date.now() + days * DAY_MS).toISOString();
}

export function viewOf(
  handle: string,
  displayName: string | null,
  over: Partial<ProfileView> = {},
): ProfileView {
  return {
    auraId: `@${handle}.aura`,
    displayName,
    about: null,
    pictureUrl: null,
    verifications: [],
    apps: [],
    number: null,
    online: false,
    mayMessage: true,
    ...over,
  };
}

function proofOf(over: Partial<VerificationView>): VerificationView {
  return {
    ...{ verificationId: randomUUID(), method: 'email', level: 'email_controlled', state: 'verified' },
    ...{ subject: null, reason: null, createdAt: inDays(-9), endedAt: null, challenge: null },
    ...{ verifiedAt: inDays(-9), expiresAt: inDays(356), by: 'code' },
    ...over,
  };
}

/** Alice's account as the pages find it. */
export function aliceLife() {
  const family: ContactList = { listId: randomUUID(), name: 'Family', members: ['@bob.aura'] };
  const rules: PrivacyRules = {
    profile: 'friends',
    name: 'public',
    picture: 'public',
    about: 'public',
    verifications: 'public',
    apps: 'private',
    presence: 'friends',
    call: 'public',
    message: 'public',
    findByEmail: 'private',
    findByPhone: 'private',
    number: 'private',
  };
  const friends: Friend[] = [
    {
      ...viewOf('bob', 'Bob Brown', { online: true, about: 'Sails, mostly.' }),
      since: inDays(-40),
      lists: [family.listId],
      note: 'Met at the harbour',
    },
    {
      ...viewOf('carol', 'Carol Çelik', { verifications: ['email_controlled'], apps: ['Chat'] }),
      since: inDays(-3),
      lists: [],
      note: null,
    },
    { ...viewOf('someone.with.a.very.long.name', null), since: inDays(-2), lists: [], note: null },
  ];
  const requests: FriendRequests = {
    incoming: [{ requestId: randomUUID(), from: viewOf('dave', 'Dave Dune'), createdAt: inDays(-1) }],
    outgoing: [{ requestId: randomUUID(), to: '@erin.aura', createdAt: inDays(-2) }],
  };
  const session = (over: Partial<AccountSession>): AccountSession => ({
    sessionId: randomUUID(),
    kind: 'app',
    current: false,
    app: null,
    label: null,
    device: null,
    createdAt: inDays(-9),
    lastSeenAt: inDays(-0.1),
    ...over,
  });
  return {
    auraId: '@alice.aura',
    displayName: 'Alice Archer' as string | null,
    about: 'Climbs what does not move.' as string | null,
    pictureUrl: null as string | null,
    canManage: true,
    ownApps: [
      {
        ...{ appId: 'shop', name: 'Harbour shop', icon: '🛒', origins: ['https://shop.example'] },
        ...{ redirectUris: ['https://shop.example/'], isOn: true, offBy: null, createdAt: inDays(-20) },
        callsPerDay: { limit: 1_000, used: 412, resetsAt: inDays(0.4) },
        requestsPerMinute: { limit: 600, used: 3, resetsAt: inDays(0.0004) },
      },
    ] as OwnApp[],
    appKeys: [
      {
        ...{ keyId: randomUUID(), name: 'Server', hint: 'x7Qa', createdAt: inDays(-20) },
        ...{ lastUsedAt: inDays(-0.1), endsAt: null },
      },
    ] as AppKey[],
    rules,
    friends,
    requests,
    lists: [family],
    blocks: [{ auraId: '@mallory.aura', since: inDays(-5) }] as Block[],
    invites: [
      {
        inviteId: randomUUID(),
        label: 'Garden party',
        usesMax: 10,
        uses: 4,
        createdAt: inDays(-2),
        expiresAt: inDays(5),
        revokedAt: null,
      },
      {
        inviteId: randomUUID(),
        label: null,
        usesMax: 1,
        uses: 0,
        createdAt: inDays(-20),
        expiresAt: inDays(-13),
        revokedAt: null,
      },
    ] as Invite[],
    holds: [
      { auraId: '@alice.old.aura', cause: 'renamed', resolvesUntil: inDays(60), heldUntil: inDays(150) },
    ] as NameHold[],
    fields: [
      { fieldId: randomUUID(), kind: 'email', value: 'alice@example.com', updatedAt: inDays(-1) },
    ] as PersonalField[],
    verifications: [
      proofOf({
        subject: 'alice@new.example.com',
        state: 'pending',
        challenge: {
          expiresAt: inDays(0.006),
          isOver: false,
          triesLeft: 5,
          sendsLeft: 2,
          resendAt: inDays(0),
          delivery: 'sent',
          deliveryReason: null,
        },
      }),
      proofOf({ subject: '+49301234567', method: 'phone', level: 'phone_controlled', expiresAt: inDays(12) }),
      proofOf({ subject: 'alice@example.com' }),
      proofOf({
        subject: 'UTO L898902C3',
        method: 'document',
        level: 'document_proven',
        by: 'chip',
        expiresAt: inDays(20),
      }),
      proofOf({
        subject: 'alice.with.a.very.long.mailbox.name@department.university.example.org',
        state: 'superseded',
        reason: 'proved_by_other',
        endedAt: inDays(-1),
      }),
    ] as VerificationView[],
    offered: ['email', 'phone'] as ('email' | 'phone')[],
    sessions: [
      session({
        current: true,
        app: { appId: 'phone', name: 'Phone', icon: '📞' },
        device: 1,
        label: 'Chromium on Linux',
      }),
      session({ app: { appId: 'chat', name: 'Chat', icon: '💬' }, device: 2 }),
      session({ kind: 'browser' }),
      session({ kind: 'matrix', label: 'Element Desktop' }),
    ],
    /** False: as while Synapse is away. */
    matrixKnown: true,
    /** Whom she finds, by e-mail address or number. */
    findable: {
      'frank@example.org': [viewOf('frank', 'Frank Fjord', { verifications: ['email_controlled'] })],
      '+4930123456': [viewOf('bob', 'Bob Brown', { online: true }), viewOf('gina.from.the.harbour', null)],
      'alice@example.com': [viewOf('alice', 'Alice Archer')],
    } as Readonly<Record<string, readonly ProfileView[]>>,
    apps: [
      {
        appId: 'phone',
        name: 'Phone',
        icon: '📞',
        scopes: ['call.place', 'account.manage'],
        since: inDays(-30),
        sessions: 1,
      },
      {
        appId: 'chat',
        name: 'Chat',
        icon: '💬',
        scopes: ['call.place', 'call.receive', 'profile.read'],
        since: inDays(-9),
        sessions: 1,
      },
    ],
    accounts: [
      { userId: '@u123:aura.example', primary: true, attachedBy: 'provisioned', since: inDays(-30) },
      { userId: '@alice:example.org', primary: false, attachedBy: 'sign_in', since: inDays(-3) },
    ],
    changes: [] as SeenChange[],
  };
}

export type Life = ReturnType<typeof aliceLife>;

const EVERYTHING = { profile: 'public', name: 'public' } as const;
const WIDTH = { private: 0, friends: 1, public: 2 } as const;

/** By the rules as the contract has them, for the one field that the tests look at. */
export function seenAs(life: Life, viewer: string) {
  const least = viewer === 'friend' ? WIDTH.friends : WIDTH.public;
  const shows = (rule: keyof PrivacyRules): boolean =>
    Math.min(WIDTH[life.rules[rule]], WIDTH[life.rules.profile]) >= least;
  if (viewer === 'signed-out' && life.rules.profile !== EVERYTHING.profile)
    return { there: false, view: null };
  const { displayName, about, pictureUrl } = life;
  return {
    there: true,
    view: viewOf('alice', shows('name') ? displayName : null, {
      about: shows('about') ? about : null,
      pictureUrl: shows('picture') ? pictureUrl : null,
    }),
  };
}

export interface IdentityService {
  readonly url: string;
  readonly life: Life;
  /** Tells every open page. */
  send(type: string, data: object): void;
  close(): Promise<void>;
}

export async function startIdentityService(
  routes: (app: FastifyInstance, life: Life) => void,
): Promise<IdentityService> {
  const life = aliceLife();
  const app = fastify();
  app.addContentTypeParser(/^image\//, { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.addHook('preHandler', async (request) => {
    if (request.method === 'GET') return;
    const body = Buffer.isBuffer(request.body) ? `${request.body.length} bytes` : request.body;
    life.changes.push({ method: request.method, path: decodeURIComponent(request.url), body });
  });
  const options = {
    folder: WEB_DIST,
    appHosts: new Map(),
    publicBaseUrl: '',
    livekitPublicUrl: 'ws://127.0.0.1:1',
  };
  const sockets = new WebSocketServer({ noServer: true });
  app.server.on('upgrade', (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (ws) => {
      ws.on('message', (raw) => {
        if ((JSON.parse(String(raw)) as { type: string }).type !== 'hello') return;
        ws.send(JSON.stringify({ type: 'welcome', endpointId: randomUUID(), seq: 0, resumed: false }));
      });
    });
  });
  // Known only once the port is: the pages' policy names it.
  const origin = { url: '' };
  const late = {
    ...options,
    get publicBaseUrl() {
      return origin.url === '' ? 'http://127.0.0.1' : origin.url;
    },
  };
  await app.register(pagesPlugin(late));
  app.get('/@:handle', (_request, reply) => sendPage(reply, 'profile.html', late));
  app.get('/_auralink/v1/config', () => ({
    serverName: 'aura.example',
    issuer: `${origin.url}/oidc`,
    livekitUrl: '',
    registration: 'invitation',
    apps: [],
  }));
  app.get('/_auralink/v1/names/:name/qr.svg', (_request, reply) => reply.type('image/svg+xml').send(QR));
  app.get('/_auralink/v1/pictures/:auraId', (_request, reply) => reply.type('image/png').send(PICTURE));
  routes(app, life);
  origin.url = await app.listen({ port: 0, host: '127.0.0.1' });
  let seq = 0;
  return {
    url: origin.url,
    life,
    send(type, data) {
      seq += 1;
      for (const ws of sockets.clients) ws.send(JSON.stringify({ type, seq, data }));
    },
    async close() {
      for (const ws of sockets.clients) ws.terminate();
      await app.close();
    },
  };
}
