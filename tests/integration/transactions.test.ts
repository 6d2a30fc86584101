/**
 * The unit of work over a real database: what is sent without waiting (BEGIN with the first statement, COMMIT with the
 * last) is as safe as what is waited for.
 */
import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import type pg from 'pg';
import { AuraError } from '../../auralink-communication-service/core/errors.ts';
import { lastly } from '../../auralink-communication-service/core/unit-of-work.ts';
import { announce, openDatabase, query } from '../../auralink-communication-service/store/db.ts';
import { testDatabase } from '../harness.ts';

const told: object[] = [];
const db = openDatabase({ ...(await testDatabase()), poolSize: 2 }, (events) => told.push(...events));
after(() => db.close());
await db.pool.query('CREATE TABLE notes (note text PRIMARY KEY)');

beforeEach(async () => {
  told.length = 0;
  await db.pool.query('DELETE FROM notes');
});

const insert = (note: string) => ['insert-note', 'INSERT INTO notes VALUES ($1)', [note]] as const;
const notes = async () => (await db.pool.query<{ note: string }>('SELECT note FROM notes')).rows;

test('a last statement that fails takes everything with it, and its error comes out', async () => {
  const run = db.unitOfWork.run(async (tx) => {
    await query(tx, ...insert('first'));
    announce(tx, [{ endpointId: 'e', seq: 1, type: 'note', data: {} }] as never);
    lastly(tx, query(tx, ...insert('first')));
  });
  await assert.rejects(run, { code: '23505' });
  assert.deepEqual(await notes(), []);
  assert.deepEqual(told, [], 'nobody is told of what was not committed');
});

test('what was sent last is committed once the work is said to be done', async () => {
  const result = await db.unitOfWork.run(async (tx) => {
    lastly(tx, query(tx, ...insert('first')));
    lastly(tx, query(tx, ...insert('second')));
    return 'done';
  });
  assert.equal(result, 'done');
  assert.deepEqual(await notes(), [{ note: 'first' }, { note: 'second' }]);
});

test('work that throws after its last statement commits nothing', async () => {
  const run = db.unitOfWork.run(async (tx) => {
    lastly(tx, query(tx, ...insert('first')));
    throw new AuraError('conflict', 'no');
  });
  await assert.rejects(run, { code: 'conflict' });
  assert.deepEqual(await notes(), []);
});

const isBegin = (asked: unknown) => (asked as { name?: string }).name === 'begin';

test('where BEGIN fails, nothing is changed outside of a transaction', async () => {
  const spoil = (client: pg.PoolClient): void => {
    const send = client.query.bind(client) as (...all: unknown[]) => unknown;
    const spoilt = (text: unknown, ...rest: unknown[]) =>
      send(isBegin(text) ? 'BEGIN NONSENSE' : text, ...rest);
    client.query = spoilt as typeof client.query;
  };
  const spoiled = openDatabase({ ...(await testDatabase()), poolSize: 1 });
  try {
    await spoiled.pool.query('CREATE TABLE notes (note text PRIMARY KEY)');
    const works = [
      (tx: never) => query(tx, ...insert('at once')),
      async (tx: never) => {
        await query(tx, 'look', 'SELECT note FROM notes', []);
        await query(tx, ...insert('after a look'));
      },
      async (tx: never) => {
        await Promise.all([
          query(tx, 'look', 'SELECT note FROM notes', []),
          query(tx, ...insert('together')),
        ]);
      },
    ];
    const client = await spoiled.pool.connect();
    spoil(client);
    client.release();
    for (const work of works) {
      await assert.rejects(spoiled.unitOfWork.run(work as never), { code: '42601' });
    }
    assert.deepEqual((await spoiled.pool.query('SELECT note FROM notes')).rows, []);
  } finally {
    await spoiled.close();
  }
});

test('statements of one transaction are done in the order of asking, though the first of them waits', async () => {
  await db.unitOfWork.run(async (tx) => {
    const [, , counted] = await Promise.all([
      query(tx, 'look', 'SELECT note FROM notes', []),
      query(tx, ...insert('before')),
      query<{ n: number }>(tx, 'count-notes', 'SELECT count(*)::int AS n FROM notes', []),
    ]);
    assert.deepEqual(counted, [{ n: 1 }]);
  });
});

test('what was prepared before a migration changed a type is prepared anew, and nobody notices', async () => {
  const look = ['look-at-dates', 'SELECT * FROM dated', []] as const;
  const inTransaction = () => db.unitOfWork.run((tx) => query<{ day: unknown }>(tx, ...look));
  await db.pool.query('CREATE TABLE dated (day text)');
  await db.pool.query("INSERT INTO dated VALUES ('2026-01-01')");
  for (const type of ['date', 'text']) {
    await Promise.all([inTransaction(), inTransaction()]);
    await db.pool.query(`ALTER TABLE dated ALTER COLUMN day TYPE ${type} USING day::${type}`);
    assert.equal((await inTransaction()).length, 1);
    assert.equal((await query(db.pool, ...look)).length, 1);
  }
});
