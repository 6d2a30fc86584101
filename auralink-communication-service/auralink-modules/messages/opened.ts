/** A claimed message as its sender needs it: address and content opened. */
import { AuraError } from '../../core/errors.ts';
import { outgoingMessageSchema } from './model.ts';
import type { ClaimedMessage, OutgoingEmail, OutgoingSms, Sealer } from './ports.ts';

export type Opened =
  | ({ readonly channel: 'email' } & OutgoingEmail)
  | ({ readonly channel: 'sms' } & OutgoingSms);

/** It was altered, or the key that sealed it is gone. */
export class CorruptMessageError extends Error {
  override readonly name = 'CorruptMessageError';
}

/** Throws CorruptMessageError, `unavailable` (reason no_key_ring). */
export function openMessage(sealer: Pick<Sealer, 'open'>, message: ClaimedMessage): Opened {
  const { messageId, channel, purpose, personId, createdAt, leftSeconds } = message;
  const open = (column: 'address' | 'content', envelope: Buffer): string =>
    sealer.open({ table: 'outgoing_messages', column, row: messageId }, envelope).toString('utf8');
  try {
    const to = open('address', message.address);
    const content: unknown = JSON.parse(open('content', message.content));
    const given = { channel, to, content, purpose, personId, expiresAt: createdAt };
    const { channel: as, content: parsed } = outgoingMessageSchema.parse(given);
    // The schema keeps channel and content together; TypeScript loses that on destructuring.
    return { channel: as, messageId, to, content: parsed, createdAt, leftSeconds } as Opened;
  } catch (error) {
    if (error instanceof AuraError && error.details.reason !== 'unreadable_data') throw error;
    // What failed to open is not quoted.
    throw new CorruptMessageError('it cannot be opened');
  }
}
