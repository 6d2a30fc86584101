/** Signed messages (CMS, RFC 5652) as travel documents use them: one signer, signed attributes, the certificate inside. */
import { type Certificate, parseCertificate } from './certificates.ts';
import { type Der, MalformedError, part, TAG } from './der.ts';
import {
  digestOf,
  type Hash,
  hashOf,
  isSignedBy,
  type SignatureAlgorithm,
  signatureAlgorithmOf,
} from './signature-algorithms.ts';

const SIGNED_DATA = '1.2.840.113549.1.7.2';
const CONTENT_TYPE = '1.2.840.113549.1.9.3';
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4';
const SIGNING_TIME = '1.2.840.113549.1.9.5';
/** Of SET, which the signature covers in place of the context tag (RFC 5652, 5.4). */
const SET_TAG = 0x31;

export interface SignedMessage {
  readonly contentType: string;
  readonly content: Buffer;
  readonly certificate: Certificate;
  readonly algorithm: SignatureAlgorithm;
  /** As the signer says; null when she does not. */
  readonly signedAt: Date | null;
  /** Of content and attributes, by the certificate's key. Throws AlgorithmError. */
  isSigned(): boolean;
}

/** Throws MalformedError, AlgorithmError. */
export function parseSignedMessage(message: Der): SignedMessage {
  const info = message.sequence('the signed message');
  if (part(info, 0, 'its type').oid('its type') !== SIGNED_DATA)
    throw new MalformedError('it is not signed data');
  const fields = part(part(info, 1, 'signed data').tagged(0, 'signed data'), 0, 'signed data').sequence(
    'signed data',
  );
  const [typePart, holder] = part(fields, 2, 'the content').sequence('the content');
  if (typePart === undefined || holder === undefined) throw new MalformedError('the content is missing');
  const content = part(holder.tagged(0, 'the content'), 0, 'the content').primitive(
    TAG.octets,
    'the content',
  );
  const certificates = fields.find((field, at) => at > 2 && field.is('context', 0));
  const signer = onlySigner(part(fields, fields.length - 1, 'the signers').set('the signers'));
  const contentType = typePart.oid('the type of the content');
  const certificate = certificateOf(signer.id, certificates?.parts ?? []);
  const { attributes, algorithm, hash, signature } = signer;
  return {
    ...{ contentType, content, certificate, algorithm, signedAt: attributes.signedAt },
    isSigned: () =>
      attributes.contentType === contentType &&
      attributes.digest.equals(digestOf(hash, content)) &&
      isSignedBy(algorithm, certificate.x509.publicKey, attributes.covered, signature),
  };
}

interface Signer {
  readonly id: Der;
  readonly hash: Hash;
  readonly algorithm: SignatureAlgorithm;
  readonly signature: Buffer;
  readonly attributes: Attributes;
}

/** A document is signed once (Doc 9303-10, 4.6.2.2). */
function onlySigner(signers: readonly Der[]): Signer {
  if (signers.length !== 1) throw new MalformedError(`it has ${signers.length} signers, and must have one`);
  const fields = part(signers, 0, 'the signer').sequence('the signer');
  const hash = hashOf(part(fields, 2, 'the hash algorithm'));
  return {
    id: part(fields, 1, 'the signer'),
    hash,
    attributes: attributesOf(part(fields, 3, 'signed attributes')),
    algorithm: signatureAlgorithmOf(part(fields, 4, 'the signature algorithm'), hash),
    signature: part(fields, 5, 'the signature').primitive(TAG.octets, 'the signature'),
  };
}

interface Attributes {
  readonly contentType: string;
  readonly digest: Buffer;
  readonly signedAt: Date | null;
  readonly covered: Buffer;
}

function attributesOf(holder: Der): Attributes {
  const values = new Map<string, Der>();
  for (const one of holder.tagged(0, 'signed attributes')) {
    const [type, value] = one.sequence('an attribute');
    if (type === undefined || value === undefined) throw new MalformedError('an attribute is empty');
    if (values.has(type.oid('an attribute'))) throw new MalformedError('an attribute stands there twice');
    values.set(type.oid('an attribute'), part(value.set('an attribute'), 0, 'an attribute'));
  }
  const [type, digest] = [values.get(CONTENT_TYPE), values.get(MESSAGE_DIGEST)];
  if (type === undefined || digest === undefined)
    throw new MalformedError('the signed attributes lack type or digest');
  const covered = holder.raw;
  covered[0] = SET_TAG;
  return {
    contentType: type.oid('the content type'),
    digest: digest.primitive(TAG.octets, 'the digest'),
    signedAt: values.get(SIGNING_TIME)?.time('the signing time') ?? null,
    covered,
  };
}

/** By issuer and serial number, or by key identifier. */
function certificateOf(id: Der, certificates: readonly Der[]): Certificate {
  const parsed = certificates.filter((one) => one.isSequence).map((one) => parseCertificate(one.raw));
  const found = parsed.find((one) => {
    if (id.is('context', 0)) return one.subjectKeyId?.equals(id.content) === true;
    const [issuer, serial] = id.sequence('the signer');
    return issuer?.raw.equals(one.issuer) === true && serial?.content.equals(one.serial) === true;
  });
  if (found === undefined) throw new MalformedError("the signer's certificate is not in it");
  return found;
}
