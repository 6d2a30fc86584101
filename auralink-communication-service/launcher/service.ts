/** The service's own processes as parts: any number of them, sharing their ports, none the parent of another. */
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { forgetDeadReady, readyFilePath } from '../wire/ready-file.ts';
import { httpOrigin } from './hosts.ts';
import { NODE, PROJECT_ROOT, SERVICE_DIR } from './layout.ts';
import { answersHttp, type Part, STAGE } from './part.ts';
import { findStartTime } from './process.ts';
import { inheritedEnv, type Settings } from './settings.ts';

/** Longer than the service gives itself to drain. */
const STOP_TIMEOUT_MS = 15_000;
const SERVICE_MAIN = join(SERVICE_DIR, 'main.ts');

/** Name of the n-th service process, from 1. */
export function serviceName(n: number): string {
  return `service-${n}`;
}

export function serviceParts(settings: Settings): Part[] {
  const { PUBLIC_HOST, PUBLIC_PORT } = settings.config;
  // As the service itself understands a relative one.
  const runDir = resolve(PROJECT_ROOT, settings.config.RUN_DIR);
  const health = `${httpOrigin(PUBLIC_HOST, PUBLIC_PORT)}/health`;
  mkdirSync(runDir, { recursive: true, mode: 0o700 });
  forgetDeadReady(runDir, (pid) => findStartTime(pid) !== null);
  return Array.from({ length: settings.processes }, (_, index) => ({
    name: serviceName(index + 1),
    command: NODE,
    args: [SERVICE_MAIN],
    env: {
      ...inheritedEnv(),
      ...settings.serviceEnv,
      NODE_ENV: 'production',
    },
    cwd: PROJECT_ROOT,
    stopSignal: 'SIGTERM' as const,
    stopTimeoutMs: STOP_TIMEOUT_MS,
    stage: STAGE.service,
    after: settings.managed.postgres ? ['postgres'] : [],
    // The port is shared: that it answers may be another's doing.
    ready: async (pid: number) => existsSync(readyFilePath(runDir, pid)) && (await answersHttp(health)),
  }));
}
