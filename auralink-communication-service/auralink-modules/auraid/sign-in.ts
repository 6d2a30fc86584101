/**
 * Signing in: who a name and a password are, one-time codes that set a first password, and the limits on guessing.
 * Passwords are Synapse's; nothing here stores one. Every limit fails closed: when it cannot count, nobody gets in.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { findAuraId } from '../../core/aura-id.ts';
import { AuraError } from '../../core/errors.ts';
import type { PersonId, UserId } from '../../core/ids.ts';
import type { UnitOfWork } from '../../core/unit-of-work.ts';
import { SIGN_IN_CODE_TTL_SECONDS, type SignInCode, type SignInTarget } from './model.ts';
import type {
  IdentityMetrics,
  MatrixAccounts,
  RateLimit,
  RateLimiter,
  RegistryStore,
  SignInCodeStore,
} from './ports.ts';

/** Guesses at one account from one address. */
export const SIGN_IN_LIMIT: RateLimit = { hits: 10, windowSeconds: 300 };
/** Sign-ins from one address, whoever they are for. */
export const SIGN_IN_ADDRESS_LIMIT: RateLimit = { hits: 100, windowSeconds: 300 };
/** Codes tried from one address; a code has 128 bits, so this only keeps noise out. */
export const CODE_LIMIT: RateLimit = { hits: 20, windowSeconds: 300 };
/** Registrations tried from one address: guards the invitation code. */
export const REGISTRATION_LIMIT: RateLimit = { hits: 30, windowSeconds: 600 };
/** Names checked from one address, as somebody types. */
export const NAME_CHECK_LIMIT: RateLimit = { hits: 120, windowSeconds: 60 };
/** Addresses that one person looks up; generous for people, tedious for who wants them all. */
export const LOOK_UP_LIMIT: RateLimit = { hits: 300, windowSeconds: 60 };
/**
 * A sign-in is refused no sooner than so long after it was asked for, here and at Matrix's own `/login`: Synapse answers
 * at once for who is not there, and takes a quarter of a second over the password of who is.
 */
export const REFUSED_SIGN_IN_MS = 1_000;
const CODE_BYTES = 16;

export interface SignInDeps {
  readonly unitOfWork: UnitOfWork;
  readonly registry: RegistryStore;
  readonly codes: SignInCodeStore;
  readonly accounts: MatrixAccounts;
  readonly limiter: RateLimiter;
  /** For names, which are checked at every key: may be counted in leases. */
  readonly nameChecks: RateLimiter;
  readonly metrics: Pick<IdentityMetrics, 'signedIn'>;
  readonly invitationCode: string;
  /** Of the accounts' homeserver. */
  readonly serverName: string;
}

export interface SignInService {
  /**
   * `user` is an address with or without its ends, or a Matrix id. Throws `unauthenticated` (reason bad_credentials);
   * once the password is right, `forbidden` (reason no_auraid) with the `matrixUserId` for which a name can be claimed.
   */
  signIn(user: string, password: string, clientAddress: string): Promise<PersonId>;
  /** Spends a one-time code and sets her first password. Throws `unauthenticated` (reason bad_code). */
  redeemCode(code: string, newPassword: string, clientAddress: string): Promise<PersonId>;
  /** A new code; older ones are void. Null once she has a password. */
  issueCode(personId: PersonId): Promise<SignInCode | null>;
  /** Throws `forbidden` (reason bad_invitation) unless the code is the operator's. */
  assertInvited(invitationCode: string, clientAddress: string): Promise<void>;
  /** Throws `rate_limited`. */
  countNameCheck(clientAddress: string): Promise<void>;
  /** Throws `rate_limited`. */
  countLookUp(personId: PersonId): Promise<void>;
}

/** Counts `count` (1) questions for addresses; throws `rate_limited`. */
export type CountLookUp = (personId: PersonId, count?: number) => Promise<void>;

/** Counts her questions for addresses, wherever she asks. */
export function lookUpCounter(limiter: RateLimiter): CountLookUp {
  return (personId, count) => limiter.hit(`look-up:${personId}`, LOOK_UP_LIMIT, count);
}

