/**
 * What happens to calls by itself: rings that nobody acknowledged fail open to the next app of the device, ringing
 * ends at its deadline, an answered call without media is closed, and an endpoint that comes (back) online is rung for
 * what still rings. Every process looks; the conditional updates make sure that each thing is done once.
 */
import type { EndpointId, InvitationId, NewId, PersonId, RingId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import { lastly, type UnitOfWork } from '../../core/unit-of-work.ts';
import type { CallMetrics, EventAppender, Ringer } from './ports.ts';
import { partyEvents, type SettleDeps, settle } from './settle.ts';
import { ringView } from './views.ts';

/** Deadlines handled in one look; the rest follow at the next. */
export const DEADLINES_PER_TICK_MAX = 100;
/** Deadlines carried out at the same time: one that waits for a lock holds up few others. */
export const DEADLINES_AT_ONCE = 4;

export interface DeadlineDeps extends SettleDeps {
  readonly unitOfWork: UnitOfWork;
  readonly newId: NewId;
  readonly log: EventAppender;
  readonly ringer: Ringer;
  readonly metrics: CallMetrics;
  readonly logger: Log;
}

/** One look. Returns how many due things it carried out. A row that fails is left to the next look; the others go on. */
export async function runDeadlines(deps: DeadlineDeps): Promise<number> {
  const [rings, overdue] = await Promise.all([
    deps.store.findOverdueRings(DEADLINES_PER_TICK_MAX),
    deps.store.findOverdueInvitations(DEADLINES_PER_TICK_MAX),
  ]);
  const due = [
    ...overdue.ringing.map((invitationId) => () => expire(deps, invitationId, 'ringing')),
    ...rings.map(
      ({ ringId, invitationId }) =>
        () =>
          failOver(deps, ringId, invitationId),
    ),
    ...overdue.media.map((invitationId) => () => expire(deps, invitationId, 'media')),
  ];
  const errors = await inParallel(due, DEADLINES_AT_ONCE);
  for (const err of errors)
    deps.logger.warn({ err }, 'a deadline could not be carried out; it is tried again');
  return due.length - errors.length;
}

/** Runs all tasks, `width` at a time; returns the errors of those that failed. */
async function inParallel(tasks: readonly (() => Promise<void>)[], width: number): Promise<unknown[]> {
  const errors: unknown[] = [];
  const rest = tasks.values();
  const worker = async () => {
    for (const task of rest) await task().catch((error) => errors.push(error));
  };
  await Promise.all(Array.from({ length: width }, worker));
  return errors;
}

/** The chosen app did not say within RING_ACK_TIMEOUT_MS that it rings: the next one on the device rings too. */
async function failOver(deps: DeadlineDeps, ringId: RingId, invitationId: InvitationId): Promise<void> {
  const rung = await deps.unitOfWork.run(async (tx) => {
    await deps.store.lockInvitation(tx, invitationId);
    const record = await deps.store.findRecordByInvitation(tx, invitationId);
    if (record === null || record.invitation.state !== 'ringing') return false;
    if (!(await deps.store.passOver(tx, ringId))) return false;
    const next = await deps.store.findNextOnDevice(tx, ringId);
    if (next === null) return false;
    const appended = await deps.log.append(tx, [
      { endpointId: next.endpointId, type: 'ring', data: ringView(record, next.ringId) },
    ]);
    await deps.store.setSent(tx, next.ringId, appended[0]?.seq ?? 0);
    await deps.ringer.ring(tx, [next]);
    return true;
  });
  if (rung) deps.metrics.failedOver();
}

async function expire(
  deps: DeadlineDeps,
  invitationId: InvitationId,
  kind: 'ringing' | 'media',
): Promise<void> {
  const ended = await deps.unitOfWork.run(async (tx) => {
    const record = await deps.store.findRecordByInvitation(tx, invitationId);
    if (record === null) return null;
    const mediaEvent = record.call.mediaEstablished ? 'media_lost' : 'no_media';
    const settled = await settle(deps, tx, record, kind === 'ringing' ? 'time_out' : mediaEvent);
    lastly(tx, deps.log.append(tx, settled.events));
    return settled.refusal === null ? settled.record.call.endReason : null;
  });
  if (ended !== null) deps.metrics.ended(ended);
}

/**
 * An app says that it shows everything up to these numbers of its log. Its rings become `ringing`, and a caller whose
 * call alerts for the first time is told. An invitation that somebody is changing at this moment is left for the next
 * time: a crowd of acknowledgements must not hold up the answers that follow them. False when one was left.
 */
export async function acknowledgeRings(
  deps: DeadlineDeps,
  marks: ReadonlyMap<EndpointId, number>,
): Promise<boolean> {
  if (!(await deps.store.areAwaited(marks))) return true;
  const { alerting, left } = await deps.unitOfWork.run(async (tx) => {
    const heard = await deps.store.setRinging(tx, marks);
    const records = await deps.store.listRecords(
      tx,
      heard.alerting.map((one) => one.invitationId),
    );
    lastly(tx, deps.log.append(tx, records.flatMap(partyEvents)));
    return heard;
  });
  for (const { afterMs } of alerting) deps.metrics.alerting(afterMs);
  return left === 0;
}

/**
 * A page that has just been opened or reloaded shows what still rings for it, under the same ring id. What its log
 * tells it anyway, from `fromSeq` on, is not said twice.
 */
export async function ringConnected(
  deps: DeadlineDeps,
  session: { readonly personId: PersonId; readonly endpointId: EndpointId },
  fromSeq: number,
): Promise<void> {
  const { personId, endpointId } = session;
  for (const invitationId of await deps.store.findRingingInvitations(personId)) {
    await deps.unitOfWork.run(async (tx) => {
      await deps.store.lockInvitation(tx, invitationId);
      const record = await deps.store.findRecordByInvitation(tx, invitationId);
      if (record === null || record.invitation.state !== 'ringing') return;
      const ringId = await deps.store.claimRing(tx, invitationId, {
        endpointId,
        freshRingId: deps.newId<RingId>(),
        shownUpTo: fromSeq,
      });
      if (ringId === null) return;
      const appended = await deps.log.append(tx, [
        { endpointId, type: 'ring', data: ringView(record, ringId) },
      ]);
      const seq = appended[0]?.seq;
      if (seq !== undefined) await deps.store.setSent(tx, ringId, seq);
    });
  }
}
