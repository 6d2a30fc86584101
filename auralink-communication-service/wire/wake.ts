/** Builds the bus that wakes the other processes: over Redis where there is one, else over PostgreSQL's NOTIFY. */
import { openRedis, type Redis } from '../adapters/redis.ts';
import { type ClosableWakeBus, createWakeBus, type WakeCounts } from '../adapters/wake-bus.ts';
import { openPostgresCarrier } from '../adapters/wake-postgres.ts';
import { createRedisCarrier } from '../adapters/wake-redis.ts';
import type { Config } from '../config.ts';
import type { ProcessId } from '../core/ids.ts';
import type { Log } from '../core/log.ts';

export interface Wake {
  readonly bus: ClosableWakeBus;
  /** Null: the operator has none. */
  readonly redis: Redis | null;
  close(): Promise<void>;
}

export function wireWake(config: Config, processId: ProcessId, counts: WakeCounts, log: Log): Wake {
  const redis =
    config.COMM_REDIS_HOST === ''
      ? null
      : openRedis(
          {
            host: config.COMM_REDIS_HOST,
            port: config.COMM_REDIS_PORT,
            password: config.COMM_REDIS_PASSWORD,
          },
          log,
        );
  const postgres = openPostgresCarrier(databaseAddress(config), log);
  // Two services may share one Redis; their database tells them apart.
  const channel = `auralink:wake:${config.COMM_POSTGRES_DB}:${config.SYNAPSE_SERVER_NAME}`;
  const carriers = redis === null ? [postgres] : [createRedisCarrier(redis, channel), postgres];
  const bus = createWakeBus(processId, carriers, counts, log);
  return {
    bus,
    redis,
    close: async () => {
      await bus.close();
      await redis?.close();
    },
  };
}

export function databaseAddress(config: Config) {
  return {
    host: config.COMM_POSTGRES_HOST,
    port: config.COMM_POSTGRES_PORT,
    user: config.COMM_POSTGRES_USER,
    password: config.COMM_POSTGRES_PASSWORD,
    database: config.COMM_POSTGRES_DB,
    poolSize: config.COMM_POSTGRES_POOL_SIZE,
  };
}
