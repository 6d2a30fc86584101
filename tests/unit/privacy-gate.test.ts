/** The gate of calls counts what it keeps out, and only that. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPrivacyGate } from '../../auralink-communication-service/auralink-modules/auraid/privacy-service.ts';
import type { PersonId } from '../../auralink-communication-service/core/ids.ts';
import { createMetrics } from '../../auralink-communication-service/core/metrics.ts';
import type { Tx } from '../../auralink-communication-service/core/unit-of-work.ts';

test('a call that is kept out is counted', async () => {
  const { registry, identity } = createMetrics();
  const [alice, bob] = ['alice', 'bob'] as PersonId[];
  let viewer = 'stranger';
  const rules = { profile: 'public', call: 'friends' };
  const store = { getRelation: async () => ({ viewer, rules, youBlocked: false }) };
  const gate = createPrivacyGate(store as never, identity.refused);
  const ask = () => gate.admits({} as Tx, alice as PersonId, bob as PersonId);
  assert.equal(await ask(), false);
  viewer = 'blocked';
  assert.equal(await ask(), false);
  viewer = 'friend';
  assert.equal(await ask(), true);
  assert.match(await registry.metrics(), /^auralink_identity_refused_total\{right="call"\} 2$/m);
});
