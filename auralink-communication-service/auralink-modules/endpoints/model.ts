/**
 * Endpoints: one app on one device of one person, and the event log that tells it what to do. The frames here are the
 * whole language of the socket `/_auralink/v1/socket`; auralink-client speaks the same.
 */
import { z } from 'zod';
import type { AppId, DeviceKey, EndpointId, PersonId } from '../../core/ids.ts';

/** A client must say hello within this time of opening its socket. */
export const HELLO_TIMEOUT_MS = 5_000;
/** How long a disconnected endpoint's events wait for it, without loss. */
export const RESUME_WINDOW_SECONDS = 120;
/** A stop that is not acknowledged is kept this long. */
export const UNACKNOWLEDGED_KEPT_DAYS = 7;
/** Sockets of a process without a heartbeat for this long count as closed. */
export const PROCESS_STALE_SECONDS = 10;
/** How often a process says that it lives. */
export const HEARTBEAT_SECONDS = 2;
/** After acknowledgements that somebody waits for were told, the next ones are gathered for so long. */
export const ACKNOWLEDGE_TELL_MS = 25;
/** Acknowledgements that nobody waits for are gathered for so long before they are written. */
export const ACKNOWLEDGE_WRITE_MS = 250;
/** Events read from the log at a time when a socket catches up. */
export const CATCH_UP_BATCH = 200;
/** Pause before a socket that could not catch up tries again. */
export const CATCH_UP_RETRY_MS = 1_000;
/** A larger frame of a client closes its socket. */
export const SOCKET_FRAME_MAX_BYTES = 8_192;
/** How often a socket is pinged; one that misses a whole turn is closed. */
export const SOCKET_PING_SECONDS = 25;
/** Bytes waiting in a slow socket before it is closed; its log keeps everything. */
export const SOCKET_BUFFER_MAX_BYTES = 1_048_576;
/** A peer that does not answer our closing is cut off after this. */
export const SOCKET_CLOSE_TIMEOUT_MS = 5_000;
/** Open sockets of one endpoint (tabs) in one process; the oldest is closed above it. */
export const SOCKETS_PER_ENDPOINT_MAX = 8;

export const SCOPES = [
  'call.place',
  'call.receive',
  'profile.read',
  'contacts.read',
  'contacts.write',
  'notify.send',
  // What only the phone gets: names, privacy, sessions, personal data.
  'account.manage',
] as const;
export type Scope = (typeof SCOPES)[number];

export interface App {
  readonly appId: AppId;
  readonly name: string;
  /** An emoji or a path on our origin. */
  readonly icon: string;
  readonly origins: readonly string[];
  readonly redirectUris: readonly string[];
  readonly scopes: readonly Scope[];
}

/** Who is behind a valid endpoint token. */
export interface EndpointSession {
  readonly endpointId: EndpointId;
  readonly personId: PersonId;
  readonly appId: AppId;
  readonly deviceKey: DeviceKey;
  readonly scopes: ReadonlySet<Scope>;
  /** The app's web origins; a request or socket with another `Origin` is refused. */
  readonly origins: readonly string[];
}

/** An event to be written to an endpoint's log. `data` is what its app sees. */
export interface NewEvent {
  readonly endpointId: EndpointId;
  readonly type: string;
  readonly data: object;
}

export interface StreamEvent extends NewEvent {
  /** 1, 2, 3 … without a gap. */
  readonly seq: number;
}

export const clientFrameSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('hello'),
    token: z.string().min(1).max(4096),
    /** The last seq that this page has handled; absent: begin at what is still unacknowledged. */
    lastSeq: z.int().min(0).optional(),
    focused: z.boolean().optional(),
  }),
  /** Everything up to `seq` has been handled: a ring up to here is being shown, a stop has been obeyed. */
  z.strictObject({ type: z.literal('ack'), seq: z.int().min(0) }),
  z.strictObject({ type: z.literal('focus'), focused: z.boolean() }),
]);
export type ClientFrame = z.output<typeof clientFrameSchema>;

export type ServerFrame =
  | {
      readonly type: 'welcome';
      readonly endpointId: EndpointId;
      readonly seq: number;
      readonly resumed: boolean;
    }
  | { readonly type: string; readonly seq: number; readonly data: object };

/** WebSocket close codes of ours (RFC 6455, 7.4.2: 4000–4999 are private). */
export const CLOSE = {
  badFrame: 4400,
  unauthenticated: 4401,
  forbidden: 4403,
  helloTimeout: 4408,
  tooManySockets: 4429,
  signedOut: 4440,
  slowConsumer: 4413,
  serverStopping: 1012,
} as const;
