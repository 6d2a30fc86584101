import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Candidate,
  planRings,
} from '../../auralink-communication-service/auralink-modules/calls/ring-planner.ts';
import type { AppId, DeviceKey, EndpointId } from '../../auralink-communication-service/core/ids.ts';

const candidate = (endpointId: string, over: Partial<Candidate> = {}): Candidate => ({
  endpointId: endpointId as EndpointId,
  appId: 'chat' as AppId,
  deviceKey: 'laptop' as DeviceKey,
  connected: true,
  focusedAt: null,
  lastUsedAt: new Date(0),
  chosen: false,
  ...over,
});
const first = (candidates: Candidate[], named: string | null = null) =>
  planRings(candidates, named as AppId | null).find((ring) => ring.rank === 0)?.endpointId;

test('her own choice goes before the app that the caller named, that before the one in front, that before the last used', () => {
  const chosen = candidate('chosen', { chosen: true });
  const named = candidate('named', { appId: 'market' as AppId });
  const front = candidate('front', { focusedAt: new Date(5) });
  const recent = candidate('recent', { lastUsedAt: new Date(9) });
  const old = candidate('old');
  assert.equal(first([old, recent, front, named, chosen], 'market'), 'chosen');
  assert.equal(first([old, recent, front, named], 'market'), 'named');
  assert.equal(first([old, recent, front, named], null), 'front');
  assert.equal(first([old, recent]), 'recent');
});

test('an app whose socket is open goes before one that may come back, whatever she chose', () => {
  assert.equal(first([candidate('away', { connected: false, chosen: true }), candidate('here')]), 'here');
});

test('nobody there, nobody rings', () => {
  assert.deepEqual(planRings([], null), []);
});

const arbitrary = fc
  .uniqueArray(
    fc.record({
      endpointId: fc.uuid(),
      appId: fc.constantFrom('chat', 'market', 'play'),
      deviceKey: fc.constantFrom('phone', 'laptop', 'tablet'),
      connected: fc.boolean(),
      focusedAt: fc.option(fc.date({ noInvalidDate: true })),
      lastUsedAt: fc.date({ noInvalidDate: true }),
      chosen: fc.boolean(),
    }),
    { selector: (c) => c.endpointId, maxLength: 20 },
  )
  .map((list) => list as unknown as Candidate[]);

test('exactly one ring of rank 0 a device, everybody planned once, ranks without a gap, whatever the order', () => {
  fc.assert(
    fc.property(arbitrary, fc.constantFrom('chat', 'market', null), (candidates, named) => {
      const plan = planRings(candidates, named as AppId | null);
      assert.equal(plan.length, candidates.length);
      assert.equal(new Set(plan.map((ring) => ring.endpointId)).size, candidates.length);
      for (const device of new Set(candidates.map((c) => c.deviceKey))) {
        const ranks = plan.filter((ring) => ring.deviceKey === device).map((ring) => ring.rank);
        assert.deepEqual(ranks, [...ranks.keys()]);
      }
      const key = (rings: typeof plan) => rings.map((r) => `${r.deviceKey}/${r.rank}/${r.endpointId}`).sort();
      assert.deepEqual(key(planRings([...candidates].reverse(), named as AppId | null)), key(plan));
    }),
  );
});
