/**
 * What people do with calls: answer, decline, cancel, hang up, look. Each use case opens one transaction, takes one
 * step of the invitation's machine and tells everybody concerned. Placing is in place.ts, media in media.ts, what
 * happens by itself in deadlines.ts.
 */
import { AuraError } from '../../core/errors.ts';
import type { CallId, RingId } from '../../core/ids.ts';
import { lastly, type Tx } from '../../core/unit-of-work.ts';
import type { EndpointSession } from '../endpoints/model.ts';
import type { InvitationEvent, Refusal } from './call-machine.ts';
import type { CallView, PlaceCall, Ring, RingView } from './model.ts';
import { type PlaceDeps, type Placed, placeCall } from './place.ts';
import type { CallRecord, HistoryViewer } from './ports.ts';
import { type Settled, type SettleOptions, settle } from './settle.ts';
import { callView, ringView } from './views.ts';

export interface RingStatus {
  readonly ringId: RingId;
  /** The app should be making a sound now. */
  readonly live: boolean;
  readonly state: Ring['state'];
  readonly reason: string | null;
  readonly ring: RingView | null;
}

export interface CallService {
  place(
    session: EndpointSession,
    body: PlaceCall,
    idempotencyKey: string,
  ): Promise<{ view: CallView; created: boolean }>;
  /** Throws not_found for a ring that is not this endpoint's, conflict with the reason why it is too late. */
  answer(session: EndpointSession, ringId: RingId, idempotencyKey: string): Promise<CallView>;
  /** Refuses on every device; throws like `answer`. Saying it twice is no error. */
  decline(session: EndpointSession, ringId: RingId): Promise<CallView>;
  cancel(session: EndpointSession, callId: CallId): Promise<CallView>;
  /** Ends an answered call; before the answer it is the caller's cancel. Idempotent once the call has ended. */
  hangUp(session: EndpointSession, callId: CallId): Promise<CallView>;
  get(session: EndpointSession, callId: CallId): Promise<CallView>;
  getRing(session: EndpointSession, ringId: RingId): Promise<RingStatus>;
  history(viewer: HistoryViewer, before: CallId | null, limit: number): Promise<CallView[]>;
}

const REFUSALS: Readonly<Record<Refusal, string>> = {
  already_answered: 'This call has been answered already.',
  already_declined: 'This call has been declined already.',
  already_ended: 'This call has ended.',
  not_answered: 'This call has not been answered yet.',
  cancelled: 'The caller has given up.',
  timed_out: 'Nobody answered in time.',
  merged: 'You were calling each other; the other call went on.',
  failed: 'This call failed.',
};

export function createCallService(deps: PlaceDeps): CallService {
  return {
    place: async (session, body, key) => {
      const placed: Placed = await placeCall(deps, session, body, key);
      return { view: callView(placed.record, session.personId), created: placed.created };
    },
    answer: (session, ringId, key) => answer(deps, session, ringId, key),
    decline: (session, ringId) => decline(deps, session, ringId),
    cancel: (session, callId) => cancel(deps, session, callId),
    hangUp: (session, callId) => hangUp(deps, session, callId),
    get: async (session, callId) =>
      callView(await deps.unitOfWork.run((tx) => getOwnCall(deps, tx, session, callId)), session.personId),
    getRing: (session, ringId) => getRing(deps, session, ringId),
    history: async (viewer, before, limit) =>
      (await deps.store.history(viewer, before, limit)).map((record) => callView(record, viewer.personId)),
  };
}

async function answer(
  deps: PlaceDeps,
  session: EndpointSession,
  ringId: RingId,
  key: string,
): Promise<CallView> {
  const settled = await deps.unitOfWork.run(async (tx) => {
    const record = await getSoundingRing(deps, tx, session, ringId);
    return await step(deps, tx, record, 'answer', {
      acting: session.endpointId,
      answer: { endpointId: session.endpointId, key, mediaTimeoutSeconds: deps.mediaTimeoutSeconds },
    });
  });
  if (settled.refusal === null) {
    const { createdAt, answeredAt } = settled.record.call;
    deps.metrics.answered((answeredAt?.getTime() ?? 0) - createdAt.getTime());
    return callView(settled.record, session.personId);
  }
  const { answeredByEndpointId, answerKey } = settled.record.invitation;
  // A retry of the answer that won, e.g. because its response was lost.
  if (answeredByEndpointId === session.endpointId && answerKey === key) {
    return callView(settled.record, session.personId);
  }
  throw refused(settled);
}

