/**
 * Deliveries of webhooks: claimed by moving their time on, so that a process that dies with one in hand only delays it.
 * Of one person only the oldest is due, which keeps her events in order over all processes.
 */
import type pg from 'pg';
import type {
  Delivery,
  DeliveryState,
  DeliveryStatus,
  DeliveryStore,
  Due,
} from '../auralink-modules/dashboard/ports.ts';
import type { Answer, Verdict } from '../auralink-modules/dashboard/retry.ts';
import type { EventType } from '../auralink-modules/dashboard/model.ts';
import { query } from './db.ts';

/** While a delivery is in hand nobody else takes it; longer than a post may take. */
export const DELIVERY_CLAIM_SECONDS = 30;

/** At most so many rows are looked at in one statement of a claim. */
export const DELIVERY_CLAIM_WINDOW = 500;
/** At most so many windows in one claim; what lies further on is the next round's. */
export const DELIVERY_CLAIM_WINDOWS = 10;
/** So much later than the delivery before it is one looked at that must wait for it, unless that one settles sooner. */
export const DELIVERY_BEHIND_SECONDS = 5;

// Of what is due a person's oldest is claimed. What is behind it is put off until after that one's time, so that it is
// looked at once a try and not in every round; `webhook-delivered` and the like call it up sooner.
const CLAIM = `WITH due AS (
    SELECT d.webhook_id, d.subject_id, d.seq FROM webhook_deliveries d
    WHERE d.state = 'pending' AND d.run_at <= now()
      AND EXISTS (SELECT FROM webhook_endpoints
        WHERE endpoint = 'dashboard' AND disabled_at IS NULL AND (resume_at IS NULL OR resume_at <= now()))
    ORDER BY d.run_at LIMIT $3 FOR UPDATE SKIP LOCKED),
  judged AS (
    SELECT due.webhook_id, before.run_at AS before_at,
      row_number() OVER (PARTITION BY before.run_at IS NULL ORDER BY due.seq) AS place
    FROM due LEFT JOIN LATERAL (SELECT e.run_at FROM webhook_deliveries e
      WHERE e.subject_id = due.subject_id AND e.state = 'pending' AND e.seq < due.seq
      ORDER BY e.subject_id, e.seq LIMIT 1) before ON true),
  claimed AS (
    UPDATE webhook_deliveries SET
      run_at = CASE WHEN before_at IS NULL THEN now() + make_interval(secs => $2)
        ELSE greatest(before_at, now()) + make_interval(secs => $4) END,
      attempts = attempts + (before_at IS NULL)::int,
      first_attempt_at = CASE WHEN before_at IS NULL THEN coalesce(first_attempt_at, now()) ELSE first_attempt_at END
    FROM judged
    WHERE webhook_deliveries.webhook_id = judged.webhook_id AND (before_at IS NOT NULL OR place <= $1)
    RETURNING webhook_deliveries.webhook_id, seq, type, data, occurred_at, attempts, before_at IS NOT NULL AS is_behind,
      extract(epoch FROM now() - first_attempt_at)::float8 AS age_seconds)
  SELECT * FROM claimed ORDER BY seq`;

/** Settles one by `SET …` ($1: its id) and calls up the next of the same person, which waited for it. */
const settling = (set: string, where: string): string => `WITH settled AS (
    UPDATE webhook_deliveries SET ${set} WHERE webhook_id = $1 AND state = 'pending'${where}
    RETURNING subject_id, seq, state)
  UPDATE webhook_deliveries SET run_at = least(run_at, now())
  WHERE attempts = 0 AND state = 'pending' AND webhook_id = (
    SELECT n.webhook_id FROM webhook_deliveries n
    WHERE n.subject_id = (SELECT subject_id FROM settled WHERE state <> 'pending') AND n.state = 'pending'
      AND n.seq > (SELECT seq FROM settled) ORDER BY n.subject_id, n.seq LIMIT 1)`;

