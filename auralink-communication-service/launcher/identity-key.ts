/**
 * `./aura keys rotate --identity`: another key with which the Matrix Identity Service signs. The keys before it stay valid
 * for whoever still holds what they signed; it signs from the service's next start on.
 */
import { existsSync } from 'node:fs';
import type { JWK } from 'jose';
import { NOBODY } from '../core/ids.ts';
import { auditStore } from '../store/audit.ts';
import { type CommonOptions, layoutFor } from './commands.ts';
import { withDatabase } from './database-of.ts';
import { FrontDoorError } from './errors.ts';
import { writeFileAtomic } from './process.ts';
import { identityJwk, readSecret, secretPath } from './secrets.ts';

/** Keys that stay valid besides the newest: what they signed lives for a hundred years, but nobody needs the first ones. */
export const IDENTITY_KEYS_MAX = 10;
const NAME = 'IDENTITY_SIGNING_KEYS';

/** Throws FrontDoorError where the keys do not come from the data folder's secrets. */
export function runRotateIdentityKey(options: CommonOptions): Promise<number> {
  const { secretsDir } = layoutFor(options);
  return withDatabase(layoutFor(options), 'aura-keys', async ({ unitOfWork }, config) => {
    const path = secretPath(secretsDir, NAME);
    const stored = existsSync(path) ? readSecret(secretsDir, NAME) : '';
    const { keys } = (stored === '' ? { keys: [] } : JSON.parse(stored)) as { keys: JWK[] };
    const [was] = keys;
    if (was === undefined || config.IDENTITY_SIGNING_KEYS.trim() !== stored) {
      throw new FrontDoorError(
        `${NAME} is not read from ${path}; put a new key last where it comes from,\nstart every host anew, and then put it first.`,
      );
    }
    const key = await identityJwk();
    await unitOfWork.run(async (tx) => {
      const detail = { key: String(key.kid), was: String(was.kid), of: 'identity_service' };
      await auditStore().record(tx, { actor: 'operator:cli', act: 'keys.rotated', subject: NOBODY, detail });
      writeFileAtomic(path, JSON.stringify({ keys: [key, ...keys].slice(0, IDENTITY_KEYS_MAX) }));
    });
    const next = 'It signs when the service is started anew: ./aura down, ./aura up.';
    console.log(options.json ? JSON.stringify({ next: key.kid }) : `${key.kid} is the first key. ${next}`);
    return 0;
  });
}
