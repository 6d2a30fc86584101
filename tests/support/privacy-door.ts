/**
 * The routes of privacy, contacts and invites behind a real HTTP door and over a database of the test's own. People are
 * rows that the test writes; the vault, the audit log and the cache are records of what they were asked.
 */
import { randomUUID } from 'node:crypto';
import { after } from 'node:test';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { pino } from 'pino';
import { createSynapse } from '../../auralink-communication-service/adapters/synapse.ts';
import type { Audit } from '../../auralink-communication-service/auralink-modules/auraid/audit.ts';
import {
  CorruptEnvelopeError,
  KEY_BYTES,
} from '../../auralink-communication-service/auralink-modules/auraid/envelope.ts';
import type { Rules } from '../../auralink-communication-service/auralink-modules/auraid/privacy.ts';
import type {
  EndpointSession,
  Scope,
} from '../../auralink-communication-service/auralink-modules/endpoints/model.ts';
import { systemClock } from '../../auralink-communication-service/core/clock.ts';
import { AuraError } from '../../auralink-communication-service/core/errors.ts';
import {
  type AppId,
  type DeviceKey,
  type EndpointId,
  newId,
  type PersonId,
} from '../../auralink-communication-service/core/ids.ts';
import { runOutbox } from '../../auralink-communication-service/core/outbox.ts';
import { API_AUDIENCE, createEndpointAuth } from '../../auralink-communication-service/http/endpoint-auth.ts';
import { buildDoor, listen } from '../../auralink-communication-service/http/server.ts';
import { ADMIN_LOCALPART } from '../../auralink-communication-service/launcher/first-start.ts';
import { APPSERVICE_ID } from '../../auralink-communication-service/launcher/synapse.ts';
import { type Db, openDatabase } from '../../auralink-communication-service/store/db.ts';
import { createEventLog } from '../../auralink-communication-service/store/event-log.ts';
import { createOutbox } from '../../auralink-communication-service/store/outbox.ts';
import { personDirectory } from '../../auralink-communication-service/store/people.ts';
import { wireAccount } from '../../auralink-communication-service/wire/identity-account.ts';
import { type PrivacyPart, wirePrivacy } from '../../auralink-communication-service/wire/identity-privacy.ts';
import { wireProfile } from '../../auralink-communication-service/wire/identity-profile.ts';
import { wireVerification } from '../../auralink-communication-service/wire/verification.ts';
import { constellation, testDatabase } from '../harness.ts';
import { freePort } from './identity-door.ts';
import { befriend } from './relations.ts';
import { recordingCourier } from './verification-room.ts';

const ISSUER = 'http://localhost/oidc';
const ALL: readonly string[] = [
  'call.place',
  'call.receive',
  'profile.read',
  'contacts.read',
  'contacts.write',
  'account.manage',
];

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects of a body is what it asserts
  readonly body: any;
}

/** A person with one endpoint, whose requests `ask` makes. */
export interface Somebody {
  readonly personId: PersonId;
  readonly auraId: string;
  readonly endpointId: EndpointId;
  readonly ask: (method: string, path: string, body?: unknown) => Promise<Answer>;
  readonly token: string;
  /** The same person with fewer rights. */
  readonly withScopes: (scopes: readonly string[]) => Promise<Somebody['ask']>;
  readonly events: () => Promise<{ type: string; data: Record<string, unknown> }[]>;
}

export interface PrivacyDoor {
  readonly db: Db;
  readonly part: PrivacyPart;
  /** Whom the cache was told of, and what the audit log was. */
  readonly changed: PersonId[];
  readonly audited: { act: string; detail?: object }[];
  /** While true the audit log takes no entry. */
  readonly auditLog: { isAway: boolean };
  /** Passwords that were set, by account; endpoints whose sockets would have been closed. */
  readonly passwords: ReadonlyMap<string, string>;
  readonly revoked: readonly EndpointId[];
  readonly publicUrl: string;
  readonly person: (handle?: string, rules?: Partial<Rules>) => Promise<Somebody>;
  readonly befriend: (a: Somebody, b: Somebody) => Promise<void>;
  /** Does what waits in the outbox. */
  readonly deliver: () => Promise<void>;
}

