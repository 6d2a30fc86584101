/**
 * A new password for who forgot hers: by a code to an address that she proved, if the one that she types is one. Whether
 * it is, or she exists, is told neither by the answer nor by its time: what is not known gets a challenge that no code
 * fits. Anybody may ask in her name, as often as limits allow: that voids none of the codes that she was sent, and each has
 * tries of its own. With the code's transaction all that must follow is written down; a process that dies then ends her
 * sessions.
 */
import { AuraError } from '../../core/errors.ts';
import { type ChallengeId, type NewId, NOBODY, type PersonId, type VerificationId } from '../../core/ids.ts';
import type { Tx, UnitOfWork } from '../../core/unit-of-work.ts';
import { ADDRESS_FAULTS, masked, normalAddress } from './addresses.ts';
import { channelOf, countTry, refusalOf } from './challenges.ts';
import { isAmong, judge, makeCode } from './codes.ts';
import { CODE_TRIES_MAX, CODE_TTL_SECONDS, type CodeMethod } from './model.ts';
import { type NoticeDeps, notify } from './notices.ts';
import type { ProofNews, ProofStore, SubjectIndexer } from './ports.ts';
import type {
  ChallengeStore,
  Limiter,
  LockedChallenge,
  RandomBytes,
  SecretDigests,
} from './ports-challenges.ts';
import { passwordMessage, passwordNotice } from './texts.ts';

/** Codes for a new password that one network address asks for. */
export const FORGOTTEN_LIMIT = { hits: 30, windowSeconds: 600 };
/** Codes for a new password that one network address submits. */
export const RESET_LIMIT = { hits: 60, windowSeconds: 600 };
const DIGEST_BYTES = 32;

/** The homeserver's side of it, with the sessions that end. */
export interface PasswordReset<B> {
  begin(tx: Tx, personId: PersonId): Promise<B>;
  /** Throws `unavailable`. */
  finish(begun: B, newPassword: string): Promise<void>;
}

export interface ForgottenDeps<B> extends NoticeDeps {
  readonly unitOfWork: UnitOfWork;
  readonly store: ProofStore;
  readonly challenges: ChallengeStore;
  readonly indexer: SubjectIndexer;
  readonly secrets: SecretDigests;
  readonly limiter: Limiter;
  readonly news: Pick<ProofNews, 'record'>;
  readonly newId: NewId;
  readonly randomBytes: RandomBytes;
  /** Who signs in by this text, an address with or without its ends or a Matrix id. */
  readonly findPerson: (user: string) => Promise<PersonId | null>;
  readonly passwords: PasswordReset<B>;
}

export interface ForgottenService {
  /** Throws `invalid` (field address), `rate_limited`, `unavailable` (channel_not_configured): the same for everybody. */
  ask(
    user: string,
    address: string,
    ip: string,
  ): Promise<{ readonly resetId: ChallengeId; readonly expiresAt: Date }>;
  /** Throws as `submit` of a verification does, and `unavailable` while the homeserver is away. Returns whom it lets in. */
  reset(resetId: ChallengeId, code: string, newPassword: string, ip: string): Promise<PersonId>;
}

export function createForgotten<B>(deps: ForgottenDeps<B>): ForgottenService {
  return {
    ask: (user, address, ip) => ask(deps, user, address, ip),
    reset: (resetId, code, newPassword, ip) => reset(deps, resetId, code, newPassword, ip),
  };
}

async function ask<B>(deps: ForgottenDeps<B>, user: string, typed: string, ip: string) {
  const method: CodeMethod = typed.includes('@') ? 'email' : 'phone';
  const address = normalAddress(method, typed);
  if (address === null) {
    const message = `address: ${ADDRESS_FAULTS[method]}`;
    throw new AuraError('invalid', message, { field: 'address', reason: 'bad_address' });
  }
  await deps.limiter.hit(`forgotten:${ip}`, FORGOTTEN_LIMIT);
  if (!deps.courier.offers(channelOf(method))) {
    throw new AuraError('unavailable', 'This server sends no messages of this kind.', {
      reason: 'channel_not_configured',
    });
  }
  const personId = await deps.findPerson(user);
  const digests = deps.indexer.all(method, address);
  const verificationId = await deps.store.findProved(personId ?? NOBODY, method, digests);
  const resetId = deps.newId<ChallengeId>();
  const expiresAt = new Date(deps.now().getTime() + CODE_TTL_SECONDS * 1_000);
  const code = makeCode(deps.randomBytes);
  await deps.unitOfWork.run(async (tx) => {
    const whose = personId !== null && verificationId !== null ? { personId, verificationId } : null;
    const sent = whose && (await send(deps, tx, whose, { method, address, code, expiresAt, ip }));
    await deps.challenges.insert(tx, {
      ...{ challengeId: resetId, purpose: 'password', expiresAt, linkHash: null, secretEnvelope: null },
      verificationId: sent === null ? null : (whose?.verificationId ?? null),
      personId: sent === null ? null : (whose?.personId ?? null),
      messageId: sent,
      codeHash:
        sent === null
          ? deps.randomBytes(DIGEST_BYTES)
          : deps.secrets.current('verification-code', `${resetId}\0${code}`),
    });
  });
  return { resetId, expiresAt };
}

