/**
 * Validating an address (Matrix spec, Identity Service API, "Email associations", "Phone number associations"): a token
 * is sent to it and comes back. The session belongs to the account that began it, knows only digests of secret and
 * token, and dies of wrong ones.
 */
import { createHmac, randomInt, timingSafeEqual } from 'node:crypto';
import type { AuraError } from '../../core/errors.ts';
import type { Tx, UnitOfWork } from '../../core/unit-of-work.ts';
import {
  type Account,
  EMAIL_LINK_SECONDS,
  isAddress,
  type Medium,
  matrixError,
  normalAddress,
  SESSION_LIFE_SECONDS,
  SMS_CODE_SECONDS,
  TOKEN_TRIES_MAX,
  VALIDATE_LIMIT,
} from './model.ts';
import type { AddressVault, Count, Post, SealedAt, Session, SessionStore } from './ports.ts';

const EMAIL_TOKEN_BYTES = 24;
const SMS_CODE_DIGITS = 6;
const place = (sessionId: string): SealedAt => ({
  table: 'identity_sessions',
  column: 'content_envelope',
  row: sessionId,
});

/** What is sealed in a session's row. */
interface Content {
  readonly address: string;
  readonly nextLink: string | null;
  readonly messageId: string;
}

export interface TokenRequest {
  readonly medium: Medium;
  readonly address: string;
  readonly clientSecret: string;
  readonly sendAttempt: number;
  readonly nextLink: string | null;
}

/** How somebody names a session: all three, or it is not there. */
export interface SessionName {
  readonly sid: string;
  readonly clientSecret: string;
}

export interface Validated {
  readonly sessionId: string;
  readonly medium: Medium;
  readonly address: string;
  readonly validatedAt: Date;
}

export interface ValidationDeps {
  readonly unitOfWork: UnitOfWork;
  readonly sessions: SessionStore;
  readonly vault: AddressVault;
  /** Keys that are not in the database, the current one first. */
  readonly secrets: () => readonly Buffer[];
  readonly post: Post;
  readonly count: Count;
  readonly newId: () => string;
  readonly randomBytes: (size: number) => Buffer;
  readonly now: () => Date;
  /** Where the link in an e-mail leads; the query is appended. */
  readonly linkUrl: string;
  /** Who is said to write. */
  readonly serverName: string;
}

export interface Validation {
  /** The session's id. Throws M_INVALID_EMAIL, M_INVALID_ADDRESS, M_EMAIL_SEND_ERROR, M_SEND_ERROR, `rate_limited`. */
  requestToken(account: Account, request: TokenRequest, clientAddress: string): Promise<string>;
  /**
   * Where to go then, if anywhere. `by`: the account that asks; null from the page that the link opens, whose token was
   * in the link. Throws M_NO_VALID_SESSION, M_SESSION_EXPIRED, M_TOKEN_INCORRECT.
   */
  submit(medium: Medium, name: SessionName, token: string, by: Account | null): Promise<string | null>;
  /** Where the link leads then. Changes nothing; null when the session is not there. */
  peek(medium: Medium, name: SessionName): Promise<{ readonly nextLink: string | null } | null>;
  /** `tx` locks it. Throws M_NO_VALID_SESSION, M_SESSION_NOT_VALIDATED, M_SESSION_EXPIRED. */
  getValidated(tx: Tx | null, account: Account | null, name: SessionName): Promise<Validated>;
}

function noSession(): AuraError {
  return matrixError('not_found', 'M_NO_VALID_SESSION', 'There is no such session; ask for a new token.');
}

function expired(): AuraError {
  return matrixError('invalid', 'M_SESSION_EXPIRED', 'This took too long; ask for a new token.');
}

function wrongToken(): AuraError {
  const message = `This is not the token that was sent last, or ${TOKEN_TRIES_MAX} wrong ones came before it.`;
  return matrixError('invalid', 'M_TOKEN_INCORRECT', message, { field: 'token' });
}

const keyed = (key: Buffer, ...parts: readonly string[]): Buffer =>
  createHmac('sha256', key).update(parts.join('\0'), 'utf8').digest();

