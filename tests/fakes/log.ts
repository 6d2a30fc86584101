/** A log that keeps silent. */
import type { Log } from '../../auralink-communication-service/core/log.ts';

export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLog,
};
