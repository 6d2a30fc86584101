/** Who gave her name back and never returned: kept for as long as the name is, and then erased. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  eraseReleased,
  RELEASED_KEPT_DAYS,
} from '../../auralink-communication-service/auralink-modules/auraid/erasure.ts';
import { goneAddress } from '../../auralink-communication-service/auralink-modules/auraid/names-service.ts';
import { deps, type Made, one, person, pool } from '../support/leaving-room.ts';

test('takes whoever gave her name back and did not return for 180 days, and nobody before', async () => {
  const [long, short, back] = [await person('lea'), await person('mia'), await person('noa')];
  const gone = (who: Made, days: number) =>
    pool.query(
      `UPDATE aura_id_registry SET state = 'released', aura_id = $2, skeleton = 'gone:' || $1::uuid,
         ended_at = now() - make_interval(days => $3) WHERE person_id = $1`,
      [who.personId, goneAddress(), days],
    );
  await gone(long, RELEASED_KEPT_DAYS + 1);
  await gone(short, RELEASED_KEPT_DAYS - 1);
  assert.equal(await eraseReleased(deps), 1);
  assert.equal(await eraseReleased(deps), 0);
  for (const [who, state, fields] of [
    [long, 'erased', 0],
    [short, 'released', 1],
    [back, 'active', 1],
  ] as const) {
    const row = await one('SELECT state FROM aura_id_registry WHERE person_id = $1', [who.personId]);
    const kept = await one('SELECT count(*)::int AS n FROM personal_fields WHERE person_id = $1', [
      who.personId,
    ]);
    assert.deepEqual([row.state, kept.n], [state, fields]);
  }
  const held = await one("SELECT count(*)::int AS n FROM aura_id_holds WHERE skeleton LIKE 'gone:%'");
  assert.equal(held.n, 0, 'no made-up name is held');
  const { act } = await one('SELECT act FROM audit_log WHERE subject_id = $1 ORDER BY seq DESC LIMIT 1', [
    long.personId,
  ]);
  assert.equal(act, 'erasure.confirmed');
});
