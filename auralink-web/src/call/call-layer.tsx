/** Wraps an app: its own page behind, and in front whatever the call of now needs. Shared by the phone and the demos. */
import type { ReactNode } from 'react';
import { useStore } from '../store.ts';
import { nameOf } from '../ui/avatar.tsx';
import { Icon } from '../ui/icons.tsx';
import './call.css';
import type { CallController, CallSnapshot } from './controller.ts';
import { InCall } from './in-call.tsx';
import { Outgoing } from './outgoing.tsx';
import { RingDialog } from './ring-dialog.tsx';

export function CallLayer({ controller, children }: { controller: CallController; children: ReactNode }) {
  const snapshot = useStore(controller);
  const { call, dialing, rings, lastEnd } = snapshot;
  const ring = rings[0];
  const busy = call !== null || dialing !== null;
  return (
    <>
      <div className="app-root" inert={busy}>
        {children}
      </div>
      <CallScreen controller={controller} snapshot={snapshot} />
      {lastEnd !== null && (
        <aside
          aria-label="How the last call ended"
          className="last-end"
          data-testid="last-end"
          data-reason={lastEnd.reason}
          data-call-id={lastEnd.callId}
        >
          <p>
            <strong>{nameOf(lastEnd.peer)}</strong> · {lastEnd.words}
          </p>
          <button
            type="button"
            className="icon-button"
            aria-label="Dismiss"
            onClick={() => controller.clearLastEnd()}
          >
            <Icon name="close" />
          </button>
        </aside>
      )}
      {ring !== undefined && (
        <RingDialog
          key={ring.ringId}
          ring={ring}
          inCall={busy}
          acting={snapshot.acting === ring.ringId}
          error={snapshot.dialError}
          onAnswer={() => void controller.answer(ring)}
          onDecline={() => void controller.decline(ring)}
        />
      )}
      <p className="unseen" role="status" aria-live="assertive">
        {announce(snapshot)}
      </p>
    </>
  );
}

function CallScreen({ controller, snapshot }: { controller: CallController; snapshot: CallSnapshot }) {
  const { call, dialing, media, mediaError } = snapshot;
  const end = (): void => void controller.end();
  if (call?.state === 'active') {
    return (
      <InCall
        key={call.callId}
        call={call}
        media={media}
        mediaError={mediaError}
        onHangup={end}
        onRetry={() => void controller.retryMedia()}
      />
    );
  }
  const peer = call?.peer ?? dialing?.peer;
  if (peer === undefined) return null;
  const state =
    call?.invitation.state === 'answered' ? 'answered' : call?.invitation.alerting ? 'ringing' : 'calling';
  return <Outgoing peer={peer} state={state} callId={call?.callId ?? null} onCancel={end} />;
}

/** For people who listen to the page. */
function announce({ rings, call, dialing, lastEnd }: CallSnapshot): string {
  const ring = rings[0];
  if (ring !== undefined) return `${nameOf(ring.from)} is calling from ${ring.fromApp.name}.`;
  if (call?.state === 'active') return `In a call with ${nameOf(call.peer)}.`;
  if (call !== null) return `${call.invitation.alerting ? 'Ringing' : 'Calling'} ${nameOf(call.peer)}.`;
  if (dialing !== null) return `Calling ${nameOf(dialing.peer)}.`;
  return lastEnd === null ? '' : `${nameOf(lastEnd.peer)}: ${lastEnd.words}.`;
}
