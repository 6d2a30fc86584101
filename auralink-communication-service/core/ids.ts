/**
 * Branded identifiers, so that a call's id cannot be passed where a ring's is meant. Ours are UUIDv7 (RFC 9562):
 * they sort by time of creation, which keeps B-trees tight and makes "the lower call id wins" (glare) mean
 * "the earlier call wins".
 */
import { v7 as uuidv7 } from 'uuid';

declare const brand: unique symbol;
type Id<B extends string> = string & { readonly [brand]: B };

export type PersonId = Id<'PersonId'>;
export type EndpointId = Id<'EndpointId'>;
export type CallId = Id<'CallId'>;
export type InvitationId = Id<'InvitationId'>;
export type RingId = Id<'RingId'>;
/** A friend request. */
export type RequestId = Id<'RequestId'>;
/** An invite code, as its owner sees it; never the code itself. */
export type InviteId = Id<'InviteId'>;
/** A list of contacts. */
export type ListId = Id<'ListId'>;
/** Something that a person proves, or tries to. */
export type VerificationId = Id<'VerificationId'>;
/** A code that was sent and is waited for. */
export type ChallengeId = Id<'ChallengeId'>;
/** Short name that an operator gives to an app, e.g. `chat`. */
export type AppId = Id<'AppId'>;
/** One browser profile or phone of one person, as a first-party cookie told us. Never shown to apps. */
export type DeviceKey = Id<'DeviceKey'>;
/** Normal form of an address, with both ends: `@alice.aura`. */
export type AuraId = Id<'AuraId'>;
/** An e-mail or SMS of ours. */
export type MessageId = Id<'MessageId'>;
/** A full Matrix user id: `@localpart:server`. */
export type UserId = Id<'UserId'>;
/** One running service process; new at every start. */
export type ProcessId = Id<'ProcessId'>;

/** Whose id nobody has: stands where there is nobody in particular. */
export const NOBODY = '00000000-0000-0000-0000-000000000000' as PersonId;

/** Source of fresh ids; a parameter everywhere, so that tests can foresee them. */
export type NewId = <T extends Id<string>>() => T;

export const newId: NewId = <T extends Id<string>>() => uuidv7() as T;
