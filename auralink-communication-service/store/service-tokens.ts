/** Which service tokens have been used for a change: each may do so once (RFC 7519, `jti`). */
import type pg from 'pg';
import { query } from './db.ts';

export interface ServiceTokenStore {
  /** False when this token was used before. */
  use(issuer: string, tokenId: string, expiresAt: Date): Promise<boolean>;
  /** Deletes rows of tokens that have expired; returns how many. */
  prune(): Promise<number>;
}

export function serviceTokenStore(pool: pg.Pool): ServiceTokenStore {
  return {
    async use(issuer, tokenId, expiresAt) {
      const rows = await query(
        pool,
        'service_token_use',
        `INSERT INTO service_token_uses (issuer, token_id, expires_at) VALUES ($1, $2, $3)
         ON CONFLICT DO NOTHING RETURNING token_id`,
        [issuer, tokenId, expiresAt],
      );
      return rows.length === 1;
    },

    async prune() {
      const rows = await query(
        pool,
        'service_token_prune',
        "DELETE FROM service_token_uses WHERE expires_at < now() - interval '5 minutes' RETURNING token_id",
        [],
      );
      return rows.length;
    },
  };
}
