/** `./aura webhooks`: what the Dashboard was told, what it would not take, and the secret that signs it. */
import { AuraError } from '../core/errors.ts';
import type { Actor } from '../auralink-modules/auraid/audit.ts';
import type { Delivery, DeliveryState } from '../auralink-modules/dashboard/ports.ts';
import type { Webhooks } from '../auralink-modules/dashboard/webhooks.ts';
import { auditStore } from '../store/audit.ts';
import { webhooksOf } from '../wire/dashboard.ts';
import { type CommonOptions, layoutFor } from './commands.ts';
import { withDatabase } from './database-of.ts';
import { FrontDoorError } from './errors.ts';

const OPERATOR: Actor = 'operator:cli';

/** Prints what `work` found; `describe` for people, else JSON. Exit code 0; throws FrontDoorError. */
async function run<T>(
  options: CommonOptions,
  work: (webhooks: Webhooks<Actor>) => Promise<T>,
  describe: (found: T) => string,
): Promise<number> {
  const found = await withDatabase(layoutFor(options), 'aura-webhooks', (db, config) =>
    work(webhooksOf(db, config, auditStore())).catch((error: unknown) => {
      throw error instanceof AuraError ? new FrontDoorError(error.message) : error;
    }),
  );
  console.log(options.json ? JSON.stringify(found) : describe(found));
  return 0;
}

export interface ListOptions extends CommonOptions {
  readonly state: DeliveryState;
  readonly limit: number;
  readonly before?: number;
}

export function runListWebhooks(options: ListOptions): Promise<number> {
  return run(
    options,
    async (webhooks) => ({
      status: await webhooks.status(),
      deliveries: await webhooks.list(options.state, options.before ?? null, options.limit),
    }),
    ({ status, deliveries }) =>
      [
        `${status.pending} wait, ${status.dead} were given up.${status.isConfigured ? '' : ' No webhooks are sent here.'}`,
        ...(status.disabledAt === null
          ? []
          : [`Nothing is sent since ${status.disabledAt.toISOString()} (${status.disabledReason}).`]),
        ...deliveries.map(describeDelivery),
      ].join('\n'),
  );
}

function describeDelivery(one: Delivery): string {
  const why = [one.lastStatus, one.lastError].filter((part) => part !== null).join(' ');
  const tries = `${one.attempts} ${one.attempts === 1 ? 'try' : 'tries'}`;
  return `${one.webhookId}  ${one.occurredAt.toISOString()}  ${one.type}  ${tries}${why === '' ? '' : `, last: ${why}`}`;
}

/** No ids: all that were given up. */
export function runReplayWebhooks(ids: readonly string[], options: CommonOptions): Promise<number> {
  const wrong = ids.find((id) => !/^[0-9a-f-]{36}$/.test(id));
  if (wrong !== undefined)
    throw new FrontDoorError(`${wrong} is no webhook-id; ./aura webhooks list shows them.`);
  return run(
    options,
    async (webhooks) => ({ replayed: await webhooks.replay(OPERATOR, ids.length === 0 ? null : ids) }),
    ({ replayed }) => `${replayed} begin anew.`,
  );
}

export function runRotateWebhooks(options: CommonOptions & { readonly grace: number }): Promise<number> {
  const { grace } = options;
  return run(
    options,
    async (webhooks) => ({ secret: await webhooks.rotate(OPERATOR, grace), graceSeconds: grace }),
    ({ secret }) => `${secret}\nThe Dashboard must know it; the old one signs beside it for ${grace} s.`,
  );
}

export function runShowSecrets(options: CommonOptions): Promise<number> {
  return run(
    options,
    async (webhooks) => ({ secrets: await webhooks.secrets() }),
    ({ secrets }) => secrets.join('\n'),
  );
}

export function runSwitchWebhooks(isEnabled: boolean, options: CommonOptions): Promise<number> {
  return run(
    options,
    async (webhooks) => {
      await webhooks.setEnabled(OPERATOR, isEnabled);
      return { enabled: isEnabled };
    },
    () => (isEnabled ? 'Webhooks are sent again.' : 'No webhook is sent until ./aura webhooks enable.'),
  );
}
