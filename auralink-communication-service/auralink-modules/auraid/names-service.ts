/**
 * Names in the hands of their bearers: renamed, given back, and claimed for a Matrix account that was there before. A
 * name that ceases to be somebody's address is held: first it is an alias of hers, then it rests, so that nobody poses
 * as her. Locks: her row, then the streams of her endpoints, then the audit chain.
 */
import { randomBytes } from 'node:crypto';
import { AuraError, signedOut } from '../../core/errors.ts';
import type { AuraId, EndpointId, NewId, PersonId, UserId } from '../../core/ids.ts';
import type { Tx, UnitOfWork } from '../../core/unit-of-work.ts';
import type { DashboardEvents } from '../dashboard/model.ts';
import type { Audit } from './audit.ts';
import { MATRIX_PROFILE_TOPIC, takeBackLater } from './matrix-profile.ts';
import type { Registered } from './model.ts';
import { type ClaimableName, checkName, FAULT_TEXT } from './names.ts';
import type { EndpointRevoked, RateLimit, RateLimiter } from './ports.ts';
import type { AccountProofs, AccountStore, Hold, HoldCause, NameStore } from './ports-names.ts';
import type { ContactFanOut, EventAppender } from './ports-privacy.ts';
import type { RegistrationService } from './registration.ts';
import type { IdentityCache } from './resolver.ts';
import { countTry } from './sign-in.ts';

/** A name that was given up for another one goes on to ring its bearer for so long. */
export const ALIAS_DAYS = 90;
/** After that nobody gets it for so long. */
export const REST_DAYS = 90;
/** Old names of one person that ring her at the same time. */
export const RENAMES_MAX = 3;
/** Changes of her name that one person may try; each that succeeds makes an old name rest for half a year. */
export const RENAME_LIMIT: RateLimit = { hits: 20, windowSeconds: 86_400 };
/** Names that one person may keep from others by having borne them, aliases and those at rest together. */
export const HOLDS_MAX = 20;
/** Bytes of the made-up address of a row whose name was given back. */
const GONE_BYTES = 11;

export interface NamesDeps {
  readonly unitOfWork: UnitOfWork;
  readonly names: NameStore;
  readonly accounts: AccountStore;
  readonly proofs: AccountProofs;
  readonly limiter: RateLimiter;
  readonly newId: NewId;
  /** Skeletons that nobody may claim. */
  readonly reserved: ReadonlySet<string>;
  /** For names to offer in place of one that is taken. */
  readonly registration: Pick<RegistrationService, 'checkAvailability'>;
  readonly log: EventAppender;
  readonly outbox: { enqueue(tx: Tx, topic: string, payload: object): Promise<void> };
  readonly fanOut: ContactFanOut;
  readonly cache: IdentityCache;
  readonly dashboard: DashboardEvents;
  readonly audit: Audit;
  readonly endpointRevoked: EndpointRevoked;
}

export interface Renamed {
  readonly auraId: AuraId;
  /** Until then the old name leads to her; null when it was her name already. */
  readonly aliasUntil: Date | null;
}

export interface NamesService {
  /**
   * Throws `invalid` (reason: a NameFault), `taken` with suggestions, `conflict` (reason too_many_aliases,
   * too_many_names), `rate_limited`.
   */
  rename(personId: PersonId, to: string): Promise<Renamed>;
  /** Gives the name back; she is signed out everywhere. */
  release(personId: PersonId): Promise<void>;
  getNames(personId: PersonId): Promise<{ readonly current: AuraId; readonly holds: readonly Hold[] }>;
  /**
   * A name for a Matrix account without one, or for the account of a person who gave hers back. Throws
   * `unauthenticated` (reason bad_credentials), `invalid`, `taken`, `conflict` (reason already_registered,
   * too_many_names).
   */
  claimForAccount(
    userId: UserId,
    password: string,
    auraId: string,
    displayName: string | null,
    clientAddress: string,
  ): Promise<Registered>;
  /** Before her row is emptied: her names rest, and no row tells whose they were. */
  holdForErased(tx: Tx, personId: PersonId): Promise<void>;
}

type Claimable = Extract<ClaimableName, { ok: true }>;

export function createNames(deps: NamesDeps): NamesService {
  return {
    rename: (personId, to) => rename(deps, personId, to),
    release: (personId) => release(deps, personId),
    getNames: async (personId) => {
      const [own, held] = await Promise.all([deps.names.findName(personId), deps.names.listHolds(personId)]);
      if (own === null) throw signedOut();
      return { current: own.auraId, holds: held };
    },
    claimForAccount: async (userId, password, auraId, displayName, address) => {
      const name = claimable(deps, auraId);
      await countTry(deps.limiter, userId, address);
      const proved = await deps.proofs.byPassword(userId, password, address);
      if (proved === null) {
        throw new AuraError('unauthenticated', 'The name or the password is wrong.', {
          reason: 'bad_credentials',
        });
      }
      return claimProved(deps, proved, name, auraId, displayName);
    },
    holdForErased: (tx, personId) => holdForErased(deps, tx, personId),
  };
}

