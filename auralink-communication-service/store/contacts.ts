/** Friends and requests in PostgreSQL. Friendships are two rows, one for each side, written and deleted together. */
import type pg from 'pg';
import type {
  ContactEndpoint,
  ContactStore,
  Friend,
  FriendRequest,
} from '../auralink-modules/auraid/ports-privacy.ts';
import type { Scope } from '../auralink-modules/endpoints/model.ts';
import type { AuraId, EndpointId, ListId, PersonId, RequestId } from '../core/ids.ts';
import type { Tx } from '../core/unit-of-work.ts';
import * as lists from './contact-lists.ts';
import { query } from './db.ts';
import { lockOwner } from './privacy.ts';

export function contactStore(pool: pg.Pool): ContactStore {
  return {
    listFriends: (personId, after, limit) => listFriends(pool, personId, after, limit),
    lockOwner,
    isFriend,
    countFriends,
    befriend,
    unfriend,
    findWaiting,
    wasDeclined,
    insertRequest,
    findRequest: (requestId) => findRequest(pool, requestId),
    listIncoming: (personId, limit) => listIncoming(pool, personId, limit),
    listOutgoing: (personId, limit) => listOutgoing(pool, personId, limit),
    decide,
    acceptWaiting,
    withdraw,
    screenRequests,
    listEndpoints,
    findAddresses,
    pruneRequests: (days, limit) => pruneRequests(pool, days, limit),
    ...lists.contactListStore(pool),
  };
}

async function listFriends(
  pool: pg.Pool,
  personId: PersonId,
  after: PersonId | null,
  limit: number,
): Promise<Friend[]> {
  const rows = await query<{
    person_id: PersonId;
    created_at: Date;
    lists: ListId[];
    note_id: string | null;
    note_envelope: Buffer | null;
  }>(
    pool,
    'friends-list',
    `SELECT f.friend_person_id AS person_id, f.created_at, n.note_id, n.note_envelope,
       ARRAY (SELECT m.list_id FROM contact_lists l JOIN contact_list_members m USING (list_id)
              WHERE l.person_id = $1 AND m.contact_person_id = f.friend_person_id ORDER BY 1) AS lists
     FROM friendships f
     LEFT JOIN contact_notes n ON n.person_id = f.person_id AND n.contact_person_id = f.friend_person_id
     WHERE f.person_id = $1 AND f.friend_person_id > coalesce($2, '00000000-0000-0000-0000-000000000000'::uuid)
     ORDER BY f.friend_person_id LIMIT $3`,
    [personId, after, limit],
  );
  return rows.map((row) => ({
    personId: row.person_id,
    since: row.created_at,
    lists: row.lists,
    noteId: row.note_id,
    noteEnvelope: row.note_envelope,
  }));
}

async function isFriend(tx: Tx, personId: PersonId, other: PersonId): Promise<boolean> {
  const sql = 'SELECT FROM friendships WHERE person_id = $1 AND friend_person_id = $2';
  return (await query(tx, 'friends-are', sql, [personId, other])).length > 0;
}

async function countFriends(tx: Tx, personId: PersonId): Promise<number> {
  const sql = 'SELECT count(*)::int AS n FROM friendships WHERE person_id = $1';
  return (await query<{ n: number }>(tx, 'friends-count', sql, [personId]))[0]?.n ?? 0;
}

async function befriend(tx: Tx, a: PersonId, b: PersonId): Promise<void> {
  const sql = `INSERT INTO friendships (person_id, friend_person_id) VALUES ($1, $2), ($2, $1) ON CONFLICT DO NOTHING`;
  await query(tx, 'friends-add', sql, [a, b]);
}

async function unfriend(tx: Tx, personId: PersonId, friend: PersonId): Promise<boolean> {
  const rows = await query(
    tx,
    'friends-remove',
    `WITH gone AS (
       DELETE FROM friendships WHERE (person_id, friend_person_id) IN (VALUES ($1::uuid, $2::uuid), ($2::uuid, $1::uuid))
       RETURNING person_id
     ), off AS (
       DELETE FROM contact_list_members WHERE contact_person_id = $2
         AND list_id IN (SELECT list_id FROM contact_lists WHERE person_id = $1)
     ), note AS (
       DELETE FROM contact_notes WHERE person_id = $1 AND contact_person_id = $2
     )
     SELECT person_id FROM gone`,
    [personId, friend],
  );
  return rows.length > 0;
}

