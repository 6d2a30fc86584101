/** What privacy and contacts need from outside: their rows, the vault, Matrix profiles, and who is told of changes. */
import type {
  AuraId,
  CallId,
  EndpointId,
  InvitationId,
  InviteId,
  ListId,
  PersonId,
  RequestId,
  RingId,
  UserId,
} from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import type { NewEvent, Scope } from '../endpoints/model.ts';
import type { Rules, Viewer } from './privacy.ts';
import type { TargetFacts } from './profile-view.ts';

/** A person as she stands before one viewer. */
export interface Beheld {
  readonly facts: TargetFacts;
  readonly viewer: Viewer;
}

/** What two people are to each other, as it matters before one asks something of the other. */
export interface Relation {
  /** What the asker is to the other. */
  readonly viewer: Viewer;
  readonly rules: Rules;
  /** The asker has blocked the other herself. */
  readonly youBlocked: boolean;
}

/** A ring that was silenced because its callee blocked the caller. */
export interface SilencedRing {
  readonly ringId: RingId;
  readonly endpointId: EndpointId;
  readonly invitationId: InvitationId;
  readonly callId: CallId;
}

export interface PrivacyStore {
  /** `tx`: as they are under the lock that it holds. */
  getRules(personId: PersonId, tx?: Tx): Promise<Rules>;
  /** Locks her row; returns all rules as they are now. */
  setRules(
    tx: Tx,
    personId: PersonId,
    patch: Partial<Rules>,
  ): Promise<{ readonly before: Rules; readonly after: Rules }>;
  /** Serialises what concerns two people, calls included, until the end of the transaction. */
  lockPair(tx: Tx, a: PersonId, b: PersonId): Promise<void>;
  /** One statement whatever the answer is. */
  getRelation(tx: Tx, asker: PersonId, other: PersonId): Promise<Relation>;
  /** Those of the people who are active, as `viewer` meets them. */
  behold(viewer: PersonId, people: readonly PersonId[]): Promise<Map<PersonId, Beheld>>;
  /** False when it stood already. `as`: the address by which she is blocked. */
  addBlock(tx: Tx, personId: PersonId, blocked: PersonId, as: AuraId): Promise<boolean>;
  /** Whom she blocked by this address; the last of several. */
  findBlocked(personId: PersonId, as: AuraId): Promise<PersonId | null>;
  removeBlock(tx: Tx, personId: PersonId, blocked: PersonId): Promise<boolean>;
  countBlocks(tx: Tx, personId: PersonId): Promise<number>;
  /** By the addresses by which they were blocked, whatever they are called now. */
  listBlocks(personId: PersonId): Promise<{ readonly auraId: AuraId; readonly since: Date }[]>;
  /** From now on calls of `caller` that ring `callee` ring for the caller only. */
  screenRinging(tx: Tx, callee: PersonId, caller: PersonId): Promise<SilencedRing[]>;
  /** People behind Matrix accounts who have blocked the person behind `viewer`. */
  findBlockers(viewer: UserId, accounts: readonly UserId[]): Promise<Set<UserId>>;
  /** Those of the Matrix accounts that are some person's. */
  findMapped(accounts: readonly UserId[]): Promise<Set<UserId>>;
}

export interface Friend {
  readonly personId: PersonId;
  readonly since: Date;
  readonly lists: readonly ListId[];
  readonly noteId: string | null;
  readonly noteEnvelope: Buffer | null;
}

export interface FriendRequest {
  readonly requestId: RequestId;
  readonly from: PersonId;
  readonly to: PersonId;
  readonly screened: boolean;
  readonly createdAt: Date;
}

export interface ContactStore {
  /** Until the end of the transaction nobody else counts what is hers: her maxima hold. */
  lockOwner(tx: Tx, personId: PersonId): Promise<void>;
  /** Friends by their id, those after `after`. */
  listFriends(personId: PersonId, after: PersonId | null, limit: number): Promise<Friend[]>;
  isFriend(tx: Tx, personId: PersonId, other: PersonId): Promise<boolean>;
  countFriends(tx: Tx, personId: PersonId): Promise<number>;
  befriend(tx: Tx, a: PersonId, b: PersonId): Promise<void>;
  /** Also takes the friend off her lists and drops her note; false when they were none. */
  unfriend(tx: Tx, personId: PersonId, friend: PersonId): Promise<boolean>;

