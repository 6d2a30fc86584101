/**
 * Proofs over a real database: one subject is one person's, the newest proof holds, over several processes and over
 * a change of the index key; a personal field is verified exactly while its proof holds.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { reindex } from '../../auralink-communication-service/auralink-modules/auraid/blind-index.ts';
import { createFindPeople } from '../../auralink-communication-service/auralink-modules/auraid/finding.ts';
import type {
  NewProof,
  Proved,
} from '../../auralink-communication-service/auralink-modules/verification/ports.ts';
import type { PersonId } from '../../auralink-communication-service/core/ids.ts';
import { openDatabase } from '../../auralink-communication-service/store/db.ts';
import {
  blindIndexStores,
  countDigests,
  findByDigest,
} from '../../auralink-communication-service/store/finding.ts';
import { testDatabase } from '../harness.ts';
import { planOf, statementsOf } from '../support/plans.ts';
import { proofsRoom, provingPerson, ringInMemory } from '../support/verification-room.ts';

const address = await testDatabase();
const dbs = [openDatabase(address), openDatabase(address)] as const;
const [db] = dbs;
after(async () => {
  for (const one of dbs) await one.close();
});

type Room = ReturnType<typeof proofsRoom>;

const inDays = (days: number): Date => new Date(Date.now() + days * 86_400_000);

function prove(
  room: Room,
  personId: PersonId,
  subject: string | null,
  more: Partial<NewProof> = {},
): Promise<Proved> {
  const proof: NewProof = {
    ...{
      personId,
      subject,
      method: 'email',
      level: 'email_controlled',
      evidence: {},
      expiresAt: inDays(365),
    },
    ...more,
  };
  return (room === other ? dbs[1] : db).unitOfWork.run((tx) => room.proofs.prove(tx, proof));
}
const ring = ringInMemory();
const room = proofsRoom(db, ring);
/** Another process. */
const other = proofsRoom(dbs[1], ring);

const states = async (personId: PersonId) =>
  (await room.store.list(personId, 10)).map(({ level, state, reason }) => [level, state, reason]).reverse();

async function found(email: string): Promise<string[]> {
  const viewer = await provingPerson(db);
  const find = createFindPeople({ find: findByDigest(db.pool), indexer: room.indexer, vault: room.vault });
  return (await find(viewer, 'email', email)).map(({ auraId }) => auraId);
}

async function auraIdOf(personId: PersonId): Promise<string> {
  const { rows } = await db.pool.query('SELECT aura_id FROM aura_id_registry WHERE person_id = $1', [
    personId,
  ]);
  return rows[0].aura_id;
}

async function verifiedFields(personId: PersonId): Promise<boolean[]> {
  const sql =
    'SELECT verified_at IS NOT NULL AS v FROM personal_fields WHERE person_id = $1 ORDER BY field_id';
  return (await db.pool.query(sql, [personId])).rows.map(({ v }) => v);
}

test('she is found by an address while its proof holds, and not before or after', async () => {
  const alice = await provingPerson(db);
  assert.deepEqual(await found('alice@example.org'), []);
  const { verificationId, changed } = await prove(room, alice, 'alice@example.org');
  assert.deepEqual(changed, [alice]);
  assert.deepEqual(await found('Alice@Example.org'), [await auraIdOf(alice)]);
  const withdrawn = await db.unitOfWork.run((tx) =>
    room.proofs.withdraw(tx, { personId: alice, verificationId, reason: 'by_herself' }),
  );
  assert.deepEqual(withdrawn?.changed, [alice]);
  assert.deepEqual(await found('alice@example.org'), []);
  assert.deepEqual(await verifiedFields(alice), [false]);
  assert.deepEqual(await states(alice), [['email_controlled', 'withdrawn', 'by_herself']]);
  assert.deepEqual(
    room.told.emitted.slice(-2).map(({ type }) => type),
    ['auraid.verified', 'auraid.verification_withdrawn'],
  );
});

