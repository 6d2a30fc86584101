/**
 * SMS over an operator's HTTP gateway: one POST of JSON with a bearer token and the message's id as Idempotency-Key, so
 * that a gateway which knows the key sends a repetition once (docs/MESSAGES.md has the contract). Receipts come back to us,
 * signed with the same token.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { request } from 'undici';
import { z } from 'zod';
import { SEND_TIMEOUT_SECONDS } from '../auralink-modules/messages/delivery.ts';
import type { OutgoingSms, Sender, SendOutcome } from '../auralink-modules/messages/ports.ts';
import { saidWithout } from '../auralink-modules/messages/words.ts';
import type { Log } from '../core/log.ts';

/** Bytes of a gateway's answer that are read. */
export const GATEWAY_ANSWER_MAX_BYTES = 16_384;
/** An older receipt is a replay. */
export const RECEIPT_AGE_MAX_SECONDS = 300;

export interface SmsGateway {
  readonly url: string;
  readonly token: string;
  readonly sender: string;
}

/** Failures before anything of the request was sent. */
const NO_CONNECTION = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);
/** Said before the message was looked at: time-out of the request, too early, too many. */
const LATER = new Set([408, 425, 429, 503]);
/** Our token: no message would fare better. */
const REFUSES_US = new Set([401, 403]);

export function createSmsGateway(gateway: SmsGateway, log: Pick<Log, 'warn'>): Sender<OutgoingSms> {
  return {
    send: async (message) => {
      const outcome = await post(gateway, message);
      if (outcome.kind === 'later') log.warn({ reason: outcome.reason }, 'the SMS gateway takes nothing');
      return outcome;
    },
    close: async () => {},
  };
}

async function post({ url, token, sender }: SmsGateway, message: OutgoingSms): Promise<SendOutcome> {
  const { messageId, to, content, leftSeconds } = message;
  try {
    const answer = await request(url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'idempotency-key': messageId,
      },
      body: JSON.stringify({
        ...{ id: messageId, to, text: content.text, expiresInSeconds: Math.floor(leftSeconds) },
        ...(sender === '' ? {} : { from: sender }),
      }),
      signal: AbortSignal.timeout(SEND_TIMEOUT_SECONDS * 1_000),
    });
    const body = await readAnswer(answer.body);
    return outcomeOf(answer.statusCode, saidWithout(to, body));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    return NO_CONNECTION.has(code)
      ? { kind: 'later', reason: `no connection (${code})`, away: true }
      : { kind: 'unknown', reason: 'the connection broke' };
  }
}

async function readAnswer(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > GATEWAY_ANSWER_MAX_BYTES) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function outcomeOf(status: number, words: string): SendOutcome {
  const reason = `${status} ${words}`.trim();
  if (status >= 200 && status < 300) return { kind: 'sent', providerId: null };
  if (LATER.has(status)) return { kind: 'later', reason, away: true };
  if (REFUSES_US.has(status)) return { kind: 'later', reason: `${status} refuses our token`, away: true };
  // A gateway that broke may have handed it on before.
  return status >= 500 ? { kind: 'unknown', reason } : { kind: 'refused', reason };
}

const receiptSchema = z.strictObject({
  id: z.uuid(),
  state: z.enum(['delivered', 'failed']),
  reason: z.string().max(100).optional(),
});
export type GatewayReceipt = z.output<typeof receiptSchema>;

/** What a receipt says; null: its signature is wrong, it is too old, or it is none. `header`: `t=<unix seconds>,v1=<hex>`. */
export function createReceiptReader(
  token: string,
): (body: string, header: string | undefined, now: Date) => GatewayReceipt | null {
  return (body, header, now) => {
    const [, at = '', signature = ''] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(header ?? '') ?? [];
    if (Math.abs(now.getTime() / 1_000 - Number(at)) > RECEIPT_AGE_MAX_SECONDS || signature === '')
      return null;
    const wanted = createHmac('sha256', token).update(`${at}.${body}`).digest();
    if (!timingSafeEqual(wanted, Buffer.from(signature, 'hex'))) return null;
    try {
      return receiptSchema.parse(JSON.parse(body));
    } catch {
      return null;
    }
  };
}
