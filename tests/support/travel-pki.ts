/**
 * Countries, document signers and chips of the tests' own: certificates, revocation lists, master lists and security
 * objects, written byte by byte from the specifications (X.690, RFC 5280, RFC 5652, Doc 9303) and signed by node:crypto.
 */
import { constants, createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export function tlv(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const bytes =
    body.length < 0x80
      ? []
      : [
          ...Buffer.from(
            body.length.toString(16).padStart(2 * Math.ceil(body.length.toString(16).length / 2), '0'),
            'hex',
          ),
        ];
  const tags = tag > 0xff ? [tag >> 8, tag & 0xff] : [tag];
  const length = bytes.length === 0 ? [body.length] : [0x80 | bytes.length, ...bytes];
  return Buffer.concat([Buffer.from([...tags, ...length]), body]);
}
export const seq = (...parts: readonly Uint8Array[]): Buffer => tlv(0x30, ...parts);
const setOf = (...parts: readonly Uint8Array[]): Buffer => tlv(0x31, ...parts);
const octets = (bytes: Uint8Array): Buffer => tlv(4, bytes);
const bits = (bytes: Uint8Array): Buffer => tlv(3, Buffer.of(0), bytes);
const int = (value: number): Buffer => {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return tlv(2, (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes);
};
export function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const base128 = (value: number): number[] =>
    value < 128 ? [value] : [...base128(Math.floor(value / 128)).map((byte) => byte | 0x80), value % 128];
  return tlv(6, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
}
const time = (at: Date): Buffer => tlv(24, Buffer.from(`${at.toISOString().replace(/[-:T]|\.\d+/g, '')}`));
const NULL = Buffer.of(5, 0);

export type TestHash = 'md5' | 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512';
const HASH_OIDS: Record<TestHash, string> = {
  md5: '1.2.840.113549.2.5',
  sha1: '1.3.14.3.2.26',
  sha224: '2.16.840.1.101.3.4.2.4',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
};
const hashId = (hash: TestHash): Buffer => seq(oid(HASH_OIDS[hash]), NULL);
const RSA: Record<TestHash, number> = { md5: 4, sha1: 5, sha256: 11, sha384: 12, sha512: 13, sha224: 14 };
const ECDSA: Record<TestHash, string> = {
  md5: '0',
  sha1: '1',
  sha224: '3.1',
  sha256: '3.2',
  sha384: '3.3',
  sha512: '3.4',
};

export interface How {
  readonly kind: 'rsa' | 'rsa-pss' | 'ecdsa';
  readonly hash: TestHash;
}

function identifier({ kind, hash }: How): Buffer {
  if (kind === 'rsa') return seq(oid(`1.2.840.113549.1.1.${RSA[hash]}`), NULL);
  if (kind === 'ecdsa') return seq(oid(`1.2.840.10045.4.${ECDSA[hash]}`));
  const mask = seq(oid('1.2.840.113549.1.1.8'), hashId(hash));
  return seq(oid('1.2.840.113549.1.1.10'), seq(tlv(0xa0, hashId(hash)), tlv(0xa1, mask), tlv(0xa2, int(32))));
}

function signed(how: How, key: KeyObject, data: Buffer): Buffer {
  if (how.kind === 'ecdsa') return sign(how.hash, data, key);
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  return sign(how.hash, data, how.kind === 'rsa' ? key : { key, ...pss });
}

export interface Keys {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}
export const rsaKeys = (modulusLength = 2_048): Keys => generateKeyPairSync('rsa', { modulusLength });
export const ecKeys = (namedCurve = 'prime256v1', paramEncoding: 'named' | 'explicit' = 'named'): Keys =>
  generateKeyPairSync('ec', { namedCurve, paramEncoding });

const nameOf = (country: string, common: string): Buffer =>
  seq(
    setOf(seq(oid('2.5.4.6'), tlv(19, Buffer.from(country)))),
    setOf(seq(oid('2.5.4.3'), tlv(12, Buffer.from(common)))),
  );

export interface Authority {
  readonly country: string;
  readonly name: Buffer;
  readonly keys: Keys;
  readonly how: How;
  readonly der: Buffer;
}
export interface CertificateOptions {
  readonly country?: string;
  readonly common?: string;
  readonly keys?: Keys;
  readonly how?: How;
  readonly from?: Date;
  readonly until?: Date;
  readonly serial?: number;
  readonly ca?: boolean;
  /** First byte of keyUsage. */
  readonly usage?: number;
  readonly extendedUse?: string;
}

const FROM = new Date('2024-01-01T00:00:00Z');
const UNTIL = new Date('2036-01-01T00:00:00Z');
const ECDSA_256: How = { kind: 'ecdsa', hash: 'sha256' };

function certificate(
  options: CertificateOptions,
  keys: Keys,
  issuer: { name: Buffer; keys: Keys; how: How },
): Buffer {
  const { country = 'UT', common = 'Signer', serial = 7, from = FROM, until = UNTIL, ca = false } = options;
  const extension = (id: string, value: Buffer): Buffer => seq(oid(id), Buffer.of(1, 1, 0xff), octets(value));
  const extensions = [
    extension('2.5.29.15', tlv(3, Buffer.of(0, options.usage ?? (ca ? 0x06 : 0x80)))),
    extension('2.5.29.19', ca ? seq(Buffer.of(1, 1, 0xff)) : seq()),
    ...(options.extendedUse === undefined ? [] : [extension('2.5.29.37', seq(oid(options.extendedUse)))]),
  ];
  const tbs = seq(
    tlv(0xa0, int(2)),
    int(serial),
    identifier(issuer.how),
    issuer.name,
    seq(time(from), time(until)),
    nameOf(country, common),
    keys.publicKey.export({ format: 'der', type: 'spki' }),
    tlv(0xa3, seq(...extensions)),
  );
  return seq(tbs, identifier(issuer.how), bits(signed(issuer.how, issuer.keys.privateKey, tbs)));
}

/** A country's own, signed by itself. */
export function authority(options: CertificateOptions = {}): Authority {
  const { country = 'UT', common = 'CSCA', keys = ecKeys(), how = ECDSA_256 } = options;
  const own = { name: nameOf(country, common), keys, how };
  const der = certificate({ ...options, country, common, serial: options.serial ?? 1, ca: true }, keys, own);
  return { ...own, country, der };
}

export interface Signer {
  readonly der: Buffer;
  readonly keys: Keys;
  readonly how: How;
  readonly serial: number;
  readonly issuer: Authority;
}

export function signer(issuer: Authority, options: CertificateOptions = {}): Signer {
  const { keys = ecKeys(), how = ECDSA_256, serial = 7, country = issuer.country } = options;
  return { der: certificate({ ...options, country, serial }, keys, issuer), keys, how, serial, issuer };
}

export function revocationList(issuer: Authority, serials: readonly number[], nextUpdate = UNTIL): Buffer {
  const entries = serials.map((serial) => seq(int(serial), time(FROM)));
  const list = entries.length === 0 ? [] : [seq(...entries)];
  const tbs = seq(int(1), identifier(issuer.how), issuer.name, time(FROM), time(nextUpdate), ...list);
  return seq(tbs, identifier(issuer.how), bits(signed(issuer.how, issuer.keys.privateKey, tbs)));
}

export function signedMessage(
  type: string,
  content: Buffer,
  by: Signer,
  options: { hash?: TestHash; signedAt?: Date } = {},
): Buffer {
  const { hash = 'sha256', signedAt } = options;
  const attribute = (id: string, value: Buffer): Buffer => seq(oid(id), setOf(value));
  const attributes = [
    attribute('1.2.840.113549.1.9.3', oid(type)),
    attribute('1.2.840.113549.1.9.4', octets(createHash(hash).update(content).digest())),
    ...(signedAt === undefined ? [] : [attribute('1.2.840.113549.1.9.5', time(signedAt))]),
  ];
  const info = seq(
    int(1),
    seq(by.issuer.name, int(by.serial)),
    hashId(hash),
    tlv(0xa0, ...attributes),
    identifier(by.how),
    octets(signed(by.how, by.keys.privateKey, setOf(...attributes))),
  );
  const data = seq(
    int(3),
    setOf(hashId(hash)),
    seq(oid(type), tlv(0xa0, octets(content))),
    tlv(0xa0, by.der),
    setOf(info),
  );
  return seq(oid('1.2.840.113549.1.7.2'), tlv(0xa0, data));
}

export const dg1 = (lines: readonly string[]): Buffer => tlv(0x61, tlv(0x5f1f, Buffer.from(lines.join(''))));
/** A portrait, as far as anybody here looks at it. */
export const dg2 = (bytes = Buffer.from('a portrait')): Buffer => tlv(0x75, bytes);

export function securityObject(groups: Readonly<Record<number, Buffer>>, hash: TestHash = 'sha256'): Buffer {
  const digests = Object.entries(groups).map(([number, bytes]) =>
    seq(int(Number(number)), octets(createHash(hash).update(bytes).digest())),
  );
  return seq(int(0), hashId(hash), seq(...digests));
}

export interface ChipOptions {
  readonly hash?: TestHash;
  readonly signedAt?: Date;
}

/** EF.SOD over these data groups. */
export const sod = (
  groups: Readonly<Record<number, Buffer>>,
  by: Signer,
  options: ChipOptions = {},
): Buffer => tlv(0x77, signedMessage('2.23.136.1.1.1', securityObject(groups, options.hash), by, options));

export function masterList(by: Signer, authorities: readonly Authority[]): Buffer {
  const list = seq(int(0), setOf(...authorities.map((one) => one.der)));
  return signedMessage('2.23.136.1.1.2', list, by);
}

export const pem = (kind: 'CERTIFICATE' | 'X509 CRL', der: Buffer): Buffer =>
  Buffer.from(
    `-----BEGIN ${kind}-----\n${der.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END ${kind}-----\n`,
  );
