/** Certificates and revocation lists of travel documents (ICAO Doc 9303-12, 7): the facts that passive authentication asks for. */
import { X509Certificate } from 'node:crypto';
import { Der, MalformedError, part, TAG } from './der.ts';
import { isSignedBy, signatureAlgorithmOf } from './signature-algorithms.ts';

const COUNTRY = '2.5.4.6';
const KEY_USAGE = '2.5.29.15';
const DIGITAL_SIGNATURE_BIT = 0x80;
/** Of those who sign master lists; no signer of documents has it. */
export const MASTER_LIST_SIGNER = '2.23.136.1.1.3';

export interface Certificate {
  readonly x509: X509Certificate;
  /** Two letters, upper case; null when its subject names none. */
  readonly country: string | null;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly serial: Buffer;
  readonly issuer: Buffer;
  /** `nameText` of the issuer. */
  readonly issuerName: string;
  readonly subjectKeyId: Buffer | null;
  readonly maySign: boolean;
  readonly extendedUses: readonly string[];
  /** AlgorithmIdentifier of its own signature. */
  readonly algorithm: Der;
}

/** Throws MalformedError. */
export function parseCertificate(der: Buffer): Certificate {
  const whole = Der.parse(der).sequence('a certificate');
  const [first, ...others] = part(whole, 0, 'a certificate').sequence('a certificate');
  const fields = first?.is('context', 0) === true ? others : [...(first ? [first] : []), ...others];
  let x509: X509Certificate;
  try {
    x509 = new X509Certificate(der);
    // OpenSSL reads the key only when it is asked for.
    void x509.publicKey;
  } catch (error) {
    throw new MalformedError('a certificate cannot be read', { cause: error });
  }
  const validity = part(fields, 3, 'a validity').sequence('a validity');
  const extensions = extensionsOf(fields);
  const usage = extensions.get(KEY_USAGE);
  const keyId = extensions.get('2.5.29.14');
  return {
    x509,
    country: countryOf(part(fields, 4, 'a subject')),
    notBefore: part(validity, 0, 'a validity').time('a validity'),
    notAfter: part(validity, 1, 'a validity').time('a validity'),
    serial: part(fields, 0, 'a serial number').primitive(TAG.integer, 'a serial number'),
    issuer: part(fields, 2, 'an issuer').raw,
    issuerName: nameText(part(fields, 2, 'an issuer')),
    subjectKeyId: keyId === undefined ? null : Der.parse(keyId).primitive(TAG.octets, 'a key identifier'),
    maySign:
      usage === undefined ||
      ((Der.parse(usage).primitive(TAG.bits, 'a key usage')[1] ?? 0) & DIGITAL_SIGNATURE_BIT) > 0,
    extendedUses: x509.keyUsage ?? [],
    algorithm: part(whole, 1, 'a signature algorithm'),
  };
}

export const isValidAt = ({ notBefore, notAfter }: Certificate, at: Date): boolean =>
  notBefore <= at && at <= notAfter;

function extensionsOf(fields: readonly Der[]): ReadonlyMap<string, Buffer> {
  const holder = fields.find((field) => field.is('context', 3));
  if (holder === undefined) return new Map();
  const list = part(holder.parts, 0, 'extensions').sequence('extensions');
  return new Map(
    list.map((one) => {
      const parts = one.sequence('an extension');
      const value = part(parts, parts.length - 1, 'an extension').primitive(TAG.octets, 'an extension');
      return [part(parts, 0, 'an extension').oid('an extension'), value];
    }),
  );
}

function countryOf(name: Der): string | null {
  for (const relative of name.sequence('a name')) {
    for (const one of relative.set('a name')) {
      const [type, value] = one.sequence('a name');
      if (type?.oid('a name') === COUNTRY && value !== undefined) {
        return value.content.toString('latin1').toUpperCase();
      }
    }
  }
  return null;
}

/** A name as it is compared (RFC 5280, 7.1): whatever strings it is made of, without regard to case and blanks. */
function nameText(name: Der): string {
  const parts = name.sequence('a name').flatMap((relative) =>
    relative.set('a name').map((one) => {
      const [type, value] = one.sequence('a name');
      if (type === undefined || value === undefined) throw new MalformedError('a name is wrong');
      const text = value.content.toString('utf8').toLowerCase().replace(/\s+/g, ' ').trim();
      return [type.oid('a name'), text];
    }),
  );
  return JSON.stringify(parts);
}

export interface RevocationList {
  /** `nameText` of who made it. */
  readonly issuerName: string;
  readonly serials: ReadonlySet<string>;
  readonly nextUpdate: Date | null;
  /** Throws AlgorithmError. */
  isOf(issuer: X509Certificate): boolean;
}

/** CertificateList (RFC 5280, 5.1). Throws MalformedError, AlgorithmError. */
export function parseRevocationList(der: Buffer): RevocationList {
  const whole = Der.parse(der).sequence('a revocation list');
  const tbs = part(whole, 0, 'a revocation list');
  const algorithm = signatureAlgorithmOf(part(whole, 1, 'its algorithm'), null);
  const signature = part(whole, 2, 'its signature').primitive(TAG.bits, 'its signature').subarray(1);
  const fields = tbs.sequence('a revocation list');
  const isTime = (one: Der | undefined): boolean =>
    one !== undefined && (one.is('universal', TAG.utcTime) || one.is('universal', TAG.generalizedTime));
  const thisUpdate = fields.findIndex(isTime);
  if (thisUpdate === -1) throw new MalformedError('a revocation list does not say when it was made');
  const next = fields[thisUpdate + 1];
  const revoked = fields.slice(thisUpdate + 1).find((field) => field.isSequence);
  const serials = (revoked?.parts ?? []).map((entry) =>
    serialText(part(entry.sequence('an entry'), 0, 'an entry').primitive(TAG.integer, 'an entry')),
  );
  const issuer = fields[thisUpdate - 1];
  if (issuer === undefined) throw new MalformedError('a revocation list does not say who made it');
  return {
    issuerName: nameText(issuer),
    serials: new Set(serials),
    nextUpdate: next !== undefined && isTime(next) ? next.time('its next update') : null,
    isOf: (issuer) => isSignedBy(algorithm, issuer.publicKey, tbs.raw, signature),
  };
}

export const serialText = (serial: Buffer): string => serial.toString('hex').replace(/^(?:00)+(?=.)/, '');
