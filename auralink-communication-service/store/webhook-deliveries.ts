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

const CLAIM = `WITH claimed AS (
    UPDATE webhook_deliveries SET run_at = now() + make_interval(secs => $2), attempts = attempts + 1,
      first_attempt_at = coalesce(first_attempt_at, now())
    WHERE webhook_id IN (
      SELECT d.webhook_id FROM webhook_deliveries d
      WHERE d.state = 'pending' AND d.run_at <= now()
        AND EXISTS (SELECT FROM webhook_endpoints
          WHERE endpoint = 'dashboard' AND disabled_at IS NULL AND (resume_at IS NULL OR resume_at <= now()))
        AND NOT EXISTS (SELECT FROM webhook_deliveries e
          WHERE e.subject_id = d.subject_id AND e.state = 'pending' AND e.seq < d.seq)
      ORDER BY d.run_at LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING webhook_id, seq, type, data, occurred_at, attempts,
      extract(epoch FROM now() - first_attempt_at)::float8 AS age_seconds)
  SELECT * FROM claimed ORDER BY seq`;

interface DueRow {
  webhook_id: string;
  type: EventType;
  data: unknown;
  occurred_at: Date;
  attempts: number;
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
      const rows = await query<DueRow>(pool, 'webhook-claim', CLAIM, [limit, DELIVERY_CLAIM_SECONDS]);
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
      `UPDATE webhook_deliveries SET state = 'delivered', data = NULL, settled_at = now(), last_status = $2,
         last_error = $3 WHERE webhook_id = $1 AND state = 'pending'`,
      said,
    );
    return;
  }
  const afterSeconds = verdict.what === 'retry' ? verdict.afterSeconds : 0;
  await query(
    pool,
    'webhook-not-taken',
    `UPDATE webhook_deliveries SET last_status = $2, last_error = $3, run_at = now() + make_interval(secs => $5),
       state = CASE WHEN $6 THEN 'dead' ELSE 'pending' END, settled_at = CASE WHEN $6 THEN now() END
     WHERE webhook_id = $1 AND attempts = $4 AND state = 'pending'`,
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
