/**
 * Proving an address by a code that is sent there, or by the link in the e-mail. A code lives ten minutes and dies after
 * five wrong ones; sending it again keeps it; another one kills it. Nothing that is answered tells whether an address is
 * known to anybody. Locks: her row, the verification's code, then as in proofs.ts.
 */
import { AuraError } from '../../core/errors.ts';
import type { AuraId, ChallengeId, NewId, PersonId, VerificationId } from '../../core/ids.ts';
import type { Tx, UnitOfWork } from '../../core/unit-of-work.ts';
import { ADDRESS_FAULTS, masked, normalAddress } from './addresses.ts';
import { type CodeVerdict, judge, makeCode, makeToken } from './codes.ts';
import {
  CODE_LEVELS,
  CODE_SENDS_MAX,
  CODE_TRIES_MAX,
  CODE_TTL_SECONDS,
  type CodeMethod,
  LIVE_PROOFS_MAX,
  PROOF_DAYS,
  RESEND_PAUSE_SECONDS,
  type VerificationView,
} from './model.ts';
import type {
  LiveProof,
  Place,
  ProofNews,
  Proofs,
  ProofStore,
  SubjectIndexer,
  SubjectVault,
} from './ports.ts';
import type {
  ChallengeStore,
  Courier,
  Limiter,
  LockedChallenge,
  RandomBytes,
  SecretDigests,
} from './ports-challenges.ts';
import { subjectPlace, tell } from './proofs.ts';
import { codeMessage } from './texts.ts';
import { viewOf } from './views.ts';

/** Verifications that one person begins, codes that she has sent again included. */
export const START_LIMIT = { hits: 30, windowSeconds: 3_600 };
/** Codes that one person submits. */
export const SUBMIT_LIMIT = { hits: 60, windowSeconds: 600 };
/** Links that one network address opens or confirms. */
export const LINK_LIMIT = { hits: 60, windowSeconds: 600 };
const DAY_MS = 86_400_000;

export interface ChallengeDeps {
  readonly unitOfWork: UnitOfWork;
  readonly store: ProofStore;
  readonly challenges: ChallengeStore;
  readonly proofs: Proofs;
  readonly vault: SubjectVault;
  readonly indexer: SubjectIndexer;
  readonly secrets: SecretDigests;
  readonly courier: Courier;
  readonly limiter: Limiter;
  readonly news: ProofNews;
  readonly newId: NewId;
  readonly randomBytes: RandomBytes;
  readonly now: () => Date;
  /** The page that a link opens; the token follows it. */
  readonly linkPage: string;
}

export interface ChallengeService {
  /** Throws `invalid` (field address), `conflict` (too_many_verifications), `rate_limited`, `unavailable`. */
  start(personId: PersonId, method: CodeMethod, address: string, ip: string): Promise<VerificationView>;
  /**
   * Throws `not_found`; `invalid` (field code, reason wrong_code, triesLeft); `conflict` (reason code_expired, code_dead,
   * code_replaced, already_verified).
   */
  submit(personId: PersonId, verificationId: VerificationId, code: string): Promise<VerificationView>;
  /** The same code while it lives, else another. Throws `not_found`, `rate_limited`, `conflict` (sent_often). */
  resend(personId: PersonId, verificationId: VerificationId, ip: string): Promise<VerificationView>;
  /** What confirming this link would prove, and for whom. Throws `not_found` (unknown_link). */
  lookAtLink(token: string, ip: string): Promise<LinkView>;
  confirmLink(token: string, ip: string): Promise<LinkView>;
}

export interface LinkView {
  readonly auraId: AuraId;
  readonly address: string;
}

export const secretPlace = (challengeId: ChallengeId): Place => ({
  table: 'verification_challenges',
  column: 'secret_envelope',
  row: challengeId,
});

export const channelOf = (method: CodeMethod): 'email' | 'sms' => (method === 'email' ? 'email' : 'sms');

export function createChallenges(deps: ChallengeDeps): ChallengeService {
  return {
    start: (personId, method, address, ip) => start(deps, personId, method, address, ip),
    submit: (personId, verificationId, code) => submit(deps, personId, verificationId, code),
    resend: (personId, verificationId, ip) => resend(deps, personId, verificationId, ip),
    lookAtLink: (token, ip) => lookAtLink(deps, token, ip),
    confirmLink: (token, ip) => confirmLink(deps, token, ip),
  };
}

