/** Taking hits of many windows by one statement: exact over processes, all or none, and never in each other's way. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openDatabase } from '../../auralink-communication-service/store/db.ts';
import { LEASE_HITS_MAX, leasedLimiter } from '../../auralink-communication-service/store/leased-limits.ts';
import { hitTaker, rateLimiter } from '../../auralink-communication-service/store/rate-limits.ts';
import { testDatabase } from '../harness.ts';

const address = await testDatabase();
const dbs = [openDatabase(address), openDatabase(address)] as const;
after(async () => {
  for (const db of dbs) await db.close();
});
const LIMIT = { hits: 100, windowSeconds: 60 };
const take = hitTaker(dbs[0].pool);

const isAllowed = (hit: Promise<unknown>): Promise<boolean> =>
  hit.then(
    () => true,
    (error: { code?: string }) => {
      assert.equal(error.code, 'rate_limited');
      return false;
    },
  );

test('what is left is given, less than is wanted at least is not, and a refusal takes nothing', async () => {
  const first = await take({ key: 'a', limit: LIMIT, least: 1, most: 70 });
  assert.equal(first.hits, 70);
  assert.ok(first.leftMs > 59_000 && first.leftMs <= 60_000, `${first.leftMs} ms`);
  assert.equal(await isAllowed(take({ key: 'a', limit: LIMIT, least: 31, most: 40 })), false);
  assert.equal((await take({ key: 'a', limit: LIMIT, least: 5, most: 32 })).hits, 30);
  await assert.rejects(
    take({ key: 'a', limit: LIMIT, least: 1, most: 1 }),
    (error: { code: string; details: { retryAfterSeconds: number } }) =>
      error.code === 'rate_limited' && error.details.retryAfterSeconds > 58,
  );
});

test('more at once than a window has is refused, also at first', async () => {
  assert.equal(await isAllowed(take({ key: 'b', limit: LIMIT, least: 101, most: 101 })), false);
  assert.equal((await take({ key: 'b', limit: LIMIT, least: 100, most: 100 })).hits, 100);
});

test('a window that is over begins anew', async () => {
  const limit = { hits: 5, windowSeconds: 60 };
  assert.equal((await take({ key: 'c', limit, least: 5, most: 5 })).hits, 5);
  await dbs[0].pool.query("UPDATE rate_limits SET window_ends_at = now() - interval '1 ms' WHERE key = 'c'");
  assert.equal((await take({ key: 'c', limit, least: 5, most: 5 })).hits, 5);
  assert.equal(await isAllowed(take({ key: 'c', limit, least: 1, most: 1 })), false);
});

test('two processes, many people at the same moment, the tidying beside them: nobody gets more than her limit', async () => {
  const leased = dbs.map((db) => leasedLimiter(hitTaker(db.pool), () => performance.now()));
  const people = Array.from({ length: 120 }, (_, n) => `person-${n}`);
  const through = new Map<string, number>();
  const asking = people.flatMap((person) =>
    Array.from({ length: 130 }, async (_, n) => {
      if (await isAllowed(leased[n % 2]?.hit(person, LIMIT) as Promise<void>)) {
        through.set(person, (through.get(person) ?? 0) + 1);
      }
    }),
  );
  await Promise.all([...asking, ...dbs.map((db) => rateLimiter(db.pool).prune())]);
  const counts = [...through.values()];
  assert.equal(counts.length, people.length);
  // What one process took and nobody asked it for is of no use to the other.
  assert.ok(Math.max(...counts) <= LIMIT.hits, `${Math.max(...counts)} were let through`);
  assert.ok(Math.min(...counts) >= LIMIT.hits - LEASE_HITS_MAX, `only ${Math.min(...counts)}`);
  const { rows } = await dbs[0].pool.query('SELECT count(*)::int AS n FROM rate_limits WHERE hits > $1', [
    LIMIT.hits + LEASE_HITS_MAX,
  ]);
  assert.deepEqual(rows, [{ n: 0 }]);
});
