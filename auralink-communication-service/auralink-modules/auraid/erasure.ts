/**
 * Erasing a person (Art. 17 GDPR). One transaction takes her rows, her data key and with it everything that it sealed,
 * her sessions and her name; what lies elsewhere (the homeserver, her name in other people's calls) follows by the
 * outbox, each step repeated until it succeeds. Locks: her row, then streams, then the audit chain.
 */
import { AuraError } from '../../core/errors.ts';
import type { EndpointId, PersonId } from '../../core/ids.ts';
import type { OutboxHandler } from '../../core/outbox.ts';
import type { Tx, UnitOfWork } from '../../core/unit-of-work.ts';
import type { DashboardEvents } from '../dashboard/model.ts';
import type { Actor, Audit } from './audit.ts';
import { takeBackLater } from './matrix-profile.ts';
import { ALIAS_DAYS, goneAddress, type NamesService, REST_DAYS, tellGone } from './names-service.ts';
import type { EndpointRevoked } from './ports.ts';
import type { ErasureStore, LeftAccount, SessionEnder } from './ports-leaving.ts';
import type { ContactStore, EventAppender, Outbox } from './ports-privacy.ts';
import type { IdentityCache } from './resolver.ts';

export const ERASE_TOPIC = 'identity.erase';
/** Friends whose open pages hear at once that she is gone; the others see it when they next look. */
export const ERASURE_FRIENDS_TOLD_MAX = 500;
/** Calls from which her name is taken in one statement. */
export const ERASURE_HISTORY_BATCH = 1_000;
/** Whoever gave her name back is erased when she has not returned for so long: as long as the name was kept for her. */
export const RELEASED_KEPT_DAYS = ALIAS_DAYS + REST_DAYS;
/** Such people that one round erases. */
export const RELEASED_ERASED_MAX = 100;
/** How often it is looked for them. */
export const RELEASED_LOOK_SECONDS = 3_600;

export interface ErasureDeps {
  readonly unitOfWork: UnitOfWork;
  readonly store: ErasureStore;
  readonly sessions: SessionEnder;
  readonly names: Pick<NamesService, 'holdForErased'>;
  readonly contacts: Pick<ContactStore, 'listEndpoints'>;
  readonly log: EventAppender;
  readonly outbox: Outbox;
  readonly dashboard: DashboardEvents;
  readonly audit: Audit;
  readonly cache: IdentityCache;
  readonly endpointRevoked: EndpointRevoked;
  readonly eraseAccount: (userId: LeftAccount['userId']) => Promise<void>;
  /** Those that we uploaded for this account and that nobody shows any more. */
  readonly deletePictures: (userId: LeftAccount['userId']) => Promise<void>;
}

export interface ErasureTerms {
  readonly confirmation: string;
  readonly goes: readonly string[];
  readonly stays: readonly { readonly what: string; readonly why: string; readonly until: string }[];
}

const GOES = [
  'Your name, picture, text and everything kept for you: it is deleted here, and the key that opens it with it. A picture that you showed to everybody is deleted from the Matrix server as well.',
  'Your friends, requests, blocks, lists, notes and invitation links, and what others noted about you.',
  'All your sessions, in every app and browser, at once.',
  'The Matrix account that we made for you, with its devices. Accounts that you brought along stay yours; they are detached, and lose the name and picture that we wrote there.',
  'Your name in the call lists of others.',
];
const STAYS: ErasureTerms['stays'] = [
  {
    what: 'Calls, in the lists of those with whom you spoke, without your name.',
    why: 'The lists are theirs.',
    until: 'As long as they keep them.',
  },
  {
    what: 'Entries of the audit log, under a number without a name.',
    why: 'Security, and to answer for what was done (Art. 17(3)(e) GDPR).',
    until: 'For good: the log refuses every deletion.',
  },
  {
    what: 'Your name, unused and not told as yours.',
    why: 'So that nobody poses as you.',
    until: '180 days.',
  },
  {
    what: 'Your address in what your friends’ apps are told, that you are gone among it.',
    why: 'So that they take you off their lists.',
    until: '7 days at most.',
  },
  {
    what: 'Backups.',
    why: 'They cannot be changed one by one. What was encrypted in them opens no more once the next backup is made; your address and name lie in them as they are. Whoever brings an old one back erases you again with it.',
    until: 'Until they roll over.',
  },
  {
    what: 'Copies of a picture that you showed to everybody, where other Matrix servers and people have loaded it.',
    why: 'They are not ours to delete.',
    until: 'As long as they keep them.',
  },
  {
    what: 'Messages that you sent in Matrix rooms.',
    why: 'The rooms are shared with others; the Matrix server keeps their history.',
    until: 'As long as the rooms are kept.',
  },
];

export const erasureTerms = (auraId: string): ErasureTerms => ({
  confirmation: auraId,
  goes: GOES,
  stays: STAYS,
});

