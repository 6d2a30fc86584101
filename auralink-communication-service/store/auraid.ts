/** The registry of addresses, Matrix accounts and one-time codes in PostgreSQL. */
import type pg from 'pg';
import type { Registration, SignInTarget } from '../auralink-modules/auraid/model.ts';
import type { RegistryStore, SignInCodeStore } from '../auralink-modules/auraid/ports.ts';
import { AuraError } from '../core/errors.ts';
import { gather } from '../core/gather.ts';
import type { AuraId, PersonId, UserId } from '../core/ids.ts';
import { findViolatedConstraint, query } from './db.ts';
import { namedSql } from './names-sql.ts';

interface RegistrationRow {
  person_id: PersonId;
  aura_id: AuraId;
  display_name: string | null;
  state: Registration['state'];
  registration_key: string;
  password_set: boolean;
}

function registrationOf(row: RegistrationRow): Registration {
  return {
    personId: row.person_id,
    auraId: row.aura_id,
    displayName: row.display_name,
    state: row.state,
    registrationKey: row.registration_key,
    passwordSet: row.password_set,
  };
}

export function registryStore(pool: pg.Pool): RegistryStore {
  return { ...reservations, ...accountRows, ...lookUps(pool) };
}

const reservations: Pick<RegistryStore, 'findByKey' | 'insertReservation' | 'moveReservation'> = {
  async findByKey(tx, registrationKey) {
    const [row] = await query<RegistrationRow>(
      tx,
      'registry_by_key',
      `SELECT person_id, aura_id, display_name, state, registration_key, password_set_at IS NOT NULL AS password_set
         FROM aura_id_registry WHERE registration_key = $1 FOR UPDATE`,
      [registrationKey],
    );
    return row === undefined ? null : registrationOf(row);
  },

  async insertReservation(tx, r) {
    const rows = await query(
      tx,
      'registry_reserve',
      `WITH reserved AS (
           INSERT INTO aura_id_registry
             (person_id, aura_id, skeleton, display_name, state, registration_key, dashboard_user_id)
           SELECT $1::uuid, $2::text, $3::text, $4::text, 'reserved', $5::text, $6::text
           WHERE NOT EXISTS (SELECT FROM aura_id_holds WHERE skeleton = $3 AND held_until > now())
           ON CONFLICT DO NOTHING RETURNING person_id
         )
         INSERT INTO matrix_user_mappings (matrix_user_id, person_id, state, attached_by)
         SELECT $7, person_id, 'pending', 'provisioned' FROM reserved RETURNING person_id`,
      [r.personId, r.auraId, r.skeleton, r.displayName, r.registrationKey, r.dashboardUserId, r.userId],
    ).catch(takenIfHeld);
    return rows.length === 1;
  },

  async moveReservation(tx, personId, auraId, skeleton) {
    try {
      await query(
        tx,
        'registry_move',
        `UPDATE aura_id_registry SET aura_id = $2, skeleton = $3, reserved_at = now(), updated_at = now()
           WHERE person_id = $1 AND state = 'reserved'`,
        [personId, auraId, skeleton],
      );
    } catch (error) {
      takenIfHeld(error);
    }
  },
};

/** A name that is somebody's, or that the guard of holds refused after the unique indexes had let it pass. */
function takenIfHeld(error: unknown): never {
  if (findViolatedConstraint(error) === null) throw error;
  throw new AuraError('taken', 'Somebody holds this name, or one that looks like it.', {
    field: 'auraId',
    reason: 'taken',
  });
}

