/**
 * Reads LiveKit's webhooks: a JWT signed with our key vouches for the SHA-256 of the raw body (LiveKit docs,
 * "Webhooks & events"). What it says is reduced to what calls care for.
 */
import { WebhookReceiver } from 'livekit-server-sdk';

export interface MediaWebhook {
  /** LiveKit's own id; a repeated delivery has the same. */
  readonly id: string;
  /** LiveKit's name of the event, e.g. `participant_joined`. */
  readonly event: string;
  readonly createdAt: Date;
  readonly room: string | null;
  readonly identity: string | null;
}

/** Null when the signature is not ours or the body is not a webhook. */
export type ReadWebhook = (body: string, authorization: string | undefined) => Promise<MediaWebhook | null>;

export function createWebhookReader(apiKey: string, apiSecret: string): ReadWebhook {
  const receiver = new WebhookReceiver(apiKey, apiSecret);
  return async (body, authorization) => {
    const found = await receiver.receive(body, authorization).catch(() => null);
    if (found === null || found.id === '') return null;
    return {
      id: found.id,
      event: found.event,
      createdAt: new Date(Number(found.createdAt) * 1_000),
      room: found.room?.name ?? null,
      identity: found.participant?.identity ?? null,
    };
  };
}
