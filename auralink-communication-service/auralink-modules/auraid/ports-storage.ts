/** What the storage of personal data needs of the database. */
import type { PersonId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';

export interface WrappedDataKey {
  readonly personId: PersonId;
  readonly dataKeyId: string;
  readonly ringKeyId: string;
  readonly wrapped: Buffer;
}

export interface PersonKeyStore {
  find(personId: PersonId): Promise<WrappedDataKey | null>;
  /** Hers from now on, unless she has one already; returns the one that counts. */
  insert(tx: Tx, key: WrappedDataKey): Promise<WrappedDataKey>;
  /** Keys that another key of the ring than `current` wrapped, by its id and the person, after `after`. */
  listWrappedOtherwise(
    current: string,
    after: Pick<WrappedDataKey, 'ringKeyId' | 'personId'> | null,
    limit: number,
  ): Promise<readonly WrappedDataKey[]>;
  /** False when somebody else wrapped it anew meanwhile, or she was erased. */
  rewrap(key: WrappedDataKey, was: string): Promise<boolean>;
  /** How many data keys each key of the ring wraps. */
  countByRingKey(): Promise<ReadonlyMap<string, number>>;
}
