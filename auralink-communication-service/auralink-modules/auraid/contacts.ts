/**
 * Friends, requests between people, and blocks. Friendship is mutual; who was declined, blocked or never read sees one
 * and the same: a request that waits. What two people are to each other changes under their pair's lock, which calls
 * take too.
 */
import { AuraError } from '../../core/errors.ts';
import type { AuraId, ListId, NewId, PersonId, RequestId } from '../../core/ids.ts';
import type { Tx, UnitOfWork } from '../../core/unit-of-work.ts';
import type { Act, Audit } from './audit.ts';
import { contactUpdated, FRIEND_REQUEST_TOPIC } from './contact-events.ts';
import { findOpened, type Vault } from './data-keys.ts';
import type { PeopleViews } from './people-views.ts';
import type { IdentityMetrics, RateLimit, RateLimiter } from './ports.ts';
import type { ContactStore, EventAppender, Friend, Outbox, People, PrivacyStore } from './ports-privacy.ts';
import { youBlockedError } from './privacy-service.ts';
import type { ProfileView } from './profile-view.ts';
import type { IdentityCache } from './resolver.ts';
import { lookUpCounter } from './sign-in.ts';

/** Friends of one person. */
export const FRIENDS_MAX = 5_000;
/** People whom one person may have blocked. */
export const BLOCKS_MAX = 5_000;
/** Contacts on one page. */
export const CONTACTS_PAGE_MAX = 200;
/** Requests shown, the newest first, in each direction. */
export const REQUESTS_SHOWN_MAX = 200;
/** Whoever asks again within so many days asks the same thing: it is not delivered twice. */
export const REQUEST_REPEAT_DAYS = 30;
/** Requests are forgotten after so many days. */
export const REQUEST_KEPT_DAYS = 90;
/** Requests that one person may make. */
export const REQUESTS_LIMIT: RateLimit = { hits: 30, windowSeconds: 86_400 };

export interface ContactDeps {
  readonly unitOfWork: UnitOfWork;
  readonly newId: NewId;
  readonly store: PrivacyStore;
  readonly contacts: ContactStore;
  readonly views: PeopleViews;
  readonly vault: Pick<Vault, 'open' | 'seal'>;
  readonly directory: People;
  readonly limiter: RateLimiter;
  readonly log: EventAppender;
  readonly outbox: Outbox;
  readonly cache: IdentityCache;
  readonly audit: Audit;
  readonly metrics: Pick<IdentityMetrics, 'refused'>;
}

export type FriendView = ProfileView & {
  readonly since: string;
  readonly lists: ListId[];
  readonly note: string | null;
  readonly noteUnreadable?: true;
};

export interface ContactService {
  list(
    personId: PersonId,
    after: PersonId | null,
    limit: number,
  ): Promise<{ friends: FriendView[]; next: PersonId | null }>;
  /** Throws not_found, conflict (already_friends, you_blocked), rate_limited. */
  request(personId: PersonId, to: AuraId): Promise<RequestId>;
  requests(personId: PersonId): Promise<{
    incoming: { requestId: RequestId; from: ProfileView; createdAt: string }[];
    outgoing: { requestId: RequestId; to: AuraId; createdAt: string }[];
  }>;
  accept(personId: PersonId, requestId: RequestId): Promise<void>;
  decline(personId: PersonId, requestId: RequestId): Promise<void>;
  withdraw(personId: PersonId, requestId: RequestId): Promise<void>;
  unfriend(personId: PersonId, auraId: AuraId): Promise<void>;
  block(personId: PersonId, auraId: AuraId): Promise<void>;
  unblock(personId: PersonId, auraId: AuraId): Promise<void>;
  blocks(personId: PersonId): Promise<{ auraId: AuraId; since: string }[]>;
}

export function createContacts(deps: ContactDeps): ContactService {
  return {
    list: (personId, after, limit) => list(deps, personId, after, limit),
    request: (personId, to) => request(deps, personId, to),
    requests: (personId) => requests(deps, personId),
    accept: (personId, requestId) => accept(deps, personId, requestId),
    decline: (personId, requestId) =>
      deps.unitOfWork.run(async (tx) => {
        const asker = await deps.contacts.decide(tx, requestId, personId, 'declined');
        if (asker === null) throw noSuchRequest();
        await recordWith(deps, tx, personId, 'contact.declined', asker);
      }),
    withdraw: (personId, requestId) =>
      deps.unitOfWork.run(async (tx) => {
        const asked = await deps.contacts.withdraw(tx, requestId, personId);
        if (asked === null) throw noSuchRequest();
        await recordWith(deps, tx, personId, 'contact.withdrawn', asked);
      }),
    unfriend: (personId, auraId) => unfriend(deps, personId, auraId),
    block: (personId, auraId) => block(deps, personId, auraId),
    unblock: (personId, auraId) => unblock(deps, personId, auraId),
    blocks: async (personId) =>
      (await deps.store.listBlocks(personId)).map(({ auraId, since }) => ({
        auraId,
        since: since.toISOString(),
      })),
  };
}

