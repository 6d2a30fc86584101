/**
 * Words of the Matrix Identity Service API (Matrix spec, "Identity Service API", v2): media, addresses in normal form,
 * server names, its errors in Matrix's own codes, and its limits.
 */
import { AuraError, type ErrorCode, type ErrorDetails } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';

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

export interface Limit {
  readonly hits: number;
  readonly windowSeconds: number;
}

/** Registrations by OpenID token from one address: each may make us ask another server. */
export const REGISTER_LIMIT: Limit = { hits: 30, windowSeconds: 60 };
/** Characters of a homeserver's name (Matrix spec, appendices, "Server name"). */
export const SERVER_NAME_MAX_LENGTH = 230;
/** Characters of an OpenID token. */
export const OPENID_TOKEN_MAX_LENGTH = 1_024;
/** A spent OpenID token is remembered for so long; homeservers let them live an hour. */
export const OPENID_SPENT_SECONDS = 86_400;
/** An account's token that nobody used for so long is deleted. */
export const TOKEN_UNUSED_DAYS = 180;
/** How long a token goes on to be accepted by a process that did not hear of its end. */
export const TOKEN_CACHE_MS = 1_000;
/** Tokens that a process remembers; about 300 bytes each. */
export const TOKEN_CACHE_MAX = 20_000;

/** Matrix user ids of any server (Matrix spec, appendices, "User identifiers"); old ones have any characters. */
export const USER_ID = /^@[^:\0]{0,253}:[^\s\0]{1,253}$/;
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
