/**
 * Whether the database answers, asked over a connection of its own: while all others are busy the database is not
 * away, and a health check must not wait in their queue.
 */
import pg from 'pg';
import type { DatabaseAddress } from './db.ts';

/** Shorter than a probe may take, so that a stuck connection is replaced before the next probe. */
export const HEALTH_QUERY_TIMEOUT_MS = 900;

export interface DatabaseProbe {
  /** The server's version; rejects when it does not answer. */
  ask(): Promise<{ readonly version: string }>;
  close(): Promise<void>;
}

export function openDatabaseProbe(address: Omit<DatabaseAddress, 'poolSize'>): DatabaseProbe {
  const pool = new pg.Pool({
    host: address.host,
    port: address.port,
    user: address.user,
    password: address.password,
    database: address.database,
    max: 1,
    application_name: 'auralink-health',
    connectionTimeoutMillis: HEALTH_QUERY_TIMEOUT_MS,
    query_timeout: HEALTH_QUERY_TIMEOUT_MS,
  });
  pool.on('error', () => {});
  return {
    async ask() {
      const client = await pool.connect();
      let broken = true;
      try {
        const found = await client.query<{ server_version: string }>('SHOW server_version');
        broken = false;
        return { version: found.rows[0]?.server_version ?? '' };
      } finally {
        client.release(broken);
      }
    },
    close: () => pool.end(),
  };
}
