/**
 * One data key a person, made when her first value is sealed and wrapped by the key ring. Deleting its row makes all her
 * values noise (crypto-shredding), also copies of them; a backup that holds the row too becomes noise when the ring's key
 * of that time is retired. Opened keys are remembered; a key whose row is gone is forgotten at the latest when the process
 * is told or restarted, so erasure tells all processes.
 */
import type { PersonId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import {
  CorruptEnvelopeError,
  type DataKey,
  dataKeyIdOf,
  KEY_BYTES,
  openValue,
  type Place,
  type RandomBytes,
  sealValue,
  unwrapKey,
  wrapKey,
} from './envelope.ts';
import type { KeyRingSource } from './key-ring.ts';
import type { PersonKeyStore, WrappedDataKey } from './ports-storage.ts';

/** Opened data keys that a process remembers; about 200 bytes each. */
export const DATA_KEYS_CACHED_MAX = 5_000;
/** Data keys read at a time when they are wrapped anew after the ring was rotated. */
export const REWRAP_BATCH = 500;

export interface Vault {
  /** Envelope of `plain`, which opens only at `place`. Makes her data key if she has none, in `tx`. */
  seal(tx: Tx, personId: PersonId, place: Place, plain: Buffer): Promise<Buffer>;
  /** Throws CorruptEnvelopeError, `unavailable` (reason no_key_ring). */
  open(personId: PersonId, place: Place, envelope: Buffer): Promise<Buffer>;
  /** Her key is gone. */
  forget(personId: PersonId): void;
  /** Wraps all data keys anew that another key than the ring's current one wrapped; what it cannot open it passes over. */
  rewrap(): Promise<Rewrapped>;
}

export interface Rewrapped {
  readonly rewrapped: number;
  /** Data keys whose ring key is missing or that were altered; they stay as they are. */
  readonly unreadable: number;
}

export interface VaultDeps {
  readonly keys: PersonKeyStore;
  readonly ring: KeyRingSource;
  readonly newId: () => string;
  readonly randomBytes: RandomBytes;
  /** Hears of each value that could not be opened where it lies. */
  readonly unreadable?: (place: Place) => void;
}

export function createVault(deps: VaultDeps): Vault {
  const opened = new Map<PersonId, DataKey>();
  /** Grows with everybody forgotten, so that a key on its way knows that it may be gone. */
  let forgotten = 0;
  const remember = (personId: PersonId, key: DataKey): DataKey => {
    opened.delete(personId);
    if (opened.size >= DATA_KEYS_CACHED_MAX) opened.delete(opened.keys().next().value as PersonId);
    opened.set(personId, key);
    return key;
  };
  const unwrap = (row: WrappedDataKey): DataKey => {
    const known = deps.ring.current().keys.get(row.ringKeyId);
    const ringKey = known ?? deps.ring.refresh().keys.get(row.ringKeyId);
    if (ringKey === undefined) throw new CorruptEnvelopeError(`the ring has no key ${row.ringKeyId}`);
    return unwrapKey(ringKey, row.personId, row.dataKeyId, row.wrapped);
  };
  const open = async (personId: PersonId, place: Place, envelope: Buffer): Promise<Buffer> => {
    const wanted = dataKeyIdOf(envelope);
    const known = opened.get(personId);
    if (known?.id === wanted) return openValue(known, place, envelope);
    const before = forgotten;
    const row = await deps.keys.find(personId);
    if (row === null) throw new CorruptEnvelopeError('its key is gone');
    const key = unwrap(row);
    return openValue(forgotten === before ? remember(personId, key) : key, place, envelope);
  };
  return {
    async seal(tx, personId, place, plain) {
      // Not from memory: she may have been erased, and nothing may be sealed with a key that is gone.
      const row = await deps.keys.insert(tx, newKey(deps, personId));
      return sealValue(remember(personId, unwrap(row)), place, plain, deps.randomBytes);
    },
    async open(personId, place, envelope) {
      try {
        return await open(personId, place, envelope);
      } catch (error) {
        if (error instanceof CorruptEnvelopeError) deps.unreadable?.(place);
        throw error;
      }
    },
    forget: (personId) => {
      forgotten += 1;
      opened.delete(personId);
    },
    rewrap: () => rewrap(deps, unwrap),
  };
}

function newKey({ ring, newId, randomBytes }: VaultDeps, personId: PersonId): WrappedDataKey {
  const dataKey: DataKey = { id: newId(), key: randomBytes(KEY_BYTES) };
  const { current } = ring.current();
  const wrapped = wrapKey(current, personId, dataKey, randomBytes);
  return { personId, dataKeyId: dataKey.id, ringKeyId: current.id, wrapped };
}

async function rewrap(deps: VaultDeps, unwrap: (row: WrappedDataKey) => DataKey): Promise<Rewrapped> {
  const { current } = deps.ring.current();
  let [rewrapped, unreadable] = [0, 0];
  let last: WrappedDataKey | null = null;
  for (;;) {
    const batch: readonly WrappedDataKey[] = await deps.keys.listWrappedOtherwise(
      current.id,
      last,
      REWRAP_BATCH,
    );
    for (const row of batch) {
      const dataKey = findReadable(() => unwrap(row));
      if (dataKey === null) {
        unreadable += 1;
        continue;
      }
      const wrapped = wrapKey(current, row.personId, dataKey, deps.randomBytes);
      if (await deps.keys.rewrap({ ...row, ringKeyId: current.id, wrapped }, row.ringKeyId)) rewrapped += 1;
    }
    last = batch.at(-1) ?? null;
    if (last === null) return { rewrapped, unreadable };
  }
}

/** What an envelope holds; null where it cannot be opened any more, so that one such value hides no others. */
export async function findOpened(
  vault: Pick<Vault, 'open'>,
  personId: PersonId,
  place: Place,
  envelope: Buffer,
): Promise<Buffer | null> {
  try {
    return await vault.open(personId, place, envelope);
  } catch (error) {
    if (error instanceof CorruptEnvelopeError) return null;
    throw error;
  }
}

/** What `read` returns; null where it throws CorruptEnvelopeError. */
function findReadable<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof CorruptEnvelopeError) return null;
    throw error;
  }
}