interface DueRow {
  webhook_id: string;
  type: EventType;
  data: unknown;
  occurred_at: Date;
  attempts: number;
  is_behind: boolean;
  age_seconds: number;
}

interface DeliveryRow {
  webhook_id: string;
  seq: number;
  type: EventType;
  state: DeliveryState;
  attempts: number;
  occurred_at: Date;
  run_at: Date;
  last_status: number | null;
  last_error: string | null;
  settled_at: Date | null;
}

export function deliveryStore(pool: pg.Pool): DeliveryStore {
  return {
    async claim(limit) {
      const bounds = [limit, DELIVERY_CLAIM_SECONDS, DELIVERY_CLAIM_WINDOW, DELIVERY_BEHIND_SECONDS];
      let rows: DueRow[];
      let found: DueRow[];
      let windows = 0;
      // A window of nothing but what is behind others has been put off by now: the next one is further on.
      do {
        found = await query<DueRow>(pool, 'webhook-claim', CLAIM, bounds);
        rows = found.filter((row) => !row.is_behind);
        windows += 1;
      } while (rows.length === 0 && found.length > 0 && windows < DELIVERY_CLAIM_WINDOWS);
      return rows.map((row) => ({
        webhookId: row.webhook_id,
        type: row.type,
        data: row.data,
        occurredAt: row.occurred_at,
        attempts: row.attempts,
        ageSeconds: row.age_seconds,
      }));
    },
    settle: (due, verdict, answer) => settle(pool, due, verdict, answer),
    async listSecretIds() {
      const sql = `SELECT secret_id FROM webhook_secrets WHERE ends_at IS NULL OR ends_at > now()
        ORDER BY created_at DESC, secret_id`;
      return (await query<{ secret_id: string }>(pool, 'webhook-secrets', sql, [])).map(
        (row) => row.secret_id,
      );
    },
    status: () => status(pool),
    list: (state, before, limit) => list(pool, state, before, limit),
    ...orders,
    async prune(deliveredDays, deadDays, limit) {
      const rows = await query(
        pool,
        'webhook-prune',
        `DELETE FROM webhook_deliveries WHERE webhook_id IN (
           SELECT webhook_id FROM webhook_deliveries
           WHERE settled_at < now() - make_interval(days => $1)
             AND (state = 'delivered' OR settled_at < now() - make_interval(days => $2))
           ORDER BY settled_at LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING webhook_id`,
        [deliveredDays, deadDays, limit],
      );
      return rows.length;
    },
  };
}

const orders: Pick<DeliveryStore, 'rotate' | 'replay' | 'setDisabled'> = {
  async rotate(tx, secretId, graceSeconds) {
    await query(
      tx,
      'webhook-secrets-end',
      `UPDATE webhook_secrets SET ends_at = now() + make_interval(secs => $1)
       WHERE ends_at IS NULL OR ends_at > now() + make_interval(secs => $1)`,
      [graceSeconds],
    );
    await query(tx, 'webhook-secret-new', 'INSERT INTO webhook_secrets (secret_id) VALUES ($1)', [secretId]);
    await query(
      tx,
      'webhook-secrets-old',
      "DELETE FROM webhook_secrets WHERE ends_at < now() - interval '30 days'",
      [],
    );
  },

  async replay(tx, webhookIds, limit) {
    const rows = await query(
      tx,
      'webhook-replay',
      `UPDATE webhook_deliveries SET state = 'pending', attempts = 0, first_attempt_at = NULL, run_at = now(),
         settled_at = NULL
       WHERE webhook_id IN (SELECT webhook_id FROM webhook_deliveries
         WHERE state = 'dead' AND ($1::uuid[] IS NULL OR webhook_id = ANY ($1)) ORDER BY seq LIMIT $2 FOR UPDATE)
       RETURNING webhook_id`,
      [webhookIds, limit],
    );
    return rows.length;
  },

  async setDisabled(tx, reason) {
    await query(
      tx,
      'webhook-switch',
      `UPDATE webhook_endpoints SET disabled_at = CASE WHEN $1::text IS NULL THEN NULL ELSE now() END,
         disabled_reason = $1, resume_at = NULL WHERE endpoint = 'dashboard'`,
      [reason],
    );
    if (reason !== null) return;
    // The day of each begins anew: what waited could not be tried.
    await query(
      tx,
      'webhook-begin-anew',
      `UPDATE webhook_deliveries SET attempts = 0, first_attempt_at = NULL, run_at = now()
       WHERE state = 'pending' AND attempts > 0`,
      [],
    );
  },
};

