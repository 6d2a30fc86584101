/** Two expositions become one in which no family appears twice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinExpositions } from '../../auralink-communication-service/http/exposition.ts';

const OURS = '# HELP calls_total Calls\n# TYPE calls_total counter\ncalls_total 1\n';

test('what only the other has is appended as it is', () => {
  const theirs = '# HELP syn Something\n# TYPE syn gauge\nsyn{a="b # c"} 2\nsyn{a="d"} 3';
  assert.equal(joinExpositions(OURS, theirs), `${OURS}${theirs}\n`);
});

test('a family that we have is left out, with all its series', () => {
  const ours = '# TYPE waits histogram\nwaits_bucket{le="+Inf"} 1\nwaits_sum 1\nwaits_count 1\n';
  const theirs =
    '# TYPE waits histogram\nwaits_bucket{le="1"} 9\nwaits_sum 9\nwaits_count 9\n# TYPE more gauge\nmore 1\n';
  assert.equal(joinExpositions(ours, theirs), `${ours}# TYPE more gauge\nmore 1\n`);
});

test('comments, empty lines and the end mark of OpenMetrics are dropped', () => {
  assert.equal(joinExpositions(OURS, '\n# just words\nx 1\n# EOF\n'), `${OURS}x 1\n`);
});

test('without the other, ours stands alone and ends with a newline', () => {
  assert.equal(joinExpositions(OURS.trimEnd(), ''), OURS);
});
