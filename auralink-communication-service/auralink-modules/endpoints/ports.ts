/** What the endpoints room needs from outside: the rows, the log, and a bus that wakes other processes. */
import type { EndpointId, PersonId, ProcessId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import type { EndpointSession, NewEvent, StreamEvent } from './model.ts';

export interface StreamPosition {
  readonly lastSeq: number;
  readonly acknowledgedSeq: number;
}

/** Where a poll for committed events stands: PostgreSQL's transaction horizon, as text. */
export type PollCursor = string;

export interface EventLog {
  /**
   * Appends in the caller's transaction, numbering each endpoint's events in the order given, and announces them to
   * sockets once the transaction has been committed. Endpoints that are gone or revoked are left out.
   */
  append(tx: Tx, events: readonly NewEvent[]): Promise<StreamEvent[]>;
  /** Makes the stream if it is missing. */
  getPosition(endpointId: EndpointId): Promise<StreamPosition>;
  /** Events after `afterSeq`, oldest first, at most `limit`. */
  readAfter(endpointId: EndpointId, afterSeq: number, limit: number): Promise<StreamEvent[]>;
  /** The oldest number that is still kept, or null when the log is empty. */
  findOldestSeq(endpointId: EndpointId): Promise<number | null>;
  /**
   * Moves the marks forward, never back, never beyond the end of the log. Logs that are being written at this moment
   * are passed over; returns their marks, for another try.
   */
  acknowledge(marks: ReadonlyMap<EndpointId, number>): Promise<ReadonlyMap<EndpointId, number>>;
  /** Endpoints whose log grew since `cursor` (by commit, without a gap), and where to go on. */
  pollGrown(cursor: PollCursor | null): Promise<{ grown: Map<EndpointId, number>; cursor: PollCursor }>;
  /** Deletes what nobody will ask for again; returns how many rows went. */
  prune(): Promise<number>;
}

export interface SocketStore {
  /** True when the process was not known: at its start, or when it had been taken for dead. */
  heartbeat(processId: ProcessId): Promise<boolean>;
  /** Deletes stale processes and, with them, their sockets. */
  dropStaleProcesses(): Promise<number>;
  dropProcess(processId: ProcessId): Promise<void>;
  addSocket(socketId: string, endpointId: EndpointId, processId: ProcessId, focused: boolean): Promise<void>;
  /** Also notes when the endpoint's last socket closed. */
  removeSocket(socketId: string, endpointId: EndpointId): Promise<void>;
  setFocus(endpointId: EndpointId, focused: boolean): Promise<void>;
  /** Which of these have been signed out. */
  findRevoked(endpointIds: readonly EndpointId[]): Promise<EndpointId[]>;
}

export type WakeMessage =
  | {
      readonly kind: 'event';
      readonly endpointId: EndpointId;
      readonly seq: number;
      /** Absent when the event was too large for the bus: read it from the log. */
      readonly event?: { readonly type: string; readonly data: object };
    }
  | { readonly kind: 'endpoint_revoked'; readonly endpointId: EndpointId }
  /** For the identity room: what is remembered of these people is out of date. */
  | { readonly kind: 'identity_changed'; readonly personIds: readonly PersonId[] };

/** Tells other processes what to look at. It may lose messages: a poll of the log makes up for that. */
export interface WakeBus {
  /** Never throws, never waits; coalesces what comes while a publish is under way. */
  publish(messages: readonly WakeMessage[]): void;
  /** Messages of other processes only. */
  subscribe(handler: (messages: readonly WakeMessage[]) => void): void;
}

/** Turns an endpoint token into a session. Throws `unauthenticated`. */
export type AuthenticateEndpoint = (token: string) => Promise<EndpointSession>;

/** Told when an endpoint confirmed everything up to `seq`; the calls room learns so that its rings are shown. */
export interface AcknowledgementListener {
  /** Types of events whose acknowledgement somebody waits for. */
  readonly awaited: ReadonlySet<string>;
  /**
   * Told at once of an awaited event, and of every event a little later. False when it passed over what others were
   * changing at that moment: it wants to be told again.
   */
  acknowledged(marks: ReadonlyMap<EndpointId, number>): Promise<boolean>;
}

/** Told when a page of a person's endpoint begins afresh: from `fromSeq` on, its log tells it everything. */
export interface ConnectionListener {
  connected(
    session: { readonly endpointId: EndpointId; readonly personId: PersonId },
    fromSeq: number,
  ): Promise<void>;
}

export interface SocketCounts {
  socketOpened(): void;
  socketClosed(): void;
}
