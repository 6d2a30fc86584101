/** The event log's upkeep over a real database: what has been acknowledged goes in batches, the rest stays its time. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import {
  RESUME_WINDOW_SECONDS,
  UNACKNOWLEDGED_KEPT_DAYS,
} from '../../auralink-communication-service/auralink-modules/endpoints/model.ts';
import { openDatabase } from '../../auralink-communication-service/store/db.ts';
import { createEventLog, PRUNE_BATCH } from '../../auralink-communication-service/store/event-log.ts';
import { testDatabase } from '../harness.ts';

const db = openDatabase({ ...(await testDatabase()), poolSize: 2 });
after(() => db.close());

/** Events 1 … `count` of an endpoint, `ageSeconds` old. */
async function insertEvents(count: number, ageSeconds: number): Promise<string> {
  const endpointId = randomUUID();
  await db.pool.query(
    `INSERT INTO endpoint_events (endpoint_id, seq, type, data, created_at)
     SELECT $1::uuid, n, 'ring', '{}', now() - make_interval(secs => $3::int) FROM generate_series(1, $2::int) n`,
    [endpointId, count, ageSeconds],
  );
  return endpointId;
}

async function keep(endpointId: string, lastSeq: number, acknowledgedSeq: number): Promise<void> {
  await db.pool.query(
    `WITH app AS (
       INSERT INTO apps (app_id, name, icon, origins, redirect_uris, scopes) VALUES ('log', 'Log', 'L', '{}', '{}', '{}')
       ON CONFLICT DO NOTHING
     ), person AS (
       INSERT INTO aura_id_registry (person_id, aura_id, skeleton, registration_key, state, activated_at)
       VALUES ($1::uuid, '@p' || substr($1::uuid::text, 1, 8) || '.aura', $1::uuid::text, $1::uuid::text, 'active', now())
     ), endpoint AS (
       INSERT INTO endpoints (endpoint_id, person_id, app_id, device_key, scopes) VALUES ($1::uuid, $1::uuid, 'log', 'd', '{}')
     )
     INSERT INTO endpoint_streams (endpoint_id, last_seq, acknowledged_seq) VALUES ($1::uuid, $2, $3)`,
    [endpointId, lastSeq, acknowledgedSeq],
  );
}

const left = async (endpointId: string): Promise<number[]> =>
  (
    await db.pool.query<{ seq: number }>(
      'SELECT seq FROM endpoint_events WHERE endpoint_id = $1 ORDER BY seq',
      [endpointId],
    )
  ).rows.map((row) => row.seq);

test('pruning goes in batches until nothing is left to prune, and spares what may still be asked for', async () => {
  const old = RESUME_WINDOW_SECONDS * 2 + 60;
  const deleted = await insertEvents(PRUNE_BATCH * 2 + 10, old);
  const halfRead = await insertEvents(4, old);
  await keep(halfRead, 4, 2);
  const fresh = await insertEvents(3, 1);
  const ancient = await insertEvents(2, (UNACKNOWLEDGED_KEPT_DAYS + 1) * 86_400);
  await keep(ancient, 2, 0);

  const log = createEventLog(db.pool);
  const batches = [await log.prune(), await log.prune(), await log.prune()];
  assert.deepEqual(batches, [PRUNE_BATCH, PRUNE_BATCH, 10 + 2 + 2]);
  assert.deepEqual(await left(deleted), [], 'its endpoint is no more');
  assert.deepEqual(await left(halfRead), [3, 4], 'what was not acknowledged stays');
  assert.deepEqual(await left(fresh), [1, 2, 3], 'another page may still resume from there');
  assert.deepEqual(await left(ancient), [], 'nobody came for it in all these days');
  assert.equal(await log.prune(), 0);
});
