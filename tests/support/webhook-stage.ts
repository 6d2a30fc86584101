/** Webhooks over a real database to the development Dashboard: people, events, senders, and time that passes. */
import { randomUUID } from 'node:crypto';
import { after } from 'node:test';
import { pino } from 'pino';
import { webhookPoster } from '../../auralink-communication-service/adapters/webhook-post.ts';
import {
  type DeliverDeps,
  deliverDue,
} from '../../auralink-communication-service/auralink-modules/dashboard/deliver.ts';
import {
  createWebhooks,
  type Webhooks,
} from '../../auralink-communication-service/auralink-modules/dashboard/webhooks.ts';
import { systemClock } from '../../auralink-communication-service/core/clock.ts';
import { newId, type PersonId } from '../../auralink-communication-service/core/ids.ts';
import {
  type DatabaseAddress,
  type Db,
  openDatabase,
} from '../../auralink-communication-service/store/db.ts';
import { deliveryStore } from '../../auralink-communication-service/store/webhook-deliveries.ts';
import { dashboardEvents } from '../../auralink-communication-service/store/webhooks.ts';
import { type FakeDashboard, openFakeDashboard } from '../fakes/dashboard.ts';

export const MASTER_SECRET = 'the master secret of these tests';

export interface WebhookStage {
  readonly db: Db;
  readonly dashboard: FakeDashboard;
  readonly webhooks: Webhooks<string>;
  /** What was recorded in the audit log. */
  readonly acts: string[];
  /** A sender as each process has one. */
  sender(timeoutMs?: number): DeliverDeps;
  /** Rounds until nothing is due. */
  deliverAll(sender?: DeliverDeps): Promise<void>;
  /** An event about this person, or about a new one. */
  event(name: string, personId?: PersonId): Promise<PersonId>;
  /** All moments of deliveries lie so much further back. */
  letPass(seconds: number): Promise<void>;
  states(): Promise<Record<string, number>>;
}

export async function openWebhookStage(address: DatabaseAddress): Promise<WebhookStage> {
  const db = openDatabase(address);
  const dashboard = await openFakeDashboard('auralink', 'https://dashboard.test');
  const posters = new Map<number, ReturnType<typeof webhookPoster>>();
  after(async () => {
    await dashboard.down().catch(() => {});
    await Promise.all([...posters.values()].map((poster) => poster.close()));
    await db.close();
  });
  const acts: string[] = [];
  const store = deliveryStore(db.pool);
  const webhooks = createWebhooks<string>({
    ...{ unitOfWork: db.unitOfWork, store, masterSecret: MASTER_SECRET, newSecretId: randomUUID },
    audit: { record: async (_tx, { actor, act }) => void acts.push(`${actor} ${act}`) },
  });
  dashboard.secrets = await webhooks.secrets();
  const events = dashboardEvents(newId);
  const sender = (timeoutMs = 2_000): DeliverDeps => {
    const poster = posters.get(timeoutMs) ?? webhookPoster(dashboard.url, 16, timeoutMs);
    posters.set(timeoutMs, poster);
    const log = pino({ level: 'silent' });
    return {
      ...{ store, log, post: poster.post, masterSecret: MASTER_SECRET },
      clock: systemClock,
      chance: () => 1,
      metrics: { webhookTried: () => {} },
    };
  };
  return {
    ...{ db, dashboard, webhooks, acts, sender },
    deliverAll: async (by = sender()) => {
      while ((await deliverDue(by)) > 0);
    },
    event: async (name, personId = newId<PersonId>()) => {
      const data = { personId, auraId: `@${name}.aura` };
      await db.unitOfWork.run((tx) => events.emit(tx, { type: 'auraid.released', data }));
      return personId;
    },
    letPass: async (seconds) => {
      const back = (table: string, ...columns: string[]) =>
        db.pool.query(
          `UPDATE ${table} SET ${columns.map((c) => `${c} = ${c} - make_interval(secs => ${seconds})`).join()}`,
        );
      await back('webhook_deliveries', 'run_at', 'first_attempt_at', 'settled_at');
      await back('webhook_endpoints', 'resume_at');
      await back('webhook_secrets', 'ends_at');
    },
    states: async () => {
      const { rows } = await db.pool.query<{ state: string; n: number }>(
        'SELECT state, count(*)::int AS n FROM webhook_deliveries GROUP BY state',
      );
      return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
    },
  };
}
