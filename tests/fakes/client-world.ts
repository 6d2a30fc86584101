/** An SDK endpoint over fakes, signed in unless told otherwise, and the little that its tests say again and again. */
import { setImmediate } from 'node:timers/promises';
import {
  type AuraLink,
  createAuraLink,
  type KeyValueStorage,
  memoryStorage,
  type RingView,
} from '../../auralink-client/index.ts';
import { APP_ID, BASE_URL, FakeService } from './client-service.ts';
import { type FakeSocket, fakeSockets } from './client-socket.ts';

export interface ClientWorld {
  readonly auralink: AuraLink;
  readonly service: FakeService;
  readonly sockets: FakeSocket[];
  readonly storage: KeyValueStorage;
  /** The newest socket. */
  socket(): FakeSocket;
}

export function clientWorld(
  options: { signedIn?: boolean; storage?: KeyValueStorage; service?: FakeService } = {},
): ClientWorld {
  const service = options.service ?? new FakeService();
  const storage = options.storage ?? memoryStorage();
  const { WebSocket, sockets } = fakeSockets();
  const auralink = createAuraLink({
    baseUrl: BASE_URL,
    appId: APP_ID,
    redirectUri: 'https://chat.example/',
    storage,
    fetch: service.fetch,
    WebSocket,
  });
  if (options.signedIn !== false) {
    const tokens = service.issueTokens();
    auralink.adoptSession({
      accessToken: tokens.access_token,
      refreshToken: tokens.refresh_token,
      expiresAtMs: Date.now() + tokens.expires_in * 1000,
      scope: '',
      clockOffsetMs: 0,
    });
  }
  const socket = (): FakeSocket => {
    const newest = sockets.at(-1);
    if (newest === undefined) throw new Error('The SDK has not opened a socket.');
    return newest;
  };
  return { auralink, service, sockets, storage, socket };
}

/** Lets everything that needs no timer come to rest. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await setImmediate();
}

export function ringView(ringId: string, deadlineInMs = 45_000): RingView {
  return {
    ringId,
    callId: `call-of-${ringId}`,
    invitationId: `invitation-of-${ringId}`,
    from: { auraId: '@bob.aura', displayName: 'Bob' },
    fromApp: { appId: 'market', name: 'Market', icon: '🛍️' },
    media: 'audio',
    deadlineAt: new Date(Date.now() + deadlineInMs).toISOString(),
  };
}

export function ringEvent(seq: number, ringId: string, deadlineInMs?: number): object {
  return { type: 'ring', seq, data: ringView(ringId, deadlineInMs) };
}

export function stopEvent(seq: number, ringId: string, reason: string): object {
  const data = { ringId, callId: `call-of-${ringId}`, invitationId: `invitation-of-${ringId}`, reason };
  return { type: 'ring.stopped', seq, data };
}
