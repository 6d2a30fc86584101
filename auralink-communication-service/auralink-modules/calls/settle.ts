/**
 * One step of an invitation, whoever asked for it: the machine decides, one conditional UPDATE makes it true, every
 * ringing endpoint is told to stop and both parties learn of it: all in the caller's transaction, so that the change
 * and its news cannot be parted. Callers append the returned events in one go: one append a transaction keeps the
 * order in which endpoints' logs are locked, and so no two transactions wait for each other.
 */
import type { CallId, EndpointId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import type { NewEvent } from '../endpoints/model.ts';
import {
  type InvitationEvent,
  type InvitationPatch,
  type Refusal,
  type Step,
  transitions,
} from './call-machine.ts';
import type { CallMirror, CallRecord, CallStore, Outbox, StepEffect } from './ports.ts';
import { callView } from './views.ts';

export const DELETE_ROOM_TOPIC = 'livekit.delete_room';

export interface SettleDeps {
  readonly store: CallStore;
  readonly mirror: CallMirror;
  readonly outbox: Outbox;
}

export interface SettleOptions {
  /** The endpoint that acts, if one does. */
  readonly acting?: EndpointId;
  readonly answer?: InvitationPatch['answer'];
  readonly mergedIntoCallId?: CallId;
  /** The invitation's row is locked and was seen ringing: nobody can be faster, and its deadline no longer counts. */
  readonly locked?: boolean;
}

export type Settled =
  | { readonly record: CallRecord; readonly events: readonly NewEvent[]; readonly refusal: null }
  | { readonly record: CallRecord; readonly events: readonly []; readonly refusal: Refusal };

export async function settle(
  deps: SettleDeps,
  tx: Tx,
  record: CallRecord,
  event: InvitationEvent,
  options: SettleOptions = {},
): Promise<Settled> {
  const { invitation } = record;
  const outcome = transitions[invitation.state][event];
  if ('refusal' in outcome) return { record, events: [], refusal: outcome.refusal };
  const { step } = outcome;
  const stepping = deps.store.transition(tx, invitation.invitationId, {
    from: invitation.state,
    step,
    beforeDeadline: (event === 'answer' || event === 'decline') && options.locked !== true,
    onlyWithoutMedia: event === 'no_media' || event === 'media_lost',
    ...(options.answer && { answer: options.answer }),
    ...(options.mergedIntoCallId && { mergedIntoCallId: options.mergedIntoCallId }),
  });
  // Asked together: when the step is not taken, there is nothing that this could stop.
  const stopping = step.stop === null ? [] : stop(deps, tx, record, options.acting ?? null, step.stop);
  const [effect, stops] = await Promise.all([stepping, stopping]);
  if (effect === null) return await lost(deps, tx, record, event);

  const after = apply(record, step, effect, options);
  const events = [...stops, ...partyEvents(after)];
  if (step.callState === 'ended' && after.call.livekitRoom !== null) {
    await deps.outbox.enqueue(tx, DELETE_ROOM_TOPIC, { room: after.call.livekitRoom });
  }
  await deps.mirror.changed(tx, after);
  return { record: after, events, refusal: null };
}

/** Somebody was faster, or the deadline has passed: say which. */
async function lost(deps: SettleDeps, tx: Tx, record: CallRecord, event: InvitationEvent): Promise<Settled> {
  const fresh = await deps.store.findRecordByInvitation(tx, record.invitation.invitationId);
  if (fresh === null) return { record, events: [], refusal: 'already_ended' };
  const outcome = transitions[fresh.invitation.state][event];
  return { record: fresh, events: [], refusal: 'refusal' in outcome ? outcome.refusal : 'timed_out' };
}

async function stop(
  deps: SettleDeps,
  tx: Tx,
  record: CallRecord,
  acting: EndpointId | null,
  reasons: NonNullable<Step['stop']>,
): Promise<NewEvent[]> {
  const { callId, invitationId } = record.invitation;
  const stopped = await deps.store.stopRings(tx, invitationId, acting, reasons);
  return stopped.map(({ ringId, endpointId, reason }) => ({
    endpointId,
    type: 'ring.stopped',
    data: { ringId, callId, invitationId, reason },
  }));
}

/** News for the two endpoints that take part: the one that placed the call and the one that answered it. */
export function partyEvents(record: CallRecord): NewEvent[] {
  const { call, invitation } = record;
  const events: NewEvent[] = [
    { endpointId: call.callerEndpointId, type: 'call.updated', data: callView(record, call.callerPersonId) },
  ];
  if (invitation.answeredByEndpointId !== null) {
    events.push({
      endpointId: invitation.answeredByEndpointId,
      type: 'call.updated',
      data: callView(record, invitation.calleePersonId),
    });
  }
  return events;
}

function apply(record: CallRecord, step: Step, effect: StepEffect, options: SettleOptions): CallRecord {
  const { call, invitation } = record;
  return {
    ...record,
    call: {
      ...call,
      state: step.callState,
      endReason: step.callState === 'ended' ? step.reason : null,
      ...effect,
    },
    invitation: {
      ...invitation,
      state: step.to,
      reason: step.reason,
      answeredByEndpointId: options.answer?.endpointId ?? invitation.answeredByEndpointId,
      answerKey: options.answer?.key ?? invitation.answerKey,
      mergedIntoCallId: options.mergedIntoCallId ?? invitation.mergedIntoCallId,
    },
  };
}
