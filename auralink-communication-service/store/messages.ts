/**
 * The table of outgoing messages. A row is claimed by committing `sending` before the network is touched; whoever claimed
 * last may settle it. Settling wipes address and text in the same statement.
 */
import type pg from 'pg';
import type { Channel, Purpose, SettledMessage } from '../auralink-modules/messages/model.ts';
import type { ClaimedMessage, MessageLimits, MessageStore } from '../auralink-modules/messages/ports.ts';
import type { MessageId, PersonId } from '../core/ids.ts';
import type { Tx } from '../core/unit-of-work.ts';
import { query } from './db.ts';

interface ClaimedRow {
  message_id: MessageId;
  channel: Channel;
  purpose: Purpose;
  person_id: PersonId | null;
  address: Buffer;
  content: Buffer;
  created_at: Date;
  attempts: number;
  lost_outcomes: number;
  left_seconds: number;
}

const INSERT = `INSERT INTO outgoing_messages (message_id, channel, purpose, person_id, address, content, key_id,
    prefix_digest, country_digest, parts, cost_micros, expires_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`;

/** Of those that `which` selects so many ($1), for so long ($2). */
const claimOf = (which: string): string => `WITH due AS (
    SELECT message_id, state FROM outgoing_messages
    WHERE state IN ('queued', 'sending') AND ${which} LIMIT $1 FOR UPDATE SKIP LOCKED)
  UPDATE outgoing_messages m SET state = 'sending', attempts = attempts + 1,
    lost_outcomes = lost_outcomes + (due.state = 'sending')::int, run_at = now() + make_interval(secs => $2)
  FROM due WHERE m.message_id = due.message_id
  RETURNING m.message_id, channel, purpose, person_id, address, content, created_at, attempts, lost_outcomes,
    extract(epoch FROM expires_at - now())::float8 AS left_seconds`;

const CLAIM = claimOf('channel = $3 AND run_at <= now() ORDER BY run_at');
const CLAIM_EXPIRED = claimOf(
  "expires_at <= now() AND (state = 'queued' OR run_at <= now()) ORDER BY expires_at",
);

const toClaimed = (row: ClaimedRow): ClaimedMessage => ({
  messageId: row.message_id,
  channel: row.channel,
  purpose: row.purpose,
  personId: row.person_id,
  address: row.address,
  content: row.content,
  createdAt: row.created_at,
  attempt: row.attempts,
  leftSeconds: row.left_seconds,
  lostOutcomes: row.lost_outcomes,
});

/** What nobody took was not paid for. */
const SETTLE = `WITH settled AS (
    UPDATE outgoing_messages SET state = $3, reason = $4, provider_id = $5, address = NULL, content = NULL, key_id = NULL,
      settled_at = now(), sent_at = CASE WHEN $3 = 'sent' THEN now() END
    WHERE message_id = $1 AND attempts = $2 AND state = 'sending'
    RETURNING message_id, created_at, CASE WHEN $3 IN ('refused', 'expired') THEN cost_micros ELSE 0 END AS unspent
  ), given_back AS (
    UPDATE message_spend s SET spent_micros = spent_micros - unspent FROM settled
    WHERE s.day = (settled.created_at AT TIME ZONE 'UTC')::date AND unspent > 0)
  SELECT message_id FROM settled`;

/** Whoever has one in hand, or settles it just now, holds its row: nobody waits for the other. */
const CANCEL = `WITH open AS (
    SELECT message_id, state FROM outgoing_messages
    WHERE message_id = ANY ($1) AND state IN ('queued', 'sending') FOR UPDATE SKIP LOCKED
  ), cancelled AS (
    UPDATE outgoing_messages m SET state = 'cancelled', address = NULL, content = NULL, key_id = NULL, settled_at = now()
    FROM open WHERE m.message_id = open.message_id AND open.state = 'queued'
    RETURNING m.channel, m.created_at, CASE WHEN m.lost_outcomes = 0 THEN m.cost_micros ELSE 0 END AS unspent
  ), in_hand AS (
    UPDATE outgoing_messages m SET expires_at = least(m.expires_at, now())
    FROM open WHERE m.message_id = open.message_id AND open.state = 'sending'
  ), given_back AS (
    UPDATE message_spend s SET spent_micros = spent_micros - c.unspent
    FROM (SELECT (created_at AT TIME ZONE 'UTC')::date AS day, sum(unspent) AS unspent FROM cancelled GROUP BY 1) c
    WHERE s.day = c.day AND c.unspent > 0)
  SELECT channel FROM cancelled`;

