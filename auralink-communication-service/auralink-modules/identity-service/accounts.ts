/**
 * Accounts of the Identity Service: a Matrix account of any homeserver shows an OpenID token, which that homeserver
 * itself must vouch for, and gets a token of ours; then it accepts the operator's terms, if there are any.
 */
import { createHash } from 'node:crypto';
import { createMemory } from '../../core/memory.ts';
import type { PersonId, UserId } from '../../core/ids.ts';
import {
  type Account,
  isServerName,
  matrixError,
  OPENID_SPENT_SECONDS,
  REGISTER_LIMIT,
  serverOf,
  TOKEN_CACHE_MAX,
  TOKEN_CACHE_MS,
  USER_ID,
} from './model.ts';
import type { AskOpenId, Count } from './ports.ts';

const OPENID_ISSUER = 'identity-service';
const TOKEN_BYTES = 32;

export interface OpenIdToken {
  readonly accessToken: string;
  readonly serverName: string;
}

/** The operator's documents; without any, nothing need be accepted. */
export interface Terms {
  readonly version: string;
  readonly url: string;
}

export interface KnownToken {
  readonly userId: UserId;
  readonly personId: PersonId | null;
  /** URLs that this account accepted. */
  readonly accepted: readonly string[];
}

export interface AccountTokens {
  insert(tokenHash: Buffer, userId: UserId): Promise<void>;
  /** Marks it as used. */
  find(tokenHash: Buffer): Promise<KnownToken | null>;
  remove(tokenHash: Buffer): Promise<void>;
  accept(userId: UserId, urls: readonly string[]): Promise<void>;
  /** Deletes tokens that were not used for so long. */
  prune(unusedDays: number): Promise<number>;
}

export interface AccountsDeps {
  readonly tokens: AccountTokens;
  readonly askOpenId: AskOpenId;
  /** False when this token was used before. */
  readonly spendToken: (issuer: string, tokenId: string, expiresAt: Date) => Promise<boolean>;
  readonly count: Count;
  readonly terms: Terms | null;
  readonly randomBytes: (size: number) => Buffer;
  readonly now: () => Date;
  readonly nowMs: () => number;
}

export interface IdentityAccounts {
  /** A token of ours. Throws M_UNAUTHORIZED, whatever the reason; `rate_limited`. */
  register(token: OpenIdToken, clientAddress: string): Promise<string>;
  /** Throws M_UNAUTHORIZED, and M_TERMS_NOT_SIGNED unless `termsNeeded` is false. */
  authenticate(token: string, termsNeeded: boolean): Promise<Account>;
  logout(token: string): Promise<void>;
  accept(account: Account, urls: readonly string[]): Promise<void>;
  readonly terms: Terms | null;
}

const digestOf = (token: string): Buffer => createHash('sha256').update(token).digest();

function notProved() {
  return matrixError(
    'unauthenticated',
    'M_UNAUTHORIZED',
    'The homeserver does not vouch for this token; ask it for a new one.',
  );
}

export function createAccounts(deps: AccountsDeps): IdentityAccounts {
  const known = createMemory<KnownToken>({ max: TOKEN_CACHE_MAX, lifeMs: TOKEN_CACHE_MS, nowMs: deps.nowMs });
  const find = async (token: string): Promise<KnownToken | null> => {
    const remembered = known.find(token);
    if (remembered !== undefined) return remembered;
    return await known.ask(token, async () => {
      const value = await deps.tokens.find(digestOf(token));
      return value === null ? null : { value, about: [token, value.userId] };
    });
  };
  return {
    terms: deps.terms,
    register: (token, clientAddress) => register(deps, token, clientAddress),
    async authenticate(token, termsNeeded) {
      const found = await find(token);
      if (found === null) {
        throw matrixError('unauthenticated', 'M_UNAUTHORIZED', 'This token is not, or no longer, known.');
      }
      if (termsNeeded && deps.terms !== null && !found.accepted.includes(deps.terms.url)) {
        throw matrixError(
          'forbidden',
          'M_TERMS_NOT_SIGNED',
          'Please accept the terms of this service first.',
        );
      }
      return found;
    },
    async logout(token) {
      await deps.tokens.remove(digestOf(token));
      known.forget([token]);
    },
    async accept({ userId }, urls) {
      const ours = urls.filter((url) => url === deps.terms?.url);
      await deps.tokens.accept(userId, ours);
      known.forget([userId]);
    },
  };
}

async function register(deps: AccountsDeps, token: OpenIdToken, clientAddress: string): Promise<string> {
  await deps.count(`identity-register:${clientAddress}`, REGISTER_LIMIT);
  const { accessToken, serverName } = token;
  if (!isServerName(serverName)) {
    throw matrixError('invalid', 'M_INVALID_PARAM', 'This is no name of a homeserver.', {
      field: 'matrix_server_name',
    });
  }
  const userId = await deps.askOpenId(serverName, accessToken);
  // A homeserver speaks for its own accounts and for nobody else's.
  if (userId === null || !USER_ID.test(userId) || serverOf(userId) !== serverName) throw notProved();
  const until = new Date(deps.now().getTime() + OPENID_SPENT_SECONDS * 1_000);
  const spent = digestOf(`${serverName}\0${accessToken}`).toString('base64url');
  if (!(await deps.spendToken(OPENID_ISSUER, spent, until))) throw notProved();
  const made = deps.randomBytes(TOKEN_BYTES).toString('base64url');
  await deps.tokens.insert(digestOf(made), userId as UserId);
  return made;
}
