/**
 * Seals what belongs to no one person, such as a message to somebody without an AuraID, by a key derived from the key
 * ring, and makes keyed digests for counting what shall not be readable. Nothing here is wrapped anew after a rotation:
 * what is sealed so lives for hours, and the key that sealed it is retired after that.
 */
import {
  CorruptEnvelopeError,
  openCommon,
  type Place,
  type RandomBytes,
  ringKeyIdOf,
  sealCommon,
} from './envelope.ts';
import { blindIndex, type KeyRingSource } from './key-ring.ts';

/** All throw `unavailable` (reason no_key_ring). */
export interface CommonVault {
  seal(place: Place, plain: Buffer): { readonly envelope: Buffer; readonly keyId: string };
  /** Throws CorruptEnvelopeError. */
  open(place: Place, envelope: Buffer): Buffer;
  /** Of the ring's current index key: after its rotation the same value has another digest. */
  digest(kind: string, value: string): Buffer;
}

export function createCommonVault(ring: KeyRingSource, randomBytes: RandomBytes): CommonVault {
  return {
    seal(place, plain) {
      const { current } = ring.current();
      return { envelope: sealCommon(current, place, plain, randomBytes), keyId: current.id };
    },
    open(place, envelope) {
      const id = ringKeyIdOf(envelope);
      const key = ring.current().keys.get(id) ?? ring.refresh().keys.get(id);
      if (key === undefined) throw new CorruptEnvelopeError(`the ring has no key ${id}`);
      return openCommon(key, place, envelope);
    },
    digest: (kind, value) => blindIndex(ring.current().indexCurrent, `common.${kind}`, value),
  };
}
