/**
 * Who is told of changes between people: events in the endpoints' logs that name an address and nothing else, so that
 * what a person shows is asked for at the moment it is looked at and never lies in a log.
 */
import type { PersonId, RequestId } from '../../core/ids.ts';
import type { OutboxHandler } from '../../core/outbox.ts';
import type { Tx, UnitOfWork } from '../../core/unit-of-work.ts';
import type { NewEvent } from '../endpoints/model.ts';
import type { ContactFanOut, ContactStore, EventAppender, Outbox } from './ports-privacy.ts';

/** A person's friends are to be told that she changed. */
export const FAN_OUT_TOPIC = 'identity.fan_out';
/** Somebody is to be told that she was asked. */
export const FRIEND_REQUEST_TOPIC = 'identity.friend_request';
/** Friends who are told in one transaction. */
export const FAN_OUT_BATCH = 100;

export interface ContactEventDeps {
  readonly unitOfWork: UnitOfWork;
  readonly contacts: ContactStore;
  readonly log: EventAppender;
  readonly outbox: Outbox;
}

export const contactFanOut = (outbox: Outbox): ContactFanOut => ({
  changed: (tx, personId) => outbox.enqueue(tx, FAN_OUT_TOPIC, { personId }),
});

/** Events for both: each is told the other's address. */
export async function contactUpdated(
  contacts: Pick<ContactStore, 'listEndpoints' | 'findAddresses'>,
  tx: Tx,
  a: PersonId,
  b: PersonId,
): Promise<NewEvent[]> {
  const [endpoints, addresses] = await Promise.all([
    contacts.listEndpoints(tx, [a, b], 'contacts.read'),
    contacts.findAddresses(tx, [a, b]),
  ]);
  return endpoints.flatMap(({ endpointId, personId }) => {
    const auraId = addresses.get(personId === a ? b : a);
    return auraId === undefined ? [] : [{ endpointId, type: 'contact.updated', data: { auraId } }];
  });
}

/** Both may run twice for one change: to be told again does no harm. */
export function contactHandlers(deps: ContactEventDeps): ReadonlyMap<string, OutboxHandler> {
  return new Map<string, OutboxHandler>([
    [FAN_OUT_TOPIC, (payload) => fanOut(deps, (payload as { personId: PersonId }).personId)],
    [FRIEND_REQUEST_TOPIC, (payload) => deliver(deps, (payload as { requestId: RequestId }).requestId)],
  ]);
}

async function fanOut(deps: ContactEventDeps, personId: PersonId): Promise<void> {
  let after: PersonId | null = null;
  for (;;) {
    const friends: PersonId[] = (await deps.contacts.listFriends(personId, after, FAN_OUT_BATCH)).map(
      (friend) => friend.personId,
    );
    if (friends.length > 0) await deps.unitOfWork.run((tx) => tell(deps, tx, personId, friends));
    if (friends.length < FAN_OUT_BATCH) return;
    after = friends.at(-1) ?? null;
  }
}

async function tell(
  deps: ContactEventDeps,
  tx: Tx,
  personId: PersonId,
  friends: readonly PersonId[],
): Promise<void> {
  const auraId = (await deps.contacts.findAddresses(tx, [personId])).get(personId);
  if (auraId === undefined) return;
  const endpoints = await deps.contacts.listEndpoints(tx, friends, 'contacts.read');
  await deps.log.append(
    tx,
    endpoints.map(({ endpointId }) => ({ endpointId, type: 'contact.updated', data: { auraId } })),
  );
}

/** A request that she who was asked must not see ends here, like one that was taken back. */
async function deliver(deps: ContactEventDeps, requestId: RequestId): Promise<void> {
  const request = await deps.contacts.findRequest(requestId);
  if (request === null || request.screened) return;
  await deps.unitOfWork.run(async (tx) => {
    const from = (await deps.contacts.findAddresses(tx, [request.from])).get(request.from);
    if (from === undefined) return;
    const endpoints = await deps.contacts.listEndpoints(tx, [request.to], 'contacts.read');
    await deps.log.append(
      tx,
      endpoints.map(({ endpointId }) => ({ endpointId, type: 'contact.request', data: { requestId, from } })),
    );
  });
}