async function findWaiting(tx: Tx, from: PersonId, to: PersonId, days: number): Promise<RequestId | null> {
  const rows = await query<{ request_id: RequestId }>(
    tx,
    'request-waiting',
    `SELECT request_id FROM friend_requests
     WHERE from_person_id = $1 AND to_person_id = $2 AND state IN ('pending', 'declined')
       AND created_at > now() - make_interval(days => $3)
     ORDER BY created_at DESC LIMIT 1`,
    [from, to, days],
  );
  return rows[0]?.request_id ?? null;
}

async function wasDeclined(tx: Tx, from: PersonId, to: PersonId, days: number): Promise<boolean> {
  const rows = await query(
    tx,
    'request-was-declined',
    `SELECT FROM friend_requests WHERE from_person_id = $1 AND to_person_id = $2 AND state = 'withdrawn' AND screened
       AND created_at > now() - make_interval(days => $3) LIMIT 1`,
    [from, to, days],
  );
  return rows.length > 0;
}

async function insertRequest(tx: Tx, request: Omit<FriendRequest, 'createdAt'>, as: AuraId): Promise<void> {
  const { requestId, from, to, screened } = request;
  await query(
    tx,
    'request-supersede',
    `UPDATE friend_requests SET state = 'withdrawn', decided_at = now()
     WHERE from_person_id = $1 AND to_person_id = $2 AND state IN ('pending', 'declined')`,
    [from, to],
  );
  await query(
    tx,
    'request-insert',
    `INSERT INTO friend_requests (request_id, from_person_id, to_person_id, screened, asked_by, asked_as)
     SELECT $1, person_id, $3, $4, aura_id, $5 FROM aura_id_registry WHERE person_id = $2`,
    [requestId, from, to, screened, as],
  );
}

interface RequestRow extends pg.QueryResultRow {
  request_id: RequestId;
  from_person_id: PersonId;
  to_person_id: PersonId;
  screened: boolean;
  created_at: Date;
}

const REQUEST_COLUMNS = 'request_id, from_person_id, to_person_id, screened, created_at';

function toRequest(row: RequestRow): FriendRequest {
  return {
    requestId: row.request_id,
    from: row.from_person_id,
    to: row.to_person_id,
    screened: row.screened,
    createdAt: row.created_at,
  };
}

async function findRequest(pool: pg.Pool, requestId: RequestId): Promise<FriendRequest | null> {
  const sql = `SELECT ${REQUEST_COLUMNS} FROM friend_requests WHERE request_id = $1 AND state = 'pending'`;
  const [row] = await query<RequestRow>(pool, 'request-find', sql, [requestId]);
  return row === undefined ? null : toRequest(row);
}

async function listIncoming(pool: pg.Pool, personId: PersonId, limit: number): Promise<FriendRequest[]> {
  const rows = await query<RequestRow>(
    pool,
    'requests-incoming',
    `SELECT ${REQUEST_COLUMNS} FROM friend_requests
     WHERE to_person_id = $1 AND state = 'pending' AND NOT screened ORDER BY created_at DESC LIMIT $2`,
    [personId, limit],
  );
  return rows.map(toRequest);
}

async function listOutgoing(
  pool: pg.Pool,
  personId: PersonId,
  limit: number,
): Promise<{ requestId: RequestId; to: AuraId; createdAt: Date }[]> {
  const rows = await query<{ request_id: RequestId; aura_id: AuraId; created_at: Date }>(
    pool,
    'requests-outgoing',
    `SELECT q.request_id, q.asked_as AS aura_id, q.created_at
     FROM friend_requests q JOIN aura_id_registry r ON r.person_id = q.to_person_id
     WHERE q.from_person_id = $1 AND q.state IN ('pending', 'declined') AND r.state = 'active'
     ORDER BY q.created_at DESC LIMIT $2`,
    [personId, limit],
  );
  return rows.map((row) => ({ requestId: row.request_id, to: row.aura_id, createdAt: row.created_at }));
}