async function settle(pool: pg.Pool, due: Due, verdict: Verdict, answer: Answer): Promise<void> {
  const { webhookId, attempts } = due;
  const said = [webhookId, answer.status, answer.error?.slice(0, 500) ?? null];
  if (verdict.what === 'delivered') {
    await query(
      pool,
      'webhook-delivered',
      settling("state = 'delivered', data = NULL, settled_at = now(), last_status = $2, last_error = $3", ''),
      said,
    );
    return;
  }
  const afterSeconds = verdict.what === 'retry' ? verdict.afterSeconds : 0;
  await query(
    pool,
    'webhook-not-taken',
    settling(
      `last_status = $2, last_error = $3, run_at = now() + make_interval(secs => $5),
       state = CASE WHEN $6 THEN 'dead' ELSE 'pending' END, settled_at = CASE WHEN $6 THEN now() END`,
      ' AND attempts = $4',
    ),
    [...said, attempts, afterSeconds, verdict.what === 'dead'],
  );
  if (verdict.what === 'gone') {
    await query(
      pool,
      'webhook-gone',
      `UPDATE webhook_endpoints SET disabled_at = now(), disabled_reason = 'gone'
       WHERE endpoint = 'dashboard' AND disabled_at IS NULL`,
      [],
    );
  } else if (verdict.what === 'retry' && verdict.pause) {
    await query(
      pool,
      'webhook-pause',
      `UPDATE webhook_endpoints SET resume_at = greatest(resume_at, now() + make_interval(secs => $1))
       WHERE endpoint = 'dashboard'`,
      [afterSeconds],
    );
  }
}

async function status(pool: pg.Pool): Promise<DeliveryStatus> {
  const [row] = await query<{
    pending: number;
    dead: number;
    resume_at: Date | null;
    disabled_at: Date | null;
    disabled_reason: 'gone' | 'operator' | null;
  }>(
    pool,
    'webhook-status',
    `SELECT (SELECT count(*)::int FROM webhook_deliveries WHERE state = 'pending') AS pending,
       (SELECT count(*)::int FROM webhook_deliveries WHERE state = 'dead') AS dead,
       CASE WHEN resume_at > now() THEN resume_at END AS resume_at, disabled_at, disabled_reason
     FROM webhook_endpoints WHERE endpoint = 'dashboard'`,
    [],
  );
  if (row === undefined) throw new Error('webhook_endpoints lacks its row');
  return {
    pending: row.pending,
    dead: row.dead,
    resumeAt: row.resume_at,
    disabledAt: row.disabled_at,
    disabledReason: row.disabled_reason,
  };
}

async function list(
  pool: pg.Pool,
  state: DeliveryState,
  before: number | null,
  limit: number,
): Promise<Delivery[]> {
  const rows = await query<DeliveryRow>(
    pool,
    'webhook-list',
    `SELECT webhook_id, seq, type, state, attempts, occurred_at, run_at, last_status, last_error, settled_at
     FROM webhook_deliveries WHERE state = $1 AND seq < coalesce($2, 9223372036854775807) ORDER BY seq DESC LIMIT $3`,
    [state, before, limit],
  );
  return rows.map((row) => ({
    webhookId: row.webhook_id,
    seq: row.seq,
    type: row.type,
    state: row.state,
    attempts: row.attempts,
    occurredAt: row.occurred_at,
    nextTryAt: row.state === 'pending' ? row.run_at : null,
    lastStatus: row.last_status,
    lastError: row.last_error,
    settledAt: row.settled_at,
  }));
}
