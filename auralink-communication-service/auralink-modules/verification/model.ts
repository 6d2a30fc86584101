/**
 * Words of what people prove: methods, levels and what each level claims, the states of a proof, and how it ends.
 */
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
    claims: 'She read a message that we sent to this address, on the day that is shown.',
    claimsNot: 'Not who she is, nor that nobody else reads this mailbox, nor that it is still hers today.',
  },
  phone_controlled: {
    method: 'phone',
    title: 'Phone number confirmed',
    claims: 'She read a text message that we sent to this number, on the day that is shown.',
    claimsNot: 'Not who she is, nor that the contract is hers, nor that the number is still hers today.',
  },
  document_seen: {
    method: 'document',
    title: 'Document seen',
    claims: 'A reviewer saw pictures of an identity document whose check digits and dates fit.',
    claimsNot: 'Not that the document is genuine, nor that she is the one whom it names.',
  },
  document_proven: {
    method: 'document',
    title: 'Document proven',
    claims: 'The chip of an identity document is signed by a state on the operator’s list and unchanged.',
    claimsNot: 'Not that she is the one whom it names, nor that it has not been reported lost since.',
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

/** Characters of an address as it is typed. */
export const ADDRESS_MAX_LENGTH = 320;
/** What is checked, without personal data: it lies in the database as it is. */
export type Evidence = Readonly<Record<string, string | number | boolean>>;

export const DELIVERIES = ['queued', 'sending', 'sent', 'delivered', 'refused', 'expired', 'failed'] as const;
export type Delivery = (typeof DELIVERIES)[number];
