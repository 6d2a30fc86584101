/**
 * The development postbox as a process: `./aura up` starts it where no SMTP or SMPP server is configured. What it receives
 * lies in one file, a JSON object a line, for `./aura messages`.
 */
import { appendFileSync, existsSync, readFileSync, statSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { writeFileAtomic } from '../process.ts';
import { startMailServer } from './mail-server.ts';
import { type Received, wellBehaved } from './model.ts';
import { startSmsServer } from './sms-server.ts';

/** When its file is larger, the postbox forgets the older half. */
export const POSTBOX_FILE_MAX_BYTES = 8_388_608;
const HOST = '127.0.0.1';

const { values } = parseArgs({
  options: { file: { type: 'string' }, smtp: { type: 'string' }, smpp: { type: 'string' } },
});
const file = values.file ?? '';

function keep(message: Received): void {
  appendFileSync(file, `${JSON.stringify(message)}\n`, { mode: 0o600 });
  if (!existsSync(file) || statSync(file).size <= POSTBOX_FILE_MAX_BYTES) return;
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  writeFileAtomic(file, `${lines.slice(Math.ceil(lines.length / 2)).join('\n')}\n`);
}

const options = { host: HOST, behaviour: wellBehaved(), received: keep };
const servers = [
  ...(values.smtp === undefined ? [] : [await startMailServer({ ...options, port: Number(values.smtp) })]),
  ...(values.smpp === undefined ? [] : [await startSmsServer({ ...options, port: Number(values.smpp) })]),
];
process.on('SIGTERM', async () => {
  await Promise.all(servers.map((server) => server.close()));
  process.exit(0);
});
