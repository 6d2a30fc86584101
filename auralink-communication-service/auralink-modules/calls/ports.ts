/**
 * What calls need from other rooms and from outside. Each port has a real minimal default today (wire/calls.ts);
 * later rooms replace the default without a change here.
 */
import type { AppId, AuraId, CallId, EndpointId, InvitationId, PersonId, RingId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import type { NewEvent, StreamEvent } from '../endpoints/model.ts';
import type { InvitationPatch } from './call-machine.ts';
import type { Call, EndReason, Invitation, Media, Ring, StopReason } from './model.ts';
import type { Candidate, PlannedRing } from './ring-planner.ts';

export interface Person {
  readonly personId: PersonId;
  readonly auraId: AuraId;
  readonly displayName: string | null;
}

/** Who is behind an address. */
export interface Directory {
  findPerson(auraId: AuraId): Promise<Person | null>;
}

/**
 * Whether a call may ring: privacy, trust, do-not-disturb. A refused call still looks like one that rings. Asked under
 * the pair's lock. Throws `conflict` (reason you_blocked) when the caller has blocked the callee herself.
 */
export interface CallGate {
  admits(tx: Tx, callerId: PersonId, calleeId: PersonId): Promise<boolean>;
}

/** Reaches endpoints without a socket (push). The default has no way to. */
export interface Ringer {
  ring(tx: Tx, rings: readonly { ringId: RingId; endpointId: EndpointId }[]): Promise<void>;
}

/** Writes the call into Matrix for clients that know nothing of us. The default writes nothing. */
export interface CallMirror {
  changed(tx: Tx, record: CallRecord): Promise<void>;
}

export interface MediaRoom {
  readonly name: string;
  readonly participants: number;
  readonly createdAt: Date;
}

/** The SFU. Every method throws `unavailable` when it is away. */
export interface MediaProvider {
  /** Idempotent. */
  ensureRoom(room: string): Promise<void>;
  /** A room that is not there is no error. */
  deleteRoom(room: string): Promise<void>;
  listRooms(): Promise<MediaRoom[]>;
  listParticipants(room: string): Promise<readonly string[]>;
  removeParticipant(room: string, identity: string): Promise<void>;
  token(grant: {
    readonly room: string;
    readonly identity: string;
    readonly name: string;
    readonly media: Media;
    readonly ttlSeconds: number;
  }): Promise<string>;
  /** Where clients connect, ws: or wss:. */
  readonly publicUrl: string;
}

/** What the SFU told us; each is delivered at least once, in the transaction that remembers it. */
export interface MediaEvents {
  participantJoined(tx: Tx, room: string, identity: string): Promise<void>;
  participantLeft(tx: Tx, room: string, identity: string): Promise<void>;
  roomFinished(tx: Tx, room: string): Promise<void>;
}

/** Writes to endpoints' logs; the endpoints room's EventLog satisfies it. */
export interface EventAppender {
  append(tx: Tx, events: readonly NewEvent[]): Promise<StreamEvent[]>;
}

export interface AppInfo {
  readonly appId: AppId;
  readonly name: string;
  readonly icon: string;
}

export interface NewCall {
  readonly callId: CallId;
  readonly invitationId: InvitationId;
  readonly caller: Person;
  readonly callee: Person;
  readonly callerEndpointId: EndpointId;
  readonly callerAppId: AppId;
  readonly media: Media;
  readonly namedAppId: AppId | null;
  readonly idempotencyKey: string;
  readonly deadlineAt: Date;
  /** The callee's rules keep this caller out: it rings nowhere and is not shown to her. */
  readonly screened: boolean;
  readonly rings: readonly NewRing[];
}

export interface NewRing extends PlannedRing {
  readonly ringId: RingId;
  /** Number of its event in the endpoint's log; null for one that waits. */
  readonly ringSeq: number | null;
}

/** A call with its one invitation and both names, as the use cases need it. */
export interface CallRecord {
  readonly call: Call;
  readonly invitation: Invitation;
  readonly callerDisplayName: string | null;
  readonly calleeDisplayName: string | null;
  readonly callerApp: AppInfo;
}

/** A ring, and whose. */
export interface RingRef {
  readonly ringId: RingId;
  readonly endpointId: EndpointId;
}

/** What placing a call depends on, read in one round trip under the pair's lock. */
export interface PlacingFacts {
  /** The caller's own row, as the callee may see it, and app. */
  readonly caller: Person;
  /** As the caller may see it. */
  readonly calleeDisplayName: string | null;
  readonly app: AppInfo;
  /** This idempotency key made this call before. */
  readonly existingCallId: CallId | null;
  readonly callsLastMinute: number;
  /** The callee's own call that is ringing the caller right now. */
  readonly oppositeCallId: CallId | null;
  readonly candidates: readonly Candidate[];
  /** The database's clock. */
  readonly now: Date;
}

/** Who looks at her history, and from which app on which device. */
export interface HistoryViewer {
  readonly personId: PersonId;
  readonly endpointId: EndpointId;
}

/** What a step left in the call's row. */
export interface StepEffect {
  readonly answeredAt: Date | null;
  readonly endedAt: Date | null;
  readonly livekitRoom: string | null;
}

export interface CallStore {
  /** Serialises calls between two people until the end of the transaction, whoever calls whom. */
  lockPair(tx: Tx, a: PersonId, b: PersonId): Promise<void>;
  getPlacingFacts(
    tx: Tx,
    caller: { readonly personId: PersonId; readonly endpointId: EndpointId },
    callee: PersonId,
    idempotencyKey: string,
  ): Promise<PlacingFacts>;
  /**
   * Inserts call, invitation and rings. Rank 0 is `sent`, the rest `waiting`. False when the endpoint is using the same
   * idempotency key for somebody else at this very moment; the transaction is then spoilt.
   */
  insertCall(tx: Tx, call: NewCall): Promise<boolean>;

  findRecord(tx: Tx, callId: CallId): Promise<CallRecord | null>;
  findRecordByInvitation(tx: Tx, invitationId: InvitationId): Promise<CallRecord | null>;
  /** A ring and the call it belongs to. */
  findRing(tx: Tx, ringId: RingId): Promise<{ readonly ring: Ring; readonly record: CallRecord } | null>;
  /** Those that exist, in no particular order. */
  listRecords(tx: Tx, invitationIds: readonly InvitationId[]): Promise<CallRecord[]>;
  /** Holds up everybody else who wants to change it, until the end of the transaction. */
  lockInvitation(tx: Tx, invitationId: InvitationId): Promise<void>;

  /**
   * The one conditional UPDATE: from `patch.from` to `patch.to`, the call's own state with it. Null when the
   * invitation is no longer in `patch.from`, or when `patch.beforeDeadline` and its deadline has passed.
   */
  transition(tx: Tx, invitationId: InvitationId, patch: InvitationPatch): Promise<StepEffect | null>;
  /**
   * Stops every ring of an invitation that rings no more, unless it has been stopped: `acting`'s with one reason, the
   * others with another.
   */
  stopRings(
    tx: Tx,
    invitationId: InvitationId,
    acting: EndpointId | null,
    reasons: { readonly acting: StopReason; readonly others: StopReason },
  ): Promise<readonly (RingRef & { readonly reason: StopReason })[]>;

  /** Whether these marks acknowledge any ring that waits for it. Takes no lock. */
  areAwaited(marks: ReadonlyMap<EndpointId, number>): Promise<boolean>;
  /**
   * Rings that these marks acknowledge become `ringing`. Tells which invitations alert for the first time, how long after
   * the call was placed, and of how many invitations the rings were left as they are, because somebody else is changing
   * those at this moment.
   */
  setRinging(
    tx: Tx,
    marks: ReadonlyMap<EndpointId, number>,
  ): Promise<{
    readonly alerting: readonly { readonly invitationId: InvitationId; readonly afterMs: number }[];
    readonly left: number;
  }>;

  /** Rings that nobody acknowledged in time. Takes no lock. */
  findOverdueRings(
    limit: number,
  ): Promise<readonly { readonly ringId: RingId; readonly invitationId: InvitationId }[]>;
  /** False when it was acknowledged, stopped or passed over meanwhile. */
  passOver(tx: Tx, ringId: RingId): Promise<boolean>;
  /** The best ring that still waits on the device of `ringId`. */
  findNextOnDevice(tx: Tx, ringId: RingId): Promise<RingRef | null>;
  setSent(tx: Tx, ringId: RingId, ringSeq: number): Promise<void>;
  /** Invitations whose ringing, or whose wait for media, is over. Takes no lock. */
  findOverdueInvitations(
    limit: number,
  ): Promise<{ readonly ringing: InvitationId[]; readonly media: InvitationId[] }>;

  /** A signed-out endpoint acknowledges nothing any more: its live rings are overdue at once. */
  giveUpRings(endpointId: EndpointId): Promise<void>;
  /** Invitations of calls that this endpoint placed or answered and that have not ended. */
  findOpenInvitations(endpointId: EndpointId): Promise<InvitationId[]>;
  /** Invitations that ring this person now; those that her rules keep out do not. */
  findRingingInvitations(personId: PersonId): Promise<InvitationId[]>;
  /**
   * What a newly connected endpoint should show of a ringing invitation: its own live ring, if its event lies at or
   * before `shownUpTo` in its log; or a new one when nothing rings on its device. Null when another app on the device
   * rings, when the ring's event is still to come, or when it may not receive calls.
   */
  claimRing(
    tx: Tx,
    invitationId: InvitationId,
    page: { readonly endpointId: EndpointId; readonly freshRingId: RingId; readonly shownUpTo: number },
  ): Promise<RingId | null>;

  /** The call's LiveKit room; `room` becomes it if it has none yet. Null once the call has ended. */
  claimRoom(tx: Tx, callId: CallId, room: string): Promise<string | null>;
  findRecordByRoom(tx: Tx, room: string): Promise<CallRecord | null>;
  /**
   * Notes who is in the room. Both there: no media deadline. Otherwise one runs, `mediaTimeoutSeconds` from the moment
   * that somebody left. Absent fields stay as they are.
   */
  setPresence(
    tx: Tx,
    callId: CallId,
    presence: { readonly caller?: boolean; readonly callee?: boolean },
    mediaTimeoutSeconds: number,
  ): Promise<void>;
  /** `bothThere`: as far as we were told. */
  listActiveRooms(): Promise<readonly { readonly room: string; readonly bothThere: boolean }[]>;

  /** Ended calls of this person, and the open ones of this endpoint, newest first; older than the call `before`. */
  history(viewer: HistoryViewer, before: CallId | null, limit: number): Promise<CallRecord[]>;
}

/** Remembers, in the transaction, what must be done after it. */
export interface Outbox {
  enqueue(tx: Tx, topic: string, payload: object): Promise<void>;
}

/** Counters and histograms that calls feed. */
export interface CallMetrics {
  placed(media: Media): void;
  ended(reason: EndReason): void;
  /** From placing until an app of the callee says that it rings. */
  alerting(afterMs: number): void;
  answered(ringingMs: number): void;
  failedOver(): void;
}
