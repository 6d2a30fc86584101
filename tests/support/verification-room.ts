/** The verification room over a real database, with a key ring in memory. What others are told is written down. */
import { randomBytes } from 'node:crypto';
import { createBlindIndexer } from '../../auralink-communication-service/auralink-modules/auraid/blind-index.ts';
import {
  createVault,
  findOpened,
} from '../../auralink-communication-service/auralink-modules/auraid/data-keys.ts';
import type {
  KeyRing,
  KeyRingSource,
} from '../../auralink-communication-service/auralink-modules/auraid/key-ring.ts';
import type {
  LiveProof,
  ProofAct,
  ProofEvent,
  Proofs,
  ProofNews,
} from '../../auralink-communication-service/auralink-modules/verification/ports.ts';
import { createProofs } from '../../auralink-communication-service/auralink-modules/verification/proofs.ts';
import { type EndpointId, newId, type PersonId } from '../../auralink-communication-service/core/ids.ts';
import type { Db } from '../../auralink-communication-service/store/db.ts';
import { personKeyStore } from '../../auralink-communication-service/store/person-keys.ts';
import { proofStore } from '../../auralink-communication-service/store/verification.ts';

/** What a room told others, in order. */
interface ToldOfProofs {
  readonly acts: ProofAct[];
  readonly emitted: ProofEvent[];
  readonly events: { readonly personId: PersonId; readonly type: string }[];
  readonly changed: PersonId[];
  readonly superseded: LiveProof[];
}

/** A ring whose index key can be changed. */
export interface RingInMemory extends KeyRingSource {
  /** Adds a key without putting it in force. */
  addIndexKey(id: string): void;
  useIndexKey(id: string): void;
}

export function ringInMemory(): RingInMemory {
  const key = (id: string) => ({ id, key: randomBytes(32) });
  const current = key('k1');
  const indexKeys = [key('i1')];
  let inForce = 'i1';
  const ring = (): KeyRing => ({
    current,
    keys: new Map([[current.id, current]]),
    indexKeys,
    indexCurrent: indexKeys.find(({ id }) => id === inForce) as KeyRing['indexCurrent'],
  });
  return {
    current: ring,
    refresh: ring,
    addIndexKey: (id) => void indexKeys.push(key(id)),
    useIndexKey: (id) => {
      inForce = id;
    },
  };
}

/** `ring`: of several processes over one database. */
export function proofsRoom(db: Db, ring: RingInMemory = ringInMemory()) {
  const told: ToldOfProofs = { acts: [], emitted: [], events: [], changed: [], superseded: [] };
  const vault = createVault({ keys: personKeyStore(db.pool), ring, newId, randomBytes });
  const indexer = createBlindIndexer(ring);
  const news: ProofNews = {
    // People here have one page each, whose id is theirs.
    listEndpoints: async (_tx, personId) => [personId as string as EndpointId],
    appendEvents: async (_tx, events) =>
      told.events.push(
        ...events.map(({ endpointId, type }) => ({ personId: endpointId as string as PersonId, type })),
      ),
    changed: async (_tx, personId) => void told.changed.push(personId),
    record: async (_tx, entry) => void told.acts.push(entry),
    emit: async (_tx, event) => void told.emitted.push(event),
    committed: () => {},
  };
  const store = proofStore(db.pool);
  const sealed = {
    seal: vault.seal,
    findOpened: (...where: [PersonId, { table: string; column: string; row: string }, Buffer]) =>
      findOpened(vault, ...where),
  };
  const proofs: Proofs = createProofs({
    ...{ store, indexer, news, newId, vault: sealed },
    onSuperseded: async (_tx, proof) => void told.superseded.push(proof),
  });
  return { proofs, told, vault, sealed, indexer, news, store, ring };
}

/** A person, as far as proofs need her. */
export async function provingPerson(db: Db): Promise<PersonId> {
  const personId = newId<PersonId>();
  await db.pool.query(
    `INSERT INTO aura_id_registry (person_id, aura_id, skeleton, state, visibility, registration_key, activated_at)
     VALUES ($1::uuid, '@p' || right(replace($1::text, '-', ''), 16) || '.aura', $1::text, 'active', 'public', $1::text, now())`,
    [personId],
  );
  await db.pool.query(
    "UPDATE person_privacy SET find_by_email = 'public', find_by_phone = 'public' WHERE person_id = $1",
    [personId],
  );
  return personId;
}
