/** Leases of a limit: no more than the limit is let through over several processes, and seldom askers waste nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RateLimiter } from '../../auralink-communication-service/auralink-modules/auraid/ports.ts';
import { AuraError } from '../../auralink-communication-service/core/errors.ts';
import {
  LEASE_HITS_MAX,
  LEASE_MS,
  leasedLimiter,
} from '../../auralink-communication-service/store/leased-limits.ts';

const LIMIT = { hits: 300, windowSeconds: 60 };

/** One window that never ends; remembers how often it was asked. */
function window(): RateLimiter & { asked: number; hits: number } {
  return {
    asked: 0,
    hits: 0,
    async hit(_key, limit, count = 1) {
      this.asked += 1;
      this.hits += count;
      if (this.hits > limit.hits) throw new AuraError('rate_limited', 'too many');
    },
  };
}

test('over two processes no more than the limit is let through, with few questions', async () => {
  const shared = window();
  const processes = [leasedLimiter(shared, () => 0), leasedLimiter(shared, () => 0)];
  let through = 0;
  for (let n = 0; n < 1_000; n++) {
    const allowed = await processes[n % 2]?.hit('alice', LIMIT).then(
      () => true,
      () => false,
    );
    if (allowed) through += 1;
  }
  assert.ok(through <= LIMIT.hits, `${through} were let through`);
  assert.ok(through > LIMIT.hits - 2 * LEASE_HITS_MAX, `only ${through} were let through`);
});

test('while hits are allowed, few of them reach the database', async () => {
  const shared = window();
  const leased = leasedLimiter(shared, () => 0);
  for (let n = 0; n < 200; n++) await leased.hit('alice', LIMIT);
  assert.ok(shared.asked < 15, `${shared.asked} questions`);
});

test('who asks seldom takes one hit at a time', async () => {
  const shared = window();
  let nowMs = 0;
  const leased = leasedLimiter(shared, () => nowMs);
  for (let n = 0; n < 50; n++) {
    await leased.hit('bob', LIMIT);
    nowMs += LEASE_MS;
  }
  assert.equal(shared.hits, 50);
});

test('one asker’s lease is not another’s, and what could not be counted is not let through', async () => {
  const shared = window();
  const leased = leasedLimiter(shared, () => 0);
  await leased.hit('alice', { hits: 1, windowSeconds: 60 });
  await assert.rejects(leased.hit('bob', { hits: 1, windowSeconds: 60 }), { code: 'rate_limited' });
  const away = leasedLimiter(
    {
      hit: async () => {
        throw new AuraError('unavailable', 'away');
      },
    },
    () => 0,
  );
  await assert.rejects(away.hit('alice', LIMIT), { code: 'unavailable' });
});