/** Shows where each envelope belongs, and opens nowhere else. */
const transparentVault = {
  seal: async (_tx: unknown, personId: PersonId, place: object, plain: Buffer) =>
    Buffer.from(JSON.stringify([personId, place, plain.toString('base64')])),
  open: async (personId: PersonId, place: object, envelope: Buffer) => {
    const [owner, sealedAt, plain] = JSON.parse(envelope.toString()) as [string, object, string];
    if (owner !== personId || JSON.stringify(sealedAt) !== JSON.stringify(place))
      throw new CorruptEnvelopeError('of a test');
    return Buffer.from(plain, 'base64');
  },
};

/** `synapseUrl`: where Synapse is, for tests that take it away. */
export async function openPrivacyDoor(synapseUrl?: string): Promise<PrivacyDoor> {
  const db = openDatabase(await testDatabase());
  const log = pino({ level: 'silent' });
  const port = await freePort();
  const changed: PersonId[] = [];
  const audited: { act: string; detail?: object }[] = [];
  const passwords = new Map<string, string>();
  const revoked: EndpointId[] = [];
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk: JWK = { ...(await exportJWK(publicKey)), kid: 'test', alg: 'ES256', use: 'sig' };
  const sessions = new Map<EndpointId, EndpointSession>();
  const auth = createEndpointAuth({
    issuer: ISSUER,
    keys: { keys: [jwk] },
    clock: systemClock,
    ownOrigin: `http://localhost:${port}`,
    findSession: async (endpointId) => sessions.get(endpointId) ?? null,
  });
  const outbox = createOutbox(db.pool, newId);
  const shared = constellation().config;
  const config = {
    ...{ ...shared, PUBLIC_BASE_URL: `http://localhost:${port}` },
    SYNAPSE_URL: synapseUrl ?? shared.SYNAPSE_URL,
  };
  const base = { config, log, db, clock: systemClock, newId };
  const auditLog = { isAway: false };
  const audit = {
    record: async (_tx: unknown, entry: { act: string }) => {
      if (auditLog.isAway) throw new AuraError('unavailable', 'The audit log is away.');
      audited.push(entry);
    },
  } as Audit;
  const synapse = createSynapse({
    url: config.SYNAPSE_URL,
    serverName: config.SYNAPSE_SERVER_NAME,
    asToken: config.APPSERVICE_AS_TOKEN,
    appserviceId: APPSERVICE_ID,
    adminLocalpart: ADMIN_LOCALPART,
    adminPassword: config.SYNAPSE_ADMIN_PASSWORD,
  });
  const needs = {
    ...{ auth, outbox, audit },
    eventLog: createEventLog(db.pool),
    directory: personDirectory(db.pool),
    vault: transparentVault as never,
    metrics: { refused: () => {} },
    cache: { changed: (people: readonly PersonId[]) => changed.push(...people) } as never,
    synapse,
  };
  const part = wirePrivacy(base, needs);
  const account = wireAccount(base, {
    ...{ auth, audit, outbox },
    synapse: { setPassword: async (userId, password) => void passwords.set(userId, password) },
    proveHerself: async (_personId, password) => {
      if (password !== 'right') throw new AuraError('forbidden', 'No.', { reason: 'wrong_password' });
    },
    endpointRevoked: (endpointId) => void revoked.push(endpointId),
  });
  // Whoever is found by digests has a test of her own.
  const indexer = {
    current: () => ({ digest: Buffer.alloc(KEY_BYTES), indexKeyId: 'i1' }),
    all: () => [Buffer.alloc(KEY_BYTES)],
  } as never;
  const secrets = { current: () => Buffer.alloc(KEY_BYTES), all: () => [Buffer.alloc(KEY_BYTES)] };
  const { proofs } = wireVerification(base, {
    ...{ ...needs, indexer, secrets, fanOut: part.fanOut, provider: null },
    ...{ courier: recordingCourier(), passwords: account.passwords },
  });
  const profile = wireProfile(base, { ...needs, indexer, proofs, fanOut: part.fanOut });
  const plugins = [...part.plugins, ...account.plugins, ...profile.plugins];
  const app = await buildDoor({ logger: log, newId, trustedProxies: [], plugins });
  await listen(app, '127.0.0.1', port);
  after(async () => {
    await app.close();
    await part.close();
    await synapse.close();
    await account.close();
    await db.close();
  });
  await db.pool.query(
    `INSERT INTO apps (app_id, name, icon, origins, redirect_uris, scopes)
     VALUES ('chat', 'Chat', 'C', '{}', '{}', $1) ON CONFLICT DO NOTHING`,
    [ALL],
  );
  const token = (personId: PersonId, endpointId: EndpointId, scopes: readonly string[]) =>
    new SignJWT({ client_id: 'chat', endpoint_id: endpointId, scope: scopes.join(' ') })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'test' })
      .setIssuer(ISSUER)
      .setAudience(API_AUDIENCE)
      .setSubject(personId)
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(privateKey);
  const asker =
    (bearer: string): Somebody['ask'] =>
    async (method, path, body) => {
      const response = await fetch(`http://localhost:${port}/_auralink/v1${path}`, {
        method,
        headers: {
          authorization: `Bearer ${bearer}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      const parsed = text === '' ? null : JSON.parse(text);
      return { status: response.status, headers: response.headers, text, body: parsed };
    };

  const person: PrivacyDoor['person'] = async (handle, rules) => {
    const personId = newId<PersonId>();
    const endpointId = newId<EndpointId>();
    const auraId = `@${handle ?? `p${randomUUID().replaceAll('-', '').slice(0, 12)}`}.aura`;
    await db.pool.query(
      `INSERT INTO aura_id_registry (person_id, aura_id, skeleton, state, visibility, display_name, registration_key, activated_at)
       VALUES ($1, $2, $2, 'active', 'public', $3, $4, now())`,
      [personId, auraId, `Name of ${auraId}`, `test:${personId}`],
    );
    await db.pool.query(
      `INSERT INTO endpoints (endpoint_id, person_id, app_id, device_key, scopes) VALUES ($1, $2, 'chat', $4, $3)`,
      [endpointId, personId, ALL, `device-${endpointId}`],
    );
    await db.pool.query('INSERT INTO endpoint_streams (endpoint_id) VALUES ($1)', [endpointId]);
    sessions.set(endpointId, {
      endpointId,
      personId,
      appId: 'chat' as AppId,
      deviceKey: endpointId as string as DeviceKey,
      scopes: new Set(ALL as readonly Scope[]),
      origins: [],
    });
    const bearer = await token(personId, endpointId, ALL);
    const ask = asker(bearer);
    if (rules !== undefined) await ask('PATCH', '/me/privacy', rules);
    return {
      personId,
      auraId,
      endpointId,
      ask,
      token: bearer,
      withScopes: async (scopes) => asker(await token(personId, endpointId, scopes)),
      events: async () =>
        (
          await db.pool.query('SELECT type, data FROM endpoint_events WHERE endpoint_id = $1 ORDER BY seq', [
            endpointId,
          ])
        ).rows,
    };
  };

  return {
    db,
    part,
    changed,
    audited,
    auditLog,
    passwords,
    revoked,
    publicUrl: `http://localhost:${port}`,
    person,
    befriend: (a, b) => befriend(db.pool, a, b),
    deliver: async () => {
      const handlers = new Map([...part.outboxHandlers, ...account.outboxHandlers]);
      while ((await runOutbox(outbox, handlers, log)) > 0);
    },
  };
}