async function start(
  deps: ChallengeDeps,
  personId: PersonId,
  method: CodeMethod,
  typed: string,
  ip: string,
): Promise<VerificationView> {
  const address = normalAddress(method, typed);
  if (address === null) {
    throw new AuraError('invalid', `address: ${ADDRESS_FAULTS[method]}`, {
      field: 'address',
      reason: 'bad_address',
    });
  }
  await deps.limiter.hit(`verify-start:${personId}`, START_LIMIT);
  const verificationId = await deps.unitOfWork.run(async (tx) => {
    const auraId = await deps.store.lockPerson(tx, personId);
    const digests = deps.indexer.all(method, address);
    const pending = await deps.store.findPending(tx, personId, method, digests);
    const id = pending?.verificationId ?? (await begin(deps, tx, personId, method, address));
    await sendNewCode(deps, tx, { personId, auraId, method, address, verificationId: id, ip });
    await tell(deps, tx, personId, id, 'verification.updated');
    return id;
  });
  return view(deps, personId, verificationId);
}

async function begin(
  deps: ChallengeDeps,
  tx: Tx,
  personId: PersonId,
  method: CodeMethod,
  address: string,
): Promise<VerificationId> {
  const isProved = (await deps.store.findHolders(tx, method, deps.indexer.all(method, address))).some(
    (held) => held.personId === personId,
  );
  if (!isProved && (await deps.store.countLive(tx, personId)) >= LIVE_PROOFS_MAX) {
    throw new AuraError(
      'conflict',
      `You may have ${LIVE_PROOFS_MAX} verifications at most; withdraw one first.`,
      { reason: 'too_many_verifications' },
    );
  }
  const verificationId = deps.newId<VerificationId>();
  const place = subjectPlace(verificationId);
  const envelope = await deps.vault.seal(tx, personId, place, Buffer.from(address));
  const index = deps.indexer.current(method, address);
  const row = { verificationId, personId, method, level: CODE_LEVELS[method], envelope, index };
  await deps.store.insertPending(tx, row);
  return verificationId;
}

interface Sending {
  readonly personId: PersonId;
  readonly auraId: AuraId;
  readonly method: CodeMethod;
  readonly address: string;
  readonly verificationId: VerificationId;
  readonly ip: string;
}

/** Another code; the one before it, if it lived, is dead. */
async function sendNewCode(deps: ChallengeDeps, tx: Tx, sending: Sending): Promise<void> {
  const { personId, verificationId } = sending;
  const challengeId = deps.newId<ChallengeId>();
  const secret = { code: makeCode(deps.randomBytes), token: makeToken(deps.randomBytes) };
  const expiresAt = new Date(deps.now().getTime() + CODE_TTL_SECONDS * 1_000);
  const messageId = await sendCode(deps, tx, sending, secret, expiresAt);
  const place = secretPlace(challengeId);
  const replaced = await deps.challenges.insert(tx, {
    ...{ challengeId, verificationId, personId, messageId, expiresAt, purpose: 'proof' },
    codeHash: deps.secrets.current('verification-code', `${challengeId}\0${secret.code}`),
    linkHash: sending.method === 'email' ? deps.secrets.current('verification-link', secret.token) : null,
    secretEnvelope: await deps.vault.seal(tx, personId, place, Buffer.from(JSON.stringify(secret))),
  });
  await deps.courier.cancel(tx, replaced);
}

interface Secret {
  readonly code: string;
  readonly token: string;
}

function sendCode(
  deps: ChallengeDeps,
  tx: Tx,
  { personId, auraId, method, address, ip }: Sending,
  { code, token }: Secret,
  expiresAt: Date,
): Promise<string> {
  const content = codeMessage(method, { code, auraId, link: `${deps.linkPage}${token}` });
  const message = { ...content, to: address, purpose: 'verification' as const, personId, expiresAt };
  return deps.courier.enqueue(tx, message, { ip });
}

