/** Builds the Matrix Identity Service from its adapters. */
import { hkdfSync, randomBytes } from 'node:crypto';
import type { FastifyPluginAsync } from 'fastify';
import { createGuardedClient } from '../adapters/guarded-client.ts';
import {
  createAskHomeserver,
  createAskOpenId,
  createFindServerKey,
  createTellHomeserver,
} from '../adapters/homeservers.ts';
import { createDiscovery } from '../adapters/server-discovery.ts';
import type { Synapse } from '../adapters/synapse.ts';
import type { Actor, Audit } from '../auralink-modules/auraid/audit.ts';
import { createVault, findOpened, type Vault } from '../auralink-modules/auraid/data-keys.ts';
import { fieldPlace, KEY_BYTES } from '../auralink-modules/auraid/envelope.ts';
import type { KeyRingSource } from '../auralink-modules/auraid/key-ring.ts';
import { createAccounts } from '../auralink-modules/identity-service/accounts.ts';
import { createBinding } from '../auralink-modules/identity-service/binding.ts';
import { createHandover, HANDOVER_TOPIC } from '../auralink-modules/identity-service/handover.ts';
import { createInvites } from '../auralink-modules/identity-service/invites.ts';
import { createLookup } from '../auralink-modules/identity-service/lookup.ts';
import {
  INVITE_LIFE_DAYS,
  SESSION_LIFE_SECONDS,
  TOKEN_UNUSED_DAYS,
} from '../auralink-modules/identity-service/model.ts';
import { createPeppers, type Peppers } from '../auralink-modules/identity-service/peppers.ts';
import type {
  AddressVault,
  BindingNews,
  BindingStore,
  Count,
  LookupKeys,
  Post,
  SessionStore,
} from '../auralink-modules/identity-service/ports.ts';
import { signingKeysOf } from '../auralink-modules/identity-service/signed-json.ts';
import { createValidation } from '../auralink-modules/identity-service/validation.ts';
import type { Messages } from '../auralink-modules/messages/model.ts';
import type { Config } from '../config.ts';
import { type MessageId, NOBODY } from '../core/ids.ts';
import type { OutboxHandler, OutboxStore } from '../core/outbox.ts';
import { identityAccountRoutes } from '../http/identity-account-routes.ts';
import { identityBindingRoutes } from '../http/identity-binding-routes.ts';
import { identityLookupRoutes } from '../http/identity-lookup-routes.ts';
import { identityValidationRoutes } from '../http/identity-validation-routes.ts';
import { createNetworks } from '../http/networks.ts';
import { identityTokens } from '../store/identity-accounts.ts';
import { digestStore, findAccounts } from '../store/identity-digests.ts';
import { bindingStore, isEphemeralKey } from '../store/identity-bindings.ts';
import { identityKeyStore } from '../store/identity-keys.ts';
import { sessionStore } from '../store/identity-sessions.ts';
import { leasedLimiter } from '../store/leased-limits.ts';
import { hitTaker, rateLimiter } from '../store/rate-limits.ts';
import { serviceTokenStore } from '../store/service-tokens.ts';
import type { Base, Chore } from './base.ts';

/** How often it is looked for tokens, validations and invitations whose time is over. */
export const IDENTITY_PRUNE_SECONDS = 3_600;
/** How often it is looked whether the pepper must be replaced, and the data key wrapped anew. */
export const IDENTITY_KEEP_SECONDS = 10;
/** Of 026_identity_service.sql: a field was proved. */
const INDEX_TOPIC = 'identity_service.index';
const LOOKUP_INFO = 'auralink identity lookup';
const SESSIONS_INFO = 'auralink identity sessions';

export interface IdentityServiceNeeds {
  readonly synapse: Pick<Synapse, 'proofs' | 'ask'>;
  readonly ring: KeyRingSource;
  /** People's own. */
  readonly vault: Pick<Vault, 'open'>;
  readonly messages: Messages;
  readonly audit: Audit;
  readonly outbox: Pick<OutboxStore, 'enqueue'>;
}

export interface IdentityServicePart {
  readonly plugins: FastifyPluginAsync[];
  readonly chores: Chore[];
  readonly outboxHandlers: ReadonlyMap<string, OutboxHandler>;
  /** Of topics whose handlers wait for servers of strangers. */
  readonly farOutboxHandlers: ReadonlyMap<string, OutboxHandler>;
}

type ServiceBase = Omit<Base, 'processId'>;

