/**
 * Passive authentication of a chip (ICAO Doc 9303-11, 5.1): its security object is signed by a document signer, whom a
 * country's authority on the operator's list appointed, and the data groups are those that were signed. This proves that
 * a state wrote these data; not that they were read from a genuine chip, nor who holds it.
 */
import { iso31661Alpha3ToAlpha2 } from 'iso-3166';
import { type Certificate, isValidAt, serialText } from './certificates.ts';
import { parseSignedMessage, type SignedMessage } from './cms.ts';
import { Der, MalformedError, part, TAG } from './der.ts';
import { SPECIMEN_STATE } from './mrz.ts';
import { AlgorithmError, digestOf, type Hash, hashOf, isIssuedBy } from './signature-algorithms.ts';
import type { TrustList } from './trust-list.ts';

const SECURITY_OBJECT = '2.23.136.1.1.1';
/** First bytes of EF.COM, EF.SOD, and EF.DG1 to EF.DG16 (Doc 9303-10, 4.7). */
const COMMON = 0x60;
const SOD = 0x77;
const GROUPS = [97, 117, 99, 118, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112];
const MRZ_TAG = 31;
/** Values in one file of a chip. */
export const CHIP_NODES_MAX = 5_000;
/** What ICAO's codes of states are in certificates, where they are no three letters of ISO 3166. */
const OTHER_COUNTRIES: Readonly<Record<string, string>> = {
  D: 'DE',
  EUE: 'EU',
  GBD: 'GB',
  GBN: 'GB',
  GBO: 'GB',
  GBP: 'GB',
  GBS: 'GB',
  RKS: 'KS',
  UNA: 'UN',
  UNK: 'UN',
  UNO: 'UN',
  XOM: 'XO',
  [SPECIMEN_STATE]: 'UT',
};

export const CHIP_REFUSALS = {
  missing_sod: 'EF.SOD is not among the files: it holds the signature.',
  missing_dg1: 'EF.DG1 is not among the files: it holds the machine readable zone.',
  malformed: 'A file is not what a chip holds.',
  weak_algorithm: 'It is signed with a hash or a key that can be forged by now.',
  unsupported_algorithm: 'It is signed in a way that is not known here.',
  signature_invalid: 'The signature does not fit what is signed.',
  not_a_signer: 'The certificate inside may not sign documents.',
  unknown_authority: 'No authority on this server’s list appointed the signer.',
  wrong_country: 'Signer, authority and document are of different countries.',
  certificate_expired: 'A certificate was not valid when it signed, or is not any more.',
  certificate_revoked: 'The country took the signer’s certificate back.',
  data_group_altered: 'A data group is not the one that was signed.',
  mrz_differs: 'The chip holds another machine readable zone than the lines that were typed.',
} as const;
export type ChipRefusal = keyof typeof CHIP_REFUSALS;

/** What was checked, without anything about the holder. */
export interface ChipEvidence {
  readonly country: string;
  readonly hash: Hash;
  readonly signature: string;
  readonly signerSerial: string;
  /** `checked` against a list that is in force; `stale`: it is overdue; `no_list`: the operator has none. */
  readonly revocation: 'checked' | 'stale' | 'no_list';
  readonly dataGroups: number;
}

export type ChipJudgement =
  | { readonly refusal: ChipRefusal; readonly why: string }
  | { readonly refusal: null; readonly evidence: ChipEvidence };

class Refused extends Error {
  readonly refusal: ChipRefusal;
  constructor(refusal: ChipRefusal, why = '') {
    super(why);
    this.refusal = refusal;
  }
}

export interface ChipDeps {
  readonly trust: TrustList;
  readonly now: Date;
  /** Normal form of the lines that she typed, and who issued the document by them. */
  readonly lines: readonly string[];
  readonly issuingState: string;
}

/** `files`: EF.SOD and data groups in any order, as they lie on the chip. */
export function authenticateChip(files: readonly Buffer[], deps: ChipDeps): ChipJudgement {
  try {
    return { refusal: null, evidence: authenticate(files, deps) };
  } catch (error) {
    if (error instanceof Refused) return { refusal: error.refusal, why: error.message };
    if (error instanceof MalformedError) return { refusal: 'malformed', why: error.message };
    if (error instanceof AlgorithmError) return { refusal: error.reason, why: error.message };
    throw error;
  }
}

function authenticate(files: readonly Buffer[], deps: ChipDeps): ChipEvidence {
  const { message, groups } = sorted(files);
  const first = groups.get(1);
  if (first === undefined) throw new Refused('missing_dg1');
  const signed = parseSignedMessage(part(message.parts, 0, 'EF.SOD'));
  if (signed.contentType !== SECURITY_OBJECT) throw new MalformedError('EF.SOD holds no security object');
  const { hash, digests } = securityObjectOf(signed.content);
  if (!signed.isSigned()) throw new Refused('signature_invalid');
  const authority = assertAppointed(signed, deps);
  const country = assertCountry(signed.certificate, authority, deps.issuingState);
  assertValid(signed, authority, deps.now);
  const revocation = assertNotRevoked(signed.certificate, authority, deps);
  for (const [number, bytes] of groups) {
    if (digests.get(number)?.equals(digestOf(hash, bytes)) !== true) {
      throw new Refused('data_group_altered', `DG${number}`);
    }
  }
  if (zoneOf(first) !== deps.lines.join('')) throw new Refused('mrz_differs');
  return {
    ...{ country, hash, revocation, dataGroups: groups.size },
    signature: signed.algorithm.kind,
    signerSerial: serialText(signed.certificate.serial),
  };
}

