/**
 * Proving, and the end of proofs. One subject is proved by one person: the newest proof holds. While a proof of an
 * address holds, the personal field with this address is verified, and she can be found by it if her rules say so.
 * Locks: her row, the subject, streams, the audit chain.
 */
import { AuraError } from '../../core/errors.ts';
import type { NewId, PersonId, VerificationId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import type { Courier } from './ports-challenges.ts';
import type { CodeMethod, EndReason, EndState, Level, Method } from './model.ts';
import type {
  LiveProof,
  NewProof,
  Place,
  Proofs,
  ProofNews,
  ProofStore,
  Proved,
  SubjectIndexer,
  SubjectVault,
  Withdrawal,
} from './ports.ts';

/** A proof of hers was taken from her by another person's: hers are told by other ways, too. */
export type OnSuperseded = (tx: Tx, proof: LiveProof) => Promise<void>;

export interface ProofDeps {
  readonly store: ProofStore;
  readonly vault: SubjectVault;
  readonly indexer: SubjectIndexer;
  readonly news: ProofNews;
  readonly courier: Pick<Courier, 'cancel'>;
  readonly newId: NewId;
  readonly onSuperseded: OnSuperseded;
}

export const subjectPlace = (verificationId: VerificationId): Place => ({
  table: 'aura_id_verifications',
  column: 'subject_envelope',
  row: verificationId,
});

export function createProofs(deps: ProofDeps): Proofs {
  return {
    prove: (tx, proof) => prove(deps, tx, proof),
    withdraw: (tx, which) => withdraw(deps, tx, which),
    fieldGone: async (tx, personId, fieldId, reason) => {
      for (const proof of await deps.store.findByField(tx, personId, fieldId)) {
        await endProof(deps, tx, proof, 'withdrawn', reason);
      }
    },
    committed: (people) => deps.news.committed(people),
  };
}

async function prove(deps: ProofDeps, tx: Tx, proof: NewProof): Promise<Proved> {
  const { personId, method, level, subject } = proof;
  await deps.store.lockPerson(tx, personId);
  const losers = subject === null ? [] : await supersede(deps, tx, proof, subject);
  const fieldId =
    isByCode(method) && subject !== null ? await provedField(deps, tx, personId, method, subject) : null;
  const verificationId = proof.verificationId ?? deps.newId<VerificationId>();
  const envelope =
    subject === null
      ? null
      : await deps.vault.seal(tx, personId, subjectPlace(verificationId), Buffer.from(subject));
  const row = {
    ...{ verificationId, personId, method, level, envelope, fieldId },
    ...{ evidence: proof.evidence, expiresAt: proof.expiresAt },
    index: subject === null ? null : deps.indexer.current(method, subject),
  };
  const write = proof.verificationId === undefined ? deps.store.insertProved : deps.store.setProved;
  if ((await write(tx, row)) === null) throw notWaiting();
  await tell(deps, tx, personId, verificationId, 'verification.updated');
  await deps.news.changed(tx, personId);
  await deps.news.emit(tx, { type: 'auraid.verified', personId, level, expiresAt: proof.expiresAt });
  const detail = { method, level };
  await deps.news.record(tx, {
    actor: `person:${personId}`,
    act: 'verification.proved',
    subject: personId,
    detail,
  });
  return { verificationId, changed: [personId, ...losers] };
}

/**
 * An older proof of hers at this level is renewed; whoever else proved this subject loses hers, but not to a weaker proof:
 * whom a picture was shown does not know better than whom the chip was. Tells who did.
 */
async function supersede(deps: ProofDeps, tx: Tx, proof: NewProof, subject: string): Promise<PersonId[]> {
  const digests = deps.indexer.all(proof.method, subject);
  await deps.store.lockSubject(tx, digests);
  const losers: PersonId[] = [];
  const holders = await deps.store.findHolders(tx, proof.method, digests);
  if (holders.some((held) => held.personId !== proof.personId && isStronger(held.level, proof.level))) {
    throw new AuraError(
      'conflict',
      'Somebody else has proven this document by its chip; only the chip proves more.',
      { reason: 'proven_by_other' },
    );
  }
  for (const held of holders) {
    if (held.personId === proof.personId) {
      if (held.level === proof.level) await endQuietly(deps, tx, held, 'superseded', 'renewed');
      continue;
    }
    if (!(await endProof(deps, tx, held, 'superseded', 'proved_by_other'))) continue;
    await deps.onSuperseded(tx, held);
    losers.push(held.personId);
  }
  return losers;
}

const isStronger = (one: Level, other: Level): boolean =>
  one === 'document_proven' && other === 'document_seen';

/** Her field with this address, made if she has none, verified from now on. */
async function provedField(
  deps: ProofDeps,
  tx: Tx,
  personId: PersonId,
  kind: CodeMethod,
  subject: string,
): Promise<string> {
  const known = await deps.store.findField(tx, personId, kind, deps.indexer.all(kind, subject));
  const fieldId: string = known ?? deps.newId();
  if (known === null) {
    const place = { table: 'personal_fields', column: 'envelope', row: fieldId };
    const envelope = await deps.vault.seal(tx, personId, place, Buffer.from(subject));
    const index = deps.indexer.current(kind, subject);
    await deps.store.insertField(tx, { fieldId, personId, kind, envelope, index });
  }
  await deps.store.setFieldVerified(tx, fieldId);
  return fieldId;
}

async function withdraw(deps: ProofDeps, tx: Tx, which: Withdrawal): Promise<Proved | null> {
  const { personId, verificationId, reason } = which;
  await deps.store.lockPerson(tx, personId);
  const proof = await deps.store.findLive(tx, personId, verificationId);
  if (proof === null || !(await endProof(deps, tx, proof, which.state ?? 'withdrawn', reason))) return null;
  return { verificationId, changed: [personId] };
}

const ACTS = {
  withdrawn: 'verification.withdrawn',
  rejected: 'verification.withdrawn',
  expired: 'verification.expired',
  superseded: 'verification.superseded',
} as const satisfies Readonly<Record<EndState, string>>;

/** Ends a live proof and tells of it; false when somebody else was quicker. What was only pending concerns nobody but her. */
export async function endProof(
  deps: Pick<ProofDeps, 'store' | 'news' | 'courier'>,
  tx: Tx,
  proof: LiveProof,
  state: EndState,
  reason: EndReason,
): Promise<boolean> {
  if (!(await endQuietly(deps, tx, proof, state, reason))) return false;
  const { personId, verificationId, level, method } = proof;
  const type = state === 'superseded' ? 'verification.superseded' : 'verification.updated';
  await tell(deps, tx, personId, verificationId, type);
  if (proof.state !== 'verified') return true;
  await deps.news.changed(tx, personId);
  await deps.news.emit(tx, { type: 'auraid.verification_withdrawn', personId, level, reason });
  await deps.news.record(tx, {
    actor: reason === 'by_herself' || reason.startsWith('field_') ? `person:${personId}` : 'system',
    act: ACTS[state],
    subject: personId,
    detail: { method, level, reason },
  });
  return true;
}

/** Codes for it that are not sent yet are not sent any more. */
async function endQuietly(
  deps: Pick<ProofDeps, 'store' | 'courier'>,
  tx: Tx,
  proof: LiveProof,
  state: EndState,
  reason: EndReason,
): Promise<boolean> {
  const voided = await deps.store.end(tx, proof, state, reason);
  if (voided === null) return false;
  await deps.courier.cancel(tx, voided);
  return true;
}

/** An event for each of her own pages. */
export async function tell(
  { news }: Pick<ProofDeps, 'news'>,
  tx: Tx,
  personId: PersonId,
  verificationId: VerificationId,
  type: 'verification.updated' | 'verification.superseded',
): Promise<void> {
  const endpoints = await news.listEndpoints(tx, personId);
  await news.appendEvents(
    tx,
    endpoints.map((endpointId) => ({ endpointId, type, data: { verificationId } })),
  );
}

const isByCode = (method: Method): method is CodeMethod => method !== 'document';

function notWaiting(): AuraError {
  return new AuraError('not_found', 'This verification is not waiting for anything; begin it anew.', {
    reason: 'unknown_verification',
  });
}
