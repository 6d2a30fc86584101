/**
 * Lets an AuraID stand where Matrix expects a user (Matrix spec, client-server API, "POST /login"). Synapse reads
 * `medium`+`address` before `user` before `identifier`; we leave exactly one of them, so that no body can name two
 * people and slip past the resolution.
 */
import { findAuraId } from '../../core/aura-id.ts';
import type { AuraId, UserId } from '../../core/ids.ts';

type Json = Readonly<Record<string, unknown>>;

/** The Matrix account that signs this person in, or null when nobody holds the address. */
export type ResolveAuraId = (auraId: AuraId) => Promise<UserId | null>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Synapse passes over empty ones. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** What Synapse would act on, in its own order of precedence, as one identifier; null when there is none. */
function identifierOf(body: Json): Json | null {
  if (isText(body.medium) && isText(body.address)) {
    return { type: 'm.id.thirdparty', medium: body.medium, address: body.address };
  }
  if (isText(body.user)) return { type: 'm.id.user', user: body.user };
  const identifier = body.identifier;
  if (!isObject(identifier)) return null;
  // Synapse answers 400 to a phone identifier that has only `phone`; as a third party it is understood.
  if (identifier.type === 'm.id.phone') {
    const number = identifier.phone ?? identifier.number;
    const whole = typeof number === 'string' && number.startsWith('+') ? number.slice(1) : number;
    if (identifier.country === undefined && typeof whole === 'string') {
      return { type: 'm.id.thirdparty', medium: 'msisdn', address: whole };
    }
  }
  return identifier;
}

async function resolveIdentifier(identifier: Json, resolve: ResolveAuraId): Promise<Json> {
  const user = identifier.user;
  if (identifier.type !== 'm.id.user' || typeof user !== 'string') return identifier;
  // `alice` alone may be a localpart of its own; only what ends in .aura is an address. A full Matrix id has a colon.
  if (!user.toLowerCase().endsWith('.aura') || user.includes(':')) return identifier;
  const auraId = findAuraId(user);
  const userId = auraId === null ? null : await resolve(auraId);
  return userId === null ? identifier : { ...identifier, user: userId };
}

/**
 * The body of a login as Synapse should get it. `body` is the parsed JSON; anything that is not an object, or names no
 * user (a token login), comes back unchanged and Synapse says what is wrong with it.
 */
export async function rewriteLogin(body: unknown, resolve: ResolveAuraId): Promise<unknown> {
  if (!isObject(body)) return body;
  const identifier = identifierOf(body);
  if (identifier === null) return body;
  const { user: _user, medium: _medium, address: _address, ...rest } = body;
  return { ...rest, identifier: await resolveIdentifier(identifier, resolve) };
}
