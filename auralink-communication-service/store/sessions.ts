/** Where a person is signed in: endpoints of apps, and browser sessions of the sign-in page. */
import type pg from 'pg';
import type {
  NamedSessions,
  SessionStore,
  StoredEndpoint,
} from '../auralink-modules/auraid/ports-sessions.ts';
import type { AppId, EndpointId, PersonId, UserId } from '../core/ids.ts';
import type { Tx } from '../core/unit-of-work.ts';
import { query } from './db.ts';

export function sessionStore(
  pool: pg.Pool,
  passwordSet: (tx: Tx, personId: PersonId) => Promise<void>,
): SessionStore {
  return {
    listEndpoints: (personId) => listEndpoints(pool, personId),
    async listBrowserSessions(personId) {
      const rows = await query<{ id: string; since: string | null }>(
        pool,
        'sessions-browser',
        `SELECT id, payload ->> 'loginTs' AS since FROM oidc_documents
         WHERE model = 'Session' AND payload ->> 'accountId' = $1 AND (expires_at IS NULL OR expires_at > now())`,
        [personId],
      );
      return rows.map(({ id, since }) => ({ id, since: new Date(Number(since ?? 0) * 1_000) }));
    },
    ...namedSessions,
    async listAccounts(personId) {
      const rows = await query<{ matrix_user_id: UserId }>(
        pool,
        'sessions-accounts',
        `SELECT matrix_user_id FROM matrix_user_mappings WHERE person_id = $1 AND state = 'active'
         ORDER BY is_primary DESC, matrix_user_id`,
        [personId],
      );
      return rows.map((row) => row.matrix_user_id);
    },
    passwordSet,
  };
}

const NAME = `SELECT now()::text AS at,
    coalesce((SELECT jsonb_agg(jsonb_build_object('endpointId', endpoint_id, 'grantId', grant_id)) FROM endpoints
      WHERE person_id = $1 AND endpoint_id IS DISTINCT FROM $2 AND revoked_at IS NULL), '[]') AS endpoints,
    coalesce((SELECT jsonb_agg(jsonb_build_object('id', id, 'since', payload ->> 'loginTs')) FROM oidc_documents
      WHERE model = 'Session' AND payload ->> 'accountId' = $1::uuid::text
        AND (expires_at IS NULL OR expires_at > now())), '[]') AS browsers`;
const END = `WITH revoked AS (
    UPDATE endpoints e SET revoked_at = now()
    FROM jsonb_to_recordset($2::jsonb) AS named ("endpointId" uuid, "grantId" text)
    WHERE e.endpoint_id = named."endpointId" AND e.person_id = $1 AND e.revoked_at IS NULL
      AND e.grant_id IS NOT DISTINCT FROM named."grantId"
    RETURNING e.endpoint_id, e.grant_id
  ), tokens AS (
    DELETE FROM oidc_documents d USING revoked r
    WHERE d.grant_id = r.grant_id OR (d.model = 'Grant' AND d.id = r.grant_id)
  ), browsers AS (
    DELETE FROM oidc_documents d USING jsonb_to_recordset($3::jsonb) AS named (id text, since text)
    WHERE d.model = 'Session' AND d.id = named.id AND d.payload ->> 'accountId' = $1::uuid::text
      AND d.payload ->> 'loginTs' IS NOT DISTINCT FROM named.since
  )
  SELECT endpoint_id FROM revoked`;

const namedSessions: Pick<SessionStore, 'nameSessions' | 'endSessions'> = {
  async nameSessions(tx, personId, except) {
    const [row] = await query<NamedSessions & pg.QueryResultRow>(tx, 'sessions-name', NAME, [
      personId,
      except,
    ]);
    if (row === undefined) throw new Error('a statement without a table returned no row');
    return { at: row.at, endpoints: row.endpoints, browsers: row.browsers };
  },
  async endSessions(tx, personId, { endpoints, browsers }) {
    const values = [personId, JSON.stringify(endpoints), JSON.stringify(browsers)];
    const rows = await query<{ endpoint_id: EndpointId }>(tx, 'sessions-end', END, values);
    return rows.map((row) => row.endpoint_id);
  },
};

async function listEndpoints(pool: pg.Pool, personId: PersonId): Promise<StoredEndpoint[]> {
  const rows = await query<{
    endpoint_id: EndpointId;
    device: number;
    app_id: AppId;
    name: string;
    icon: string;
    scopes: string[];
    created_at: Date;
    last_used_at: Date;
  }>(
    pool,
    'sessions-endpoints',
    `SELECT e.endpoint_id, dense_rank() OVER (ORDER BY d.since, e.device_key)::int AS device, a.app_id, a.name, a.icon,
            e.scopes, e.created_at, e.last_used_at
     FROM endpoints e JOIN apps a USING (app_id)
     JOIN (SELECT device_key, min(created_at) AS since FROM endpoints
           WHERE person_id = $1 AND revoked_at IS NULL GROUP BY device_key) d USING (device_key)
     WHERE e.person_id = $1 AND e.revoked_at IS NULL ORDER BY e.last_used_at DESC`,
    [personId],
  );
  return rows.map((row) => ({
    endpointId: row.endpoint_id,
    device: row.device,
    app: { appId: row.app_id, name: row.name, icon: row.icon },
    scopes: row.scopes,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
  }));
}
