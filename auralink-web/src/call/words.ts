/** What happened, in words for people. */
import type { CallView, StopReason } from '../../../auralink-client/index.ts';

const STOP_WORDS: Record<StopReason, string> = {
  answered_here: 'Answered in another tab',
  answered_elsewhere: 'Answered on another app or device',
  declined_here: 'Declined',
  declined_elsewhere: 'Declined on another app or device',
  caller_cancelled: 'The caller hung up',
  timeout: 'Missed',
  merged: 'You called each other: joined',
  failed: 'The call failed',
};

export function stopWords(reason: StopReason): string {
  return STOP_WORDS[reason];
}

/** The server's reason for the end of a call; its state while it has none. */
export function reasonOf(call: CallView): string {
  return call.endReason ?? call.invitation.reason ?? call.state;
}

/** `ringEnd` is how this very app's ring of the call ended, if it rang here. */
export function endWords(call: CallView, ringEnd: StopReason | null = null): string {
  const outgoing = call.direction === 'outgoing';
  switch (call.endReason) {
    case 'hung_up':
      return ringEnd === 'answered_elsewhere' ? 'Answered elsewhere' : outgoing ? 'Outgoing' : 'Incoming';
    case 'declined':
      return ringEnd === 'declined_elsewhere' ? 'Declined elsewhere' : 'Declined';
    case 'cancelled':
      return outgoing ? 'Cancelled' : 'Missed, the caller hung up';
    case 'missed':
      return outgoing ? 'No answer' : 'Missed';
    case 'merged':
      return 'You called each other';
    case 'no_media':
      return 'Answered, but nobody connected';
    case 'media_lost':
      return 'Connection lost';
    case 'failed':
      return 'Failed';
    default:
      return call.state === 'active' ? 'In progress' : 'Ringing';
  }
}

/** What a late answer or decline runs into (the 409's reason). */
export function lateStopReason(reason: string | undefined): StopReason {
  switch (reason) {
    case 'already_answered':
      return 'answered_elsewhere';
    case 'already_declined':
      return 'declined_elsewhere';
    case 'cancelled':
      return 'caller_cancelled';
    case 'timed_out':
      return 'timeout';
    case 'merged':
      return 'merged';
    default:
      return 'failed';
  }
}

export function durationWords(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, '0'));
  const hours = Math.floor(seconds / 3600);
  return hours > 0 ? `${hours}:${parts.join(':')}` : parts.join(':').replace(/^0/, '');
}
