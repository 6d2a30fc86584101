/** The contract with the Dashboard as it is written down: examples fit their schemas, and every route has its scope. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  EVENT_TYPES,
  messageSchema,
} from '../../auralink-communication-service/auralink-modules/dashboard/model.ts';
import { documentedMessages } from '../support/documented-messages.ts';

const API = join(import.meta.dirname, '../../docs/api');

test('webhooks.md has an example of every message, and each is as its schema says', () => {
  const messages = documentedMessages();
  for (const message of messages) assert.deepEqual(messageSchema.parse(message), message, message.type);
  assert.deepEqual(messages.map(({ type }) => type).sort(), [...EVENT_TYPES].sort());
});

test('internal.md names every internal route, each with the scope that its description says', () => {
  const { paths } = JSON.parse(readFileSync(join(API, 'openapi.json'), 'utf8')) as {
    paths: Record<string, Record<string, { summary?: string }>>;
  };
  const routes = Object.entries(paths)
    .filter(([path]) => path.startsWith('/internal/'))
    .flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, { summary = '' }]) => ({
        route: `${method.toUpperCase()} ${path}`,
        summary,
      })),
    );
  const documented = new Map(
    [
      ...readFileSync(join(API, 'internal.md'), 'utf8').matchAll(/^\| `([A-Z]+ [^`]+)` \| `([^`]+)` \|$/gm),
    ].map((row) => [row[1] ?? '', row[2] ?? '']),
  );
  assert.deepEqual([...documented.keys()].sort(), routes.map(({ route }) => route).sort());
  const silent = routes.filter(
    ({ route, summary }) => summary.includes('scope ') && !summary.includes(documented.get(route) ?? '-'),
  );
  assert.deepEqual(silent, []);
});
