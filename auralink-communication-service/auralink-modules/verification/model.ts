/**
 * Words of what people prove: methods, levels and what each level claims, the states of a proof, and how it ends.
 */
import { z } from 'zod';

export const METHODS = ['email', 'phone', 'document'] as const;
export type Method = (typeof METHODS)[number];
/** Methods by a code that is sent to an address. */
export const CODE_METHODS = ['email', 'phone'] as const;
export type CodeMethod = (typeof CODE_METHODS)[number];

export const LEVELS = ['email_controlled', 'phone_controlled', 'document_seen', 'document_proven'] as const;
export type Level = (typeof LEVELS)[number];

export interface LevelWords {
  readonly method: Method;
  readonly title: string;
  readonly claims: string;
  readonly claimsNot: string;
}

/** What each level says of a person, and what it does not: no page and no document says more. */
export const LEVEL_WORDS: Readonly<Record<Level, LevelWords>> = {
  email_controlled: {
    method: 'email',
    title: 'E-mail address confirmed',
    claims: 'A message that we sent to this address was read, on the day that is shown.',
    claimsNot:
      'Not who read it, nor that nobody else reads this mailbox, nor that it still leads to the same person today.',
  },
  phone_controlled: {
    method: 'phone',
    title: 'Phone number confirmed',
    claims: 'A text message that we sent to this number was read, on the day that is shown.',
    claimsNot:
      'Not who read it, nor whose contract it is, nor that the number still leads to the same person today.',
  },
  document_seen: {
    method: 'document',
    title: 'Document seen',
    claims: 'A reviewer saw pictures of an identity document whose check digits and dates fit.',
    claimsNot: 'Not that the document is genuine, nor that this person is the one whom it names.',
  },
  document_proven: {
    method: 'document',
    title: 'Document proven',
    claims: 'The chip of an identity document is signed by a state on the operator’s list and unchanged.',
    claimsNot: 'Not that this person is the one whom it names, nor that it has not been reported lost since.',
  },
};

export const STATES = ['pending', 'verified', 'rejected', 'withdrawn', 'expired', 'superseded'] as const;
export type VerificationState = (typeof STATES)[number];

/** States in which a proof ends, and why it can. */
export type EndState = Exclude<VerificationState, 'pending' | 'verified'>;
export const END_REASONS = [
  'by_herself',
  'field_changed',
  'field_removed',
  'lapsed',
  'never_finished',
  'renewed',
  'proved_by_other',
  'by_reviewer',
  'unbound',
] as const;
export type EndReason = (typeof END_REASONS)[number];

/** How a proof was made: a code that was typed, a link that was pressed, a document's chip, or who looked at its pictures. */
export const WAYS = ['code', 'link', 'chip', 'reviewer'] as const;
export type Way = (typeof WAYS)[number];

/** What is checked, without personal data: it lies in the database as it is. */
export type Evidence = Readonly<Record<string, string | number | boolean>>;

export const DELIVERIES = ['queued', 'sending', 'sent', 'delivered', 'refused', 'expired', 'failed'] as const;
export type Delivery = (typeof DELIVERIES)[number];

export const CODE_LEVELS = {
  email: 'email_controlled',
  phone: 'phone_controlled',
} as const satisfies Readonly<Record<CodeMethod, Level>>;

/** How long a proof of an e-mail address or number holds. */
export const PROOF_DAYS = 365;
/** So long before it lapses she is reminded. */
export const REMINDER_DAYS = 30;
/** How long a proof that ended is still in her list. */
export const ENDED_KEPT_DAYS = 90;
/** How long a proof that was begun may wait for its code, new codes included. */
export const PENDING_HOURS = 24;
/** Proofs of one person that are pending or hold; proving again what holds needs no room. */
export const LIVE_PROOFS_MAX = 20;
/** Ended proofs on one page of the list; what is pending or holds is always on the first. */
export const ENDED_PAGE_MAX = 50;
/** A reminder that could not be sent is tried again after so long. */
export const REMIND_AGAIN_HOURS = 24;

/** Digits of a code. */
export const CODE_DIGITS = 6;
/** Life of a code. */
export const CODE_TTL_SECONDS = 600;
/** Wrong codes after which the right one is refused, too. */
export const CODE_TRIES_MAX = 5;
/** How often one code is sent, the first time included. */
export const CODE_SENDS_MAX = 3;
/** Pause before a code is sent again. */
export const RESEND_PAUSE_SECONDS = 30;
/** Bytes of chance in the token of a link. */
export const LINK_TOKEN_BYTES = 32;
/** Days for which challenges are kept after they lapsed, so that what comes too late is told why. */
export const CHALLENGES_KEPT_DAYS = 1;
/** Rows that one round of a chore takes. */
export const VERIFICATION_BATCH = 200;

/** Characters of an address as it is typed. */
export const ADDRESS_MAX_LENGTH = 320;
/** What is said of the newest code, also when its time is over: it may never have been sent. */
export const challengeViewSchema = z.object({
  expiresAt: z.iso.datetime(),
  /** Its time is over; another one has to be sent. */
  isOver: z.boolean(),
  triesLeft: z.int(),
  sendsLeft: z.int(),
  /** Not sent again before. */
  resendAt: z.iso.datetime(),
  /** What became of the message; null until something is known. */
  delivery: z.enum(DELIVERIES).nullable(),
  deliveryReason: z.string().nullable(),
});

export const verificationViewSchema = z.object({
  verificationId: z.uuid(),
  method: z.enum(METHODS),
  level: z.enum(LEVELS),
  state: z.enum(STATES),
  /** How it was proved; null while it is not, and where it is not known. */
  by: z.enum(WAYS).nullable(),
  /** The address or document, for herself; null when it cannot be opened any more. */
  subject: z.string().nullable(),
  reason: z.string().nullable(),
  createdAt: z.iso.datetime(),
  verifiedAt: z.iso.datetime().nullable(),
  expiresAt: z.iso.datetime().nullable(),
  endedAt: z.iso.datetime().nullable(),
  /** The code that is waited for, or was; null once it is used, used up or replaced by none. */
  challenge: challengeViewSchema.nullable(),
});
export type VerificationView = z.output<typeof verificationViewSchema>;
