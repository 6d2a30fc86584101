/** A person's own lists of friends and her notes about people, names and notes as the envelopes that the vault made. */
import type pg from 'pg';
import type { ContactStore, StoredList } from '../auralink-modules/auraid/ports-privacy.ts';
import type { AuraId, ListId, PersonId } from '../core/ids.ts';
import type { Tx } from '../core/unit-of-work.ts';
import { query } from './db.ts';

export function contactListStore(
  pool: pg.Pool,
): Pick<
  ContactStore,
  | 'listLists'
  | 'countLists'
  | 'insertList'
  | 'renameList'
  | 'deleteList'
  | 'addMember'
  | 'removeMember'
  | 'getNoteId'
  | 'setNote'
  | 'deleteNote'
> {
  return {
    listLists: (personId) => listLists(pool, personId),
    countLists,
    insertList: async (tx, personId, listId, name) => {
      const sql = 'INSERT INTO contact_lists (list_id, person_id, name_envelope) VALUES ($1, $2, $3)';
      await query(tx, 'list-insert', sql, [listId, personId, name]);
    },
    renameList: async (tx, personId, listId, name) => {
      const sql = `UPDATE contact_lists SET name_envelope = $3 WHERE list_id = $1 AND person_id = $2 RETURNING list_id`;
      return (await query(tx, 'list-rename', sql, [listId, personId, name])).length > 0;
    },
    deleteList: async (personId, listId) => {
      const sql = 'DELETE FROM contact_lists WHERE list_id = $1 AND person_id = $2 RETURNING list_id';
      return (await query(pool, 'list-delete', sql, [listId, personId])).length > 0;
    },
    addMember: (personId, listId, member, limit) => addMember(pool, personId, listId, member, limit),
    removeMember: async (personId, listId, member) => {
      const sql = `DELETE FROM contact_list_members WHERE list_id = $1 AND contact_person_id = $3
        AND EXISTS (SELECT FROM contact_lists l WHERE l.list_id = $1 AND l.person_id = $2) RETURNING list_id`;
      return (await query(pool, 'list-remove-member', sql, [listId, personId, member])).length > 0;
    },
    getNoteId,
    setNote: async (tx, noteId, personId, about, note) => {
      const sql = `INSERT INTO contact_notes (note_id, person_id, contact_person_id, note_envelope) VALUES ($1, $2, $3, $4)
        ON CONFLICT (person_id, contact_person_id) DO UPDATE SET note_envelope = excluded.note_envelope, updated_at = now()`;
      await query(tx, 'note-set', sql, [noteId, personId, about, note]);
    },
    deleteNote: async (tx, personId, about) => {
      const sql = 'DELETE FROM contact_notes WHERE person_id = $1 AND contact_person_id = $2';
      await query(tx, 'note-delete', sql, [personId, about]);
    },
  };
}

async function listLists(pool: pg.Pool, personId: PersonId): Promise<StoredList[]> {
  const rows = await query<{ list_id: ListId; name_envelope: Buffer; members: AuraId[] }>(
    pool,
    'lists-list',
    `SELECT l.list_id, l.name_envelope,
       ARRAY (SELECT r.aura_id FROM contact_list_members m
              JOIN friendships f ON f.person_id = l.person_id AND f.friend_person_id = m.contact_person_id
              JOIN aura_id_registry r ON r.person_id = m.contact_person_id
              WHERE m.list_id = l.list_id AND r.state = 'active' ORDER BY 1) AS members
     FROM contact_lists l WHERE l.person_id = $1 ORDER BY l.list_id`,
    [personId],
  );
  return rows.map((row) => ({ listId: row.list_id, nameEnvelope: row.name_envelope, members: row.members }));
}

async function countLists(tx: Tx, personId: PersonId): Promise<number> {
  const sql = 'SELECT count(*)::int AS n FROM contact_lists WHERE person_id = $1';
  return (await query<{ n: number }>(tx, 'lists-count', sql, [personId]))[0]?.n ?? 0;
}

async function addMember(
  pool: pg.Pool,
  personId: PersonId,
  listId: ListId,
  member: PersonId,
  limit: number,
): Promise<'ok' | 'unknown_list' | 'not_friends' | 'full'> {
  const rows = await query<{ own: boolean; friends: boolean; full: boolean }>(
    pool,
    'list-add-member',
    `WITH facts AS (
       SELECT EXISTS (SELECT FROM contact_lists l WHERE l.list_id = $1 AND l.person_id = $2) AS own,
         EXISTS (SELECT FROM friendships f WHERE f.person_id = $2 AND f.friend_person_id = $3) AS friends,
         (SELECT count(*) FROM contact_list_members m WHERE m.list_id = $1) >= $4 AS "full"
     ), added AS (
       INSERT INTO contact_list_members (list_id, contact_person_id)
       SELECT $1, $3 FROM facts WHERE own AND friends AND NOT "full" ON CONFLICT DO NOTHING
     )
     SELECT own, friends, "full" FROM facts`,
    [listId, personId, member, limit],
  );
  const row = rows[0];
  if (row === undefined || !row.own) return 'unknown_list';
  if (!row.friends) return 'not_friends';
  return row.full ? 'full' : 'ok';
}

async function getNoteId(tx: Tx, personId: PersonId, about: PersonId, fresh: string): Promise<string> {
  const rows = await query<{ note_id: string }>(
    tx,
    'note-id',
    'SELECT note_id FROM contact_notes WHERE person_id = $1 AND contact_person_id = $2',
    [personId, about],
  );
  return rows[0]?.note_id ?? fresh;
}
