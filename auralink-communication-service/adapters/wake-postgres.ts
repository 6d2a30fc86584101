/**
 * Wake-ups over PostgreSQL's LISTEN and NOTIFY, on a connection of their own that comes back by itself: they never
 * wait for the pool. NOTIFY takes one lock for the whole server at commit, so many messages go in one statement.
 */
import pg from 'pg';
import type { Log } from '../core/log.ts';
import type { WakeCarrier } from './wake-carrier.ts';

/** PostgreSQL refuses payloads of 8,000 bytes and more. */
export const NOTIFY_MAX_BYTES = 7_500;
/** A NOTIFY that takes longer is given up; the poll finds its events. */
export const NOTIFY_TIMEOUT_MS = 1_000;
/** First wait before listening again. */
export const LISTEN_RECONNECT_MIN_MS = 100;
/** Longest wait before listening again. */
export const LISTEN_RECONNECT_MAX_MS = 2_000;
/** A connection that died without a word is found out after this. */
export const LISTEN_PROBE_INTERVAL_MS = 5_000;

const CHANNEL = 'auralink_wake';

export interface WakePostgresAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** Begins to connect and returns at once. */
export function openPostgresCarrier(address: WakePostgresAddress, log: Log): WakeCarrier {
  const connection = new ListenConnection(address, log);
  return {
    name: 'postgres',
    maxFrameBytes: NOTIFY_MAX_BYTES,
    get healthy() {
      return connection.connected;
    },
    send: (frames) =>
      connection.query('SELECT pg_notify($1, frame) FROM unnest($2::text[]) AS frame', [CHANNEL, frames]),
    listen(handler) {
      connection.onFrame = handler;
    },
    close: () => connection.close(),
  };
}

/** A connection that listens, and is made anew whenever it breaks. */
class ListenConnection {
  onFrame: (frame: string) => void = () => {};
  #client: pg.Client | null = null;
  #retryMs = LISTEN_RECONNECT_MIN_MS;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;
  readonly #probe: NodeJS.Timeout;
  readonly #address: WakePostgresAddress;
  readonly #log: Log;

  constructor(address: WakePostgresAddress, log: Log) {
    this.#address = address;
    this.#log = log;
    this.#probe = setInterval(() => {
      if (this.connected) this.query('SELECT 1', []).catch(() => {});
    }, LISTEN_PROBE_INTERVAL_MS);
    this.#probe.unref();
    void this.#connect();
  }

  get connected(): boolean {
    return this.#client !== null;
  }

  async query(text: string, values: unknown[]): Promise<void> {
    const client = this.#client;
    if (client === null) throw new Error('not connected to PostgreSQL');
    try {
      await client.query(text, values);
    } catch (error) {
      // After a time-out the connection's state is unknown.
      this.#lose(client);
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    clearInterval(this.#probe);
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => {});
  }

  async #connect(): Promise<void> {
    const client = new pg.Client({
      ...this.#address,
      application_name: 'auralink-wake',
      connectionTimeoutMillis: NOTIFY_TIMEOUT_MS,
      query_timeout: NOTIFY_TIMEOUT_MS,
      keepAlive: true,
    });
    client.on('notification', (message) => this.onFrame(message.payload ?? ''));
    client.on('error', () => this.#lose(client));
    client.on('end', () => this.#lose(client));
    try {
      await client.connect();
      // A wake-up may be lost, so its commit need not wait for the disk.
      await client.query('SET synchronous_commit = off');
      await client.query(`LISTEN ${CHANNEL}`);
    } catch {
      discard(client);
      this.#connectLater();
      return;
    }
    if (this.#closed) return discard(client);
    this.#client = client;
    this.#retryMs = LISTEN_RECONNECT_MIN_MS;
  }

  #lose(client: pg.Client): void {
    if (this.#client !== client) return;
    this.#client = null;
    discard(client);
    this.#log.warn({}, 'the connection that listens for wake-ups broke; reconnecting');
    this.#connectLater();
  }

  #connectLater(): void {
    if (this.#closed) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#connect(), this.#retryMs);
    this.#retry.unref();
    this.#retryMs = Math.min(this.#retryMs * 2, LISTEN_RECONNECT_MAX_MS);
  }
}

/** Ends a connection that may be half open, without waiting for it. */
function discard(client: pg.Client): void {
  client.end().catch(() => {});
}
