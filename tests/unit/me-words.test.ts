/** What the account's page says of the audit log: every act on a person has words of its own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACTS } from '../../auralink-communication-service/auralink-modules/auraid/audit.ts';
import { actWords } from '../../auralink-web/src/me/words.ts';

/** Operators' acts, which concern no one person and are on nobody's page. */
const NOBODYS = /^(?:webhooks|keys)[.]/;

test('every act that can be on somebody’s list is told in words', () => {
  const acts = ACTS.filter((act) => !NOBODYS.test(act));
  assert.ok(acts.length > 40);
  assert.deepEqual(
    acts.filter((act) => actWords(act) === act),
    [],
  );
  assert.equal(new Set(acts.map(actWords)).size, acts.length, 'no two in the same words');
});
