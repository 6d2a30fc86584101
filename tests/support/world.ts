/**
 * People, apps and endpoints for tests and benches, without the way through the sign-in page: rows are written
 * straight into the database and tokens are signed with the constellation's own keys, so that the service cannot tell
 * them from real ones. Sign-in itself has tests of its own.
 */
import { randomUUID } from 'node:crypto';
import { importJWK, type JWK, SignJWT } from 'jose';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import type { Constellation } from '../../auralink-communication-service/launcher/constellation.ts';
import { databaseAt } from '../../auralink-communication-service/launcher/postgres.ts';

const API_AUDIENCE = 'urn:auralink:api';
const SCOPES = [
  'call.place',
  'call.receive',
  'profile.read',
  'contacts.read',
  'contacts.write',
  'notify.send',
  'account.manage',
];

export interface TestPerson {
  readonly personId: string;
  readonly auraId: string;
}

export interface TestEndpoint {
  readonly endpointId: string;
  readonly person: TestPerson;
  readonly appId: string;
  readonly token: string;
}

export interface TokenOptions {
  readonly scopes?: readonly string[];
  readonly expiresInSeconds?: number;
  readonly issuer?: string;
  readonly audience?: string;
  readonly endpointId?: string;
  readonly typ?: string;
}

export interface World {
  readonly publicUrl: string;
  readonly db: pg.Pool;
  person(handle: string): Promise<TestPerson>;
  /** Many at once, for benches: `${prefix}${i}`. */
  people(prefix: string, count: number): Promise<TestPerson[]>;
  app(appId: string, origin?: string): Promise<void>;
  endpoint(
    person: TestPerson,
    appId: string,
    deviceKey?: string,
    scopes?: readonly string[],
  ): Promise<TestEndpoint>;
  /** One endpoint of `appId` for each, in one statement. */
  endpoints(people: readonly TestPerson[], appId: string): Promise<TestEndpoint[]>;
  token(endpoint: Omit<TestEndpoint, 'token'>, options?: TokenOptions): Promise<string>;
  close(): Promise<void>;
}

export async function openWorld({ settings, urls }: Constellation): Promise<World> {
  const { config } = settings;
  const db = new pg.Pool({ ...databaseAt(settings), max: 4 });
  const jwk = (JSON.parse(config.OIDC_SIGNING_KEYS) as { keys: (JWK & { kid: string })[] }).keys[0];
  if (jwk === undefined) throw new Error('the constellation has no signing key');
  const key = await importJWK(jwk, 'ES256');

  const token: World['token'] = (endpoint, over = {}) =>
    new SignJWT({
      client_id: endpoint.appId,
      endpoint_id: over.endpointId ?? endpoint.endpointId,
      scope: (over.scopes ?? SCOPES).join(' '),
    })
      .setProtectedHeader({ alg: 'ES256', typ: over.typ ?? 'at+jwt', kid: jwk.kid })
      .setIssuer(over.issuer ?? `${config.PUBLIC_BASE_URL}/oidc`)
      .setAudience(over.audience ?? API_AUDIENCE)
      .setSubject(endpoint.person.personId)
      .setIssuedAt()
      .setJti(randomUUID())
      .setExpirationTime(Math.floor(Date.now() / 1_000) + (over.expiresInSeconds ?? 3_600))
      .sign(key);

  const insertPeople = async (handles: readonly string[]): Promise<TestPerson[]> => {
    const made = handles.map((handle) => ({ personId: uuidv7(), auraId: `@${handle}.aura` }));
    await db.query(
      `INSERT INTO aura_id_registry (person_id, aura_id, skeleton, state, visibility, registration_key, activated_at)
       SELECT p, a, a, 'active', 'public', 'test:' || p, now() FROM unnest($1::uuid[], $2::text[]) AS t (p, a)`,
      [made.map((m) => m.personId), made.map((m) => m.auraId)],
    );
    return made;
  };

  const insertEndpoints = async (
    rows: readonly { person: TestPerson; appId: string; deviceKey: string; scopes: readonly string[] }[],
  ): Promise<TestEndpoint[]> => {
    const made = rows.map((row) => ({ ...row, endpointId: uuidv7() }));
    await db.query(
      `INSERT INTO endpoints (endpoint_id, person_id, app_id, device_key, scopes)
       SELECT e, p, a, d, string_to_array(s, ' ')
       FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[]) AS t (e, p, a, d, s)`,
      [
        made.map((m) => m.endpointId),
        made.map((m) => m.person.personId),
        made.map((m) => m.appId),
        made.map((m) => m.deviceKey),
        made.map((m) => m.scopes.join(' ')),
      ],
    );
    await db.query('INSERT INTO endpoint_streams (endpoint_id) SELECT unnest($1::uuid[])', [
      made.map((m) => m.endpointId),
    ]);
    return await Promise.all(
      made.map(async ({ endpointId, person, appId, scopes }) => {
        const endpoint = { endpointId, person, appId };
        return { ...endpoint, token: await token(endpoint, { scopes }) };
      }),
    );
  };

  return {
    publicUrl: urls.public,
    db,
    token,
    person: async (handle) => (await insertPeople([handle]))[0] as TestPerson,
    people: (prefix, count) => insertPeople(Array.from({ length: count }, (_, i) => `${prefix}${i}`)),
    app: async (appId, origin = config.PUBLIC_BASE_URL) => {
      await db.query(
        `INSERT INTO apps (app_id, name, icon, origins, redirect_uris, scopes)
         VALUES ($1, $1, '🧪', ARRAY[$2], ARRAY[$2 || '/'], $3) ON CONFLICT DO NOTHING`,
        [appId, origin, SCOPES],
      );
    },
    endpoint: async (person, appId, deviceKey = `device-${randomUUID()}`, scopes = SCOPES) =>
      (await insertEndpoints([{ person, appId, deviceKey, scopes }]))[0] as TestEndpoint,
    endpoints: (people, appId) =>
      insertEndpoints(
        people.map((person) => ({ person, appId, deviceKey: `device-${randomUUID()}`, scopes: SCOPES })),
      ),
    close: () => db.end(),
  };
}
