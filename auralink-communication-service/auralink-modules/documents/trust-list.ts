/**
 * Whose signatures count: the operator's list of country signing certificates (CSCA) and their revocation lists, from
 * PEM and DER files or an ICAO master list (Doc 9303-12, 9). What cannot be read is named; the rest counts.
 */
import type { KeyObject } from 'node:crypto';
import {
  type Certificate,
  isValidAt,
  MASTER_LIST_SIGNER,
  parseCertificate,
  parseRevocationList,
  type RevocationList,
} from './certificates.ts';
import { parseSignedMessage } from './cms.ts';
import { Der, MalformedError, part } from './der.ts';
import { AlgorithmError, isIssuedBy } from './signature-algorithms.ts';

const MASTER_LIST = '2.23.136.1.1.2';

export interface TrustList {
  readonly authorities: readonly Certificate[];
  /** With the key that each is signed with: the authority's own, under whatever name. */
  readonly revocations: readonly { readonly key: KeyObject; readonly list: RevocationList }[];
}

export interface TrustFile {
  readonly name: string;
  readonly bytes: Buffer;
}

/** `faults`: one sentence for each thing that does not count. */
export function readTrustList(
  files: readonly TrustFile[],
  now: Date,
): { trust: TrustList; faults: string[] } {
  const faults: string[] = [];
  const authorities = new Map<string, Certificate>();
  const lists: { name: string; list: RevocationList }[] = [];
  for (const { name, bytes } of files) {
    try {
      for (const found of thingsIn(bytes, now)) {
        if ('serials' in found) lists.push({ name, list: found });
        else if (found.x509.ca) authorities.set(found.x509.fingerprint256, found);
        else faults.push(`${name}: ${found.x509.subject.replaceAll('\n', ', ')} is no authority`);
      }
    } catch (error) {
      if (!(error instanceof MalformedError || error instanceof AlgorithmError)) throw error;
      faults.push(`${name}: ${error.message}`);
    }
  }
  const revocations = lists.flatMap(({ name, list }) => {
    const authority = [...authorities.values()].find((one) => isListOf(list, one));
    if (authority !== undefined) return [{ key: authority.x509.publicKey, list }];
    faults.push(`${name}: none of the authorities signed this revocation list`);
    return [];
  });
  return { trust: { authorities: [...authorities.values()], revocations }, faults };
}

function isListOf(list: RevocationList, { x509 }: Certificate): boolean {
  try {
    return list.isOf(x509);
  } catch (error) {
    if (error instanceof AlgorithmError) return false;
    throw error;
  }
}

function thingsIn(bytes: Buffer, now: Date): (Certificate | RevocationList)[] {
  const blocks = [
    ...bytes
      .toString('latin1')
      .matchAll(/-----BEGIN (CERTIFICATE|X509 CRL)-----([A-Za-z0-9+/=\s]+)-----END \1-----/g),
  ];
  if (blocks.length === 0) return thingsInDer(bytes, now);
  return blocks.map(([, kind, body = '']) => {
    const der = Buffer.from(body, 'base64');
    return kind === 'CERTIFICATE' ? parseCertificate(der) : parseRevocationList(der);
  });
}

/** A certificate and a list begin alike: the first field of the first tells them apart from a signed message. */
function thingsInDer(bytes: Buffer, now: Date): (Certificate | RevocationList)[] {
  const message = Der.parse(bytes);
  const parts = message.sequence('the file');
  const first = part(parts, 0, 'the file');
  if (!first.isSequence) return masterListOf(message, now);
  // Its third field is the time of a list, the fourth of a certificate is a pair of times.
  const fields = first.sequence('the file');
  const at = fields[0]?.is('context', 0) === true ? 4 : 3;
  return [
    fields[at]?.isSequence === true && fields.length > at + 1 && fields[at + 1]?.isSequence === true
      ? parseCertificate(bytes)
      : parseRevocationList(bytes),
  ];
}

/** CscaMasterList; its signer's certificate must be issued by one of the authorities in it. */
function masterListOf(message: Der, now: Date): Certificate[] {
  const signed = parseSignedMessage(message);
  if (signed.contentType !== MASTER_LIST) throw new MalformedError('it is no master list');
  const list = part(Der.parse(signed.content).sequence('the list'), 1, 'the list').set('the list');
  const authorities = list.map((one) => parseCertificate(one.raw));
  const { certificate } = signed;
  if (
    !signed.isSigned() ||
    !certificate.extendedUses.includes(MASTER_LIST_SIGNER) ||
    !isValidAt(certificate, now) ||
    !authorities.some((one) => isIssuedBy(certificate.x509, one.x509, certificate.algorithm))
  ) {
    throw new MalformedError('the signature of the master list does not hold');
  }
  return authorities;
}