async function resend(
  deps: ChallengeDeps,
  personId: PersonId,
  verificationId: VerificationId,
  ip: string,
): Promise<VerificationView> {
  await deps.limiter.hit(`verify-start:${personId}`, START_LIMIT);
  await deps.unitOfWork.run(async (tx) => {
    const auraId = await deps.store.lockPerson(tx, personId);
    const proof = await deps.store.findLive(tx, personId, verificationId);
    const address = proof?.state === 'pending' ? await addressOf(deps, proof) : null;
    if (proof === null || address === null) throw unknown();
    const sending = { personId, auraId, verificationId, ip, method: proof.method as CodeMethod, address };
    const challenge = await deps.challenges.lockNewest(tx, verificationId, 'proof');
    const secret = challenge === null ? null : await findSecret(deps, personId, challenge);
    if (challenge === null || secret === null) {
      await sendNewCode(deps, tx, sending);
    } else {
      assertMayResend(challenge);
      const messageId = await sendCode(deps, tx, sending, secret, challenge.expiresAt);
      await deps.challenges.setSent(tx, challenge.challengeId, messageId);
      // The same code need not come twice.
      await deps.courier.cancel(tx, carrierOf(challenge));
    }
    await tell(deps, tx, personId, verificationId, 'verification.updated');
  });
  return view(deps, personId, verificationId);
}

function assertMayResend({ sends, sentSecondsAgo }: LockedChallenge): void {
  if (sends >= CODE_SENDS_MAX) {
    throw new AuraError('conflict', `This code was sent ${sends} times; wait until it has lapsed.`, {
      reason: 'sent_often',
    });
  }
  const wait = Math.ceil(RESEND_PAUSE_SECONDS - sentSecondsAgo);
  if (wait <= 0) return;
  throw new AuraError('rate_limited', 'It has just been sent; please wait a little.', {
    reason: 'resend_pause',
    retryAfterSeconds: wait,
  });
}

/** Null: it has ended or lapsed, or cannot be read any more. */
async function findSecret(
  deps: ChallengeDeps,
  personId: PersonId,
  { challengeId, secretEnvelope, isOver, endReason }: LockedChallenge,
): Promise<Secret | null> {
  if (isOver || endReason !== null || secretEnvelope === null) return null;
  const plain = await deps.vault.findOpened(personId, secretPlace(challengeId), secretEnvelope);
  // We sealed it ourselves.
  return plain === null ? null : (JSON.parse(plain.toString('utf8')) as Secret);
}

export async function addressOf(
  { vault }: Pick<ChallengeDeps, 'vault'>,
  proof: Pick<LiveProof, 'personId' | 'verificationId' | 'subjectEnvelope'>,
): Promise<string | null> {
  if (proof.subjectEnvelope === null) return null;
  const place = subjectPlace(proof.verificationId);
  return (await vault.findOpened(proof.personId, place, proof.subjectEnvelope))?.toString('utf8') ?? null;
}

async function submit(
  deps: ChallengeDeps,
  personId: PersonId,
  verificationId: VerificationId,
  code: string,
): Promise<VerificationView> {
  await deps.limiter.hit(`verify-submit:${personId}`, SUBMIT_LIMIT);
  const outcome = await deps.unitOfWork.run(async (tx) => {
    await deps.store.lockPerson(tx, personId);
    const proof = await deps.store.findLive(tx, personId, verificationId);
    if (proof === null || proof.method === 'document') throw unknown();
    if (proof.state === 'verified') throw refusalOf('used', 0);
    const challenge = await deps.challenges.lockNewest(tx, verificationId, 'proof');
    if (challenge === null) throw unknown();
    const digests = deps.secrets.all('verification-code', `${challenge.challengeId}\0${code}`);
    const verdict = judge(challenge, digests);
    // A wrong code is counted: that must be kept, so nothing is thrown in here.
    if (verdict === 'wrong') return { tries: await countTry(deps, tx, challenge), verdict };
    if (verdict !== 'right') return { tries: challenge.tries, verdict };
    return { tries: 0, verdict, changed: await concludeProof(deps, tx, proof, challenge, 'code') };
  });
  if (outcome.changed === undefined) throw refusalOf(outcome.verdict, CODE_TRIES_MAX - outcome.tries);
  deps.proofs.committed(outcome.changed);
  return view(deps, personId, verificationId);
}

const carrierOf = ({ messageId }: Pick<LockedChallenge, 'messageId'>): string[] =>
  messageId === null ? [] : [messageId];

