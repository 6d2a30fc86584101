/**
 * One open socket: what of its endpoint's log it has been sent. Events arrive in order from the wake path; anything
 * that does not follow on is fetched from the log, so a lost wake-up costs time and never an event.
 */
import type { EndpointId } from '../../core/ids.ts';
import {
  CATCH_UP_BATCH,
  CATCH_UP_RETRY_MS,
  CLOSE,
  type EndpointSession,
  SOCKET_BUFFER_MAX_BYTES,
  type StreamEvent,
} from './model.ts';
import type { EventLog } from './ports.ts';

/** What a connection needs of a WebSocket. */
export interface Transport {
  send(text: string): void;
  close(code: number, reason: string): void;
  /** Bytes that the peer has not taken yet. */
  readonly bufferedAmount: number;
}

/** An event with its frame, made once however many sockets get it. */
export interface Outgoing {
  readonly seq: number;
  readonly type: string;
  readonly text: string;
}

export const toOutgoing = (event: Pick<StreamEvent, 'seq' | 'type' | 'data'>): Outgoing => ({
  seq: event.seq,
  type: event.type,
  text: JSON.stringify({ type: event.type, seq: event.seq, data: event.data }),
});

const NONE: readonly number[] = [];

export class Connection {
  readonly socketId: string;
  readonly endpointId: EndpointId;
  readonly session: EndpointSession;
  readonly #transport: Transport;
  readonly #awaitedTypes: ReadonlySet<string>;
  /** Sent, and somebody waits for their acknowledgement. */
  #awaited = NONE;
  #sentSeq: number;
  /** A catch-up is under way; `again` asks it for another look. */
  #catchingUp = false;
  #again = false;
  #closed = false;

  constructor(
    socketId: string,
    session: EndpointSession,
    transport: Transport,
    sentSeq: number,
    awaitedTypes: ReadonlySet<string>,
  ) {
    this.socketId = socketId;
    this.endpointId = session.endpointId;
    this.session = session;
    this.#transport = transport;
    this.#sentSeq = sentSeq;
    this.#awaitedTypes = awaitedTypes;
  }

  get sentSeq(): number {
    return this.#sentSeq;
  }

  /** It was told to close, or its peer has gone. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Whether this acknowledgement covers an event for whose acknowledgement somebody waits; says so once. */
  takeAwaited(seq: number): boolean {
    if (!this.#awaited.some((one) => one <= seq)) return false;
    this.#awaited = this.#awaited.filter((one) => one > seq);
    return true;
  }

  /** An event that has just been committed. */
  offer(outgoing: Outgoing, log: EventLog): void {
    if (outgoing.seq <= this.#sentSeq) return;
    if (outgoing.seq === this.#sentSeq + 1 && !this.#catchingUp) this.#send(outgoing);
    else this.catchUp(log);
  }

  /** Sends what the log has beyond what was sent. A failure is followed by another try. */
  catchUp(log: EventLog): void {
    if (this.#closed) return;
    if (this.#catchingUp) {
      this.#again = true;
      return;
    }
    this.#catchingUp = true;
    void this.#run(log);
  }

  async #run(log: EventLog): Promise<void> {
    try {
      do {
        this.#again = false;
        const events = await log.readAfter(this.endpointId, this.#sentSeq, CATCH_UP_BATCH);
        for (const event of events) this.#send(toOutgoing(event));
        if (events.length === CATCH_UP_BATCH) this.#again = true;
      } while (this.#again && !this.#closed);
    } catch {
      // The database is away or busy. The poll tells of news only, so this connection asks again by itself.
      setTimeout(() => this.catchUp(log), CATCH_UP_RETRY_MS).unref();
    } finally {
      this.#catchingUp = false;
    }
  }

  #send(outgoing: Outgoing): void {
    if (this.#closed || outgoing.seq <= this.#sentSeq) return;
    if (this.#transport.bufferedAmount > SOCKET_BUFFER_MAX_BYTES) {
      this.close(CLOSE.slowConsumer, 'too slow; resume when you can');
      return;
    }
    this.#sentSeq = outgoing.seq;
    if (this.#awaitedTypes.has(outgoing.type)) this.#awaited = [...this.#awaited, outgoing.seq];
    this.#transport.send(outgoing.text);
  }

  close(code: number, reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#transport.close(code, reason);
  }

  /** The peer has gone. */
  gone(): void {
    this.#closed = true;
  }
}
