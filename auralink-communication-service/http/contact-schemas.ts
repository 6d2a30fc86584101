/** Pieces of schemas that the routes of contacts, invites and privacy share. */
import { z } from 'zod';
import { findAuraId } from '../core/aura-id.ts';
import { isPlainText, NOT_PLAIN } from '../core/text.ts';

/** An address as people type it; the normal form comes out. */
export const auraIdSchema = z
  .string()
  .max(64)
  .transform((text, context) => {
    const found = findAuraId(text);
    if (found !== null) return found;
    context.addIssue({ code: 'custom', message: 'must be an address such as @alice.aura' });
    return z.NEVER;
  });

export const auraIdParams = z.object({ auraId: auraIdSchema });

/** One line for people to read, without anything invisible. */
export function lineSchema(maxLength: number) {
  return z.string().trim().min(1, 'must not be empty').max(maxLength).refine(isPlainText, NOT_PLAIN);
}

/** Several lines: line breaks and tabs are all that is allowed of control characters. */
export function textSchema(maxLength: number) {
  return z
    .string()
    .min(1, 'must not be empty; null removes it')
    .max(maxLength)
    .refine((text) => isPlainText(text.replace(/[\n\r\t]/g, ' ')), NOT_PLAIN);
}

/** What an e-mail address and a number (E.164) look like, and what to say to one that does not. */
export const FIELD_FORMS = {
  email: [/^[^\s@]{1,64}@[^\s@]{1,255}$/, 'must be an e-mail address such as a@example.org'],
  phone: [/^\+[0-9]{7,15}$/, 'must be a number such as +4930123456'],
} as const satisfies Readonly<Record<string, readonly [RegExp, string]>>;

export const nothing = z.void().describe('done');
