/** Somebody calls: who, from which app, answer or decline. */
import { useEffect, useRef } from 'react';
import type { RingView } from '../../../auralink-client/index.ts';
import { Avatar, nameOf } from '../ui/avatar.tsx';
import { Icon } from '../ui/icons.tsx';
import { Modal } from '../ui/modal.tsx';
import { AppIcon } from './app-icon.tsx';
import './ring.css';
import { playRing } from './sounds.ts';

const TITLE_FLASH_MS = 900;

interface RingDialogProps {
  readonly ring: RingView;
  /** Answering hangs up the call that goes on. */
  readonly inCall: boolean;
  readonly acting: boolean;
  /** Why the last answer or decline did not work. */
  readonly error: string | null;
  readonly onAnswer: () => void;
  readonly onDecline: () => void;
}

export function RingDialog({ ring, inCall, acting, error, onAnswer, onDecline }: RingDialogProps) {
  const answer = useRef<HTMLButtonElement>(null);
  const name = nameOf(ring.from);
  useEffect(playRing, []);
  useEffect(() => answer.current?.focus(), []);
  useFlashingTitle(`${name} is calling`);
  return (
    <Modal
      label={`${name} is calling`}
      role="alertdialog"
      className="ring"
      data={{ 'data-testid': 'ring-dialog', 'data-ring-id': ring.ringId, 'data-call-id': ring.callId }}
    >
      <p className="ring-kind">
        <Icon name={ring.media === 'video' ? 'video' : 'phone'} />
        Incoming {ring.media} call
      </p>
      <div className="aura">
        <Avatar person={ring.from} size="7.5rem" />
      </div>
      <h2 data-testid="ring-from">{name}</h2>
      {ring.from.displayName !== null && <p className="ring-address">{ring.from.auraId}</p>}
      <p className="ring-app" data-testid="ring-app">
        <AppIcon app={ring.fromApp} /> from {ring.fromApp.name}
      </p>
      {inCall && <p className="ring-warning">Answering ends your call of now.</p>}
      {error !== null && (
        <p className="ring-warning" role="alert">
          {error}
        </p>
      )}
      <div className="ring-actions">
        <button
          type="button"
          className="round bad"
          data-testid="ring-decline"
          onClick={onDecline}
          disabled={acting}
        >
          <Icon name="hangup" />
          <span>Decline</span>
        </button>
        <button
          type="button"
          className="round good"
          data-testid="ring-answer"
          ref={answer}
          onClick={onAnswer}
          disabled={acting}
        >
          <Icon name={ring.media === 'video' ? 'video' : 'phone'} />
          <span>Answer</span>
        </button>
      </div>
    </Modal>
  );
}

function useFlashingTitle(text: string): void {
  useEffect(() => {
    const quiet = document.title;
    let flashed = false;
    const flash = (): void => {
      flashed = !flashed;
      document.title = flashed ? `● ${text}` : quiet;
    };
    flash();
    const timer = setInterval(flash, TITLE_FLASH_MS);
    return () => {
      clearInterval(timer);
      document.title = quiet;
    };
  }, [text]);
}