const accountRows: Pick<RegistryStore, 'getPendingAccount' | 'activate' | 'getPrimaryAccount'> = {
  async getPendingAccount(tx, personId, fresh) {
    const [row] = await query<{ matrix_user_id: UserId }>(
      tx,
      'mapping_pending',
      `WITH found AS (
           SELECT matrix_user_id FROM matrix_user_mappings
           WHERE person_id = $1 AND attached_by = 'provisioned' ORDER BY created_at LIMIT 1
         ), made AS (
           INSERT INTO matrix_user_mappings (matrix_user_id, person_id, state, attached_by)
           SELECT $2, $1, 'pending', 'provisioned' WHERE NOT EXISTS (SELECT FROM found)
           RETURNING matrix_user_id
         )
         SELECT matrix_user_id FROM found UNION ALL SELECT matrix_user_id FROM made`,
      [personId, fresh],
    );
    if (row === undefined) throw new Error(`no account for person ${personId}`);
    return row.matrix_user_id;
  },

  async activate(tx, personId, auraId, userId, passwordSet) {
    const rows = await query(
      tx,
      'registry_activate',
      `WITH activated AS (
           UPDATE aura_id_registry
           SET state = 'active', activated_at = now(), updated_at = now(),
               password_set_at = CASE WHEN $4 THEN now() END
           WHERE person_id = $1 AND aura_id = $2 AND state = 'reserved' RETURNING person_id
         )
         UPDATE matrix_user_mappings m SET state = 'active', is_primary = true, activated_at = now()
         FROM activated a WHERE m.person_id = a.person_id AND m.matrix_user_id = $3 RETURNING m.person_id`,
      [personId, auraId, userId, passwordSet],
    );
    return rows.length === 1;
  },

  async getPrimaryAccount(tx, personId) {
    const [row] = await query<{ matrix_user_id: UserId }>(
      tx,
      'mapping_primary',
      'SELECT matrix_user_id FROM matrix_user_mappings WHERE person_id = $1 AND is_primary',
      [personId],
    );
    if (row === undefined) throw new Error(`person ${personId} has no primary Matrix account`);
    return row.matrix_user_id;
  },
};

function lookUps(
  pool: pg.Pool,
): Pick<
  RegistryStore,
  'findHeld' | 'freeAbandoned' | 'findSignInByName' | 'findSignInByAccount' | 'findReleasedAccount'
> {
  return {
    findHeld: gather((asked: readonly (readonly string[])[]) => findHeld(pool, asked), {
      max: CHECKS_GATHERED_MAX,
      atOnce: STATEMENTS_AT_ONCE,
    }),

    async freeAbandoned(olderThanSeconds) {
      const rows = await query(
        pool,
        'registry_free_abandoned',
        `DELETE FROM aura_id_registry
         WHERE state = 'reserved' AND registration_key LIKE 'page:%'
           AND reserved_at < now() - make_interval(secs => $1) RETURNING person_id`,
        [olderThanSeconds],
      );
      return rows.length;
    },

    findSignInByName: (auraId) => findSignIn(pool, 'sign_in_by_name', BY_NAME, auraId),
    findSignInByAccount: (userId) => findSignIn(pool, 'sign_in_by_account', BY_ACCOUNT, userId),

    async findReleasedAccount(auraId) {
      const [row] = await query<{ matrix_user_id: UserId }>(
        pool,
        'sign_in_released',
        `SELECT m.matrix_user_id FROM aura_id_holds h JOIN aura_id_registry r USING (person_id)
         JOIN matrix_user_mappings m ON m.person_id = r.person_id AND m.is_primary
         WHERE h.aura_id = $1 AND h.held_until > now() AND r.state = 'released' AND m.state = 'active'`,
        [auraId],
      );
      return row?.matrix_user_id ?? null;
    },
  };
}

/** Checks of names that one statement answers; each asks for a name and a dozen near it. */
export const CHECKS_GATHERED_MAX = 20;
/** Such statements that a process has under way at a time. */
const STATEMENTS_AT_ONCE = 3;

