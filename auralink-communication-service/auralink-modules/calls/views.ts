/** What people and apps get to see of a call: pure projections of a record, one for each side. */
import type { PersonId, RingId } from '../../core/ids.ts';
import type { CallView, RingView } from './model.ts';
import type { CallRecord } from './ports.ts';

/** The call as `viewer`, one of its two people, sees it. */
export function callView(record: CallRecord, viewer: PersonId): CallView {
  const { call, invitation } = record;
  const outgoing = call.callerPersonId === viewer;
  return {
    callId: call.callId,
    direction: outgoing ? 'outgoing' : 'incoming',
    media: call.media,
    state: call.state,
    peer: outgoing
      ? { auraId: invitation.calleeAuraId, displayName: record.calleeDisplayName }
      : { auraId: call.callerAuraId, displayName: record.callerDisplayName },
    invitation: {
      invitationId: invitation.invitationId,
      state: invitation.state,
      reason: invitation.reason,
      alerting: invitation.alerting,
      deadlineAt: invitation.deadlineAt.toISOString(),
    },
    endReason: call.endReason,
    mergedIntoCallId: invitation.mergedIntoCallId,
    createdAt: call.createdAt.toISOString(),
    answeredAt: call.answeredAt?.toISOString() ?? null,
    endedAt: call.endedAt?.toISOString() ?? null,
  };
}

/** What a ringing app shows. */
export function ringView(record: CallRecord, ringId: RingId): RingView {
  const { call, invitation } = record;
  return {
    ringId,
    callId: call.callId,
    invitationId: invitation.invitationId,
    from: { auraId: call.callerAuraId, displayName: record.callerDisplayName },
    fromApp: record.callerApp,
    media: call.media,
    deadlineAt: invitation.deadlineAt.toISOString(),
  };
}
