/**
 * Looking addresses up by hashes (Matrix spec, Identity Service API, "Association lookup"). What clients send is a hash
 * that anybody can make; what is stored is a keyed digest of it, whose key is not in the database, so that a stolen dump
 * does not tell whether an address is in it.
 */
import { createHash, hash as sha256 } from 'node:crypto';
import { NOBODY } from '../../core/ids.ts';
import {
  type Account,
  LOOKUP_ADDRESSES_MAX,
  LOOKUP_LIMIT,
  LOOKUP_NETWORK_LIMIT,
  LOOKUP_SERVER_LIMIT,
  LOOKUP_UNIT,
  type Medium,
  matrixError,
  normalAddress,
  PEPPERS_CACHE_MS,
  serverOf,
} from './model.ts';
import type { Count, DigestStore, FindAccounts, LookupKeys, Pepper } from './ports.ts';

/** The only algorithm: `none` would have clients send whole address books. */
export const LOOKUP_ALGORITHM = 'sha256';
/** Half of an HMAC-SHA-256 finds as surely as the whole, in half of the index. */
const DIGEST_BYTES = 16;
const HASH_BYTES = 32;
const BLOCK_BYTES = 64;
const HASH = /^[A-Za-z0-9_-]{43}$/;

/** As clients make it: SHA-256 of address, medium and pepper with blanks between. */
export function pepperedHash(medium: Medium, address: string, pepper: string): Buffer {
  const text = `${normalAddress(medium, address)} ${medium} ${pepper}`;
  return createHash('sha256').update(text, 'utf8').digest();
}

/** A key's two blocks of HMAC (RFC 2104), each with room for 32 bytes behind it. */
interface Blocks {
  readonly inner: Buffer;
  readonly outer: Buffer;
}
const blocks = new WeakMap<Buffer, Blocks>();

function blocksOf(key: Buffer): Blocks {
  const known = blocks.get(key);
  if (known !== undefined) return known;
  if (key.length > BLOCK_BYTES) throw new Error('the key is longer than a block');
  const block = (pad: number): Buffer => {
    const bytes = Buffer.alloc(BLOCK_BYTES + HASH_BYTES, pad);
    for (const [i, byte] of key.entries()) bytes[i] = byte ^ pad;
    return bytes;
  };
  const made = { inner: block(0x36), outer: block(0x5c) };
  blocks.set(key, made);
  return made;
}

/**
 * What is stored of a hash: 32 hexadecimal digits of HMAC-SHA-256. `hash`: 32 bytes, or their URL-safe base64. Made of two
 * plain hashes, because Node's `createHmac` costs ten times as much, and a look-up makes a thousand.
 */
export function digestOf(key: Buffer, hash: Buffer | string): string {
  const { inner, outer } = blocksOf(key);
  const bytes = typeof hash === 'string' ? Buffer.from(hash, 'base64url') : hash;
  if (bytes.length !== HASH_BYTES) throw new Error('this is no hash');
  bytes.copy(inner, BLOCK_BYTES);
  // As text of a letter a byte: half as dear as a buffer.
  outer.write(sha256('sha256', inner, 'binary'), BLOCK_BYTES, 'binary');
  return sha256('sha256', outer, 'hex').slice(0, 2 * DIGEST_BYTES);
}

export interface LookupRequest {
  readonly algorithm: string;
  readonly pepper: string;
  readonly addresses: readonly string[];
}

export interface LookupDeps {
  readonly digests: Pick<DigestStore, 'peppers'>;
  readonly keys: LookupKeys;
  readonly findAccounts: FindAccounts;
  readonly count: Count;
  /** Our homeserver, whose accounts we know. */
  readonly ownServerName: string;
  /** Makes the first pepper where there is none yet. */
  readonly rotate: () => Promise<void>;
  readonly nowMs: () => number;
}

export interface Lookup {
  hashDetails(): Promise<{ readonly algorithms: readonly string[]; readonly lookup_pepper: string }>;
  /** Hash → Matrix id. Throws M_INVALID_PARAM, M_INVALID_PEPPER, M_TOO_LARGE, `rate_limited`. */
  lookup(account: Account, request: LookupRequest, clientAddress: string): Promise<Record<string, string>>;
}