/** By their tags, whatever they are called. Data groups are hashed as they are; what is in a portrait is not read. */
function sorted(files: readonly Buffer[]): { message: Der; groups: ReadonlyMap<number, Buffer> } {
  let message: Der | null = null;
  const groups = new Map<number, Buffer>();
  for (const bytes of files) {
    if (!isOfChip(bytes)) throw new MalformedError('a file is no data group');
    const number = GROUPS.indexOf(bytes[0] ?? 0) + 1;
    if (bytes[0] === SOD) {
      if (message !== null) throw new MalformedError('EF.SOD is there twice');
      message = Der.parse(bytes, CHIP_NODES_MAX);
    } else if (number > 0) {
      if (groups.has(number)) throw new MalformedError(`EF.DG${number} is there twice`);
      groups.set(number, bytes);
    }
  }
  if (message === null) throw new Refused('missing_sod');
  return { message, groups };
}

/** Whether a file can be one of a chip, by its first byte and its length: anything else is a reader app's own. */
export function isOfChip(bytes: Buffer): boolean {
  const [tag = 0, first = 0] = bytes;
  if (![COMMON, SOD, ...GROUPS].includes(tag)) return false;
  if (first < 0x80) return bytes.length === 2 + first;
  const size = first - 0x80;
  return (
    size >= 1 && size <= 4 && bytes.length > 2 + size && bytes.length === 2 + size + bytes.readUIntBE(2, size)
  );
}

/** LDSSecurityObject (Doc 9303-10, 4.6.2.3). */
function securityObjectOf(content: Buffer): { hash: Hash; digests: ReadonlyMap<number, Buffer> } {
  const fields = Der.parse(content, CHIP_NODES_MAX).sequence('the security object');
  const hash = hashOf(part(fields, 1, 'the hash algorithm'));
  const digests = new Map<number, Buffer>();
  for (const entry of part(fields, 2, 'the digests').sequence('the digests')) {
    const [number, digest] = entry.sequence('a digest');
    const bytes = number?.primitive(TAG.integer, 'a number');
    if (bytes?.length !== 1 || bytes[0] === undefined || digest === undefined || digests.has(bytes[0])) {
      throw new MalformedError('a digest is wrong');
    }
    digests.set(bytes[0], digest.primitive(TAG.octets, 'a digest'));
  }
  return { hash, digests };
}

/** Of an authority that was renewed with the same key, the certificate that is valid. */
function assertAppointed({ certificate, signedAt }: SignedMessage, { trust, now }: ChipDeps): Certificate {
  // Authorities and signers of master lists share the chain, and may not sign documents.
  if (certificate.x509.ca || !certificate.maySign || certificate.extendedUses.length > 0)
    throw new Refused('not_a_signer');
  const appointing = appointersOf(certificate, trust);
  const isValid = (one: Certificate): boolean =>
    isValidAt(one, now) && (signedAt === null || isValidAt(one, signedAt));
  const authority = appointing.find(isValid) ?? appointing[0];
  if (authority === undefined) throw new Refused('unknown_authority');
  return authority;
}

/** Throws AlgorithmError when nobody appointed her but by a key or a hash that does not count. */
function appointersOf({ x509, algorithm }: Certificate, trust: TrustList): Certificate[] {
  let unusable: unknown = null;
  const found = trust.authorities.filter((one) => {
    try {
      return isIssuedBy(x509, one.x509, algorithm);
    } catch (error) {
      if (!(error instanceof AlgorithmError)) throw error;
      unusable = error;
      return false;
    }
  });
  if (found.length === 0 && unusable !== null) throw unusable;
  return found;
}

/** Doc 9303-12, 7.1: the countries of signer and authority are the same, and are the document's. */
function assertCountry(signer: Certificate, authority: Certificate, issuingState: string): string {
  const expected = OTHER_COUNTRIES[issuingState] ?? iso31661Alpha3ToAlpha2[issuingState];
  if (expected === undefined || signer.country !== expected || authority.country !== expected) {
    throw new Refused('wrong_country', `${issuingState}, ${signer.country}, ${authority.country}`);
  }
  return expected;
}

function assertValid({ certificate, signedAt }: SignedMessage, authority: Certificate, now: Date): void {
  if (!isValidAt(certificate, now) || !isValidAt(authority, now))
    throw new Refused('certificate_expired', 'now');
  if (signedAt !== null && (!isValidAt(certificate, signedAt) || !isValidAt(authority, signedAt))) {
    throw new Refused('certificate_expired', 'when it signed');
  }
}

/**
 * The lists of whoever has the authority's name, or its key: one that changes its key goes on to list whom it appointed
 * with the one before (Doc 9303-12, 7.1.4), and one that changes its name has its key still.
 */
function assertNotRevoked(
  signer: Certificate,
  authority: Certificate,
  { trust, now }: ChipDeps,
): ChipEvidence['revocation'] {
  const { publicKey } = authority.x509;
  const lists = trust.revocations
    .filter(({ key, list }) => list.issuerName === signer.issuerName || key.equals(publicKey))
    .map(({ list }) => list);
  if (lists.some((list) => list.serials.has(serialText(signer.serial))))
    throw new Refused('certificate_revoked');
  if (lists.length === 0) return 'no_list';
  return lists.some(({ nextUpdate }) => nextUpdate !== null && nextUpdate >= now) ? 'checked' : 'stale';
}

/** The characters of EF.DG1 (Doc 9303-10, 4.7.1). */
function zoneOf(bytes: Buffer): string {
  const zone = Der.parse(bytes, CHIP_NODES_MAX).parts.find((one) => one.is('application', MRZ_TAG));
  if (zone === undefined) throw new MalformedError('EF.DG1 holds no machine readable zone');
  return zone.content.toString('latin1');
}
