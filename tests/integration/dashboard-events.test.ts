/** Events for the Dashboard and reviewers' roles, over a real database. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { messageSchema } from '../../auralink-communication-service/auralink-modules/dashboard/model.ts';
import { newId, type PersonId } from '../../auralink-communication-service/core/ids.ts';
import { openDatabase } from '../../auralink-communication-service/store/db.ts';
import { reviewerStore } from '../../auralink-communication-service/store/reviewers.ts';
import { dashboardEvents } from '../../auralink-communication-service/store/webhooks.ts';
import { testDatabase } from '../harness.ts';

const db = openDatabase(await testDatabase());
after(() => db.close());
const events = dashboardEvents(newId);
const reviewers = reviewerStore(db.pool);

async function person(name: string): Promise<PersonId> {
  const personId = newId<PersonId>();
  await db.pool.query(
    `INSERT INTO aura_id_registry (person_id, aura_id, skeleton, registration_key, state, activated_at)
     VALUES ($1, $2, $3, $4, 'active', now())`,
    [personId, `@${name}.aura`, name, `test:${name}`],
  );
  return personId;
}

const rows = async (subject: PersonId) =>
  (
    await db.pool.query('SELECT type, data FROM webhook_deliveries WHERE subject_id = $1 ORDER BY seq', [
      subject,
    ])
  ).rows;

test('an event is there when its change is, and not when that was rolled back', async () => {
  const anna = await person('anna');
  const data = { personId: anna, auraId: '@anna.aura' };
  await assert.rejects(
    db.unitOfWork.run(async (tx) => {
      await events.emit(tx, { type: 'auraid.released', data });
      throw new Error('changed her mind');
    }),
    /changed her mind/,
  );
  assert.deepEqual(await rows(anna), []);
  await db.unitOfWork.run((tx) => events.emit(tx, { type: 'auraid.released', data }));
  assert.deepEqual(await rows(anna), [{ type: 'auraid.released', data }]);
});

test('an event with a key is told once', async () => {
  const data = {
    appId: 'chat',
    quota: 'calls_per_day',
    limit: 5,
    resetsAt: new Date().toISOString(),
  } as const;
  for (let i = 0; i < 3; i++) {
    await db.unitOfWork.run((tx) =>
      events.emit(tx, { type: 'app.quota_reached', data, onceKey: 'quota:chat:today' }),
    );
  }
  const found = await db.pool.query("SELECT FROM webhook_deliveries WHERE once_key = 'quota:chat:today'");
  assert.equal(found.rowCount, 1);
});

test('what was not told of somebody who is erased is told to nobody; that she left is told', async () => {
  const berta = await person('berta');
  await db.unitOfWork.run((tx) =>
    events.emit(tx, { type: 'auraid.privacy_changed', data: { personId: berta, changed: ['call'] } }),
  );
  const data = { personId: berta, dashboardUserId: null };
  await db.unitOfWork.run((tx) => events.emit(tx, { type: 'auraid.erased', data }));
  assert.deepEqual(await rows(berta), [{ type: 'auraid.erased', data }]);
});

test('a message says its type, its time and its data, and nothing else', () => {
  const message = {
    type: 'auraid.released',
    timestamp: '2026-01-01T00:00:00.000Z',
    data: { personId: newId<PersonId>(), auraId: '@anna.aura' },
  };
  assert.deepEqual(messageSchema.parse(message), message);
  for (const bad of [
    { ...message, type: 'auraid.renamed' },
    { ...message, extra: 1 },
    { ...message, data: { ...message.data, name: 'Anna' } },
    { ...message, timestamp: 'yesterday' },
  ]) {
    assert.equal(messageSchema.safeParse(bad).success, false, JSON.stringify(bad));
  }
});

test('a reviewer is one from the grant to the revocation, again after another grant, and not once she has left', async () => {
  const [carla, dora] = [await person('carla'), await person('dora')];
  const grant = (who: PersonId) => db.unitOfWork.run((tx) => reviewers.grant(tx, who, 'service:dashboard'));
  assert.equal(await reviewers.isReviewer(carla), false);
  assert.equal(await grant(carla), true);
  assert.equal(await grant(carla), false, 'she is one');
  assert.equal(await reviewers.isReviewer(carla), true);
  assert.equal(await reviewers.isReviewer(dora), false);
  assert.deepEqual(
    (await reviewers.list()).map((one) => [one.auraId, one.grantedBy]),
    [['@carla.aura', 'service:dashboard']],
  );
  assert.equal(await db.unitOfWork.run((tx) => reviewers.revoke(tx, carla)), true);
  assert.equal(await db.unitOfWork.run((tx) => reviewers.revoke(tx, carla)), false, 'she was none');
  assert.equal(await reviewers.isReviewer(carla), false);
  assert.equal(await grant(carla), true);
  await db.pool.query("UPDATE aura_id_registry SET state = 'released' WHERE person_id = $1", [carla]);
  assert.equal(await reviewers.isReviewer(carla), false);
  assert.equal(await grant(newId<PersonId>()), false, 'there is nobody of that id');
});