/**
 * Counts as a look-up: whoever tries names learns here which are claimed. Throws not_found when nobody has the address,
 * invalid when it is her own, rate_limited.
 */
export async function getOther(
  deps: Pick<ContactDeps, 'directory' | 'limiter'>,
  personId: PersonId,
  auraId: AuraId,
): Promise<{ readonly personId: PersonId }> {
  await lookUpCounter(deps.limiter)(personId);
  const person = await deps.directory.findPerson(auraId);
  if (person === null) {
    throw new AuraError('not_found', `Nobody has the address ${auraId}.`, { reason: 'unknown_address' });
  }
  if (person.personId === personId) {
    throw new AuraError('invalid', 'This is your own address; name somebody else.', {
      reason: 'own_address',
    });
  }
  return person;
}

async function list(
  deps: ContactDeps,
  personId: PersonId,
  after: PersonId | null,
  limit: number,
): Promise<{ friends: FriendView[]; next: PersonId | null }> {
  const friends = await deps.contacts.listFriends(personId, after, limit);
  const views = await deps.views.of(
    personId,
    friends.map((friend) => friend.personId),
  );
  const shown = friends.map(async (friend): Promise<FriendView[]> => {
    const view = views.get(friend.personId);
    if (view === undefined) return [];
    const note = await openNote(deps, personId, friend);
    return [{ ...view, since: friend.since.toISOString(), lists: [...friend.lists], ...note }];
  });
  return {
    friends: (await Promise.all(shown)).flat(),
    next: friends.length === limit ? (friends.at(-1)?.personId ?? null) : null,
  };
}

/** `noteUnreadable`: there is a note, and it cannot be opened any more. */
async function openNote(
  deps: ContactDeps,
  personId: PersonId,
  friend: Friend,
): Promise<Pick<FriendView, 'note' | 'noteUnreadable'>> {
  if (friend.noteId === null || friend.noteEnvelope === null) return { note: null };
  const place = { table: 'contact_notes', column: 'note_envelope', row: friend.noteId };
  const note = await findOpened(deps.vault, personId, place, friend.noteEnvelope);
  return note === null ? { note, noteUnreadable: true } : { note: note.toString('utf8') };
}

async function request(deps: ContactDeps, personId: PersonId, to: AuraId): Promise<RequestId> {
  await deps.limiter.hit(`friend-request:${personId}`, REQUESTS_LIMIT);
  const other = (await getOther(deps, personId, to)).personId;
  const asked = await deps.unitOfWork.run((tx) => requestIn(deps, tx, personId, other, to));
  if (asked.friends) deps.cache.changed([personId, other]);
  return asked.requestId;
}

/** Whatever becomes of it, the same statements run and the same rows are written. */
async function requestIn(
  deps: ContactDeps,
  tx: Tx,
  personId: PersonId,
  other: PersonId,
  as: AuraId,
): Promise<{ requestId: RequestId; friends: boolean }> {
  const { contacts, store } = deps;
  const [, relation, waiting, declined] = await Promise.all([
    store.lockPair(tx, personId, other),
    store.getRelation(tx, personId, other),
    contacts.findWaiting(tx, personId, other, REQUEST_REPEAT_DAYS),
    contacts.wasDeclined(tx, personId, other, REQUEST_REPEAT_DAYS),
  ]);
  if (relation.youBlocked) throw youBlockedError();
  if (relation.viewer === 'friend') {
    throw new AuraError('conflict', 'You are friends already.', { reason: 'already_friends' });
  }
  const requestId = waiting ?? deps.newId<RequestId>();
  // She asks who has asked her: both want it.
  if ((await contacts.acceptWaiting(tx, other, personId)) !== null) {
    if (waiting !== null) await contacts.acceptWaiting(tx, personId, other);
    await befriend(deps, tx, personId, other);
    await recordWith(deps, tx, personId, 'contact.befriended', other);
    return { requestId, friends: true };
  }
  if (waiting === null) {
    const screened = relation.viewer === 'blocked' || declined;
    if (screened) deps.metrics.refused('friend_request');
    await contacts.insertRequest(tx, { requestId, from: personId, to: other, screened }, as);
    await deps.outbox.enqueue(tx, FRIEND_REQUEST_TOPIC, { requestId });
    await recordWith(deps, tx, personId, 'contact.asked', other);
  }
  return { requestId, friends: false };
}

/** The caller holds the pair's lock. Throws conflict (too_many_friends). */
export async function befriend(
  deps: Pick<ContactDeps, 'contacts' | 'log'>,
  tx: Tx,
  a: PersonId,
  b: PersonId,
): Promise<void> {
  const counts = await Promise.all([deps.contacts.countFriends(tx, a), deps.contacts.countFriends(tx, b)]);
  if (Math.max(...counts) >= FRIENDS_MAX) {
    throw new AuraError('conflict', `A person may have ${FRIENDS_MAX} friends at most.`, {
      reason: 'too_many_friends',
    });
  }
  await deps.contacts.befriend(tx, a, b);
  await deps.log.append(tx, await contactUpdated(deps.contacts, tx, a, b));
}

