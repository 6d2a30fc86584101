/** Tokens and accepted terms of the Identity Service's accounts. */
import type pg from 'pg';
import type { AccountTokens } from '../auralink-modules/identity-service/accounts.ts';
import type { PersonId, UserId } from '../core/ids.ts';
import { query } from './db.ts';

const FIND = `SELECT t.matrix_user_id, t.used_at < now() - interval '1 day' AS is_stale,
    ARRAY (SELECT a.url FROM identity_terms_accepted a
      WHERE a.matrix_user_id = t.matrix_user_id ORDER BY a.url) AS accepted,
    (SELECT m.person_id FROM matrix_user_mappings m
      WHERE m.matrix_user_id = t.matrix_user_id AND m.state = 'active') AS person_id
  FROM identity_tokens t WHERE t.token_hash = $1 AND NOT EXISTS (SELECT FROM matrix_user_mappings m
    JOIN aura_id_registry r USING (person_id)
    WHERE m.matrix_user_id = t.matrix_user_id AND m.state = 'active' AND r.state = 'suspended')`;

interface Row extends pg.QueryResultRow {
  matrix_user_id: UserId;
  is_stale: boolean;
  accepted: string[];
  person_id: PersonId | null;
}

export function identityTokens(pool: pg.Pool): AccountTokens {
  return {
    async insert(tokenHash, userId) {
      const sql = 'INSERT INTO identity_tokens (token_hash, matrix_user_id) VALUES ($1, $2)';
      await query(pool, 'identity-token-insert', sql, [tokenHash, userId]);
    },
    async find(tokenHash) {
      const [row] = await query<Row>(pool, 'identity-token-find', FIND, [tokenHash]);
      if (row === undefined) return null;
      // Once a day, so that reading a token hardly ever writes.
      if (row.is_stale) {
        const used = 'UPDATE identity_tokens SET used_at = now() WHERE token_hash = $1';
        await query(pool, 'identity-token-used', used, [tokenHash]);
      }
      return { userId: row.matrix_user_id, personId: row.person_id, accepted: row.accepted };
    },
    async remove(tokenHash) {
      await query(pool, 'identity-token-remove', 'DELETE FROM identity_tokens WHERE token_hash = $1', [
        tokenHash,
      ]);
    },
    async accept(userId, urls) {
      const sql = `INSERT INTO identity_terms_accepted (matrix_user_id, url)
        SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING`;
      await query(pool, 'identity-terms-accept', sql, [userId, urls]);
    },
    async prune(unusedDays) {
      const sql = `DELETE FROM identity_tokens WHERE used_at < now() - make_interval(days => $1) RETURNING token_hash`;
      return (await query(pool, 'identity-token-prune', sql, [unusedDays])).length;
    },
  };
}
