/** The Matrix side of the people behind a privacy door: accounts at the shared Synapse, pictures, and who leaves. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createMatrixAccounts } from '../../auralink-communication-service/auralink-modules/auraid/matrix-accounts.ts';
import { createNames } from '../../auralink-communication-service/auralink-modules/auraid/names-service.ts';
import type { Config } from '../../auralink-communication-service/config.ts';
import { newId, type UserId } from '../../auralink-communication-service/core/ids.ts';
import { createEventLog } from '../../auralink-communication-service/store/event-log.ts';
import { accountStore } from '../../auralink-communication-service/store/matrix-accounts.ts';
import { nameStore } from '../../auralink-communication-service/store/names.ts';
import { createOutbox } from '../../auralink-communication-service/store/outbox.ts';
import type { PrivacyDoor, Somebody } from './privacy-door.ts';

/** A PNG of one pixel. */
export const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

export interface Account {
  readonly person: Somebody;
  readonly userId: string;
  readonly token: string;
}

export function matrixSide(door: PrivacyDoor, config: Config) {
  /** A person with a Matrix account that is hers; `of`: a further account of hers, which is not her primary one. */
  async function account(of?: Somebody): Promise<Account> {
    const person = of ?? (await door.person());
    const username = `u${randomBytes(16).toString('hex')}`;
    const response = await fetch(`${config.SYNAPSE_URL}/_matrix/client/v3/register`, {
      method: 'POST',
      headers: { authorization: `Bearer ${config.APPSERVICE_AS_TOKEN}` },
      body: JSON.stringify({ type: 'm.login.application_service', username }),
    });
    const made = (await response.json()) as { user_id: string; access_token: string };
    assert.equal(response.status, 200, JSON.stringify(made));
    await door.db.pool.query(
      `INSERT INTO matrix_user_mappings (matrix_user_id, person_id, state, is_primary, attached_by)
     VALUES ($1, $2, 'active', $3, 'provisioned')`,
      [made.user_id, person.personId, of === undefined],
    );
    return { person, userId: made.user_id, token: made.access_token };
  }

  async function putPicture(who: Somebody, picture: Buffer = PIXEL): Promise<void> {
    const response = await fetch(`${door.publicUrl}/_auralink/v1/me/picture`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${who.token}`, 'content-type': 'image/png' },
      body: new Uint8Array(picture),
    });
    assert.equal(response.status, 204);
    await door.deliver();
  }
  const accounts = createMatrixAccounts({
    ...{
      unitOfWork: door.db.unitOfWork,
      names: nameStore(door.db.pool),
      accounts: accountStore(door.db.pool),
    },
    ...{ proofs: { byPassword: async () => null, byOpenIdToken: async () => null } },
    ...{ limiter: { hit: async () => {} }, spendToken: async () => true, now: () => new Date() },
    ...{ outbox: createOutbox(door.db.pool, newId), audit: { record: async () => {} } },
  });
  const names = createNames({
    ...{
      unitOfWork: door.db.unitOfWork,
      names: nameStore(door.db.pool),
      accounts: accountStore(door.db.pool),
    },
    ...{ proofs: { byPassword: async (userId: UserId) => userId, byOpenIdToken: async () => null } },
    dashboard: { emit: async () => {} },
    ...{ limiter: { hit: async () => {} }, newId, reserved: new Set<string>() },
    ...{ outbox: createOutbox(door.db.pool, newId), audit: { record: async () => {} } },
    ...{ fanOut: door.part.fanOut, cache: { changed: () => {} } as never, endpointRevoked: () => {} },
    ...{ log: createEventLog(door.db.pool), registration: {} as never },
  });
  return { account, putPicture, accounts, names };
}
