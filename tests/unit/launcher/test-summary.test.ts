/** What a run of tests is counted as: ends without a word, what is skipped, and what is run again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addUp,
  FILES_RUN_AGAIN_MAX,
  failedBefore,
  filesToRunAgain,
  judge,
  type TestSummary,
  weighAgain,
} from '../../../auralink-communication-service/launcher/test-summary.ts';

const GOOD: TestSummary = {
  passed: 3,
  failed: 0,
  skipped: 0,
  failures: [],
  failedFiles: [],
  unsteady: [],
};
const BAD: TestSummary = {
  ...GOOD,
  failed: 2,
  failures: ['tests/a.test.ts: one', 'tests/a.test.ts: two'],
  failedFiles: ['tests/a.test.ts'],
};
const END = { kind: 'unit', code: 0, timedOutAfterMs: null, isCi: false };

test('skipped counts as failed in CI only; too late and wordless count always; an empty run passes nothing', () => {
  const told = { ...GOOD, skipped: 2 };
  assert.equal(judge(told, END).failed, 0);
  assert.equal(judge(told, { ...END, isCi: true }).failed, 2);
  assert.equal(judge(null, { ...END, code: 1 }).failed, 1);
  assert.equal(judge(null, END).failed, 1);
  assert.equal(judge(told, { ...END, code: null, timedOutAfterMs: 9_000 }).failed, 1);
  assert.deepEqual(addUp([told, judge(null, END)]), {
    ...GOOD,
    failed: 1,
    skipped: 2,
    failures: ['unit: node --test ended with 0'],
  });
  assert.equal(addUp([]).passed, 0);
});

test('few failed files are run again; many, or a fault that no file owns, are not', () => {
  assert.deepEqual(filesToRunAgain(GOOD), []);
  assert.deepEqual(filesToRunAgain(BAD), ['tests/a.test.ts']);
  assert.deepEqual(filesToRunAgain(judge(BAD, { ...END, code: null, timedOutAfterMs: 9_000 })), []);
  assert.deepEqual(filesToRunAgain(failedBefore('unit: what the tests need')), []);
  const failedFiles = Array.from({ length: FILES_RUN_AGAIN_MAX + 1 }, (_, nth) => `tests/${nth}.test.ts`);
  const failures = failedFiles.map((file) => `${file}: one`);
  assert.deepEqual(filesToRunAgain({ ...BAD, failures, failedFiles }), []);
});

test('what passes the second time is told as unsteady; what fails again, or does not run, has failed', () => {
  const skipped = { ...BAD, failed: 3, skipped: 1 };
  assert.deepEqual(weighAgain(skipped, GOOD), {
    ...GOOD,
    passed: 5,
    failed: 1,
    skipped: 1,
    unsteady: BAD.failures,
  });
  assert.equal(weighAgain(BAD, { ...GOOD, failed: 1 }), BAD);
  assert.equal(weighAgain(BAD, { ...GOOD, passed: 0 }), BAD);
  assert.equal(weighAgain(BAD, judge(null, END)), BAD);
});
