/** Peppers and digests of the Identity Service: how addresses are looked up, and how digests are made anew. */
import type pg from 'pg';
import type { Medium } from '../auralink-modules/identity-service/model.ts';
import type {
  DigestStore,
  FindAccounts,
  NewDigest,
  Pepper,
  Question,
  SealedSource,
  Source,
} from '../auralink-modules/identity-service/ports.ts';
import { gather } from '../core/gather.ts';
import { NOBODY, type PersonId } from '../core/ids.ts';
import type { Tx } from '../core/unit-of-work.ts';
import { query } from './db.ts';
import { standingOfOtherSql } from './privacy-sql.ts';

/** Look-ups that one statement answers. */
export const LOOKUPS_GATHERED_MAX = 16;
/** One such statement at a time: two would want both processors, and what waits shares the next one. */
const STATEMENTS_AT_ONCE = 1;

interface PepperRow extends pg.QueryResultRow {
  pepper_id: number;
  pepper: string;
  index_key_id: string;
  state: Pepper['state'];
  age_seconds: number;
}

const PEPPERS = `SELECT pepper_id, pepper, index_key_id, state,
  extract(epoch FROM now() - coalesce(previous_at, current_at, created_at))::float8 AS age_seconds
  FROM identity_peppers ORDER BY pepper_id`;

const toPepper = (row: PepperRow): Pepper => ({
  pepperId: row.pepper_id,
  pepper: row.pepper,
  indexKeyId: row.index_key_id,
  state: row.state,
  ageSeconds: row.age_seconds,
});

interface SourceRow extends pg.QueryResultRow {
  id: string;
  person_id: PersonId | null;
  medium: Medium;
  envelope: Buffer;
  /** False: it only says how far was looked. */
  counts: boolean;
}

const FIELD_COLUMNS = `field_id AS id, person_id, CASE kind WHEN 'phone' THEN 'msisdn' ELSE kind END AS medium, envelope,
  verified_at IS NOT NULL AND kind IN ('email', 'phone') AS counts`;
/** By the primary key, so many rows at a time whether they count or not: no page is longer than another. */
const PAGES: Readonly<Record<Source['of'], string>> = {
  association: `SELECT association_id AS id, NULL::uuid AS person_id, medium, address_envelope AS envelope, true AS counts
    FROM identity_associations WHERE association_id > $1 ORDER BY association_id LIMIT $2`,
  invite: `SELECT invite_id AS id, NULL::uuid AS person_id, medium, address_envelope AS envelope, true AS counts
    FROM identity_invites WHERE invite_id > $1 ORDER BY invite_id LIMIT $2`,
  field: `SELECT ${FIELD_COLUMNS} FROM personal_fields WHERE field_id > $1 ORDER BY field_id LIMIT $2`,
};

function toSource(of: Source['of'], row: SourceRow): SealedSource {
  return { source: { of, id: row.id }, personId: row.person_id, medium: row.medium, envelope: row.envelope };
}

const NEW = 'unnest($1::uuid[], $2::int[], $3::uuid[], $4::bytea[]) AS n (id, pepper_id, digest, envelope)';
/** Only what is still there, and says what it said when it was read. */
const WRITES: Readonly<Record<Source['of'], string>> = {
  association: `INSERT INTO identity_digests (digest, pepper_id, association_id, medium, matrix_user_id, proved_at)
    SELECT n.digest, n.pepper_id, a.association_id, a.medium, a.matrix_user_id, a.validated_at
    FROM ${NEW} JOIN identity_associations a ON a.association_id = n.id
    ON CONFLICT (association_id, pepper_id) WHERE association_id IS NOT NULL DO NOTHING`,
  invite: `INSERT INTO identity_digests (digest, pepper_id, invite_id)
    SELECT n.digest, n.pepper_id, i.invite_id FROM ${NEW} JOIN identity_invites i ON i.invite_id = n.id
    ON CONFLICT (invite_id, pepper_id) WHERE invite_id IS NOT NULL DO NOTHING`,
  // The locks have whoever changes field, rules or account wait, so that what their triggers do comes after this row.
  field: `INSERT INTO identity_digests
      (digest, pepper_id, field_id, medium, person_id, matrix_user_id, proved_at, needed)
    SELECT n.digest, n.pepper_id, f.field_id, CASE f.kind WHEN 'phone' THEN 'msisdn' ELSE f.kind END, f.person_id,
      m.matrix_user_id, f.verified_at,
      identity_needed(r.state, r.visibility, CASE f.kind WHEN 'email' THEN p.find_by_email ELSE p.find_by_phone END)
    FROM ${NEW}
    JOIN personal_fields f ON f.field_id = n.id AND f.envelope = n.envelope AND f.verified_at IS NOT NULL
    JOIN aura_id_registry r ON r.person_id = f.person_id
    JOIN person_privacy p ON p.person_id = f.person_id
    JOIN matrix_user_mappings m ON m.person_id = f.person_id AND m.is_primary AND m.state = 'active'
    FOR SHARE OF f, r, p, m
    ON CONFLICT (field_id, pepper_id) WHERE field_id IS NOT NULL
    DO UPDATE SET digest = excluded.digest, matrix_user_id = excluded.matrix_user_id, proved_at = excluded.proved_at,
      needed = excluded.needed`,
};

