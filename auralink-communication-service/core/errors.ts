/**
 * The one error type that crosses rooms. A room throws `AuraError` with one of a few literal codes; only
 * http/errors.ts knows which status and which Matrix `errcode` a code becomes, so the domain stays free of HTTP.
 */

export type ErrorCode =
  | 'invalid' // the request is malformed; `field` names the culprit
  | 'unauthenticated' // no valid token
  | 'forbidden' // a valid token that may not do this
  | 'not_found'
  | 'conflict' // the state of the thing no longer allows it
  | 'taken' // somebody else holds this name
  | 'too_large'
  | 'rate_limited'
  | 'unavailable'; // a part we need is away; retry later

export interface ErrorDetails {
  /** Dotted path of the input that is at fault. */
  readonly field?: string;
  /** Machine-readable reason within the code, e.g. `already_answered`. */
  readonly reason?: string;
  readonly retryAfterSeconds?: number;
  /** Anything else that helps the caller; it is shown to her. */
  readonly [key: string]: unknown;
}

export class AuraError extends Error {
  override readonly name: string = 'AuraError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  /** `message` is a sentence for people: what is wrong and what would be right. */
  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }
}

/** Who asks was let in before, and is no longer: revoked, erased, or without her name by now. */
export function signedOut(): AuraError {
  return new AuraError('unauthenticated', 'This endpoint has been signed out.', { reason: 'signed_out' });
}
