/**
 * An endpoint was signed out: what it rang for goes to the next app of its device, what it placed is cancelled, and
 * the call that it was in is hung up. Should the process die in between, deadlines and LiveKit's webhooks do the same,
 * only later.
 */
import type { EndpointId, InvitationId } from '../../core/ids.ts';
import type { DeadlineDeps } from './deadlines.ts';
import { settle } from './settle.ts';

export async function endpointGone(deps: DeadlineDeps, endpointId: EndpointId): Promise<void> {
  await deps.store.giveUpRings(endpointId);
  for (const invitationId of await deps.store.findOpenInvitations(endpointId)) {
    await end(deps, invitationId, endpointId);
  }
}

async function end(deps: DeadlineDeps, invitationId: InvitationId, endpointId: EndpointId): Promise<void> {
  const reason = await deps.unitOfWork.run(async (tx) => {
    const record = await deps.store.findRecordByInvitation(tx, invitationId);
    if (record === null) return null;
    const event = record.invitation.state === 'ringing' ? 'cancel' : 'hang_up';
    const settled = await settle(deps, tx, record, event, { acting: endpointId });
    await deps.log.append(tx, settled.events);
    return settled.refusal === null ? settled.record.call.endReason : null;
  });
  if (reason !== null) deps.metrics.ended(reason);
}
