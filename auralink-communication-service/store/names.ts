/** Names in PostgreSQL as their bearers change them: addresses, holds, and who shows herself to everybody. */
import type pg from 'pg';
import type { Hold, NameStore, OwnName } from '../auralink-modules/auraid/ports-names.ts';
import { AuraError } from '../core/errors.ts';
import type { AuraId, EndpointId, PersonId } from '../core/ids.ts';
import type { Tx } from '../core/unit-of-work.ts';
import { findViolatedConstraint, query } from './db.ts';
import { namedSql } from './names-sql.ts';

interface NameRow {
  person_id: PersonId;
  aura_id: AuraId;
  state: OwnName['state'];
}

export function nameStore(pool: pg.Pool): NameStore {
  return { ...names(pool), ...holds(pool), ...comingAndGoing, ...sessions };
}

function ownNameOf(row: NameRow | undefined): OwnName | null {
  return row === undefined ? null : { personId: row.person_id, auraId: row.aura_id, state: row.state };
}

function takenError(): AuraError {
  return new AuraError('taken', 'Somebody holds this name, or one that looks like it.', {
    field: 'auraId',
    reason: 'taken',
  });
}

/** The registry's unique indexes and the guard of names at rest both speak as unique violations. */
async function orTaken(statement: Promise<unknown>): Promise<void> {
  try {
    await statement;
  } catch (error) {
    throw findViolatedConstraint(error) === null ? error : takenError();
  }
}

function names(
  pool: pg.Pool,
): Pick<NameStore, 'lockPerson' | 'findName' | 'countAliases' | 'setName' | 'findPublic'> {
  return {
    async lockPerson(tx, personId) {
      const [row] = await query<NameRow>(
        tx,
        'name-lock',
        'SELECT person_id, aura_id, state FROM aura_id_registry WHERE person_id = $1 FOR UPDATE',
        [personId],
      );
      return ownNameOf(row);
    },

    async findName(personId) {
      const [row] = await query<NameRow>(
        pool,
        'name-find',
        'SELECT person_id, aura_id, state FROM aura_id_registry WHERE person_id = $1',
        [personId],
      );
      return ownNameOf(row);
    },

    async countAliases(tx, personId, except) {
      const [row] = await query<{ count: number }>(
        tx,
        'name-aliases',
        `SELECT count(*) AS count FROM aura_id_holds
         WHERE person_id = $1 AND cause = 'renamed' AND resolves_until > now() AND aura_id <> $2`,
        [personId, except],
      );
      return row?.count ?? 0;
    },

    setName: (tx, personId, auraId, skeleton) =>
      orTaken(
        query(
          tx,
          'name-set',
          `UPDATE aura_id_registry SET aura_id = $2, skeleton = $3, renamed_at = now(), updated_at = now()
           WHERE person_id = $1 AND state = 'active'`,
          [personId, auraId, skeleton],
        ),
      ),

    async findPublic(auraId) {
      const [row] = await query<{ person_id: PersonId; aura_id: AuraId }>(
        pool,
        'name-public',
        `SELECT r.person_id, r.aura_id FROM ${namedSql('$1')} named JOIN aura_id_registry r USING (person_id)
         WHERE r.state = 'active' AND r.visibility = 'public'`,
        [auraId],
      );
      return row === undefined ? null : { personId: row.person_id, auraId: row.aura_id };
    },
  };
}

const HOLD_CURRENT = `INSERT INTO aura_id_holds
    (hold_id, skeleton, aura_id, person_id, cause, resolves_until, held_until)
  SELECT $2::uuid, r.skeleton, CASE WHEN $3::text = 'erased' THEN NULL ELSE r.aura_id END,
    CASE WHEN $3 = 'erased' THEN NULL ELSE r.person_id END, $3,
    now() + make_interval(days => $4), now() + make_interval(days => $5)
  FROM aura_id_registry r WHERE r.person_id = $1
  ON CONFLICT (aura_id) DO UPDATE SET person_id = excluded.person_id, skeleton = excluded.skeleton,
    cause = excluded.cause, resolves_until = excluded.resolves_until, held_until = excluded.held_until,
    created_at = now()
  RETURNING resolves_until`;