const PUT_BACK = `UPDATE outgoing_messages SET state = 'queued', reason = $4,
    lost_outcomes = lost_outcomes + $5::boolean::int,
    run_at = least(now() + make_interval(secs => $3), greatest(expires_at, now()))
  WHERE message_id = $1 AND attempts = $2 AND state = 'sending' RETURNING message_id`;

const receiptOf = (
  column: string,
): string => `UPDATE outgoing_messages SET state = $2, reason = $3, settled_at = now()
  WHERE ${column} = $1 AND state = 'sent' RETURNING message_id, purpose, channel, person_id`;

/** The newest are enough: what was long ago says little of what is going on. */
const codesOf = (
  whose: string,
): string => `SELECT count(*)::int AS sent, count(code_used_at)::int AS used FROM (
    SELECT code_used_at FROM outgoing_messages
    WHERE prefix_digest IS NOT NULL AND ${whose} AND expires_at > now() - make_interval(secs => $1)
      AND (code_used_at IS NOT NULL OR sent_at < now() - make_interval(secs => $2) OR expires_at <= now())
      AND (state IN ('sent', 'delivered', 'failed') OR code_used_at IS NOT NULL) AND purpose <> 'notice'
    ORDER BY expires_at DESC LIMIT $3) AS newest`;
const CODES = {
  prefix: codesOf('prefix_digest = $4'),
  country: codesOf('country_digest = $4'),
  all: codesOf('true'),
} as const;

export function messageStore(pool: pg.Pool): MessageStore {
  return { ...claiming(pool), ...settling(pool) };
}

type Claiming = 'insert' | 'claim' | 'claimExpired' | 'putBack';

function claiming(pool: pg.Pool): Pick<MessageStore, Claiming> {
  return {
    insert: async (tx, m) => {
      await query(tx, 'message-insert', INSERT, [
        ...[m.messageId, m.channel, m.purpose, m.personId, m.address, m.content, m.keyId],
        ...[m.prefixDigest, m.countryDigest, m.parts, m.costMicros, m.expiresAt],
      ]);
    },
    claim: async (channel, limit, claimSeconds) =>
      (await query<ClaimedRow>(pool, 'message-claim', CLAIM, [limit, claimSeconds, channel])).map(toClaimed),
    claimExpired: async (limit, claimSeconds) =>
      (await query<ClaimedRow>(pool, 'message-claim-expired', CLAIM_EXPIRED, [limit, claimSeconds])).map(
        toClaimed,
      ),
    putBack: async ({ messageId, attempt }, { afterSeconds, reason, outcomeLost }) => {
      const values = [messageId, attempt, afterSeconds, reason, outcomeLost];
      return (await query(pool, 'message-put-back', PUT_BACK, values)).length > 0;
    },
  };
}

function settling(pool: pg.Pool): Omit<MessageStore, Claiming> {
  return {
    settle: async (tx, { messageId, attempt }, { state, reason, providerId }) => {
      const values = [messageId, attempt, state, reason, providerId];
      return (await query(tx, 'message-settle', SETTLE, values)).length > 0;
    },
    settleReceipt: async (tx, by, state, reason) => {
      const [column, value] =
        'messageId' in by ? ['message_id', by.messageId] : ['provider_id', by.providerId];
      const [row] = await query<ClaimedRow>(tx, `message-receipt-${column}`, receiptOf(column), [
        value,
        state,
        reason,
      ]);
      if (row === undefined) return null;
      const { message_id: messageId, person_id: personId, purpose, channel } = row;
      return { messageId, purpose, channel, personId, state, reason } satisfies SettledMessage;
    },
    cancel: async (tx, messageIds) =>
      (await query<{ channel: Channel }>(tx, 'message-cancel', CANCEL, [messageIds])).map(
        ({ channel }) => channel,
      ),
    codeUsed: async (tx, messageId) => {
      await query(
        tx,
        'message-code-used',
        'UPDATE outgoing_messages SET code_used_at = now() WHERE message_id = $1 AND code_used_at IS NULL',
        [messageId],
      );
    },
    countCodes: async (tx, of, digest, { seconds, graceSeconds, max }) => {
      const values = [seconds, graceSeconds, max, ...(of === 'all' ? [] : [digest])];
      const rows = await query<{ sent: number; used: number }>(tx, `message-codes-${of}`, CODES[of], values);
      return rows[0] ?? { sent: 0, used: 0 };
    },
    prune: async (olderThanSeconds) => {
      const rows = await query(
        pool,
        'message-prune',
        `DELETE FROM outgoing_messages WHERE message_id = ANY (ARRAY (
           SELECT message_id FROM outgoing_messages WHERE settled_at < now() - make_interval(secs => $1)
           LIMIT 1000 FOR UPDATE SKIP LOCKED)) RETURNING message_id`,
        [olderThanSeconds],
      );
      return rows.length;
    },
  };
}