export function createLookup(deps: LookupDeps): Lookup {
  const known = knownPeppers(deps);
  const getCurrent = async (): Promise<Pepper> => {
    const isCurrent = ({ state }: Pepper): boolean => state === 'current';
    const found = (await known(isCurrent)).find(isCurrent);
    if (found !== undefined) return found;
    await deps.rotate();
    const made = (await deps.digests.peppers()).find(isCurrent);
    if (made !== undefined) return made;
    throw matrixError('unavailable', 'M_UNKNOWN', 'The first look-up is being prepared; try again shortly.', {
      retryAfterSeconds: 2,
    });
  };
  return {
    async hashDetails() {
      return { algorithms: [LOOKUP_ALGORITHM], lookup_pepper: (await getCurrent()).pepper };
    },
    async lookup(account, { algorithm, pepper, addresses }, clientAddress) {
      if (algorithm !== LOOKUP_ALGORITHM) {
        const message = `Hashes are made with ${LOOKUP_ALGORITHM} here.`;
        throw matrixError('invalid', 'M_INVALID_PARAM', message, { field: 'algorithm' });
      }
      if (addresses.length > LOOKUP_ADDRESSES_MAX) {
        const message = `At most ${LOOKUP_ADDRESSES_MAX} addresses may be looked up at once.`;
        throw matrixError('too_large', 'M_TOO_LARGE', message, { field: 'addresses' });
      }
      const matches = (one: Pepper): boolean => one.pepper === pepper;
      const found = (await known(matches)).find(matches);
      const key = found === undefined ? null : deps.keys.find(found.indexKeyId);
      if (key === null) {
        throw matrixError('invalid', 'M_INVALID_PEPPER', 'The pepper has changed; hash anew with this one.', {
          field: 'pepper',
          algorithm: LOOKUP_ALGORITHM,
          lookup_pepper: (await getCurrent()).pepper,
        });
      }
      await countLookup(deps, account.userId, clientAddress, addresses.length);
      // One answer a hash, however often it is asked for.
      const hashes = [...new Set(addresses.filter((hash) => HASH.test(hash)))];
      if (hashes.length === 0) return {};
      const digests = hashes.map((hash) => digestOf(key, hash));
      const accounts = await deps.findAccounts({ asker: account.personId ?? NOBODY, digests });
      return Object.fromEntries(hashes.flatMap((hash, i) => (accounts[i] ? [[hash, accounts[i]]] : [])));
    },
  };
}

/** By account, by network and by homeserver: a stranger's server makes as many accounts as he likes. */
async function countLookup(deps: LookupDeps, userId: string, from: string, addresses: number): Promise<void> {
  const units = Math.max(1, Math.ceil(addresses / LOOKUP_UNIT));
  await deps.count(`identity-lookup:${userId}`, LOOKUP_LIMIT, units);
  await deps.count(`identity-lookup-from:${from}`, LOOKUP_NETWORK_LIMIT, units);
  const server = serverOf(userId);
  if (server === deps.ownServerName) return;
  await deps.count(`identity-lookup-server:${server}`, LOOKUP_SERVER_LIMIT, units);
}

/** The peppers as they were a moment ago; asked for anew at once when none of them is the `wanted` one. */
function knownPeppers({ digests, nowMs }: LookupDeps) {
  let known: readonly Pepper[] = [];
  let asked: Promise<readonly Pepper[]> | null = null;
  let untilMs = Number.NEGATIVE_INFINITY;
  const ask = (): Promise<readonly Pepper[]> => {
    asked ??= digests.peppers().finally(() => {
      asked = null;
    });
    return asked;
  };
  return async (wanted: (pepper: Pepper) => boolean): Promise<readonly Pepper[]> => {
    if (nowMs() < untilMs && known.some(wanted)) return known;
    const askedAtMs = nowMs();
    known = await ask();
    untilMs = askedAtMs + PEPPERS_CACHE_MS;
    return known;
  };
}
