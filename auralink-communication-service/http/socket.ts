/**
 * The socket of endpoints, `/_auralink/v1/socket`: it takes the token in its first frame, checks the Origin, and then
 * only carries frames between a browser and the hub.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type RawData, type ServerOptions, type WebSocket, WebSocketServer } from 'ws';
import type { Connection } from '../auralink-modules/endpoints/connection.ts';
import { FocusWriter } from '../auralink-modules/endpoints/focus.ts';
import type { SocketHub } from '../auralink-modules/endpoints/hub.ts';
import {
  CLOSE,
  type ClientFrame,
  clientFrameSchema,
  HELLO_TIMEOUT_MS,
  SOCKET_CLOSE_TIMEOUT_MS,
  SOCKET_FRAME_MAX_BYTES,
  SOCKET_PING_SECONDS,
} from '../auralink-modules/endpoints/model.ts';
import type { AuthenticateEndpoint } from '../auralink-modules/endpoints/ports.ts';
import { AuraError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';

export const SOCKET_PATH = '/_auralink/v1/socket';
/** Sockets of one process; further ones are refused with 503. */
export const SOCKETS_MAX = 50_000;

export interface SocketDeps {
  readonly hub: SocketHub;
  readonly authenticate: AuthenticateEndpoint;
  /** Hosts (with port) that serve an app's pages and nothing else. */
  readonly appHosts: ReadonlySet<string>;
  readonly logger: Log;
}

interface Peer extends WebSocket {
  /** Answered the last ping. */
  alive?: boolean;
}

export interface SocketServer {
  /** Stops accepting and ends what is still open. */
  close(): void;
}

export function attachSocketServer(server: Server, deps: SocketDeps): SocketServer {
  // ws takes closeTimeout; its types do not know it yet.
  const options: ServerOptions & { closeTimeout: number } = {
    noServer: true,
    maxPayload: SOCKET_FRAME_MAX_BYTES,
    perMessageDeflate: false,
    clientTracking: true,
    closeTimeout: SOCKET_CLOSE_TIMEOUT_MS,
  };
  const sockets = new WebSocketServer(options);
  const onUpgrade = (request: IncomingMessage, raw: Duplex, head: Buffer) => {
    const isOurs = !deps.appHosts.has(request.headers.host ?? '');
    if (!isOurs || request.url?.split('?')[0] !== SOCKET_PATH) return refuse(raw, '404 Not Found');
    if (deps.hub.stopping || sockets.clients.size >= SOCKETS_MAX)
      return refuse(raw, '503 Service Unavailable');
    sockets.handleUpgrade(request, raw, head, (peer) => serve(peer, request.headers.origin, deps));
  };
  server.on('upgrade', onUpgrade);
  // One timer for all sockets: a timer for each would cost more memory than the socket.
  const ping = setInterval(() => pingAll(sockets.clients), SOCKET_PING_SECONDS * 1_000);
  ping.unref();
  return {
    close: () => {
      clearInterval(ping);
      server.off('upgrade', onUpgrade);
      for (const peer of sockets.clients) peer.terminate();
      sockets.close();
    },
  };
}

function refuse(raw: Duplex, status: string): void {
  raw.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function pingAll(peers: Set<Peer>): void {
  for (const peer of peers) {
    if (peer.alive === false) {
      peer.terminate();
      continue;
    }
    peer.alive = false;
    peer.ping();
  }
}

function serve(peer: Peer, origin: string | undefined, deps: SocketDeps): void {
  let connection: Connection | null = null;
  let greeted = false;
  const focus = new FocusWriter(async (focused) => {
    if (connection !== null) await deps.hub.setFocus(connection.endpointId, focused);
  });
  const timer = setTimeout(() => peer.close(CLOSE.helloTimeout, 'say hello first'), HELLO_TIMEOUT_MS);
  peer.on('pong', () => {
    peer.alive = true;
  });
  peer.on('error', () => peer.terminate());
  peer.on('close', () => {
    clearTimeout(timer);
    focus.stop();
    if (connection !== null) leave(connection, deps);
  });
  peer.on('message', (raw, isBinary) => {
    peer.alive = true;
    const frame = isBinary ? null : findFrame(raw);
    if (frame === null) return peer.close(CLOSE.badFrame, 'not a frame of this protocol');
    if (frame.type === 'hello') {
      if (greeted) return peer.close(CLOSE.badFrame, 'one hello is enough');
      greeted = true;
      clearTimeout(timer);
      void welcome(peer, origin, frame, deps).then((opened) => {
        connection = opened;
        // The peer may have left while we looked things up.
        if (opened !== null && peer.readyState > peer.OPEN) leave(opened, deps);
      });
      return;
    }
    if (connection === null) return peer.close(CLOSE.badFrame, 'say hello first');
    if (frame.type === 'ack') deps.hub.acknowledge(connection, Math.min(frame.seq, connection.sentSeq));
    else focus.set(frame.focused);
  });
}

function findFrame(raw: RawData): ClientFrame | null {
  try {
    return clientFrameSchema.safeParse(JSON.parse(raw.toString())).data ?? null;
  } catch {
    return null;
  }
}

async function welcome(
  peer: Peer,
  origin: string | undefined,
  hello: Extract<ClientFrame, { type: 'hello' }>,
  deps: SocketDeps,
): Promise<Connection | null> {
  try {
    const session = await deps.authenticate(hello.token);
    if (origin !== undefined && !session.origins.includes(origin)) {
      peer.close(CLOSE.forbidden, 'this origin is not one of the app');
      return null;
    }
    return await deps.hub.connect(session, hello, peer);
  } catch (error) {
    if (error instanceof AuraError && error.code === 'unauthenticated') {
      peer.close(CLOSE.unauthenticated, 'the token is not valid');
    } else {
      deps.logger.warn({ err: error }, 'a socket could not be welcomed');
      peer.close(CLOSE.serverStopping, 'not available at the moment; try again');
    }
    return null;
  }
}

function leave(connection: Connection, deps: SocketDeps): void {
  deps.hub
    .disconnect(connection)
    // A row that stays behind is dropped with its process; until then the endpoint merely looks connected.
    .catch((err) =>
      deps.logger.warn({ err, endpointId: connection.endpointId }, 'a closed socket was not noted'),
    );
}
