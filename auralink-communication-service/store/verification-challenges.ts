/** Codes that were sent, in PostgreSQL. Whether one is over is judged by the database's clock. */
import type pg from 'pg';
import { CODE_TRIES_MAX, type Method } from '../auralink-modules/verification/model.ts';
import type {
  ChallengeEnd,
  ChallengeStore,
  LinkTarget,
  LockedChallenge,
} from '../auralink-modules/verification/ports-challenges.ts';
import type { AuraId, ChallengeId, PersonId, VerificationId } from '../core/ids.ts';
import type { Tx } from '../core/unit-of-work.ts';
import { query } from './db.ts';

interface Row extends pg.QueryResultRow {
  challenge_id: ChallengeId;
  verification_id: VerificationId | null;
  person_id: PersonId | null;
  code_hash: Buffer;
  secret_envelope: Buffer | null;
  tries: number;
  sends: number;
  sent_seconds_ago: number;
  expires_at: Date;
  is_over: boolean;
  message_id: string | null;
  end_reason: ChallengeEnd | null;
}

const COLUMNS = `challenge_id, verification_id, person_id, code_hash, secret_envelope, tries, sends,
  extract(epoch FROM now() - sent_at)::float8 AS sent_seconds_ago, expires_at, expires_at <= now() AS is_over, message_id,
  end_reason`;

const toLocked = (row: Row): LockedChallenge => ({
  challengeId: row.challenge_id,
  verificationId: row.verification_id,
  personId: row.person_id,
  codeHash: row.code_hash,
  secretEnvelope: row.secret_envelope,
  tries: row.tries,
  sends: row.sends,
  sentSecondsAgo: row.sent_seconds_ago,
  expiresAt: row.expires_at,
  isOver: row.is_over,
  messageId: row.message_id,
  endReason: row.end_reason,
});

export function challengeStore(pool: pg.Pool): ChallengeStore {
  return {
    ...{ insert, end, endOtherResets, giveBack, countTry, setSent, setDelivery },
    async lockNewest(tx, verificationId, purpose) {
      const sql = `SELECT ${COLUMNS} FROM verification_challenges WHERE verification_id = $1 AND purpose = $2
        ORDER BY created_at DESC, challenge_id DESC LIMIT 1 FOR UPDATE`;
      const [row] = await query<Row>(tx, 'challenge-newest', sql, [verificationId, purpose]);
      return row === undefined ? null : toLocked(row);
    },
    async lock(tx, challengeId, purpose) {
      const sql = `SELECT ${COLUMNS} FROM verification_challenges WHERE challenge_id = $1 AND purpose = $2 FOR UPDATE`;
      const [row] = await query<Row>(tx, 'challenge-lock', sql, [challengeId, purpose]);
      return row === undefined ? null : toLocked(row);
    },
    findByLink: (linkHashes) => findByLink(pool, linkHashes),
    expire: (limit, keptDays) => expire(pool, limit, keptDays),
  };
}

interface Carrier extends pg.QueryResultRow {
  message_id: string | null;
}
const carriersOf = (rows: readonly Carrier[]): string[] =>
  rows.flatMap(({ message_id }) => (message_id === null ? [] : [message_id]));

const REPLACE = `UPDATE verification_challenges SET ended_at = now(), end_reason = 'replaced', secret_envelope = NULL
  WHERE verification_id = $1 AND purpose = 'proof' AND ended_at IS NULL RETURNING message_id`;

const insert: ChallengeStore['insert'] = async (tx, challenge) => {
  const { verificationId, purpose } = challenge;
  // A stranger may ask for a new password in her name: that voids no code that she was sent.
  const replaced =
    purpose === 'proof' ? await query<Carrier>(tx, 'challenge-replace', REPLACE, [verificationId]) : [];
  await query(
    tx,
    'challenge-insert',
    `INSERT INTO verification_challenges (challenge_id, purpose, verification_id, person_id, code_hash, link_hash,
       secret_envelope, message_id, expires_at, created_at, sent_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, clock_timestamp(), clock_timestamp())`,
    [
      ...[challenge.challengeId, purpose, verificationId, challenge.personId, challenge.codeHash],
      ...[challenge.linkHash, challenge.secretEnvelope, challenge.messageId, challenge.expiresAt],
    ],
  );
  return carriersOf(replaced);
};

async function end(tx: Tx, challengeId: ChallengeId, reason: ChallengeEnd): Promise<void> {
  const sql = `UPDATE verification_challenges SET ended_at = now(), end_reason = $2, secret_envelope = NULL
    WHERE challenge_id = $1 AND ended_at IS NULL`;
  await query(tx, 'challenge-end', sql, [challengeId, reason]);
}

