/**
 * Invite codes: by one, a stranger becomes a friend of a person whom she could not find. A code is shown once, counts
 * its uses, lapses, and can be taken back; whatever is wrong with one, the answer is the same.
 */
import { createHash, randomBytes } from 'node:crypto';
import { AuraError } from '../../core/errors.ts';
import type { InviteId, PersonId } from '../../core/ids.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import { refusedNoSooner } from '../../core/no-sooner.ts';
import { befriend, type ContactDeps } from './contacts.ts';
import { findOpened } from './data-keys.ts';
import type { RateLimit } from './ports.ts';
import type { InviteStore } from './ports-privacy.ts';
import { youBlockedError } from './privacy-service.ts';
import type { ProfileView } from './profile-view.ts';

/** Codes of one person that still let somebody in. */
export const INVITES_MAX = 50;
/** Codes shown to her, the newest first. */
export const INVITES_SHOWN_MAX = 200;
/** People whom one code may let in. */
export const INVITE_USES_MAX = 100;
/** Longest life of a code: ninety days. */
export const INVITE_HOURS_MAX = 2_160;
/** Characters of what she calls it. */
export const INVITE_LABEL_MAX_LENGTH = 80;
/** Codes are forgotten so many days after they lapsed. */
export const INVITE_KEPT_DAYS = 30;
/** Codes that one person may try. */
export const REDEEM_LIMIT: RateLimit = { hits: 30, windowSeconds: 3_600 };
/** Refusals come no sooner: a code of somebody who has blocked her takes as long as one that was taken back. */
export const INVITE_REFUSED_MS = 50;
/** 128 bits: nobody guesses one. */
const CODE_BYTES = 16;

export interface InviteDeps extends ContactDeps {
  readonly invites: InviteStore;
  readonly publicBaseUrl: string;
}

export interface NewInvite {
  readonly usesMax: number;
  readonly expiresInHours: number;
  readonly label: string | null;
}

export interface InviteView {
  readonly inviteId: InviteId;
  readonly label: string | null;
  /** It has a label that cannot be opened any more. */
  readonly labelUnreadable?: true;
  readonly usesMax: number;
  readonly uses: number;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly revokedAt: string | null;
}

export interface InviteService {
  list(personId: PersonId): Promise<InviteView[]>;
  /** The code and its link are told here and never again. Throws conflict (too_many_invites). */
  make(personId: PersonId, invite: NewInvite): Promise<{ inviteId: InviteId; code: string; url: string }>;
  /** Throws not_found for other people's codes too. */
  revoke(personId: PersonId, inviteId: InviteId): Promise<void>;
  /** Who invited; they are friends now. Throws not_found (bad_invite) whatever is wrong with the code. */
  redeem(personId: PersonId, code: string): Promise<ProfileView>;
}

export function createInvites(deps: InviteDeps): InviteService {
  return {
    list: (personId) => list(deps, personId),
    make: (personId, invite) => make(deps, personId, invite),
    revoke: (personId, inviteId) => revoke(deps, personId, inviteId),
    redeem: (personId, code) => refusedNoSooner(INVITE_REFUSED_MS, redeem(deps, personId, code)),
  };
}

const hashOf = (code: string): Buffer => createHash('sha256').update(code).digest();
const placeOf = (inviteId: InviteId) => ({
  table: 'invite_codes',
  column: 'label_envelope',
  row: inviteId,
});

async function list(deps: InviteDeps, personId: PersonId): Promise<InviteView[]> {
  const stored = await deps.invites.list(personId, INVITES_SHOWN_MAX);
  return await Promise.all(
    stored.map(async ({ inviteId, labelEnvelope, usesMax, uses, createdAt, expiresAt, revokedAt }) => ({
      inviteId,
      ...(await openLabel(deps, personId, inviteId, labelEnvelope)),
      usesMax,
      uses,
      createdAt: createdAt.toISOString(),
      expiresAt: expiresAt.toISOString(),
      revokedAt: revokedAt?.toISOString() ?? null,
    })),
  );
}

