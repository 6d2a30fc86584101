/**
 * Media of a call: a LiveKit room that exists from the first media token to the call's end, tokens for the two
 * endpoints that take part and nobody else, and the truth about who is in the room: from webhooks, and from LiveKit's
 * own list, because a webhook may be lost.
 */
import { AuraError } from '../../core/errors.ts';
import type { CallId } from '../../core/ids.ts';
import type { Tx, UnitOfWork } from '../../core/unit-of-work.ts';
import type { EndpointSession } from '../endpoints/model.ts';
import { MEDIA_TOKEN_TTL_SECONDS } from './model.ts';
import type { CallRecord, CallStore, MediaEvents, MediaProvider, Outbox } from './ports.ts';
import { getOwnCall } from './service.ts';
import { DELETE_ROOM_TOPIC } from './settle.ts';

export const REMOVE_PARTICIPANT_TOPIC = 'livekit.remove_participant';

/** A room without a live call is left alone this long: its call may be about to be committed. */
export const ORPHAN_ROOM_GRACE_SECONDS = 15;
/** How often LiveKit's own list is compared with the open calls. */
export const RECONCILE_SECONDS = 10;
/** People in a call. */
const ROOM_PARTICIPANTS = 2;

export interface MediaDeps {
  readonly unitOfWork: UnitOfWork;
  readonly store: CallStore;
  readonly provider: MediaProvider;
  readonly outbox: Outbox;
  /** Rooms of ours on a LiveKit that other deployments may share. */
  readonly roomPrefix: string;
  readonly mediaTimeoutSeconds: number;
}

export interface MediaToken {
  readonly url: string;
  readonly token: string;
  readonly room: string;
  readonly identity: string;
  readonly expiresAt: string;
}

export interface MediaService extends MediaEvents {
  /** Throws not_found for anybody but caller and winner, conflict unless the call is active, unavailable without LiveKit. */
  token(session: EndpointSession, callId: CallId, now: Date): Promise<MediaToken>;
  /** Compares with LiveKit's own list; returns how many rooms had no live call and were deleted. */
  reconcile(now: Date): Promise<number>;
}

export function createMediaService(deps: MediaDeps): MediaService {
  return {
    token: (session, callId, now) => issueToken(deps, session, callId, now),
    participantJoined: (tx, room, identity) => joined(deps, tx, room, identity),
    participantLeft: (tx, room, identity) => left(deps, tx, room, identity),
    roomFinished: (tx, room) => roomFinished(deps, tx, room),
    reconcile: (now) => reconcile(deps, now),
  };
}

async function issueToken(
  deps: MediaDeps,
  session: EndpointSession,
  callId: CallId,
  now: Date,
): Promise<MediaToken> {
  const { record, room } = await deps.unitOfWork.run(async (tx) => {
    const own = await getOwnCall(deps, tx, session, callId);
    const claimed = await deps.store.claimRoom(tx, callId, `${deps.roomPrefix}${callId}`);
    if (claimed === null) throw notActive(own.call.state === 'ringing' ? 'not_answered' : 'already_ended');
    return { record: own, room: claimed };
  });
  await deps.provider.ensureRoom(room);
  // Hung up meanwhile: its room may have been deleted before we made it again.
  if ((await deps.unitOfWork.run((tx) => deps.store.claimRoom(tx, callId, room))) === null) {
    await deps.provider.deleteRoom(room);
    throw notActive('already_ended');
  }
  const identity = identityOf(record, session);
  const asCaller = record.call.callerEndpointId === session.endpointId;
  const token = await deps.provider.token({
    room,
    identity,
    name: (asCaller ? record.callerDisplayName : record.calleeDisplayName) ?? identity,
    media: record.call.media,
    ttlSeconds: MEDIA_TOKEN_TTL_SECONDS,
  });
  const expiresAt = new Date(now.getTime() + MEDIA_TOKEN_TTL_SECONDS * 1_000).toISOString();
  return { url: deps.provider.publicUrl, token, room, identity, expiresAt };
}

function notActive(reason: 'not_answered' | 'already_ended'): AuraError {
  return new AuraError('conflict', 'Media flows only in a call that has been answered and goes on.', {
    reason,
  });
}

/** In a room between two people, the address says it all. */
function identityOf(record: CallRecord, session: EndpointSession): string {
  return record.call.callerEndpointId === session.endpointId
    ? record.call.callerAuraId
    : record.invitation.calleeAuraId;
}

async function joined(deps: MediaDeps, tx: Tx, room: string, identity: string): Promise<void> {
  if (!room.startsWith(deps.roomPrefix)) return;
  const record = await deps.store.findRecordByRoom(tx, room);
  if (record === null || record.call.state !== 'active') {
    // Somebody came back with an old token.
    await deps.outbox.enqueue(tx, DELETE_ROOM_TOPIC, { room });
  } else if (sideOf(record, identity) === null) {
    await deps.outbox.enqueue(tx, REMOVE_PARTICIPANT_TOPIC, { room, identity });
  } else await setPresence(deps, tx, record, identity, true);
}

async function left(deps: MediaDeps, tx: Tx, room: string, identity: string): Promise<void> {
  const record = await deps.store.findRecordByRoom(tx, room);
  if (record?.call.state === 'active') await setPresence(deps, tx, record, identity, false);
}

async function setPresence(
  deps: MediaDeps,
  tx: Tx,
  record: CallRecord,
  identity: string,
  present: boolean,
): Promise<void> {
  const side = sideOf(record, identity);
  if (side === null) return;
  await deps.store.setPresence(tx, record.call.callId, { [side]: present }, deps.mediaTimeoutSeconds);
}

function sideOf(record: CallRecord, identity: string): 'caller' | 'callee' | null {
  if (identity === record.call.callerAuraId) return 'caller';
  return identity === record.invitation.calleeAuraId ? 'callee' : null;
}

async function roomFinished(deps: MediaDeps, tx: Tx, room: string): Promise<void> {
  const record = await deps.store.findRecordByRoom(tx, room);
  if (record === null || record.call.state !== 'active') return;
  await deps.store.setPresence(
    tx,
    record.call.callId,
    { caller: false, callee: false },
    deps.mediaTimeoutSeconds,
  );
}

async function reconcile(deps: MediaDeps, now: Date): Promise<number> {
  const rooms = (await deps.provider.listRooms()).filter((room) => room.name.startsWith(deps.roomPrefix));
  const active = await deps.store.listActiveRooms();
  const known = new Map(rooms.map((room) => [room.name, room]));
  for (const { room, bothThere } of active) {
    const listed = known.get(room);
    // LiveKit's count lags by seconds: good enough to confirm what we know, not to learn anything new.
    if (bothThere && listed?.participants === ROOM_PARTICIPANTS) continue;
    const identities = listed === undefined ? [] : await deps.provider.listParticipants(room);
    await deps.unitOfWork.run(async (tx) => {
      const record = await deps.store.findRecordByRoom(tx, room);
      if (record === null || record.call.state !== 'active') return;
      const presence = {
        caller: identities.includes(record.call.callerAuraId),
        callee: identities.includes(record.invitation.calleeAuraId),
      };
      await deps.store.setPresence(tx, record.call.callId, presence, deps.mediaTimeoutSeconds);
    });
  }
  const live = new Set(active.map(({ room }) => room));
  const orphans = rooms.filter(
    (room) =>
      !live.has(room.name) && now.getTime() - room.createdAt.getTime() > ORPHAN_ROOM_GRACE_SECONDS * 1_000,
  );
  for (const room of orphans) await deps.provider.deleteRoom(room.name);
  return orphans.length;
}
