/**
 * A person's privacy settings: read, changed and tried out, and the gate that calls ask. A change reaches her friends'
 * and her own open pages, the Matrix profile and every cache.
 */
import { AuraError } from '../../core/errors.ts';
import type { PersonId } from '../../core/ids.ts';
import type { Tx, UnitOfWork } from '../../core/unit-of-work.ts';
import type { DashboardEvents } from '../dashboard/model.ts';
import type { Audit } from './audit.ts';
import { MATRIX_PROFILE_TOPIC } from './matrix-profile.ts';
import type { PeopleViews } from './people-views.ts';
import type { IdentityMetrics } from './ports.ts';
import type { ContactFanOut, ContactStore, EventAppender, Outbox, PrivacyStore } from './ports-privacy.ts';
import { allows, friendsSeeChange, type Rules, type Viewer } from './privacy.ts';
import type { ProfileView } from './profile-view.ts';
import type { IdentityCache } from './resolver.ts';

export interface PrivacyDeps {
  readonly unitOfWork: UnitOfWork;
  readonly store: PrivacyStore;
  readonly contacts: Pick<ContactStore, 'listEndpoints'>;
  readonly views: PeopleViews;
  readonly log: EventAppender;
  readonly outbox: Outbox;
  readonly fanOut: ContactFanOut;
  readonly cache: IdentityCache;
  readonly dashboard: DashboardEvents;
  readonly audit: Audit;
}

export interface PrivacyService {
  get(personId: PersonId): Promise<Rules>;
  /** All rules as they are afterwards. */
  set(personId: PersonId, patch: Partial<Rules>): Promise<Rules>;
  seeAs(personId: PersonId, viewer: Viewer): Promise<ProfileView | null>;
}

/** What of the rules is seen in Matrix. */
const SEEN_IN_MATRIX = ['profile', 'name', 'picture'] as const;

export function createPrivacyService(deps: PrivacyDeps): PrivacyService {
  return {
    get: (personId) => deps.store.getRules(personId),
    async set(personId, patch) {
      const rules = await deps.unitOfWork.run((tx) => setIn(deps, tx, personId, patch));
      deps.cache.changed([personId]);
      return rules;
    },
    seeAs: (personId, viewer) => deps.views.asSeenBy(personId, viewer),
  };
}

async function setIn(deps: PrivacyDeps, tx: Tx, personId: PersonId, patch: Partial<Rules>): Promise<Rules> {
  const { before, after: rules } = await deps.store.setRules(tx, personId, patch);
  if (friendsSeeChange(before, rules)) await deps.fanOut.changed(tx, personId);
  if (SEEN_IN_MATRIX.some((what) => patch[what] !== undefined)) {
    await deps.outbox.enqueue(tx, MATRIX_PROFILE_TOPIC, { personId });
  }
  const endpoints = await deps.contacts.listEndpoints(tx, [personId], 'account.manage');
  await deps.log.append(
    tx,
    endpoints.map(({ endpointId }) => ({ endpointId, type: 'privacy.updated', data: rules })),
  );
  const changed = ruleNames(patch).filter((rule) => before[rule] !== rules[rule]);
  if (changed.length > 0) {
    await deps.dashboard.emit(tx, { type: 'auraid.privacy_changed', data: { personId, changed } });
  }
  await deps.audit.record(tx, {
    actor: `person:${personId}`,
    act: 'privacy.changed',
    subject: personId,
    detail: { ...patch },
  });
  return rules;
}

/** Keys of a patch are rules' names: it was parsed. */
const ruleNames = (patch: Partial<Rules>) => Object.keys(patch) as (keyof Rules)[];

/** Of these two people; the calls room asks. */
export interface PrivacyGate {
  admits(tx: Tx, callerId: PersonId, calleeId: PersonId): Promise<boolean>;
}

/** `refused` hears of every call that is kept out. */
export function createPrivacyGate(
  store: Pick<PrivacyStore, 'getRelation'>,
  refused: IdentityMetrics['refused'] = () => {},
): PrivacyGate {
  return {
    async admits(tx, callerId, calleeId) {
      const { viewer, rules, youBlocked } = await store.getRelation(tx, callerId, calleeId);
      if (youBlocked) throw youBlockedError();
      const admitted = allows(rules, viewer, 'call');
      if (!admitted) refused('call');
      return admitted;
    },
  };
}

/** Her own act, so no secret to her. */
export function youBlockedError(): AuraError {
  return new AuraError('conflict', 'You have blocked this person; unblock them first.', {
    reason: 'you_blocked',
  });
}
