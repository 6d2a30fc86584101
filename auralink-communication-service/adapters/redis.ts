/**
 * One connection to Redis that comes and goes by itself. Redis only wakes and speeds, so nothing here ever throws out
 * of band, and a caller that needs an answer gets one within REDIS_COMMAND_TIMEOUT_MS or an error.
 */
import { createClient } from 'redis';
import type { Log } from '../core/log.ts';

/** Longer than this and Redis is no help to a ring. */
export const REDIS_COMMAND_TIMEOUT_MS = 250;
/** Redis has this long to accept a connection. */
export const REDIS_CONNECT_TIMEOUT_MS = 1_000;
/** First wait before connecting again. */
export const REDIS_RECONNECT_MIN_MS = 100;
/** Longest wait before connecting again. */
export const REDIS_RECONNECT_MAX_MS = 2_000;
/** How often an idle connection is checked; one that does not answer counts as down until it does. */
export const REDIS_PROBE_INTERVAL_MS = 1_000;

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  /** Empty: none. */
  readonly password: string;
}

type Client = ReturnType<typeof createClient>;

export interface Redis {
  /** Connected, and the last command answered in time. */
  readonly healthy: boolean;
  /** Runs one command; rejects when Redis is away or slow. */
  run<T>(command: (client: Client) => Promise<T>): Promise<T>;
  /** Listens on a channel over a connection of its own, for as long as this object lives. */
  subscribe(channel: string, handler: (message: string) => void): void;
  /** Version and round trip; rejects when Redis is away or slow. */
  probe(): Promise<{ version: string | null; latencyMs: number }>;
  close(): Promise<void>;
}

/** Begins to connect and returns at once. */
export function openRedis(address: RedisAddress, log: Log): Redis {
  const client = makeClient(address);
  const subscribers: Client[] = [];
  let responsive = true;
  let reported: boolean | null = null;

  const report = (healthy: boolean) => {
    if (reported === healthy) return;
    reported = healthy;
    if (healthy) log.info({ host: address.host, port: address.port }, 'Redis is there');
    else log.warn({ host: address.host, port: address.port }, 'Redis is away; working without it');
  };
  const run = async <T>(command: (client: Client) => Promise<T>): Promise<T> => {
    if (!client.isReady) throw new Error('Redis is not connected');
    try {
      const result = await withTimeout(command(client));
      responsive = true;
      return result;
    } catch (error) {
      responsive = false;
      throw error;
    }
  };
  const check = setInterval(() => {
    run((c) => c.ping()).then(
      () => report(true),
      () => report(false),
    );
  }, REDIS_PROBE_INTERVAL_MS);
  check.unref();
  // connect() keeps trying by the reconnect strategy; it only rejects when we close.
  client.connect().then(
    () => report(true),
    () => {},
  );

  return {
    get healthy() {
      return client.isReady && responsive;
    },
    run,
    subscribe(channel, handler) {
      const subscriber = makeClient(address);
      subscribers.push(subscriber);
      subscriber
        .connect()
        .then(() => subscriber.subscribe(channel, handler))
        .catch(() => {});
    },
    async probe() {
      const startedMs = performance.now();
      const info = await run((c) => c.info('server'));
      return {
        version: /^redis_version:(\S+)/m.exec(String(info))?.[1] ?? null,
        latencyMs: performance.now() - startedMs,
      };
    },
    async close() {
      clearInterval(check);
      for (const each of [client, ...subscribers]) if (each.isOpen) each.destroy();
    },
  };
}

function makeClient(address: RedisAddress): Client {
  const client = createClient({
    socket: {
      host: address.host,
      port: address.port,
      connectTimeout: REDIS_CONNECT_TIMEOUT_MS,
      reconnectStrategy: (retries) => Math.min(REDIS_RECONNECT_MIN_MS * 2 ** retries, REDIS_RECONNECT_MAX_MS),
    },
    ...(address.password === '' ? {} : { password: address.password }),
    // A wake-up that waits for a reconnection comes too late to be of use.
    disableOfflineQueue: true,
    maintNotifications: 'disabled',
  });
  // Without a listener an `error` event ends the process.
  client.on('error', () => {});
  return client as Client;
}

async function withTimeout<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('Redis did not answer in time')), REDIS_COMMAND_TIMEOUT_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => {});
  }
}
