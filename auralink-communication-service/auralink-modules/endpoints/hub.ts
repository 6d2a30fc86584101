/**
 * All sockets of this process. It hears of committed events from its own transactions at once, from other processes
 * over the wake bus, and from a poll of the log when both failed; and it gathers acknowledgements, so that a busy
 * process writes them in few statements, without delay for those that somebody waits for.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { EndpointId, NewId, ProcessId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import { Connection, type Outgoing, type Transport, toOutgoing } from './connection.ts';
import {
  ACKNOWLEDGE_TELL_MS,
  ACKNOWLEDGE_WRITE_MS,
  CLOSE,
  type EndpointSession,
  type ServerFrame,
  SOCKETS_PER_ENDPOINT_MAX,
  type StreamEvent,
} from './model.ts';
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
  /** Acknowledgements that are to be written. */
  readonly #marks = new Map<EndpointId, number>();
  /** Those of them that somebody waits for. */
  readonly #heard = new Map<EndpointId, number>();
  #telling: Promise<void> | null = null;
  #flushing: Promise<void> | null = null;
  #flushTimer: NodeJS.Timeout | null = null;
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
    const { log, sockets, newId, processId, acknowledgements } = this.#deps;
    const { endpointId } = session;
    // What the page before a reload has acknowledged must not come again.
    await this.#flushing;
    if (this.#marks.has(endpointId)) await this.#flushNow();
    const position = await log.getPosition(endpointId);
    const resumed = await this.#canResume(endpointId, hello.lastSeq, position.lastSeq);
    const from = resumed ? (hello.lastSeq ?? 0) : position.acknowledgedSeq;
    const socketId: string = newId();
    const connection = new Connection(socketId, session, transport, from, acknowledgements.awaited);
    await sockets.addSocket(socketId, endpointId, processId, hello.focused === true);
    const welcome: ServerFrame = { type: 'welcome', endpointId, seq: from, resumed };
    transport.send(JSON.stringify(welcome));
    this.#add(connection);
    this.#deps.counts.socketOpened();
    connection.catchUp(log);
    // Its acknowledgement may have been lost with the connection or the process that held it.
    if (resumed) this.acknowledge(connection, from);
    else {
      // A page that starts afresh must also show what an earlier page of this endpoint has acknowledged.
      this.#deps.connections
        .connected(session, from)
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
    if (this.#marks.has(connection.endpointId)) void this.#flushNow();
    await this.#deps.sockets.removeSocket(connection.socketId, connection.endpointId);
  }

  /** The peer has handled everything up to `seq`. */
  acknowledge(connection: Connection, seq: number): void {
    const { endpointId } = connection;
    this.#mark(endpointId, seq);
    if (!connection.takeAwaited(seq)) return;
    this.#heard.set(endpointId, seq);
    this.#telling ??= this.#tell();
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
    await this.#telling;
    await this.#flushing;
    await this.#flushNow();
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
    if (message.kind === 'identity_changed') return;
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

  #mark(endpointId: EndpointId, seq: number): void {
    this.#marks.set(endpointId, Math.max(seq, this.#marks.get(endpointId) ?? 0));
    this.#flushTimer ??= setTimeout(() => void this.#flushNow(), ACKNOWLEDGE_WRITE_MS);
  }

  /** The first is told at once; what comes while it is told, or shortly after, goes into the next. */
  async #tell(): Promise<void> {
    while (this.#heard.size > 0) {
      const marks = new Map(this.#heard);
      this.#heard.clear();
      try {
        // Whatever it passed over is among the marks that are told again with the next write.
        await this.#deps.acknowledgements.acknowledged(marks);
      } catch (err) {
        this.#deps.logger.warn({ err, endpoints: marks.size }, 'acknowledgements are told later');
      }
      if (!this.#stopping) await delay(ACKNOWLEDGE_TELL_MS);
    }
    this.#telling = null;
  }

  /** Writes what is waiting; one write under way at a time. Never rejects. */
  #flushNow(): Promise<void> {
    if (this.#flushTimer !== null) clearTimeout(this.#flushTimer);
    this.#flushTimer = null;
    if (this.#flushing === null && this.#marks.size > 0) this.#flushing = this.#flush();
    return this.#flushing ?? Promise.resolve();
  }

  async #flush(): Promise<void> {
    const marks = new Map(this.#marks);
    this.#marks.clear();
    try {
      const told = await this.#deps.acknowledgements.acknowledged(marks);
      const busy = await this.#deps.log.acknowledge(marks);
      for (const [endpointId, seq] of told ? busy : marks) this.#mark(endpointId, seq);
    } catch (err) {
      // The database is away: peers do not say it twice, so we do.
      for (const [endpointId, seq] of marks) this.#mark(endpointId, seq);
      this.#deps.logger.warn({ err, endpoints: marks.size }, 'acknowledgements could not be written yet');
    }
    this.#flushing = null;
    // What came meanwhile found this write under way.
    if (this.#marks.size > 0)
      this.#flushTimer ??= setTimeout(() => void this.#flushNow(), ACKNOWLEDGE_WRITE_MS);
  }
}
