/**
 * `./aura keys`: the key ring while the service runs. Rotating adds a key, which every process must know before any
 * seals with it: it is written first, and made current after every process has had the time to look.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { KEY_RING_LOOK_MS } from '../adapters/key-ring-file.ts';
import { KEY_BYTES } from '../auralink-modules/auraid/envelope.ts';
import { type KeyRingFile, keyRingFileSchema } from '../auralink-modules/auraid/key-ring.ts';
import { personKeyStore } from '../store/person-keys.ts';
import { type CommonOptions, layoutFor } from './commands.ts';
import { withDatabase } from './database-of.ts';
import { FrontDoorError } from './errors.ts';
import { writeFileAtomic } from './process.ts';
import { LAUNCHER_SECRETS, secretPath } from './secrets.ts';

/** Every process has looked at the ring's file within this time of its change. */
export const KEY_RING_KNOWN_MS = 3 * KEY_RING_LOOK_MS;

function readRing(options: CommonOptions): { path: string; ring: KeyRingFile } {
  const path = secretPath(layoutFor(options).secretsDir, LAUNCHER_SECRETS.keyRing);
  try {
    return { path, ring: keyRingFileSchema.parse(JSON.parse(readFileSync(path, 'utf8'))) };
  } catch (error) {
    throw new FrontDoorError(`${path} is no key ring: ${(error as Error).message}`);
  }
}

const writeRing = (path: string, ring: KeyRingFile): void =>
  writeFileAtomic(path, JSON.stringify(keyRingFileSchema.parse(ring), null, 2));

/** The lowest `k<n>` that the ring does not have. */
function freshId(ring: KeyRingFile): string {
  const numbers = ring.keys.map((key) => Number(/^k(\d+)$/.exec(key.id)?.[1] ?? 0));
  return `k${Math.max(0, ...numbers) + 1}`;
}

export async function runRotateKeys(options: CommonOptions): Promise<number> {
  const { path, ring } = readRing(options);
  const id = freshId(ring);
  const key = { id, key: randomBytes(KEY_BYTES).toString('base64url'), createdAt: new Date().toISOString() };
  const known = { ...ring, keys: [...ring.keys, key] };
  writeRing(path, known);
  if (!options.json) console.error(`${id} is in the ring; waiting until every process knows it …`);
  await delay(KEY_RING_KNOWN_MS);
  writeRing(path, { ...known, current: id });
  const next = `Data keys are wrapped anew in the background; ./aura keys status tells when none is left.`;
  console.log(options.json ? JSON.stringify({ current: id }) : `${id} is current. ${next}`);
  return 0;
}

/** Refuses while any data key is wrapped by it. */
export async function runRetireKey(id: string, options: CommonOptions): Promise<number> {
  const { path, ring } = readRing(options);
  if (!ring.keys.some((key) => key.id === id)) throw new FrontDoorError(`The ring has no key ${id}.`);
  if (ring.current === id) throw new FrontDoorError(`${id} is current; rotate first.`);
  const wraps = (await countWrapped(options)).get(id) ?? 0;
  if (wraps > 0) {
    throw new FrontDoorError(
      `${id} still wraps ${wraps} data keys; they are wrapped anew in the background.`,
    );
  }
  writeRing(path, { ...ring, keys: ring.keys.filter((key) => key.id !== id) });
  console.log(options.json ? JSON.stringify({ retired: id }) : `${id} is retired.`);
  return 0;
}

export async function runKeysStatus(options: CommonOptions): Promise<number> {
  const { ring } = readRing(options);
  const wrapped = await countWrapped(options);
  const keys = ring.keys.map(({ id, createdAt }) => ({
    id,
    createdAt,
    current: id === ring.current,
    wraps: wrapped.get(id) ?? 0,
  }));
  if (options.json) console.log(JSON.stringify({ keys }));
  for (const key of options.json ? [] : keys) {
    console.log(
      `${key.id.padEnd(8)}${key.current ? 'current ' : '        '}wraps ${key.wraps}, made ${key.createdAt}`,
    );
  }
  return 0;
}

function countWrapped(options: CommonOptions): Promise<ReadonlyMap<string, number>> {
  return withDatabase(layoutFor(options), 'aura-keys', (pool) => personKeyStore(pool).countByRingKey());
}
