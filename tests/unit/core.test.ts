/** The core's few functions: addresses, ids, errors, the clock. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LIVEKIT_TIMEOUT_SECONDS } from '../../auralink-communication-service/adapters/livekit.ts';
import {
  findAuraId,
  HANDLE_MAX_LENGTH,
  HANDLE_MIN_LENGTH,
  handleOf,
} from '../../auralink-communication-service/core/aura-id.ts';
import { systemClock } from '../../auralink-communication-service/core/clock.ts';
import { AuraError } from '../../auralink-communication-service/core/errors.ts';
import { type CallId, newId } from '../../auralink-communication-service/core/ids.ts';
import type { Log } from '../../auralink-communication-service/core/log.ts';
import {
  OUTBOX_BATCH,
  type OutboxHandler,
  type OutboxStore,
  runOutbox,
} from '../../auralink-communication-service/core/outbox.ts';

import { OUTBOX_CLAIM_SECONDS } from '../../auralink-communication-service/store/outbox.ts';

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

test('an address is found in every way that people write it', () => {
  for (const text of ['alice', '@alice', 'alice.aura', '@alice.aura', ' @Alice.AURA ', '＠ａｌｉｃｅ']) {
    assert.equal(findAuraId(text), '@alice.aura', text);
  }
});

test('what cannot be an address is none', () => {
  const wrong = [
    '',
    '@',
    'al',
    'a'.repeat(HANDLE_MAX_LENGTH + 1),
    '.alice',
    'alice-',
    'a..b',
    'a._b',
    '12345',
    'al ice',
    'аlice',
    'alice@aura',
    '@alice:auralink.network',
    'alice/bob',
    'ali\u0000ce',
    'ali\nce',
    '.aura',
    'alice.aura.aura',
  ];
  for (const text of wrong) assert.equal(findAuraId(text), null, JSON.stringify(text));
});

test('the shortest and the longest handle pass', () => {
  assert.equal(findAuraId('a'.repeat(HANDLE_MIN_LENGTH)), '@aaa.aura');
  assert.notEqual(findAuraId('a'.repeat(HANDLE_MAX_LENGTH)), null);
});

test('the normal form is its own normal form, and fits what the database accepts', () => {
  const accepted = /^@[a-z0-9][a-z0-9._-]{1,28}[a-z0-9]\.aura$/;
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^@?[a-zA-Z0-9._-]{1,32}(\.aura)?$/)), (text) => {
      const found = findAuraId(text);
      if (found === null) return;
      assert.match(found, accepted);
      assert.equal(findAuraId(found), found);
      assert.equal(findAuraId(handleOf(found)), found);
    }),
    { numRuns: 2_000 },
  );
});

test('ids are UUIDv7, unlike each other, and sort by their time', async () => {
  const ids = Array.from({ length: 1_000 }, () => newId<CallId>());
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids)
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.deepEqual([...ids].sort(), ids);
});

test('an error keeps its code, its details and its cause', () => {
  const cause = new Error('below');
  const error = new AuraError('taken', 'Somebody has this name.', { field: 'auraId' }, cause);
  assert.ok(error instanceof Error);
  assert.deepEqual([error.name, error.code, error.details.field], ['AuraError', 'taken', 'auraId']);
  assert.equal(error.cause, cause);
  assert.equal('cause' in new AuraError('invalid', 'No cause.'), false);
});

test('a claim on rows of the outbox outlasts the work on all of them', () => {
  assert.ok(OUTBOX_BATCH * LIVEKIT_TIMEOUT_SECONDS < OUTBOX_CLAIM_SECONDS);
});

test('the outbox hands each row to its handler, and keeps what failed with its reason', async () => {
  const done: string[] = [];
  const failed: [string, string][] = [];
  const items = ['good', 'bad'].map((topic) => ({
    eventId: `${topic}-1`,
    topic,
    payload: { topic },
    attempts: 0,
  }));
  const store: Pick<OutboxStore, 'claim' | 'done' | 'failed'> = {
    claim: async (topics) => items.filter((item) => topics.includes(item.topic)),
    done: async (eventId) => void done.push(eventId),
    failed: async (eventId, error) => void failed.push([eventId, error]),
  };
  const handled: object[] = [];
  const handlers = new Map<string, OutboxHandler>([
    ['good', async (payload) => void handled.push(payload)],
    [
      'bad',
      async () => {
        throw new Error('not now');
      },
    ],
  ]);
  assert.equal(await runOutbox(store, handlers, silent), 2);
  assert.deepEqual(handled, [{ topic: 'good' }]);
  assert.deepEqual([done, failed], [['good-1'], [['bad-1', 'not now']]]);
});

test('abreast no row waits for another one, whatever becomes of it', async () => {
  const { promise: secondCame, resolve: second } = Promise.withResolvers<void>();
  const done: string[] = [];
  const failed: string[] = [];
  const names = ['waits', 'fails', 'comes'];
  const store: Pick<OutboxStore, 'claim' | 'done' | 'failed'> = {
    claim: async () => names.map((eventId) => ({ eventId, topic: 't', payload: { eventId }, attempts: 0 })),
    done: async (eventId) => void done.push(eventId),
    failed: async (eventId) => void failed.push(eventId),
  };
  const handler: OutboxHandler = async (_payload, eventId) => {
    if (eventId === 'waits') await secondCame;
    if (eventId === 'fails') throw new Error('not now');
    second();
  };
  assert.equal(await runOutbox(store, new Map([['t', handler]]), silent, { abreast: true }), names.length);
  assert.deepEqual([done.toSorted(), failed], [['comes', 'waits'], ['fails']]);
});

test('the clock that measures never goes back', () => {
  const first = systemClock.monotonicMs();
  assert.ok(systemClock.monotonicMs() >= first);
  assert.ok(Math.abs(systemClock.now().getTime() - Date.now()) < 1_000);
});
