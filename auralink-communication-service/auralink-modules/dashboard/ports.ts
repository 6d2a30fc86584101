/** What the room offers to others, and what it needs from outside. */
import type { PersonId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import type { DashboardEvent } from './model.ts';

/** For whoever causes an event. */
export interface DashboardEvents {
  /**
   * In the transaction of the change, after the lock on the person's row, so that her events have the order of her
   * changes. Does nothing where no Dashboard is configured.
   */
  emit(tx: Tx, event: DashboardEvent): Promise<void>;
}

/** For whoever shows documents. */
export interface Reviewers {
  /** Asked each time: a role that was revoked a moment ago is none. */
  isReviewer(personId: PersonId): Promise<boolean>;
}

export interface Reviewer {
  readonly personId: PersonId;
  readonly auraId: string;
  readonly grantedBy: string;
  readonly since: Date;
}

export interface ReviewerStore extends Reviewers {
  /** False when she is one already, or when there is no active person of that id. */
  grant(tx: Tx, personId: PersonId, grantedBy: string): Promise<boolean>;
  /** False when she was none. */
  revoke(tx: Tx, personId: PersonId): Promise<boolean>;
  list(): Promise<Reviewer[]>;
}
