/** People as the Dashboard manages them: looked up, suspended and let in again, made reviewers. */
import { AuraError } from '../../core/errors.ts';
import type { EndpointId, PersonId } from '../../core/ids.ts';
import type { Tx, UnitOfWork } from '../../core/unit-of-work.ts';
import type { Reviewer, ReviewerStore } from './ports.ts';

export interface ManagedPerson {
  readonly personId: PersonId;
  readonly auraId: string;
  readonly state: 'reserved' | 'active' | 'suspended' | 'released' | 'erased';
  readonly dashboardUserId: string | null;
  readonly registeredAt: Date | null;
  /** Levels of proofs that hold. */
  readonly levels: readonly string[];
  readonly isReviewer: boolean;
}

/** By one of these. */
export type PersonKey =
  | { readonly personId: PersonId }
  | { readonly auraId: string }
  | { readonly dashboardUserId: string };

export interface ManagedPeopleStore {
  find(key: PersonKey): Promise<ManagedPerson | null>;
  /** False when she is not in state `from`. */
  move(
    tx: Tx,
    personId: PersonId,
    from: 'active' | 'suspended',
    to: 'active' | 'suspended',
  ): Promise<boolean>;
}

export type PersonAct = 'person.suspended' | 'person.resumed' | 'reviewer.granted' | 'reviewer.revoked';

export interface ManagedPeopleDeps<A> {
  readonly unitOfWork: UnitOfWork;
  readonly store: ManagedPeopleStore;
  readonly reviewers: ReviewerStore;
  /** Revokes her endpoints with their tokens and ends her browser sessions; returns the endpoints. */
  readonly endSessions: (tx: Tx, personId: PersonId) => Promise<EndpointId[]>;
  readonly endpointRevoked: (endpointId: EndpointId) => void;
  readonly cache: { changed(people: readonly PersonId[]): void };
  readonly audit: {
    record(
      tx: Tx,
      entry: { readonly actor: A; readonly act: PersonAct; readonly subject: PersonId },
    ): Promise<void>;
  };
}

export interface ManagedPeople<A> {
  /** Throws `not_found`. */
  get(key: PersonKey): Promise<ManagedPerson>;
  /** She is signed out everywhere and not there for anybody. A repetition changes nothing. Throws `not_found`, `conflict`. */
  suspend(actor: A, personId: PersonId): Promise<void>;
  /** She may sign in again. A repetition changes nothing. Throws `not_found`, `conflict`. */
  resume(actor: A, personId: PersonId): Promise<void>;
  listReviewers(): Promise<Reviewer[]>;
  /** Both: a repetition changes nothing. Granting throws `not_found` when there is no active person of this id. */
  grantReviewer(actor: A & string, personId: PersonId): Promise<void>;
  revokeReviewer(actor: A, personId: PersonId): Promise<void>;
}

export function createManagedPeople<A>(deps: ManagedPeopleDeps<A>): ManagedPeople<A> {
  const { unitOfWork, store, reviewers, audit } = deps;
  const get = async (key: PersonKey): Promise<ManagedPerson> => {
    const found = await store.find(key);
    if (found === null) throw new AuraError('not_found', 'There is nobody of this id or address.');
    return found;
  };
  return {
    get,
    async suspend(actor, personId) {
      const ended = await unitOfWork.run(async (tx) => {
        if (!(await store.move(tx, personId, 'active', 'suspended'))) return null;
        const endpoints = await deps.endSessions(tx, personId);
        await audit.record(tx, { actor, act: 'person.suspended', subject: personId });
        return endpoints;
      });
      if (ended === null) return assertState(await get({ personId }), 'suspended');
      deps.cache.changed([personId]);
      for (const endpointId of ended) deps.endpointRevoked(endpointId);
    },
    async resume(actor, personId) {
      const isMoved = await unitOfWork.run(async (tx) => {
        if (!(await store.move(tx, personId, 'suspended', 'active'))) return false;
        await audit.record(tx, { actor, act: 'person.resumed', subject: personId });
        return true;
      });
      if (!isMoved) return assertState(await get({ personId }), 'active');
      deps.cache.changed([personId]);
    },
    listReviewers: () => reviewers.list(),
    grantReviewer: (actor, personId) =>
      unitOfWork.run(async (tx) => {
        if (await reviewers.grant(tx, personId, actor)) {
          await audit.record(tx, { actor, act: 'reviewer.granted', subject: personId });
        } else if (!(await reviewers.isReviewer(personId))) {
          throw new AuraError('not_found', 'There is no active person of this id.', { field: 'personId' });
        }
      }),
    revokeReviewer: (actor, personId) =>
      unitOfWork.run(async (tx) => {
        if (!(await reviewers.revoke(tx, personId))) return;
        await audit.record(tx, { actor, act: 'reviewer.revoked', subject: personId });
      }),
  };
}

function assertState(person: ManagedPerson, wanted: ManagedPerson['state']): void {
  if (person.state === wanted) return;
  throw new AuraError('conflict', `She is ${person.state}.`, { reason: person.state });
}
