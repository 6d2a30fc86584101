/**
 * Signed JSON (Matrix spec, appendices, "Signing JSON"): the canonical form, Ed25519 over it, and keys in the form in
 * which Matrix writes them.
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

/** Objects nested deeper than this have no canonical form here: no message of the API comes near it. */
export const JSON_DEPTH_MAX = 32;

/** A value that has no canonical form: a fraction, an integer beyond 2^53, half a character, too deep. */
export class NotCanonicalError extends Error {
  override readonly name = 'NotCanonicalError';
}

const byCodePoint = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Throws NotCanonicalError. Keys whose value is undefined are left out. */
export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > JSON_DEPTH_MAX) throw new NotCanonicalError('it is nested too deep');
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new NotCanonicalError('numbers must be integers below 2^53');
    return String(Object.is(value, -0) ? 0 : value);
  }
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new NotCanonicalError('a text has half a character');
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item, depth + 1)).join(',')}]`;
  if (typeof value !== 'object') throw new NotCanonicalError(`there is no JSON for a ${typeof value}`);
  const object = value as Readonly<Record<string, unknown>>;
  const keys = Object.keys(object).filter((key) => object[key] !== undefined);
  const parts = keys
    .sort(byCodePoint)
    .map((key) => `${canonicalJson(key)}:${canonicalJson(object[key], depth + 1)}`);
  return `{${parts.join(',')}}`;
}

export type Signatures = Readonly<Record<string, Readonly<Record<string, string>>>>;

export interface SigningKey {
  /** With its algorithm, e.g. `ed25519:a1`. */
  readonly keyId: string;
  readonly privateKey: KeyObject;
  /** Unpadded base64 of the 32 bytes. */
  readonly publicKey: string;
}

export const unpadded = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');

/** What is signed: all but `signatures` and `unsigned`. */
function signedBytes(object: object): Buffer {
  const { signatures: _signatures, unsigned: _unsigned, ...rest } = object as Record<string, unknown>;
  return Buffer.from(canonicalJson(rest), 'utf8');
}

/** The object with one more signature. Throws NotCanonicalError. */
export function signJson<T extends object>(
  object: T,
  signer: string,
  { keyId, privateKey }: Pick<SigningKey, 'keyId' | 'privateKey'>,
): T & { readonly signatures: Signatures } {
  const { signatures = {} } = object as { signatures?: Signatures };
  const signature = unpadded(sign(null, signedBytes(object), privateKey));
  return {
    ...object,
    signatures: { ...signatures, [signer]: { ...signatures[signer], [keyId]: signature } },
  };
}

/** Whether `signer` signed it by the key of that id; false for all that is malformed. */
export function isSignedBy(object: object, signer: string, keyId: string, publicKey: KeyObject): boolean {
  const signature = (object as { signatures?: Signatures }).signatures?.[signer]?.[keyId];
  if (typeof signature !== 'string') return false;
  try {
    return verify(null, signedBytes(object), publicKey, Buffer.from(signature, 'base64'));
  } catch {
    return false;
  }
}

/** 32 bytes in base64, padded or not, URL-safe or not. Null for anything else. */
export function findPublicKey(text: string): KeyObject | null {
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return null;
  const x = Buffer.from(text, 'base64').toString('base64url');
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  } catch {
    return null;
  }
}

/** A private key from its 32 bytes in base64 (Matrix's own form). Null for anything else. */
export function findPrivateKey(seed: string): KeyObject | null {
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(seed)) return null;
  // PKCS 8 for Ed25519 (RFC 8410): a fixed head, then the seed.
  const head = Buffer.from('302e020100300506032b657004220420', 'hex');
  return createPrivateKey({
    key: Buffer.concat([head, Buffer.from(seed, 'base64')]),
    format: 'der',
    type: 'pkcs8',
  });
}

/** Unpadded base64 of a public key's 32 bytes. */
export function publicKeyOf(key: KeyObject): string {
  const { x = '' } = key.export({ format: 'jwk' });
  return unpadded(Buffer.from(x, 'base64url'));
}

/** A JWK set of private Ed25519 keys, newest first: the first signs, the others only go on to be valid. */
export function signingKeysOf(jwkSet: string): [SigningKey, ...SigningKey[]] {
  const { keys } = JSON.parse(jwkSet) as { keys: { kid: string; d: string; x: string }[] };
  const [first, ...others] = keys.map(({ kid, d, x }): SigningKey => {
    const privateKey = createPrivateKey({ key: { kty: 'OKP', crv: 'Ed25519', d, x }, format: 'jwk' });
    return {
      keyId: `ed25519:${kid}`,
      privateKey,
      publicKey: publicKeyOf(createPublicKey(privateKey)),
    };
  });
  if (first === undefined) throw new Error('there is no signing key');
  return [first, ...others];
}
