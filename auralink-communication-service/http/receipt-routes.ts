/** Receipts of the operator's SMS gateway (docs/MESSAGES.md): the signature covers the bytes as they came. */
import type {} from '@fastify/swagger';
import type { FastifyPluginAsync } from 'fastify';
import { AuraError } from '../core/errors.ts';

/** A receipt has a few short fields. */
export const RECEIPT_BODY_MAX_BYTES = 4_096;

export interface ReceiptDeps {
  readonly read: (
    body: string,
    signature: string | undefined,
    now: Date,
  ) => {
    readonly id: string;
    readonly state: 'delivered' | 'failed';
    readonly reason?: string | undefined;
  } | null;
  readonly now: () => Date;
  /** False: no message waits for it. */
  readonly settle: (id: string, state: 'delivered' | 'failed', reason: string | null) => Promise<boolean>;
}

export const receiptRoutes =
  (deps: ReceiptDeps): FastifyPluginAsync =>
  async (root) => {
    await root.register(async (app) => {
      app.removeAllContentTypeParsers();
      app.addContentTypeParser(
        'application/json',
        { parseAs: 'string', bodyLimit: RECEIPT_BODY_MAX_BYTES },
        (_request, body, done) => done(null, body),
      );
      app.post('/_auralink/v1/messages/receipts', { schema: { hide: true } }, async (request) => {
        const body = typeof request.body === 'string' ? request.body : '';
        const header = request.headers['x-auralink-signature'];
        const receipt = deps.read(body, typeof header === 'string' ? header : undefined, deps.now());
        if (receipt === null) {
          throw new AuraError(
            'unauthenticated',
            'The signature of this receipt is not valid, or it is too old.',
          );
        }
        // One that was told before is taken again, so that the gateway stops repeating it.
        return { settled: await deps.settle(receipt.id, receipt.state, receipt.reason ?? null) };
      });
    });
  };
