/**
 * The invitation's machine, as a table: `transitions[state][event]` says what happens to an invitation, or why
 * nothing does. A test checks that the table is total. Nothing here knows about time, people or storage; the store
 * carries a step out with one conditional UPDATE, so that of many events at once exactly one wins.
 */
import type { CallId, EndpointId } from '../../core/ids.ts';
import type { CallState, EndReason, InvitationState, StopReason } from './model.ts';

export const INVITATION_EVENTS = [
  'answer', // an endpoint of the callee takes the call
  'decline', // the callee refuses, on every device
  'cancel', // the caller gives up before an answer
  'time_out', // nobody answered before the deadline
  'merge', // glare: the other's call goes on instead
  'hang_up', // either side ends an answered call
  'no_media', // answered, but no media came about in time
  'media_lost', // answered, media flowed, and everybody has left
  'fail', // it can no longer be carried out
] as const;
export type InvitationEvent = (typeof INVITATION_EVENTS)[number];

/** Why an event is refused; also the API's `reason`. */
export type Refusal =
  | 'already_answered'
  | 'already_declined'
  | 'already_ended'
  | 'not_answered'
  | 'cancelled'
  | 'timed_out'
  | 'merged'
  | 'failed';

export interface Step {
  readonly to: InvitationState;
  /** For the history; null while the call goes on. */
  readonly reason: EndReason | null;
  readonly callState: CallState;
  /** What a ringing endpoint is told: the one that acted, and the others. */
  readonly stop: { readonly acting: StopReason; readonly others: StopReason } | null;
}

export type Outcome = { readonly step: Step } | { readonly refusal: Refusal };

const end = (
  to: InvitationState,
  reason: EndReason,
  acting: StopReason,
  others: StopReason = acting,
): Outcome => ({
  step: { to, reason, callState: 'ended', stop: { acting, others } },
});
const close = (to: InvitationState, reason: EndReason): Outcome => ({
  step: { to, reason, callState: 'ended', stop: null },
});
const refuse = (refusal: Refusal): Outcome => ({ refusal });

/** A state that nothing leaves any more answers every event with the same refusal. */
function terminal(refusal: Refusal): Readonly<Record<InvitationEvent, Outcome>> {
  const outcome = refuse(refusal);
  return {
    answer: outcome,
    decline: outcome,
    cancel: outcome,
    time_out: outcome,
    merge: outcome,
    hang_up: outcome,
    no_media: outcome,
    media_lost: outcome,
    fail: outcome,
  };
}

export const transitions: Readonly<Record<InvitationState, Readonly<Record<InvitationEvent, Outcome>>>> = {
  ringing: {
    answer: {
      step: {
        to: 'answered',
        reason: null,
        callState: 'active',
        stop: { acting: 'answered_here', others: 'answered_elsewhere' },
      },
    },
    decline: end('declined', 'declined', 'declined_here', 'declined_elsewhere'),
    cancel: end('cancelled', 'cancelled', 'caller_cancelled'),
    time_out: end('missed', 'missed', 'timeout'),
    merge: end('cancelled', 'merged', 'merged'),
    hang_up: refuse('not_answered'),
    no_media: refuse('not_answered'),
    media_lost: refuse('not_answered'),
    fail: end('failed', 'failed', 'failed'),
  },
  answered: {
    answer: refuse('already_answered'),
    decline: refuse('already_answered'),
    cancel: refuse('already_answered'),
    time_out: refuse('already_answered'),
    merge: refuse('already_answered'),
    hang_up: close('ended', 'hung_up'),
    no_media: close('failed', 'no_media'),
    media_lost: close('ended', 'media_lost'),
    fail: close('failed', 'failed'),
  },
  ended: terminal('already_ended'),
  declined: terminal('already_declined'),
  cancelled: terminal('cancelled'),
  missed: terminal('timed_out'),
  failed: terminal('failed'),
};

/** What the store needs to carry a step out. */
export interface InvitationPatch {
  readonly from: InvitationState;
  readonly step: Step;
  /** Refuse the step once the ringing deadline has passed, by the database's clock. */
  readonly beforeDeadline: boolean;
  /** Refuse the step unless the wait for media is over: somebody may have come at the last moment. */
  readonly onlyWithoutMedia: boolean;
  readonly answer?: {
    readonly endpointId: EndpointId;
    /** The answering page's idempotency key: its retry is told "yes", its other tab "no". */
    readonly key: string;
    /** Media must have been seen within this time. */
    readonly mediaTimeoutSeconds: number;
  };
  readonly mergedIntoCallId?: CallId;
}
