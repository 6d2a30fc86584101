/** Proofs in PostgreSQL, with the personal fields that they verify. */
import type pg from 'pg';
import type {
  Delivery,
  EndReason,
  Level,
  Method,
  VerificationState,
} from '../auralink-modules/verification/model.ts';
import type { LiveProof, ProofRow, ProofStore, StoredProof } from '../auralink-modules/verification/ports.ts';
import { signedOut } from '../core/errors.ts';
import type { AuraId, ChallengeId, PersonId, VerificationId } from '../core/ids.ts';
import type { Tx } from '../core/unit-of-work.ts';
import { query } from './db.ts';

interface LiveRow extends pg.QueryResultRow {
  verification_id: VerificationId;
  person_id: PersonId;
  method: Method;
  level: Level;
  state: VerificationState;
  field_id: string | null;
  subject_envelope: Buffer | null;
}

const LIVE = 'v.verification_id, v.person_id, v.method, v.level, v.state, v.field_id, v.subject_envelope';
/** The key of the advisory locks of subjects. */
const SUBJECT_LOCK = 4_242_023;

/** Of a row whose state is pending or verified. */
const toLive = (row: LiveRow): LiveProof => ({
  verificationId: row.verification_id,
  personId: row.person_id,
  method: row.method,
  level: row.level,
  state: row.state as LiveProof['state'],
  fieldId: row.field_id,
  subjectEnvelope: row.subject_envelope,
});

export function proofStore(pool: pg.Pool): ProofStore {
  return { ...locking, ...finding, ...writing, ...fields, ...lists(pool), ...lapsing(pool) };
}

const locking: Pick<ProofStore, 'lockPerson' | 'findAuraId' | 'lockSubject'> = {
  async lockPerson(tx, personId) {
    const sql =
      "SELECT aura_id FROM aura_id_registry WHERE person_id = $1 AND state = 'active' FOR NO KEY UPDATE";
    const [row] = await query<{ aura_id: AuraId }>(tx, 'proof-person-lock', sql, [personId]);
    if (row === undefined) throw signedOut();
    return row.aura_id;
  },
  async findAuraId(tx, personId) {
    const sql = "SELECT aura_id FROM aura_id_registry WHERE person_id = $1 AND state = 'active'";
    const [row] = await query<{ aura_id: AuraId }>(tx, 'proof-aura-id', sql, [personId]);
    return row?.aura_id ?? null;
  },
  async lockSubject(tx, digests) {
    const keys = digests.map((digest) => digest.readInt32BE(0)).sort((a, b) => a - b);
    const sql = `SELECT pg_advisory_xact_lock(${SUBJECT_LOCK}, k) FROM unnest($1::int[]) AS k`;
    await query(tx, 'proof-subject-lock', sql, [keys]);
  },
};

type Finding = 'findHolders' | 'findLive' | 'findPending' | 'findByField' | 'countLive' | 'listAddresses';