  /** What she asked last of this person and may still be waiting for. */
  findWaiting(tx: Tx, from: PersonId, to: PersonId, days: number): Promise<RequestId | null>;
  /** Whether she withdrew, within so many days, what the other had declined. */
  wasDeclined(tx: Tx, from: PersonId, to: PersonId, days: number): Promise<boolean>;
  /** Takes back what she asked before, and asks anew. `as`: the address that she asked. */
  insertRequest(tx: Tx, request: Omit<FriendRequest, 'createdAt'>, as: AuraId): Promise<void>;
  findRequest(requestId: RequestId): Promise<FriendRequest | null>;
  /** Pending and to be seen by her who was asked. */
  listIncoming(personId: PersonId, limit: number): Promise<FriendRequest[]>;
  /** As who asked sees them: declined and screened ones wait like all others, under the address that she asked. */
  listOutgoing(
    personId: PersonId,
    limit: number,
  ): Promise<{ readonly requestId: RequestId; readonly to: AuraId; readonly createdAt: Date }[]>;
  /** Whose request she decides, or null when there is none that she could. */
  decide(
    tx: Tx,
    requestId: RequestId,
    by: PersonId,
    state: 'accepted' | 'declined',
  ): Promise<PersonId | null>;
  /** Decides what waits between the two, in this direction; null when nothing does. */
  acceptWaiting(tx: Tx, from: PersonId, to: PersonId): Promise<RequestId | null>;
  /** Whom she had asked; null when it is not hers, or decided. */
  withdraw(tx: Tx, requestId: RequestId, by: PersonId): Promise<PersonId | null>;
  /** After a block: the blocker's own requests are withdrawn, the other's are never shown. */
  screenRequests(tx: Tx, blocker: PersonId, blocked: PersonId): Promise<void>;

  listLists(personId: PersonId): Promise<StoredList[]>;
  countLists(tx: Tx, personId: PersonId): Promise<number>;
  insertList(tx: Tx, personId: PersonId, listId: ListId, name: Buffer): Promise<void>;
  /** False when she has no such list. */
  renameList(tx: Tx, personId: PersonId, listId: ListId, name: Buffer): Promise<boolean>;
  deleteList(personId: PersonId, listId: ListId): Promise<boolean>;
  /** `unknown_list` also for other people's. */
  addMember(
    personId: PersonId,
    listId: ListId,
    member: PersonId,
    limit: number,
  ): Promise<'ok' | 'unknown_list' | 'not_friends' | 'full'>;
  removeMember(personId: PersonId, listId: ListId, member: PersonId): Promise<boolean>;

  /** Id of her note about this person; `fresh` becomes it when there is none. The caller holds the pair's lock. */
  getNoteId(tx: Tx, personId: PersonId, about: PersonId, fresh: string): Promise<string>;
  setNote(tx: Tx, noteId: string, personId: PersonId, about: PersonId, note: Buffer): Promise<void>;
  deleteNote(tx: Tx, personId: PersonId, about: PersonId): Promise<void>;

  /** Present addresses of those who are active. */
  findAddresses(tx: Tx, people: readonly PersonId[]): Promise<Map<PersonId, AuraId>>;
  /** Signed-in endpoints of these people that have this scope. */
  listEndpoints(tx: Tx, people: readonly PersonId[], scope: Scope): Promise<ContactEndpoint[]>;
  /** Deletes requests that are older, the oldest first and `limit` at the most; returns how many. */
  pruneRequests(days: number, limit: number): Promise<number>;
}

export interface ContactEndpoint {
  readonly endpointId: EndpointId;
  readonly personId: PersonId;
}

