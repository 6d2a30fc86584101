/** A person's own proofs: her list, taking one back, and which methods this server offers. */
import { AuraError } from '../../core/errors.ts';
import type { PersonId, VerificationId } from '../../core/ids.ts';
import type { UnitOfWork } from '../../core/unit-of-work.ts';
import { addressOf, channelOf } from './challenges.ts';
import { CODE_METHODS, type CodeMethod, ENDED_PAGE_MAX, type VerificationView } from './model.ts';
import type { Proofs, ProofStore, SubjectVault } from './ports.ts';
import type { Courier } from './ports-challenges.ts';
import { viewOf } from './views.ts';

export interface VerificationDeps {
  readonly unitOfWork: UnitOfWork;
  readonly store: Pick<ProofStore, 'list'>;
  readonly vault: SubjectVault;
  readonly proofs: Proofs;
  readonly courier: Pick<Courier, 'offers'>;
}

export interface VerificationService {
  /**
   * The newest first: all that is pending or holds, and a page of what ended; with `after` the page of older ones behind
   * it. `next`: the `after` of the next page, null after the last.
   */
  list(
    personId: PersonId,
    after?: VerificationId,
  ): Promise<{ verifications: VerificationView[]; next: string | null }>;
  /** Throws not_found. */
  withdraw(personId: PersonId, verificationId: VerificationId): Promise<void>;
  /** Methods by code that this server can send codes for. */
  offered(): CodeMethod[];
}

export function createVerifications(deps: VerificationDeps): VerificationService {
  return {
    list: async (personId, after) => {
      const stored = await deps.store.list(personId, ENDED_PAGE_MAX, after);
      const verifications = await Promise.all(
        stored.map(async (proof) => viewOf(proof, await addressOf(deps, proof))),
      );
      const ended = stored.filter(({ state }) => state !== 'pending' && state !== 'verified');
      return {
        verifications,
        next: ended.length < ENDED_PAGE_MAX ? null : (ended.at(-1)?.verificationId ?? null),
      };
    },
    withdraw: async (personId, verificationId) => {
      const which = { personId, verificationId, reason: 'by_herself' as const };
      const done = await deps.unitOfWork.run((tx) => deps.proofs.withdraw(tx, which));
      if (done === null) {
        throw new AuraError('not_found', 'There is no such verification here that holds or waits.', {
          reason: 'unknown_verification',
        });
      }
      deps.proofs.committed(done.changed);
    },
    offered: () => CODE_METHODS.filter((method) => deps.courier.offers(channelOf(method))),
  };
}
