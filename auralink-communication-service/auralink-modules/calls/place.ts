/**
 * Placing a call: rights and rate, the ring plan, and glare (two people calling each other at the same time), where the
 * lower call id goes on and the other is merged into it. Everything happens under one lock of the pair, in one
 * transaction.
 */
import { AuraError } from '../../core/errors.ts';
import type { AppId, CallId, InvitationId, NewId, RingId } from '../../core/ids.ts';
import { lastly, type Tx, type UnitOfWork } from '../../core/unit-of-work.ts';
import type { EndpointSession, NewEvent } from '../endpoints/model.ts';
import { CALLS_PER_MINUTE_MAX, type Media, type PlaceCall } from './model.ts';
import type {
  CallGate,
  CallMetrics,
  CallRecord,
  CallStore,
  Directory,
  EventAppender,
  NewCall,
  NewRing,
  Person,
  PlacingFacts,
  Ringer,
} from './ports.ts';
import { planRings } from './ring-planner.ts';
import { type SettleDeps, settle } from './settle.ts';
import { ringView } from './views.ts';

export interface PlaceDeps extends SettleDeps {
  readonly unitOfWork: UnitOfWork;
  readonly newId: NewId;
  readonly store: CallStore;
  readonly log: EventAppender;
  readonly directory: Directory;
  readonly gate: CallGate;
  readonly ringer: Ringer;
  readonly metrics: CallMetrics;
  readonly ringTimeoutSeconds: number;
  readonly mediaTimeoutSeconds: number;
}

export interface Placed {
  readonly record: CallRecord;
  /** False when this idempotency key had made the call before. */
  readonly created: boolean;
}

interface Request {
  readonly session: EndpointSession;
  readonly callee: Person;
  readonly media: Media;
  readonly namedAppId: AppId | null;
  readonly idempotencyKey: string;
}

/** Throws not_found (unknown address), invalid (own address), rate_limited. */
export async function placeCall(
  deps: PlaceDeps,
  session: EndpointSession,
  body: PlaceCall,
  idempotencyKey: string,
): Promise<Placed> {
  const callee = await deps.directory.findPerson(body.to);
  if (callee === null) {
    throw new AuraError('not_found', `Nobody has the address ${body.to}.`, {
      field: 'to',
      reason: 'unknown_address',
    });
  }
  if (callee.personId === session.personId) {
    throw new AuraError('invalid', 'This is your own address; call somebody else.', {
      field: 'to',
      reason: 'own_address',
    });
  }
  const namedAppId = (body.app ?? null) as AppId | null;
  const request: Request = { session, callee, media: body.media, namedAppId, idempotencyKey };
  const placed = await deps.unitOfWork.run((tx) => placeIn(deps, tx, request));
  if (placed.created) {
    deps.metrics.placed(body.media);
    if (placed.record.call.endReason === 'merged') deps.metrics.ended('merged');
  }
  return placed;
}

async function placeIn(deps: PlaceDeps, tx: Tx, request: Request): Promise<Placed> {
  const { session, callee } = request;
  // Asked together, done in this order: the facts are read under the lock.
  const [, facts, admitted] = await Promise.all([
    deps.store.lockPair(tx, session.personId, callee.personId),
    deps.store.getPlacingFacts(tx, session, callee.personId, request.idempotencyKey),
    deps.gate.admits(tx, session.personId, callee.personId),
  ]);
  if (facts.existingCallId !== null) return await replay(deps, tx, facts.existingCallId, request);
  if (facts.callsLastMinute >= CALLS_PER_MINUTE_MAX) {
    throw new AuraError(
      'rate_limited',
      `You may place ${CALLS_PER_MINUTE_MAX} calls a minute; wait a little.`,
      {
        retryAfterSeconds: 60,
      },
    );
  }
  const callId = deps.newId<CallId>();
  const record = newRecord(deps, request, facts, callId);
  const opposite =
    facts.oppositeCallId === null ? null : await deps.store.findRecord(tx, facts.oppositeCallId);
  if (opposite !== null && admitted) {
    const merged = await merge(deps, tx, request, record, opposite);
    if (merged !== null) return { record: merged, created: true };
  }
  await ring(deps, tx, request, record, admitted ? facts.candidates : null);
  return { record, created: true };
}

async function replay(deps: PlaceDeps, tx: Tx, callId: CallId, request: Request): Promise<Placed> {
  const record = await deps.store.findRecord(tx, callId);
  if (record === null || record.invitation.calleePersonId !== request.callee.personId) {
    throw keyReused();
  }
  return { record, created: false };
}

function keyReused(): AuraError {
  return new AuraError('conflict', 'This Idempotency-Key was used for another call; use a fresh one.', {
    field: 'Idempotency-Key',
    reason: 'idempotency_key_reused',
  });
}

