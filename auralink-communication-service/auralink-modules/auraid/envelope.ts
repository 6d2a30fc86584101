/**
 * AES-256-GCM envelopes (NIST SP 800-38D). Each is bound to its place (table, column, row), so that a ciphertext moved
 * elsewhere does not open, and names its key. Three kinds: a person's values under her data key, her data key under the
 * key ring, and what belongs to no one person under a key derived from the ring's. Nonces are random: 96 bits, and one data key seals far fewer than 2^32 values.
 *
 * A value: 0x01 ‖ data key id (16) ‖ nonce (12) ‖ ciphertext ‖ tag (16).
 * A data key: 0x01 ‖ length of the ring key's id (1) ‖ that id ‖ nonce (12) ‖ ciphertext (32) ‖ tag (16).
 * A value of no one person: the same, its ciphertext as long as the value.
 */
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { AuraError } from '../../core/errors.ts';

/** Where a value lies; another place, and it does not open. */
export interface Place {
  readonly table: string;
  readonly column: string;
  readonly row: string;
}

/** Where the envelope of a personal field stands. */
export const fieldPlace = (fieldId: string): Place => ({
  table: 'personal_fields',
  column: 'envelope',
  row: fieldId,
});

export type RandomBytes = (size: number) => Buffer;

const VERSION = 1;
const CIPHER = 'aes-256-gcm';
/** Length of every key: AES-256 and HMAC-SHA-256. */
export const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const UUID_BYTES = 16;
const LENGTH_BYTES = 4;
/** Plain texts are filled up to multiples of this, so that sizes tell little. */
export const PADDED_TO_BYTES = 32;

/**
 * What was stored is not what was sealed here, or its key is gone: no fault of who asks, and never told with its content.
 * `unavailable` (reason unreadable_data): the operator may bring back the row or the ring's key.
 */
export class CorruptEnvelopeError extends AuraError {
  override readonly name = 'CorruptEnvelopeError';
  constructor(why: string) {
    super('unavailable', `A stored value cannot be opened: ${why}.`, { reason: 'unreadable_data' });
  }
}

function aadOf(kind: 'wrap' | 'field' | 'common', parts: readonly string[]): Buffer {
  return Buffer.from(['auralink', kind, ...parts].join('\0'), 'utf8');
}

function encrypt(key: Buffer, aad: Buffer, plain: Buffer, randomBytes: RandomBytes): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(aad);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Buffer, aad: Buffer, sealed: Buffer): Buffer {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) throw new CorruptEnvelopeError('it is too short');
  const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  const body = sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES);
  try {
    return Buffer.concat([decipher.update(body), decipher.final()]);
  } catch {
    throw new CorruptEnvelopeError('it was altered or does not belong here');
  }
}

const uuidToBytes = (id: string): Buffer => Buffer.from(id.replaceAll('-', ''), 'hex');

function uuidFromBytes(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

function padded(plain: Buffer): Buffer {
  const size = Math.ceil((LENGTH_BYTES + plain.length) / PADDED_TO_BYTES) * PADDED_TO_BYTES;
  const out = Buffer.alloc(size);
  out.writeUInt32BE(plain.length);
  plain.copy(out, LENGTH_BYTES);
  return out;
}

function unpadded(filled: Buffer): Buffer {
  if (filled.length < LENGTH_BYTES) throw new CorruptEnvelopeError('it is too short');
  const length = filled.readUInt32BE();
  if (length > filled.length - LENGTH_BYTES) throw new CorruptEnvelopeError('its length is wrong');
  return filled.subarray(LENGTH_BYTES, LENGTH_BYTES + length);
}

export interface DataKey {
  /** UUID. */
  readonly id: string;
  readonly key: Buffer;
}

export function sealValue(dataKey: DataKey, place: Place, plain: Buffer, randomBytes: RandomBytes): Buffer {
  const aad = aadOf('field', [place.table, place.column, place.row, dataKey.id]);
  const sealed = encrypt(dataKey.key, aad, padded(plain), randomBytes);
  return Buffer.concat([Buffer.of(VERSION), uuidToBytes(dataKey.id), sealed]);
}

/** The data key that an envelope names. Throws CorruptEnvelopeError. */
export function dataKeyIdOf(envelope: Buffer): string {
  if (envelope.length < 1 + UUID_BYTES) throw new CorruptEnvelopeError('it is too short');
  if (envelope[0] !== VERSION) throw new CorruptEnvelopeError('its version is unknown');
  return uuidFromBytes(envelope.subarray(1, 1 + UUID_BYTES));
}

/** Throws CorruptEnvelopeError. */
export function openValue(dataKey: DataKey, place: Place, envelope: Buffer): Buffer {
  if (dataKeyIdOf(envelope) !== dataKey.id) throw new CorruptEnvelopeError('another key sealed it');
  const aad = aadOf('field', [place.table, place.column, place.row, dataKey.id]);
  return unpadded(decrypt(dataKey.key, aad, envelope.subarray(1 + UUID_BYTES)));
}

export interface RingKey {
  readonly id: string;
  readonly key: Buffer;
}

export function wrapKey(ring: RingKey, personId: string, dataKey: DataKey, randomBytes: RandomBytes): Buffer {
  const aad = aadOf('wrap', [personId, dataKey.id]);
  const id = Buffer.from(ring.id, 'ascii');
  const sealed = encrypt(ring.key, aad, dataKey.key, randomBytes);
  return Buffer.concat([Buffer.of(VERSION, id.length), id, sealed]);
}

/** The ring's key that wrapped this data key. Throws CorruptEnvelopeError. */
export function ringKeyIdOf(wrapped: Buffer): string {
  if (wrapped.length < 2) throw new CorruptEnvelopeError('it is too short');
  if (wrapped[0] !== VERSION) throw new CorruptEnvelopeError('its version is unknown');
  return wrapped.subarray(2, 2 + (wrapped[1] ?? 0)).toString('ascii');
}

/** Throws CorruptEnvelopeError. */
export function unwrapKey(ring: RingKey, personId: string, dataKeyId: string, wrapped: Buffer): DataKey {
  const sealed = wrapped.subarray(2 + (wrapped[1] ?? 0));
  return { id: dataKeyId, key: decrypt(ring.key, aadOf('wrap', [personId, dataKeyId]), sealed) };
}

/** One for each ring key, and for nothing else (RFC 5869). */
function commonKeyOf(ring: RingKey): Buffer {
  return Buffer.from(hkdfSync('sha256', ring.key, '', 'auralink values of no one person', KEY_BYTES));
}

const commonAad = (ring: RingKey, place: Place): Buffer =>
  aadOf('common', [place.table, place.column, place.row, ring.id]);

/** Envelope of a value that belongs to no one person. */
export function sealCommon(ring: RingKey, place: Place, plain: Buffer, randomBytes: RandomBytes): Buffer {
  const id = Buffer.from(ring.id, 'ascii');
  const sealed = encrypt(commonKeyOf(ring), commonAad(ring, place), padded(plain), randomBytes);
  return Buffer.concat([Buffer.of(VERSION, id.length), id, sealed]);
}

/** `ring` is the key that ringKeyIdOf names. Throws CorruptEnvelopeError. */
export function openCommon(ring: RingKey, place: Place, envelope: Buffer): Buffer {
  const sealed = envelope.subarray(2 + (envelope[1] ?? 0));
  return unpadded(decrypt(commonKeyOf(ring), commonAad(ring, place), sealed));
}
