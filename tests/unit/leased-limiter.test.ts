/**
 * Leases of a limit: no more than the limit is let through over several processes, nothing that was taken is lost before
 * its window ends, and nothing of it is used after that.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AuraError } from '../../auralink-communication-service/core/errors.ts';
import { LEASE_HITS_MAX, leasedLimiter } from '../../auralink-communication-service/store/leased-limits.ts';
import type { TakeHits } from '../../auralink-communication-service/store/rate-limits.ts';

const LIMIT = { hits: 300, windowSeconds: 60 };

/** One window, as the table would have it; remembers how often it was asked. `nowMs` may be moved. */
function window() {
  const state = { asked: 0, hits: 0, endsAtMs: Number.NEGATIVE_INFINITY, nowMs: 0 };
  const take: TakeHits = async ({ limit, least, most }) => {
    state.asked += 1;
    await Promise.resolve();
    if (state.nowMs >= state.endsAtMs) {
      state.hits = 0;
      state.endsAtMs = state.nowMs + limit.windowSeconds * 1_000;
    }
    const hits = Math.min(most, limit.hits - state.hits);
    if (hits < least) throw new AuraError('rate_limited', 'too many');
    state.hits += hits;
    return { hits, leftMs: state.endsAtMs - state.nowMs };
  };
  return { state, take, limiter: () => leasedLimiter(take, () => state.nowMs) };
}

const isAllowed = (hit: Promise<void>): Promise<boolean> =>
  hit.then(
    () => true,
    () => false,
  );

test('over two processes no more than the limit is let through, with few questions', async () => {
  const shared = window();
  const processes = [shared.limiter(), shared.limiter()];
  let through = 0;
  for (let n = 0; n < 1_000; n++) {
    if (await isAllowed(processes[n % 2]?.hit('alice', LIMIT) as Promise<void>)) through += 1;
  }
  assert.equal(through, LIMIT.hits);
});

test('while hits are allowed, few of them reach the database', async () => {
  const shared = window();
  const leased = shared.limiter();
  for (let n = 0; n < 200; n++) await leased.hit('alice', LIMIT);
  assert.ok(shared.state.asked < 15, `${shared.state.asked} questions`);
});

test('who asks once a window takes one hit', async () => {
  const shared = window();
  const leased = shared.limiter();
  for (let n = 0; n < 5; n++) {
    await leased.hit('bob', LIMIT);
    assert.equal(shared.state.hits, 1);
    shared.state.nowMs += LIMIT.windowSeconds * 1_000;
  }
});

test('requests at the same moment lose no hits: all of the limit is let through, and nothing more', async () => {
  const shared = window();
  const leased = shared.limiter();
  const answers = await Promise.all(Array.from({ length: 400 }, () => isAllowed(leased.hit('alice', LIMIT))));
  assert.equal(answers.filter(Boolean).length, LIMIT.hits);
});

test('what was taken of one window is not used in the next', async () => {
  const shared = window();
  const leased = shared.limiter();
  // Late in the window many are taken at once.
  await leased.hit('alice', LIMIT);
  shared.state.nowMs = LIMIT.windowSeconds * 1_000 - 1;
  for (let n = 0; n < 100; n++) await leased.hit('alice', LIMIT);
  shared.state.nowMs += 1;
  const before = shared.state.asked;
  await leased.hit('alice', LIMIT);
  assert.equal(shared.state.asked, before + 1);
  let through = 1;
  while (await isAllowed(leased.hit('alice', LIMIT))) through += 1;
  assert.equal(through, LIMIT.hits);
});

test('many at once are let through all or none, and a refusal uses nothing up', async () => {
  const shared = window();
  const leased = shared.limiter();
  await leased.hit('alice', LIMIT, 250);
  assert.equal(await isAllowed(leased.hit('alice', LIMIT, 51)), false);
  await leased.hit('alice', LIMIT, 40);
  await Promise.all(Array.from({ length: 10 }, () => leased.hit('alice', LIMIT)));
  await assert.rejects(leased.hit('alice', LIMIT), { code: 'rate_limited' });
});

test('one asker’s lease is not another’s, and what could not be counted is not let through', async () => {
  const shared = window();
  const leased = shared.limiter();
  await leased.hit('alice', { hits: LEASE_HITS_MAX, windowSeconds: 60 }, LEASE_HITS_MAX);
  await assert.rejects(leased.hit('bob', { hits: LEASE_HITS_MAX, windowSeconds: 60 }), {
    code: 'rate_limited',
  });
  const away = leasedLimiter(
    async () => {
      throw new AuraError('unavailable', 'away');
    },
    () => 0,
  );
  await assert.rejects(away.hit('alice', LIMIT), { code: 'unavailable' });
});

test('of a limit that was lowered nothing is left over', async () => {
  const shared = window();
  const leased = shared.limiter();
  for (let n = 0; n < 60; n++) await leased.hit('alice', LIMIT);
  const before = shared.state.hits;
  assert.ok(before > 60, 'there is a lease');
  assert.equal(await isAllowed(leased.hit('alice', { ...LIMIT, hits: 50 })), false);
  assert.equal(await isAllowed(leased.hit('alice', { ...LIMIT, hits: 400 })), true, 'raised again');
});