/** Whether one of the keys made `stored` of these parts. */
function isMadeOf(keys: readonly Buffer[], stored: Buffer, ...parts: readonly string[]): boolean {
  return keys.some((key) => timingSafeEqual(keyed(key, ...parts), stored));
}

export function createValidation(deps: ValidationDeps): Validation {
  return {
    requestToken: (account, request, clientAddress) => requestToken(deps, account, request, clientAddress),
    submit: (medium, name, token, by) => submit(deps, medium, name, token, by),
    peek: (medium, name) =>
      deps.unitOfWork.run(async (tx) => {
        const session = await findSession(deps, tx, name);
        if (session === null || session.medium !== medium) return null;
        return { nextLink: (await contentOf(deps, session))?.nextLink ?? null };
      }),
    getValidated: (tx, account, name) =>
      tx === null
        ? deps.unitOfWork.run((own) => getValidated(deps, own, account, name))
        : getValidated(deps, tx, account, name),
  };
}

async function findSession(deps: ValidationDeps, tx: Tx, name: SessionName): Promise<Session | null> {
  const session = await deps.sessions.find(tx, name.sid);
  if (session === null) return null;
  return isMadeOf(deps.secrets(), session.secretHash, 'secret', name.sid, name.clientSecret) ? session : null;
}

async function contentOf({ vault }: ValidationDeps, session: Session): Promise<Content | null> {
  const plain = await vault.find(place(session.sessionId), session.contentEnvelope);
  return plain === null ? null : (JSON.parse(plain.toString('utf8')) as Content);
}

async function requestToken(
  deps: ValidationDeps,
  account: Account,
  request: TokenRequest,
  clientAddress: string,
): Promise<string> {
  const { medium, clientSecret, sendAttempt } = request;
  const address = normalAddress(medium, request.address);
  if (!isAddress(medium, address)) throw badAddress(medium);
  if (!deps.post.offers(medium === 'email' ? 'email' : 'sms')) throw notSent(medium);
  const [key] = deps.secrets();
  if (key === undefined) throw notSent(medium);
  await deps.count(`identity-validate:${account.userId}`, VALIDATE_LIMIT);
  const requestKey = keyed(key, 'request', account.userId, clientSecret, medium, address);
  return await deps.unitOfWork.run(async (tx) => {
    let known = await deps.sessions.findByRequest(tx, requestKey);
    if (known !== null && known.ageSeconds > SESSION_LIFE_SECONDS) {
      await deps.sessions.remove(tx, known.sessionId);
      known = null;
    }
    if (known !== null && (known.validatedAt !== null || sendAttempt <= known.sendAttempt)) {
      return known.sessionId;
    }
    const sessionId = known?.sessionId ?? deps.newId();
    const token = newToken(deps, medium);
    const tokenLifeSeconds = medium === 'email' ? EMAIL_LINK_SECONDS : SMS_CODE_SECONDS;
    const messageId = await send(deps, tx, { account, request, address, sessionId, token }, clientAddress);
    const content: Content = { address, nextLink: request.nextLink, messageId };
    const contentEnvelope = await deps.vault.seal(tx, place(sessionId), Buffer.from(JSON.stringify(content)));
    const tokenHash = keyed(key, 'token', sessionId, token);
    const made = { sessionId, contentEnvelope, sendAttempt, tokenHash, tokenLifeSeconds };
    const secretHash = keyed(key, 'secret', sessionId, clientSecret);
    if (known === null) {
      await deps.sessions.insert(tx, { ...made, requestKey, userId: account.userId, medium, secretHash });
    } else await deps.sessions.renew(tx, made);
    return sessionId;
  });
}

function badAddress(medium: Medium): AuraError {
  return medium === 'email'
    ? matrixError('invalid', 'M_INVALID_EMAIL', 'This is no e-mail address.', { field: 'email' })
    : matrixError('invalid', 'M_INVALID_ADDRESS', 'This is no number that can be called.', {
        field: 'phone_number',
      });
}