async function openLabel(
  deps: InviteDeps,
  personId: PersonId,
  inviteId: InviteId,
  envelope: Buffer | null,
): Promise<Pick<InviteView, 'label' | 'labelUnreadable'>> {
  if (envelope === null) return { label: null };
  const label = await findOpened(deps.vault, personId, placeOf(inviteId), envelope);
  return label === null ? { label, labelUnreadable: true } : { label: label.toString('utf8') };
}

async function make(
  deps: InviteDeps,
  personId: PersonId,
  { usesMax, expiresInHours, label }: NewInvite,
): Promise<{ inviteId: InviteId; code: string; url: string }> {
  const inviteId = deps.newId<InviteId>();
  const code = randomBytes(CODE_BYTES).toString('base64url');
  await deps.unitOfWork.run(async (tx) => {
    const sealed =
      label === null ? null : await deps.vault.seal(tx, personId, placeOf(inviteId), Buffer.from(label));
    await deps.contacts.lockOwner(tx, personId);
    if ((await deps.invites.countLive(tx, personId)) >= INVITES_MAX) {
      throw new AuraError('conflict', `You may have ${INVITES_MAX} open invites; take one back first.`, {
        reason: 'too_many_invites',
      });
    }
    const codeHash = hashOf(code);
    await deps.invites.insert(tx, { inviteId, personId, codeHash, label: sealed, usesMax, expiresInHours });
    await deps.audit.record(tx, {
      actor: `person:${personId}`,
      act: 'invite.made',
      subject: personId,
      detail: { usesMax, expiresInHours },
    });
  });
  // The code stays in the fragment: browsers send it to nobody, and no log has it.
  return { inviteId, code, url: `${deps.publicBaseUrl}/i#${code}` };
}

async function revoke(deps: InviteDeps, personId: PersonId, inviteId: InviteId): Promise<void> {
  await deps.unitOfWork.run(async (tx) => {
    if (!(await deps.invites.revoke(tx, inviteId, personId))) {
      throw new AuraError('not_found', 'There is no such invite here.', { reason: 'unknown_invite' });
    }
    await deps.audit.record(tx, { actor: `person:${personId}`, act: 'invite.revoked', subject: personId });
  });
}

async function redeem(deps: InviteDeps, personId: PersonId, code: string): Promise<ProfileView> {
  await deps.limiter.hit(`invite-redeem:${personId}`, REDEEM_LIMIT);
  const invite = await deps.invites.findByCode(hashOf(code));
  if (invite === null) throw badInvite();
  if (invite.personId === personId) {
    throw new AuraError('invalid', 'This is your own invite; give it to somebody else.', {
      field: 'code',
      reason: 'own_invite',
    });
  }
  const made = await deps.unitOfWork.run((tx) => redeemIn(deps, tx, personId, invite));
  if (made) deps.cache.changed([personId, invite.personId]);
  const view = (await deps.views.of(personId, [invite.personId])).get(invite.personId);
  if (view === undefined) throw badInvite();
  return view;
}

/** False when they were friends, or had come by this code, before: that costs no use. */
async function redeemIn(
  deps: InviteDeps,
  tx: Tx,
  personId: PersonId,
  invite: { readonly inviteId: InviteId; readonly personId: PersonId },
): Promise<boolean> {
  await deps.store.lockPair(tx, personId, invite.personId);
  const relation = await deps.store.getRelation(tx, personId, invite.personId);
  if (relation.youBlocked) throw youBlockedError();
  if (relation.viewer === 'blocked') throw badInvite();
  if (relation.viewer === 'friend') return false;
  // Who was unfriended does not come back by the code that she used up for herself.
  if (await deps.invites.hasUsed(tx, invite.inviteId, personId)) throw badInvite();
  if (!(await deps.invites.use(tx, invite.inviteId, personId))) throw badInvite();
  await deps.contacts.acceptWaiting(tx, personId, invite.personId);
  await deps.contacts.acceptWaiting(tx, invite.personId, personId);
  await befriend(deps, tx, personId, invite.personId);
  await deps.audit.record(tx, {
    ...{ actor: `person:${personId}`, act: 'invite.used', subject: personId },
    detail: { inviteId: invite.inviteId, other: invite.personId },
  });
  return true;
}

function badInvite(): AuraError {
  return new AuraError('not_found', 'This invite is not valid (any more); ask for a new one.', {
    field: 'code',
    reason: 'bad_invite',
  });
}
