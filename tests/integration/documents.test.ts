/** Documents over a real door, database and vault: submitting, reviewing, proving by chip, and who may see what. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type {
  DocumentList,
  DocumentView,
  Review,
  ReviewList,
} from '../../auralink-communication-service/auralink-modules/documents/model.ts';
import { testDatabase } from '../harness.ts';
import { DocumentPerson, openDocumentsDoor, UTOPIA, UTOPIAN_SIGNER } from '../support/documents-room.ts';
import { td1, td3 } from '../support/mrz-lines.ts';
import { jpeg, png } from '../support/pictures.ts';
import { authority, dg1, dg2, signer, sod } from '../support/travel-pki.ts';

const address = await testDatabase();
const door = await openDocumentsDoor(address);
const { pool } = door.db;
const [alice, bob, rita, rolf, mallory] = await Promise.all([
  DocumentPerson.register(door, '@alice.aura', 'Anna Eriksson'),
  DocumentPerson.register(door, '@bob.aura', 'Anna Maria Eriksson'),
  DocumentPerson.register(door, '@rita.aura').then((one) => one.makeReviewer()),
  DocumentPerson.register(door, '@rolf.aura').then((one) => one.makeReviewer()),
  DocumentPerson.register(door, '@mallory.aura'),
]);
const PICTURE = png(640, 480);

const listOf = async (one: DocumentPerson) => (await one.ask<DocumentList>('GET', '/me/documents')).body;
const newest = async (one: DocumentPerson) => (await listOf(one)).documents[0] as DocumentView;
const waiting = async (one: DocumentPerson) => (await one.ask<ReviewList>('GET', '/reviews')).body.waiting;
const actsOf = async (one: DocumentPerson): Promise<string[]> => {
  const { rows } = await pool.query<{ act: string }>(
    'SELECT act FROM audit_log WHERE subject_id = $1 ORDER BY at',
    [one.personId],
  );
  return rows.map(({ act }) => act);
};
const proofsOf = async (one: DocumentPerson) => {
  const { rows } = await pool.query<{ level: string; state: string; until: string }>(
    `SELECT level, state, to_char(expires_at, 'YYYY-MM-DD') AS until FROM aura_id_verifications WHERE person_id = $1 ORDER BY created_at`,
    [one.personId],
  );
  return rows;
};
const verdict = (one: DocumentPerson, id: string, body: object) =>
  one.ask<{ decided: boolean; reason: string }>('POST', `/reviews/${id}/verdict`, body);
const chipOf = (lines: readonly string[], by = UTOPIAN_SIGNER) => {
  const groups = { 1: dg1(lines), 2: dg2() };
  const files = [sod(groups, by), groups[1], groups[2]];
  return {
    files: files.map((bytes, index) => ({ name: `${index}.bin`, content: bytes.toString('base64') })),
  };
};

test('lines, pictures, queue, approval: what she sends is seen by one reviewer and proved until the document expires', async () => {
  const begun = await alice.ask<DocumentView>('POST', '/me/documents', { lines: td1() });
  assert.equal(begun.status, 201);
  const { documentId } = begun.body;
  assert.deepEqual(
    [begun.body.state, begun.body.nameFit, begun.body.needs],
    ['open', 'fits', ['front', 'back']],
  );
  assert.equal(begun.body.document?.number, 'L898902C3');
  const path = `/me/documents/${documentId}`;
  assert.equal((await alice.ask('PUT', `${path}/images/front`, PICTURE)).status, 200);
  const early = await alice.ask('POST', `${path}/send`);
  assert.deepEqual([early.status, early.body.reason, early.body.missing], [409, 'image_missing', ['back']]);
  assert.equal((await alice.ask('PUT', `${path}/images/back`, jpeg(800, 600), 'image/jpeg')).status, 200);
  assert.equal((await alice.ask<DocumentView>('POST', `${path}/send`)).body.state, 'pending');
  assert.equal((await alice.ask('PUT', `${path}/images/back`, PICTURE)).body.reason, 'not_editable');
  assert.equal(
    (await alice.ask('POST', '/me/documents', { lines: td3() })).body.reason,
    'document_under_way',
  );

  assert.deepEqual(
    (await waiting(rita)).map((one) => [one.documentId, one.claim]),
    [[documentId, 'free']],
  );
  assert.equal((await rita.ask('GET', `/reviews/${documentId}/images/front`)).body.reason, 'not_claimed');
  const review = (await rita.ask<Review>('POST', `/reviews/${documentId}/claim`)).body;
  assert.deepEqual(
    [review.shownName, review.nameFit, review.images.map((one) => one.side)],
    ['Anna Eriksson', 'fits', ['front', 'back']],
  );
  assert.deepEqual(
    (await waiting(rolf)).map((one) => one.claim),
    ['other'],
  );
  assert.equal((await rolf.ask('POST', `/reviews/${documentId}/claim`)).body.reason, 'not_to_be_had');
  assert.equal((await rolf.ask('GET', `/reviews/${documentId}/images/front`)).status, 409);
  assert.equal((await verdict(rolf, documentId, { verdict: 'approve' })).body.reason, 'not_claimed');
  const seen = await rita.ask<string>('GET', `/reviews/${documentId}/images/front`);
  assert.equal(seen.status, 200);
  const half = await verdict(rita, documentId, { verdict: 'approve' });
  assert.deepEqual([half.status, half.body.reason], [409, 'pictures_unseen'], 'the back was not looked at');
  await rita.ask('GET', `/reviews/${documentId}/images/back`);
  assert.deepEqual((await verdict(rita, documentId, { verdict: 'approve' })).body, { decided: true });
  const after = await newest(alice);
  assert.deepEqual([after.state, after.by], ['approved', 'reviewers']);
  assert.ok(after.deletedOn !== null && Date.parse(after.deletedOn) > Date.now() + 29 * 86_400_000);
  assert.deepEqual(await proofsOf(alice), [
    { level: 'document_seen', state: 'verified', until: '2032-04-15' },
  ]);
  assert.equal((await rita.ask('GET', `/reviews/${documentId}/images/front`)).status, 409, 'it is decided');
  const acts = await actsOf(alice);
  const times = { begun: 1, sent: 1, claimed: 1, viewed: 2, judged: 1, approved: 1 };
  for (const [act, count] of Object.entries(times)) {
    assert.equal(acts.filter((one) => one === `document.${act}`).length, count, act);
  }
});

test('whoever has not the role finds nothing, and that she asked is written down', async () => {
  const id = '00000000-0000-7000-8000-000000000000';
  const asked: [string, string, object?][] = [
    ['GET', '/reviews'],
    ['POST', `/reviews/${id}/claim`],
    ['POST', `/reviews/${id}/verdict`, { verdict: 'approve' }],
    ['GET', `/reviews/${id}/images/front`],
  ];
  for (const [method, path, body] of asked) {
    const { status, body: problem } = await mallory.ask(method, path, body);
    assert.deepEqual(
      [status, problem.reason, problem.errcode],
      [404, 'unknown_route', 'M_UNRECOGNIZED'],
      path,
    );
  }
  assert.equal((await actsOf(mallory)).filter((act) => act === 'review.refused').length, asked.length);
  await pool.query('UPDATE reviewer_roles SET revoked_at = now() WHERE person_id = $1', [rolf.personId]);
  assert.equal((await rolf.ask('GET', '/reviews')).status, 404, 'a role that was taken back is none');
  await pool.query('UPDATE reviewer_roles SET revoked_at = NULL WHERE person_id = $1', [rolf.personId]);
});

test('nobody reviews herself, and others’ documents are not to be had', async () => {
  const id = await rita.send(td3({ number: 'R00000001' }), PICTURE);
  assert.deepEqual(await waiting(rita), []);
  assert.equal((await rita.ask('POST', `/reviews/${id}/claim`)).body.reason, 'not_to_be_had');
  for (const path of [`/me/documents/${id}/send`, `/me/documents/${id}/chip`]) {
    const body = path.endsWith('chip') ? chipOf(td3()) : undefined;
    assert.equal((await mallory.ask('POST', path, body)).status, 404, path);
  }
  assert.equal((await mallory.ask('GET', `/me/documents/${id}/images/front`)).status, 404);
  assert.equal((await rita.ask('GET', `/me/documents/${id}/images/front`)).status, 200, 'she sees her own');
  assert.equal((await rita.ask('DELETE', `/me/documents/${id}`)).status, 204);
  assert.equal((await rita.ask('DELETE', `/me/documents/${id}`)).status, 204, 'again');
  const { rows } = await pool.query('SELECT FROM document_images WHERE document_id = $1', [id]);
  assert.equal(rows.length, 0, 'pictures went at once');
});

test('asked for more, sent again, rejected with a reason and a note that only she can read', async () => {
  const lines = td3({ number: 'M00000001', surname: 'MALLORY', given: 'EVE' });
  const id = await mallory.send(lines, PICTURE);
  await rita.ask('POST', `/reviews/${id}/claim`);
  await verdict(rita, id, {
    verdict: 'ask',
    missing: ['better_pictures'],
    note: 'The lower lines are cut off.',
  });
  const asked = await newest(mallory);
  assert.deepEqual(
    [asked.state, asked.missing, asked.note],
    ['asked', ['better_pictures'], 'The lower lines are cut off.'],
  );
  assert.deepEqual(await waiting(rolf), []);
  assert.equal((await mallory.ask('PUT', `/me/documents/${id}/images/front`, png(900, 700))).status, 200);
  assert.equal((await mallory.ask<DocumentView>('POST', `/me/documents/${id}/send`)).body.state, 'pending');
  assert.deepEqual(
    (await waiting(rita)).map((one) => one.round),
    [2],
  );
  await rita.ask('POST', `/reviews/${id}/claim`);
  await verdict(rita, id, { verdict: 'reject', reason: 'not_genuine', note: 'A photo of a screen.' });
  const rejected = await newest(mallory);
  assert.deepEqual(
    [rejected.state, rejected.reason, rejected.note],
    ['rejected', 'not_genuine', 'A photo of a screen.'],
  );
  assert.deepEqual(await proofsOf(mallory), []);
  const { rows } = await pool.query<{ note_envelope: Buffer }>(
    'SELECT note_envelope FROM identity_documents WHERE document_id = $1',
    [id],
  );
  assert.ok(!rows[0]?.note_envelope.includes('photo'));
  assert.equal((await mallory.ask('DELETE', `/me/documents/${id}`)).body.reason, 'already_decided');
});

test('a chip proves at once; the same document of somebody else takes the proof from the first', async () => {
  const lines = td3({ number: 'C00000001' });
  const begin = async (one: DocumentPerson) =>
    (await one.ask<DocumentView>('POST', '/me/documents', { lines })).body.documentId;
  const id = await begin(alice);
  const done = await alice.ask<DocumentView>('POST', `/me/documents/${id}/chip`, chipOf(lines));
  assert.deepEqual(
    [done.status, done.body.state, done.body.by],
    [200, 'approved', 'chip'],
    JSON.stringify(done.body),
  );
  const proven = async (one: DocumentPerson) =>
    (await proofsOf(one)).filter(({ level }) => level === 'document_proven').map(({ state }) => state);
  assert.deepEqual(await proven(alice), ['verified']);
  const second = await begin(bob);
  assert.equal((await bob.ask('POST', `/me/documents/${second}/chip`, chipOf(lines))).status, 200);
  assert.deepEqual([await proven(alice), await proven(bob)], [['superseded'], ['verified']]);
});

test('chips that are not what they say: each with its reason, and nothing is proved', async () => {
  const lines = td3({ number: 'C00000002' });
  const { documentId } = (await mallory.ask<DocumentView>('POST', '/me/documents', { lines })).body;
  const path = `/me/documents/${documentId}/chip`;
  const reasonOf = async (body: object) => (await mallory.ask('POST', path, body)).body.reason;
  assert.equal(await reasonOf(chipOf(lines)), 'name_differs', 'she shows no name');
  await pool.query("UPDATE aura_id_registry SET display_name = 'Anna Eriksson' WHERE person_id = $1", [
    mallory.personId,
  ]);
  const other = chipOf(lines);
  const altered = { files: [other.files[0], chipOf(td3()).files[1]] };
  const cases: [string, object][] = [
    ['data_group_altered', altered],
    ['unknown_authority', chipOf(lines, signer(authority()))],
    ['wrong_country', chipOf(lines, signer(UTOPIA, { country: 'DE' }))],
    ['certificate_expired', chipOf(lines, signer(UTOPIA, { until: new Date('2025-01-01') }))],
    ['mrz_differs', chipOf(td3())],
    ['missing_dg1', { files: [other.files[0]] }],
    [
      'malformed',
      { files: [{ name: 'x', content: Buffer.from([0x77, 2, 0x30, 0]).toString('base64') }, other.files[1]] },
    ],
    [
      'bad_archive',
      { files: [{ name: 'x.zip', content: Buffer.from('PK\u0003\u0004 no archive').toString('base64') }] },
    ],
  ];
  for (const [reason, body] of cases) assert.equal(await reasonOf(body), reason);
  assert.equal(
    await reasonOf(chipOf(lines)),
    'rate_limited',
    'ten an hour, one of them of another’s document above',
  );
  assert.deepEqual(await proofsOf(mallory), []);
  assert.equal((await newest(mallory)).state, 'open');
  await mallory.ask('DELETE', `/me/documents/${documentId}`);
});

test('bad lines are told by place, a wrong check digit in any position too', async () => {
  const [first = '', second = ''] = td3();
  for (let at = 0; at < 44; at += 1) {
    if ((at > 9 && at < 13) || at === 20 || at % 5 !== 0) continue;
    const was = second[at] ?? '';
    const lines = [first, second.slice(0, at) + (was === '8' ? '3' : '8') + second.slice(at + 1)];
    const { status, body } = await bob.ask('POST', '/me/documents', { lines });
    const faults = body.faults as { line: number; from: number; to: number }[];
    assert.deepEqual([status, body.reason], [400, 'mrz_faults'], `${at}`);
    assert.ok(faults.every((fault) => fault.line === 2));
  }
  const wrong: [object, string][] = [
    [{ lines: [] }, 'lines'],
    [{ lines: ['A'.repeat(65)] }, 'lines'],
    [{ lines: td3(), more: 1 }, 'body'],
    [{}, 'lines'],
  ];
  for (const [body, field] of wrong) {
    const answer = await bob.ask('POST', '/me/documents', body);
    assert.equal(answer.status, 400);
    assert.ok(String(answer.body.field).startsWith(field), JSON.stringify(answer.body));
  }
});

test('pictures: 50 MB, polyglots, bombs and other files are refused, and unnamed callers before anything is read', async () => {
  const { documentId } = (
    await bob.ask<DocumentView>('POST', '/me/documents', { lines: td3({ number: 'B00000001' }) })
  ).body;
  const path = `/me/documents/${documentId}/images/front`;
  const put = async (bytes: Buffer, type = 'image/png') => {
    const { status, body } = await bob.ask('PUT', path, bytes, type);
    return [status, body.reason];
  };
  assert.deepEqual(await put(Buffer.concat([PICTURE, Buffer.from('PK\u0003\u0004')])), [
    400,
    'not_only_a_picture',
  ]);
  assert.deepEqual(await put(png(60_000, 60_000, { pixels: false })), [400, 'too_many_pixels']);
  assert.deepEqual(await put(Buffer.from('<svg/>'), 'image/svg+xml'), [400, 'not_a_picture']);
  assert.deepEqual(await put(Buffer.from('GIF89a and so on'), 'image/png'), [400, 'not_a_picture']);
  const url = `${door.baseUrl}/_auralink/v1${path}`;
  const big = 50 * 1_048_576;
  const sent = { bytes: 0 };
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent.bytes >= big) return controller.close();
      sent.bytes += 65_536;
      controller.enqueue(new Uint8Array(65_536));
    },
  });
  const headers = { authorization: `Bearer ${bob.token}`, 'content-type': 'image/png' };
  const outcome = await fetch(url, {
    method: 'PUT',
    headers,
    body: endless,
    duplex: 'half',
  } as RequestInit).then(
    (response) => response.status,
    () => 'cut off',
  );
  assert.ok(outcome === 413 || outcome === 'cut off', String(outcome));
  assert.ok(sent.bytes < big / 2, `${sent.bytes} bytes were taken`);
  assert.deepEqual((await put(Buffer.alloc(big)).catch(() => [413]))[0], 413);
  const nobody = await fetch(url, {
    method: 'PUT',
    headers: { 'content-type': 'image/png' },
    body: new Uint8Array(PICTURE),
  });
  assert.equal(nobody.status, 401);
  assert.equal((await newest(bob)).images.length, 0);
  await bob.ask('DELETE', `/me/documents/${documentId}`);
});

test('two reviewers must agree: the same verdict by two people, a third breaks the tie', async () => {
  const two = await openDocumentsDoor(address, { DOCUMENT_REVIEWERS: 2 }, door);
  const rosa = await (await DocumentPerson.register(door, '@rosa.aura')).makeReviewer();
  const id = await bob.send(td3({ number: 'T00000001' }), PICTURE);
  const say = async (one: DocumentPerson, body: object) => {
    const at = one.at(two);
    const claimed = await at.ask('POST', `/reviews/${id}/claim`);
    if (claimed.status !== 200) return claimed.body.reason;
    await at.ask('GET', `/reviews/${id}/images/front`);
    return (await verdict(at, id, body)).body.decided;
  };
  assert.equal(await say(rita, { verdict: 'approve' }), false);
  assert.equal(await say(rita, { verdict: 'approve' }), 'not_to_be_had', 'nobody twice');
  assert.equal(await say(rolf, { verdict: 'reject', reason: 'unreadable' }), false);
  assert.equal((await newest(bob)).state, 'pending');
  assert.equal(await say(rosa, { verdict: 'approve' }), true);
  assert.equal((await newest(bob)).state, 'approved');
});

test('a claim lapses and somebody else has it; many at once, and one of them wins', async () => {
  const id = await mallory.send(td3({ number: 'L00000001' }), PICTURE);
  const tries = await Promise.all(
    [rita, rolf, rita, rolf].map((one) => one.ask('POST', `/reviews/${id}/claim`)),
  );
  const won = new Set(tries.flatMap(({ status }, index) => (status === 200 ? [index % 2] : [])));
  assert.equal(won.size, 1);
  const [first, second] = won.has(0) ? [rita, rolf] : [rolf, rita];
  await pool.query(
    "UPDATE identity_documents SET claimed_until = now() - interval '1 second' WHERE document_id = $1",
    [id],
  );
  assert.equal((await verdict(first, id, { verdict: 'approve' })).body.reason, 'not_claimed');
  assert.equal((await second.ask('POST', `/reviews/${id}/claim`)).status, 200);
  assert.equal((await second.ask('POST', `/reviews/${id}/release`)).status, 204);
  assert.deepEqual(
    (await waiting(first)).map((one) => one.claim),
    ['free'],
  );
  await mallory.ask('DELETE', `/me/documents/${id}`);
});

test('pictures and lines go when their time has come, and what was begun and left goes, too', async () => {
  const id = await mallory.send(td3({ number: 'X00000001' }), PICTURE);
  await pool.query(
    "UPDATE identity_documents SET state = 'rejected', decided_at = now(), delete_at = now() WHERE document_id = $1",
    [id],
  );
  const chore = door.identity.chores.find(({ job }) => job === 'documents.tidy');
  await chore?.run();
  const view = await newest(mallory);
  assert.deepEqual([view.state, view.document, view.images, view.deletedOn], ['rejected', null, [], null]);
  assert.ok((await actsOf(mallory)).includes('document.deleted'));
  const draft = (await mallory.ask<DocumentView>('POST', '/me/documents', { lines: td3() })).body.documentId;
  await pool.query(
    "UPDATE identity_documents SET updated_at = now() - interval '31 days' WHERE document_id = $1",
    [draft],
  );
  await chore?.run();
  assert.equal((await newest(mallory)).state, 'withdrawn');
});

test('events reach her pages and the reviewers’, and nothing of her document is in them', async () => {
  const eventsOf = async (one: DocumentPerson) => {
    const { rows } = await pool.query<{ type: string; data: object }>(
      `SELECT v.type, v.data FROM endpoint_events v JOIN endpoints e USING (endpoint_id) WHERE e.person_id = $1`,
      [one.personId],
    );
    return rows;
  };
  assert.ok((await eventsOf(alice)).some(({ type }) => type === 'document.updated'));
  assert.ok((await eventsOf(rita)).some(({ type }) => type === 'reviews.updated'));
  assert.ok(!(await eventsOf(bob)).some(({ type }) => type === 'reviews.updated'));
  assert.doesNotMatch(JSON.stringify(await eventsOf(alice)), /ERIKSSON|L898902C3/);
});