/** After the commit of what took her name or herself away: nobody shows her from memory, and her sockets close. */
export function tellGone(
  deps: Pick<NamesDeps, 'cache' | 'endpointRevoked'>,
  personId: PersonId,
  ended: readonly EndpointId[],
): void {
  deps.cache.changed([personId]);
  for (const endpointId of ended) deps.endpointRevoked(endpointId);
}

/** A made-up address in the shape of one: nobody can claim it, and it says nothing. */
export function goneAddress(): AuraId {
  return `@gone-${randomBytes(GONE_BYTES).toString('hex')}.aura` as AuraId;
}

function claimable(deps: NamesDeps, text: string): Claimable {
  const name = checkName(text, deps.reserved);
  if (name.ok) return name;
  throw new AuraError('invalid', FAULT_TEXT[name.fault], { field: 'auraId', reason: name.fault });
}

export async function holdForErased(
  deps: Pick<NamesDeps, 'names' | 'newId'>,
  tx: Tx,
  personId: PersonId,
): Promise<void> {
  // Who gave hers back has none to hold: it has rested since.
  const own = await deps.names.lockPerson(tx, personId);
  if (own?.state !== 'released') await deps.names.holdCurrent(tx, holdOf(deps, personId, 'erased'));
  await deps.names.forgetHolds(tx, personId);
}

function holdOf(deps: Pick<NamesDeps, 'newId'>, personId: PersonId, cause: HoldCause) {
  return {
    ...{ holdId: deps.newId(), personId, cause },
    resolvesDays: ALIAS_DAYS,
    heldDays: ALIAS_DAYS + REST_DAYS,
  };
}

async function rename(deps: NamesDeps, personId: PersonId, to: string): Promise<Renamed> {
  const name = claimable(deps, to);
  await deps.limiter.hit(`rename:${personId}`, RENAME_LIMIT);
  const aliasUntil = await withSuggestions(deps, to, () =>
    deps.unitOfWork.run((tx) => renameIn(deps, tx, personId, name)),
  );
  if (aliasUntil !== null) deps.cache.changed([personId]);
  return { auraId: name.auraId, aliasUntil };
}

/** Whoever gives names up again and again would keep them all from everybody; one of those she may take back. */
async function refuseTooManyHolds(deps: NamesDeps, tx: Tx, personId: PersonId, name: AuraId): Promise<void> {
  if ((await deps.names.countHolds(tx, personId, name)) < HOLDS_MAX) return;
  throw new AuraError(
    'conflict',
    `${HOLDS_MAX} names that you gave up are kept from others already; take one of them back, or wait until one is free.`,
    { field: 'auraId', reason: 'too_many_names' },
  );
}

/** Null: it is her name already. */
async function renameIn(deps: NamesDeps, tx: Tx, personId: PersonId, name: Claimable): Promise<Date | null> {
  const { names } = deps;
  const own = await names.lockPerson(tx, personId);
  if (own?.state !== 'active') throw signedOut();
  if (own.auraId === name.auraId) return null;
  if ((await names.countAliases(tx, personId, name.auraId)) >= RENAMES_MAX) {
    throw new AuraError(
      'conflict',
      `At most ${RENAMES_MAX} of your old names ring you at a time; take one of them back, or wait for one to end.`,
      { field: 'auraId', reason: 'too_many_aliases' },
    );
  }
  await refuseTooManyHolds(deps, tx, personId, name.auraId);
  const aliasUntil = await names.holdCurrent(tx, holdOf(deps, personId, 'renamed'));
  await names.setName(tx, personId, name.auraId, name.skeleton);
  await names.dropHold(tx, personId, name.auraId);
  await deps.fanOut.changed(tx, personId);
  await tellHerself(deps, tx, personId);
  await deps.dashboard.emit(tx, {
    type: 'auraid.renamed',
    data: {
      ...{ personId, auraId: name.auraId, previousAuraId: own.auraId },
      aliasUntil: aliasUntil.toISOString(),
    },
  });
  await record(deps, tx, personId, 'name.renamed');
  return aliasUntil;
}

async function release(deps: NamesDeps, personId: PersonId): Promise<void> {
  const { names } = deps;
  const ended = await deps.unitOfWork.run(async (tx): Promise<EndpointId[]> => {
    const own = await names.lockPerson(tx, personId);
    if (own?.state !== 'active') throw signedOut();
    await names.holdCurrent(tx, holdOf(deps, personId, 'released'));
    await names.leave(tx, personId, goneAddress());
    for (const { userId, shown } of await deps.accounts.forgetShown(tx, personId)) {
      await takeBackLater(deps.outbox, tx, userId, shown);
    }
    const endpoints = await names.endSessions(tx, personId);
    await deps.fanOut.changed(tx, personId);
    await deps.dashboard.emit(tx, { type: 'auraid.released', data: { personId, auraId: own.auraId } });
    await record(deps, tx, personId, 'name.released');
    return endpoints;
  });
  tellGone(deps, personId, ended);
}

