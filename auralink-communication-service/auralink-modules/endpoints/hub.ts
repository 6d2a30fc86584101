/**
 * All sockets of this process. It hears of committed events from its own transactions at once, from other processes
 * over the wake bus, and from a poll of the log when both failed; and it gathers acknowledgements, so that a busy
 * process writes them in few statements.
 */
import type { EndpointId, NewId, ProcessId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import { Connection, type Outgoing, type Transport, toOutgoing } from './connection.ts';
import { CLOSE, type EndpointSession, SOCKETS_PER_ENDPOINT_MAX, type StreamEvent } from './model.ts';
import type {
  AcknowledgementListener,
  ConnectionListener,
  EventLog,
  PollCursor,
  SocketCounts,
  SocketStore,
  WakeBus,
  WakeMessage,
} from './ports.ts';

export interface HubDeps {
  readonly processId: ProcessId;
  readonly newId: NewId;
  readonly log: EventLog;
  readonly sockets: SocketStore;
  readonly bus: WakeBus;
  readonly acknowledgements: AcknowledgementListener;
  readonly connections: ConnectionListener;
  readonly counts: SocketCounts;
  readonly logger: Log;
}

export interface Hello {
  readonly lastSeq?: number | undefined;
  readonly focused?: boolean | undefined;
}

export class SocketHub {
  readonly #deps: HubDeps;
  readonly #byEndpoint = new Map<EndpointId, Connection[]>();
  readonly #marks = new Map<EndpointId, number>();
  #flushing: Promise<void> | null = null;
  #cursor: PollCursor | null = null;
  #stopping = false;

  constructor(deps: HubDeps) {
    this.#deps = deps;
    deps.bus.subscribe((messages) => {
      for (const message of messages) this.#wake(message);
    });
  }

  /** Called after every commit of this process: tells its own sockets and the other processes. */
  committed(events: readonly StreamEvent[]): void {
    if (events.length === 0) return;
    const messages = events.map(
      ({ endpointId, seq, type, data }): WakeMessage => ({
        kind: 'event',
        endpointId,
        seq,
        event: { type, data },
      }),
    );
    for (const event of events) this.#deliver(event.endpointId, toOutgoing(event));
    this.#deps.bus.publish(messages);
  }

  /** An endpoint was signed out: its sockets close, here and everywhere. */
  revoked(endpointId: EndpointId): void {
    this.#closeAll(endpointId);
    this.#deps.bus.publish([{ kind: 'endpoint_revoked', endpointId }]);
  }

  /** Registers an authenticated socket, welcomes it and sends what it missed. Throws `unavailable`. */
  async connect(session: EndpointSession, hello: Hello, transport: Transport): Promise<Connection> {
    const { log, sockets, newId, processId } = this.#deps;
    const { endpointId } = session;
    const position = await log.getPosition(endpointId);
    const resumed = await this.#canResume(endpointId, hello.lastSeq, position.lastSeq);
    const from = resumed ? (hello.lastSeq ?? 0) : position.acknowledgedSeq;
    const socketId: string = newId();
    const connection = new Connection(socketId, session, transport, from);
    await sockets.addSocket(socketId, endpointId, processId, hello.focused === true);
    transport.send(JSON.stringify({ type: 'welcome', endpointId, seq: from, resumed }));
    this.#add(connection);
    this.#deps.counts.socketOpened();
    connection.catchUp(log);
    // Its acknowledgement may have been lost with the connection or the process that held it.
    if (resumed) this.acknowledge(endpointId, from);
    else {
      // A page that starts afresh must also show what an earlier page of this endpoint has acknowledged.
      this.#deps.connections
        .connected(session)
        .catch((err) => this.#deps.logger.warn({ err, endpointId }, 'live rings could not be shown again'));
    }
    return connection;
  }

  async disconnect(connection: Connection): Promise<void> {
    connection.gone();
    this.#deps.counts.socketClosed();
    const rest = (this.#byEndpoint.get(connection.endpointId) ?? []).filter((other) => other !== connection);
    if (rest.length === 0) this.#byEndpoint.delete(connection.endpointId);
    else this.#byEndpoint.set(connection.endpointId, rest);
    await this.#deps.sockets.removeSocket(connection.socketId, connection.endpointId);
  }

  acknowledge(endpointId: EndpointId, seq: number): void {
    if (seq <= (this.#marks.get(endpointId) ?? 0)) return;
    this.#marks.set(endpointId, seq);
    this.#flushing ??= this.#flush();
  }

  async setFocus(endpointId: EndpointId, focused: boolean): Promise<void> {
    await this.#deps.sockets.setFocus(endpointId, focused);
  }

  /** Writes the rows of all open sockets again. */
  async announceSockets(): Promise<void> {
    const { sockets, processId } = this.#deps;
    for (const connections of this.#byEndpoint.values()) {
      for (const { socketId, endpointId } of connections) {
        await sockets.addSocket(socketId, endpointId, processId, false);
      }
    }
  }

  /** Finds what neither a commit of ours nor the bus told us. */
  async poll(): Promise<void> {
    const { grown, cursor } = await this.#deps.log.pollGrown(this.#cursor);
    this.#cursor = cursor;
    for (const [endpointId, seq] of grown) {
      for (const connection of this.#byEndpoint.get(endpointId) ?? []) {
        if (connection.sentSeq < seq) connection.catchUp(this.#deps.log);
      }
    }
  }

  /** Closes sockets of endpoints that were signed out while the bus was deaf. */
  async closeRevoked(): Promise<void> {
    const endpointIds = [...this.#byEndpoint.keys()];
    if (endpointIds.length === 0) return;
    for (const endpointId of await this.#deps.sockets.findRevoked(endpointIds)) this.#closeAll(endpointId);
  }

  /** Asks every client to go to another process; waits for acknowledgements that are on their way. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const connections of this.#byEndpoint.values()) {
      for (const connection of connections)
        connection.close(CLOSE.serverStopping, 'the service restarts; come back');
    }
    await this.#flushing;
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  async #canResume(endpointId: EndpointId, lastSeq: number | undefined, end: number): Promise<boolean> {
    if (lastSeq === undefined || lastSeq > end) return false;
    if (lastSeq === end) return true;
    const oldest = await this.#deps.log.findOldestSeq(endpointId);
    return oldest !== null && oldest <= lastSeq + 1;
  }

  #add(connection: Connection): void {
    const connections = this.#byEndpoint.get(connection.endpointId) ?? [];
    this.#byEndpoint.set(connection.endpointId, [...connections, connection]);
    // Those that were told to close stay in the list until their peers have gone.
    const open = [...connections, connection].filter((one) => !one.closed);
    for (const oldest of open.slice(0, -SOCKETS_PER_ENDPOINT_MAX)) {
      oldest.close(CLOSE.tooManySockets, `at most ${SOCKETS_PER_ENDPOINT_MAX} sockets an endpoint`);
    }
  }

  #wake(message: WakeMessage): void {
    if (message.kind === 'endpoint_revoked') {
      this.#closeAll(message.endpointId);
    } else if (message.event !== undefined) {
      if (this.#byEndpoint.has(message.endpointId)) {
        this.#deliver(message.endpointId, toOutgoing({ seq: message.seq, ...message.event }));
      }
    } else {
      for (const connection of this.#byEndpoint.get(message.endpointId) ?? [])
        connection.catchUp(this.#deps.log);
    }
  }

  #deliver(endpointId: EndpointId, outgoing: Outgoing): void {
    for (const connection of this.#byEndpoint.get(endpointId) ?? [])
      connection.offer(outgoing, this.#deps.log);
  }

  #closeAll(endpointId: EndpointId): void {
    for (const connection of this.#byEndpoint.get(endpointId) ?? []) {
      connection.close(CLOSE.signedOut, 'signed out');
    }
  }

  /** One write under way at a time; what comes meanwhile goes into the next. */
  async #flush(): Promise<void> {
    while (this.#marks.size > 0) {
      const marks = new Map(this.#marks);
      this.#marks.clear();
      try {
        await this.#deps.acknowledgements.acknowledged(marks);
        await this.#deps.log.acknowledge(marks);
      } catch (err) {
        // Unacknowledged events are sent again when the endpoint comes back; nothing is lost.
        this.#deps.logger.warn({ err, endpoints: marks.size }, 'acknowledgements could not be written');
      }
    }
    this.#flushing = null;
  }
}
