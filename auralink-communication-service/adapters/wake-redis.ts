/** Wake-ups over Redis pub/sub: the quick way, when Redis is there. */
import type { Redis } from './redis.ts';
import type { WakeCarrier } from './wake-carrier.ts';

/** Well below Redis' own limit for a subscriber that lags (8 MiB soft). */
export const REDIS_FRAME_MAX_BYTES = 262_144;

/** `channel` must differ between deployments that share one Redis. */
export function createRedisCarrier(redis: Redis, channel: string): WakeCarrier {
  return {
    name: 'redis',
    maxFrameBytes: REDIS_FRAME_MAX_BYTES,
    get healthy() {
      return redis.healthy;
    },
    async send(frames) {
      // The client pipelines what is asked for in one tick.
      await redis.run((client) => Promise.all(frames.map((frame) => client.publish(channel, frame))));
    },
    listen(handler) {
      redis.subscribe(channel, handler);
    },
    // The connection belongs to whoever opened it.
    close: async () => {},
  };
}
