/** Documents of the OpenID Connect provider (sessions, grants, codes, refresh tokens) in one jsonb table. */
import type pg from 'pg';
import type { OidcDocument, OidcDocuments } from '../auralink-modules/auraid/ports.ts';
import { query } from './db.ts';

/**
 * A refresh token may be used again for this long after its first use: two tabs, or a page that lost the answer, must
 * not sign a person out. After it, reuse revokes the whole grant (RFC 9700, 4.14).
 */
export const REFRESH_GRACE_SECONDS = 5;

interface Row {
  payload: OidcDocument;
  consumed_at: Date | null;
}

const LIVE = '(expires_at IS NULL OR expires_at > now())';
/** Consumed, as the provider should see it: a refresh token only after its grace. */
const CONSUMED = `CASE WHEN model = 'RefreshToken' AND consumed_at > now() - interval '${REFRESH_GRACE_SECONDS} seconds'
  THEN NULL ELSE consumed_at END AS consumed_at`;
const FIND = `SELECT payload, ${CONSUMED} FROM oidc_documents WHERE model = $1 AND id = $2 AND ${LIVE}`;
const FIND_BY_UID = `SELECT payload, ${CONSUMED} FROM oidc_documents WHERE model = $1 AND uid = $2 AND ${LIVE}`;
const FIND_BY_USER_CODE = `SELECT payload, ${CONSUMED} FROM oidc_documents
  WHERE model = $1 AND user_code = $2 AND ${LIVE}`;
const UPSERT = `INSERT INTO oidc_documents (model, id, grant_id, uid, user_code, payload, expires_at)
  VALUES ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7))
  ON CONFLICT (model, id) DO UPDATE SET grant_id = excluded.grant_id, uid = excluded.uid,
    user_code = excluded.user_code, payload = excluded.payload, expires_at = excluded.expires_at`;
const CONSUME = `UPDATE oidc_documents SET consumed_at = now()
  WHERE model = $1 AND id = $2 AND consumed_at IS NULL RETURNING id`;
/** The first use counts: a later one within the grace does not prolong it. */
const CONSUME_WITH_GRACE = `UPDATE oidc_documents SET consumed_at = coalesce(consumed_at, now())
  WHERE model = $1 AND id = $2
    AND (consumed_at IS NULL OR consumed_at > now() - interval '${REFRESH_GRACE_SECONDS} seconds') RETURNING id`;

export function oidcDocuments(pool: pg.Pool): OidcDocuments {
  const findOne = async (name: string, text: string, model: string, key: string) => {
    // No key of ours has a NUL, and PostgreSQL would not even look for one.
    if (key.includes('\0')) return null;
    const [row] = await query<Row>(pool, name, text, [model, key]);
    if (row === undefined) return null;
    if (row.consumed_at === null) return row.payload;
    return { ...row.payload, consumed: Math.floor(row.consumed_at.getTime() / 1000) };
  };
  return {
    find: (model, id) => findOne('oidc_find', FIND, model, id),
    findByUid: (model, uid) => findOne('oidc_find_by_uid', FIND_BY_UID, model, uid),
    findByUserCode: (model, code) => findOne('oidc_find_by_user_code', FIND_BY_USER_CODE, model, code),

    async upsert(model, id, payload, ttlSeconds) {
      const { grantId = null, uid = null, userCode = null } = payload;
      const json = JSON.stringify(payload);
      await query(pool, 'oidc_upsert', UPSERT, [model, id, grantId, uid, userCode, json, ttlSeconds]);
    },

    async consume(model, id) {
      const graceful = model === 'RefreshToken';
      const rows = await query(
        pool,
        graceful ? 'oidc_consume_with_grace' : 'oidc_consume',
        graceful ? CONSUME_WITH_GRACE : CONSUME,
        [model, id],
      );
      return rows.length === 1;
    },

    async destroy(model, id) {
      await query(pool, 'oidc_destroy', 'DELETE FROM oidc_documents WHERE model = $1 AND id = $2', [
        model,
        id,
      ]);
    },

    async revokeByGrant(model, grantId) {
      await query(
        pool,
        'oidc_revoke_by_grant',
        'DELETE FROM oidc_documents WHERE model = $1 AND grant_id = $2',
        [model, grantId],
      );
    },

    async prune() {
      const rows = await query(
        pool,
        'oidc_prune',
        'DELETE FROM oidc_documents WHERE expires_at < now() RETURNING model',
        [],
      );
      return rows.length;
    },
  };
}
