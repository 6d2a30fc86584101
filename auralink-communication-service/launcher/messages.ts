/** `./aura messages`: what the development postbox received. */
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type CommonOptions, layoutFor } from './commands.ts';
import { FrontDoorError } from './errors.ts';
import type { Received } from './postbox/model.ts';
import { postboxPath } from './postbox/part.ts';

/** Messages that are shown when nobody follows. */
export const MESSAGES_SHOWN_MAX = 50;
const FOLLOW_POLL_MS = 250;

/** With `json` one object a line. */
export async function runMessages(options: CommonOptions & { readonly follow: boolean }): Promise<number> {
  const path = postboxPath(layoutFor(options));
  if (!existsSync(path) && !options.follow) {
    throw new FrontDoorError(
      'The postbox is empty. It takes what ./aura up sends while SMTP_URL, SMPP_URL and SMS_GATEWAY_URL are not set.',
    );
  }
  const seen = read(path);
  for (const line of seen.slice(-MESSAGES_SHOWN_MAX)) show(line, options.json);
  let last = seen.at(-1);
  while (options.follow) {
    await delay(FOLLOW_POLL_MS);
    const lines = read(path);
    // The file now and then loses its older half, so the place is known by the line and not by its number.
    for (const line of lines.slice(last === undefined ? 0 : lines.lastIndexOf(last) + 1))
      show(line, options.json);
    last = lines.at(-1) ?? last;
  }
  return 0;
}

/** Without a line that is just being written. */
function read(path: string): string[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8').split('\n').slice(0, -1);
}

function show(line: string, json: boolean): void {
  if (json) {
    console.log(line);
    return;
  }
  // The postbox wrote it.
  const { channel, to, subject, text, at } = JSON.parse(line) as Received;
  const title = subject === null ? '' : `  ${subject}`;
  console.log(`${at}  ${channel} to ${to}${title}\n${text.replace(/^/gm, '    ')}\n`);
}
