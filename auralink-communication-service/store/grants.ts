/** Endpoints as sign-in makes, finds and revokes them. */
import type pg from 'pg';
import type { Audit } from '../auralink-modules/auraid/audit.ts';
import type { GrantStore } from '../auralink-modules/auraid/ports.ts';
import type { EndpointSession, Scope } from '../auralink-modules/endpoints/model.ts';
import { gather } from '../core/gather.ts';
import type { AppId, DeviceKey, EndpointId, NewId, PersonId } from '../core/ids.ts';
import { type Db, query } from './db.ts';

interface SessionRow {
  endpoint_id: EndpointId;
  person_id: PersonId;
  app_id: AppId;
  device_key: DeviceKey;
  scopes: Scope[];
  origins: string[];
}

/** What signing in leaves in the audit log is written with it. */
export function grantStore(db: Pick<Db, 'pool' | 'unitOfWork'>, newId: NewId, audit: Audit): GrantStore {
  return { ...binding(db, newId, audit), ...sessions(db.pool) };
}

function binding(
  { pool, unitOfWork }: Pick<Db, 'pool' | 'unitOfWork'>,
  newId: NewId,
  audit: Audit,
): Pick<GrantStore, 'findEndpoint' | 'bindGrant' | 'findEndpointByGrant'> {
  return {
    async findEndpoint(personId, appId, deviceKey) {
      const [row] = await query<{ endpoint_id: EndpointId; grant_id: string | null }>(
        pool,
        'endpoint_of_device',
        `SELECT endpoint_id, grant_id FROM endpoints
         WHERE person_id = $1 AND app_id = $2 AND device_key = $3 AND revoked_at IS NULL`,
        [personId, appId, deviceKey],
      );
      return row === undefined ? null : { endpointId: row.endpoint_id, grantId: row.grant_id };
    },

    bindGrant: (b) =>
      unitOfWork.run(async (tx) => {
        const values = [
          b.personId,
          b.appId,
          b.deviceKey,
          b.grantId,
          b.scopes,
          b.userAgent,
          b.expectedGrantId,
        ];
        const [row] = await query<{ endpoint_id: EndpointId; had: Scope[] }>(
          tx,
          'endpoint_bind_grant',
          BIND,
          [newId<EndpointId>(), ...values],
        );
        if (row === undefined) return null;
        const { endpoint_id: endpointId, had } = row;
        const begins = b.grantId !== b.expectedGrantId;
        if (begins || b.scopes.some((scope) => !had.includes(scope))) {
          await audit.record(tx, {
            ...{ actor: `person:${b.personId}`, subject: b.personId },
            act: begins ? 'session.started' : 'session.widened',
            detail: { endpointId, appId: b.appId, scopes: b.scopes.join(' ') },
          });
        }
        return endpointId;
      }),

    async findEndpointByGrant(grantId) {
      const [row] = await query<{ endpoint_id: EndpointId }>(
        pool,
        'endpoint_by_grant',
        'SELECT endpoint_id FROM endpoints WHERE grant_id = $1 AND revoked_at IS NULL',
        [grantId],
      );
      return row?.endpoint_id ?? null;
    },
  };
}

/** `had`: what the app might do on this device before. */
const BIND = `INSERT INTO endpoints AS e (endpoint_id, person_id, app_id, device_key, grant_id, scopes, user_agent)
  VALUES ($1, $2, $3, $4, $5, $6, $7)
  ON CONFLICT (person_id, app_id, device_key) WHERE revoked_at IS NULL
  DO UPDATE SET grant_id = excluded.grant_id, scopes = excluded.scopes, user_agent = excluded.user_agent,
                last_used_at = now()
  WHERE e.grant_id IS NOT DISTINCT FROM $8
  RETURNING endpoint_id, coalesce((SELECT w.scopes FROM endpoints w
    WHERE w.person_id = $2 AND w.app_id = $3 AND w.device_key = $4 AND w.revoked_at IS NULL), '{}') AS had`;

/** Sessions looked up by one statement. */
export const SESSIONS_GATHERED_MAX = 100;
/** Such statements that a process has under way at a time. */
const STATEMENTS_AT_ONCE = 3;

function sessions(pool: pg.Pool): Pick<GrantStore, 'findSession' | 'revokeEndpoint'> {
  return {
    findSession: gather((endpointIds: readonly EndpointId[]) => findSessions(pool, endpointIds), {
      max: SESSIONS_GATHERED_MAX,
      atOnce: STATEMENTS_AT_ONCE,
    }),

    async revokeEndpoint(endpointId) {
      const [row] = await query<{ grant_id: string | null }>(
        pool,
        'endpoint_revoke',
        `WITH revoked AS (
           UPDATE endpoints SET revoked_at = now() WHERE endpoint_id = $1 AND revoked_at IS NULL RETURNING grant_id
         ), tokens AS (
           DELETE FROM oidc_documents d USING revoked r
           WHERE d.grant_id = r.grant_id OR (d.model = 'Grant' AND d.id = r.grant_id)
         )
         SELECT grant_id FROM revoked`,
        [endpointId],
      );
      return row === undefined ? null : { grantId: row.grant_id };
    },
  };
}

/** In the order of asking. */
async function findSessions(
  pool: pg.Pool,
  endpointIds: readonly EndpointId[],
): Promise<(EndpointSession | null)[]> {
  const rows = await query<SessionRow>(
    pool,
    'endpoint_sessions',
    `SELECT e.endpoint_id, e.person_id, e.app_id, e.device_key, e.scopes, a.origins
     FROM endpoints e JOIN apps a ON a.app_id = e.app_id JOIN aura_id_registry r ON r.person_id = e.person_id
     WHERE e.endpoint_id = ANY ($1) AND e.revoked_at IS NULL AND a.disabled_at IS NULL AND r.state = 'active'`,
    [endpointIds],
  );
  const found = new Map(rows.map((row) => [row.endpoint_id, sessionOf(row)]));
  return endpointIds.map((endpointId) => found.get(endpointId) ?? null);
}

function sessionOf(row: SessionRow): EndpointSession {
  return {
    endpointId: row.endpoint_id,
    personId: row.person_id,
    appId: row.app_id,
    deviceKey: row.device_key,
    scopes: new Set(row.scopes),
    origins: row.origins,
  };
}
