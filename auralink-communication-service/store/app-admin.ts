/** Apps as they are managed: with owner, quotas and keys. Signing in reads them by store/apps.ts. */
import type pg from 'pg';
import {
  DEFAULT_REQUESTS_PER_MINUTE,
  type KeyView,
  type OffBy,
  type OwnedApp,
  type QuotaKind,
  quotaKey,
} from '../auralink-modules/dashboard/apps-model.ts';
import type { AppAdminStore, QuotaUse } from '../auralink-modules/dashboard/ports-apps.ts';
import type { Scope } from '../auralink-modules/endpoints/model.ts';
import type { AppId, EndpointId, PersonId } from '../core/ids.ts';
import { query } from './db.ts';

/** A key's last use is noted this often at most. */
export const KEY_USE_NOTED_SECONDS = 60;

interface Row extends pg.QueryResultRow {
  app_id: AppId;
  name: string;
  icon: string;
  origins: string[];
  redirect_uris: string[];
  scopes: Scope[];
  owner_person_id: PersonId | null;
  disabled_by: OffBy | null;
  created_at: Date;
  calls_per_day: number | null;
  requests_per_minute: number;
}

const COLUMNS = `a.app_id, a.name, a.icon, a.origins, a.redirect_uris, a.scopes, a.owner_person_id, a.disabled_by,
  a.created_at, a.calls_per_day, a.requests_per_minute`;
const KINDS: readonly QuotaKind[] = ['calls_per_day', 'requests_per_minute'];
const GOOD = 'k.revoked_at IS NULL AND (k.ends_at IS NULL OR k.ends_at > now())';

function appOf(row: Row): OwnedApp {
  return {
    appId: row.app_id,
    name: row.name,
    icon: row.icon,
    origins: row.origins,
    redirectUris: row.redirect_uris,
    scopes: row.scopes,
    ownerPersonId: row.owner_person_id,
    offBy: row.disabled_by,
    createdAt: row.created_at,
    callsPerDay: row.calls_per_day,
    requestsPerMinute: row.requests_per_minute,
  };
}

export function appAdminStore(pool: pg.Pool): AppAdminStore {
  return {
    async list(owner, after, limit) {
      const ownersOnly = owner === null ? '' : 'AND a.owner_person_id = $3';
      const rows = await query<Row>(
        pool,
        owner === null ? 'app-admin-list' : 'app-admin-own',
        `SELECT ${COLUMNS} FROM apps a WHERE a.app_id > $1 AND a.deleted_at IS NULL ${ownersOnly}
         ORDER BY a.app_id LIMIT $2`,
        owner === null ? [after ?? '', limit] : [after ?? '', limit, owner],
      );
      return rows.map(appOf);
    },
    endEndpoints: (limit) => endEndpoints(pool, limit),
    ...inTransactions,
    async listKeys(appId) {
      const rows = await query<{
        key_id: string;
        name: string;
        hint: string;
        created_at: Date;
        last_used_at: Date | null;
        ends_at: Date | null;
      }>(
        pool,
        'app-keys',
        `SELECT key_id, name, hint, created_at, last_used_at, ends_at FROM app_keys k
         WHERE app_id = $1 AND ${GOOD} ORDER BY created_at, key_id`,
        [appId],
      );
      return rows.map(
        (row): KeyView => ({
          keyId: row.key_id,
          name: row.name,
          hint: row.hint,
          createdAt: row.created_at.toISOString(),
          lastUsedAt: row.last_used_at?.toISOString() ?? null,
          endsAt: row.ends_at?.toISOString() ?? null,
        }),
      );
    },
    findUse: (appIds) => findUse(pool, appIds),
    async findByKey(keyHash) {
      const [row] = await query<Row & { is_old: boolean; key_id: string }>(
        pool,
        'app-by-key',
        `SELECT ${COLUMNS}, k.key_id,
           (k.last_used_at IS NULL OR k.last_used_at < now() - make_interval(secs => $2)) AS is_old
         FROM app_keys k JOIN apps a USING (app_id) WHERE k.key_hash = $1 AND ${GOOD} AND a.disabled_at IS NULL`,
        [keyHash, KEY_USE_NOTED_SECONDS],
      );
      if (row === undefined) return null;
      if (row.is_old) {
        const sql = 'UPDATE app_keys SET last_used_at = now() WHERE key_id = $1';
        await query(pool, 'app-key-used', sql, [row.key_id]);
      }
      return appOf(row);
    },
  };
}

