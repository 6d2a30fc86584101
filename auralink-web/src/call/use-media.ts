/** What React needs to know of a CallMedia, kept up to date. */
import { useEffect, useState } from 'react';
import type { CallMedia, MediaQuality, MediaTrack } from '../../../auralink-client/index.ts';

export interface MediaView {
  readonly remoteVideo: MediaTrack | null;
  readonly remoteAudio: MediaTrack | null;
  readonly localVideo: MediaTrack | null;
  readonly microphoneOn: boolean;
  readonly cameraOn: boolean;
  readonly reconnecting: boolean;
  readonly quality: MediaQuality;
  readonly problems: readonly string[];
}

const PROBLEM_WORDS: Readonly<Record<string, string>> = {
  NotAllowedError: 'is blocked: allow it in the address bar',
  NotFoundError: 'was not found',
  NotReadableError: 'is used by another program',
};

function problemsOf(media: CallMedia): string[] {
  return [...media.problems].map(([device, name]) => {
    const words = PROBLEM_WORDS[name] ?? 'cannot be used';
    return `Your ${device} ${words}.`;
  });
}

function viewOf(media: CallMedia, reconnecting: boolean): MediaView {
  const find = (tracks: readonly MediaTrack[], kind: MediaTrack['kind']): MediaTrack | null =>
    tracks.find((track) => track.kind === kind) ?? null;
  return {
    remoteVideo: find(media.remoteTracks, 'video'),
    remoteAudio: find(media.remoteTracks, 'audio'),
    localVideo: find(media.localTracks, 'video'),
    microphoneOn: media.microphoneOn,
    cameraOn: media.cameraOn,
    reconnecting,
    quality: media.quality,
    problems: problemsOf(media),
  };
}

/** Null until the call's media is joined. */
export function useMedia(media: CallMedia | null): MediaView | null {
  const [view, setView] = useState<MediaView | null>(null);
  useEffect(() => {
    if (media === null) {
      setView(null);
      return;
    }
    let reconnecting = false;
    const update = (): void => setView(viewOf(media, reconnecting));
    update();
    const offs = [
      media.on('tracks', update),
      media.on('localTracks', update),
      media.on('quality', update),
      media.on('state', (state) => {
        reconnecting = state === 'reconnecting';
        update();
      }),
    ];
    return () => {
      for (const off of offs) off();
    };
  }, [media]);
  return view;
}