/** Of a code that this was the last try of nothing is sent any more. Returns the tries so far. */
export async function countTry(
  deps: Pick<ChallengeDeps, 'challenges' | 'courier'>,
  tx: Tx,
  challenge: LockedChallenge,
): Promise<number> {
  const tries = await deps.challenges.countTry(tx, challenge.challengeId);
  if (tries >= CODE_TRIES_MAX) await deps.courier.cancel(tx, carrierOf(challenge));
  return tries;
}

async function concludeProof(
  deps: ChallengeDeps,
  tx: Tx,
  proof: LiveProof,
  { challengeId, messageId }: Pick<LockedChallenge, 'challengeId' | 'messageId'>,
  by: 'code' | 'link',
): Promise<readonly PersonId[]> {
  const { personId, verificationId, method, level } = proof;
  const subject = await addressOf(deps, proof);
  if (subject === null) throw unknown();
  await deps.challenges.end(tx, challengeId, 'used');
  if (messageId !== null) await deps.courier.codeUsed(tx, messageId);
  const expiresAt = new Date(deps.now().getTime() + PROOF_DAYS * DAY_MS);
  const evidence = { by };
  const proved = { personId, verificationId, method, level, subject, evidence, expiresAt };
  return (await deps.proofs.prove(tx, proved)).changed;
}

async function findLink(deps: ChallengeDeps, token: string, ip: string) {
  await deps.limiter.hit(`verify-link:${ip}`, LINK_LIMIT);
  const target = await deps.challenges.findByLink(deps.secrets.all('verification-link', token));
  if (target === null) throw unknownLink();
  return target;
}

async function lookAtLink(deps: ChallengeDeps, token: string, ip: string): Promise<LinkView> {
  const target = await findLink(deps, token, ip);
  const address = await addressOf(deps, target);
  if (!target.isLive || address === null) throw unknownLink();
  return { auraId: target.auraId, address: masked('email', address) };
}

async function confirmLink(deps: ChallengeDeps, token: string, ip: string): Promise<LinkView> {
  const { personId, verificationId, challengeId } = await findLink(deps, token, ip);
  const done = await deps.unitOfWork.run(async (tx) => {
    const auraId = await deps.store.lockPerson(tx, personId);
    const proof = await deps.store.findLive(tx, personId, verificationId);
    const challenge = await deps.challenges.lock(tx, challengeId, 'proof');
    const isLive = challenge !== null && challenge.endReason === null && !challenge.isOver;
    if (proof?.state !== 'pending' || !isLive) throw unknownLink();
    const address = (await addressOf(deps, proof)) ?? '';
    return { auraId, address, changed: await concludeProof(deps, tx, proof, challenge, 'link') };
  });
  deps.proofs.committed(done.changed);
  return { auraId: done.auraId, address: masked('email', done.address) };
}

async function view(
  deps: Pick<ChallengeDeps, 'store' | 'vault'>,
  personId: PersonId,
  verificationId: VerificationId,
): Promise<VerificationView> {
  const stored = await deps.store.find(personId, verificationId);
  if (stored === null) throw unknown();
  return viewOf(stored, await addressOf(deps, stored));
}

const REFUSALS: Readonly<Record<Exclude<CodeVerdict, 'right' | 'wrong'>, readonly [string, string]>> = {
  expired: ['code_expired', 'This code has lapsed; ask for another one.'],
  dead: ['code_dead', 'There were too many wrong codes; ask for another one.'],
  replaced: ['code_replaced', 'This code is void: there is a newer one, or it is not needed any more.'],
  used: ['already_verified', 'This is confirmed already.'],
};

/** What is said to a code that proves nothing. */
export function refusalOf(verdict: CodeVerdict, triesLeft: number): AuraError {
  if (verdict === 'right') throw new Error('a right code is no refusal');
  if (verdict === 'wrong' && triesLeft > 0) {
    const message = `code: this is not the code that was sent; you may try ${triesLeft} more times.`;
    return new AuraError('invalid', message, { field: 'code', reason: 'wrong_code', triesLeft });
  }
  const [reason, message] = REFUSALS[verdict === 'wrong' ? 'dead' : verdict];
  return new AuraError('conflict', message, { reason });
}

function unknown(): AuraError {
  return new AuraError('not_found', 'There is no such verification waiting here.', {
    reason: 'unknown_verification',
  });
}

function unknownLink(): AuraError {
  return new AuraError('not_found', 'This link has lapsed, was used, or never was one.', {
    reason: 'unknown_link',
  });
}
