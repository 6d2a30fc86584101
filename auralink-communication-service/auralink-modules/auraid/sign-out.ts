/**
 * Ending sessions that were named: those of ours in the transaction of the act that ends them, Matrix devices by an order
 * that the same transaction writes.
 */
import type { EndpointId, PersonId } from '../../core/ids.ts';
import type { Tx, UnitOfWork } from '../../core/unit-of-work.ts';
import type { Audit } from './audit.ts';
import { type DeviceOrder, order, tryNow } from './device-orders.ts';
import type { ProveHerself } from './matrix-accounts.ts';
import type { EndpointRevoked, MatrixAccounts } from './ports.ts';
import type {
  LaterOutbox,
  MatrixDevices,
  MatrixSignIns,
  NamedSessions,
  SessionStore,
} from './ports-sessions.ts';

export interface SessionDeps {
  readonly unitOfWork: UnitOfWork;
  readonly store: SessionStore;
  readonly devices: MatrixDevices;
  readonly signIns: MatrixSignIns;
  readonly accounts: Pick<MatrixAccounts, 'setPassword'>;
  readonly proveHerself: ProveHerself;
  readonly endpointRevoked: EndpointRevoked;
  readonly outbox: LaterOutbox;
  readonly audit: Audit;
}

/** Who asks, and from where. */
export interface Asking {
  readonly personId: PersonId;
  readonly endpointId: EndpointId;
}

export interface SignedOut {
  readonly ended: readonly EndpointId[];
  readonly devices: { readonly order: DeviceOrder; readonly orderId: string };
}

/** Ours at once, and an order for those at the homeserver. `afterwards` must follow. */
export async function signOut(
  deps: SessionDeps,
  tx: Tx,
  personId: PersonId,
  named: NamedSessions,
): Promise<SignedOut> {
  const ended = await deps.store.endSessions(tx, personId, named);
  const accounts = (await deps.store.listAccounts(personId)).map((userId) => ({ userId, deviceIds: null }));
  const what: DeviceOrder = { at: named.at, accounts };
  return { ended, devices: { order: what, orderId: await order(deps, tx, what) } };
}

export async function afterwards(deps: SessionDeps, out: SignedOut | null): Promise<void> {
  if (out === null) return;
  for (const endpointId of out.ended) deps.endpointRevoked(endpointId);
  await tryNow(deps, out.devices.order, out.devices.orderId);
}