function notSent(medium: Medium): AuraError {
  const errcode = medium === 'email' ? 'M_EMAIL_SEND_ERROR' : 'M_SEND_ERROR';
  return matrixError('unavailable', errcode, 'This server sends no such messages.', {
    reason: 'channel_not_configured',
  });
}

/** What a person copies is short; what is only clicked is long. */
function newToken({ randomBytes }: ValidationDeps, medium: Medium): string {
  if (medium === 'email') return randomBytes(EMAIL_TOKEN_BYTES).toString('base64url');
  return String(randomInt(10 ** SMS_CODE_DIGITS)).padStart(SMS_CODE_DIGITS, '0');
}

interface ToSend {
  readonly account: Account;
  readonly request: TokenRequest;
  readonly address: string;
  readonly sessionId: string;
  readonly token: string;
}

function send(deps: ValidationDeps, tx: Tx, what: ToSend, ip: string): Promise<string> {
  const { account, request, address, sessionId, token } = what;
  const lifeSeconds = request.medium === 'email' ? EMAIL_LINK_SECONDS : SMS_CODE_SECONDS;
  const shared = {
    personId: account.personId,
    expiresAt: new Date(deps.now().getTime() + lifeSeconds * 1_000),
  };
  if (request.medium === 'msisdn') {
    const text = `${token} is your code for ${deps.serverName}. Nobody of us will ask you for it.`;
    return deps.post.enqueue(tx, { ...shared, channel: 'sms', to: `+${address}`, content: { text } }, { ip });
  }
  const query = new URLSearchParams({ sid: sessionId, client_secret: request.clientSecret, token });
  const text =
    `Somebody, you we hope, wants to prove at ${deps.serverName} that this e-mail address is theirs.\n\n` +
    `Open this page and press the button there:\n${deps.linkUrl}?${query}\n\n` +
    'If it was not you, do nothing: without your press nothing happens.\n';
  const content = { subject: `Confirm your e-mail address for ${deps.serverName}`, text };
  return deps.post.enqueue(tx, { ...shared, channel: 'email', to: address, content }, { ip });
}

async function submit(
  deps: ValidationDeps,
  medium: Medium,
  name: SessionName,
  token: string,
  by: Account | null,
): Promise<string | null> {
  // A refusal is a value here: the count of wrong tokens must be committed.
  const outcome = await deps.unitOfWork.run(async (tx): Promise<AuraError | { nextLink: string | null }> => {
    const session = await findSession(deps, tx, name);
    if (session === null || session.medium !== medium) return noSession();
    if (by !== null && by.userId !== session.userId) return noSession();
    if (session.ageSeconds > SESSION_LIFE_SECONDS) return expired();
    const isRight = isMadeOf(deps.secrets(), session.tokenHash, 'token', session.sessionId, token);
    if (session.tries >= TOKEN_TRIES_MAX) return wrongToken();
    if (!isRight) {
      await deps.sessions.countTry(tx, session.sessionId);
      return wrongToken();
    }
    const content = await contentOf(deps, session);
    if (content === null) return noSession();
    if (session.validatedAt !== null) return { nextLink: content.nextLink };
    if (!session.tokenCounts) return expired();
    await deps.sessions.setValidated(tx, session.sessionId);
    await deps.post.codeUsed(tx, content.messageId);
    return { nextLink: content.nextLink };
  });
  if (outcome instanceof Error) throw outcome;
  return outcome.nextLink;
}

async function getValidated(
  deps: ValidationDeps,
  tx: Tx,
  account: Account | null,
  name: SessionName,
): Promise<Validated> {
  const session = await findSession(deps, tx, name);
  if (session === null || (account !== null && session.userId !== account.userId)) throw noSession();
  if (session.ageSeconds > SESSION_LIFE_SECONDS) throw expired();
  if (session.validatedAt === null) {
    const message = 'The token has not come back yet.';
    throw matrixError('invalid', 'M_SESSION_NOT_VALIDATED', message);
  }
  const content = await contentOf(deps, session);
  if (content === null) throw noSession();
  const { sessionId, medium, validatedAt } = session;
  return { sessionId, medium, address: content.address, validatedAt };
}