export function digestStore(pool: pg.Pool): DigestStore {
  return {
    peppers: async () => (await query<PepperRow>(pool, 'identity-peppers', PEPPERS, [])).map(toPepper),
    async lockPeppers(tx) {
      const rows = await query<PepperRow>(tx, 'identity-peppers-lock', `${PEPPERS} FOR SHARE`, []);
      return rows.map(toPepper);
    },
    begin,
    finish,
    drop: (pepperId, limit) => drop(pool, pepperId, limit),
    async page(of, after, limit) {
      const rows = await query<SourceRow>(pool, `identity-page-${of}`, PAGES[of], [after ?? NOBODY, limit]);
      const last = rows.length < limit ? null : (rows.at(-1)?.id ?? null);
      return { last, sources: rows.filter(({ counts }) => counts).map((row) => toSource(of, row)) };
    },
    async findField(fieldId) {
      const sql = `SELECT ${FIELD_COLUMNS} FROM personal_fields WHERE field_id = $1`;
      const [row] = await query<SourceRow>(pool, 'identity-field', sql, [fieldId]);
      return row?.counts ? toSource('field', row) : null;
    },
    async write(on, digests) {
      for (const kind of ['association', 'invite', 'field'] as const) {
        const those = digests.filter(({ source }) => source.of === kind);
        if (those.length > 0)
          await query(on ?? pool, `identity-write-${kind}`, WRITES[kind], columnsOf(those));
      }
    },
  };
}

/** How many digests were made with each index key; one at least for each pepper that still counts. */
export async function countLookupDigests(pool: pg.Pool): Promise<ReadonlyMap<string, number>> {
  const sql = `SELECT p.index_key_id, sum(greatest(1, (SELECT count(*) FROM identity_digests d
      WHERE d.pepper_id = p.pepper_id)))::int AS n FROM identity_peppers p GROUP BY p.index_key_id`;
  const rows = await query<{ index_key_id: string; n: number }>(pool, 'identity-digests-by-key', sql, []);
  return new Map(rows.map((row) => [row.index_key_id, row.n]));
}

function columnsOf(digests: readonly NewDigest[]): unknown[] {
  return [
    digests.map(({ source }) => source.id),
    digests.map(({ pepperId }) => pepperId),
    digests.map(({ digest }) => digest),
    digests.map(({ envelope }) => envelope),
  ];
}

async function begin(tx: Tx, pepper: string, indexKeyId: string): Promise<void> {
  // Waits for all who hold the peppers, and has them wait: what they store is seen by whoever builds this one.
  await query(tx, 'identity-pepper-turn', 'LOCK TABLE identity_peppers IN EXCLUSIVE MODE', []);
  const sql = `INSERT INTO identity_peppers (pepper_id, pepper, index_key_id, state)
    SELECT coalesce(max(pepper_id), 0) + 1, $1, $2, 'building' FROM identity_peppers
    HAVING NOT bool_or(state = 'building') OR count(*) = 0`;
  await query(tx, 'identity-pepper-begin', sql, [pepper, indexKeyId]);
}

