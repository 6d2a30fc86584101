/**
 * Changing the password. The homeserver keeps it, so two places change: before it is asked, what is to follow is written
 * down; when it has answered, one transaction does that and takes the note away. A process that dies in between, or is
 * told nothing by the homeserver, leaves the note, and whoever finds it ends the sessions that were to end.
 */
import { AuraError } from '../../core/errors.ts';
import { type EndpointId, NOBODY, type PersonId, type UserId } from '../../core/ids.ts';
import type { OutboxHandler } from '../../core/outbox.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import type { NamedSessions } from './ports-sessions.ts';
import { type Asking, afterwards, type SessionDeps, type SignedOut, signOut } from './sign-out.ts';

/** A change of password that has begun and of whose end nobody knows. */
export const PASSWORD_CHANGE_TOPIC = 'identity.password_change';
/** After it nobody is at work on a change any more: longer than all that the homeserver is given to answer in. */
export const PASSWORD_CHANGE_LEFT_SECONDS = 90;

export interface PasswordChange {
  readonly currentPassword: string;
  readonly newPassword: string;
  readonly signOutOthers: boolean;
}

/** Nobody's: all sessions are meant. */
const NO_ENDPOINT = NOBODY as string as EndpointId;

export interface Begun {
  readonly personId: PersonId;
  readonly signOutOthers: boolean;
  /** All but the endpoint that asked, as they were then. */
  readonly others: NamedSessions;
}

export async function changePassword(
  deps: SessionDeps,
  { personId, endpointId }: Asking,
  { currentPassword, newPassword, signOutOthers }: PasswordChange,
  clientAddress: string,
): Promise<void> {
  await deps.proveHerself(personId, currentPassword, clientAddress);
  const [primary] = await deps.store.listAccounts(personId);
  if (primary === undefined) throw new Error('an active person has no Matrix account');
  const note = await deps.unitOfWork.run(async (tx) => {
    const others = await deps.store.nameSessions(tx, personId, endpointId);
    const begun: Begun = { personId, signOutOthers, others };
    return deps.outbox.enqueueLater(tx, PASSWORD_CHANGE_TOPIC, begun, PASSWORD_CHANGE_LEFT_SECONDS);
  });
  await setPassword(deps, primary, newPassword, note);
  const out = await deps.unitOfWork.run(async (tx) => {
    // Who signed in with the old password until now is meant, too.
    const others = await deps.store.nameSessions(tx, personId, endpointId);
    const signedOut = await conclude(deps, tx, { personId, signOutOthers, others }, true);
    await deps.outbox.withdraw(tx, note);
    return signedOut;
  });
  await afterwards(deps, out);
}

/** A reset that was begun, and the note of what is to follow. */
export interface ResetBegun {
  readonly begun: Begun;
  readonly note: string;
}

/** In the transaction that spends what she proved herself by. `finishReset` must follow; if it never does, her sessions end. */
export async function beginReset(deps: SessionDeps, tx: Tx, personId: PersonId): Promise<ResetBegun> {
  const others = await deps.store.nameSessions(tx, personId, NO_ENDPOINT);
  const begun: Begun = { personId, signOutOthers: true, others };
  const note = await deps.outbox.enqueueLater(tx, PASSWORD_CHANGE_TOPIC, begun, PASSWORD_CHANGE_LEFT_SECONDS);
  return { begun, note };
}

/** Sets the password and ends all her sessions. Throws `unavailable` while the homeserver is away: her sessions end anyway. */
export async function finishReset(
  deps: SessionDeps,
  { begun, note }: ResetBegun,
  newPassword: string,
): Promise<void> {
  const { personId } = begun;
  const [primary] = await deps.store.listAccounts(personId);
  if (primary === undefined) throw new Error('an active person has no Matrix account');
  await setPassword(deps, primary, newPassword, note);
  const out = await deps.unitOfWork.run(async (tx) => {
    const others = await deps.store.nameSessions(tx, personId, NO_ENDPOINT);
    const signedOut = await conclude(deps, tx, { ...begun, others }, true);
    await deps.outbox.withdraw(tx, note);
    return signedOut;
  });
  await afterwards(deps, out);
}

/** A refusal changed nothing, and no answer may have changed it. */
async function setPassword(deps: SessionDeps, userId: UserId, password: string, note: string): Promise<void> {
  try {
    await deps.accounts.setPassword(userId, password);
  } catch (error) {
    const unknown = error instanceof AuraError && error.code === 'unavailable';
    if (!unknown) await deps.unitOfWork.run((tx) => deps.outbox.withdraw(tx, note));
    throw error;
  }
}

/** What a change that nobody finished still asks for. `certain` false in the audit log: it may not have happened. */
export function passwordChangeHandler(deps: SessionDeps): OutboxHandler {
  return async (payload, eventId) => {
    const out = await deps.unitOfWork.run(async (tx) => {
      if (!(await deps.outbox.withdraw(tx, eventId))) return null;
      return conclude(deps, tx, payload as Begun, false);
    });
    await afterwards(deps, out);
  };
}

async function conclude(
  deps: SessionDeps,
  tx: Tx,
  { personId, signOutOthers, others }: Begun,
  certain: boolean,
): Promise<SignedOut | null> {
  if (certain) await deps.store.passwordSet(tx, personId);
  const out = signOutOthers ? await signOut(deps, tx, personId, others) : null;
  await deps.audit.record(tx, {
    actor: `person:${personId}`,
    act: 'password.changed',
    subject: personId,
    detail: { signOutOthers, ...(certain ? {} : { certain }) },
  });
  return out;
}
