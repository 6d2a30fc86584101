/**
 * Keyed blind indexes: by the digest of an e-mail address or number in normal form a field is found without being
 * readable. The digest is made with the ring's current index key; while that is being replaced, looking up tries all, and
 * what older keys made is made anew from the opened values.
 */
import type { PersonId } from '../../core/ids.ts';
import { findOpened, type Vault } from './data-keys.ts';
import type { Place } from './envelope.ts';
import { blindIndex, type KeyRingSource } from './key-ring.ts';

/** Fields whose digests are read at a time when they are made anew. */
export const REINDEX_BATCH = 500;

export type FoundBy = 'email' | 'phone';
/** What digests are made of: nobody is found by a document, but whose it is is told by it. */
export type IndexedKind = FoundBy | 'document';

export interface IndexedBy {
  readonly digest: Buffer;
  readonly indexKeyId: string;
}

/** Trimmed, NFC and lower-case; a number without what people write between its digits (E.164 is left). */
export function normalForm(kind: IndexedKind, value: string): string {
  const text = value.normalize('NFC').trim();
  if (kind === 'document') return text;
  return kind === 'email' ? text.toLowerCase() : text.replace(/[\s().-]/g, '');
}

export interface BlindIndexer {
  /** Throws `unavailable` (reason no_key_ring), as do the others. */
  current(kind: IndexedKind, value: string): IndexedBy;
  /** One digest for each index key that the ring has. */
  all(kind: IndexedKind, value: string): Buffer[];
  currentKeyId(): string;
}

export function createBlindIndexer(ring: KeyRingSource): BlindIndexer {
  return {
    current(kind, value) {
      const { indexCurrent } = ring.current();
      return {
        digest: blindIndex(indexCurrent, kind, normalForm(kind, value)),
        indexKeyId: indexCurrent.id,
      };
    },
    all: (kind, value) =>
      ring.current().indexKeys.map((key) => blindIndex(key, kind, normalForm(kind, value))),
    currentKeyId: () => ring.current().indexCurrent.id,
  };
}

/** Keyed digests of codes and the like, which no address can be taken for. */
export interface SecretDigests {
  current(kind: string, text: string): Buffer;
  /** One for each index key that the ring has. */
  all(kind: string, text: string): Buffer[];
}

export function createSecretDigests(ring: KeyRingSource): SecretDigests {
  return {
    current: (kind, text) => blindIndex(ring.current().indexCurrent, `secret:${kind}`, text),
    all: (kind, text) => ring.current().indexKeys.map((key) => blindIndex(key, `secret:${kind}`, text)),
  };
}

export interface IndexedField {
  /** Of its row. */
  readonly fieldId: string;
  readonly personId: PersonId;
  readonly kind: IndexedKind;
  readonly envelope: Buffer;
  /** Null: it was written before there were digests. */
  readonly indexKeyId: string | null;
}

/** One table with digests. */
export interface BlindIndexStore {
  /** Where the value of a row lies. */
  placeOf(fieldId: string): Place;
  /** Values whose digest another key than `current` made, or none; after `last`, those without first. */
  listIndexedOtherwise(
    current: string,
    last: Pick<IndexedField, 'fieldId' | 'indexKeyId'> | null,
    limit: number,
  ): Promise<readonly IndexedField[]>;
  /** False when it is gone, or somebody else was quicker. */
  setIndex(field: Pick<IndexedField, 'fieldId' | 'indexKeyId'>, by: IndexedBy): Promise<boolean>;
  /** How many digests each index key made. */
  countByIndexKey(): Promise<ReadonlyMap<string, number>>;
}

export interface Reindexed {
  readonly reindexed: number;
  /** Fields that cannot be opened; they stay as they are. */
  readonly unreadable: number;
}

/** Makes all digests anew that the current index key did not make. */
export async function reindex(deps: {
  readonly store: BlindIndexStore;
  readonly vault: Pick<Vault, 'open'>;
  readonly indexer: BlindIndexer;
}): Promise<Reindexed> {
  const { store, vault, indexer } = deps;
  const current = indexer.currentKeyId();
  let [reindexed, unreadable] = [0, 0];
  let last: IndexedField | null = null;
  for (;;) {
    const batch: readonly IndexedField[] = await store.listIndexedOtherwise(current, last, REINDEX_BATCH);
    for (const field of batch) {
      const value = await findOpened(vault, field.personId, store.placeOf(field.fieldId), field.envelope);
      if (value === null) unreadable += 1;
      else if (await store.setIndex(field, indexer.current(field.kind, value.toString('utf8'))))
        reindexed += 1;
    }
    last = batch.at(-1) ?? null;
    if (last === null) return { reindexed, unreadable };
  }
}
