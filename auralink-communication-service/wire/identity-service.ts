/** Builds the Matrix Identity Service from its adapters. */
import { hkdfSync, randomBytes } from 'node:crypto';
import type { FastifyPluginAsync } from 'fastify';
import { createGuardedClient } from '../adapters/guarded-client.ts';
import { createAskHomeserver, createAskOpenId } from '../adapters/homeservers.ts';
import { createDiscovery } from '../adapters/server-discovery.ts';
import type { Synapse } from '../adapters/synapse.ts';
import { createVault, findOpened, type Vault } from '../auralink-modules/auraid/data-keys.ts';
import { fieldPlace, KEY_BYTES } from '../auralink-modules/auraid/envelope.ts';
import type { KeyRingSource } from '../auralink-modules/auraid/key-ring.ts';
import { createAccounts } from '../auralink-modules/identity-service/accounts.ts';
import { createLookup } from '../auralink-modules/identity-service/lookup.ts';
import { TOKEN_UNUSED_DAYS } from '../auralink-modules/identity-service/model.ts';
import { createPeppers, type Peppers } from '../auralink-modules/identity-service/peppers.ts';
import type { AddressVault, LookupKeys } from '../auralink-modules/identity-service/ports.ts';
import { signingKeysOf } from '../auralink-modules/identity-service/signed-json.ts';
import type { Config } from '../config.ts';
import { NOBODY } from '../core/ids.ts';
import type { OutboxHandler } from '../core/outbox.ts';
import { identityAccountRoutes } from '../http/identity-account-routes.ts';
import { identityLookupRoutes } from '../http/identity-lookup-routes.ts';
import { createNetworks } from '../http/networks.ts';
import { identityTokens } from '../store/identity-accounts.ts';
import { digestStore, findAccounts } from '../store/identity-digests.ts';
import { isEphemeralKey } from '../store/identity-invites.ts';
import { identityKeyStore } from '../store/identity-keys.ts';
import { leasedLimiter } from '../store/leased-limits.ts';
import { hitTaker, rateLimiter } from '../store/rate-limits.ts';
import { serviceTokenStore } from '../store/service-tokens.ts';
import type { Base, Chore } from './base.ts';

/** How often tokens that nobody uses any more are looked for. */
export const IDENTITY_TOKENS_PRUNE_SECONDS = 3_600;
/** How often it is looked whether the pepper must be replaced, and the data key wrapped anew. */
export const IDENTITY_KEEP_SECONDS = 10;
/** Of 026_identity_service.sql: a field was proved. */
const INDEX_TOPIC = 'identity_service.index';

export interface IdentityServiceNeeds {
  readonly synapse: Pick<Synapse, 'proofs'>;
  readonly ring: KeyRingSource;
  /** People's own. */
  readonly vault: Pick<Vault, 'open'>;
}

export interface IdentityServicePart {
  readonly plugins: FastifyPluginAsync[];
  readonly chores: Chore[];
  readonly outboxHandlers: ReadonlyMap<string, OutboxHandler>;
}

type ServiceBase = Omit<Base, 'processId'>;

export function wireIdentityService(base: ServiceBase, needs: IdentityServiceNeeds): IdentityServicePart {
  const { config, db, clock, newId } = base;
  const limiter = rateLimiter(db.pool);
  const leased = leasedLimiter(hitTaker(db.pool), () => clock.monotonicMs());
  const tokens = identityTokens(db.pool);
  const digests = digestStore(db.pool);
  const keys = lookupKeys(needs.ring);
  const vault = createVault({ keys: identityKeyStore(db.pool), ring: needs.ring, newId, randomBytes });
  const peppers = createPeppers({
    ...{ unitOfWork: db.unitOfWork, digests, keys, randomBytes, vault: addressVault(vault) },
    findFieldValue: async (personId, fieldId, envelope) =>
      (await findOpened(needs.vault, personId, fieldPlace(fieldId), envelope))?.toString('utf8') ?? null,
  });
  const accounts = createAccounts({
    tokens,
    askOpenId: openIdOf(config, needs.synapse),
    spendToken: serviceTokenStore(db.pool).use,
    count: (key, limit, count) => limiter.hit(key, limit, count),
    terms: termsOf(config),
    randomBytes,
    now: () => clock.now(),
    nowMs: () => clock.monotonicMs(),
  });
  const lookup = createLookup({
    ...{ digests, keys, rotate: peppers.rotate, findAccounts: findAccounts(db.pool) },
    count: (key, limit, count) => leased.hit(key, limit, count),
    nowMs: () => clock.monotonicMs(),
  });
  return {
    plugins: [
      identityAccountRoutes({
        accounts,
        keys: signingKeysOf(config.IDENTITY_SIGNING_KEYS),
        isEphemeralKey: isEphemeralKey(db.pool),
      }),
      identityLookupRoutes({ accounts, lookup }),
    ] as FastifyPluginAsync[],
    chores: choresOf(base, { prune: () => tokens.prune(TOKEN_UNUSED_DAYS), peppers, vault }),
    outboxHandlers: new Map([
      [INDEX_TOPIC, (payload: object) => peppers.indexField((payload as { fieldId: string }).fieldId)],
    ]),
  };
}

interface Kept {
  readonly prune: () => Promise<number>;
  readonly peppers: Peppers;
  readonly vault: Vault;
}

function choresOf({ config }: ServiceBase, { prune, peppers, vault }: Kept): Chore[] {
  const tokens: Chore = {
    job: 'identity_service.tokens',
    everySeconds: IDENTITY_TOKENS_PRUNE_SECONDS,
    run: async () => {
      await prune();
    },
  };
  if (config.KEY_RING_PATH === '') return [tokens];
  const keep = async (): Promise<void> => {
    await vault.rewrap();
    await peppers.keep();
  };
  return [tokens, { job: 'identity_service.keep', everySeconds: IDENTITY_KEEP_SECONDS, run: keep }];
}

/** One derived from each index key: the same key is never used for two kinds of digest. */
function lookupKeys(ring: KeyRingSource): LookupKeys {
  const derived = new Map<string, Buffer>();
  return {
    currentId: () => ring.current().indexCurrent.id,
    find(id) {
      const known = ring.current().indexKeys.find((key) => key.id === id);
      const key = known ?? ring.refresh().indexKeys.find((one) => one.id === id);
      if (key === undefined) return null;
      const made =
        derived.get(id) ??
        Buffer.from(hkdfSync('sha256', key.key, '', 'auralink identity lookup', KEY_BYTES));
      derived.set(id, made);
      return made;
    },
  };
}

function addressVault(vault: Vault): AddressVault {
  return {
    seal: (tx, place, plain) => vault.seal(tx, NOBODY, place, plain),
    find: (place, envelope) => findOpened(vault, NOBODY, place, envelope),
  };
}

function termsOf({ IDENTITY_TERMS_URL: url, IDENTITY_TERMS_VERSION: version }: Config) {
  return url === '' ? null : { url, version };
}

function openIdOf(config: Config, { proofs }: Pick<Synapse, 'proofs'>) {
  const ask = createGuardedClient({ isAllowed: createNetworks(config.IDENTITY_ALLOWED_CIDRS) });
  return createAskOpenId({
    ownServerName: config.SYNAPSE_SERVER_NAME,
    askOwn: (token) => proofs.byOpenIdToken(token),
    askHomeserver: config.ENABLE_FEDERATION
      ? createAskHomeserver({ ask, discover: createDiscovery({ ask }) })
      : null,
  });
}