export function createSignIn(deps: SignInDeps): SignInService {
  return {
    signIn: (user, password, address) => signIn(deps, user, password, address),
    redeemCode: (code, newPassword, address) => redeemCode(deps, code, newPassword, address),
    issueCode: (personId) => issueCode(deps, personId),
    assertInvited: async (code, address) => {
      await deps.limiter.hit(`register:${address}`, REGISTRATION_LIMIT);
      if (sameText(code, deps.invitationCode)) return;
      throw new AuraError('forbidden', 'This invitation code is not valid here.', {
        field: 'invitationCode',
        reason: 'bad_invitation',
      });
    },
    countNameCheck: (address) => deps.nameChecks.hit(`name:${address}`, NAME_CHECK_LIMIT),
    countLookUp: lookUpCounter(deps.limiter),
  };
}

async function signIn(deps: SignInDeps, user: string, password: string, address: string): Promise<PersonId> {
  const text = user.trim();
  await countTry(deps.limiter, text, address);
  const isMatrixId = text.startsWith('@') && text.includes(':');
  const target = isMatrixId
    ? await deps.registry.findSignInByAccount(text as UserId)
    : await findByName(deps, text);
  const userId =
    target?.userId ??
    (isMatrixId ? (text as UserId) : ((await findReleased(deps, text)) ?? nobodysAccount(deps, text)));
  if (!(await deps.accounts.checkPassword(userId, password, address))) {
    deps.metrics.signedIn('refused');
    throw new AuraError('unauthenticated', 'The name or the password is wrong.', {
      reason: 'bad_credentials',
    });
  }
  if (target === null) {
    throw new AuraError('forbidden', 'This Matrix account has no AuraLink address now: claim a name first.', {
      reason: 'no_auraid',
      matrixUserId: userId,
    });
  }
  // A process that died between setting a first password and noting it left this undone.
  if (!target.passwordSet) await deps.unitOfWork.run((tx) => deps.codes.passwordSet(tx, target.personId));
  deps.metrics.signedIn('accepted');
  return target.personId;
}

/** Counts a try of a password, whatever it is for: all count against the same guesses. Throws `rate_limited`. */
export async function countTry(limiter: RateLimiter, user: string, address: string): Promise<void> {
  await limiter.hit(`sign-in:${address}`, SIGN_IN_ADDRESS_LIMIT);
  const whom = digest(user.trim().toLowerCase()).toString('base64url');
  await limiter.hit(`sign-in:${address}:${whom}`, SIGN_IN_LIMIT);
}

async function findByName(deps: SignInDeps, text: string): Promise<SignInTarget | null> {
  const auraId = findAuraId(text);
  return auraId === null ? null : deps.registry.findSignInByName(auraId);
}

/** The account of who gave this name back: her password is still that account's. */
async function findReleased(deps: SignInDeps, text: string): Promise<UserId | null> {
  const auraId = findAuraId(text);
  return auraId === null ? null : deps.registry.findReleasedAccount(auraId);
}

/** Of an address that nobody has: nobody's account, asked for and limited at Synapse like everybody's. */
function nobodysAccount({ serverName }: SignInDeps, text: string): UserId {
  const name = findAuraId(text) ?? text.toLowerCase();
  return `@n${digest(name).toString('hex').slice(0, 32)}:${serverName}` as UserId;
}

async function redeemCode(
  deps: SignInDeps,
  code: string,
  newPassword: string,
  address: string,
): Promise<PersonId> {
  await deps.limiter.hit(`code:${address}`, CODE_LIMIT);
  const hash = digest(code.trim());
  // Claimed before the password is set, so that of two who try at once only one sets it.
  const target = await deps.codes.claimCode(hash);
  if (target === null) {
    deps.metrics.signedIn('refused');
    throw new AuraError('unauthenticated', 'This code is wrong, used or no longer valid.', {
      reason: 'bad_code',
    });
  }
  try {
    await deps.accounts.setPassword(target.userId, newPassword);
  } catch (error) {
    await deps.codes.returnCode(hash);
    throw error;
  }
  await deps.unitOfWork.run((tx) => deps.codes.passwordSet(tx, target.personId));
  deps.metrics.signedIn('accepted');
  return target.personId;
}

async function issueCode(deps: SignInDeps, personId: PersonId): Promise<SignInCode | null> {
  const code = randomBytes(CODE_BYTES).toString('base64url');
  const expiresAt = await deps.unitOfWork.run((tx) =>
    deps.codes.replaceCode(tx, personId, digest(code), SIGN_IN_CODE_TTL_SECONDS),
  );
  return expiresAt === null ? null : { code, expiresAt };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Compares in a time that says nothing about where they differ. */
function sameText(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b));
}
