/**
 * Words of the Matrix Identity Service API (Matrix spec, "Identity Service API", v2): media, addresses in normal form,
 * server names, its errors in Matrix's own codes, and its limits.
 */
import { AuraError, type ErrorCode, type ErrorDetails } from '../../core/errors.ts';
import type { PersonId, UserId } from '../../core/ids.ts';

/** The versions of the specification whose Identity Service API is spoken. */
export const API_VERSIONS = [
  ...[
    'v1.1',
    'v1.2',
    'v1.3',
    'v1.4',
    'v1.5',
    'v1.6',
    'v1.7',
    'v1.8',
    'v1.9',
    'v1.10',
    'v1.11',
    'v1.12',
    'v1.13',
  ],
] as const;

export const MEDIA = ['email', 'msisdn'] as const;
export type Medium = (typeof MEDIA)[number];

export interface Limit {
  readonly hits: number;
  readonly windowSeconds: number;
}

/** Registrations by OpenID token from one address: each may make us ask another server. */
export const REGISTER_LIMIT: Limit = { hits: 30, windowSeconds: 60 };
/** Unbindings without an account of ours from one address: each may make us ask another server for its key. */
export const UNBIND_LIMIT: Limit = { hits: 120, windowSeconds: 60 };
/** Bindings, tokens that come back, sessions and signatures asked for, from one address. */
export const PROVE_LIMIT: Limit = { hits: 240, windowSeconds: 60 };
/** Questions from one address whether an invitation's key is still good: homeservers ask for each who takes one. */
export const KEY_ASKED_LIMIT: Limit = { hits: 600, windowSeconds: 60 };
/** Characters of a homeserver's name (Matrix spec, appendices, "Server name"). */
export const SERVER_NAME_MAX_LENGTH = 230;
/** Characters of an OpenID token. */
export const OPENID_TOKEN_MAX_LENGTH = 1_024;
/** A spent OpenID token is remembered for so long; homeservers let them live an hour. */
export const OPENID_SPENT_SECONDS = 86_400;
/** An account's token that nobody used for so long is deleted. */
export const TOKEN_UNUSED_DAYS = 180;
/** How long a token goes on to be accepted by a process that did not hear of its end. */
export const TOKEN_CACHE_MS = 5_000;
/** Tokens that a process remembers; about 300 bytes each. */
export const TOKEN_CACHE_MAX = 20_000;

/** Hashes in one look-up. */
export const LOOKUP_ADDRESSES_MAX = 1_000;
/** Addresses that are counted as one hit of LOOKUP_LIMIT, or a part of it. */
export const LOOKUP_UNIT = 10;
/** What one account may look up: 10,000 addresses an hour, or 1,000 one by one. */
export const LOOKUP_LIMIT: Limit = { hits: 1_000, windowSeconds: 3_600 };
/** The same units from one network, whatever accounts ask: 100,000 addresses an hour. */
export const LOOKUP_NETWORK_LIMIT: Limit = { hits: 10_000, windowSeconds: 3_600 };
/** The same units by all accounts of one other homeserver, which makes as many as it likes. */
export const LOOKUP_SERVER_LIMIT: Limit = { hits: 20_000, windowSeconds: 3_600 };
/** Answers come no sooner than so long after their questions: nobody costs less to look up than somebody who hides. */
export const LOOKUP_ANSWER_MS = 5;
/** The pepper changes this often, and whenever the ring's index key does. */
export const PEPPER_LIFE_SECONDS = 86_400;
/** How long a pepper that was replaced still counts: clients may hold it. */
export const PEPPER_PREVIOUS_SECONDS = 3_600;
/** How old what a process knows of the peppers may be. */
export const PEPPERS_CACHE_MS = 1_000;
/** Addresses opened and digests written at a time when all are made anew. */
export const DIGEST_BATCH = 500;
/** Digests of a pepper that no longer counts, deleted at a time. */
export const DIGEST_DROP_BATCH = 5_000;

/** Validations that one account may begin; the messages room counts what is sent besides. */
export const VALIDATE_LIMIT: Limit = { hits: 20, windowSeconds: 3_600 };
/** A validation is good for so long: until the token comes back, and then once more until it is bound. */
export const SESSION_LIFE_SECONDS = 86_400;
/** Wrong tokens of one message; then another one has to be sent. */
export const TOKEN_TRIES_MAX = 5;
/** How long a code by SMS counts: six digits can be guessed. */
export const SMS_CODE_SECONDS = 600;
/** How long a link by e-mail counts. */
export const EMAIL_LINK_SECONDS = 86_400;
/** How far ahead `not_after` of an association lies; unbinding ends it sooner. */
export const ASSOCIATION_LIFE_SECONDS = 100 * 365 * 86_400;
/** Invitations by e-mail that one account may have us send. */
export const INVITE_LIMIT: Limit = { hits: 20, windowSeconds: 3_600 };
/** Invitations that nobody took are deleted after it. */
export const INVITE_LIFE_DAYS = 90;
/** A homeserver that cannot be told of invitations is tried for so long; then its account has to be invited anew. */
export const HANDOVER_DAYS = 7;
/** Wait before a homeserver that could not be told is asked again; each further wait is twice as long. */
export const HANDOVER_REST_FIRST_MS = 10_000;
/** Longest such wait. */
export const HANDOVER_REST_MAX_MS = 3_600_000;
/** Homeservers that a process remembers as resting. */
export const HANDOVER_RESTING_MAX = 10_000;
/** Invitations of one address that are handed over when it is bound. */
export const INVITES_TAKEN_MAX = 100;

const EMAIL = /^[^\s@<>,;:"()[\]\\\p{Cc}]{1,64}@[^\s@<>,;:"()[\]\\\p{Cc}]{1,185}$/u;
const NUMBER = /^[1-9]\d{6,14}$/;

/** Whether an address in normal form can be written to. */
export function isAddress(medium: Medium, normal: string): boolean {
  return (medium === 'email' ? EMAIL : NUMBER).test(normal);
}

/**
 * Matrix user ids of any server (Matrix spec, appendices, "User identifiers"). Old ones may have any characters; those
 * with blanks and control characters get no account here, because ids stand in messages to people.
 */
export const USER_ID = /^@[^:\s\p{Cc}\p{Cf}]{0,253}:[^\s\p{Cc}\p{Cf}]{1,253}$/u;
const SERVER_NAME = /^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?$/;

export function isServerName(text: string): boolean {
  return text.length <= SERVER_NAME_MAX_LENGTH && SERVER_NAME.test(text);
}

/** The server that an account belongs to: all after the first colon. */
export function serverOf(userId: string): string {
  return userId.slice(userId.indexOf(':') + 1);
}

export interface Account {
  readonly userId: UserId;
  /** Whose account it is, if she has an AuraID. */
  readonly personId: PersonId | null;
}

/** As addresses are hashed: e-mail addresses in lower case, numbers as digits without the + (Matrix spec, "3PID types"). */
export function normalAddress(medium: Medium, address: string): string {
  const text = address.normalize('NFC').trim();
  return medium === 'email' ? text.toLowerCase() : text.replace(/[\s().+-]/g, '');
}

/** A refusal with Matrix's own code. */
export function matrixError(
  code: ErrorCode,
  errcode: string,
  message: string,
  details: ErrorDetails = {},
): AuraError {
  return new AuraError(code, message, { errcode, reason: errcode.toLowerCase(), ...details });
}