const inTransactions: Pick<
  AppAdminStore,
  'find' | 'countOwned' | 'insert' | 'update' | 'setOff' | 'delete' | 'countKeys' | 'insertKey' | 'endKey'
> = {
  async find(tx, appId) {
    const sql = `SELECT ${COLUMNS} FROM apps a WHERE a.app_id = $1 AND a.deleted_at IS NULL FOR UPDATE`;
    const [row] = await query<Row>(tx, 'app-admin-lock', sql, [appId]);
    return row === undefined ? null : appOf(row);
  },

  async countOwned(tx, personId) {
    const lock = "SELECT pg_advisory_xact_lock(hashtextextended('apps of ' || $1, 0))";
    await query(tx, 'app-admin-count-lock', lock, [personId]);
    const sql = `SELECT count(*) FILTER (WHERE deleted_at IS NULL)::int AS owned,
        count(*) FILTER (WHERE created_at > now() - interval '1 day')::int AS made
      FROM apps WHERE owner_person_id = $1`;
    const [row] = await query<{ owned: number; made: number }>(tx, 'app-admin-count', sql, [personId]);
    return { owned: row?.owned ?? 0, made: row?.made ?? 0 };
  },

  async insert(tx, app, terms) {
    const rows = await query(
      tx,
      'app-admin-insert',
      `INSERT INTO apps (app_id, name, icon, origins, redirect_uris, scopes, owner_person_id, calls_per_day,
         requests_per_minute, disabled_at, disabled_by)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, CASE WHEN $10 THEN NULL ELSE now() END,
         CASE WHEN $10 THEN NULL ELSE 'operator' END)
       ON CONFLICT DO NOTHING RETURNING app_id`,
      [
        ...[app.appId, app.name, app.icon, app.origins, app.redirectUris, app.scopes],
        ...[terms.ownerPersonId ?? null, terms.callsPerDay ?? null],
        ...[terms.requestsPerMinute ?? DEFAULT_REQUESTS_PER_MINUTE, terms.isOn ?? true],
      ],
    );
    return rows.length > 0;
  },

  async update(tx, app, terms) {
    const isSaid = (name: keyof typeof terms) => terms[name] !== undefined;
    await query(
      tx,
      'app-admin-update',
      `UPDATE apps SET name = $2, icon = $3, origins = $4, redirect_uris = $5,
         owner_person_id = CASE WHEN $6 THEN $7 ELSE owner_person_id END,
         calls_per_day = CASE WHEN $8 THEN $9 ELSE calls_per_day END,
         requests_per_minute = coalesce($10, requests_per_minute),
         disabled_at = CASE WHEN $11::boolean IS NULL THEN disabled_at WHEN $11 THEN NULL
           ELSE coalesce(disabled_at, now()) END,
         disabled_by = CASE WHEN $11 IS NULL THEN disabled_by WHEN $11 THEN NULL ELSE 'operator' END
       WHERE app_id = $1`,
      [
        ...[app.appId, app.name, app.icon, app.origins, app.redirectUris],
        ...[isSaid('ownerPersonId'), terms.ownerPersonId ?? null, isSaid('callsPerDay')],
        ...[terms.callsPerDay ?? null, terms.requestsPerMinute ?? null, terms.isOn ?? null],
      ],
    );
  },

  async setOff(tx, appId, offBy) {
    const sql = `UPDATE apps SET disabled_by = $2,
        disabled_at = CASE WHEN $2::text IS NOT NULL THEN coalesce(disabled_at, now()) END
      WHERE app_id = $1`;
    await query(tx, 'app-admin-off', sql, [appId, offBy]);
  },

  async delete(tx, appId, by) {
    await query(tx, 'app-admin-keys-delete', 'DELETE FROM app_keys WHERE app_id = $1', [appId]);
    const sql = `UPDATE apps SET deleted_at = now(), disabled_at = coalesce(disabled_at, now()),
        disabled_by = coalesce(disabled_by, $2), origins = '{}', redirect_uris = '{}'
      WHERE app_id = $1`;
    await query(tx, 'app-admin-delete', sql, [appId, by]);
  },

  async countKeys(tx, appId) {
    const sql = `SELECT count(*)::int AS n FROM app_keys k WHERE app_id = $1 AND ${GOOD}`;
    const [row] = await query<{ n: number }>(tx, 'app-keys-count', sql, [appId]);
    return row?.n ?? 0;
  },

  async insertKey(tx, { keyId, appId, name, keyHash, hint }) {
    const [row] = await query<{ created_at: Date }>(
      tx,
      'app-key-insert',
      `INSERT INTO app_keys (key_id, app_id, name, key_hash, hint) VALUES ($1, $2, $3, $4, $5) RETURNING created_at`,
      [keyId, appId, name, keyHash, hint],
    );
    if (row === undefined) throw new Error('a key was not written');
    return row.created_at;
  },

  async endKey(tx, appId, keyId, afterSeconds) {
    const [row] = await query<{ name: string }>(
      tx,
      'app-key-end',
      `UPDATE app_keys k SET ends_at = least(k.ends_at, now() + make_interval(secs => $3)),
         revoked_at = CASE WHEN $3 = 0 THEN now() END
       WHERE key_id = $2 AND app_id = $1 AND ${GOOD} RETURNING name`,
      [appId, keyId, afterSeconds],
    );
    return row?.name ?? null;
  },
};