async function finish(tx: Tx, pepperId: number): Promise<void> {
  await query(tx, 'identity-pepper-turn', 'LOCK TABLE identity_peppers IN EXCLUSIVE MODE', []);
  await query(
    tx,
    'identity-pepper-previous',
    `UPDATE identity_peppers SET state = 'previous', previous_at = now() WHERE state = 'current'
     AND EXISTS (SELECT FROM identity_peppers b WHERE b.pepper_id = $1 AND b.state = 'building')`,
    [pepperId],
  );
  await query(
    tx,
    'identity-pepper-current',
    `UPDATE identity_peppers SET state = 'current', current_at = now() WHERE pepper_id = $1 AND state = 'building'`,
    [pepperId],
  );
}

async function drop(pool: pg.Pool, pepperId: number, limit: number): Promise<boolean> {
  const some = `DELETE FROM identity_digests WHERE ctid = ANY (ARRAY (
    SELECT ctid FROM identity_digests WHERE pepper_id = $1 LIMIT $2)) RETURNING pepper_id`;
  const dropped = await query(pool, 'identity-digests-drop', some, [pepperId, limit]);
  if (dropped.length === limit) return false;
  const rest = `DELETE FROM identity_peppers WHERE pepper_id = $1 AND state = 'previous'
    AND NOT EXISTS (SELECT FROM identity_digests d WHERE d.pepper_id = $1)`;
  await query(pool, 'identity-pepper-drop', rest, [pepperId]);
  return true;
}

/** 0: an account of nobody here, who is found by whoever asks. */
const NEEDED = `coalesce(d.needed, CASE WHEN r.person_id IS NULL THEN 0 ELSE identity_needed(
  r.state, r.visibility, CASE d.medium WHEN 'email' THEN p.find_by_email ELSE p.find_by_phone END) END)`;

/** Null for whoever is nobody here: no relation is looked for. */
const ASKER = '($3::uuid[])[w.question]';
const OWNER = 'coalesce(d.person_id, r.person_id)';

/**
 * Of each digest all who proved the address. A person's row says itself who finds her (034_digests_with_rules.sql); of
 * what an account bound it is asked here, if the account is a person's. The same is read whether or not she may be found.
 */
const LOOK_UP = `SELECT coalesce(json_agg(json_build_array(
      w.n, d.matrix_user_id, date_part('epoch', d.proved_at),
      (${ASKER} IS NOT DISTINCT FROM ${OWNER} OR ${NEEDED} <= ${standingOfOtherSql(ASKER, OWNER)})
        AND ${NEEDED} < 4)), '[]') AS found
  FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS w (digest, question, n)
  JOIN identity_digests d ON d.digest = w.digest AND d.invite_id IS NULL
  LEFT JOIN matrix_user_mappings m
    ON m.matrix_user_id = CASE WHEN d.needed IS NULL THEN d.matrix_user_id END AND m.state = 'active'
  LEFT JOIN aura_id_registry r ON r.person_id = m.person_id
  LEFT JOIN person_privacy p ON p.person_id = m.person_id`;

/** From 1 the digest's place; whose; when it was proved, in seconds since 1970; whether this asker finds her. */
type Found = readonly [n: number, userId: string, provedAt: number, found: boolean];

export function findAccounts(pool: pg.Pool): FindAccounts {
  return gather((questions: readonly Question[]) => answerAll(pool, questions), {
    max: LOOKUPS_GATHERED_MAX,
    atOnce: STATEMENTS_AT_ONCE,
  });
}

async function answerAll(
  pool: pg.Pool,
  questions: readonly Question[],
): Promise<readonly (readonly (string | null)[])[]> {
  // One row: thousands of small ones cost more to read than to find.
  const [row] = await query<{ found: readonly Found[] }>(pool, 'identity-lookup', LOOK_UP, [
    // As the database writes arrays: none of these needs quotes, and there are thousands of them.
    `{${questions.map(({ digests }) => digests.join()).join()}}`,
    `{${questions.map(({ digests }, i) => digests.map(() => i + 1).join()).join()}}`,
    `{${questions.map(({ asker }) => (asker === NOBODY ? 'NULL' : asker)).join()}}`,
  ]);
  // Of several who proved one address the last counts, and nobody where she is not to be found.
  const last = new Map<number, Found>();
  for (const one of row?.found ?? []) {
    const other = last.get(one[0]);
    if (other === undefined || other[2] < one[2]) last.set(one[0], one);
  }
  let n = 0;
  return questions.map(({ digests }) =>
    digests.map(() => {
      n += 1;
      const [, userId, , found] = last.get(n) ?? [n, null, 0, false];
      return found ? userId : null;
    }),
  );
}
