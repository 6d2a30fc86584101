/**
 * A supervisor in a process of its own, for tests that kill it. Arguments: the folder, and the parts as JSON
 * `[[name, script, stage], …]`. Says "up" when all answer.
 */
import { join } from 'node:path';
import type { Stage } from '../../../auralink-communication-service/launcher/part.ts';
import { Supervisor } from '../../../auralink-communication-service/launcher/supervisor.ts';
import { scriptPart } from './script-part.ts';

const START_TIMEOUT_MS = 20_000;
const [dir = '', json = '[]'] = process.argv.slice(2);
const parts = (JSON.parse(json) as [string, string, Stage][]).map(([name, script, stage]) =>
  scriptPart(name, script, dir, { stage }),
);
const supervisor = new Supervisor({ parts, runDir: join(dir, 'run'), logsDir: join(dir, 'logs') });
await supervisor.startAll(START_TIMEOUT_MS);
console.log('up');
setInterval(() => {}, START_TIMEOUT_MS);
