/**
 * The peer of the ring: two Matrix accounts in one room, one that sends `m.call.invite` and one that waits for it in
 * /sync, straight at Synapse, with everything in the peer's favour: no rate limit, a filter that leaves only the room's
 * timeline, connections kept open, the long poll always waiting.
 */
import { randomUUID } from 'node:crypto';
import { Client } from 'undici';
import type { Constellation } from '../auralink-communication-service/launcher/constellation.ts';
import { makeDashboardToken } from '../auralink-communication-service/launcher/dashboard-token.ts';
import { ADMIN_LOCALPART } from '../auralink-communication-service/launcher/first-start.ts';

const CLIENT_API = '/_matrix/client/v3';
const LONG_POLL_MS = 30_000;
const WAIT_MS = 10_000;
/** About what a browser offers for an audio call. */
const SDP = `v=0\r\n${'a=rtpmap:111 opus/48000/2\r\n'.repeat(60)}`;

export interface MatrixPair {
  /** Milliseconds from sending the PUT until the event has been parsed from the other's /sync. */
  ring(): Promise<number>;
  close(): Promise<void>;
}

interface Account {
  readonly userId: string;
  readonly token: string;
}

interface SyncAnswer {
  readonly next_batch: string;
  readonly rooms?: {
    readonly join?: Record<
      string,
      { readonly timeline?: { readonly events?: readonly { type: string; content: { call_id?: string } }[] } }
    >;
  };
}

export async function openMatrixPair(constellation: Constellation): Promise<MatrixPair> {
  const sender = new Client(constellation.urls.synapse);
  const receiver = new Client(constellation.urls.synapse, { headersTimeout: LONG_POLL_MS * 2 });
  const [alice, bob] = await makeAccounts(constellation, sender);
  const room = await makeRoom(sender, alice, bob);
  const inbox = new Inbox(receiver, bob, room);
  await inbox.start();
  return {
    ring: async () => {
      const callId = randomUUID();
      const arrived = inbox.waitFor(callId);
      const sentMs = performance.now();
      const [atMs] = await Promise.all([
        arrived,
        call(sender, 'PUT', `/rooms/${encodeURIComponent(room)}/send/m.call.invite/${callId}`, alice.token, {
          call_id: callId,
          party_id: 'bench',
          version: '1',
          lifetime: 60_000,
          offer: { type: 'offer', sdp: SDP },
        }),
      ]);
      return atMs - sentMs;
    },
    close: async () => {
      inbox.stop();
      await Promise.all([sender.close(), receiver.destroy()]);
    },
  };
}

/** Registered through our own API, then signed in by the application service. */
async function makeAccounts(constellation: Constellation, client: Client): Promise<[Account, Account]> {
  const admin = await call<{ access_token: string }>(client, 'POST', '/login', null, {
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user: ADMIN_LOCALPART },
    password: constellation.secret('SYNAPSE_ADMIN_PASSWORD'),
  });
  const make = async (name: string): Promise<Account> => {
    const userId = await register(constellation, name);
    const signedIn = await call<{ access_token: string }>(
      client,
      'POST',
      '/login',
      constellation.secret('APPSERVICE_AS_TOKEN'),
      { type: 'm.login.application_service', identifier: { type: 'm.id.user', user: userId } },
    );
    const path = `/_synapse/admin/v1/users/${encodeURIComponent(userId)}/override_ratelimit`;
    await send(client, 'POST', path, admin.access_token, { messages_per_second: 0, burst_count: 0 });
    return { userId, token: signedIn.access_token };
  };
  return [await make('benchcaller'), await make('benchcallee')];
}

async function register(constellation: Constellation, name: string): Promise<string> {
  const token = await makeDashboardToken(constellation.settings, 'matrix.register');
  const response = await fetch(`${constellation.urls.public}/internal/matrix/register`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ dashboardUserId: `bench-${name}`, auraId: `@${name}.aura` }),
  });
  const body = (await response.json()) as { matrixUserId?: string };
  if (body.matrixUserId === undefined) {
    throw new Error(`@${name}.aura was not registered: ${response.status} ${JSON.stringify(body)}`);
  }
  return body.matrixUserId;
}

async function makeRoom(client: Client, owner: Account, guest: Account): Promise<string> {
  const { room_id: room } = await call<{ room_id: string }>(client, 'POST', '/createRoom', owner.token, {
    preset: 'trusted_private_chat',
    is_direct: true,
    invite: [guest.userId],
  });
  await call(client, 'POST', `/rooms/${encodeURIComponent(room)}/join`, guest.token, {});
  return room;
}

/** A client that always waits for news of one room. */
class Inbox {
  readonly #client: Client;
  readonly #account: Account;
  readonly #room: string;
  readonly #waiting = new Map<string, (atMs: number) => void>();
  #since = '';
  #stopped = false;
  #failure: Error | null = null;

  constructor(client: Client, account: Account, room: string) {
    this.#client = client;
    this.#account = account;
    this.#room = room;
  }

  async start(): Promise<void> {
    this.#since = (await this.#sync(0)).next_batch;
    void this.#run();
  }

  stop(): void {
    this.#stopped = true;
  }

  /** performance.now() when the invitation to this call had been parsed. */
  waitFor(callId: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(this.#failure ?? new Error(`no m.call.invite came within ${WAIT_MS} ms`)),
        WAIT_MS,
      );
      this.#waiting.set(callId, (atMs) => {
        clearTimeout(timer);
        this.#waiting.delete(callId);
        resolve(atMs);
      });
    });
  }

  async #run(): Promise<void> {
    try {
      while (!this.#stopped) {
        const answer = await this.#sync(LONG_POLL_MS);
        const atMs = performance.now();
        this.#since = answer.next_batch;
        for (const event of answer.rooms?.join?.[this.#room]?.timeline?.events ?? []) {
          this.#waiting.get(event.content.call_id ?? '')?.(atMs);
        }
      }
    } catch (error) {
      // A wait that is under way then times out, and says this.
      this.#failure = error as Error;
    }
  }

  #sync(timeoutMs: number): Promise<SyncAnswer> {
    const nothing = { types: [] };
    const filter = JSON.stringify({
      presence: nothing,
      account_data: nothing,
      room: { rooms: [this.#room], ephemeral: nothing, account_data: nothing, state: nothing },
    });
    const query = new URLSearchParams({ filter, set_presence: 'offline', timeout: String(timeoutMs) });
    if (this.#since !== '') query.set('since', this.#since);
    return call(this.#client, 'GET', `/sync?${query}`, this.#account.token);
  }
}

function call<T>(
  client: Client,
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  token: string | null,
  body?: object,
): Promise<T> {
  return send(client, method, `${CLIENT_API}${path}`, token, body);
}

async function send<T>(
  client: Client,
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  token: string | null,
  body?: object,
): Promise<T> {
  const answer = await client.request({
    method,
    path,
    headers: token === null ? {} : { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.body.text();
  if (answer.statusCode !== 200)
    throw new Error(`Synapse answered ${method} ${path.split('?')[0]} with ${answer.statusCode} ${text}`);
  return JSON.parse(text) as T;
}
