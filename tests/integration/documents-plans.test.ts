/** What the documents room asks of the database goes by an index, also when thousands of documents wait or are decided. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Review } from '../../auralink-communication-service/auralink-modules/documents/model.ts';
import { testDatabase } from '../harness.ts';
import { DocumentPerson, openDocumentsDoor } from '../support/documents-room.ts';
import { td3 } from '../support/mrz-lines.ts';
import { png } from '../support/pictures.ts';
import { planOf, statementsOf } from '../support/plans.ts';

const TABLES = /identity_documents|document_images|document_reviews|reviewer_roles/;

test('no statement about documents scans a table of theirs', async () => {
  const door = await openDocumentsDoor(await testDatabase());
  const { pool } = door.db;
  const [alice, reviewer] = [
    await DocumentPerson.register(door, '@alice.aura', 'Anna Eriksson'),
    await DocumentPerson.register(door, '@rita.aura').then((one) => one.makeReviewer()),
  ];
  await pool.query(
    `WITH people AS (
       INSERT INTO aura_id_registry (person_id, aura_id, skeleton, state, registration_key, activated_at)
       SELECT gen_random_uuid(), '@many' || n || '.aura', 'many' || n, 'active', 'many:' || n, now()
       FROM generate_series(1, 5000) n RETURNING person_id
     ), documents AS (
       INSERT INTO identity_documents (document_id, person_id, state, round, sent_at, lines_envelope)
       SELECT gen_random_uuid(), person_id, 'pending', 1, now(), '\\x00' FROM people RETURNING document_id, person_id
     )
     INSERT INTO document_images (image_id, document_id, person_id, side, width, height, bytes, envelope)
     SELECT gen_random_uuid(), document_id, person_id, 'front', 1, 1, 1, '\\x00' FROM documents`,
  );
  await pool.query('ANALYZE identity_documents, document_images, document_reviews, reviewer_roles');
  const sent = await statementsOf(async () => {
    const first = await alice.send(td3(), png(640, 480));
    await alice.ask('GET', '/me/documents');
    assert.equal((await alice.ask('DELETE', `/me/documents/${first}`)).status, 204);
    const second = await alice.send(td3(), png(640, 480));
    await reviewer.ask('GET', '/reviews');
    assert.equal((await reviewer.ask<Review>('POST', `/reviews/${second}/claim`)).status, 200);
    await reviewer.ask('GET', `/reviews/${second}/images/front`);
    assert.equal(
      (await reviewer.ask('POST', `/reviews/${second}/verdict`, { verdict: 'approve' })).status,
      200,
    );
    await door.identity.chores.find(({ job }) => job === 'documents.tidy')?.run();
  });
  const ours = [...sent].filter((text) => TABLES.test(text));
  assert.ok(ours.length >= 15, `${ours.length} statements`);
  for (const text of ours) {
    const plan = (await planOf(pool, text)).join('\n');
    assert.ok(
      !/Seq Scan on (?:identity_documents|document_images|document_reviews)/.test(plan),
      `${text}\n${plan}`,
    );
  }
});
