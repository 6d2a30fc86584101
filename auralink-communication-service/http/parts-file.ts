/**
 * What the launcher last wrote about the parts that it keeps running (`parts.json` in RUN_DIR), so that /health can
 * say "restarting" where a probe alone sees "down". Without a launcher there is no such file, which is fine.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const partSchema = z.object({
  state: z.enum(['running', 'restarting', 'stopped']),
  restarts: z.int(),
  nextStartAt: z.iso.datetime().optional(),
});
const fileSchema = z.object({ parts: z.record(z.string(), partSchema) });

export type LaunchedPart = z.output<typeof partSchema>;

/** Empty when there is no launcher or its file cannot be read. */
export async function readLaunchedParts(runDir: string): Promise<Readonly<Record<string, LaunchedPart>>> {
  try {
    const parsed = fileSchema.safeParse(JSON.parse(await readFile(join(runDir, 'parts.json'), 'utf8')));
    return parsed.success ? parsed.data.parts : {};
  } catch {
    return {};
  }
}

/** Null for a part that runs. Otherwise a phrase such as `restarting (3rd time, next try in 2 s)`. */
export function describeRestart(part: LaunchedPart | undefined, now: Date): string | null {
  if (part === undefined || part.state === 'running') return null;
  if (part.state === 'stopped') return 'stopped';
  const time = `${ordinal(part.restarts)} time`;
  if (part.nextStartAt === undefined) return `restarting (${time})`;
  const seconds = Math.max(0, Math.ceil((Date.parse(part.nextStartAt) - now.getTime()) / 1_000));
  return `restarting (${time}, next try in ${seconds} s)`;
}

function ordinal(n: number): string {
  const teens = n % 100 >= 11 && n % 100 <= 13;
  const ending = teens ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th');
  return `${n}${ending}`;
}
