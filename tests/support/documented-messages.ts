/** The examples of docs/api/webhooks.md. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EventType } from '../../auralink-communication-service/auralink-modules/dashboard/model.ts';

export interface DocumentedMessage {
  readonly type: EventType;
  readonly timestamp: string;
  readonly data: Record<string, unknown>;
}

export function documentedMessages(): DocumentedMessage[] {
  const text = readFileSync(join(import.meta.dirname, '../../docs/api/webhooks.md'), 'utf8');
  return [...text.matchAll(/^```json\n([\s\S]*?)^```$/gm)].map((block) => JSON.parse(block[1] ?? ''));
}