/** The caller has proved by her password that it is she. Throws `invalid` when `confirmation` is not her address. */
export async function erase(deps: ErasureDeps, personId: PersonId, confirmation: string): Promise<void> {
  const ended = await deps.unitOfWork.run(async (tx): Promise<EndpointId[]> => {
    const own = await deps.store.lockActive(tx, personId);
    if (own === null) throw new AuraError('unauthenticated', 'Sign in first.', { reason: 'signed_out' });
    if (confirmation !== own.auraId) {
      throw new AuraError('invalid', `To confirm, give your address: ${own.auraId}.`, {
        field: 'confirmation',
        reason: 'not_confirmed',
      });
    }
    return eraseIn(deps, tx, personId, own, `person:${personId}`);
  });
  tellGone(deps, personId, ended);
}

/** What one transaction of an erasure asks for. */
export type EraseDeps = Omit<ErasureDeps, 'cache' | 'endpointRevoked' | 'eraseAccount' | 'deletePictures'>;

/**
 * For who confirmed it before, and is there again because an older backup was brought back. False when she is not there,
 * or is erased. Nobody may be signed in: no socket is told.
 */
export async function eraseAgain(deps: EraseDeps, personId: PersonId): Promise<boolean> {
  return await deps.unitOfWork.run(async (tx) => {
    const own = await deps.store.lockActive(tx, personId);
    if (own !== null) await eraseIn(deps, tx, personId, own, 'system');
    return own !== null;
  });
}

/** How many it erased of those who gave their names back and did not return; more may be left. */
export async function eraseReleased(deps: EraseDeps & Pick<ErasureDeps, 'cache'>): Promise<number> {
  let erased = 0;
  for (const personId of await deps.store.listReleased(RELEASED_KEPT_DAYS, RELEASED_ERASED_MAX)) {
    const isErased = await deps.unitOfWork.run(async (tx) => {
      const own = await deps.store.lockReleased(tx, personId, RELEASED_KEPT_DAYS);
      if (own !== null) await eraseIn(deps, tx, personId, own, 'system');
      return own !== null;
    });
    if (!isErased) continue;
    erased += 1;
    deps.cache.changed([personId]);
  }
  return erased;
}

type Own = NonNullable<Awaited<ReturnType<ErasureStore['lockActive']>>>;

async function eraseIn(
  deps: EraseDeps,
  tx: Tx,
  personId: PersonId,
  own: Own,
  actor: Actor,
): Promise<EndpointId[]> {
  const accounts = await deps.store.listAccounts(tx, personId);
  const friends = await deps.store.listFriends(tx, personId, ERASURE_FRIENDS_TOLD_MAX);
  await deps.names.holdForErased(tx, personId);
  const endpoints = await deps.sessions.endSessions(tx, personId);
  await deps.store.emptyPerson(tx, personId, goneAddress());
  await deps.store.begin(tx, personId);
  for (const { userId, provisioned, shown } of accounts) {
    if (!provisioned) await takeBackLater(deps.outbox, tx, userId, shown);
  }
  const left = accounts.map(({ userId, provisioned }): LeftAccount => ({ userId, provisioned }));
  await deps.outbox.enqueue(tx, ERASE_TOPIC, { personId, accounts: left });
  await tellFriends(deps, tx, friends, own.auraId);
  const { dashboardUserId } = own;
  await deps.dashboard.emit(tx, { type: 'auraid.erased', data: { personId, dashboardUserId } });
  await deps.audit.record(tx, { actor, act: 'erasure.confirmed', subject: personId });
  return endpoints;
}

async function tellFriends(
  deps: Pick<ErasureDeps, 'contacts' | 'log'>,
  tx: Tx,
  friends: readonly PersonId[],
  auraId: string,
): Promise<void> {
  if (friends.length === 0) return;
  const endpoints = await deps.contacts.listEndpoints(tx, friends, 'contacts.read');
  await deps.log.append(
    tx,
    endpoints.map(({ endpointId }) => ({ endpointId, type: 'contact.updated', data: { auraId } })),
  );
}

/** Steps that were done are not repeated; each may be. */
export function erasureHandler(deps: ErasureDeps): OutboxHandler {
  return async (payload) => {
    const { personId, accounts } = payload as { personId: PersonId; accounts: LeftAccount[] };
    const done = await deps.store.findStepsDone(personId);
    if (done === null) return;
    if (!done.has('matrix')) {
      for (const account of accounts) {
        await deps.deletePictures(account.userId);
        if (account.provisioned) await deps.eraseAccount(account.userId);
      }
      await deps.store.stepDone(personId, 'matrix');
    }
    if (!done.has('history')) {
      while ((await deps.store.forgetInHistory(personId, ERASURE_HISTORY_BATCH)) > 0);
      await deps.store.deleteEvents(personId);
      await deps.store.stepDone(personId, 'history');
    }
    await deps.unitOfWork.run(async (tx) => {
      await deps.store.finish(tx, personId);
      await deps.audit.record(tx, { actor: 'system', act: 'erasure.done', subject: personId });
    });
  };
}
