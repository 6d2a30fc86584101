/** What the Identity Service needs from outside. */
import type { Limit } from './model.ts';

/**
 * Whose OpenID token this is, as the homeserver `serverName` says; null when it does not know the token, cannot be
 * reached, or lies where we do not go. The answer may name anybody: the caller judges.
 */
export type AskOpenId = (serverName: string, accessToken: string) => Promise<string | null>;

/** Counts one, or `count`, against a window shared by all processes; throws `rate_limited`. */
export type Count = (key: string, limit: Limit, count?: number) => Promise<void>;
