/** Validations of addresses under way. */
import type pg from 'pg';
import type { Medium } from '../auralink-modules/identity-service/model.ts';
import type { Session, SessionStore } from '../auralink-modules/identity-service/ports.ts';
import type { UserId } from '../core/ids.ts';
import { query } from './db.ts';

interface Row extends pg.QueryResultRow {
  session_id: string;
  matrix_user_id: UserId;
  medium: Medium;
  secret_hash: Buffer;
  content_envelope: Buffer;
  send_attempt: number;
  token_hash: Buffer;
  token_counts: boolean;
  tries: number;
  age_seconds: number;
  validated_at: Date | null;
}

const COLUMNS = `session_id, matrix_user_id, medium, secret_hash, content_envelope, send_attempt, token_hash,
  token_expires_at > now() AS token_counts, tries,
  extract(epoch FROM now() - coalesce(validated_at, created_at))::float8 AS age_seconds, validated_at`;

const toSession = (row: Row): Session => ({
  sessionId: row.session_id,
  userId: row.matrix_user_id,
  medium: row.medium,
  secretHash: row.secret_hash,
  contentEnvelope: row.content_envelope,
  sendAttempt: row.send_attempt,
  tokenHash: row.token_hash,
  tokenCounts: row.token_counts,
  tries: row.tries,
  ageSeconds: row.age_seconds,
  validatedAt: row.validated_at,
});

export function sessionStore(pool: pg.Pool): SessionStore {
  return {
    async findByRequest(tx, requestKey) {
      const turn = "SELECT pg_advisory_xact_lock(('x' || left($1, 16))::bit(64)::bigint)";
      await query(tx, 'identity-session-turn', turn, [requestKey.toString('hex')]);
      const sql = `SELECT ${COLUMNS} FROM identity_sessions WHERE request_key = $1 FOR UPDATE`;
      const [row] = await query<Row>(tx, 'identity-session-by-request', sql, [requestKey]);
      return row === undefined ? null : toSession(row);
    },
    async insert(tx, session) {
      const sql = `INSERT INTO identity_sessions (session_id, matrix_user_id, medium, request_key, secret_hash,
          content_envelope, send_attempt, token_hash, token_expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now() + make_interval(secs => $9))`;
      await query(tx, 'identity-session-insert', sql, [
        ...[session.sessionId, session.userId, session.medium, session.requestKey, session.secretHash],
        ...[session.contentEnvelope, session.sendAttempt, session.tokenHash, session.tokenLifeSeconds],
      ]);
    },
    async renew(tx, { sessionId, contentEnvelope, sendAttempt, tokenHash, tokenLifeSeconds }) {
      const sql = `UPDATE identity_sessions SET content_envelope = $2, send_attempt = $3, token_hash = $4, tries = 0,
          token_expires_at = now() + make_interval(secs => $5) WHERE session_id = $1`;
      const values = [sessionId, contentEnvelope, sendAttempt, tokenHash, tokenLifeSeconds];
      await query(tx, 'identity-session-renew', sql, values);
    },
    async find(tx, sessionId) {
      const sql = `SELECT ${COLUMNS} FROM identity_sessions WHERE session_id = $1 FOR UPDATE`;
      const [row] = await query<Row>(tx, 'identity-session', sql, [sessionId]);
      return row === undefined ? null : toSession(row);
    },
    async countTry(tx, sessionId) {
      const sql = 'UPDATE identity_sessions SET tries = tries + 1 WHERE session_id = $1';
      await query(tx, 'identity-session-try', sql, [sessionId]);
    },
    async setValidated(tx, sessionId) {
      const sql = 'UPDATE identity_sessions SET validated_at = now() WHERE session_id = $1';
      await query(tx, 'identity-session-validated', sql, [sessionId]);
    },
    async remove(tx, sessionId) {
      await query(tx, 'identity-session-remove', 'DELETE FROM identity_sessions WHERE session_id = $1', [
        sessionId,
      ]);
    },
    async prune(olderThanSeconds) {
      const sql = `DELETE FROM identity_sessions WHERE created_at < now() - make_interval(secs => $1)
        RETURNING session_id`;
      return (await query(pool, 'identity-sessions-prune', sql, [olderThanSeconds])).length;
    },
  };
}
