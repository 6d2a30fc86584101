/**
 * A person's Matrix accounts: one of them primary, whose password is hers; each attached by its own proof. Whose an
 * account is, nobody learns without having proved it.
 */
import { createHash } from 'node:crypto';
import { AuraError, signedOut } from '../../core/errors.ts';
import type { PersonId, UserId } from '../../core/ids.ts';
import type { Tx, UnitOfWork } from '../../core/unit-of-work.ts';
import type { Audit } from './audit.ts';
import { MATRIX_PROFILE_TOPIC, takeBackLater } from './matrix-profile.ts';
import type { RateLimit, RateLimiter } from './ports.ts';
import type { AccountProofs, AccountStore, MatrixAccount, NameStore } from './ports-names.ts';
import { countTry } from './sign-in.ts';

/** Matrix accounts of one person. */
export const ACCOUNTS_MAX = 10;
/** Tries of one person to prove herself by her password before something that needs it. */
export const PROOF_LIMIT: RateLimit = { hits: 10, windowSeconds: 300 };
/** A spent OpenID token is remembered for so long; Synapse's live an hour. */
export const OPENID_PROOF_KEPT_SECONDS = 86_400;
const OPENID_ISSUER = 'openid';

/** Throws `forbidden` (reason wrong_password), `rate_limited`. */
export type ProveHerself = (personId: PersonId, password: string, clientAddress: string) => Promise<void>;

export type AccountProof =
  | { readonly matrixUserId: string; readonly password: string }
  | { readonly matrixUserId: string; readonly openIdToken: string };

export interface MatrixAccountsDeps {
  readonly unitOfWork: UnitOfWork;
  readonly names: Pick<NameStore, 'lockPerson'>;
  readonly accounts: AccountStore;
  readonly proofs: AccountProofs;
  readonly limiter: RateLimiter;
  /** False when this token was used before. */
  readonly spendToken: (issuer: string, tokenId: string, expiresAt: Date) => Promise<boolean>;
  readonly now: () => Date;
  readonly outbox: { enqueue(tx: Tx, topic: string, payload: object): Promise<void> };
  readonly audit: Audit;
}

export interface MatrixAccountsService {
  readonly proveHerself: ProveHerself;
  list(personId: PersonId): Promise<MatrixAccount[]>;
  /**
   * Throws `forbidden` (reason bad_proof), `conflict` (reason proof_used, account_taken, too_many_accounts). An account
   * that is hers already comes back as it is.
   */
  attach(personId: PersonId, proof: AccountProof, clientAddress: string): Promise<MatrixAccount>;
  /** Her password is that account's from then on. Throws `not_found`, `forbidden` (reason bad_proof). */
  makePrimary(personId: PersonId, userId: UserId, password: string, clientAddress: string): Promise<void>;
  /** What we wrote into its Matrix profile is taken back. Throws `not_found`, `conflict` (reason is_primary). */
  detach(personId: PersonId, userId: UserId): Promise<void>;
}

export function createMatrixAccounts(deps: MatrixAccountsDeps): MatrixAccountsService {
  return {
    proveHerself: (personId, password, address) => proveHerself(deps, personId, password, address),
    list: (personId) => deps.accounts.list(personId),
    attach: async (personId, proof, address) => {
      const { userId, by } = await prove(deps, proof, address);
      return deps.unitOfWork.run((tx) => attachIn(deps, tx, personId, userId, by));
    },
    makePrimary: async (personId, userId, password, address) => {
      const { userId: proved } = await prove(deps, { matrixUserId: userId, password }, address);
      await deps.unitOfWork.run((tx) => makePrimaryIn(deps, tx, personId, proved));
    },
    detach: (personId, userId) => deps.unitOfWork.run((tx) => detachIn(deps, tx, personId, userId)),
  };
}

async function proveHerself(
  deps: MatrixAccountsDeps,
  personId: PersonId,
  password: string,
  address: string,
): Promise<void> {
  await deps.limiter.hit(`proof:${personId}`, PROOF_LIMIT);
  const userId = await deps.accounts.findPrimary(personId);
  if (userId !== null && (await deps.proofs.byPassword(userId, password, address)) !== null) return;
  throw new AuraError('forbidden', 'The password is wrong.', {
    field: 'currentPassword',
    reason: 'wrong_password',
  });
}

