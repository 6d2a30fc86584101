/** Invitations that wait for an address, and the keys made for them. */
import type pg from 'pg';
import { query } from './db.ts';

/** Whether a key was made for an invitation that is still there. */
export function isEphemeralKey(pool: pg.Pool): (publicKey: string) => Promise<boolean> {
  return async (publicKey) => {
    const sql = 'SELECT FROM identity_ephemeral_keys WHERE public_key = $1';
    return (await query(pool, 'identity-ephemeral-key', sql, [publicKey])).length > 0;
  };
}