function newRecord(deps: PlaceDeps, request: Request, facts: PlacingFacts, callId: CallId): CallRecord {
  const { session, callee } = request;
  return {
    call: {
      callId,
      callerPersonId: session.personId,
      callerAuraId: facts.caller.auraId,
      callerEndpointId: session.endpointId,
      callerAppId: session.appId,
      media: request.media,
      state: 'ringing',
      endReason: null,
      livekitRoom: null,
      mediaEstablished: false,
      createdAt: facts.now,
      answeredAt: null,
      endedAt: null,
    },
    invitation: {
      invitationId: deps.newId<InvitationId>(),
      callId,
      calleePersonId: callee.personId,
      calleeAuraId: callee.auraId,
      state: 'ringing',
      reason: null,
      deadlineAt: new Date(facts.now.getTime() + deps.ringTimeoutSeconds * 1_000),
      answeredByEndpointId: null,
      answerKey: null,
      mergedIntoCallId: null,
      alerting: false,
    },
    callerDisplayName: facts.caller.displayName,
    calleeDisplayName: facts.calleeDisplayName,
    callerApp: facts.app,
  };
}

/** `candidates`: null when the callee's rules keep the caller out. For the caller it rings all the same. */
async function ring(
  deps: PlaceDeps,
  tx: Tx,
  request: Request,
  record: CallRecord,
  candidates: PlacingFacts['candidates'] | null,
): Promise<void> {
  const planned = planRings(candidates ?? [], request.namedAppId).map((plan) => ({
    ...plan,
    ringId: deps.newId<RingId>(),
  }));
  const events = planned.map(
    ({ endpointId, rank, ringId }): NewEvent =>
      rank === 0
        ? { endpointId, type: 'ring', data: ringView(record, ringId) }
        : { endpointId, type: 'ring.notice', data: { ringId } },
  );
  const appended = await deps.log.append(tx, events);
  const seqs = new Map(appended.map((event) => [event.endpointId, event.seq]));
  const rings = planned
    // An endpoint that was signed out a moment ago has no log any more and is not rung.
    .filter((plan) => seqs.has(plan.endpointId))
    .map(
      (plan): NewRing => ({ ...plan, ringSeq: plan.rank === 0 ? (seqs.get(plan.endpointId) ?? null) : null }),
    );
  lastly(tx, insert(deps, tx, request, record, { rings, screened: candidates === null }));
  await deps.ringer.ring(tx, rings);
  await deps.mirror.changed(tx, record);
}

async function insert(
  deps: PlaceDeps,
  tx: Tx,
  request: Request,
  record: CallRecord,
  ringing: Pick<NewCall, 'rings' | 'screened'>,
): Promise<void> {
  const { call, invitation } = record;
  const inserted = await deps.store.insertCall(tx, {
    callId: call.callId,
    invitationId: invitation.invitationId,
    caller: {
      personId: call.callerPersonId,
      auraId: call.callerAuraId,
      displayName: record.callerDisplayName,
    },
    callee: request.callee,
    callerEndpointId: call.callerEndpointId,
    callerAppId: call.callerAppId,
    media: request.media,
    namedAppId: request.namedAppId,
    idempotencyKey: request.idempotencyKey,
    deadlineAt: invitation.deadlineAt,
    ...ringing,
  });
  if (!inserted) throw keyReused();
}

/**
 * Both are calling each other: one call goes on, answered by the endpoint that placed the other. Returns the new
 * call's record, or null when the opposite call has come to its end meanwhile and there is nothing to merge with.
 */
async function merge(
  deps: PlaceDeps,
  tx: Tx,
  request: Request,
  fresh: CallRecord,
  opposite: CallRecord,
): Promise<CallRecord | null> {
  await deps.store.lockInvitation(tx, opposite.invitation.invitationId);
  const current = await deps.store.findRecord(tx, opposite.call.callId);
  if (current === null || current.invitation.state !== 'ringing') return null;
  const freshLoses = current.call.callId < fresh.call.callId;
  const [winner, loser] = freshLoses ? [current, fresh] : [fresh, current];
  await insert(deps, tx, request, fresh, { rings: [], screened: false });
  const answered = await settle(deps, tx, winner, 'answer', {
    acting: loser.call.callerEndpointId,
    answer: {
      endpointId: loser.call.callerEndpointId,
      key: `merged:${loser.call.callId}`,
      mediaTimeoutSeconds: deps.mediaTimeoutSeconds,
    },
    locked: true,
  });
  const cancelled = await settle(deps, tx, loser, 'merge', { mergedIntoCallId: winner.call.callId });
  if (answered.refusal !== null || cancelled.refusal !== null)
    throw new Error('a locked, ringing invitation refused');
  lastly(tx, deps.log.append(tx, [...cancelled.events, ...answered.events]));
  return freshLoses ? cancelled.record : answered.record;
}
