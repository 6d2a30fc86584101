/**
 * The signatures of travel documents (ICAO Doc 9303-12, 4.4): RSA PKCS #1 v1.5, RSA-PSS and ECDSA, with SHA-2, by keys of
 * a strength that still counts. MD5 and SHA-1, which the first passports used, are refused.
 */
import { constants, createHash, type KeyObject, verify, type X509Certificate } from 'node:crypto';
import { type Der, MalformedError, part, TAG } from './der.ts';

/** Bits of an RSA key at least. */
export const RSA_BITS_MIN = 2_048;

export const HASHES = ['sha224', 'sha256', 'sha384', 'sha512'] as const;
export type Hash = (typeof HASHES)[number];

/** It is signed in a way that proves nothing (any more), or that is not known here. */
export class AlgorithmError extends Error {
  override readonly name = 'AlgorithmError';
  readonly reason: 'weak_algorithm' | 'unsupported_algorithm';
  constructor(reason: AlgorithmError['reason'], what: string) {
    super(what);
    this.reason = reason;
  }
}

export interface SignatureAlgorithm {
  readonly kind: 'rsa' | 'rsa-pss' | 'ecdsa';
  readonly hash: Hash;
  readonly saltLength: number;
}

const HASH_OIDS: Readonly<Record<string, Hash>> = {
  '2.16.840.1.101.3.4.2.4': 'sha224',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};
/** MD5 and SHA-1, alone and in signatures. */
const WEAK_OIDS = new Set([
  '1.2.840.113549.2.5',
  '1.3.14.3.2.26',
  '1.2.840.113549.1.1.4',
  '1.2.840.113549.1.1.5',
  '1.2.840.10045.4.1',
]);
const RSA_OIDS: Readonly<Record<string, Hash>> = {
  '1.2.840.113549.1.1.14': 'sha224',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
};
const ECDSA_OIDS: Readonly<Record<string, Hash>> = {
  '1.2.840.10045.4.3.1': 'sha224',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
};
const RSA_ENCRYPTION = '1.2.840.113549.1.1.1';
const EC_PUBLIC_KEY = '1.2.840.10045.2.1';
const RSASSA_PSS = '1.2.840.113549.1.1.10';
const MGF1 = '1.2.840.113549.1.1.8';
const CURVES = /^(?:prime256v1|secp(?:224|384|521)r1|brainpoolP(?:224|256|320|384|512)[rt]1)$/;

/** Of an AlgorithmIdentifier. Throws AlgorithmError, MalformedError. */
export function hashOf(identifier: Der): Hash {
  const oid = part(identifier.sequence('a hash algorithm'), 0, 'a hash algorithm').oid('a hash algorithm');
  const hash = HASH_OIDS[oid];
  if (hash === undefined) throw refused(oid);
  return hash;
}

/** `digest`: of the signer's info, for identifiers that name the key only. Throws AlgorithmError, MalformedError. */
export function signatureAlgorithmOf(identifier: Der, digest: Hash | null): SignatureAlgorithm {
  const parts = identifier.sequence('a signature algorithm');
  const oid = part(parts, 0, 'a signature algorithm').oid('a signature algorithm');
  const [rsa, ecdsa] = [RSA_OIDS[oid], ECDSA_OIDS[oid]];
  if (rsa !== undefined) return { kind: 'rsa', hash: rsa, saltLength: 0 };
  if (ecdsa !== undefined) return { kind: 'ecdsa', hash: ecdsa, saltLength: 0 };
  if (oid === RSA_ENCRYPTION && digest !== null) return { kind: 'rsa', hash: digest, saltLength: 0 };
  if (oid === EC_PUBLIC_KEY && digest !== null) return { kind: 'ecdsa', hash: digest, saltLength: 0 };
  if (oid === RSASSA_PSS) return pssOf(part(parts, 1, 'what PSS is made with'));
  throw refused(oid);
}

/** RSASSA-PSS-params (RFC 4055, 3.1): what is not said is SHA-1. */
function pssOf(params: Der): SignatureAlgorithm {
  const said = new Map(
    params.sequence('PSS').map((one) => [[0, 1, 2, 3].find((tag) => one.is('context', tag)), one]),
  );
  const [hashPart, maskPart, saltPart] = [said.get(0), said.get(1), said.get(2)];
  if (hashPart === undefined || maskPart === undefined)
    throw new AlgorithmError('weak_algorithm', 'PSS with SHA-1');
  const hash = hashOf(part(hashPart.tagged(0, 'the hash of PSS'), 0, 'the hash of PSS'));
  const [mask, maskHash] = part(maskPart.tagged(1, 'the mask'), 0, 'the mask').sequence('the mask');
  if (mask?.oid('the mask') !== MGF1 || maskHash === undefined || hashOf(maskHash) !== hash) {
    throw new AlgorithmError('unsupported_algorithm', 'PSS whose mask is made with another hash');
  }
  const salt = saltPart === undefined ? null : part(saltPart.tagged(2, 'the salt'), 0, 'the salt');
  const saltBytes = salt?.primitive(TAG.integer, 'the length of the salt');
  if (saltBytes?.length === 0 || (saltBytes?.length ?? 0) > 2)
    throw new MalformedError('the length of the salt is wrong');
  return { kind: 'rsa-pss', hash, saltLength: saltBytes?.readUIntBE(0, saltBytes.length) ?? 20 };
}

function refused(oid: string): AlgorithmError {
  return new AlgorithmError(WEAK_OIDS.has(oid) ? 'weak_algorithm' : 'unsupported_algorithm', oid);
}

export const digestOf = (hash: Hash, bytes: Buffer): Buffer => createHash(hash).update(bytes).digest();

/** Throws AlgorithmError. */
export function assertStrongKey(key: KeyObject): void {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa' || key.asymmetricKeyType === 'rsa-pss') {
    if ((modulusLength ?? 0) >= RSA_BITS_MIN) return;
    throw new AlgorithmError('weak_algorithm', `an RSA key of ${modulusLength} bits`);
  }
  if (key.asymmetricKeyType === 'ec' && namedCurve !== undefined && CURVES.test(namedCurve)) return;
  throw new AlgorithmError('unsupported_algorithm', `a key of ${key.asymmetricKeyType} ${namedCurve ?? ''}`);
}

/** False also when the key is of another kind. Throws AlgorithmError for one that is too weak. */
export function isSignedBy(
  { kind, hash, saltLength }: SignatureAlgorithm,
  key: KeyObject,
  data: Buffer,
  signature: Buffer,
): boolean {
  assertStrongKey(key);
  const isRsa = key.asymmetricKeyType?.startsWith('rsa') === true;
  if (isRsa !== (kind !== 'ecdsa')) return false;
  const padding = kind === 'rsa-pss' ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
  const how = kind === 'ecdsa' ? { key } : { key, padding, ...(kind === 'rsa-pss' && { saltLength }) };
  try {
    return verify(hash, data, how, signature);
  } catch {
    // OpenSSL throws on a signature that cannot be one of this key.
    return false;
  }
}

/** Whether `issuer` signed it, by name and by signature. Throws AlgorithmError, MalformedError. */
export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate, algorithm: Der): boolean {
  if (!certificate.checkIssued(issuer)) return false;
  signatureAlgorithmOf(algorithm, null);
  assertStrongKey(issuer.publicKey);
  return certificate.verify(issuer.publicKey);
}