async function requests(deps: ContactDeps, personId: PersonId): ReturnType<ContactService['requests']> {
  const [incoming, outgoing] = await Promise.all([
    deps.contacts.listIncoming(personId, REQUESTS_SHOWN_MAX),
    deps.contacts.listOutgoing(personId, REQUESTS_SHOWN_MAX),
  ]);
  const views = await deps.views.of(
    personId,
    incoming.map((one) => one.from),
  );
  return {
    incoming: incoming.flatMap(({ requestId, from, createdAt }) => {
      const view = views.get(from);
      return view === undefined ? [] : [{ requestId, from: view, createdAt: createdAt.toISOString() }];
    }),
    outgoing: outgoing.map((one) => ({ ...one, createdAt: one.createdAt.toISOString() })),
  };
}

async function accept(deps: ContactDeps, personId: PersonId, requestId: RequestId): Promise<void> {
  const found = await deps.contacts.findRequest(requestId);
  if (found === null || found.to !== personId) throw noSuchRequest();
  await deps.unitOfWork.run(async (tx) => {
    await deps.store.lockPair(tx, personId, found.from);
    if ((await deps.contacts.decide(tx, requestId, personId, 'accepted')) === null) throw noSuchRequest();
    await deps.contacts.acceptWaiting(tx, personId, found.from);
    await befriend(deps, tx, personId, found.from);
    await recordWith(deps, tx, personId, 'contact.befriended', found.from);
  });
  deps.cache.changed([personId, found.from]);
}

async function unfriend(deps: ContactDeps, personId: PersonId, auraId: AuraId): Promise<void> {
  const other = (await getOther(deps, personId, auraId)).personId;
  await deps.unitOfWork.run(async (tx) => {
    await deps.store.lockPair(tx, personId, other);
    if (!(await deps.contacts.unfriend(tx, personId, other))) {
      throw new AuraError('not_found', 'Nobody of this address is among your contacts.', {
        reason: 'no_contact',
      });
    }
    await deps.log.append(tx, await contactUpdated(deps.contacts, tx, personId, other));
    await recordWith(deps, tx, personId, 'contact.unfriended', other);
  });
  deps.cache.changed([personId, other]);
}

async function block(deps: ContactDeps, personId: PersonId, auraId: AuraId): Promise<void> {
  const other = (await getOther(deps, personId, auraId)).personId;
  await deps.unitOfWork.run((tx) => blockIn(deps, tx, personId, other, auraId));
  deps.cache.changed([personId, other]);
}

async function blockIn(
  deps: ContactDeps,
  tx: Tx,
  personId: PersonId,
  other: PersonId,
  as: AuraId,
): Promise<void> {
  const { store, contacts } = deps;
  await store.lockPair(tx, personId, other);
  await contacts.lockOwner(tx, personId);
  if (!(await store.addBlock(tx, personId, other, as))) return;
  if ((await store.countBlocks(tx, personId)) > BLOCKS_MAX) {
    throw new AuraError('conflict', `You may block ${BLOCKS_MAX} people at most.`, {
      reason: 'too_many_blocks',
    });
  }
  const wereFriends = await contacts.unfriend(tx, personId, other);
  await contacts.screenRequests(tx, personId, other);
  const silenced = await store.screenRinging(tx, personId, other);
  const events = wereFriends ? await contactUpdated(contacts, tx, personId, other) : [];
  for (const { endpointId, ...ring } of silenced) {
    events.push({ endpointId, type: 'ring.stopped', data: { ...ring, reason: 'timeout' } });
  }
  await deps.log.append(tx, events);
  await recordWith(deps, tx, personId, 'contact.blocked', other);
}

/** By the address by which she was blocked, though it may lead to nobody by now; or by one that leads to her. */
async function unblock(deps: ContactDeps, personId: PersonId, auraId: AuraId): Promise<void> {
  const blocked = await deps.store.findBlocked(personId, auraId);
  const other = blocked ?? (await getOther(deps, personId, auraId)).personId;
  const removed = await deps.unitOfWork.run(async (tx) => {
    await deps.store.lockPair(tx, personId, other);
    if (!(await deps.store.removeBlock(tx, personId, other))) return false;
    await recordWith(deps, tx, personId, 'contact.unblocked', other);
    return true;
  });
  if (removed) deps.cache.changed([personId, other]);
}

/** Hers alone, so that one transaction locks the end of one chain. */
function recordWith(
  deps: Pick<ContactDeps, 'audit'>,
  tx: Tx,
  personId: PersonId,
  act: Extract<Act, `contact.${string}`>,
  other: PersonId,
): Promise<void> {
  return deps.audit.record(tx, { actor: `person:${personId}`, act, subject: personId, detail: { other } });
}

function noSuchRequest(): AuraError {
  return new AuraError('not_found', 'There is no such request here.', { reason: 'unknown_request' });
}
