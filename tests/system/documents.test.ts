/**
 * Documents through a whole constellation: processes are killed in the middle of each step and nothing is lost or done
 * twice; and no dump, no Redis and no log holds a line or a picture of a document.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ownConstellation } from '../harness.ts';
import { allPlaces, findCanaries } from '../support/canaries.ts';
import { eventually } from '../support/eventually.ts';
import { td3 } from '../support/mrz-lines.ts';
import { png, pngPixels } from '../support/pictures.ts';
import { type Asked, type RealPerson, realPeople } from '../support/real-people.ts';
import { authority, dg1, dg2, signer, sod } from '../support/travel-pki.ts';

const UTOPIA = authority();
const folder = mkdtempSync(join(tmpdir(), 'auralink-authorities-'));
after(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, 'utopia.cer'), UTOPIA.der);
const constellation = await ownConstellation('documents', {
  processes: 2,
  redis: true,
  env: { DOCUMENT_ACCEPT_SPECIMEN: 'true', DOCUMENT_AUTHORITIES_PATH: folder },
});
const people = await realPeople(constellation);
const { db } = people.world;
db.on('error', () => {});
const [alice, rita] = [await people.register('alice'), await people.register('rita')];
await db.query("INSERT INTO reviewer_roles (person_id, granted_by) VALUES ($1, 'service:test')", [
  rita.personId,
]);
const BACK_WITHIN_MS = 30_000;
const CANARY = `canary ${randomBytes(9).toString('base64')}`;
const canaries = { number: 'QX7Z3W9K2', surname: 'ZWYXELBAUMER', picture: CANARY };
const LINES = td3({ number: canaries.number, surname: canaries.surname, given: 'QUENDOLINE' });
const PICTURE = png(640, 480, { extra: [pngPixels(CANARY)] });

const stateOf = async (): Promise<string | undefined> => {
  const { rows } = await db.query<{ state: string }>(
    'SELECT state FROM identity_documents WHERE person_id = $1 ORDER BY created_at DESC LIMIT 1',
    [alice.personId],
  );
  return rows[0]?.state;
};
const proofsOf = async (): Promise<string[]> => {
  const { rows } = await db.query<{ level: string }>(
    "SELECT level FROM aura_id_verifications WHERE person_id = $1 AND state = 'verified' ORDER BY level",
    [alice.personId],
  );
  return rows.map(({ level }) => level);
};

/** Asks, and kills every process while the answer is on its way; then asks again until `done` holds. */
async function askAndKill(ask: () => Promise<Asked>, done: () => Promise<boolean>): Promise<void> {
  const asked = ask().catch(() => null);
  for (const name of ['service-1', 'service-2']) constellation.kill(name);
  await asked;
  await eventually(async () => {
    if (await done()) return;
    const answer = await ask();
    assert.ok(await done(), `${answer.status} ${answer.text}`);
  }, BACK_WITHIN_MS);
}

const newest = async (one: RealPerson): Promise<Asked['body']> =>
  (await one.ask('GET', '/me/documents')).body.documents[0];

test('killed while she begins, adds a picture and sends, and while a reviewer takes it and decides', async () => {
  await askAndKill(
    () => alice.ask('POST', '/me/documents', { lines: LINES }),
    async () => (await stateOf()) === 'open',
  );
  const { documentId } = await newest(alice);
  const path = `/me/documents/${documentId}`;
  const hasPicture = async () =>
    (await db.query('SELECT FROM document_images WHERE document_id = $1', [documentId])).rows.length === 1;
  await askAndKill(() => alice.ask('PUT', `${path}/images/front`, PICTURE), hasPicture);
  await askAndKill(
    () => alice.ask('POST', `${path}/send`),
    async () => (await stateOf()) === 'pending',
  );
  let seen: Asked | null = null;
  const take = async () => {
    const answer = await rita.ask('POST', `/reviews/${documentId}/claim`);
    if (answer.status === 200) seen = answer;
    return answer;
  };
  await askAndKill(take, async () => seen !== null);
  const review = seen as Asked | null;
  assert.equal(review?.body.document.number, canaries.number);
  assert.equal((await rita.ask('GET', `/reviews/${documentId}/images/front`)).status, 200);
  const approve = () => rita.ask('POST', `/reviews/${documentId}/verdict`, { verdict: 'approve' });
  await askAndKill(approve, async () => (await stateOf()) === 'approved');
  assert.deepEqual(await proofsOf(), ['document_seen']);
  const { rows } = await db.query('SELECT FROM document_reviews WHERE document_id = $1', [documentId]);
  assert.equal(rows.length, 1);
});

test('killed while a chip proves: it is proven once', async () => {
  const shown = await alice.ask('PUT', '/me/profile', {
    displayName: `Quendoline ${canaries.surname.toLowerCase()}`,
  });
  assert.equal(shown.status, 204, shown.text);
  await alice.ask('POST', '/me/documents', { lines: LINES });
  const { documentId } = await newest(alice);
  const groups = { 1: dg1(LINES), 2: dg2() };
  const files = [sod(groups, signer(UTOPIA)), groups[1], groups[2]].map((bytes, index) => {
    return { name: `${index}.bin`, content: bytes.toString('base64') };
  });
  await askAndKill(
    () => alice.ask('POST', `/me/documents/${documentId}/chip`, { files }),
    async () => (await stateOf()) === 'approved',
  );
  assert.deepEqual(await proofsOf(), ['document_proven', 'document_seen']);
  // The name that she shows lies readable by her own will, and is not looked for.
  await alice.ask('PUT', '/me/profile', { displayName: null });
});

test('nothing of it lies readable in a dump, in Redis or in a log', async () => {
  const exported = await alice.ask('GET', '/account/export');
  assert.ok(exported.text.includes(canaries.number), 'she takes it along');
  assert.ok(exported.body.documentImages[0].image.length > 100);
  const { surname: _, ...sought } = canaries;
  assert.deepEqual(findCanaries(sought, await allPlaces(constellation)), []);
});

test('she is erased, and her documents with her', async () => {
  const { rows } = await db.query('SELECT FROM identity_documents WHERE person_id = $1', [alice.personId]);
  assert.equal(rows.length, 2);
  const erased = await alice.ask('POST', '/account/erasure', {
    confirmation: alice.auraId,
    currentPassword: 'correct horse battery',
  });
  assert.equal(erased.status, 204, erased.text);
  for (const table of ['identity_documents', 'document_images']) {
    const left = await db.query(`SELECT FROM ${table} WHERE person_id = $1`, [alice.personId]);
    assert.equal(left.rows.length, 0, table);
  }
});
