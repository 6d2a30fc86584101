/**
 * Words of a call. A call is what people share; an invitation is one callee in it, with a state of its own; a ring is
 * one endpoint being rung for one invitation. Schemas here are also the API's.
 */
import { z } from 'zod';
import { findAuraId } from '../../core/aura-id.ts';
import type {
  AppId,
  AuraId,
  CallId,
  DeviceKey,
  EndpointId,
  InvitationId,
  PersonId,
  RingId,
} from '../../core/ids.ts';

/** The planner's fail-open: an app that has not acknowledged its ring by then is joined by the next one. */
export const RING_ACK_TIMEOUT_MS = 1_000;
/** How often a process looks for deadlines; rows are claimed at most this late, plus one query. */
export const DEADLINE_TICK_MS = 250;
/** Calls that one person may place in a minute. */
export const CALLS_PER_MINUTE_MAX = 30;
/** Endpoints rung for one invitation at most; the least recently used beyond it are left out. */
export const RINGS_PER_INVITATION_MAX = 200;
/** Calls on one page of the history. */
export const HISTORY_PAGE_MAX = 100;
/** A media token opens the connection only; LiveKit renews it for a connected client. */
export const MEDIA_TOKEN_TTL_SECONDS = 60;

export const MEDIA = ['audio', 'video'] as const;
export type Media = (typeof MEDIA)[number];

export const INVITATION_STATES = [
  'ringing',
  'answered',
  'ended',
  'declined',
  'cancelled',
  'missed',
  'failed',
] as const;
export type InvitationState = (typeof INVITATION_STATES)[number];
export type CallState = 'ringing' | 'active' | 'ended';

export const STOP_REASONS = [
  'answered_here',
  'answered_elsewhere',
  'declined_here',
  'declined_elsewhere',
  'caller_cancelled',
  'timeout',
  'merged',
  'failed',
] as const;
export type StopReason = (typeof STOP_REASONS)[number];

/** Why a call or an invitation came to its end, as the history shows it. */
export type EndReason =
  | 'hung_up'
  | 'declined'
  | 'cancelled'
  | 'missed'
  | 'merged'
  | 'no_media'
  | 'media_lost'
  | 'failed';

export interface Invitation {
  readonly invitationId: InvitationId;
  readonly callId: CallId;
  readonly calleePersonId: PersonId;
  readonly calleeAuraId: AuraId;
  readonly state: InvitationState;
  readonly reason: EndReason | null;
  readonly deadlineAt: Date;
  readonly answeredByEndpointId: EndpointId | null;
  readonly answerKey: string | null;
  readonly mergedIntoCallId: CallId | null;
  /** An app of the callee says that it rings. */
  readonly alerting: boolean;
}

export interface Call {
  readonly callId: CallId;
  readonly callerPersonId: PersonId;
  readonly callerAuraId: AuraId;
  readonly callerEndpointId: EndpointId;
  readonly callerAppId: AppId;
  readonly media: Media;
  readonly state: CallState;
  readonly endReason: EndReason | null;
  readonly livekitRoom: string | null;
  /** Both were in the room at some time. */
  readonly mediaEstablished: boolean;
  readonly createdAt: Date;
  readonly answeredAt: Date | null;
  readonly endedAt: Date | null;
}

export interface Ring {
  readonly ringId: RingId;
  readonly invitationId: InvitationId;
  readonly endpointId: EndpointId;
  readonly deviceKey: DeviceKey;
  readonly rank: number;
  readonly state: 'waiting' | 'sent' | 'ringing' | 'stopped';
  readonly stopReason: StopReason | null;
}

const auraId = z
  .string()
  .max(64)
  .transform((text, context) => {
    const found = findAuraId(text);
    if (found !== null) return found;
    context.addIssue({ code: 'custom', message: 'must be an address such as @alice.aura' });
    return z.NEVER;
  });

/** Body of POST /_auralink/v1/calls. */
export const placeCallSchema = z.strictObject({
  to: auraId,
  media: z.enum(MEDIA).default('audio'),
  /** App that should ring, if the callee has it: her own choice goes first. */
  app: z
    .string()
    .regex(/^[a-z][a-z0-9-]{1,31}$/, 'must be an app id such as chat')
    .optional(),
});
export type PlaceCall = z.output<typeof placeCallSchema>;

/** A call as one of its two parties sees it. */
export const callViewSchema = z.object({
  callId: z.uuid(),
  direction: z.enum(['outgoing', 'incoming']),
  media: z.enum(MEDIA),
  state: z.enum(['ringing', 'active', 'ended']),
  /** The other one. */
  peer: z.object({ auraId: z.string(), displayName: z.string().nullable() }),
  invitation: z.object({
    invitationId: z.uuid(),
    state: z.enum(INVITATION_STATES),
    reason: z.string().nullable(),
    /** True once an app of the callee says that it rings. */
    alerting: z.boolean(),
    deadlineAt: z.iso.datetime(),
  }),
  endReason: z.string().nullable(),
  mergedIntoCallId: z.uuid().nullable(),
  createdAt: z.iso.datetime(),
  answeredAt: z.iso.datetime().nullable(),
  endedAt: z.iso.datetime().nullable(),
});
export type CallView = z.output<typeof callViewSchema>;

/** Data of a `ring` event and of GET /_auralink/v1/rings/{ringId}. */
export const ringViewSchema = z.object({
  ringId: z.uuid(),
  callId: z.uuid(),
  invitationId: z.uuid(),
  from: z.object({ auraId: z.string(), displayName: z.string().nullable() }),
  /** The app that she calls from. */
  fromApp: z.object({ appId: z.string(), name: z.string(), icon: z.string() }),
  media: z.enum(MEDIA),
  deadlineAt: z.iso.datetime(),
});
export type RingView = z.output<typeof ringViewSchema>;