async function prove(
  deps: MatrixAccountsDeps,
  proof: AccountProof,
  address: string,
): Promise<{ userId: UserId; by: 'sign_in' | 'openid' }> {
  const claimed = proof.matrixUserId as UserId;
  await countTry(deps.limiter, claimed, address);
  if ('password' in proof) {
    const proved = await deps.proofs.byPassword(claimed, proof.password, address);
    if (proved === null) throw badProof('password', 'The Matrix id or its password is wrong.');
    return { userId: proved, by: 'sign_in' };
  }
  const proved = await deps.proofs.byOpenIdToken(proof.openIdToken);
  if (proved === null || proved !== claimed) {
    throw badProof('openIdToken', 'This token does not prove that Matrix account here; ask for a new one.');
  }
  const digest = createHash('sha256').update(proof.openIdToken).digest('base64url');
  const until = new Date(deps.now().getTime() + OPENID_PROOF_KEPT_SECONDS * 1_000);
  if (!(await deps.spendToken(OPENID_ISSUER, digest, until))) {
    throw new AuraError('conflict', 'This token has proved an account before; ask for a new one.', {
      field: 'openIdToken',
      reason: 'proof_used',
    });
  }
  return { userId: proved, by: 'openid' };
}

function badProof(field: string, message: string): AuraError {
  return new AuraError('forbidden', message, { field, reason: 'bad_proof' });
}

async function lockActive(deps: MatrixAccountsDeps, tx: Tx, personId: PersonId): Promise<void> {
  const own = await deps.names.lockPerson(tx, personId);
  if (own?.state === 'active') return;
  throw signedOut();
}

async function attachIn(
  deps: MatrixAccountsDeps,
  tx: Tx,
  personId: PersonId,
  userId: UserId,
  by: 'sign_in' | 'openid',
): Promise<MatrixAccount> {
  const { accounts } = deps;
  await lockActive(deps, tx, personId);
  const hers = await accounts.find(tx, personId, userId);
  if (hers !== null) return hers;
  if ((await accounts.count(tx, personId)) >= ACCOUNTS_MAX) {
    throw new AuraError(
      'conflict',
      `A person has at most ${ACCOUNTS_MAX} Matrix accounts; detach one first.`,
      {
        field: 'matrixUserId',
        reason: 'too_many_accounts',
      },
    );
  }
  await accounts.attach(tx, personId, userId, by, false);
  const attached = await accounts.find(tx, personId, userId);
  if (attached === null) {
    throw new AuraError('conflict', 'This Matrix account belongs to another AuraLink address.', {
      field: 'matrixUserId',
      reason: 'account_taken',
    });
  }
  await deps.outbox.enqueue(tx, MATRIX_PROFILE_TOPIC, { personId });
  await record(deps, tx, personId, 'account.attached', { by });
  return attached;
}

async function makePrimaryIn(
  deps: MatrixAccountsDeps,
  tx: Tx,
  personId: PersonId,
  userId: UserId,
): Promise<void> {
  await lockActive(deps, tx, personId);
  const account = await deps.accounts.find(tx, personId, userId);
  if (account === null) throw notHers();
  if (account.primary) return;
  await deps.accounts.makePrimary(tx, personId, userId);
  await record(deps, tx, personId, 'account.primary');
}

async function detachIn(deps: MatrixAccountsDeps, tx: Tx, personId: PersonId, userId: UserId): Promise<void> {
  await lockActive(deps, tx, personId);
  const account = await deps.accounts.find(tx, personId, userId);
  if (account === null) throw notHers();
  if (account.primary) {
    throw new AuraError('conflict', 'This account signs you in; make another one primary first.', {
      field: 'userId',
      reason: 'is_primary',
    });
  }
  const shown = await deps.accounts.detach(tx, personId, userId);
  if (shown !== null) await takeBackLater(deps.outbox, tx, userId, shown);
  await record(deps, tx, personId, 'account.detached');
}

function record(
  deps: MatrixAccountsDeps,
  tx: Tx,
  personId: PersonId,
  act: 'account.attached' | 'account.detached' | 'account.primary',
  detail: Readonly<Record<string, string>> = {},
): Promise<void> {
  return deps.audit.record(tx, { actor: `person:${personId}`, act, subject: personId, detail });
}

function notHers(): AuraError {
  return new AuraError('not_found', 'None of your Matrix accounts has this id.', { field: 'userId' });
}
