/**
 * Sound and picture of one call, over LiveKit. The library is loaded only here and only when a call is joined, so that
 * an app that merely listens does not pay for it. What leaves this file are types of our own.
 */
import type * as LiveKit from 'livekit-client';
import type {
  ConnectionQuality,
  LocalTrack,
  RemoteTrack,
  RemoteTrackPublication,
  Room,
  Track,
} from 'livekit-client';
import { Emitter } from './emitter.ts';
import { type MediaStats, readStats, type StatsReport } from './media-stats.ts';
import type { MediaToken } from './types.ts';

/** A 1:1 picture; more costs battery and is rarely seen. */
const VIDEO_WIDTH = 960;
const VIDEO_HEIGHT = 540;
const VIDEO_FRAMES_PER_SECOND = 30;
const STATS_INTERVAL_MS = 1_000;

/** HTMLMediaElement, where the type checker knows browsers. */
export type MediaElement = typeof globalThis extends { HTMLMediaElement: { prototype: infer T } } ? T : never;

export interface JoinOptions {
  /** Default true. */
  readonly audio?: boolean;
  /** Default false. */
  readonly video?: boolean;
}

export type QualityLevel = 'excellent' | 'good' | 'poor' | 'lost' | 'unknown';

export interface MediaQuality extends MediaStats {
  readonly level: QualityLevel;
}

export type Device = 'microphone' | 'camera';

export interface MediaTrack {
  readonly id: string;
  readonly kind: 'audio' | 'video';
  attach(element: MediaElement): void;
  detach(element: MediaElement): void;
}

export interface CallMediaEvents {
  /** A track of the other one came, went, was muted or unmuted: read `remoteTracks` again. */
  tracks: undefined;
  localTracks: undefined;
  quality: MediaQuality;
  /** `disconnected` comes once: the call's room is gone, or the network for good. */
  state: 'connected' | 'reconnecting' | 'disconnected';
}

export async function preload(): Promise<void> {
  await import('livekit-client');
}

/** A device that cannot be opened does not fail the join: see `problems`. */
export async function joinCall(token: MediaToken, options: JoinOptions): Promise<CallMedia> {
  const livekit = await import('livekit-client');
  const room = new livekit.Room({
    videoCaptureDefaults: {
      resolution: { width: VIDEO_WIDTH, height: VIDEO_HEIGHT, frameRate: VIDEO_FRAMES_PER_SECOND },
    },
    // One viewer: layers of several sizes would only be thrown away.
    publishDefaults: { simulcast: false },
  });
  const media = new CallMedia(room, livekit);
  try {
    await room.connect(token.url, token.token);
  } catch (error) {
    await media.leave();
    throw error;
  }
  await Promise.all([
    options.audio === false ? null : media.setMicrophone(true),
    options.video === true ? media.setCamera(true) : null,
  ]);
  return media;
}

