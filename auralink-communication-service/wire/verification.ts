/** Builds what people prove, and a new password by it, from their adapters. */
import { randomBytes } from 'node:crypto';
import type { FastifyPluginAsync } from 'fastify';
import type Provider from 'oidc-provider';
import type { Audit } from '../auralink-modules/auraid/audit.ts';
import type { BlindIndexer, SecretDigests } from '../auralink-modules/auraid/blind-index.ts';
import { findOpened, type Vault } from '../auralink-modules/auraid/data-keys.ts';
import type { ContactFanOut, EventAppender } from '../auralink-modules/auraid/ports-privacy.ts';
import { shows } from '../auralink-modules/auraid/privacy.ts';
import type { IdentityCache } from '../auralink-modules/auraid/resolver.ts';
import { createChallenges } from '../auralink-modules/verification/challenges.ts';
import { type ExpiryDeps, expireProofs, remind } from '../auralink-modules/verification/expiry.ts';
import { createForgotten, type PasswordReset } from '../auralink-modules/verification/forgotten-password.ts';
import type { MessageSettled } from '../auralink-modules/messages/model.ts';
import { supersededNotifier } from '../auralink-modules/verification/notices.ts';
import type { ProofNews, Proofs } from '../auralink-modules/verification/ports.ts';
import type { Courier } from '../auralink-modules/verification/ports-challenges.ts';
import { createProofs, tell } from '../auralink-modules/verification/proofs.ts';
import { createVerifications } from '../auralink-modules/verification/service.ts';
import { findAuraId } from '../core/aura-id.ts';
import type { PersonId, UserId } from '../core/ids.ts';
import type { OutboxHandler } from '../core/outbox.ts';
import type { EndpointAuth } from '../http/endpoint-auth.ts';
import { forgottenRoutes } from '../http/forgotten-routes.ts';
import { verificationRoutes } from '../http/verification-routes.ts';
import { registryStore } from '../store/auraid.ts';
import { contactStore } from '../store/contacts.ts';
import { privacyStore } from '../store/privacy.ts';
import { rateLimiter } from '../store/rate-limits.ts';
import { challengeStore } from '../store/verification-challenges.ts';
import { proofStore } from '../store/verification.ts';
import type { Base, Chore } from './base.ts';
import { proofEventsOf } from './dashboard.ts';

/** How often proofs and codes whose time is over are ended. */
export const VERIFICATION_EXPIRY_SECONDS = 30;
/** How often it is looked whom to remind. */
export const VERIFICATION_REMINDER_SECONDS = 600;

export interface VerificationNeeds<B> {
  readonly auth: Pick<EndpointAuth, 'requireEndpoint'>;
  /** Null: nobody signs in here. */
  readonly provider: Provider | null;
  readonly audit: Audit;
  readonly vault: Pick<Vault, 'seal' | 'open'>;
  readonly indexer: Pick<BlindIndexer, 'current' | 'all'>;
  readonly secrets: SecretDigests;
  readonly cache: IdentityCache;
  readonly fanOut: ContactFanOut;
  readonly eventLog: EventAppender;
  readonly courier: Courier;
  readonly passwords: PasswordReset<B>;
}

export interface VerificationPart {
  readonly plugins: FastifyPluginAsync[];
  readonly chores: Chore[];
  readonly outboxHandlers: ReadonlyMap<string, OutboxHandler>;
  readonly proofs: Proofs;
  /** What became of a message, in the transaction that settles it. */
  readonly messageSettled: MessageSettled;
}

