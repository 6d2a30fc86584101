/** The call itself: the other one's picture big, one's own small, and four things to do. */
import { type RefObject, useEffect, useRef, useState } from 'react';
import type { CallMedia, CallView, MediaQuality, MediaTrack } from '../../../auralink-client/index.ts';
import { Avatar, nameOf } from '../ui/avatar.tsx';
import { Icon, type IconName } from '../ui/icons.tsx';
import './in-call.css';
import { type MediaView, useMedia } from './use-media.ts';
import { durationWords } from './words.ts';

const QUALITY_WORDS: Record<MediaQuality['level'], string> = {
  excellent: 'Excellent connection',
  good: 'Good connection',
  poor: 'Poor connection',
  lost: 'Connection lost',
  unknown: 'Measuring the connection',
};
const QUALITY_BARS: Record<MediaQuality['level'], number> = {
  excellent: 3,
  good: 2,
  poor: 1,
  lost: 0,
  unknown: 0,
};

interface InCallProps {
  readonly call: CallView;
  readonly media: CallMedia | null;
  readonly mediaError: string | null;
  readonly onHangup: () => void;
  readonly onRetry: () => void;
}

export function InCall({ call, media, mediaError, onHangup, onRetry }: InCallProps) {
  const view = useMedia(media);
  const remoteAudio = useRef<HTMLAudioElement>(null);
  const silent = useTrack(remoteAudio, view?.remoteAudio ?? null);
  const seen = view !== null && view.remoteVideo !== null;
  const connection = view === null ? 'joining' : view.reconnecting ? 'reconnecting' : 'connected';
  return (
    <section
      className={seen ? 'call-screen in-call seen' : 'call-screen in-call'}
      aria-label={`Call with ${nameOf(call.peer)}`}
      data-testid="in-call"
      data-call-id={call.callId}
      data-media={connection}
    >
      <Picture track={view?.remoteVideo ?? null} className="remote-video" testId="remote-video" />
      {/* biome-ignore lint/a11y/useMediaCaption: a live voice has no captions */}
      <audio
        data-testid="remote-audio"
        data-level={view?.quality.audioLevel ?? 0}
        ref={remoteAudio}
        autoPlay
      />
      <header className="call-head">
        <div>
          <h2>{nameOf(call.peer)}</h2>
          {call.peer.displayName !== null && <p className="call-address">{call.peer.auraId}</p>}
        </div>
        <div className="call-facts">
          <Duration since={call.answeredAt} />
          {view !== null && <Quality quality={view.quality} />}
        </div>
      </header>
      {!seen && (
        <div className="call-middle">
          <div className={view === null ? 'aura still' : 'aura calm'}>
            <Avatar person={call.peer} size="8.5rem" />
          </div>
          <p className="call-status">{statusWords(view === null, mediaError, call)}</p>
        </div>
      )}
      <div className="call-notices" role="status">
        {view?.reconnecting === true && <p>Reconnecting…</p>}
        {view?.problems.map((problem) => (
          <p key={problem}>{problem}</p>
        ))}
        {mediaError !== null && (
          <button type="button" className="button" onClick={onRetry}>
            Try again
          </button>
        )}
        {silent && (
          <button type="button" className="button" onClick={() => void remoteAudio.current?.play()}>
            <Icon name="sound" /> Turn the sound on
          </button>
        )}
      </div>
      <Picture
        track={view?.localVideo ?? null}
        className={view?.localVideo ? 'local-video' : 'local-video off'}
        testId="local-video"
      />
      <Controls media={media} view={view} onHangup={onHangup} />
    </section>
  );
}

interface PictureProps {
  readonly track: MediaTrack | null;
  readonly className: string;
  readonly testId: string;
}

function Picture({ track, className, testId }: PictureProps) {
  const ref = useRef<HTMLVideoElement>(null);
  useTrack(ref, track);
  return <video className={className} data-testid={testId} ref={ref} autoPlay playsInline muted />;
}

interface ControlsProps {
  readonly media: CallMedia | null;
  readonly view: MediaView | null;
  readonly onHangup: () => void;
}

function Controls({ media, view, onHangup }: ControlsProps) {
  const hangup = useRef<HTMLButtonElement>(null);
  useEffect(() => hangup.current?.focus(), []);
  return (
    <div className="call-bar">
      <Toggle
        testId="mute"
        on={view?.microphoneOn ?? false}
        icons={['mic', 'micOff']}
        labels={['Mute', 'Unmute']}
        disabled={media === null}
        onToggle={(on) => void media?.setMicrophone(on)}
      />
      <Toggle
        testId="camera"
        on={view?.cameraOn ?? false}
        icons={['video', 'videoOff']}
        labels={['Camera off', 'Camera on']}
        disabled={media === null}
        onToggle={(on) => void media?.setCamera(on)}
      />
      <button type="button" className="round bad" data-testid="hangup" ref={hangup} onClick={onHangup}>
        <Icon name="hangup" />
        <span>Hang up</span>
      </button>
    </div>
  );
}

function statusWords(joining: boolean, mediaError: string | null, call: CallView): string {
  if (mediaError !== null) return mediaError;
  if (joining) return 'Connecting…';
  return call.media === 'video' ? 'No picture' : 'Connected';
}

/** Puts the track on the element. True while the browser refuses to play it without a touch. */
function useTrack(ref: RefObject<HTMLMediaElement | null>, track: MediaTrack | null): boolean {
  const [refused, setRefused] = useState(false);
  useEffect(() => {
    const element = ref.current;
    if (element === null || track === null) return;
    const onPlaying = (): void => setRefused(false);
    element.addEventListener('playing', onPlaying);
    track.attach(element);
    element.play().catch((error: unknown) => {
      setRefused(error instanceof DOMException && error.name === 'NotAllowedError');
    });
    return () => {
      element.removeEventListener('playing', onPlaying);
      track.detach(element);
    };
  }, [ref, track]);
  return refused && track !== null;
}

interface ToggleProps {
  readonly testId: string;
  readonly on: boolean;
  /** While on, while off. */
  readonly icons: readonly [IconName, IconName];
  readonly labels: readonly [string, string];
  readonly disabled: boolean;
  readonly onToggle: (on: boolean) => void;
}

function Toggle({ testId, on, icons, labels, disabled, onToggle }: ToggleProps) {
  return (
    <button
      type="button"
      className={on ? 'round' : 'round off'}
      data-testid={testId}
      data-on={on}
      disabled={disabled}
      onClick={() => onToggle(!on)}
    >
      <Icon name={on ? icons[0] : icons[1]} />
      <span>{on ? labels[0] : labels[1]}</span>
    </button>
  );
}

function Duration({ since }: { since: string | null }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  if (since === null) return null;
  return (
    <span className="numbers" role="timer" aria-label="Duration">
      {durationWords(now - Date.parse(since))}
    </span>
  );
}

function Quality({ quality }: { quality: MediaQuality }) {
  const words = QUALITY_WORDS[quality.level];
  const detail = quality.rttMs === null ? words : `${words}, ${Math.round(quality.rttMs)} ms`;
  return (
    <span
      className="quality"
      role="img"
      aria-label={detail}
      title={detail}
      data-testid="quality"
      data-level={quality.level}
      data-bars={QUALITY_BARS[quality.level]}
    >
      <i />
      <i />
      <i />
    </span>
  );
}
