/**
 * The key ring: what wraps people's data keys, and what makes the digests by which an address is found. It lies in a
 * file that an operator changes while the service runs; each change adds a key, makes it current, and later takes an old
 * one away when nothing is left that it wrapped.
 */
import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { KEY_BYTES, type RingKey } from './envelope.ts';

const keyId = z.string().regex(/^[a-z0-9-]{1,32}$/, 'must be 1 to 32 of a–z, 0–9 and -');
const keyText = z
  .base64url()
  .refine(
    (text) => Buffer.from(text, 'base64url').length === KEY_BYTES,
    `must be ${KEY_BYTES} bytes, base64url`,
  );

const keyRingFileSchema = z
  .strictObject({
    version: z.literal(1),
    current: keyId,
    keys: z.array(z.strictObject({ id: keyId, key: keyText, createdAt: z.iso.datetime() })).min(1),
    indexCurrent: keyId,
    indexKeys: z.array(z.strictObject({ id: keyId, key: keyText })).min(1),
  })
  .refine((file) => file.keys.some((key) => key.id === file.current), 'current must be one of keys')
  .refine((file) => new Set(file.keys.map((key) => key.id)).size === file.keys.length, 'ids must differ')
  .refine(
    (file) => file.indexKeys.some((key) => key.id === file.indexCurrent),
    'indexCurrent must be one of indexKeys',
  )
  .refine(
    (file) => new Set(file.indexKeys.map((key) => key.id)).size === file.indexKeys.length,
    'ids of indexKeys must differ',
  );
export type KeyRingFile = z.output<typeof keyRingFileSchema>;

export interface KeyRing {
  readonly current: RingKey;
  readonly keys: ReadonlyMap<string, RingKey>;
  readonly indexCurrent: RingKey;
  readonly indexKeys: readonly RingKey[];
}

/** The key ring's file is missing, cannot be read or is none. Says where the fault lies, never with a key. */
export class KeyRingError extends Error {
  override readonly name = 'KeyRingError';
}

/** Throws KeyRingError with every fault of the file. */
export function parseKeyRingFile(text: string): KeyRingFile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // What JSON.parse says quotes the text, which may be a key.
    throw new KeyRingError('it is not JSON');
  }
  const parsed = keyRingFileSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`);
  throw new KeyRingError(faults.join('; '));
}

export function toKeyRing(file: KeyRingFile): KeyRing {
  const toKey = ({ id, key }: { id: string; key: string }): RingKey => ({
    id,
    key: Buffer.from(key, 'base64url'),
  });
  const keys = new Map(file.keys.map((key) => [key.id, toKey(key)]));
  const indexKeys = file.indexKeys.map(toKey);
  return {
    current: keys.get(file.current) as RingKey,
    keys,
    indexCurrent: indexKeys.find((key) => key.id === file.indexCurrent) as RingKey,
    indexKeys,
  };
}

/** Where the ring comes from. Throws `unavailable` (reason no_key_ring) where there is none. */
export interface KeyRingSource {
  current(): KeyRing;
  /** Looks again at once, for a key that is not among those known. */
  refresh(): KeyRing;
}

/** Digest by which a value is found without being readable (a keyed blind index). `normalForm` of an e-mail address or number. */
export function blindIndex(key: RingKey, kind: string, normalForm: string): Buffer {
  return createHmac('sha256', key.key).update(`${kind}\0${normalForm}`, 'utf8').digest();
}