export interface StoredList {
  readonly listId: ListId;
  readonly nameEnvelope: Buffer;
  /** Addresses of those on it who are still friends. */
  readonly members: readonly AuraId[];
}

export interface StoredInvite {
  readonly inviteId: InviteId;
  readonly personId: PersonId;
  readonly labelEnvelope: Buffer | null;
  readonly usesMax: number;
  readonly uses: number;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly revokedAt: Date | null;
}

export interface InviteStore {
  /** Those that still let somebody in. */
  countLive(tx: Tx, personId: PersonId): Promise<number>;
  insert(
    tx: Tx,
    invite: {
      readonly inviteId: InviteId;
      readonly personId: PersonId;
      readonly codeHash: Buffer;
      readonly label: Buffer | null;
      readonly usesMax: number;
      readonly expiresInHours: number;
    },
  ): Promise<void>;
  list(personId: PersonId, limit: number): Promise<StoredInvite[]>;
  findByCode(codeHash: Buffer): Promise<{ readonly inviteId: InviteId; readonly personId: PersonId } | null>;
  hasUsed(tx: Tx, inviteId: InviteId, personId: PersonId): Promise<boolean>;
  /** Counts one use; false when it is spent, lapsed or revoked. */
  use(tx: Tx, inviteId: InviteId, personId: PersonId): Promise<boolean>;
  /** False when it is not hers or was revoked before. */
  revoke(tx: Tx, inviteId: InviteId, personId: PersonId): Promise<boolean>;
  /** Deletes codes so many days after they lapsed, `limit` at the most; returns how many. */
  prune(daysAfterExpiry: number, limit: number): Promise<number>;
}

/** Tells friends that what they see of a person has changed. */
export interface ContactFanOut {
  changed(tx: Tx, personId: PersonId): Promise<void>;
}

/** Profiles at the homeserver, written as the application service. Every method throws `unavailable` when it is away. */
export interface MatrixProfiles {
  /** Whose token it is; null when Synapse does not know it. */
  whoami(token: string): Promise<UserId | null>;
  getProfile(
    userId: UserId,
  ): Promise<{ readonly displayName: string | null; readonly avatarUrl: string | null }>;
  /** Null removes it. */
  setDisplayName(userId: UserId, displayName: string | null): Promise<void>;
  setAvatar(userId: UserId, mxcUrl: string | null): Promise<void>;
}

/** Writes to endpoints' logs; the endpoints room's EventLog satisfies it. */
export interface EventAppender {
  append(tx: Tx, events: readonly NewEvent[]): Promise<unknown>;
}

/** Remembers, in the transaction, what must be done after it. */
export interface Outbox {
  enqueue(tx: Tx, topic: string, payload: object): Promise<void>;
}

/** Who is behind an address, an alias included. */
export interface People {
  findPerson(auraId: AuraId): Promise<{ readonly personId: PersonId } | null>;
}

/** A picture that lies at the homeserver. */
export interface UploadedPicture {
  readonly mxcUrl: string;
  /** SHA-256 of its bytes. */
  readonly digest: Buffer;
}

/** What of a person's profile Matrix should show, and what was written there. */
export interface MatrixProfileStore {
  find(personId: PersonId): Promise<{
    readonly accounts: readonly { readonly userId: UserId; readonly picture: UploadedPicture | null }[];
    readonly displayName: string | null;
    readonly picture: { readonly fieldId: string; readonly envelope: Buffer } | null;
  } | null>;
  /** Remembers what is shown there from now on; false when the account is not hers any more, or she has no name. */
  note(
    personId: PersonId,
    userId: UserId,
    shown: { readonly displayName: string | null; readonly picture: UploadedPicture | null },
  ): Promise<boolean>;
  /** Nobody else writes this person's profiles meanwhile. Throws `unavailable` while somebody does. */
  alone(personId: PersonId, work: () => Promise<void>): Promise<void>;
  /** Whether the account is anybody's who has a name. */
  isAttached(userId: UserId): Promise<boolean>;
}
