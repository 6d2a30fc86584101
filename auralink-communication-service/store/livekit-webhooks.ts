/** Which of LiveKit's webhooks were handled, so that a repeat does nothing. Old rows go as new ones come. */
import type { Tx } from '../core/unit-of-work.ts';
import { query } from './db.ts';

/** Much longer than the age up to which a webhook is accepted at all. */
export const WEBHOOKS_KEPT_HOURS = 1;
/** Old rows deleted with each new one; more than one, so that the table shrinks after a burst. */
export const WEBHOOKS_PRUNED_AT_ONCE = 10;

/** True the first time, false for a repeat. Waits for another transaction that handles the same one. */
export async function rememberWebhook(tx: Tx, webhookId: string, event: string): Promise<boolean> {
  const rows = await query(
    tx,
    'livekit_webhooks.remember',
    `WITH old AS (
       SELECT webhook_id FROM livekit_webhooks
       WHERE received_at < now() - make_interval(hours => $3)
       ORDER BY received_at LIMIT $4 FOR UPDATE SKIP LOCKED
     ), gone AS (
       DELETE FROM livekit_webhooks WHERE webhook_id IN (SELECT webhook_id FROM old)
     )
     INSERT INTO livekit_webhooks (webhook_id, event) VALUES ($1, $2)
     ON CONFLICT DO NOTHING RETURNING webhook_id`,
    [webhookId, event, WEBHOOKS_KEPT_HOURS, WEBHOOKS_PRUNED_AT_ONCE],
  );
  return rows.length > 0;
}
