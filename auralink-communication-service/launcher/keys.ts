/**
 * `./aura keys`: the key ring while the service runs. Rotating adds a key, which every process must know before any
 * seals with it: it is written first, and made current after every process has had the time to look.
 */
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { KEY_RING_LOOK_MS, readKeyRingFile } from '../adapters/key-ring-file.ts';
import { KEY_BYTES } from '../auralink-modules/auraid/envelope.ts';
import { KeyRingError, type KeyRingFile } from '../auralink-modules/auraid/key-ring.ts';
import { NOBODY } from '../core/ids.ts';
import { auditStore } from '../store/audit.ts';
import type { Db } from '../store/db.ts';
import { countDigests } from '../store/finding.ts';
import { countLookupDigests } from '../store/identity-digests.ts';
import { identityKeyStore } from '../store/identity-keys.ts';
import { countSealedMessages } from '../store/messages.ts';
import { personKeyStore } from '../store/person-keys.ts';
import { type CommonOptions, layoutFor } from './commands.ts';
import { withDatabase } from './database-of.ts';
import { FrontDoorError } from './errors.ts';
import { PROJECT_ROOT } from './layout.ts';
import { writeFileAtomic } from './process.ts';

/** Every process has looked at the ring's file within this time of its change. */
export const KEY_RING_KNOWN_MS = 3 * KEY_RING_LOOK_MS;

interface Opened {
  readonly db: Db;
  readonly path: string;
  readonly ring: KeyRingFile;
}

/** The ring of the constellation that is up: the file that its service reads, whoever configured it. */
function withRing<T>(options: CommonOptions, work: (opened: Opened) => Promise<T>): Promise<T> {
  return withDatabase(layoutFor(options), 'aura-keys', async (db, config) => {
    const path = resolve(PROJECT_ROOT, config.KEY_RING_PATH);
    try {
      return await work({ db, path, ring: readKeyRingFile(path) });
    } catch (error) {
      if (error instanceof KeyRingError) throw new FrontDoorError(`KEY_RING_PATH: ${error.message}.`);
      throw error;
    }
  });
}

const writeRing = (path: string, ring: KeyRingFile): void =>
  writeFileAtomic(path, JSON.stringify(ring, null, 2));

/** The lowest `<letter><n>` above all that the ring has. */
function freshId(letter: string, keys: readonly { readonly id: string }[]): string {
  const numbers = keys.map(({ id }) => (id.startsWith(letter) ? Number(/^.(\d+)$/.exec(id)?.[1] ?? 0) : 0));
  return `${letter}${Math.max(0, ...numbers) + 1}`;
}

export interface RotateOptions extends CommonOptions {
  /** The index key instead of the one that wraps data keys. */
  readonly index: boolean;
}

/** The ring with one more key, and then with that key in force. */
function rotated(
  ring: KeyRingFile,
  index: boolean,
): { id: string; known: KeyRingFile; inForce: KeyRingFile } {
  const key = randomBytes(KEY_BYTES).toString('base64url');
  if (index) {
    const id = freshId('i', ring.indexKeys);
    const known = { ...ring, indexKeys: [...ring.indexKeys, { id, key }] };
    return { id, known, inForce: { ...known, indexCurrent: id } };
  }
  const id = freshId('k', ring.keys);
  const known = { ...ring, keys: [...ring.keys, { id, key, createdAt: new Date().toISOString() }] };
  return { id, known, inForce: { ...known, current: id } };
}

export function runRotateKeys(options: RotateOptions): Promise<number> {
  return withRing(options, async ({ db, path, ring }) => {
    const { id, known, inForce } = rotated(ring, options.index);
    const was = options.index ? ring.indexCurrent : ring.current;
    writeRing(path, known);
    if (!options.json) console.error(`${id} is in the ring; waiting until every process knows it …`);
    await delay(KEY_RING_KNOWN_MS);
    await putInForce(db, { key: id, was }, () => writeRing(path, inForce));
    const what = options.index ? 'Digests are made' : 'Data keys are wrapped';
    const next = `${what} anew in the background; ./aura keys status tells when none is left.`;
    console.log(options.json ? JSON.stringify({ current: id }) : `${id} is current. ${next}`);
    return 0;
  });
}

/** What is in force is in the audit log: the file is written last before the entry's commit. */
function putInForce(db: Db, detail: Record<string, string>, write: () => void): Promise<void> {
  return db.unitOfWork.run(async (tx) => {
    await auditStore().record(tx, { actor: 'operator:cli', act: 'keys.rotated', subject: NOBODY, detail });
    write();
  });
}

