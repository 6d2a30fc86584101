/**
 * The digests by which addresses are looked up, and their pepper's life: a new pepper is built beside the current one,
 * from every address opened anew; then it is current, and the old one still counts for a while. Whoever binds an address
 * meanwhile writes a digest for each pepper, under a lock that a new pepper waits for, so that none is left out.
 */
import type { Tx, UnitOfWork } from '../../core/unit-of-work.ts';
import { digestOf, pepperedHash } from './lookup.ts';
import {
  DIGEST_BATCH,
  DIGEST_DROP_BATCH,
  type Medium,
  PEPPER_LIFE_SECONDS,
  PEPPER_PREVIOUS_SECONDS,
} from './model.ts';
import type {
  AddressVault,
  DigestStore,
  FindFieldValue,
  LookupKeys,
  NewDigest,
  Pepper,
  SealedAt,
  SealedSource,
  Source,
} from './ports.ts';

const PEPPER_BYTES = 24;

export const associationPlace = (id: string): SealedAt => ({
  table: 'identity_associations',
  column: 'address_envelope',
  row: id,
});
export const invitePlace = (id: string): SealedAt => ({
  table: 'identity_invites',
  column: 'address_envelope',
  row: id,
});

export interface PeppersDeps {
  readonly unitOfWork: UnitOfWork;
  readonly digests: DigestStore;
  readonly keys: LookupKeys;
  readonly vault: AddressVault;
  readonly findFieldValue: FindFieldValue;
  readonly randomBytes: (size: number) => Buffer;
}

export interface Peppers {
  /** Replaces the pepper now; goes on with what was begun. Several may do so at once. */
  rotate(): Promise<void>;
  /** Replaces the pepper when its time has come or its key was replaced, and drops what no longer counts. */
  keep(): Promise<void>;
  /** Makes the first pepper where there is none: before a transaction that indexes or looks for an address. */
  ready(): Promise<void>;
  /** Digests of an address for every pepper that counts, in the transaction that stores it. */
  index(tx: Tx, source: Source, medium: Medium, address: string, envelope: Buffer): Promise<void>;
  /** Digests of a field that was proved; nothing when it has gone or is no longer proved. */
  indexField(fieldId: string): Promise<void>;
  /** What an address has under each pepper that counts: who has it is found by these. */
  digestsOf(tx: Tx, medium: Medium, address: string): Promise<readonly string[]>;
}

export function createPeppers(deps: PeppersDeps): Peppers {
  let isReady = false;
  return {
    async ready() {
      // There is one for ever, once there is one.
      if (!isReady && (await deps.digests.peppers()).length === 0) await rotate(deps);
      isReady = true;
    },
    rotate: () => rotate(deps),
    keep: () => keep(deps),
    async index(tx, source, medium, address, envelope) {
      const peppers = await deps.digests.lockPeppers(tx);
      await deps.digests.write(tx, digestsUnder(deps, peppers, { source, envelope, medium }, address));
    },
    indexField: (fieldId) =>
      deps.unitOfWork.run(async (tx) => {
        const peppers = await deps.digests.lockPeppers(tx);
        const sealed = await deps.digests.findField(fieldId);
        const address = sealed === null ? null : await open(deps, sealed);
        if (sealed === null || address === null) return;
        await deps.digests.write(tx, digestsUnder(deps, peppers, sealed, address));
      }),
    async digestsOf(tx, medium, address) {
      const peppers = await deps.digests.lockPeppers(tx);
      const from = { source: { of: 'field', id: '' }, envelope: Buffer.alloc(0), medium } as const;
      return digestsUnder(deps, peppers, from, address).map(({ digest }) => digest);
    },
  };
}

function digestsUnder(
  { keys }: Pick<PeppersDeps, 'keys'>,
  peppers: readonly Pepper[],
  { source, envelope, medium }: Pick<SealedSource, 'source' | 'envelope' | 'medium'>,
  address: string,
): NewDigest[] {
  return peppers.flatMap(({ pepperId, pepper, indexKeyId }) => {
    const key = keys.find(indexKeyId);
    if (key === null) return [];
    return [{ source, pepperId, envelope, digest: digestOf(key, pepperedHash(medium, address, pepper)) }];
  });
}

async function open({ vault, findFieldValue }: PeppersDeps, sealed: SealedSource): Promise<string | null> {
  const { source, personId, envelope } = sealed;
  if (source.of === 'field') {
    return personId === null ? null : await findFieldValue(personId, source.id, envelope);
  }
  const place = source.of === 'association' ? associationPlace(source.id) : invitePlace(source.id);
  return (await vault.find(place, envelope))?.toString('utf8') ?? null;
}

async function rotate(deps: PeppersDeps): Promise<void> {
  const { unitOfWork, digests, keys, randomBytes } = deps;
  const pepper = randomBytes(PEPPER_BYTES).toString('base64url');
  await unitOfWork.run((tx) => digests.begin(tx, pepper, keys.currentId()));
  const building = (await digests.peppers()).find(({ state }) => state === 'building');
  // Somebody else has been through meanwhile.
  if (building === undefined) return;
  for (const kind of ['association', 'field', 'invite'] as const) await build(deps, building, kind);
  await unitOfWork.run((tx) => digests.finish(tx, building.pepperId));
}

async function build(deps: PeppersDeps, pepper: Pepper, of: Source['of']): Promise<void> {
  let after: string | null = null;
  do {
    const { sources, last } = await deps.digests.page(of, after, DIGEST_BATCH);
    const made: NewDigest[] = [];
    for (const sealed of sources) {
      const address = await open(deps, sealed);
      if (address !== null) made.push(...digestsUnder(deps, [pepper], sealed, address));
    }
    await deps.digests.write(null, made);
    after = last;
  } while (after !== null);
}

async function keep(deps: PeppersDeps): Promise<void> {
  const peppers = await deps.digests.peppers();
  const current = peppers.find(({ state }) => state === 'current');
  const isDue =
    current === undefined ||
    current.ageSeconds >= PEPPER_LIFE_SECONDS ||
    current.indexKeyId !== deps.keys.currentId() ||
    peppers.some(({ state }) => state === 'building');
  if (isDue) await rotate(deps);
  for (const { pepperId, state, ageSeconds, indexKeyId } of await deps.digests.peppers()) {
    // Whose key was replaced goes at once, so that the key can be retired: clients hash anew when they are told.
    const counts = ageSeconds < PEPPER_PREVIOUS_SECONDS && indexKeyId === deps.keys.currentId();
    if (state !== 'previous' || counts) continue;
    while (!(await deps.digests.drop(pepperId, DIGEST_DROP_BATCH)));
  }
}
