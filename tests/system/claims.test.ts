/**
 * A hundred claims of one name and its look-alikes, sent at once to two service processes that share a door, with all
 * that is real behind them: one wins, the others are told that it is taken and what is free, and no account is left over.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { skeletonOf } from '../../auralink-communication-service/auralink-modules/auraid/skeleton.ts';
import { makeDashboardToken } from '../../auralink-communication-service/launcher/dashboard-token.ts';
import { ownConstellation } from '../harness.ts';
import { openWorld } from '../support/world.ts';

const CLAIMS = 100;
const TOKEN_TTL_SECONDS = 300;
const SPELLINGS = ['willow', 'wi11ow', 'vvillow', 'w.illow', 'wil-low', 'wlllow', 'WILLOW', 'will0w'];

test('one of a hundred claims wins, over two processes', async () => {
  const constellation = await ownConstellation('claims', { processes: 2, redis: false });
  const { settings, urls } = constellation;
  const world = await openWorld(constellation);
  const tokens = await Promise.all(
    Array.from({ length: CLAIMS }, () => makeDashboardToken(settings, 'matrix.register', TOKEN_TTL_SECONDS)),
  );
  try {
    const answers = await Promise.all(
      tokens.map(async (token, n) => {
        const answer = await fetch(`${urls.public}/internal/matrix/register`, {
          method: 'POST',
          // A connection each, so that both processes have some.
          headers: {
            authorization: `Bearer ${token}`,
            'content-type': 'application/json',
            connection: 'close',
          },
          body: JSON.stringify({ dashboardUserId: `claimer-${n}`, auraId: SPELLINGS[n % SPELLINGS.length] }),
        });
        return {
          status: answer.status,
          body: (await answer.json()) as { reason?: string; suggestions?: string[] },
        };
      }),
    );
    const lost = answers.filter(({ status }) => status !== 201);
    assert.equal(lost.length, CLAIMS - 1);
    for (const { status, body } of lost) {
      assert.deepEqual([status, body.reason], [409, 'taken'], JSON.stringify(body));
      assert.ok((body.suggestions ?? []).length > 0);
    }
    const { rows } = await world.db.query(
      `SELECT count(*)::int AS people, count(m.person_id)::int AS accounts FROM aura_id_registry r
       LEFT JOIN matrix_user_mappings m USING (person_id) WHERE r.skeleton = $1`,
      [skeletonOf('willow')],
    );
    assert.deepEqual(rows[0], { people: 1, accounts: 1 });
  } finally {
    await world.close();
  }
});
