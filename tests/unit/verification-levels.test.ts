/** Every level has words, and the documents use the same. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  LEVEL_WORDS,
  LEVELS,
} from '../../auralink-communication-service/auralink-modules/verification/model.ts';

test('docs/VERIFICATION.md says of each level what the service says of it', () => {
  const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'VERIFICATION.md'), 'utf8');
  for (const level of LEVELS) {
    const { claims, claimsNot } = LEVEL_WORDS[level];
    assert.ok(text.includes(`| \`${level}\` | ${claims} | ${claimsNot} |`), level);
  }
});
