/** What an operator, or the Dashboard itself, does with webhooks: looks, replays, rotates the secret, switches. */
import { AuraError } from '../../core/errors.ts';
import { NOBODY } from '../../core/ids.ts';
import type { Tx, UnitOfWork } from '../../core/unit-of-work.ts';
import type { Delivery, DeliveryState, DeliveryStatus, DeliveryStore } from './ports.ts';
import { signingSecret } from './signing.ts';

/** Dead deliveries that one order replays. */
export const REPLAYED_MAX = 1_000;
export type WebhookAct =
  | 'webhooks.replayed'
  | 'webhooks.secret_rotated'
  | 'webhooks.enabled'
  | 'webhooks.disabled';

/** As the audit log takes it (auraid/audit.ts). */
export interface WebhookAudit<A> {
  record(
    tx: Tx,
    entry: {
      readonly actor: A;
      readonly act: WebhookAct;
      readonly subject: typeof NOBODY;
      readonly detail?: Readonly<Record<string, number>>;
    },
  ): Promise<void>;
}

export interface WebhooksDeps<A> {
  readonly unitOfWork: UnitOfWork;
  readonly store: DeliveryStore;
  readonly audit: WebhookAudit<A>;
  /** Empty: no webhooks are sent here. */
  readonly masterSecret: string;
  readonly newSecretId: () => string;
}

/** `A`: who acts, as the audit log names her. */
export interface Webhooks<A> {
  status(): Promise<DeliveryStatus & { readonly isConfigured: boolean }>;
  list(state: DeliveryState, before: number | null, limit: number): Promise<Delivery[]>;
  /** Null: all dead ones, REPLAYED_MAX at a time. Returns how many begin anew. */
  replay(actor: A, webhookIds: readonly string[] | null): Promise<number>;
  /** The new secret; it is told here and by `secrets` only. Throws `unavailable` where no webhooks are sent. */
  rotate(actor: A, graceSeconds: number): Promise<string>;
  /** Secrets that count, newest first. */
  secrets(): Promise<string[]>;
  setEnabled(actor: A, isEnabled: boolean): Promise<void>;
}

export function createWebhooks<A>(deps: WebhooksDeps<A>): Webhooks<A> {
  const { unitOfWork, store, audit, masterSecret } = deps;
  return {
    status: async () => ({ ...(await store.status()), isConfigured: masterSecret !== '' }),
    list: (state, before, limit) => store.list(state, before, limit),
    replay: (actor, webhookIds) =>
      unitOfWork.run(async (tx) => {
        const count = await store.replay(tx, webhookIds, REPLAYED_MAX);
        await audit.record(tx, { actor, act: 'webhooks.replayed', subject: NOBODY, detail: { count } });
        return count;
      }),
    async rotate(actor, graceSeconds) {
      assertConfigured(masterSecret);
      const secretId = deps.newSecretId();
      await unitOfWork.run(async (tx) => {
        await store.rotate(tx, secretId, graceSeconds);
        const detail = { graceSeconds };
        await audit.record(tx, { actor, act: 'webhooks.secret_rotated', subject: NOBODY, detail });
      });
      return signingSecret(masterSecret, secretId);
    },
    async secrets() {
      assertConfigured(masterSecret);
      return (await store.listSecretIds()).map((id) => signingSecret(masterSecret, id));
    },
    setEnabled: (actor, isEnabled) =>
      unitOfWork.run(async (tx) => {
        await store.setDisabled(tx, isEnabled ? null : 'operator');
        const act = isEnabled ? 'webhooks.enabled' : 'webhooks.disabled';
        await audit.record(tx, { actor, act, subject: NOBODY });
      }),
  };
}

function assertConfigured(masterSecret: string): void {
  if (masterSecret !== '') return;
  throw new AuraError('unavailable', 'No webhooks are sent here: set DASHBOARD_WEBHOOK_SECRET.', {
    reason: 'webhooks_not_configured',
  });
}