const finding: Pick<ProofStore, Finding> = {
  async findHolders(tx, method, digests) {
    const sql = `SELECT ${LIVE} FROM aura_id_verifications v
      WHERE v.level IN ('email_controlled', 'phone_controlled', 'document_seen', 'document_proven')
        AND v.subject_index = ANY ($2) AND v.state = 'verified' AND v.method = $1 ORDER BY v.verification_id`;
    return (await query<LiveRow>(tx, 'proof-holders', sql, [method, digests])).map(toLive);
  },
  async findLive(tx, personId, verificationId) {
    const sql = `SELECT ${LIVE} FROM aura_id_verifications v
      WHERE v.verification_id = $2 AND v.person_id = $1 AND v.state IN ('pending', 'verified') FOR UPDATE`;
    const [row] = await query<LiveRow>(tx, 'proof-live', sql, [personId, verificationId]);
    return row === undefined ? null : toLive(row);
  },
  async findPending(tx, personId, method, digests) {
    const sql = `SELECT ${LIVE} FROM aura_id_verifications v
      WHERE v.person_id = $1 AND v.method = $2 AND v.subject_index = ANY ($3) AND v.state = 'pending' LIMIT 1 FOR UPDATE`;
    const [row] = await query<LiveRow>(tx, 'proof-pending', sql, [personId, method, digests]);
    return row === undefined ? null : toLive(row);
  },
  async findByField(tx, personId, fieldId) {
    const sql = `SELECT ${LIVE} FROM aura_id_verifications v
      WHERE v.field_id = $2 AND v.person_id = $1 AND v.state IN ('pending', 'verified') FOR UPDATE`;
    return (await query<LiveRow>(tx, 'proof-by-field', sql, [personId, fieldId])).map(toLive);
  },
  async countLive(tx, personId) {
    const sql = `SELECT count(*)::int AS n FROM aura_id_verifications
      WHERE person_id = $1 AND state IN ('pending', 'verified')`;
    return (await query<{ n: number }>(tx, 'proof-count', sql, [personId]))[0]?.n ?? 0;
  },
  async listAddresses(tx, personId, without) {
    const sql = `SELECT ${LIVE} FROM aura_id_verifications v
      WHERE v.person_id = $1 AND v.method IN ('email', 'phone') AND v.state = 'verified'
        AND (v.expires_at IS NULL OR v.expires_at > now()) AND v.verification_id IS DISTINCT FROM $2
      ORDER BY v.verification_id`;
    return (await query<LiveRow>(tx, 'proof-addresses', sql, [personId, without])).map(toLive);
  },
};

type ProvedRow = Parameters<ProofStore['insertProved']>[1];

const valuesOf = (row: ProofRow): unknown[] => [
  row.verificationId,
  row.personId,
  row.method,
  row.level,
  row.envelope,
  row.index?.digest ?? null,
  row.index?.indexKeyId ?? null,
];
const provedValues = (row: ProvedRow): unknown[] => [
  ...valuesOf(row),
  row.fieldId,
  JSON.stringify(row.evidence),
  row.expiresAt,
];

const writing: Pick<ProofStore, 'insertPending' | 'insertProved' | 'setProved' | 'end'> = {
  async insertPending(tx, row) {
    const sql = `INSERT INTO aura_id_verifications (verification_id, person_id, method, level, state, subject_envelope,
        subject_index, index_key_id) VALUES ($1, $2, $3, $4, 'pending', $5, $6, $7)`;
    await query(tx, 'proof-pending-insert', sql, valuesOf(row));
  },
  async insertProved(tx, row) {
    const sql = `INSERT INTO aura_id_verifications (verification_id, person_id, method, level, state, subject_envelope,
        subject_index, index_key_id, field_id, evidence, expires_at, verified_at)
      VALUES ($1, $2, $3, $4, 'verified', $5, $6, $7, $8, $9, $10, now()) RETURNING verified_at`;
    const [made] = await query<{ verified_at: Date }>(tx, 'proof-insert', sql, provedValues(row));
    if (made === undefined) throw new Error('an insert returned nothing');
    return made.verified_at;
  },
  async setProved(tx, row) {
    const sql = `UPDATE aura_id_verifications SET state = 'verified', method = $3, level = $4, subject_envelope = $5,
        subject_index = $6, index_key_id = $7, field_id = $8, evidence = $9, expires_at = $10, verified_at = now(),
        updated_at = now()
      WHERE verification_id = $1 AND person_id = $2 AND state = 'pending' RETURNING verified_at`;
    const [row_] = await query<{ verified_at: Date }>(tx, 'proof-set', sql, provedValues(row));
    return row_?.verified_at ?? null;
  },
  end: (tx, proof, state, reason) => end(tx, proof.verificationId, state, reason),
};

