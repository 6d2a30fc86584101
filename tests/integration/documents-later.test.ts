/** A document that expires while it waits for its reviewer. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { openKeyRing } from '../../auralink-communication-service/adapters/key-ring-file.ts';
import { createVault } from '../../auralink-communication-service/auralink-modules/auraid/data-keys.ts';
import { placeOf } from '../../auralink-communication-service/auralink-modules/documents/ports.ts';
import type { Review } from '../../auralink-communication-service/auralink-modules/documents/model.ts';
import { systemClock } from '../../auralink-communication-service/core/clock.ts';
import { newId, type PersonId } from '../../auralink-communication-service/core/ids.ts';
import { personKeyStore } from '../../auralink-communication-service/store/person-keys.ts';
import { testDatabase } from '../harness.ts';
import { DocumentPerson, openDocumentsDoor } from '../support/documents-room.ts';
import { td3 } from '../support/mrz-lines.ts';
import { png } from '../support/pictures.ts';

const door = await openDocumentsDoor(await testDatabase());
const { db, config } = door;
const ring = openKeyRing(config.KEY_RING_PATH, systemClock, { warn: () => {} });
const vault = createVault({ keys: personKeyStore(db.pool), ring, newId, randomBytes });

/** As if the day on which it expires had come since it was sent. */
async function expire(documentId: string, personId: string): Promise<void> {
  const yesterday = new Date(Date.now() - 2 * 86_400_000).toISOString().slice(2, 10).replaceAll('-', '');
  const lines = Buffer.from(td3({ expiry: yesterday }).join('\n'));
  await db.unitOfWork.run(async (tx) => {
    const place = placeOf('lines_envelope', documentId);
    const envelope = await vault.seal(tx, personId as PersonId, place, lines);
    const sql = `UPDATE identity_documents SET lines_envelope = $2, created_at = now() - interval '9 days',
      sent_at = now() - interval '9 days' WHERE document_id = $1`;
    await db.pool.query(sql, [documentId, envelope]);
  });
}

test('an approval is judged on its own day: what expired while it waited is approved by nobody', async () => {
  const olga = await DocumentPerson.register(door, '@olga.aura');
  const otto = await DocumentPerson.register(door, '@otto.aura');
  const reviewer = await (await DocumentPerson.register(door, '@rita.aura')).makeReviewer();
  const [hers, his] = [
    await olga.send(td3(), png(640, 480)),
    await otto.send(td3({ number: 'X1' }), png(640, 480)),
  ];
  await expire(hers, olga.personId);
  const approve = async (documentId: string) => {
    const { status, body } = await reviewer.ask<Review>('POST', `/reviews/${documentId}/claim`);
    assert.equal(status, 200, JSON.stringify(body));
    for (const { side } of body.images) {
      assert.equal((await reviewer.ask('GET', `/reviews/${documentId}/images/${side}`)).status, 200);
    }
    return await reviewer.ask('POST', `/reviews/${documentId}/verdict`, { verdict: 'approve' });
  };
  const refused = await approve(hers);
  assert.deepEqual([refused.status, refused.body.reason], [400, 'mrz_faults'], JSON.stringify(refused.body));
  assert.match(JSON.stringify(refused.body), /expired/);
  const verified = async (personId: string) => {
    const sql = "SELECT FROM aura_id_verifications WHERE person_id = $1 AND state = 'verified'";
    return (await db.pool.query(sql, [personId])).rowCount;
  };
  assert.equal(await verified(olga.personId), 0);
  assert.equal((await approve(his)).status, 200);
  assert.equal(await verified(otto.personId), 1);
  const said = { verdict: 'reject', reason: 'other', note: 'It has expired.' };
  assert.equal((await reviewer.ask('POST', `/reviews/${hers}/verdict`, said)).status, 200);
});
