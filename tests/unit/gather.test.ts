/** Many small reads as few large ones: each gets its own answer, and a failure reaches those whom it concerns. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gather } from '../../auralink-communication-service/core/gather.ts';

function recorder() {
  const batches: number[][] = [];
  let release: (() => void) | null = null;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { batches, held, release: () => release?.() };
}

test('a single question waits for no other', async () => {
  const { batches } = recorder();
  const ask = gather(
    async (keys: readonly number[]) => {
      batches.push([...keys]);
      return keys.map((key) => key * 2);
    },
    { max: 10, atOnce: 1 },
  );
  assert.equal(await ask(21), 42);
  assert.deepEqual(batches, [[21]]);
});

test('what is asked while reads are under way goes together, never more than the bounds allow', async () => {
  const { batches, held, release } = recorder();
  let underWay = 0;
  let most = 0;
  const ask = gather(
    async (keys: readonly number[]) => {
      batches.push([...keys]);
      most = Math.max(most, ++underWay);
      await held;
      underWay -= 1;
      return keys.map((key) => -key);
    },
    { max: 4, atOnce: 2 },
  );
  const answers = Promise.all(Array.from({ length: 21 }, (_, n) => ask(n)));
  setImmediate(() => setImmediate(release));
  assert.deepEqual(
    await answers,
    Array.from({ length: 21 }, (_, n) => -n),
  );
  assert.equal(most, 2);
  assert.deepEqual(
    batches.map((batch) => batch.length),
    [4, 4, 4, 4, 4, 1],
  );
});

test('a read that fails fails for those in it, and the next one goes on', async () => {
  const ask = gather(
    async (keys: readonly number[]) => {
      if (keys.includes(1)) throw new Error('away');
      return keys;
    },
    { max: 2, atOnce: 1 },
  );
  const asked = await Promise.allSettled([ask(0), ask(1), ask(2), ask(3)]);
  assert.deepEqual(
    asked.map((one) => one.status),
    ['rejected', 'rejected', 'fulfilled', 'fulfilled'],
  );
});
