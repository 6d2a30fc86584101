/** Events for the Dashboard, from the transaction that causes them on. */
import { type DashboardEvents, subjectOf } from '../auralink-modules/dashboard/model.ts';
import type { NewId } from '../core/ids.ts';
import { query } from './db.ts';

const EMIT = `INSERT INTO webhook_deliveries (webhook_id, type, subject_id, once_key, data, occurred_at)
  VALUES ($1, $2, $3, $4, $5, coalesce($6, now())) ON CONFLICT (once_key) DO NOTHING`;

export function dashboardEvents(newId: NewId): DashboardEvents {
  return {
    async emit(tx, event) {
      const { type, data, onceKey = null, occurredAt = null } = event;
      const subject = subjectOf(event);
      // What was not yet told of her when she left is told to nobody.
      if (type === 'auraid.erased') {
        const sql = "DELETE FROM webhook_deliveries WHERE subject_id = $1 AND state <> 'delivered'";
        await query(tx, 'webhook-forget', sql, [subject]);
      }
      await query(tx, 'webhook-emit', EMIT, [
        ...[newId(), type, subject, onceKey],
        ...[JSON.stringify(data), occurredAt],
      ]);
    },
  };
}