/** How many messages each key of the ring sealed that are not settled yet. */
export async function countSealedMessages(pool: pg.Pool): Promise<ReadonlyMap<string, number>> {
  const rows = await query<{ key_id: string; count: number }>(
    pool,
    'message-keys',
    `SELECT key_id, count(*)::int AS count FROM outgoing_messages WHERE key_id IS NOT NULL GROUP BY key_id`,
    [],
  );
  return new Map(rows.map((row) => [row.key_id, row.count]));
}

/** In the caller's transaction: what it counts goes with it when it is taken back. */
export const messageLimits: MessageLimits = {
  async hit(tx: Tx, windows) {
    const rows = await query<{ key: string; hits: number; left_seconds: number }>(
      tx,
      'message-limits',
      `INSERT INTO rate_limits AS r (key, hits, window_ends_at)
       SELECT key, 1, now() + make_interval(secs => seconds)
       FROM unnest($1::text[], $2::int[]) WITH ORDINALITY AS w (key, seconds, n) ORDER BY n
       ON CONFLICT (key) DO UPDATE SET
         hits = CASE WHEN r.window_ends_at <= now() THEN 1 ELSE r.hits + 1 END,
         window_ends_at = CASE WHEN r.window_ends_at <= now() THEN excluded.window_ends_at ELSE r.window_ends_at END
       RETURNING key, hits, ceil(extract(epoch FROM window_ends_at - now()))::int AS left_seconds`,
      [windows.map((window) => window.key), windows.map((window) => window.windowSeconds)],
    );
    const byKey = new Map(rows.map((row) => [row.key, row]));
    for (const { kind, key, hits } of windows) {
      const row = byKey.get(key);
      if (row !== undefined && row.hits > hits) {
        // The caller's transaction may go on without the message: what is not sent uses nothing up.
        await messageLimits.takeBack(tx, windows);
        return { kind, retryAfterSeconds: Math.max(1, row.left_seconds) };
      }
    }
    return null;
  },

  async takeBack(tx, windows) {
    const sql = 'UPDATE rate_limits SET hits = greatest(0, hits - 1) WHERE key = ANY ($1)';
    await query(tx, 'message-limits-back', sql, [windows.map((window) => window.key)]);
  },

  async spend(tx, costMicros, capMicros) {
    const [row] = await query<{ left_seconds: number; fits: boolean }>(
      tx,
      'message-spend',
      `WITH today AS (SELECT (now() AT TIME ZONE 'UTC')::date AS day), spent AS (
         INSERT INTO message_spend AS s (day, spent_micros) SELECT day, $1::bigint FROM today WHERE $1::bigint <= $2::bigint
         ON CONFLICT (day) DO UPDATE SET spent_micros = s.spent_micros + excluded.spent_micros
         WHERE s.spent_micros + excluded.spent_micros <= $2::bigint
         RETURNING day)
       SELECT EXISTS (SELECT FROM spent) AS fits,
         ceil(extract(epoch FROM (day + 1)::timestamp AT TIME ZONE 'UTC' - now()))::int AS left_seconds FROM today`,
      [costMicros, capMicros],
    );
    return row === undefined || row.fits ? null : Math.max(1, row.left_seconds);
  },
};
