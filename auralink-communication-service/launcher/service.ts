/** The service's own processes as parts: any number of them, sharing their ports, none the parent of another. */
import { join } from 'node:path';
import { httpOrigin } from './hosts.ts';
import { NODE, PROJECT_ROOT, SERVICE_DIR } from './layout.ts';
import { answersHttp, type Part, STAGE } from './part.ts';
import { inheritedEnv, type Settings } from './settings.ts';

/** Longer than the service gives itself to drain. */
const STOP_TIMEOUT_MS = 15_000;
export const SERVICE_MAIN = join(SERVICE_DIR, 'main.ts');

/** Name of the n-th service process, from 1. */
export function serviceName(n: number): string {
  return `service-${n}`;
}

export function serviceParts(settings: Settings, main: string = SERVICE_MAIN): Part[] {
  return Array.from({ length: settings.processes }, (_, index) => ({
    name: serviceName(index + 1),
    command: NODE,
    args: [main],
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
    ready: () =>
      answersHttp(`${httpOrigin(settings.config.PUBLIC_HOST, settings.config.PUBLIC_PORT)}/health`),
  }));
}
