/** How long a reviewer has a document, what is written down of it, and what its owner reads of that. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Review } from '../../auralink-communication-service/auralink-modules/documents/model.ts';
import type { PersonId } from '../../auralink-communication-service/core/ids.ts';
import { exportStore } from '../../auralink-communication-service/store/export.ts';
import { testDatabase } from '../harness.ts';
import { DocumentPerson, openDocumentsDoor } from '../support/documents-room.ts';
import { td3 } from '../support/mrz-lines.ts';
import { png } from '../support/pictures.ts';

const door = await openDocumentsDoor(await testDatabase());
const { pool } = door.db;
const PICTURE = png(640, 480);
const rita = await DocumentPerson.register(door, '@rita.aura').then((one) => one.makeReviewer());
const actsOf = async (personId: string): Promise<string[]> => {
  const { rows } = await pool.query<{ act: string }>('SELECT act FROM audit_log WHERE subject_id = $1', [
    personId,
  ]);
  return rows.map(({ act }) => act);
};

test('who goes on looking keeps it, and that is one look; the owner reads of a reviewer, not of which', async () => {
  const dora = await DocumentPerson.register(door, '@dora.aura', 'Dora Eriksson');
  const id = await dora.send(td3(), PICTURE);
  for (let i = 0; i < 3; i++) assert.equal((await rita.ask('POST', `/reviews/${id}/claim`)).status, 200);
  await pool.query(
    "UPDATE identity_documents SET claimed_until = now() + interval '1 s' WHERE document_id = $1",
    [id],
  );
  const again = await rita.ask<Review>('POST', `/reviews/${id}/claim`);
  assert.ok(Date.parse(again.body.claimedUntil) - Date.now() > 600_000);
  assert.equal((await actsOf(dora.personId)).filter((act) => act === 'document.claimed').length, 1);
  await rita.ask('POST', `/reviews/${id}/release`);
  await rita.ask('POST', `/reviews/${id}/claim`);
  assert.equal((await actsOf(dora.personId)).filter((act) => act === 'document.claimed').length, 2);
  const acts = await exportStore(pool).listActs(dora.personId as PersonId, 100);
  assert.ok(acts.some(({ act, actor }) => act === 'document.claimed' && actor === 'reviewer'));
  assert.ok(acts.some(({ act, actor }) => act === 'document.sent' && actor === `person:${dora.personId}`));
  assert.ok(!JSON.stringify(acts).includes(rita.personId));
});
