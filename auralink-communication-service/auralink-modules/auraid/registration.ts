/**
 * Registering a name. Four steps, each safe to repeat, so that a try killed between any two of them is completed by the
 * next one with the same key: reserve the name and choose an account (one transaction), make the account, set its
 * password if one was given, activate (one transaction). Nothing of Matrix happens inside a transaction.
 */
import { AuraError } from '../../core/errors.ts';
import type { NewId, PersonId, UserId } from '../../core/ids.ts';
import type { Tx, UnitOfWork } from '../../core/unit-of-work.ts';
import type { DashboardEvents } from '../dashboard/model.ts';
import type { Audit } from './audit.ts';
import {
  type NameCheck,
  type Registered,
  type RegisterRequest,
  type Registration,
  SUGGESTIONS_MAX,
} from './model.ts';
import { type ClaimableName, candidatesNear, checkName, FAULT_TEXT } from './names.ts';
import type { IdentityMetrics, MatrixAccounts, RegistryStore } from './ports.ts';

export interface RegistrationDeps {
  readonly unitOfWork: UnitOfWork;
  readonly registry: RegistryStore;
  readonly accounts: MatrixAccounts;
  readonly newId: NewId;
  /** A fresh Matrix user id whose localpart says nothing and cannot be guessed. */
  readonly newUserId: () => UserId;
  /** Skeletons that nobody may claim. */
  readonly reserved: ReadonlySet<string>;
  readonly dashboard: DashboardEvents;
  readonly audit: Audit;
  readonly metrics: Pick<IdentityMetrics, 'registered'>;
}

export interface RegistrationService {
  /**
   * Throws `invalid` (reason: a NameFault), `taken` (with suggestions), `conflict` when this key already holds another
   * name, `unavailable` when Synapse or the database is away (a retry goes on).
   */
  register(request: RegisterRequest): Promise<Registered>;
  checkAvailability(text: string): Promise<NameCheck>;
}

type Claimable = Extract<ClaimableName, { ok: true }>;
type Reserved =
  | { readonly done: true; readonly row: Registration; readonly userId: UserId }
  | { readonly done: false; readonly personId: PersonId; readonly userId: UserId };

export function createRegistration(deps: RegistrationDeps): RegistrationService {
  return {
    register: (request) => register(deps, request),
    checkAvailability: (text) => checkAvailability(deps, text),
  };
}

async function register(deps: RegistrationDeps, request: RegisterRequest): Promise<Registered> {
  const name = checkName(request.auraId, deps.reserved);
  if (!name.ok) {
    throw new AuraError('invalid', FAULT_TEXT[name.fault], { field: 'auraId', reason: name.fault });
  }
  const reserved = await deps.unitOfWork.run((tx) => reserve(deps, tx, request, name)).catch(nullIfTaken);
  if (reserved === null) throw await takenError(deps, request.auraId);
  if (reserved.done) return finished(reserved.row, reserved.userId);

  const { personId, userId } = reserved;
  // An account of this name can only be ours: the name was drawn at random and written down before it was asked for.
  await deps.accounts.createAccount(userId);
  if (request.password !== null) await deps.accounts.setPassword(userId, request.password);
  return activate(deps, request, name, personId, userId);
}

/** The guard of names at rest speaks only after the insert, when the transaction is lost. */
function nullIfTaken(error: unknown): null {
  if (error instanceof AuraError && error.code === 'taken') return null;
  throw error;
}

/** Null: somebody else holds the name or one that looks like it. */
async function reserve(
  deps: RegistrationDeps,
  tx: Tx,
  request: RegisterRequest,
  name: Claimable,
): Promise<Reserved | null> {
  const { registry } = deps;
  const [personId, userId] = [deps.newId<PersonId>(), deps.newUserId()];
  // First what is new, as nearly all are: a try with a key of before is found by its being in the way.
  if (await registry.insertReservation(tx, { ...request, ...name, personId, userId })) {
    return { done: false, personId, userId };
  }
  const row = await registry.findByKey(tx, request.registrationKey);
  if (row === null) return null;
  if (row.state !== 'reserved') {
    assertSameName(row, name);
    return { done: true, row, userId: await registry.getPrimaryAccount(tx, row.personId) };
  }
  // The account's name does not follow the address, so an unfinished reservation can simply take another name.
  if (row.auraId !== name.auraId)
    await registry.moveReservation(tx, row.personId, name.auraId, name.skeleton);
  return {
    done: false,
    personId: row.personId,
    userId: await registry.getPendingAccount(tx, row.personId, userId),
  };
}