async function endEndpoints(pool: pg.Pool, limit: number): Promise<EndpointId[]> {
  const rows = await query<{ endpoint_id: EndpointId }>(
    pool,
    'app-endpoints-end',
    `WITH ending AS (
       SELECT e.endpoint_id FROM apps a JOIN endpoints e USING (app_id)
       WHERE a.disabled_at IS NOT NULL AND e.revoked_at IS NULL LIMIT $1 FOR UPDATE OF e SKIP LOCKED
     ), revoked AS (
       UPDATE endpoints e SET revoked_at = now() FROM ending WHERE e.endpoint_id = ending.endpoint_id
       RETURNING e.endpoint_id, e.grant_id
     ), tokens AS (
       DELETE FROM oidc_documents d USING revoked r
       WHERE d.grant_id = r.grant_id OR (d.model = 'Grant' AND d.id = r.grant_id)
     )
     SELECT endpoint_id FROM revoked`,
    [limit],
  );
  return rows.map((row) => row.endpoint_id);
}

async function findUse(pool: pg.Pool, appIds: readonly AppId[]): Promise<ReadonlyMap<AppId, QuotaUse>> {
  const rows = await query<{ app_id: AppId; kind: QuotaKind; hits: number; window_ends_at: Date }>(
    pool,
    'app-use',
    `SELECT w.app_id, w.kind, r.hits, r.window_ends_at
     FROM unnest($1::text[], $2::text[], $3::text[]) AS w (app_id, kind, key) JOIN rate_limits r USING (key)
     WHERE r.window_ends_at > now()`,
    [
      appIds.flatMap((appId) => KINDS.map(() => appId)),
      appIds.flatMap(() => KINDS),
      appIds.flatMap((appId) => KINDS.map((kind) => quotaKey(appId, kind))),
    ],
  );
  const found = new Map<AppId, QuotaUse>(appIds.map((appId) => [appId, {}]));
  for (const { app_id, kind, hits, window_ends_at } of rows) {
    found.set(app_id, { ...found.get(app_id), [kind]: { used: hits, resetsAt: window_ends_at } });
  }
  return found;
}

/** Apps that may not place as many calls as they like. */
export async function listCallQuotas(pool: pg.Pool): Promise<ReadonlyMap<string, number>> {
  const rows = await query<{ app_id: string; calls_per_day: number }>(
    pool,
    'app-call-quotas',
    'SELECT app_id, calls_per_day FROM apps WHERE calls_per_day IS NOT NULL',
    [],
  );
  return new Map(rows.map((row) => [row.app_id, row.calls_per_day]));
}
