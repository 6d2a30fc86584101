/**
 * Signatures of webhooks (Standard Webhooks 1.0, symmetric). A secret is derived from the operator's master secret and a
 * generation that the database keeps: whoever has only one of the two can sign nothing, and a rotation is a new row.
 */
import { hkdfSync } from 'node:crypto';
import { Webhook } from 'standardwebhooks';

/** Bytes of a signing secret; the specification asks for 24 to 64. */
const SECRET_BYTES = 32;

/** As the Dashboard is given it: `whsec_` and base64. */
export function signingSecret(master: string, secretId: string): string {
  const bytes = hkdfSync('sha256', master, secretId, 'auralink webhook signature', SECRET_BYTES);
  return `whsec_${Buffer.from(bytes).toString('base64')}`;
}

/** Headers of one try: signed by each secret that counts, newest first, at the time of this try. */
export function signatureHeaders(
  secrets: readonly string[],
  webhookId: string,
  at: Date,
  body: string,
): Record<string, string> {
  return {
    'webhook-id': webhookId,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(webhookId, at, body)).join(' '),
  };
}
