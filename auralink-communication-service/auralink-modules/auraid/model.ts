/**
 * Words of an identity: a person holds one address, `@alice.aura`, and at least one Matrix account that signs her in.
 * Schemas here are also the API's.
 */
import { z } from 'zod';
import type { AuraId, PersonId, UserId } from '../../core/ids.ts';
import { isPlainText, NOT_PLAIN } from '../../core/text.ts';

/** A page that was left in the middle of registering gives its name back after this time. */
export const PAGE_RESERVATION_SECONDS = 900;
/** How often abandoned reservations, spent codes and the like are looked for. */
export const IDENTITY_CHORE_SECONDS = 60;
/** Life of a one-time sign-in code. */
export const SIGN_IN_CODE_TTL_SECONDS = 86_400;
/** NIST SP 800-63B-4 wants 8 at least and advises more. */
export const PASSWORD_MIN_LENGTH = 10;
/** bcrypt reads no further. */
export const PASSWORD_MAX_BYTES = 72;
/** Characters of the name that a person shows. */
export const DISPLAY_NAME_MAX_LENGTH = 80;
/** Free names offered in place of one that is taken. */
export const SUGGESTIONS_MAX = 3;

export type PersonState = 'reserved' | 'active' | 'suspended' | 'released';

/** One row of the registry. */
export interface Registration {
  readonly personId: PersonId;
  readonly auraId: AuraId;
  readonly displayName: string | null;
  readonly state: PersonState;
  readonly registrationKey: string;
  readonly passwordSet: boolean;
}

/** Whom a name or a Matrix id signs in, if the password is right. */
export interface SignInTarget {
  readonly personId: PersonId;
  readonly userId: UserId;
  /** False: only a code has let her in so far, as far as we know. */
  readonly passwordSet: boolean;
}

export type NameFault =
  | 'too_short'
  | 'too_long'
  | 'bad_character'
  | 'bad_edge'
  | 'repeated_separator'
  | 'digits_only'
  | 'reserved';

export const nameCheckSchema = z.object({
  /** Normal form; null when the text cannot be an address. */
  auraId: z.string().nullable(),
  status: z.enum(['free', 'taken', 'not_allowed']),
  reason: z
    .enum([
      'too_short',
      'too_long',
      'bad_character',
      'bad_edge',
      'repeated_separator',
      'digits_only',
      'reserved',
      'taken',
    ])
    .optional(),
  /** The reason in words. */
  detail: z.string().optional(),
  /** Names that are free now. */
  suggestions: z.array(z.string()).optional(),
});
export type NameCheck = z.output<typeof nameCheckSchema>;

/** Control, format (zero-width, bidirectional), surrogate, private-use and separator characters other than a space. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u;

export const displayNameSchema = z
  .string()
  .transform((text) => text.normalize('NFC').trim().replace(/\s+/g, ' '))
  .pipe(
    z
      .string()
      .min(1, 'must not be empty')
      .max(DISPLAY_NAME_MAX_LENGTH)
      .refine((text) => !INVISIBLE.test(text), 'must not contain invisible characters'),
  );

export const newPasswordSchema = z
  .string()
  .min(PASSWORD_MIN_LENGTH, `must have at least ${PASSWORD_MIN_LENGTH} characters`)
  .refine(
    (text) => Buffer.byteLength(text) <= PASSWORD_MAX_BYTES,
    `must have at most ${PASSWORD_MAX_BYTES} bytes`,
  )
  .refine(isPlainText, NOT_PLAIN)
  .refine((text) => new Set(text).size >= 4, 'must not repeat the same few characters');

export interface RegisterRequest {
  /**
   * Who asks, stable over retries: `dashboard:<id>` or `page:<interaction>`. A retry with the same key goes on where the
   * first try stopped.
   */
  readonly registrationKey: string;
  /** As typed; checked here. */
  readonly auraId: string;
  readonly displayName: string | null;
  readonly dashboardUserId: string | null;
  /** Set on the new account before the name becomes active, so that no name is ever active without a way in. */
  readonly password: string | null;
}

export interface Registered {
  readonly personId: PersonId;
  readonly auraId: AuraId;
  readonly userId: UserId;
  /** False when an earlier try with this key had already finished. */
  readonly created: boolean;
  readonly passwordSet: boolean;
}

export interface SignInCode {
  /** Shown once; only its hash is stored. */
  readonly code: string;
  readonly expiresAt: Date;
}
