/** The verification room over a real database, with a key ring in memory. What others are told is written down. */
import { randomBytes } from 'node:crypto';
import {
  createBlindIndexer,
  createSecretDigests,
} from '../../auralink-communication-service/auralink-modules/auraid/blind-index.ts';
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
import { createChallenges } from '../../auralink-communication-service/auralink-modules/verification/challenges.ts';
import { createForgotten } from '../../auralink-communication-service/auralink-modules/verification/forgotten-password.ts';
import { supersededNotifier } from '../../auralink-communication-service/auralink-modules/verification/notices.ts';
import type { Courier } from '../../auralink-communication-service/auralink-modules/verification/ports-challenges.ts';
import { createProofs } from '../../auralink-communication-service/auralink-modules/verification/proofs.ts';
import { type EndpointId, newId, type PersonId } from '../../auralink-communication-service/core/ids.ts';
import { AuraError } from '../../auralink-communication-service/core/errors.ts';
import type { Db } from '../../auralink-communication-service/store/db.ts';
import { personKeyStore } from '../../auralink-communication-service/store/person-keys.ts';
import { challengeStore } from '../../auralink-communication-service/store/verification-challenges.ts';
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
    ...{ store, indexer, news, newId, vault: sealed, courier: recordingCourier() },
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

type Sent = Parameters<Courier['enqueue']>[1] & { readonly messageId: string };

/** Writes down what is sent. `refuse`: what the next messages meet with. */
export interface RecordingCourier extends Courier {
  readonly sent: Sent[];
  readonly used: string[];
  readonly cancelled: string[];
  refuse: AuraError | null;
  /** The newest to this address, with its code and the token of its link. */
  last(to: string): Sent & { readonly code: string; readonly token: string };
}

export function recordingCourier(): RecordingCourier {
  const sent: Sent[] = [];
  const used: string[] = [];
  const cancelled: string[] = [];
  return {
    sent,
    used,
    cancelled,
    refuse: null,
    async enqueue(_tx, message) {
      if (this.refuse !== null) throw this.refuse;
      const messageId: string = newId();
      sent.push({ ...message, messageId });
      return messageId;
    },
    offers: () => true,
    codeUsed: async (_tx, messageId) => void used.push(messageId),
    cancel: async (_tx, messageIds) => void cancelled.push(...messageIds),
    last: (to) => {
      const found = sent.findLast((message) => message.to === to);
      if (found === undefined) throw new AuraError('not_found', `nothing was sent to ${to}`);
      const { text } = found.content;
      return {
        ...found,
        code: /\b\d{6}\b/.exec(text)?.[0] ?? '',
        token: /#([A-Za-z0-9_-]{43})/.exec(text)?.[1] ?? '',
      };
    },
  };
}

/** One process of the whole room; `courier` may be another's. */
export function codesRoom(db: Db, ring: RingInMemory = ringInMemory(), courier = recordingCourier()) {
  const room = proofsRoom(db, ring);
  const { store, sealed: vault, indexer, news } = room;
  const { unitOfWork, pool } = db;
  const now = () => new Date();
  const challenges = challengeStore(pool);
  const onSuperseded = supersededNotifier({ store, vault, courier, now });
  const proofs = createProofs({ store, vault, indexer, news, courier, newId, onSuperseded });
  const limiter = { hit: async () => {} };
  const secrets = createSecretDigests(ring);
  const shared = {
    unitOfWork,
    store,
    challenges,
    vault,
    indexer,
    secrets,
    courier,
    limiter,
    news,
    newId,
    randomBytes,
    now,
  };
  const passwords = new Map<PersonId, string>();
  const homeserver = { refusal: null as AuraError | null };
  return {
    ...room,
    ...{ proofs, courier, challenges, passwords, homeserver },
    codes: createChallenges({ ...shared, proofs, linkPage: 'https://aura.example/verify#' }),
    forgotten: createForgotten({
      ...shared,
      findPerson: async (user) => {
        const sql = 'SELECT person_id FROM aura_id_registry WHERE aura_id = $1';
        return (await pool.query(sql, [user])).rows[0]?.person_id ?? null;
      },
      passwords: {
        begin: async (_tx, personId) => personId,
        finish: async (personId: PersonId, password) => {
          if (homeserver.refusal !== null) throw homeserver.refusal;
          passwords.set(personId, password);
        },
      },
    }),
    expiry: { unitOfWork, store, challenges, vault, courier, news, now },
  };
}
