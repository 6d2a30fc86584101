/**
 * What we tell the Dashboard: one Zod schema for each event, from which its type, the documents and the tests come. An
 * event names people by their ids and tells no more than the Dashboard must know; for the rest it asks
 * `/internal/users`. docs/api/webhooks.md is the contract.
 */
import { z } from 'zod';
import type { PersonId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import { END_REASONS, LEVELS } from '../verification/model.ts';

/** Deliveries on one page of the list. */
export const DELIVERIES_LISTED_MAX = 200;
/** After a rotation messages are signed by the old secret too for so long, unless said otherwise. */
export const ROTATION_GRACE_SECONDS = 86_400;
/** The longest such time. */
export const ROTATION_GRACE_MAX_SECONDS = 604_800;

const personId = z.uuid().transform((id) => id as PersonId);
const at = z.iso.datetime();

/** What was proved, never what with. */
const verification = { personId, level: z.enum(LEVELS) };

/** Each event's `data`, by its type. */
export const EVENT_DATA = {
  'auraid.registered': z.strictObject({
    personId,
    auraId: z.string(),
    dashboardUserId: z.string().nullable(),
    /** On our page, by the Dashboard, for a Matrix account that was there before, or by somebody who had given hers back. */
    via: z.enum(['page', 'dashboard', 'matrix_account', 'returned']),
  }),
  'auraid.renamed': z.strictObject({
    personId,
    auraId: z.string(),
    previousAuraId: z.string(),
    /** Until then the previous address leads to her. */
    aliasUntil: at,
  }),
  'auraid.released': z.strictObject({ personId, auraId: z.string() }),
  'auraid.verified': z.strictObject({ ...verification, expiresAt: at.nullable() }),
  'auraid.verification_withdrawn': z.strictObject({ ...verification, reason: z.enum(END_REASONS) }),
  /** Which rules changed, not to what: that is asked for. */
  'auraid.privacy_changed': z.strictObject({ personId, changed: z.array(z.string()).min(1) }),
  'auraid.erased': z.strictObject({ personId, dashboardUserId: z.string().nullable() }),
  'call.ended': z.strictObject({
    callId: z.uuid(),
    callerPersonId: personId,
    calleePersonId: personId,
    /** From which app it was placed. */
    appId: z.string(),
    media: z.enum(['audio', 'video']),
    reason: z.string(),
    placedAt: at,
    answeredAt: at.nullable(),
    endedAt: at,
    /** From the answer to the end; 0 when nobody answered. */
    durationSeconds: z.int().min(0),
  }),
  'app.quota_reached': z.strictObject({
    appId: z.string(),
    quota: z.enum(['calls_per_day', 'requests_per_minute']),
    limit: z.int().min(0),
    /** When the app is let through again. */
    resetsAt: at,
  }),
} as const;

export type EventType = keyof typeof EVENT_DATA;
export const EVENT_TYPES = Object.keys(EVENT_DATA) as EventType[];

/** What whoever causes an event hands over; when it happened is the time of its transaction unless said otherwise. */
export type DashboardEvent = {
  [T in EventType]: {
    readonly type: T;
    readonly data: z.output<(typeof EVENT_DATA)[T]>;
    readonly occurredAt?: Date;
    /** A second event with the same key is none. */
    readonly onceKey?: string;
  };
}[EventType];

/** For whoever causes an event. */
export interface DashboardEvents {
  /**
   * In the transaction of the change, after the lock on the person's row, so that her events have the order of her
   * changes. Does nothing where no Dashboard is configured.
   */
  emit(tx: Tx, event: DashboardEvent): Promise<void>;
}

const messageOf = (type: EventType) =>
  z.strictObject({ type: z.literal(type), timestamp: at, data: EVENT_DATA[type] });

/** A message as it is posted (Standard Webhooks): type, time of the change, and its data. */
export const messageSchema = z.union(EVENT_TYPES.map(messageOf));

/** The person whose events stay in order; null where order does not matter. */
export function subjectOf(event: DashboardEvent): PersonId | null {
  return 'personId' in event.data ? event.data.personId : null;
}