async function activate(
  deps: RegistrationDeps,
  request: RegisterRequest,
  name: Claimable,
  personId: PersonId,
  userId: UserId,
): Promise<Registered> {
  const passwordSet = request.password !== null;
  const row = await deps.unitOfWork.run(async (tx) => {
    if (await deps.registry.activate(tx, personId, name.auraId, userId, passwordSet)) {
      const { dashboardUserId } = request;
      const via = dashboardUserId === null ? 'page' : 'dashboard';
      await deps.dashboard.emit(tx, {
        type: 'auraid.registered',
        data: { personId, auraId: name.auraId, dashboardUserId, via },
      });
      const actor = dashboardUserId === null ? (`person:${personId}` as const) : 'service:dashboard';
      await deps.audit.record(tx, { actor, act: 'name.claimed', subject: personId });
      return null;
    }
    const current = await deps.registry.findByKey(tx, request.registrationKey);
    if (current?.state === 'active') return current;
    throw new AuraError('conflict', 'The reservation of this name has lapsed; please try again.', {
      reason: 'reservation_lapsed',
    });
  });
  if (row !== null) {
    assertSameName(row, name);
    return finished(row, userId);
  }
  deps.metrics.registered(request.dashboardUserId === null ? 'page' : 'dashboard');
  return { personId, auraId: name.auraId, userId, created: true, passwordSet };
}

function assertSameName(row: Registration, name: Claimable): void {
  if (row.state === 'active' && row.auraId === name.auraId) return;
  throw new AuraError('conflict', `This registration already holds ${row.auraId}.`, {
    reason: 'already_registered',
    auraId: row.auraId,
  });
}

function finished(row: Registration, userId: UserId): Registered {
  const { personId, auraId, passwordSet } = row;
  return { personId, auraId, userId, created: false, passwordSet };
}

async function takenError(deps: RegistrationDeps, text: string): Promise<AuraError> {
  const { suggestions } = await suggest(deps, text);
  return new AuraError('taken', 'Somebody holds this name, or one that looks like it.', {
    field: 'auraId',
    reason: 'taken',
    suggestions,
  });
}

/** Names near `text` that are free, and whether `skeleton` is: asked together. */
async function suggest(
  deps: RegistrationDeps,
  text: string,
  skeleton?: string,
): Promise<{ readonly isHeld: boolean; readonly suggestions: string[] }> {
  const candidates = candidatesNear(text, deps.reserved);
  const asked = candidates.map((candidate) => candidate.skeleton);
  const held = await deps.registry.findHeld(skeleton === undefined ? asked : [skeleton, ...asked]);
  const free = candidates.filter((candidate) => !held.has(candidate.skeleton));
  return {
    isHeld: skeleton !== undefined && held.has(skeleton),
    suggestions: free.slice(0, SUGGESTIONS_MAX).map((candidate) => candidate.auraId),
  };
}

async function checkAvailability(deps: RegistrationDeps, text: string): Promise<NameCheck> {
  const name = checkName(text, deps.reserved);
  if (!name.ok) {
    // Next to a reserved word everything looks as if it spoke for us, so nothing is offered.
    const suggestions = name.fault === 'reserved' ? [] : (await suggest(deps, text)).suggestions;
    return {
      auraId: name.auraId,
      status: 'not_allowed',
      reason: name.fault,
      detail: FAULT_TEXT[name.fault],
      suggestions,
    };
  }
  const { isHeld, suggestions } = await suggest(deps, text, name.skeleton);
  if (!isHeld) return { auraId: name.auraId, status: 'free' };
  return {
    auraId: name.auraId,
    status: 'taken',
    reason: 'taken',
    detail: 'Somebody holds this name, or one that looks like it.',
    suggestions,
  };
}