async function decline(deps: PlaceDeps, session: EndpointSession, ringId: RingId): Promise<CallView> {
  const settled = await deps.unitOfWork.run(async (tx) => {
    const record = await getSoundingRing(deps, tx, session, ringId);
    return await step(deps, tx, record, 'decline', { acting: session.endpointId });
  });
  if (settled.refusal === null) deps.metrics.ended('declined');
  else if (settled.refusal !== 'already_declined') throw refused(settled);
  return callView(settled.record, session.personId);
}

async function cancel(deps: PlaceDeps, session: EndpointSession, callId: CallId): Promise<CallView> {
  const settled = await deps.unitOfWork.run(async (tx) => {
    const record = await getOwnCall(deps, tx, session, callId);
    if (record.call.callerEndpointId !== session.endpointId) {
      throw new AuraError('forbidden', 'Only the caller can cancel; decline or hang up instead.', {
        reason: 'not_caller',
      });
    }
    return await step(deps, tx, record, 'cancel', { acting: session.endpointId });
  });
  if (settled.refusal === null) deps.metrics.ended('cancelled');
  else if (settled.refusal !== 'cancelled') throw refused(settled);
  return callView(settled.record, session.personId);
}

async function hangUp(deps: PlaceDeps, session: EndpointSession, callId: CallId): Promise<CallView> {
  const settled = await deps.unitOfWork.run(async (tx) => {
    const record = await getOwnCall(deps, tx, session, callId);
    const byCaller = record.call.callerEndpointId === session.endpointId;
    const event = byCaller && record.invitation.state === 'ringing' ? 'cancel' : 'hang_up';
    const first = await step(deps, tx, record, event, { acting: session.endpointId });
    // Answered in the very moment of the caller's cancel: she meant to end the call, so end it.
    return first.refusal === 'already_answered' ? await step(deps, tx, first.record, 'hang_up', {}) : first;
  });
  if (settled.refusal === null && settled.record.call.endReason !== null) {
    deps.metrics.ended(settled.record.call.endReason);
  } else if (settled.refusal === 'not_answered') throw refused(settled);
  return callView(settled.record, session.personId);
}

async function getRing(deps: PlaceDeps, session: EndpointSession, ringId: RingId): Promise<RingStatus> {
  const { ring, record } = await deps.unitOfWork.run((tx) => getOwnRing(deps, tx, session, ringId));
  const live = record.invitation.state === 'ringing' && (ring.state === 'sent' || ring.state === 'ringing');
  return {
    ringId,
    live,
    state: ring.state,
    reason: ring.stopReason,
    // An app that waits, or waited, is not told whose call rang in another app.
    ring: live ? ringView(record, ringId) : null,
  };
}

async function step(
  deps: PlaceDeps,
  tx: Tx,
  record: CallRecord,
  event: InvitationEvent,
  options: SettleOptions,
): Promise<Settled> {
  const settled = await settle(deps, tx, record, event, options);
  lastly(tx, deps.log.append(tx, settled.events));
  return settled;
}

async function getOwnRing(
  deps: PlaceDeps,
  tx: Tx,
  session: EndpointSession,
  ringId: RingId,
): Promise<{ ring: Ring; record: CallRecord }> {
  const found = await deps.store.findRing(tx, ringId);
  // Somebody else's ring, or another app's, is as absent as one that never was.
  if (found === null || found.ring.endpointId !== session.endpointId) {
    throw new AuraError('not_found', 'There is no such ring here.', { reason: 'unknown_ring' });
  }
  return found;
}

/** Only the app that rings may act: one that waits on the same device has no say. Throws `conflict`. */
async function getSoundingRing(
  deps: PlaceDeps,
  tx: Tx,
  session: EndpointSession,
  ringId: RingId,
): Promise<CallRecord> {
  const { ring, record } = await getOwnRing(deps, tx, session, ringId);
  if (ring.state !== 'waiting') return record;
  throw new AuraError('conflict', 'Another app rings on this device.', { reason: 'not_ringing_here' });
}

/** A call is visible to the endpoint that placed it and to the one that answered it. */
export async function getOwnCall(
  deps: Pick<PlaceDeps, 'store'>,
  tx: Tx,
  session: EndpointSession,
  callId: CallId,
): Promise<CallRecord> {
  const record = await deps.store.findRecord(tx, callId);
  const mine =
    record !== null &&
    (record.call.callerEndpointId === session.endpointId ||
      record.invitation.answeredByEndpointId === session.endpointId);
  if (!mine) throw new AuraError('not_found', 'There is no such call here.', { reason: 'unknown_call' });
  return record;
}

function refused(settled: Settled): AuraError {
  const { refusal, record } = settled;
  const reason = refusal ?? 'already_ended';
  return new AuraError('conflict', REFUSALS[reason], { reason, callId: record.call.callId });
}
