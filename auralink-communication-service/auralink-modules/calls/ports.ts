/**
 * What calls need from other rooms and from outside. Each port has a real minimal default today (wire/calls.ts);
 * later rooms replace the default without a change here.
 */
import type {
  AppId,
  AuraId,
  CallId,
  DeviceKey,
  EndpointId,
  InvitationId,
  PersonId,
  RingId,
} from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import type { NewEvent, StreamEvent } from '../endpoints/model.ts';
import type { InvitationPatch } from './call-machine.ts';
import type { Call, CallView, EndReason, Invitation, Media, Ring, StopReason } from './model.ts';
import type { Candidate, PlannedRing } from './ring-planner.ts';

export interface Person {
  readonly personId: PersonId;
  readonly auraId: AuraId;
  readonly displayName: string | null;
}

/** Who is behind an address. */
export interface Directory {
  findPerson(tx: Tx, auraId: AuraId): Promise<Person | null>;
  getPerson(tx: Tx, personId: PersonId): Promise<Person>;
}

/** Whether a call may ring: privacy, trust, do-not-disturb. A refused call still looks like one that rings. */
export interface CallGate {
  admits(caller: Person, callee: Person): Promise<boolean>;
}

/** Reaches endpoints without a socket (push). The default has no way to. */
export interface Ringer {
  ring(tx: Tx, rings: readonly { ringId: RingId; endpointId: EndpointId }[]): Promise<void>;
}

/** Writes the call into Matrix for clients that know nothing of us. The default writes nothing. */
export interface CallMirror {
  changed(tx: Tx, call: Call, invitation: Invitation): Promise<void>;
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
  readonly ringTimeoutSeconds: number;
}

/** A call with its one invitation and both names, as the use cases need it. */
export interface CallRecord {
  readonly call: Call;
  readonly invitation: Invitation;
  readonly alerting: boolean;
  readonly callerDisplayName: string | null;
  readonly calleeDisplayName: string | null;
}

/** A ring that has just been told to stop. */
export interface StoppedRing {
  readonly ringId: RingId;
  readonly endpointId: EndpointId;
}

export interface CallStore {
  /** Serialises calls between two people until the end of the transaction, whoever calls whom. */
  lockPair(tx: Tx, a: PersonId, b: PersonId): Promise<void>;
  /** What placing needs, in one round trip. */
  findPlacingFacts(
    tx: Tx,
    callerEndpointId: EndpointId,
    callerPersonId: PersonId,
    calleePersonId: PersonId,
    idempotencyKey: string,
  ): Promise<{
    readonly existingCallId: CallId | null;
    readonly callsLastMinute: number;
    /** The callee's own call that is ringing the caller right now, if any. */
    readonly opposite: CallId | null;
    readonly app: AppInfo;
  }>;
  findCandidates(tx: Tx, callee: PersonId, limit: number): Promise<Candidate[]>;
  /** Inserts call and invitation; returns when its ringing ends, by the database's clock. */
  insertCall(tx: Tx, call: NewCall): Promise<{ deadlineAt: Date; createdAt: Date }>;
  insertRings(
    tx: Tx,
    invitationId: InvitationId,
    rings: readonly (PlannedRing & { readonly ringId: RingId })[],
    ackTimeoutMs: number,
  ): Promise<void>;

  findRecord(tx: Tx, callId: CallId): Promise<CallRecord | null>;
  getRecordByInvitation(tx: Tx, invitationId: InvitationId): Promise<CallRecord>;
  findRing(tx: Tx, ringId: RingId): Promise<(Ring & { readonly callId: CallId }) | null>;
  findCallByRoom(tx: Tx, room: string): Promise<CallId | null>;

  /**
   * The one conditional UPDATE: from `patch.from` to `patch.to`, the call's own state with it. False when the
   * invitation is no longer in `patch.from`, or when `patch.beforeDeadline` and its deadline has passed.
   */
  transition(tx: Tx, invitationId: InvitationId, patch: InvitationPatch): Promise<boolean>;
  /** Stops every ring of the invitation that has not been stopped; `reasonFor` decides per endpoint. */
  stopRings(
    tx: Tx,
    invitationId: InvitationId,
    acting: EndpointId | null,
    actingReason: StopReason,
    otherReason: StopReason,
  ): Promise<(StoppedRing & { readonly reason: StopReason; readonly state: 'waiting' | 'sent' | 'ringing' })[]>;
  /** Notes which event of each endpoint's log was its stop. */
  setStopSeqs(tx: Tx, stops: readonly { ringId: RingId; seq: number }[]): Promise<void>;

  /** Rings whose event is acknowledged by these marks become `ringing`; returns invitations that now alert first. */
  acknowledgeRings(tx: Tx, marks: ReadonlyMap<EndpointId, number>): Promise<InvitationId[]>;
  /** Notes which event of an endpoint's log was its ring. */
  setRingSeqs(tx: Tx, rings: readonly { ringId: RingId; seq: number }[]): Promise<void>;

  /** Claims rings whose acknowledgement is overdue, and activates the next one on each such device. */
  claimFailovers(
    tx: Tx,
    limit: number,
    ackTimeoutMs: number,
  ): Promise<readonly { readonly invitationId: InvitationId; readonly next: StoppedRing | null }[]>;
  /** Locks and returns invitations whose ringing or media deadline has passed; skips those others hold. */
  claimOverdue(tx: Tx, limit: number): Promise<{ ringing: InvitationId[]; withoutMedia: InvitationId[] }>;
  /** For an endpoint that has just connected: live invitations of its person that do not ring on its device. */
  claimLateRings(
    tx: Tx,
    endpointId: EndpointId,
    ackTimeoutMs: number,
    newRingId: () => RingId,
  ): Promise<readonly { readonly ringId: RingId; readonly invitationId: InvitationId }[]>;

  setRoom(tx: Tx, callId: CallId, room: string): Promise<string>;
  setMediaJoined(tx: Tx, callId: CallId): Promise<void>;
  /** Starts the clock after which a call without media is closed; null stops it. */
  setMediaDeadline(tx: Tx, callId: CallId, seconds: number | null): Promise<void>;
  /** Rooms of calls that are active now. */
  listActiveRooms(tx: Tx): Promise<readonly { callId: CallId; room: string; answeredAt: Date }[]>;
  /** Remembers that this room must be deleted; done by the outbox after commit. */
  enqueueRoomDeletion(tx: Tx, room: string): Promise<void>;

  history(personId: PersonId, before: Date | null, limit: number): Promise<CallRecord[]>;
  setDeviceChoice(personId: PersonId, deviceKey: DeviceKey, appId: AppId | null): Promise<void>;
}

/** Counters and histograms that calls feed. */
export interface CallMetrics {
  placed(media: Media): void;
  ended(reason: EndReason): void;
  answered(ringingMs: number): void;
  failedOver(): void;
}

export type { CallView };
