/** Notices to what a person has proved: best effort, because what they tell of must not wait for them. */
import { AuraError } from '../../core/errors.ts';
import type { AuraId, PersonId, VerificationId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import { masked } from './addresses.ts';
import { addressOf } from './challenges.ts';
import type { CodeMethod } from './model.ts';
import type { ProofStore, SubjectVault } from './ports.ts';
import type { Courier, MessageContent } from './ports-challenges.ts';
import type { OnSuperseded } from './proofs.ts';
import { documentSupersededNotice, supersededNotice } from './texts.ts';

/** A notice that could not be sent for so long is no news any more. */
export const NOTICE_LIFE_SECONDS = 72_000;
/** Nobody asks for a notice from anywhere. */
const NO_IP = '';

export interface NoticeDeps {
  readonly store: Pick<ProofStore, 'findAuraId' | 'listAddresses'>;
  readonly vault: SubjectVault;
  readonly courier: Courier;
  readonly now: () => Date;
}

/** To all that she has proved but `without`. Returns to how many. */
export async function notify(
  deps: NoticeDeps,
  tx: Tx,
  personId: PersonId,
  without: VerificationId | null,
  words: (method: CodeMethod, auraId: AuraId) => MessageContent,
): Promise<number> {
  const auraId = await deps.store.findAuraId(tx, personId);
  if (auraId === null) return 0;
  let sent = 0;
  for (const proof of await deps.store.listAddresses(tx, personId, without)) {
    const method = proof.method as CodeMethod;
    const to = await addressOf(deps, proof);
    if (to !== null && (await sendNotice(deps, tx, personId, to, words(method, auraId)))) sent += 1;
  }
  return sent;
}

/** A message that this server does not send, or not now, keeps nothing from being done. Returns whether it is sent. */
export async function sendNotice(
  { courier, now }: Pick<NoticeDeps, 'courier' | 'now'>,
  tx: Tx,
  personId: PersonId,
  to: string,
  content: MessageContent,
): Promise<boolean> {
  if (!courier.offers(content.channel)) return false;
  const expiresAt = new Date(now().getTime() + NOTICE_LIFE_SECONDS * 1_000);
  try {
    await courier.enqueue(tx, { ...content, to, purpose: 'notice', personId, expiresAt }, { ip: NO_IP });
    return true;
  } catch (error) {
    const refused =
      error instanceof AuraError && ['rate_limited', 'unavailable', 'invalid'].includes(error.code);
    if (!refused) throw error;
    return false;
  }
}

/** Who lost a proof to somebody else hears of it at all other addresses. */
export function supersededNotifier(deps: NoticeDeps): OnSuperseded {
  return async (tx, proof) => {
    if (proof.method === 'document') {
      await notify(deps, tx, proof.personId, proof.verificationId, documentSupersededNotice);
      return;
    }
    const { method } = proof;
    const address = await addressOf(deps, proof);
    const lost = address === null ? 'an address of yours' : masked(method, address);
    await notify(deps, tx, proof.personId, proof.verificationId, (by, auraId) =>
      supersededNotice(by, auraId, lost),
    );
  };
}
