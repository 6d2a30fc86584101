/**
 * Handing invitations over to the homeserver of whoever bound the address (Matrix spec, server-server API, "Third-party
 * invites"). These servers are strangers': they may hang, or not be there at all. So this is an outbox of its own, whose
 * rows wait for nobody else's; who could not be told rests, ever longer, whatever is still to be told; and after some days
 * it is given up.
 */
import type { UserId } from '../../core/ids.ts';
import type { OutboxHandler } from '../../core/outbox.ts';
import {
  HANDOVER_DAYS,
  HANDOVER_REST_FIRST_MS,
  HANDOVER_REST_MAX_MS,
  HANDOVER_RESTING_MAX,
  type Medium,
  serverOf,
} from './model.ts';
import { invitePlace } from './peppers.ts';
import type { AddressVault, BindingStore, TellHomeserver } from './ports.ts';
import { type SigningKey, signJson } from './signed-json.ts';

export const HANDOVER_TOPIC = 'identity_service.onbind';
const DAY_MS = 86_400_000;

interface ToHandOver {
  readonly userId: UserId;
  readonly inviteIds: readonly string[];
  /** When it is given up, in milliseconds since 1970. */
  readonly untilMs: number;
}

export function toHandOver(userId: UserId, inviteIds: readonly string[], now: Date): ToHandOver {
  return { userId, inviteIds, untilMs: now.getTime() + HANDOVER_DAYS * DAY_MS };
}

export interface HandoverDeps {
  readonly bindings: Pick<BindingStore, 'findTaken' | 'removeInvites'>;
  readonly vault: Pick<AddressVault, 'find'>;
  /** Bounded in time; throws unless it was told. */
  readonly tellHomeserver: TellHomeserver;
  readonly now: () => Date;
  readonly nowMs: () => number;
  readonly serverName: string;
  readonly key: SigningKey;
}

interface Rest {
  readonly untilMs: number;
  readonly lengthMs: number;
}

/** Invitations are gone once the homeserver took them, or was given up. Throws while it has to be tried again. */
export function createHandover(deps: HandoverDeps): OutboxHandler {
  const resting = new Map<string, Rest>();
  const tell: TellHomeserver = async (server, path, body) => {
    const rest = resting.get(server);
    if (rest !== undefined && deps.nowMs() < rest.untilMs) {
      throw new Error(`${server} could not be told a moment ago`);
    }
    try {
      await deps.tellHomeserver(server, path, body);
      resting.delete(server);
    } catch (error) {
      const lengthMs = rest === undefined ? HANDOVER_REST_FIRST_MS : rest.lengthMs * 2;
      const bounded = Math.min(lengthMs, HANDOVER_REST_MAX_MS);
      resting.delete(server);
      if (resting.size >= HANDOVER_RESTING_MAX) resting.delete(resting.keys().next().value ?? '');
      resting.set(server, { untilMs: deps.nowMs() + bounded, lengthMs: bounded });
      throw error;
    }
  };
  return async (payload) => {
    const { userId, inviteIds, untilMs } = payload as ToHandOver;
    if (deps.now().getTime() < untilMs) await tellOfInvites(deps, tell, userId, inviteIds);
    else await deps.bindings.removeInvites(inviteIds);
  };
}

async function tellOfInvites(
  deps: HandoverDeps,
  tell: TellHomeserver,
  userId: UserId,
  inviteIds: readonly string[],
): Promise<void> {
  const invites = await deps.bindings.findTaken(inviteIds, userId);
  const told: object[] = [];
  let about: { medium: Medium; address: string } | null = null;
  for (const { inviteId, medium, envelope, token, roomId, sender } of invites) {
    const address = (await deps.vault.find(invitePlace(inviteId), envelope))?.toString('utf8');
    if (address === undefined) continue;
    about = { medium, address };
    const proof = signJson({ mxid: userId, sender, token }, deps.serverName, deps.key);
    told.push({ medium, address, mxid: userId, room_id: roomId, sender, signed: proof });
  }
  if (about !== null) {
    const path = '/_matrix/federation/v1/3pid/onbind';
    await tell(serverOf(userId), path, { ...about, mxid: userId, invites: told });
  }
  await deps.bindings.removeInvites(invites.map(({ inviteId }) => inviteId));
}
