/**
 * Time's work on proofs: those whose time is over end, whoever holds one that will lapse is reminded once at that
 * address, codes die, and what ended long ago is deleted. Every round may be repeated.
 */
import type { AuraId } from '../../core/ids.ts';
import type { Tx, UnitOfWork } from '../../core/unit-of-work.ts';
import { masked } from './addresses.ts';
import { addressOf } from './challenges.ts';
import {
  CHALLENGES_KEPT_DAYS,
  type CodeMethod,
  ENDED_KEPT_DAYS,
  PENDING_HOURS,
  REMIND_AGAIN_HOURS,
  REMINDER_DAYS,
  VERIFICATION_BATCH,
} from './model.ts';
import { type NoticeDeps, notify, sendNotice } from './notices.ts';
import type { LiveProof, ProofNews, ProofStore } from './ports.ts';
import type { ChallengeStore } from './ports-challenges.ts';
import { endProof, tell } from './proofs.ts';
import { documentReminderNotice, reminderNotice } from './texts.ts';

const DAY_MS = 86_400_000;

export interface ExpiryDeps extends NoticeDeps {
  readonly unitOfWork: UnitOfWork;
  readonly store: ProofStore;
  readonly challenges: ChallengeStore;
  readonly news: ProofNews;
}

/** Returns how many proofs ended. */
export async function expireProofs(deps: ExpiryDeps): Promise<number> {
  while ((await deps.challenges.expire(VERIFICATION_BATCH, CHALLENGES_KEPT_DAYS)) > 0);
  let ended = 0;
  for (;;) {
    const lapsed = await deps.store.listLapsed(PENDING_HOURS, VERIFICATION_BATCH);
    let now = 0;
    for (const proof of lapsed) if (await expireOne(deps, proof)) now += 1;
    ended += now;
    if (now === 0) break;
  }
  while ((await deps.store.prune(ENDED_KEPT_DAYS, VERIFICATION_BATCH)) > 0);
  return ended;
}

async function expireOne(deps: ExpiryDeps, { personId, verificationId, state }: LiveProof): Promise<boolean> {
  const ended = await deps.unitOfWork.run(async (tx) => {
    const proof = await deps.store.findLive(tx, personId, verificationId);
    // It was proved meanwhile.
    if (proof === null || proof.state !== state) return false;
    return endProof(deps, tx, proof, 'expired', state === 'pending' ? 'never_finished' : 'lapsed');
  });
  if (ended) deps.news.committed([personId]);
  return ended;
}

/** Returns how many people were reminded. */
export async function remind(deps: ExpiryDeps): Promise<number> {
  let reminded = 0;
  for (;;) {
    const due = await deps.store.listDue(REMINDER_DAYS, VERIFICATION_BATCH);
    for (const proof of due) if (await remindOne(deps, proof, proof.expiresAt)) reminded += 1;
    // What could not be sent now is not due any more.
    if (due.length < VERIFICATION_BATCH) return reminded;
  }
}

function remindOne(deps: ExpiryDeps, proof: LiveProof, expiresAt: Date): Promise<boolean> {
  return deps.unitOfWork.run(async (tx) => {
    if (!(await deps.store.setReminded(tx, proof.verificationId))) return false;
    const days = Math.ceil((expiresAt.getTime() - deps.now().getTime()) / DAY_MS);
    if (!(await sendReminder(deps, tx, proof, days))) {
      await deps.store.remindLater(tx, proof.verificationId, REMIND_AGAIN_HOURS);
      return false;
    }
    await tell(deps, tx, proof.personId, proof.verificationId, 'verification.updated');
    return true;
  });
}

/** To the address that lapses; of a document to all that she has proved. Returns whether anything is sent. */
async function sendReminder(deps: ExpiryDeps, tx: Tx, proof: LiveProof, days: number): Promise<boolean> {
  const { personId, verificationId, method } = proof;
  if (method === 'document') {
    const words = (by: CodeMethod, auraId: AuraId) => documentReminderNotice(by, auraId, days);
    return (await notify(deps, tx, personId, verificationId, words)) > 0;
  }
  const auraId = await deps.store.findAuraId(tx, personId);
  const address = await addressOf(deps, proof);
  if (address === null || auraId === null) return false;
  const words = reminderNotice(method, auraId, masked(method, address), days);
  return await sendNotice(deps, tx, personId, address, words);
}