test('nobody withdraws what is another’s, and nothing is withdrawn twice', async () => {
  const [alice, eve] = [await provingPerson(db), await provingPerson(db)];
  const { verificationId } = await prove(room, alice, 'mine@example.org');
  const withdraw = (personId: PersonId) =>
    db.unitOfWork.run((tx) => room.proofs.withdraw(tx, { personId, verificationId, reason: 'by_herself' }));
  assert.equal(await withdraw(eve), null);
  assert.deepEqual(await states(alice), [['email_controlled', 'verified', null]]);
  assert.notEqual(await withdraw(alice), null);
  assert.equal(await withdraw(alice), null);
});

test('the newest proof of an address holds, and who loses hers is told', async () => {
  const [alice, bob] = [await provingPerson(db), await provingPerson(db)];
  await prove(room, alice, 'shared@example.org');
  const { changed } = await prove(room, bob, 'shared@example.org');
  assert.deepEqual(changed, [bob, alice]);
  assert.deepEqual(await found('shared@example.org'), [await auraIdOf(bob)]);
  assert.deepEqual(await states(alice), [['email_controlled', 'superseded', 'proved_by_other']]);
  assert.deepEqual(
    room.told.superseded.map(({ personId }) => personId),
    [alice],
  );
  assert.ok(
    room.told.events.some(({ personId, type }) => personId === alice && type === 'verification.superseded'),
  );
  const act = room.told.acts.find(
    ({ act, subject }) => act === 'verification.superseded' && subject === alice,
  );
  assert.deepEqual(act?.detail, { method: 'email', level: 'email_controlled', reason: 'proved_by_other' });
});

test('proving again renews: one proof holds, one field, nobody is told that she lost anything', async () => {
  const alice = await provingPerson(db);
  await prove(room, alice, 'again@example.org', { expiresAt: inDays(1) });
  const told = room.told.superseded.length;
  await prove(room, alice, 'again@example.org');
  assert.deepEqual(await states(alice), [
    ['email_controlled', 'superseded', 'renewed'],
    ['email_controlled', 'verified', null],
  ]);
  assert.deepEqual(await verifiedFields(alice), [true]);
  assert.equal(room.told.superseded.length, told);
});

test('a document is one person’s at both levels, and a level of hers stands beside the other', async () => {
  const [alice, bob] = [await provingPerson(db), await provingPerson(db)];
  const document = { method: 'document', subject: 'UTO L898902C3' } as const;
  await prove(room, alice, document.subject, { ...document, level: 'document_seen' });
  await prove(room, alice, document.subject, { ...document, level: 'document_proven' });
  assert.deepEqual(await states(alice), [
    ['document_seen', 'verified', null],
    ['document_proven', 'verified', null],
  ]);
  const told = room.told.superseded.length;
  await prove(room, bob, document.subject, { ...document, level: 'document_proven' });
  assert.deepEqual(
    (await states(alice)).map(([, state]) => state),
    ['superseded', 'superseded'],
  );
  assert.equal(room.told.superseded.length, told + 2);
  assert.deepEqual(await verifiedFields(alice), []);
});

test('what a chip proved for one is not taken by what a reviewer saw for another; what was seen is', async () => {
  const [alice, bob, carol] = await Promise.all([1, 2, 3].map(() => provingPerson(db)));
  const document = { method: 'document', subject: 'UTO CHIP4711' } as const;
  await prove(room, alice!, document.subject, { ...document, level: 'document_proven' });
  await assert.rejects(
    prove(room, bob!, document.subject, { ...document, level: 'document_seen' }),
    (error: { code: string; details: { reason: string } }) => {
      assert.deepEqual([error.code, error.details.reason], ['conflict', 'proven_by_other']);
      return true;
    },
  );
  assert.deepEqual(await states(alice!), [['document_proven', 'verified', null]]);
  assert.deepEqual(await states(bob!), []);
  const seen = { ...document, subject: 'UTO SEEN4711', level: 'document_seen' } as const;
  await prove(room, bob!, seen.subject, seen);
  await prove(room, carol!, seen.subject, seen);
  assert.deepEqual(await states(bob!), [['document_seen', 'superseded', 'proved_by_other']]);
});

