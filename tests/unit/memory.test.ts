/** What is remembered for a moment: never longer, never more, and never what a change has made untrue. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemory } from '../../auralink-communication-service/core/memory.ts';

const LIFE_MS = 1_000;
const answer = (value: string, ...about: string[]) => ({
  ask: async () => ({ value, about }),
});

function memory(max = 10) {
  const time = { ms: 0 };
  return { time, memory: createMemory<string>({ max, lifeMs: LIFE_MS, nowMs: () => time.ms }) };
}

test('an answer lives for its time from the moment of asking', async () => {
  const { memory: m, time } = memory();
  await m.ask('k', async () => {
    time.ms += 400;
    return { value: 'v', about: ['a'] };
  });
  time.ms = LIFE_MS - 1;
  assert.equal(m.find('k'), 'v');
  time.ms = LIFE_MS;
  assert.equal(m.find('k'), undefined);
});

test('a change forgets what is about it, and nothing else', async () => {
  const { memory: m } = memory();
  await m.ask('ab', answer('1', 'a', 'b').ask);
  await m.ask('bc', answer('2', 'b', 'c').ask);
  await m.ask('cd', answer('3', 'c', 'd').ask);
  m.forget(['b', 'unknown']);
  assert.deepEqual(
    ['ab', 'bc', 'cd'].map((key) => m.find(key)),
    [undefined, undefined, '3'],
  );
});

test('an answer that was asked for before a change is given, but not remembered', async () => {
  const { memory: m } = memory();
  const given = await m.ask('k', async () => {
    m.forget(['a']);
    return { value: 'old', about: ['a'] };
  });
  assert.equal(given, 'old');
  assert.equal(m.find('k'), undefined);
});

test('nobody is not remembered, and neither is an error', async () => {
  const { memory: m } = memory();
  assert.equal(await m.ask('k', async () => null), null);
  await assert.rejects(
    m.ask('k', async () => {
      throw new Error('away');
    }),
  );
  assert.equal(m.find('k'), undefined);
});

test('above its bound the oldest answer goes', async () => {
  const { memory: m } = memory(2);
  for (const key of ['1', '2', '3']) await m.ask(key, answer(key, 'a').ask);
  assert.deepEqual(
    ['1', '2', '3'].map((key) => m.find(key)),
    [undefined, '2', '3'],
  );
  // What went is no longer in the index of changes either.
  m.forget(['a']);
  assert.equal(m.find('3'), undefined);
});
