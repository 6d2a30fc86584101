import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import {
  FOCUS_WRITE_MS,
  FocusWriter,
} from '../../auralink-communication-service/auralink-modules/endpoints/focus.ts';

test('focus is written at once, then the latest value once a pause, and never the same value twice', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const written: boolean[] = [];
  const writer = new FocusWriter(async (focused) => void written.push(focused));
  writer.set(true);
  assert.deepEqual(written, [true]);
  for (let i = 0; i < 1_000; i++) writer.set(i % 2 === 0);
  assert.deepEqual(written, [true]);
  mock.timers.tick(FOCUS_WRITE_MS);
  assert.deepEqual(written, [true, false]);
  mock.timers.tick(FOCUS_WRITE_MS);
  writer.set(false);
  assert.deepEqual(written, [true, false]);
  writer.set(true);
  writer.stop();
  mock.timers.tick(10 * FOCUS_WRITE_MS);
  assert.deepEqual(written, [true, false, true]);
  mock.timers.reset();
});