/** The message's id; null when it may not be sent now, which looks like an address that nobody knows. */
async function send<B>(
  deps: ForgottenDeps<B>,
  tx: Tx,
  whose: { readonly personId: PersonId; readonly verificationId: VerificationId },
  what: {
    readonly method: CodeMethod;
    readonly address: string;
    readonly code: string;
    readonly expiresAt: Date;
    readonly ip: string;
  },
): Promise<string | null> {
  const { method, address: to, code, expiresAt, ip } = what;
  const { personId } = whose;
  const auraId = await deps.store.findAuraId(tx, personId);
  if (auraId === null) return null;
  const content = passwordMessage(method, { code, auraId });
  try {
    return await deps.courier.enqueue(
      tx,
      { ...content, to, purpose: 'password', personId, expiresAt },
      { ip },
    );
  } catch (error) {
    if (error instanceof AuraError && (error.code === 'rate_limited' || error.code === 'unavailable'))
      return null;
    throw error;
  }
}

async function reset<B>(
  deps: ForgottenDeps<B>,
  resetId: ChallengeId,
  code: string,
  newPassword: string,
  ip: string,
): Promise<PersonId> {
  await deps.limiter.hit(`forgotten-submit:${ip}`, RESET_LIMIT);
  const outcome = await deps.unitOfWork.run(async (tx) => {
    const challenge = await deps.challenges.lock(tx, resetId, 'password');
    if (challenge === null) throw unknownReset();
    const digests = deps.secrets.all('verification-code', `${resetId}\0${code}`);
    const judged = judge(challenge, digests);
    // Only what is known is ever replaced. Whoever has no code of it is told what is told of nobody's.
    const verdict = judged === 'replaced' && !isAmong(challenge.codeHash, digests) ? 'wrong' : judged;
    // A wrong code is counted: that must be kept, so nothing is thrown in here.
    if (verdict === 'wrong') return { tries: await countTry(deps, tx, challenge), verdict };
    if (verdict !== 'right' || challenge.personId === null) return { tries: challenge.tries, verdict };
    return { tries: 0, verdict, begun: await spend(deps, tx, challenge, challenge.personId) };
  });
  if (outcome.begun === undefined) throw refusalOf(outcome.verdict, CODE_TRIES_MAX - outcome.tries);
  try {
    await deps.passwords.finish(outcome.begun.begun, newPassword);
  } catch (error) {
    // The homeserver refused this password, or may be away: with another one, or later, the same code will do.
    await deps.unitOfWork.run((tx) => deps.challenges.giveBack(tx, resetId));
    throw error;
  }
  return outcome.begun.personId;
}

async function spend<B>(
  deps: ForgottenDeps<B>,
  tx: Tx,
  { challengeId, verificationId, messageId }: LockedChallenge,
  personId: PersonId,
): Promise<{ personId: PersonId; begun: B }> {
  await deps.store.lockPerson(tx, personId);
  await deps.challenges.end(tx, challengeId, 'used');
  await deps.courier.cancel(tx, await deps.challenges.endOtherResets(tx, personId, challengeId));
  if (messageId !== null) await deps.courier.codeUsed(tx, messageId);
  const begun = await deps.passwords.begin(tx, personId);
  const proofs = await deps.store.listAddresses(tx, personId, null);
  const by = proofs.find((proof) => proof.verificationId === verificationId);
  if (by === undefined) throw unknownReset();
  const place = { table: 'aura_id_verifications', column: 'subject_envelope', row: by.verificationId };
  const plain = by.subjectEnvelope && (await deps.vault.findOpened(personId, place, by.subjectEnvelope));
  const method = by.method as CodeMethod;
  const shown = plain === null ? 'an address of yours' : masked(method, plain.toString('utf8'));
  await notify(deps, tx, personId, verificationId, (at, auraId) => passwordNotice(at, auraId, shown));
  const entry = { actor: `person:${personId}` as const, act: 'password.reset' as const, subject: personId };
  await deps.news.record(tx, { ...entry, detail: { method } });
  return { personId, begun };
}

function unknownReset(): AuraError {
  return new AuraError('not_found', 'This is over; ask for a code again.', { reason: 'unknown_reset' });
}