export function wireVerification<B>(
  base: Omit<Base, 'processId'>,
  needs: VerificationNeeds<B>,
): VerificationPart {
  const { config, db, clock, newId } = base;
  const { pool, unitOfWork } = db;
  const { auth, vault: sealer, indexer, secrets, courier, passwords } = needs;
  const store = proofStore(pool);
  const challenges = challengeStore(pool);
  const limiter = rateLimiter(pool);
  const news = newsOf(base, needs);
  const now = () => clock.now();
  const vault = {
    seal: sealer.seal,
    findOpened: (...where: Parameters<typeof findOpened> extends [unknown, ...infer R] ? R : never) =>
      findOpened(sealer, ...where),
  };
  const onSuperseded = supersededNotifier({ store, vault, courier, now });
  const proofs = createProofs({ store, vault, indexer, news, courier, newId, onSuperseded });
  const shared = { unitOfWork, store, challenges, vault, indexer, secrets, courier, limiter, news, newId };
  const codes = createChallenges({
    ...{ ...shared, proofs, randomBytes, now },
    linkPage: `${config.PUBLIC_BASE_URL}/verify#`,
  });
  const verifications = createVerifications({ unitOfWork, store, vault, proofs, courier });
  const forgotten = createForgotten({
    ...{ ...shared, randomBytes, now, passwords },
    findPerson: findPerson(registryStore(pool)),
  });
  const ownOrigin = new URL(config.PUBLIC_BASE_URL).origin;
  const { provider } = needs;
  return {
    plugins: [
      verificationRoutes({ auth, verifications, challenges: codes }),
      ...(provider === null ? [] : [forgottenRoutes({ provider, forgotten, ownOrigin })]),
    ] as FastifyPluginAsync[],
    chores: choresOf(base, { unitOfWork, store, challenges, vault, courier, news, now }),
    outboxHandlers: new Map(),
    proofs,
    messageSettled: async (tx, { messageId, state, reason }) => {
      const whose = await challenges.setDelivery(tx, messageId, state, reason);
      if (whose !== null)
        await tell({ news }, tx, whose.personId, whose.verificationId, 'verification.updated');
    },
  };
}

function choresOf({ log }: Pick<Base, 'log'>, deps: ExpiryDeps): Chore[] {
  return [
    {
      job: 'verification.expire',
      everySeconds: VERIFICATION_EXPIRY_SECONDS,
      run: async () => {
        const ended = await expireProofs(deps);
        if (ended > 0) log.info({ ended }, 'proofs have lapsed');
      },
    },
    {
      job: 'verification.remind',
      everySeconds: VERIFICATION_REMINDER_SECONDS,
      run: async () => {
        const reminded = await remind(deps);
        if (reminded > 0) log.info({ reminded }, 'people were reminded of proofs that will lapse');
      },
    },
  ];
}

/** As signing in understands it: an address with or without its ends, or a Matrix id. */
function findPerson(
  registry: Pick<ReturnType<typeof registryStore>, 'findSignInByName' | 'findSignInByAccount'>,
) {
  return async (user: string): Promise<PersonId | null> => {
    const text = user.trim();
    if (text.startsWith('@') && text.includes(':')) {
      return (await registry.findSignInByAccount(text as UserId))?.personId ?? null;
    }
    const auraId = findAuraId(text);
    return auraId === null ? null : ((await registry.findSignInByName(auraId))?.personId ?? null);
  };
}

type NewsNeeds = Pick<VerificationNeeds<unknown>, 'audit' | 'cache' | 'fanOut' | 'eventLog'>;

function newsOf(
  base: Pick<Base, 'config' | 'db' | 'newId'>,
  { audit, cache, fanOut, eventLog }: NewsNeeds,
): ProofNews {
  const { db } = base;
  const contacts = contactStore(db.pool);
  const privacy = privacyStore(db.pool);
  return {
    appendEvents: (tx, events) => eventLog.append(tx, events),
    listEndpoints: async (tx, personId) =>
      (await contacts.listEndpoints(tx, [personId], 'account.manage')).map(({ endpointId }) => endpointId),
    changed: async (tx, personId) => {
      const rules = await privacy.getRules(personId, tx);
      if (shows(rules, 'friend', 'verifications')) await fanOut.changed(tx, personId);
    },
    record: (tx, entry) => audit.record(tx, entry),
    emit: proofEventsOf(base),
    committed: (people) => cache.changed(people),
  };
}