export function wireIdentityService(base: ServiceBase, needs: IdentityServiceNeeds): IdentityServicePart {
  const { config, db, clock } = base;
  const parts = sharedParts(base, needs);
  const { keys, peppers, vault, digests } = parts;
  const leased = leasedLimiter(hitTaker(db.pool), () => clock.monotonicMs());
  const tokens = identityTokens(db.pool);
  const sessions = sessionStore(db.pool);
  const accounts = createAccounts({
    ...{ tokens, count: parts.count, terms: termsOf(config), randomBytes },
    askOpenId: createAskOpenId({
      ownServerName: config.SYNAPSE_SERVER_NAME,
      askOwn: (token) => needs.synapse.proofs.byOpenIdToken(token),
      askHomeserver: parts.askHomeserver,
    }),
    spendToken: serviceTokenStore(db.pool).use,
    now: () => clock.now(),
    nowMs: () => clock.monotonicMs(),
  });
  const lookup = createLookup({
    ...{ digests, keys, rotate: peppers.rotate, findAccounts: parts.findAccounts },
    ownServerName: config.SYNAPSE_SERVER_NAME,
    count: (key, limit, count) => leased.hit(key, limit, count),
    nowMs: () => clock.monotonicMs(),
  });
  const { validation, bindings, binding, invites, handover } = proving(base, needs, parts, sessions);
  const prune = async (): Promise<void> => {
    await tokens.prune(TOKEN_UNUSED_DAYS);
    await sessions.prune(2 * SESSION_LIFE_SECONDS);
    await bindings.pruneInvites(INVITE_LIFE_DAYS);
  };
  return {
    plugins: [
      identityAccountRoutes({
        ...{ accounts, keys: parts.signing, count: parts.count },
        isEphemeralKey: isEphemeralKey(db.pool),
      }),
      identityLookupRoutes({ accounts, lookup }),
      identityValidationRoutes({ accounts, validation, count: parts.count }),
      identityBindingRoutes({ accounts, binding, invites, count: parts.count }),
    ] as FastifyPluginAsync[],
    chores: choresOf(base, { prune, peppers, vault }),
    outboxHandlers: new Map([
      [INDEX_TOPIC, (payload: object) => peppers.indexField((payload as { fieldId: string }).fieldId)],
    ]),
    farOutboxHandlers: new Map([[HANDOVER_TOPIC, handover]]),
  };
}

/** Of addresses that may be nobody's here: sealed with a data key of the Identity Service. */
export function identityVault({ db, newId }: Pick<ServiceBase, 'db' | 'newId'>, ring: KeyRingSource): Vault {
  return createVault({ keys: identityKeyStore(db.pool), ring, newId, randomBytes });
}

type Shared = ReturnType<typeof sharedParts>;

function sharedParts(base: ServiceBase, needs: IdentityServiceNeeds) {
  const { config, db } = base;
  const limiter = rateLimiter(db.pool);
  const digests = digestStore(db.pool);
  const keys = lookupKeys(needs.ring);
  const vault = identityVault(base, needs.ring);
  const addresses = addressVault(vault);
  const peppers = createPeppers({
    ...{ unitOfWork: db.unitOfWork, digests, keys, randomBytes, vault: addresses },
    findFieldValue: async (personId, fieldId, envelope) =>
      (await findOpened(needs.vault, personId, fieldPlace(fieldId), envelope))?.toString('utf8') ?? null,
  });
  const ask = createGuardedClient({ isAllowed: createNetworks(config.IDENTITY_ALLOWED_CIDRS) });
  return {
    ...{ digests, keys, vault, addresses, peppers },
    signing: signingKeysOf(config.IDENTITY_SIGNING_KEYS),
    serverName: config.IDENTITY_SERVER_NAME || new URL(config.PUBLIC_BASE_URL).host,
    count: ((key, limit, count) => limiter.hit(key, limit, count)) satisfies Count,
    findAccounts: findAccounts(db.pool),
    askHomeserver: config.ENABLE_FEDERATION
      ? createAskHomeserver({ ask, discover: createDiscovery({ ask }) })
      : null,
  };
}

