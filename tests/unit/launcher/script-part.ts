/** A part that is a small Node script; it answers once the script has run through. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Part, STAGE } from '../../../auralink-communication-service/launcher/part.ts';

export const FOR_EVER = 'setInterval(() => {}, 1000);';

export function scriptPart(name: string, script: string, dir: string, more: Partial<Part> = {}): Part {
  const sign = join(dir, `${name}.sign`);
  return {
    name,
    command: process.execPath,
    args: ['-e', `${script} require('fs').writeFileSync(${JSON.stringify(sign)}, '');`],
    env: {},
    cwd: dir,
    stopSignal: 'SIGTERM',
    stopTimeoutMs: 2_000,
    after: [],
    stage: STAGE.engine,
    ready: async () => existsSync(sign),
    ...more,
  };
}