async function findHeld(
  pool: pg.Pool,
  asked: readonly (readonly string[])[],
): Promise<ReadonlySet<string>[]> {
  const rows = await query<{ skeleton: string }>(
    pool,
    'registry_held',
    `SELECT skeleton FROM aura_id_registry WHERE skeleton = ANY($1)
     UNION
     SELECT skeleton FROM aura_id_holds WHERE skeleton = ANY($1) AND held_until > now()`,
    [asked.flat()],
  );
  const held = new Set(rows.map((row) => row.skeleton));
  return asked.map((skeletons) => new Set(skeletons.filter((skeleton) => held.has(skeleton))));
}

const BY_NAME = `${namedSql('$1')} named JOIN aura_id_registry r USING (person_id)
  JOIN matrix_user_mappings m ON m.person_id = r.person_id AND m.is_primary`;
const BY_ACCOUNT = `matrix_user_mappings m JOIN aura_id_registry r
  ON r.person_id = m.person_id AND m.matrix_user_id = $1`;

async function findSignIn(
  pool: pg.Pool,
  name: string,
  from: typeof BY_NAME | typeof BY_ACCOUNT,
  value: string,
): Promise<SignInTarget | null> {
  const [row] = await query<{ person_id: PersonId; matrix_user_id: UserId; password_set: boolean }>(
    pool,
    name,
    `SELECT r.person_id, m.matrix_user_id, r.password_set_at IS NOT NULL AS password_set
     FROM ${from} WHERE r.state = 'active' AND m.state = 'active'`,
    [value],
  );
  if (row === undefined) return null;
  return { personId: row.person_id, userId: row.matrix_user_id, passwordSet: row.password_set };
}

export function signInCodeStore(pool: pg.Pool): SignInCodeStore {
  return {
    async replaceCode(tx, personId, codeHash, ttlSeconds) {
      const [person] = await query(
        tx,
        'code_person',
        'SELECT FROM aura_id_registry WHERE person_id = $1 AND password_set_at IS NULL FOR UPDATE',
        [personId],
      );
      if (person === undefined) return null;
      // In a statement of its own: codes that were made while we waited for the lock are void as well.
      const [row] = await query<{ expires_at: Date }>(
        tx,
        'code_replace',
        `WITH void AS (DELETE FROM sign_in_codes WHERE person_id = $2)
         INSERT INTO sign_in_codes (code_hash, person_id, expires_at)
         VALUES ($1, $2, now() + make_interval(secs => $3)) RETURNING expires_at`,
        [codeHash, personId, ttlSeconds],
      );
      return row?.expires_at ?? null;
    },

    async claimCode(codeHash) {
      const [row] = await query<{ person_id: PersonId; matrix_user_id: UserId }>(
        pool,
        'code_claim',
        `UPDATE sign_in_codes c SET used_at = now()
         FROM aura_id_registry r JOIN matrix_user_mappings m ON m.person_id = r.person_id AND m.is_primary
         WHERE c.code_hash = $1 AND c.used_at IS NULL AND c.expires_at > now() AND r.person_id = c.person_id
           AND r.state = 'active' AND r.password_set_at IS NULL
         RETURNING r.person_id, m.matrix_user_id`,
        [codeHash],
      );
      if (row === undefined) return null;
      return { personId: row.person_id, userId: row.matrix_user_id, passwordSet: false };
    },

    async returnCode(codeHash) {
      await query(pool, 'code_return', 'UPDATE sign_in_codes SET used_at = NULL WHERE code_hash = $1', [
        codeHash,
      ]);
    },

    async passwordSet(tx, personId) {
      await query(
        tx,
        'code_password_set',
        `UPDATE aura_id_registry SET password_set_at = coalesce(password_set_at, now()), updated_at = now()
         WHERE person_id = $1`,
        [personId],
      );
      await query(tx, 'code_void', 'DELETE FROM sign_in_codes WHERE person_id = $1', [personId]);
    },

    async pruneCodes() {
      const rows = await query(
        pool,
        'code_prune',
        'DELETE FROM sign_in_codes WHERE expires_at < now() RETURNING person_id',
        [],
      );
      return rows.length;
    },
  };
}