async function claimProved(
  deps: NamesDeps,
  userId: UserId,
  name: Claimable,
  asked: string,
  displayName: string | null,
): Promise<Registered> {
  const registered = await withSuggestions(deps, asked, () =>
    deps.unitOfWork.run((tx) => claimIn(deps, tx, userId, name, displayName)),
  );
  deps.cache.changed([registered.personId]);
  return registered;
}

async function claimIn(
  deps: NamesDeps,
  tx: Tx,
  userId: UserId,
  name: Claimable,
  displayName: string | null,
): Promise<Registered> {
  const owner = await deps.accounts.findOwner(tx, userId);
  const done = (personId: PersonId, created: boolean): Registered => ({
    ...{ personId, auraId: name.auraId, userId, created },
    passwordSet: true,
  });
  if (owner === null) return done(await claimFirst(deps, tx, userId, name, displayName), true);
  // A try whose answer got lost.
  if (owner.state === 'active' && owner.auraId === name.auraId) return done(owner.personId, false);
  if (owner.state !== 'released') {
    throw new AuraError('conflict', 'This Matrix account has an AuraLink address already.', {
      field: 'matrixUserId',
      reason: 'already_registered',
    });
  }
  await refuseTooManyHolds(deps, tx, owner.personId, name.auraId);
  await deps.names.comeBack(tx, owner.personId, name.auraId, name.skeleton);
  await deps.names.dropHold(tx, owner.personId, name.auraId);
  // She proved this account; the one that signed her in before may be another.
  await deps.accounts.makePrimary(tx, owner.personId, userId);
  await deps.outbox.enqueue(tx, MATRIX_PROFILE_TOPIC, { personId: owner.personId });
  await deps.fanOut.changed(tx, owner.personId);
  await tellRegistered(deps, tx, owner.personId, name.auraId, 'returned');
  await record(deps, tx, owner.personId, 'name.taken_back');
  return done(owner.personId, true);
}

async function claimFirst(
  deps: NamesDeps,
  tx: Tx,
  userId: UserId,
  name: Claimable,
  displayName: string | null,
): Promise<PersonId> {
  const personId = deps.newId<PersonId>();
  const registrationKey = `matrix:${personId}`;
  const { auraId, skeleton } = name;
  const made = await deps.names.insertActive(tx, {
    personId,
    auraId,
    skeleton,
    displayName,
    registrationKey,
  });
  if (!made) throw takenError();
  if (!(await deps.accounts.attach(tx, personId, userId, 'sign_in', true))) {
    throw new AuraError('conflict', 'This Matrix account was just claimed; sign in instead.', {
      field: 'matrixUserId',
      reason: 'already_registered',
    });
  }
  await deps.outbox.enqueue(tx, MATRIX_PROFILE_TOPIC, { personId });
  await tellRegistered(deps, tx, personId, auraId, 'matrix_account');
  await record(deps, tx, personId, 'name.claimed');
  return personId;
}

function tellRegistered(
  deps: NamesDeps,
  tx: Tx,
  personId: PersonId,
  auraId: AuraId,
  via: 'matrix_account' | 'returned',
): Promise<void> {
  const data = { personId, auraId, dashboardUserId: null, via };
  return deps.dashboard.emit(tx, { type: 'auraid.registered', data });
}

/** Her own open pages ask for what is true now. */
async function tellHerself(deps: NamesDeps, tx: Tx, personId: PersonId): Promise<void> {
  const endpoints = await deps.names.listEndpoints(tx, personId);
  await deps.log.append(
    tx,
    endpoints.map((endpointId) => ({ endpointId, type: 'me.updated', data: {} })),
  );
}

function record(
  deps: NamesDeps,
  tx: Tx,
  personId: PersonId,
  act: 'name.renamed' | 'name.released' | 'name.claimed' | 'name.taken_back',
): Promise<void> {
  return deps.audit.record(tx, { actor: `person:${personId}`, act, subject: personId });
}

/** Adds names that are free to a refusal because of a name that is not; outside of the lost transaction. */
async function withSuggestions<T>(deps: NamesDeps, asked: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AuraError) || error.code !== 'taken') throw error;
    const { suggestions = [] } = await deps.registration.checkAvailability(asked);
    throw new AuraError('taken', error.message, { ...error.details, suggestions });
  }
}

function takenError(): AuraError {
  return new AuraError('taken', 'Somebody holds this name, or one that looks like it.', {
    field: 'auraId',
    reason: 'taken',
  });
}
