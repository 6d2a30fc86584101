/** A bench that is asked for a part which it has not says which parts it has, and starts nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from '../../../bench/identity.ts';

const asked = (...argv: string[]) =>
  run({ json: false, argv, note: () => assert.fail('something was started') });

test('an unknown part is refused with the names of all parts', async () => {
  await assert.rejects(asked('--only', 'resolve', '--only', 'nonsense'), {
    message: '--only nonsense: there is no such part. There are: resolve, available, register, timing.',
  });
});

test('a number of people that is none is refused with what would be right', async () => {
  for (const people of ['abc', '1.5', '10', '1e9']) {
    await assert.rejects(asked('--people', people), /a whole number from 20000 to 10000000 is wanted/);
  }
});
