/** The process's log: JSON lines by pino, with everything that could be a secret cut out before it is written. */
import { type Logger, pino } from 'pino';
import type { Config } from '../config.ts';
import type { ProcessId } from '../core/ids.ts';

export type { Logger };

/** Paths that never reach the log, whoever logs the object that holds them. */
const SECRET_PATHS = [
  'req.headers.authorization',
  'req.headers.cookie',
  '*.password',
  '*.token',
  '*.access_token',
  '*.signInCode',
  '*.secret',
];

export function createLogger(config: Config, processId: ProcessId): Logger {
  return pino({
    level: config.LOG_LEVEL,
    base: { process: processId.slice(-12) },
    redact: { paths: SECRET_PATHS, remove: true },
    serializers: {
      // The query string may carry somebody's token (Matrix allows it); the path is enough.
      req: (request: { method?: string; url?: string }) => ({
        method: request.method,
        path: request.url?.split('?')[0],
      }),
    },
  });
}