test('many people prove one address at the same moment at two processes: one proof holds', async () => {
  const people = await Promise.all(Array.from({ length: 12 }, () => provingPerson(db)));
  await Promise.all(people.map((person, n) => prove(n % 2 === 0 ? room : other, person, 'race@example.org')));
  const all = (await Promise.all(people.map(states))).flat().map(([, state]) => state);
  assert.equal(all.filter((state) => state === 'verified').length, 1);
  assert.equal(all.filter((state) => state === 'superseded').length, 11);
  assert.equal((await found('race@example.org')).length, 1);
  const fields = (await Promise.all(people.map(verifiedFields))).flat();
  assert.equal(fields.filter(Boolean).length, 1);
});

test('a field that gets another value, or goes, takes its proof along', async () => {
  const alice = await provingPerson(db);
  await prove(room, alice, 'field@example.org');
  const { rows } = await db.pool.query('SELECT field_id FROM personal_fields WHERE person_id = $1', [alice]);
  await db.unitOfWork.run((tx) => room.proofs.fieldGone(tx, alice, rows[0].field_id, 'field_changed'));
  assert.deepEqual(await states(alice), [['email_controlled', 'withdrawn', 'field_changed']]);
  assert.deepEqual(await verifiedFields(alice), [false]);
});

test('who is not active proves nothing', async () => {
  const gone = await provingPerson(db);
  await db.pool.query("UPDATE aura_id_registry SET state = 'suspended' WHERE person_id = $1", [gone]);
  await assert.rejects(prove(room, gone, 'gone@example.org'), { code: 'unauthenticated' });
});

test('a change of the index key reaches proofs, too, and hides no older proof from a newer one', async () => {
  const [alice, bob, eve] = [await provingPerson(db), await provingPerson(db), await provingPerson(db)];
  await prove(room, alice, 'turn@example.org');
  ring.addIndexKey('i2');
  ring.useIndexKey('i2');
  await prove(room, bob, 'turn@example.org');
  assert.deepEqual(await states(alice), [['email_controlled', 'superseded', 'proved_by_other']]);
  await prove(room, eve, 'UTO X1', { method: 'document', level: 'document_seen' });
  for (const store of blindIndexStores(db.pool))
    await reindex({ store, vault: room.vault, indexer: room.indexer });
  assert.deepEqual([...(await countDigests(db.pool)).keys()], ['i2']);
  assert.deepEqual(await found('turn@example.org'), [await auraIdOf(bob)]);
  await prove(room, alice, 'UTO X1', { method: 'document', level: 'document_seen' });
  assert.deepEqual(await states(eve), [['document_seen', 'superseded', 'proved_by_other']]);
});

test('every statement has its index', async () => {
  const alice = await provingPerson(db);
  const texts = await statementsOf(async () => {
    const { verificationId } = await prove(room, alice, 'plan@example.org');
    await prove(room, alice, 'plan@example.org');
    await states(alice);
    await room.store.find(alice, verificationId);
    const { rows } = await db.pool.query('SELECT field_id FROM personal_fields WHERE person_id = $1', [
      alice,
    ]);
    await db.unitOfWork.run((tx) => room.proofs.fieldGone(tx, alice, rows[0].field_id, 'field_removed'));
    ring.addIndexKey('i3');
    for (const store of blindIndexStores(db.pool)) await store.listIndexedOtherwise('i3', null, 1);
  });
  for (const text of [...texts].filter((one) => /aura_id_verifications|personal_fields/.test(one))) {
    const plan = await planOf(db.pool, text);
    assert.ok(!plan.some((line) => line.includes('Seq Scan')), `${text}\n${plan.join('\n')}`);
  }
});
