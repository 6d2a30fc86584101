/** How two people stand to each other, written straight into the tables: what follows from it is tested, not how it is made. */
import type pg from 'pg';

type Db = Pick<pg.Pool, 'query'>;
interface Person {
  readonly personId: string;
}

export async function befriend(db: Db, one: Person, other: Person): Promise<void> {
  await db.query('INSERT INTO friendships (person_id, friend_person_id) VALUES ($1, $2), ($2, $1)', [
    one.personId,
    other.personId,
  ]);
}

export async function block(db: Db, person: Person, blocked: Person): Promise<void> {
  await db.query(
    `INSERT INTO person_blocks (person_id, blocked_person_id, blocked_as)
     SELECT $1, person_id, aura_id FROM aura_id_registry WHERE person_id = $2`,
    [person.personId, blocked.personId],
  );
}
