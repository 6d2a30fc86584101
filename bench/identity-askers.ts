/** Who asks the Identity Service in benches: tokens of Matrix accounts, and how addresses are hashed for them. */
import { createHash, randomBytes } from 'node:crypto';
import type pg from 'pg';
import { openKeyRing } from '../auralink-communication-service/adapters/key-ring-file.ts';
import {
  digestOf,
  pepperedHash,
} from '../auralink-communication-service/auralink-modules/identity-service/lookup.ts';
import { systemClock } from '../auralink-communication-service/core/clock.ts';
import type { Constellation } from '../auralink-communication-service/launcher/constellation.ts';
import { lookupKeys } from '../auralink-communication-service/wire/identity-service.ts';

/** Tokens of so many accounts on so many homeservers. */
export async function makeAskers(db: pg.Pool, accounts: number, servers: number): Promise<string[]> {
  const tokens = Array.from({ length: accounts }, () => randomBytes(32).toString('base64url'));
  await db.query(
    `INSERT INTO identity_tokens (token_hash, matrix_user_id)
     SELECT h, '@asker' || n || ':server' || n % $2::int || '.example' FROM unnest($1::bytea[]) WITH ORDINALITY AS t (h, n)`,
    [tokens.map((token) => createHash('sha256').update(token).digest()), servers],
  );
  return tokens;
}

export interface LookupHashes {
  readonly pepper: string;
  /** Of the ring's index key that is in use. */
  readonly keyId: string;
  /** As a client sends it. */
  hash(email: string): string;
  /** As it lies in the table. */
  digest(email: string): ReturnType<typeof digestOf>;
}

export async function lookupHashes(
  { settings, urls }: Pick<Constellation, 'settings' | 'urls'>,
  token: string,
): Promise<LookupHashes> {
  const answer = await fetch(`${urls.public}/_matrix/identity/v2/hash_details`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const { lookup_pepper: pepper } = (await answer.json()) as { lookup_pepper: string };
  const ring = openKeyRing(settings.config.KEY_RING_PATH, systemClock, { warn: () => {} });
  const keys = lookupKeys(ring);
  const key = keys.find(keys.currentId());
  if (key === null) throw new Error('the ring has no index key');
  return {
    pepper,
    keyId: keys.currentId(),
    hash: (email) => pepperedHash('email', email, pepper).toString('base64url'),
    digest: (email) => digestOf(key, pepperedHash('email', email, pepper)),
  };
}
