/**
 * Sending what is due to the Dashboard: at least once, with the same webhook-id in every try, and one after the other
 * for one person. Any number of processes may be at it; who dies with a delivery in hand only delays it.
 */
import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { UnitOfWork } from '../../core/unit-of-work.ts';
import type { DashboardEvents } from './model.ts';
import type { DeliveryStore, Due, EndedCalls, PostWebhook } from './ports.ts';
import { judge } from './retry.ts';
import { signatureHeaders, signingSecret } from './signing.ts';

/** Deliveries that a process has in hand at a time. */
export const DELIVERIES_AT_ONCE = 16;
/** Delivered ones are listed for so long. */
export const DELIVERED_KEPT_DAYS = 7;
/** Dead ones can be replayed for so long. */
export const DEAD_KEPT_DAYS = 30;
/** Rows that one pruning deletes at a time. */
export const DELIVERY_PRUNE_BATCH = 1_000;
/** Calls that one transaction turns into events. */
export const ENDED_CALLS_BATCH = 200;

export interface DeliverDeps {
  readonly store: DeliveryStore;
  readonly post: PostWebhook;
  /** DASHBOARD_WEBHOOK_SECRET. */
  readonly masterSecret: string;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly chance: () => number;
  readonly log: Log;
  readonly metrics: DeliverMetrics;
}

export interface DeliverMetrics {
  webhookTried(outcome: 'delivered' | 'retry' | 'dead' | 'gone'): void;
}

/** One round; returns how many were tried. */
export async function deliverDue(deps: DeliverDeps): Promise<number> {
  const due = await deps.store.claim(DELIVERIES_AT_ONCE);
  if (due.length === 0) return 0;
  const secrets = (await deps.store.listSecretIds()).map((id) => signingSecret(deps.masterSecret, id));
  await Promise.all(due.map((one) => deliver(deps, secrets, one)));
  return due.length;
}

/** The body as it is signed and sent; the same in every try. */
export function bodyOf({ type, occurredAt, data }: Pick<Due, 'type' | 'occurredAt' | 'data'>): string {
  return JSON.stringify({ type, timestamp: occurredAt.toISOString(), data });
}

async function deliver(deps: DeliverDeps, secrets: readonly string[], due: Due): Promise<void> {
  const { webhookId, attempts, ageSeconds, type } = due;
  const body = bodyOf(due);
  const answer = await deps.post(body, signatureHeaders(secrets, webhookId, deps.clock.now(), body));
  const now = deps.clock.now();
  const verdict = judge(answer, { attempts, ageSeconds, now, chance: deps.chance() });
  await deps.store.settle(due, verdict, answer);
  deps.metrics.webhookTried(verdict.what);
  if (verdict.what === 'delivered') return;
  const { status, error } = answer;
  deps.log.warn(
    { webhookId, type, attempts, status, error, verdict: verdict.what },
    verdict.what === 'gone'
      ? 'the Dashboard is gone (410): nothing is sent to it until an operator says so'
      : 'a webhook was not taken',
  );
}

export interface EndedCallDeps {
  readonly unitOfWork: UnitOfWork;
  readonly calls: EndedCalls;
  readonly events: DashboardEvents;
}

/** One batch of ended calls, each told once; returns whether there may be more. */
export async function tellEndedCalls(deps: EndedCallDeps): Promise<boolean> {
  return await deps.unitOfWork.run(async (tx) => {
    const ended = await deps.calls.take(tx, ENDED_CALLS_BATCH);
    for (const { placedAt, answeredAt, endedAt, ...call } of ended ?? []) {
      const talked = answeredAt === null ? 0 : endedAt.getTime() - answeredAt.getTime();
      await deps.events.emit(tx, {
        type: 'call.ended',
        occurredAt: endedAt,
        onceKey: `call.ended:${call.callId}`,
        data: {
          ...call,
          placedAt: placedAt.toISOString(),
          answeredAt: answeredAt?.toISOString() ?? null,
          endedAt: endedAt.toISOString(),
          durationSeconds: Math.max(0, Math.round(talked / 1_000)),
        },
      });
    }
    return ended !== null && ended.length > 0;
  });
}
