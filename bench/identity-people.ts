/**
 * A million names, written straight into the database: with triggers off and in few statements, as an operator who
 * moves in from elsewhere would. Handles are made of letters that no fold touches, so that each is its own skeleton.
 */
import type pg from 'pg';
import { skeletonOf } from '../auralink-communication-service/auralink-modules/auraid/skeleton.ts';

/** Ten letters that stand for digits; no two of them, nor any pair in a row, look alike. */
const LETTERS = 'abcdefghks';
const BATCH = 100_000;
/** Of a hundred people, so many show themselves to everybody, and so many to their friends; the rest to nobody. */
const PUBLIC_PERCENT = 60;
const FRIENDS_PERCENT = 30;

/** The handle of the n-th person, from 0. */
export function handleOf(n: number): string {
  return `ta${String(n)
    .padStart(7, '0')
    .replaceAll(/\d/g, (digit) => LETTERS[Number(digit)] ?? '')}`;
}

/** Throws when a handle would not be its own skeleton: the names would then be found by nobody. */
export async function loadPeople(db: pg.Pool, count: number, note: (line: string) => void): Promise<void> {
  for (const n of [0, 123_456, count - 1]) {
    if (skeletonOf(handleOf(n)) !== handleOf(n)) throw new Error(`${handleOf(n)} is not its own skeleton`);
  }
  const client = await db.connect();
  try {
    for (const table of ['aura_id_registry', 'person_privacy']) {
      await client.query(`ALTER TABLE ${table} DISABLE TRIGGER USER`);
    }
    for (let from = 0; from < count; from += BATCH) {
      await insertBatch(client, from, Math.min(BATCH, count - from));
      note(`  ${Math.min(from + BATCH, count)} of ${count} names`);
    }
    for (const table of ['aura_id_registry', 'person_privacy']) {
      await client.query(`ALTER TABLE ${table} ENABLE TRIGGER USER`);
    }
    await client.query('VACUUM ANALYZE aura_id_registry, person_privacy');
  } finally {
    client.release();
  }
}

async function insertBatch(client: pg.PoolClient, from: number, count: number): Promise<void> {
  await client.query(
    `WITH made AS (
       SELECT n, gen_random_uuid() AS person_id,
              'ta' || translate(lpad(n::text, 7, '0'), '0123456789', $3) AS handle
       FROM generate_series($1::int, $1::int + $2::int - 1) n
     ), people AS (
       INSERT INTO aura_id_registry (person_id, aura_id, skeleton, display_name, state, visibility, registration_key, activated_at)
       SELECT person_id, '@' || handle || '.aura', handle, 'Person ' || n, 'active',
              CASE WHEN n % 100 < $4::int THEN 'public' WHEN n % 100 < $4::int + $5::int THEN 'friends' ELSE 'private' END,
              'bench:' || person_id, now()
       FROM made
     )
     INSERT INTO person_privacy (person_id) SELECT person_id FROM made`,
    [from, count, LETTERS, PUBLIC_PERCENT, FRIENDS_PERCENT],
  );
}

/** Makes each viewer a friend of `friends` people of the million, so that rules of two people are really looked up. */
export async function loadFriends(
  db: pg.Pool,
  viewers: readonly string[],
  friends: number,
  people: number,
): Promise<void> {
  await db.query(
    `WITH pairs AS (
       SELECT DISTINCT v.id AS viewer, r.person_id AS friend
       FROM unnest($1::uuid[]) WITH ORDINALITY AS v (id, nth)
       CROSS JOIN generate_series(1, $2::int) k
       JOIN aura_id_registry r ON r.aura_id = '@ta' ||
         translate(lpad(((v.nth * 7919 + k * 104729) % $3::bigint)::text, 7, '0'), '0123456789', $4) || '.aura'
     )
     INSERT INTO friendships (person_id, friend_person_id)
     SELECT viewer, friend FROM pairs UNION ALL SELECT friend, viewer FROM pairs`,
    [viewers, friends, people, LETTERS],
  );
}
