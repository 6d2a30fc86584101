/** Builds the room `dashboard`: events out, and the loops that send them. Without a secret nothing is emitted or sent. */
import { randomUUID } from 'node:crypto';
import { webhookPoster } from '../adapters/webhook-post.ts';
import type { Actor, Audit } from '../auralink-modules/auraid/audit.ts';
import {
  DEAD_KEPT_DAYS,
  DELIVERED_KEPT_DAYS,
  DELIVERIES_AT_ONCE,
  DELIVERY_PRUNE_BATCH,
  type DeliverMetrics,
  deliverDue,
  tellEndedCalls,
} from '../auralink-modules/dashboard/deliver.ts';
import type { DashboardEvents } from '../auralink-modules/dashboard/model.ts';
import { createWebhooks, type Webhooks } from '../auralink-modules/dashboard/webhooks.ts';
import type { ProofNews } from '../auralink-modules/verification/ports.ts';
import type { Config } from '../config.ts';
import type { Db } from '../store/db.ts';
import { beginTellingCalls, endedCalls } from '../store/ended-calls.ts';
import { deliveryStore } from '../store/webhook-deliveries.ts';
import { dashboardEvents } from '../store/webhooks.ts';
import type { Base, Chore } from './base.ts';
import { type Loop, startLoop } from './loops.ts';

/** How often a process looks for webhooks that are due. */
export const DELIVER_LOOK_MS = 500;
/** How often one process turns ended calls into events. */
export const ENDED_CALLS_SECONDS = 10;
/** How often what was settled long ago is deleted. */
export const DELIVERY_PRUNE_SECONDS = 600;

const isConfigured = (config: Config): boolean => config.DASHBOARD_WEBHOOK_SECRET !== '';

/** For whoever causes events. */
export function dashboardEventsOf({ config, newId }: Pick<Base, 'config' | 'newId'>): DashboardEvents {
  return isConfigured(config) ? dashboardEvents(newId) : { emit: async () => {} };
}

/** For who is told of proofs. */
export function proofEventsOf(base: Pick<Base, 'config' | 'newId'>): ProofNews['emit'] {
  const { emit } = dashboardEventsOf(base);
  return (tx, event) => {
    const { personId, level } = event;
    if (event.type === 'auraid.verification_withdrawn') {
      return emit(tx, { type: event.type, data: { personId, level, reason: event.reason } });
    }
    const expiresAt = event.expiresAt?.toISOString() ?? null;
    return emit(tx, { type: event.type, data: { personId, level, expiresAt } });
  };
}

/** For routes and the command line. */
export function webhooksOf(db: Db, config: Config, audit: Audit): Webhooks<Actor> {
  return createWebhooks<Actor>({
    unitOfWork: db.unitOfWork,
    store: deliveryStore(db.pool),
    audit,
    masterSecret: config.DASHBOARD_WEBHOOK_SECRET,
    newSecretId: randomUUID,
  });
}

/** Starts sending; stops when told to, after what is in hand. */
export async function startDelivering(base: Base, metrics: DeliverMetrics): Promise<Loop> {
  const { config, db, clock, log } = base;
  if (!isConfigured(config)) return { stop: async () => {} };
  await beginTellingCalls(db.pool);
  const poster = webhookPoster(config.DASHBOARD_SERVICE_URL, DELIVERIES_AT_ONCE);
  const deps = {
    ...{ clock, log, metrics, post: poster.post, chance: Math.random },
    store: deliveryStore(db.pool),
    masterSecret: config.DASHBOARD_WEBHOOK_SECRET,
  };
  const loop = startLoop('webhooks', DELIVER_LOOK_MS, async () => (await deliverDue(deps)) > 0, log);
  return {
    stop: async () => {
      await loop.stop();
      await poster.close();
    },
  };
}

export function dashboardChores(base: Pick<Base, 'config' | 'db' | 'newId'>): Chore[] {
  if (!isConfigured(base.config)) return [];
  const { pool, unitOfWork } = base.db;
  const telling = { unitOfWork, calls: endedCalls, events: dashboardEventsOf(base) };
  return [
    {
      job: 'dashboard.ended_calls',
      everySeconds: ENDED_CALLS_SECONDS,
      run: async () => {
        while (await tellEndedCalls(telling));
      },
    },
    {
      job: 'dashboard.prune',
      everySeconds: DELIVERY_PRUNE_SECONDS,
      run: async () => {
        const prune = () =>
          deliveryStore(pool).prune(DELIVERED_KEPT_DAYS, DEAD_KEPT_DAYS, DELIVERY_PRUNE_BATCH);
        while ((await prune()) === DELIVERY_PRUNE_BATCH);
      },
    },
  ];
}