function holds(
  pool: pg.Pool,
): Pick<NameStore, 'holdCurrent' | 'countHolds' | 'forgetHolds' | 'dropHold' | 'listHolds' | 'pruneHolds'> {
  return {
    async countHolds(tx, personId, except) {
      const sql = `SELECT count(*) AS count FROM aura_id_holds
        WHERE person_id = $1 AND held_until > now() AND aura_id <> $2`;
      return (await query<{ count: number }>(tx, 'holds-count', sql, [personId, except]))[0]?.count ?? 0;
    },

    async holdCurrent(tx, hold) {
      const [row] = await query<{ resolves_until: Date }>(tx, 'hold-current', HOLD_CURRENT, [
        hold.personId,
        hold.holdId,
        hold.cause,
        hold.resolvesDays,
        hold.heldDays,
      ]);
      if (row === undefined) throw new Error(`person ${hold.personId} has no name to hold`);
      return row.resolves_until;
    },

    async forgetHolds(tx, personId) {
      await query(
        tx,
        'holds-forget',
        `UPDATE aura_id_holds SET person_id = NULL, aura_id = NULL, cause = 'erased' WHERE person_id = $1`,
        [personId],
      );
    },

    async dropHold(tx, personId, auraId) {
      await query(tx, 'hold-drop', 'DELETE FROM aura_id_holds WHERE aura_id = $2 AND person_id = $1', [
        personId,
        auraId,
      ]);
    },

    async listHolds(personId) {
      const rows = await query<{
        aura_id: AuraId;
        cause: Hold['cause'];
        resolves_until: Date;
        held_until: Date;
      }>(
        pool,
        'holds-list',
        `SELECT aura_id, cause, resolves_until, held_until FROM aura_id_holds
         WHERE person_id = $1 AND held_until > now() ORDER BY created_at DESC`,
        [personId],
      );
      return rows.map((row) => ({
        auraId: row.aura_id,
        cause: row.cause,
        resolvesUntil: row.resolves_until,
        heldUntil: row.held_until,
      }));
    },

    async pruneHolds(limit) {
      const rows = await query(
        pool,
        'holds-prune',
        `DELETE FROM aura_id_holds WHERE hold_id = ANY (ARRAY (
           SELECT hold_id FROM aura_id_holds WHERE held_until < now() LIMIT $1 FOR UPDATE SKIP LOCKED)) RETURNING hold_id`,
        [limit],
      );
      return rows.length;
    },
  };
}

const comingAndGoing: Pick<NameStore, 'leave' | 'comeBack' | 'insertActive'> = {
  async leave(tx, personId, gone) {
    await query(
      tx,
      'name-leave',
      `UPDATE aura_id_registry SET state = 'released', aura_id = $2, skeleton = 'gone:' || $1::uuid,
         registration_key = 'released:' || $1::uuid, dashboard_user_id = NULL, ended_at = now(), updated_at = now()
       WHERE person_id = $1`,
      [personId, gone],
    );
    await query(tx, 'name-leave-codes', 'DELETE FROM sign_in_codes WHERE person_id = $1', [personId]);
  },

  comeBack: (tx, personId, auraId, skeleton) =>
    orTaken(
      query(
        tx,
        'name-come-back',
        `UPDATE aura_id_registry SET state = 'active', aura_id = $2, skeleton = $3, ended_at = NULL,
           password_set_at = coalesce(password_set_at, now()), updated_at = now()
         WHERE person_id = $1 AND state = 'released'`,
        [personId, auraId, skeleton],
      ),
    ),

  async insertActive(tx, person) {
    const rows = await query(
      tx,
      'name-insert-active',
      `INSERT INTO aura_id_registry (person_id, aura_id, skeleton, display_name, state, registration_key,
         password_set_at, activated_at)
       SELECT $1::uuid, $2::text, $3::text, $4::text, 'active', $5::text, now(), now()
       WHERE NOT EXISTS (SELECT FROM aura_id_holds WHERE skeleton = $3 AND held_until > now())
       ON CONFLICT DO NOTHING RETURNING person_id`,
      [person.personId, person.auraId, person.skeleton, person.displayName, person.registrationKey],
    ).catch((error: unknown) => {
      throw findViolatedConstraint(error) === null ? error : takenError();
    });
    return rows.length === 1;
  },
};

const sessions: Pick<NameStore, 'endSessions' | 'listEndpoints'> = {
  async endSessions(tx, personId) {
    const rows = await query<{ endpoint_id: EndpointId }>(
      tx,
      'name-end-sessions',
      `WITH revoked AS (
         UPDATE endpoints SET revoked_at = now() WHERE person_id = $1 AND revoked_at IS NULL
         RETURNING endpoint_id, grant_id
       ), tokens AS (
         DELETE FROM oidc_documents d USING revoked r
         WHERE d.grant_id = r.grant_id OR (d.model = 'Grant' AND d.id = r.grant_id)
       ), browsers AS (
         DELETE FROM oidc_documents WHERE model = 'Session' AND payload ->> 'accountId' = $1::uuid::text
       )
       SELECT endpoint_id FROM revoked`,
      [personId],
    );
    return rows.map((row) => row.endpoint_id);
  },

  listEndpoints: (tx: Tx, personId) =>
    query<{ endpoint_id: EndpointId }>(
      tx,
      'name-endpoints',
      'SELECT endpoint_id FROM endpoints WHERE person_id = $1 AND revoked_at IS NULL',
      [personId],
    ).then((rows) => rows.map((row) => row.endpoint_id)),
};