async function end(
  tx: Tx,
  verificationId: VerificationId,
  state: string,
  reason: EndReason,
): Promise<readonly string[] | null> {
  const [row] = await query<{ messages: string[] }>(
    tx,
    'proof-end',
    `WITH ended AS (
       UPDATE aura_id_verifications SET state = $2, reason = $3, subject_index = NULL, index_key_id = NULL, field_id = NULL,
         ended_at = now(), updated_at = now()
       WHERE verification_id = $1 AND state IN ('pending', 'verified') RETURNING verification_id
     ), field AS (
       UPDATE personal_fields SET verified_at = NULL WHERE field_id = (
         SELECT v.field_id FROM aura_id_verifications v JOIN ended USING (verification_id) WHERE v.state = 'verified')
     ), codes AS (
       UPDATE verification_challenges SET ended_at = now(), end_reason = 'withdrawn', secret_envelope = NULL
       WHERE verification_id = $1 AND ended_at IS NULL RETURNING message_id
     )
     SELECT ARRAY (SELECT message_id FROM codes WHERE message_id IS NOT NULL) AS messages FROM ended`,
    [verificationId, state, reason],
  );
  return row?.messages ?? null;
}

const fields: Pick<ProofStore, 'findField' | 'insertField' | 'setFieldVerified'> = {
  async findField(tx, personId, kind, digests) {
    const sql = `SELECT field_id FROM personal_fields
      WHERE person_id = $1 AND kind = $2 AND blind_index = ANY ($3) ORDER BY field_id LIMIT 1 FOR UPDATE`;
    const [row] = await query<{ field_id: string }>(tx, 'proof-field', sql, [personId, kind, digests]);
    return row?.field_id ?? null;
  },
  async insertField(tx, { fieldId, personId, kind, envelope, index }) {
    const sql = `INSERT INTO personal_fields (field_id, person_id, kind, envelope, blind_index, index_key_id)
      VALUES ($1, $2, $3, $4, $5, $6)`;
    const values = [fieldId, personId, kind, envelope, index.digest, index.indexKeyId];
    await query(tx, 'proof-field-insert', sql, values);
  },
  async setFieldVerified(tx, fieldId) {
    const sql = 'UPDATE personal_fields SET verified_at = now() WHERE field_id = $1';
    await query(tx, 'proof-field-verified', sql, [fieldId]);
  },
};

interface StoredRow extends LiveRow {
  reason: string | null;
  proved_by: string | null;
  created_at: Date;
  verified_at: Date | null;
  expires_at: Date | null;
  ended_at: Date | null;
  challenge_id: ChallengeId | null;
  tries: number;
  sends: number;
  sent_at: Date;
  challenge_expires_at: Date;
  is_over: boolean;
  delivery: Delivery | null;
  delivery_reason: string | null;
}

const STORED = `SELECT ${LIVE}, v.reason, v.evidence ->> 'by' AS proved_by, v.created_at, v.verified_at, v.expires_at, v.ended_at,
    c.challenge_id, c.tries, c.sends, c.sent_at, c.expires_at AS challenge_expires_at, c.delivery, c.delivery_reason,
    c.expires_at <= now() AS is_over
  FROM aura_id_verifications v LEFT JOIN LATERAL (
    SELECT * FROM verification_challenges n WHERE n.verification_id = v.verification_id AND n.purpose = 'proof'
    ORDER BY n.created_at DESC, n.challenge_id DESC LIMIT 1) c
    ON v.state = 'pending' AND (c.end_reason IS NULL OR c.end_reason = 'expired')`;

function toStored(row: StoredRow): StoredProof {
  return {
    ...toLive(row),
    state: row.state,
    reason: row.reason,
    createdAt: row.created_at,
    verifiedAt: row.verified_at,
    expiresAt: row.expires_at,
    endedAt: row.ended_at,
    by: row.proved_by,
    challenge:
      row.challenge_id === null
        ? null
        : {
            challengeId: row.challenge_id,
            tries: row.tries,
            sends: row.sends,
            sentAt: row.sent_at,
            expiresAt: row.challenge_expires_at,
            isOver: row.is_over,
            delivery: row.delivery,
            deliveryReason: row.delivery_reason,
          },
  };
}