const endOtherResets: ChallengeStore['endOtherResets'] = async (tx, personId, used) => {
  // Skipped are those whose transactions wait for this person's lock, which is ours.
  const sql = `UPDATE verification_challenges SET ended_at = now(), end_reason = 'replaced' WHERE challenge_id IN (
      SELECT challenge_id FROM verification_challenges
      WHERE person_id = $1 AND purpose = 'password' AND ended_at IS NULL AND challenge_id <> $2
      FOR UPDATE SKIP LOCKED) RETURNING message_id`;
  return carriersOf(await query<Carrier>(tx, 'challenge-other-resets', sql, [personId, used]));
};

const giveBack: ChallengeStore['giveBack'] = async (tx, challengeId) => {
  const sql = `UPDATE verification_challenges SET ended_at = NULL, end_reason = NULL
    WHERE challenge_id = $1 AND end_reason = 'used' AND expires_at > now()`;
  await query(tx, 'challenge-give-back', sql, [challengeId]);
};

async function countTry(tx: Tx, challengeId: ChallengeId): Promise<number> {
  const sql = `UPDATE verification_challenges SET tries = tries + 1 WHERE challenge_id = $1 RETURNING tries`;
  const [row] = await query<{ tries: number }>(tx, 'challenge-try', sql, [challengeId]);
  const tries = row?.tries ?? CODE_TRIES_MAX;
  if (tries >= CODE_TRIES_MAX) await end(tx, challengeId, 'tries');
  return tries;
}

const setSent: ChallengeStore['setSent'] = async (tx, challengeId, messageId) => {
  const sql = `UPDATE verification_challenges SET sends = sends + 1, sent_at = clock_timestamp(), message_id = $2,
      delivery = NULL, delivery_reason = NULL
    WHERE challenge_id = $1`;
  await query(tx, 'challenge-sent', sql, [challengeId, messageId]);
};

const setDelivery: ChallengeStore['setDelivery'] = async (tx, messageId, delivery, reason) => {
  const sql = `UPDATE verification_challenges SET delivery = $2, delivery_reason = $3
    WHERE message_id = $1 AND verification_id IS NOT NULL RETURNING person_id, verification_id`;
  const rows = await query<{ person_id: PersonId; verification_id: VerificationId }>(
    tx,
    'challenge-delivery',
    sql,
    [messageId, delivery, reason],
  );
  const [row] = rows;
  return row === undefined ? null : { personId: row.person_id, verificationId: row.verification_id };
};

async function findByLink(pool: pg.Pool, linkHashes: readonly Buffer[]): Promise<LinkTarget | null> {
  const rows = await query<{
    challenge_id: ChallengeId;
    verification_id: VerificationId;
    person_id: PersonId;
    aura_id: AuraId;
    method: Method;
    subject_envelope: Buffer | null;
    is_live: boolean;
  }>(
    pool,
    'challenge-by-link',
    `SELECT c.challenge_id, v.verification_id, v.person_id, r.aura_id, v.method, v.subject_envelope,
       c.ended_at IS NULL AND c.expires_at > now() AND v.state = 'pending' AND r.state = 'active' AS is_live
     FROM verification_challenges c JOIN aura_id_verifications v USING (verification_id)
       JOIN aura_id_registry r ON r.person_id = v.person_id
     WHERE c.link_hash = ANY ($1) AND c.link_hash IS NOT NULL LIMIT 1`,
    [linkHashes],
  );
  const [row] = rows;
  if (row === undefined) return null;
  return {
    challengeId: row.challenge_id,
    verificationId: row.verification_id,
    personId: row.person_id,
    auraId: row.aura_id,
    method: row.method,
    subjectEnvelope: row.subject_envelope,
    isLive: row.is_live,
  };
}

async function expire(pool: pg.Pool, limit: number, keptDays: number): Promise<number> {
  const ended = await query(
    pool,
    'challenge-expire',
    `UPDATE verification_challenges SET ended_at = now(), end_reason = 'expired', secret_envelope = NULL
     WHERE challenge_id = ANY (ARRAY (SELECT challenge_id FROM verification_challenges
       WHERE ended_at IS NULL AND expires_at <= now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED))
     RETURNING challenge_id`,
    [limit],
  );
  const deleted = await query(
    pool,
    'challenge-prune',
    `DELETE FROM verification_challenges WHERE challenge_id = ANY (ARRAY (SELECT challenge_id FROM verification_challenges
       WHERE expires_at < now() - make_interval(days => $2) ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED))
     RETURNING challenge_id`,
    [limit, keptDays],
  );
  return ended.length + deleted.length;
}
