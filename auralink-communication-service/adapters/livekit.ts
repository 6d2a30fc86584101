/**
 * LiveKit as the calls room's media provider: rooms through its Twirp API, access tokens signed here. A token opens
 * one room to one identity and allows only what the call's media needs.
 */
import { AccessToken, RoomServiceClient, TrackSource, TwirpError } from 'livekit-server-sdk';
import type { Media } from '../auralink-modules/calls/model.ts';
import type { MediaProvider } from '../auralink-modules/calls/ports.ts';
import { AuraError } from '../core/errors.ts';

/** A request to LiveKit's API is given up after this. */
export const LIVEKIT_TIMEOUT_SECONDS = 3;
/** A room that nobody enters is closed by LiveKit itself after this. */
export const ROOM_EMPTY_TIMEOUT_SECONDS = 60;
/** After the last one left; long enough to come back after a lost network. */
export const ROOM_DEPARTURE_TIMEOUT_SECONDS = 20;
/** People in the room of a call between two. */
export const ROOM_PARTICIPANTS_MAX = 2;
const RETRY_AFTER_SECONDS = 2;

const SOURCES: Readonly<Record<Media, TrackSource[]>> = {
  audio: [TrackSource.MICROPHONE],
  video: [
    TrackSource.MICROPHONE,
    TrackSource.CAMERA,
    TrackSource.SCREEN_SHARE,
    TrackSource.SCREEN_SHARE_AUDIO,
  ],
};

export interface LivekitSettings {
  /** LiveKit's API, http: or https:. */
  readonly url: string;
  /** Where browsers connect, ws: or wss:. */
  readonly publicUrl: string;
  readonly apiKey: string;
  readonly apiSecret: string;
}

export function createLivekit(settings: LivekitSettings): MediaProvider {
  const rooms = new RoomServiceClient(settings.url, settings.apiKey, settings.apiSecret, {
    requestTimeout: LIVEKIT_TIMEOUT_SECONDS,
    failover: false,
  });
  return {
    publicUrl: settings.publicUrl,
    async ensureRoom(room) {
      await call(() =>
        rooms.createRoom({
          name: room,
          emptyTimeout: ROOM_EMPTY_TIMEOUT_SECONDS,
          departureTimeout: ROOM_DEPARTURE_TIMEOUT_SECONDS,
          maxParticipants: ROOM_PARTICIPANTS_MAX,
        }),
      );
    },
    async deleteRoom(room) {
      await callUnlessGone(() => rooms.deleteRoom(room));
    },
    async listRooms() {
      const found = await call(() => rooms.listRooms());
      return found.map((room) => ({
        name: room.name,
        participants: room.numParticipants,
        createdAt: new Date(Number(room.creationTimeMs) || Number(room.creationTime) * 1_000),
      }));
    },
    async listParticipants(room) {
      const found = await callUnlessGone(() => rooms.listParticipants(room));
      return (found ?? []).map((participant) => participant.identity);
    },
    async removeParticipant(room, identity) {
      await callUnlessGone(() => rooms.removeParticipant(room, identity));
    },
    async token(grant) {
      const token = new AccessToken(settings.apiKey, settings.apiSecret, {
        identity: grant.identity,
        name: grant.name,
        ttl: grant.ttlSeconds,
      });
      token.addGrant({
        roomJoin: true,
        room: grant.room,
        canSubscribe: true,
        canPublish: true,
        canPublishSources: SOURCES[grant.media],
        canPublishData: false,
        canUpdateOwnMetadata: false,
      });
      return await token.toJwt();
    },
  };
}

/** Null when the room or the participant is not there. */
async function callUnlessGone<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TwirpError && error.status === 404) return null;
    throw translate(error);
  }
}

async function call<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw translate(error);
  }
}

/** Away or overloaded → `unavailable`; a refusal means that our keys or our request are wrong, and stays as it is. */
function translate(error: unknown): unknown {
  if (error instanceof TwirpError && error.status < 500 && error.status !== 429) return error;
  return new AuraError(
    'unavailable',
    'The media server is not reachable at the moment; try again shortly.',
    { retryAfterSeconds: RETRY_AFTER_SECONDS },
    error,
  );
}
