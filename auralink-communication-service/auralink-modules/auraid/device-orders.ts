/**
 * Orders to end devices of Matrix accounts. They are written down with the act that gives them, tried at once, and
 * carried out by the outbox when the homeserver is away or late. An order means what there was when it was given: it
 * names the devices as soon as the homeserver has listed them, and spares those that came since. An old device that signs
 * in anew stays meant: the homeserver goes on to take its older tokens.
 */
import { AuraError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { OutboxHandler } from '../../core/outbox.ts';
import type { Tx, UnitOfWork } from '../../core/unit-of-work.ts';
import type { LaterOutbox, MatrixDevices, MatrixSignIns } from './ports-sessions.ts';

/** Devices of Matrix accounts are to be ended as soon as the homeserver is back. */
export const END_DEVICES_TOPIC = 'identity.end_devices';
/** While the process that gave an order tries it itself, the outbox leaves it alone. */
export const END_DEVICES_AFTER_SECONDS = 30;

export interface DeviceOrder {
  /** By the database's clock, ISO 8601. */
  readonly at: string;
  /** `deviceIds` null: all that there were then, which the homeserver has not listed yet. */
  readonly accounts: readonly { readonly userId: UserId; readonly deviceIds: readonly string[] | null }[];
}

export interface DeviceOrderDeps {
  readonly unitOfWork: UnitOfWork;
  readonly devices: MatrixDevices;
  readonly signIns: MatrixSignIns;
  readonly outbox: LaterOutbox;
}

/** In the act's transaction. Returns what `tryNow` needs. */
export async function order(
  deps: Pick<DeviceOrderDeps, 'outbox'>,
  tx: Tx,
  what: DeviceOrder,
): Promise<string> {
  return await deps.outbox.enqueueLater(tx, END_DEVICES_TOPIC, what, END_DEVICES_AFTER_SECONDS);
}

/** After the act's transaction. While the homeserver is away the order stays; that is no error. */
export async function tryNow(deps: DeviceOrderDeps, what: DeviceOrder, orderId: string): Promise<void> {
  let named = what;
  try {
    named = await name(deps, what);
    await end(deps, named);
  } catch (error) {
    if (!(error instanceof AuraError) || error.code !== 'unavailable') throw error;
    await deps.unitOfWork.run(async (tx) => {
      if (await deps.outbox.withdraw(tx, orderId)) await deps.outbox.enqueue(tx, END_DEVICES_TOPIC, named);
    });
    return;
  }
  await deps.unitOfWork.run((tx) => deps.outbox.withdraw(tx, orderId));
}

export function endDevicesHandler(deps: Pick<DeviceOrderDeps, 'devices' | 'signIns'>): OutboxHandler {
  return async (payload) => end(deps, await name(deps, payload as DeviceOrder));
}

async function name({ devices }: Pick<DeviceOrderDeps, 'devices'>, what: DeviceOrder): Promise<DeviceOrder> {
  const accounts = what.accounts.map(async ({ userId, deviceIds }) => ({
    userId,
    deviceIds: deviceIds ?? (await devices.list(userId)).map((one) => one.deviceId),
  }));
  return { at: what.at, accounts: await Promise.all(accounts) };
}

/** Those that are gone already are no error. */
async function end(
  { devices, signIns }: Pick<DeviceOrderDeps, 'devices' | 'signIns'>,
  { at, accounts }: DeviceOrder,
): Promise<void> {
  for (const { userId, deviceIds } of accounts) {
    if (deviceIds === null || deviceIds.length === 0) continue;
    const later = await signIns.findSince(userId, deviceIds, at);
    const meant = deviceIds.filter((deviceId) => !later.has(deviceId));
    if (meant.length > 0) await devices.end(userId, meant);
  }
}
