/** People, Matrix accounts and tokens for tests of the Identity Service, written straight into the database. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { openKeyRing } from '../../auralink-communication-service/adapters/key-ring-file.ts';
import { createVault } from '../../auralink-communication-service/auralink-modules/auraid/data-keys.ts';
import { fieldPlace } from '../../auralink-communication-service/auralink-modules/auraid/envelope.ts';
import { pepperedHash } from '../../auralink-communication-service/auralink-modules/identity-service/lookup.ts';
import type { Medium } from '../../auralink-communication-service/auralink-modules/identity-service/model.ts';
import { systemClock } from '../../auralink-communication-service/core/clock.ts';
import { newId, type PersonId } from '../../auralink-communication-service/core/ids.ts';
import type { Db } from '../../auralink-communication-service/store/db.ts';
import { personKeyStore } from '../../auralink-communication-service/store/person-keys.ts';

export interface LookupPerson {
  readonly personId: PersonId;
  readonly userId: string;
}

export interface IdentityAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** A request to the door at `baseUrl`; `from`: the client's address, where the door believes ours. */
export async function askIdentity(
  baseUrl: string,
  method: string,
  path: string,
  { token, body, from }: { readonly token?: string; readonly body?: unknown; readonly from?: string } = {},
): Promise<IdentityAnswer> {
  const answer = await fetch(`${baseUrl}${path}`, {
    method,
    headers: {
      ...(from !== undefined && { 'x-forwarded-for': from }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  return {
    status: answer.status,
    headers: answer.headers,
    body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>,
  };
}

export const hashOf = (medium: Medium, address: string, pepper: string): string =>
  pepperedHash(medium, address, pepper).toString('base64url');

/** A token of the account, as if it had registered. */
export async function tokenFor(db: Db, userId: string): Promise<string> {
  const token = randomBytes(32).toString('base64url');
  await db.pool.query('INSERT INTO identity_tokens (token_hash, matrix_user_id) VALUES ($1, $2)', [
    createHash('sha256').update(token).digest(),
    userId,
  ]);
  return token;
}

export function lookupWorld(db: Db, keyRingPath: string, serverName: string) {
  const ring = openKeyRing(keyRingPath, systemClock, { warn: () => {} });
  const vault = createVault({ keys: personKeyStore(db.pool), ring, newId, randomBytes });
  return {
    /** With a primary Matrix account. */
    async person(): Promise<LookupPerson> {
      const personId = randomUUID() as PersonId;
      const userId = `@u${randomBytes(8).toString('hex')}:${serverName}`;
      await db.pool.query(
        `INSERT INTO aura_id_registry (person_id, aura_id, skeleton, registration_key, state, visibility, activated_at)
         VALUES ($1::uuid, '@p' || $2 || '.aura', $1::uuid::text, $1::uuid::text, 'active', 'public', now())`,
        [personId, personId.replaceAll('-', '').slice(0, 20)],
      );
      await db.pool.query(
        `INSERT INTO matrix_user_mappings (matrix_user_id, person_id, state, is_primary, attached_by, activated_at)
         VALUES ($1, $2, 'active', true, 'provisioned', now())`,
        [userId, personId],
      );
      return { personId, userId };
    },
    async rules(who: LookupPerson, find: string, profile = 'public'): Promise<void> {
      await db.pool.query('UPDATE aura_id_registry SET visibility = $2 WHERE person_id = $1', [
        who.personId,
        profile,
      ]);
      await db.pool.query(
        'UPDATE person_privacy SET find_by_email = $2, find_by_phone = $2 WHERE person_id = $1',
        [who.personId, find],
      );
    },
    /** A field of hers, proved or only typed. */
    async field(who: LookupPerson, kind: 'email' | 'phone', value: string, proved: boolean): Promise<string> {
      const fieldId = randomUUID();
      await db.unitOfWork.run(async (tx) => {
        const envelope = await vault.seal(tx, who.personId, fieldPlace(fieldId), Buffer.from(value));
        await db.pool.query(
          `INSERT INTO personal_fields (field_id, person_id, kind, envelope, verified_at)
           VALUES ($1, $2, $3, $4, CASE WHEN $5::boolean THEN now() END)`,
          [fieldId, who.personId, kind, envelope, proved],
        );
      });
      return fieldId;
    },
    /** Another value in place, proved by nobody yet. */
    async change(who: LookupPerson, fieldId: string, value: string): Promise<void> {
      const envelope = await db.unitOfWork.run((tx) =>
        vault.seal(tx, who.personId, fieldPlace(fieldId), Buffer.from(value)),
      );
      await db.pool.query(
        'UPDATE personal_fields SET envelope = $2, verified_at = NULL WHERE field_id = $1',
        [fieldId, envelope],
      );
    },
  };
}