/** Validating, binding and inviting. */
function proving(base: ServiceBase, needs: IdentityServiceNeeds, parts: Shared, sessions: SessionStore) {
  const { config, db, clock, newId } = base;
  const { digests, keys, peppers, addresses: vault, serverName, count } = parts;
  const post = postOf(needs.messages);
  const shared = {
    ...{ unitOfWork: db.unitOfWork, vault, post, count, newId, randomBytes, serverName },
    now: () => clock.now(),
  };
  const apiUrl = identityUrl(config);
  const validation = createValidation({
    ...shared,
    sessions,
    secrets: () => derivedKeys(needs.ring, SESSIONS_INFO),
    linkUrl: `${apiUrl}/validate/email/submitToken`,
  });
  const bindings = bindingStore(db.pool);
  const homeservers = {
    ownServerName: config.SYNAPSE_SERVER_NAME,
    askOwn: needs.synapse.ask,
    askHomeserver: parts.askHomeserver,
  };
  const [key] = parts.signing;
  const binding = createBinding({
    ...shared,
    ...{ validation, bindings, peppers, key, outbox: needs.outbox },
    findServerKey: createFindServerKey({ ...homeservers, nowMs: () => clock.monotonicMs() }),
    news: newsOf(bindings, needs.audit),
  });
  const handover = createHandover({
    ...{ bindings, vault, serverName, key },
    tellHomeserver: createTellHomeserver(homeservers),
    now: () => clock.now(),
    nowMs: () => clock.monotonicMs(),
  });
  const invites = createInvites({
    ...shared,
    ...{ bindings, digests, keys, peppers, findAccounts: parts.findAccounts, apiUrl, key },
  });
  return { validation, bindings, binding, invites, handover };
}

/** Accounts of nobody here have no entries. */
function newsOf(bindings: Pick<BindingStore, 'findPerson'>, audit: Audit): BindingNews {
  return async (tx, { act, userId, medium, byHerself }) => {
    const personId = await bindings.findPerson(tx, userId);
    if (personId === null) return;
    const actor: Actor = byHerself ? `person:${personId}` : 'system';
    await audit.record(tx, { actor, act, subject: personId, detail: { medium } });
  };
}

function postOf(messages: Messages): Post {
  return {
    offers: messages.offers,
    enqueue: (tx, message, from) => {
      const { channel, to, content, personId, expiresAt } = message;
      const common = { to, personId, expiresAt, purpose: 'identity_service' as const };
      return channel === 'email'
        ? messages.enqueue(tx, { ...common, channel, content }, from)
        : messages.enqueue(tx, { ...common, channel, content }, from);
    },
    codeUsed: (tx, messageId) => messages.codeUsed(tx, messageId as MessageId),
  };
}

/** Under our signing name where it is a host of its own: homeservers ask there whether keys are valid. */
function identityUrl(config: Config): string {
  const { IDENTITY_SERVER_NAME: name, PUBLIC_BASE_URL: base } = config;
  return `${name === '' ? base : `https://${name}`}/_matrix/identity/v2`;
}

interface Kept {
  readonly prune: () => Promise<void>;
  readonly peppers: Peppers;
  readonly vault: Vault;
}

function choresOf({ config }: ServiceBase, { prune, peppers, vault }: Kept): Chore[] {
  const pruning: Chore = { job: 'identity_service.prune', everySeconds: IDENTITY_PRUNE_SECONDS, run: prune };
  if (config.KEY_RING_PATH === '') return [pruning];
  const keep = async (): Promise<void> => {
    await vault.rewrap();
    await peppers.keep();
  };
  return [pruning, { job: 'identity_service.keep', everySeconds: IDENTITY_KEEP_SECONDS, run: keep }];
}

/** One derived from each index key for each purpose: no key is used for two kinds of digest. The current one first. */
function derivedKeys(ring: KeyRingSource, info: string): Buffer[] {
  const { indexCurrent, indexKeys } = ring.current();
  const all = [indexCurrent, ...indexKeys.filter(({ id }) => id !== indexCurrent.id)];
  return all.map(({ key }) => derive(key, info));
}

const derive = (key: Buffer, info: string): Buffer =>
  Buffer.from(hkdfSync('sha256', key, '', info, KEY_BYTES));

/** Under what digests are made; also for benches that write many at once. */
export function lookupKeys(ring: KeyRingSource): LookupKeys {
  const derived = new Map<string, Buffer>();
  return {
    currentId: () => ring.current().indexCurrent.id,
    find(id) {
      const known = ring.current().indexKeys.find((key) => key.id === id);
      const key = known ?? ring.refresh().indexKeys.find((one) => one.id === id);
      if (key === undefined) return null;
      const made = derived.get(id) ?? derive(key.key, LOOKUP_INFO);
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