async function decide(
  tx: Tx,
  requestId: RequestId,
  by: PersonId,
  state: 'accepted' | 'declined',
): Promise<PersonId | null> {
  const rows = await query<{ from_person_id: PersonId }>(
    tx,
    'request-decide',
    `UPDATE friend_requests SET state = $3, decided_at = now()
     WHERE request_id = $1 AND to_person_id = $2 AND state = 'pending' AND NOT screened RETURNING from_person_id`,
    [requestId, by, state],
  );
  return rows[0]?.from_person_id ?? null;
}

async function acceptWaiting(tx: Tx, from: PersonId, to: PersonId): Promise<RequestId | null> {
  const rows = await query<{ request_id: RequestId }>(
    tx,
    'request-accept-waiting',
    `UPDATE friend_requests SET state = 'accepted', decided_at = now()
     WHERE from_person_id = $1 AND to_person_id = $2 AND state = 'pending' AND NOT screened RETURNING request_id`,
    [from, to],
  );
  return rows[0]?.request_id ?? null;
}

/** What was declined stays kept from her who declined it, also when it is taken back and asked again. */
async function withdraw(tx: Tx, requestId: RequestId, by: PersonId): Promise<PersonId | null> {
  const [row] = await query<{ to_person_id: PersonId }>(
    tx,
    'request-withdraw',
    `UPDATE friend_requests SET screened = screened OR state = 'declined', state = 'withdrawn', decided_at = now()
     WHERE request_id = $1 AND from_person_id = $2 AND state IN ('pending', 'declined') RETURNING to_person_id`,
    [requestId, by],
  );
  return row?.to_person_id ?? null;
}

async function screenRequests(tx: Tx, blocker: PersonId, blocked: PersonId): Promise<void> {
  await query(
    tx,
    'requests-screen',
    `WITH own AS (
       UPDATE friend_requests SET state = 'withdrawn', decided_at = now()
       WHERE from_person_id = $1 AND to_person_id = $2 AND state IN ('pending', 'declined')
     )
     UPDATE friend_requests SET screened = true WHERE from_person_id = $2 AND to_person_id = $1 AND state = 'pending'`,
    [blocker, blocked],
  );
}

async function listEndpoints(tx: Tx, people: readonly PersonId[], scope: Scope): Promise<ContactEndpoint[]> {
  const rows = await query<{ endpoint_id: EndpointId; person_id: PersonId }>(
    tx,
    'contact-endpoints',
    `SELECT e.endpoint_id, e.person_id FROM unnest($1::uuid[]) AS w (person_id) JOIN endpoints e USING (person_id)
     WHERE e.revoked_at IS NULL AND $2 = ANY (e.scopes)`,
    [people, scope],
  );
  return rows.map((row) => ({
    endpointId: row.endpoint_id,
    personId: row.person_id,
  }));
}

async function findAddresses(tx: Tx, people: readonly PersonId[]): Promise<Map<PersonId, AuraId>> {
  const rows = await query<{ person_id: PersonId; aura_id: AuraId }>(
    tx,
    'contact-addresses',
    "SELECT person_id, aura_id FROM aura_id_registry WHERE person_id = ANY ($1) AND state = 'active'",
    [people],
  );
  return new Map(rows.map((row) => [row.person_id, row.aura_id]));
}

async function pruneRequests(pool: pg.Pool, days: number, limit: number): Promise<number> {
  const rows = await query(
    pool,
    'requests-prune',
    `DELETE FROM friend_requests WHERE request_id = ANY (ARRAY (
       SELECT request_id FROM friend_requests WHERE created_at < now() - make_interval(days => $1)
       ORDER BY created_at LIMIT $2)) RETURNING request_id`,
    [days, limit],
  );
  return rows.length;
}