function lists(pool: pg.Pool): Pick<ProofStore, 'list' | 'find'> {
  return {
    async list(personId, limit, after) {
      const sql = `SELECT * FROM (
          (${STORED} WHERE v.person_id = $1 AND v.state IN ('pending', 'verified') AND $3::uuid IS NULL)
          UNION ALL (${STORED} WHERE v.person_id = $1 AND v.state NOT IN ('pending', 'verified')
            AND ($3::uuid IS NULL OR v.verification_id < $3) ORDER BY v.verification_id DESC LIMIT $2)) AS listed
        ORDER BY verification_id DESC`;
      const values = [personId, limit, after ?? null];
      return (await query<StoredRow>(pool, 'proof-list', sql, values)).map(toStored);
    },
    async find(personId, verificationId) {
      const sql = `${STORED} WHERE v.verification_id = $2 AND v.person_id = $1`;
      const [row] = await query<StoredRow>(pool, 'proof-find', sql, [personId, verificationId]);
      return row === undefined ? null : toStored(row);
    },
  };
}

type Lapsing = 'findProved' | 'listLapsed' | 'listDue' | 'setReminded' | 'remindLater' | 'prune';

function lapsing(pool: pg.Pool): Pick<ProofStore, Lapsing> {
  return {
    async findProved(personId, method, digests) {
      const sql = `SELECT v.verification_id FROM aura_id_verifications v
        WHERE v.person_id = $1 AND v.method = $2 AND v.subject_index = ANY ($3) AND v.state = 'verified'
          AND (v.expires_at IS NULL OR v.expires_at > now()) LIMIT 1`;
      const values = [personId, method, digests];
      const [row] = await query<{ verification_id: VerificationId }>(pool, 'proof-proved', sql, values);
      return row?.verification_id ?? null;
    },
    async listLapsed(pendingHours, limit) {
      const sql = `(SELECT ${LIVE} FROM aura_id_verifications v
          WHERE v.state = 'verified' AND v.expires_at <= now() ORDER BY v.expires_at LIMIT $2)
        UNION ALL (SELECT ${LIVE} FROM aura_id_verifications v
          WHERE v.state = 'pending' AND v.updated_at <= now() - make_interval(hours => $1)
          ORDER BY v.updated_at LIMIT $2)`;
      return (await query<LiveRow>(pool, 'proof-lapsed', sql, [pendingHours, limit])).map(toLive);
    },
    async listDue(days, limit) {
      const sql = `SELECT ${LIVE}, v.expires_at FROM aura_id_verifications v
        WHERE v.state = 'verified' AND v.expires_at BETWEEN now() AND now() + make_interval(days => $1)
          AND v.reminded_at IS NULL AND (v.remind_after IS NULL OR v.remind_after <= now())
        ORDER BY v.expires_at LIMIT $2`;
      const rows = await query<LiveRow & { expires_at: Date }>(pool, 'proof-due', sql, [days, limit]);
      return rows.map((row) => ({ ...toLive(row), expiresAt: row.expires_at }));
    },
    async setReminded(tx, verificationId) {
      const sql = `UPDATE aura_id_verifications SET reminded_at = now()
        WHERE verification_id = $1 AND state = 'verified' AND reminded_at IS NULL RETURNING verification_id`;
      return (await query(tx, 'proof-reminded', sql, [verificationId])).length > 0;
    },
    async remindLater(tx, verificationId, hours) {
      const sql = `UPDATE aura_id_verifications SET reminded_at = NULL, remind_after = now() + make_interval(hours => $2)
        WHERE verification_id = $1`;
      await query(tx, 'proof-remind-later', sql, [verificationId, hours]);
    },
    async prune(days, limit) {
      const sql = `DELETE FROM aura_id_verifications WHERE verification_id = ANY (ARRAY (
          SELECT verification_id FROM aura_id_verifications WHERE ended_at < now() - make_interval(days => $1)
          ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING verification_id`;
      return (await query(pool, 'proof-prune', sql, [days, limit])).length;
    },
  };
}
