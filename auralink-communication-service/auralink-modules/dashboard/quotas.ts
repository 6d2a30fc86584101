/** Quotas of apps: counted over all processes; who reaches one is refused until its window ends, and that is told once. */
import { AuraError } from '../../core/errors.ts';
import type { UnitOfWork } from '../../core/unit-of-work.ts';
import { QUOTA_WINDOW_SECONDS, type QuotaKind, quotaKey } from './apps-model.ts';
import type { DashboardEvents } from './model.ts';

/** A process learns of a changed quota within this time. */
export const QUOTAS_KNOWN_SECONDS = 10;

export interface QuotaDeps {
  readonly unitOfWork: UnitOfWork;
  /** Takes one of a window's hits. Throws `rate_limited` with retryAfterSeconds when it has none left. */
  readonly limiter: {
    hit(key: string, limit: { readonly hits: number; readonly windowSeconds: number }): Promise<void>;
  };
  /** Quotas of calls, of the apps that have one. */
  readonly listCallQuotas: () => Promise<ReadonlyMap<string, number>>;
  readonly events: DashboardEvents;
  readonly now: () => Date;
  readonly monotonicMs: () => number;
}

export interface Quotas {
  /** Throws `rate_limited` (reason app_quota_reached). Of an app without a quota it asks nobody. */
  placeCall(appId: string): Promise<void>;
  /** The same for a request with one of its keys. */
  request(appId: string, perMinute: number): Promise<void>;
}

export function createQuotas(deps: QuotaDeps): Quotas {
  let known: ReadonlyMap<string, number> = new Map();
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | null = null;
  const isOld = () => deps.monotonicMs() - askedAtMs > QUOTAS_KNOWN_SECONDS * 1_000;
  const ask = () => {
    asking ??= deps
      .listCallQuotas()
      .then((found) => {
        known = found;
        askedAtMs = deps.monotonicMs();
      })
      .finally(() => {
        asking = null;
      });
    return asking;
  };
  return {
    async placeCall(appId) {
      if (askedAtMs === Number.NEGATIVE_INFINITY) await ask();
      // No call waits for what is known already; a failure leaves it as it was.
      else if (isOld()) ask().catch(() => {});
      const limit = known.get(appId);
      if (limit !== undefined) await take(deps, appId, 'calls_per_day', limit);
    },
    request: (appId, perMinute) => take(deps, appId, 'requests_per_minute', perMinute),
  };
}

async function take(deps: QuotaDeps, appId: string, kind: QuotaKind, limit: number): Promise<void> {
  const windowSeconds = QUOTA_WINDOW_SECONDS[kind];
  try {
    await deps.limiter.hit(quotaKey(appId, kind), { hits: limit, windowSeconds });
  } catch (error) {
    if (!(error instanceof AuraError) || error.code !== 'rate_limited') throw error;
    const retryAfterSeconds = error.details.retryAfterSeconds ?? windowSeconds;
    await tell(deps, appId, kind, limit, retryAfterSeconds);
    const per = kind === 'calls_per_day' ? 'calls a day' : 'requests a minute';
    throw new AuraError('rate_limited', `This app may do ${limit} ${per}; it has reached that.`, {
      ...{ reason: 'app_quota_reached', quota: kind, limit, retryAfterSeconds },
    });
  }
}

/** Once a window and limit, whichever process is asked. */
async function tell(
  deps: QuotaDeps,
  appId: string,
  quota: QuotaKind,
  limit: number,
  leftSeconds: number,
): Promise<void> {
  const windowMs = QUOTA_WINDOW_SECONDS[quota] * 1_000;
  const resetsAt = new Date(deps.now().getTime() + leftSeconds * 1_000);
  // Rounded to half a window, so that every process names the same window although its clock differs a little.
  const window = Math.round(resetsAt.getTime() / (windowMs / 2));
  await deps.unitOfWork.run((tx) =>
    deps.events.emit(tx, {
      type: 'app.quota_reached',
      onceKey: `app.quota_reached:${appId}:${quota}:${limit}:${window}`,
      data: { appId, quota, limit, resetsAt: resetsAt.toISOString() },
    }),
  );
}