/** Refuses while any data key is wrapped by it, or any digest was made with it. */
export function runRetireKey(id: string, options: CommonOptions): Promise<number> {
  return withRing(options, async ({ db, path, ring }) => {
    const others = { keys: without(ring.keys, id), indexKeys: without(ring.indexKeys, id) };
    const isKey = others.keys.length < ring.keys.length;
    const isIndexKey = others.indexKeys.length < ring.indexKeys.length;
    if (!isKey && !isIndexKey) throw new FrontDoorError(`The ring has no key ${id}.`);
    if ((isKey && ring.current === id) || (isIndexKey && ring.indexCurrent === id)) {
      throw new FrontDoorError(`${id} is current; rotate first.`);
    }
    const wraps = isKey ? ((await countWraps(db)).get(id) ?? 0) : 0;
    const seals = isKey ? ((await countSealedMessages(db.pool)).get(id) ?? 0) : 0;
    if (seals > 0) {
      throw new FrontDoorError(
        `${id} still seals ${seals} messages that wait to be sent; within a day none is left.`,
      );
    }
    if (wraps > 0) {
      throw new FrontDoorError(
        `${id} still wraps ${wraps} data keys; they are wrapped anew in the background.`,
      );
    }
    const digests = isIndexKey ? ((await countAllDigests(db)).get(id) ?? 0) : 0;
    if (digests > 0) {
      throw new FrontDoorError(`${id} still made ${digests} digests; they are made anew in the background.`);
    }
    writeRing(path, { ...ring, ...others });
    console.log(options.json ? JSON.stringify({ retired: id }) : `${id} is retired.`);
    return 0;
  });
}

/** People's data keys, and the Identity Service's. */
async function countWraps({ pool }: Db): Promise<ReadonlyMap<string, number>> {
  return sum([await personKeyStore(pool).countByRingKey(), await identityKeyStore(pool).countByRingKey()]);
}

/** Digests of people's addresses, and those by which Matrix accounts are looked up. */
async function countAllDigests({ pool }: Db): Promise<ReadonlyMap<string, number>> {
  return sum([await countDigests(pool), await countLookupDigests(pool)]);
}

function sum(counts: readonly ReadonlyMap<string, number>[]): ReadonlyMap<string, number> {
  const total = new Map<string, number>();
  for (const [id, n] of counts.flatMap((each) => [...each])) total.set(id, (total.get(id) ?? 0) + n);
  return total;
}

const without = <T extends { readonly id: string }>(keys: readonly T[], id: string): T[] =>
  keys.filter((key) => key.id !== id);

export function runKeysStatus(options: CommonOptions): Promise<number> {
  return withRing(options, async ({ db, path, ring }) => {
    const wrapped = await countWraps(db);
    const made = await countAllDigests(db);
    const keys = ring.keys.map(({ id, createdAt }) => ({
      ...{ id, createdAt, current: id === ring.current },
      wraps: wrapped.get(id) ?? 0,
    }));
    const indexKeys = ring.indexKeys.map(({ id }) => ({
      ...{ id, current: id === ring.indexCurrent },
      digests: made.get(id) ?? 0,
    }));
    const lost = [...wrapped].filter(([id]) => !ring.keys.some((key) => key.id === id));
    const missing = lost.map(([id, wraps]) => ({ id, wraps }));
    if (options.json) console.log(JSON.stringify({ path, keys, indexKeys, missing }));
    else console.log(describe(path, { keys, indexKeys, missing }));
    return 0;
  });
}

interface KeysStatus {
  readonly keys: readonly { id: string; createdAt: string; current: boolean; wraps: number }[];
  readonly indexKeys: readonly { id: string; current: boolean; digests: number }[];
  /** Keys that wrap data keys and are not in the ring. */
  readonly missing: readonly { id: string; wraps: number }[];
}

function describe(path: string, { keys, indexKeys, missing }: KeysStatus): string {
  const line = (id: string, current: boolean, what: string): string =>
    `${id.padEnd(8)}${current ? 'current ' : '        '}${what}`;
  return [
    ...keys.map((key) => line(key.id, key.current, `wraps ${key.wraps}, made ${key.createdAt}`)),
    ...indexKeys.map((key) => line(key.id, key.current, `made ${key.digests} digests`)),
    ...missing.map(
      ({ id, wraps }) => `${line(id, false, 'MISSING')} from ${path}; the data of ${wraps} people are closed`,
    ),
  ].join('\n');
}
