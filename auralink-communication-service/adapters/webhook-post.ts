/** Posting webhooks to the Dashboard: with a time-out, without following redirects, and reading little of the answer. */
import { Pool } from 'undici';
import type { PostWebhook } from '../auralink-modules/dashboard/ports.ts';

/** Below DASHBOARD_SERVICE_URL. */
export const WEBHOOK_PATH = '/webhooks/auralink';
/** A post is given up after it, connecting and answer included. */
export const WEBHOOK_TIMEOUT_MS = 10_000;
/** Of an answer's body no more is read: nothing in it is of use to us. */
export const WEBHOOK_ANSWER_MAX_BYTES = 16_384;
/** A larger message is no event of ours. */
export const WEBHOOK_MESSAGE_MAX_BYTES = 65_536;

export interface WebhookPoster {
  readonly post: PostWebhook;
  close(): Promise<void>;
}

/** `connections`: at most so many of this process at once. `timeoutMs` is a parameter for tests. */
export function webhookPoster(
  dashboardUrl: string,
  connections: number,
  timeoutMs: number = WEBHOOK_TIMEOUT_MS,
): WebhookPoster {
  const url = new URL(dashboardUrl);
  const pool = new Pool(url.origin, { connections });
  const path = `${url.pathname.replace(/\/+$/, '')}${WEBHOOK_PATH}`;
  return {
    async post(body, headers) {
      if (Buffer.byteLength(body) > WEBHOOK_MESSAGE_MAX_BYTES) {
        return { status: null, retryAfter: null, error: 'the message is too large to be sent' };
      }
      try {
        const response = await pool.request({
          ...{ method: 'POST', path, body },
          headers: { ...headers, 'content-type': 'application/json', 'user-agent': 'AuraLink-Webhooks/1' },
          signal: AbortSignal.timeout(timeoutMs),
        });
        // The status says it all; a body without an end must not keep the connection.
        await response.body.dump({ limit: WEBHOOK_ANSWER_MAX_BYTES }).catch(() => {});
        const after = response.headers['retry-after'];
        return {
          status: response.statusCode,
          retryAfter: typeof after === 'string' ? after : null,
          error: null,
        };
      } catch (error) {
        return { status: null, retryAfter: null, error: wordsOf(error, timeoutMs) };
      }
    },
    close: () => pool.destroy(),
  };
}

function wordsOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${timeoutMs} ms`;
  const { code } = error as NodeJS.ErrnoException;
  return code === undefined ? error.message : `${code}: ${error.message}`;
}
