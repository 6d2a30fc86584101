/** Calling somebody: until she answers, and for the moment in which she has. */
import { useEffect, useRef } from 'react';
import type { Person } from '../../../auralink-client/index.ts';
import { Avatar, nameOf } from '../ui/avatar.tsx';
import { Icon } from '../ui/icons.tsx';
import { playRingback } from './sounds.ts';

export type OutgoingState = 'calling' | 'ringing' | 'answered';

const STATE_WORDS: Record<OutgoingState, string> = {
  calling: 'Calling…',
  ringing: 'Ringing…',
  answered: 'Answered',
};

interface OutgoingProps {
  readonly peer: Person;
  readonly state: OutgoingState;
  readonly callId: string | null;
  readonly onCancel: () => void;
}

export function Outgoing({ peer, state, callId, onCancel }: OutgoingProps) {
  const cancel = useRef<HTMLButtonElement>(null);
  useEffect(() => cancel.current?.focus(), []);
  useEffect(() => (state === 'ringing' ? playRingback() : undefined), [state]);
  return (
    <section
      className="call-screen outgoing"
      aria-label={`Calling ${nameOf(peer)}`}
      data-testid="outgoing"
      data-call-id={callId ?? undefined}
    >
      <div className="call-middle">
        <div className={state === 'ringing' ? 'aura' : 'aura still'}>
          <Avatar person={peer} size="8.5rem" />
        </div>
        <h2>{nameOf(peer)}</h2>
        {peer.displayName !== null && <p className="call-address">{peer.auraId}</p>}
        <p className="call-status" data-testid="outgoing-state" data-state={state}>
          {STATE_WORDS[state]}
        </p>
      </div>
      <div className="call-bar">
        <button
          type="button"
          className="round bad"
          data-testid="outgoing-cancel"
          ref={cancel}
          onClick={onCancel}
          disabled={callId === null}
        >
          <Icon name="hangup" />
          <span>Cancel</span>
        </button>
      </div>
    </section>
  );
}