export class CallMedia {
  /** Devices that could not be opened, with the browser's name for why (`NotAllowedError`, `NotFoundError`). */
  readonly problems = new Map<Device, string>();
  readonly #room: Room;
  readonly #livekit: typeof LiveKit;
  readonly #emitter = new Emitter<CallMediaEvents>(rethrowLater);
  readonly #wrapped = new WeakMap<Track, MediaTrack>();
  #quality: MediaQuality = {
    level: 'unknown',
    rttMs: null,
    jitterMs: null,
    lossRatio: null,
    audioLevel: null,
  };
  #statsTimer: ReturnType<typeof setInterval> | undefined;

  constructor(room: Room, livekit: typeof LiveKit) {
    this.#room = room;
    this.#livekit = livekit;
    this.#listen();
  }

  on<K extends keyof CallMediaEvents>(type: K, handler: (data: CallMediaEvents[K]) => unknown): () => void {
    return this.#emitter.on(type, handler);
  }

  /** Tracks of the other one that can be seen or heard now. */
  get remoteTracks(): readonly MediaTrack[] {
    const publications = [...this.#room.remoteParticipants.values()].flatMap((participant) => [
      ...participant.trackPublications.values(),
    ]);
    return publications
      .filter((one): one is RemoteTrackPublication & { track: RemoteTrack } => !one.isMuted && !!one.track)
      .map((one) => this.#wrap(one.track));
  }

  get localTracks(): readonly MediaTrack[] {
    return [...this.#room.localParticipant.trackPublications.values()]
      .filter((one) => !one.isMuted && one.track !== undefined)
      .map((one) => this.#wrap(one.track as LocalTrack));
  }

  get microphoneOn(): boolean {
    return this.#room.localParticipant.isMicrophoneEnabled;
  }

  get cameraOn(): boolean {
    return this.#room.localParticipant.isCameraEnabled;
  }

  get quality(): MediaQuality {
    return this.#quality;
  }

  /** True if it is as wanted afterwards; else `problems` says why not. */
  setMicrophone(on: boolean): Promise<boolean> {
    return this.#setDevice('microphone', () => this.#room.localParticipant.setMicrophoneEnabled(on));
  }

  setCamera(on: boolean): Promise<boolean> {
    return this.#setDevice('camera', () => this.#room.localParticipant.setCameraEnabled(on));
  }

  async leave(): Promise<void> {
    clearInterval(this.#statsTimer);
    await this.#room.disconnect();
  }

  async #setDevice(device: Device, change: () => Promise<unknown>): Promise<boolean> {
    try {
      await change();
      this.problems.delete(device);
      return true;
    } catch (error) {
      this.problems.set(device, error instanceof Error ? error.name : String(error));
      return false;
    } finally {
      void this.#emitter.emit('localTracks', undefined);
    }
  }

  #listen(): void {
    const { RoomEvent } = this.#livekit;
    const tracks = (): void => void this.#emitter.emit('tracks', undefined);
    const local = (): void => void this.#emitter.emit('localTracks', undefined);
    const both = (): void => {
      tracks();
      local();
    };
    this.#room
      .on(RoomEvent.TrackSubscribed, tracks)
      .on(RoomEvent.TrackUnsubscribed, tracks)
      .on(RoomEvent.TrackMuted, both)
      .on(RoomEvent.TrackUnmuted, both)
      .on(RoomEvent.LocalTrackPublished, local)
      .on(RoomEvent.LocalTrackUnpublished, local)
      .on(RoomEvent.ParticipantDisconnected, tracks)
      .on(RoomEvent.ConnectionQualityChanged, (quality, participant) => {
        if (participant.isLocal) this.#setQuality({ level: levelOf(quality) });
      })
      .on(RoomEvent.Connected, () => void this.#emitter.emit('state', 'connected'))
      .on(RoomEvent.Reconnecting, () => void this.#emitter.emit('state', 'reconnecting'))
      .on(RoomEvent.Reconnected, () => void this.#emitter.emit('state', 'connected'))
      .on(RoomEvent.Disconnected, () => {
        clearInterval(this.#statsTimer);
        void this.#emitter.emit('state', 'disconnected');
      });
    this.#statsTimer = setInterval(() => void this.#measure(), STATS_INTERVAL_MS);
  }

  async #measure(): Promise<void> {
    const tracks = [...this.#room.remoteParticipants.values()]
      .flatMap((participant) => [...participant.trackPublications.values()])
      .map((publication) => publication.track as RemoteTrack | undefined)
      .filter((track) => track !== undefined);
    const reports: StatsReport[] = [];
    for (const track of tracks) {
      const report = await track.getRTCStatsReport();
      if (report !== undefined) reports.push(report);
    }
    this.#setQuality(readStats(reports));
  }

  #setQuality(change: Partial<MediaQuality>): void {
    this.#quality = { ...this.#quality, ...change };
    void this.#emitter.emit('quality', this.#quality);
  }

  #wrap(track: Track): MediaTrack {
    let wrapped = this.#wrapped.get(track);
    if (wrapped === undefined) {
      wrapped = {
        id: track.sid ?? track.mediaStreamTrack.id,
        kind: track.kind === this.#livekit.Track.Kind.Video ? 'video' : 'audio',
        attach: (element) => void track.attach(element),
        detach: (element) => void track.detach(element),
      };
      this.#wrapped.set(track, wrapped);
    }
    return wrapped;
  }
}

/** Shows the app's own mistake where its other uncaught errors are, without breaking the call. */
function rethrowLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

function levelOf(quality: ConnectionQuality): QualityLevel {
  return quality;
}
