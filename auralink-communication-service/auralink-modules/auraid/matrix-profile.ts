/**
 * Makes a person's Matrix profile follow her AuraID profile: name and picture are there while both the profile and the
 * field are public, and gone otherwise, because Matrix knows no friends. Reads what is true at its turn, so that many
 * changes end in one state and a repeat changes nothing. An account that is hers no more, or whose owner gave her name
 * back, loses what was written there. A picture that cannot be opened is, as everywhere, as one that is not there.
 */
import { createHash } from 'node:crypto';
import type { PersonId, UserId } from '../../core/ids.ts';
import type { OutboxHandler } from '../../core/outbox.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import { findOpened, type Vault } from './data-keys.ts';
import { fieldPlace } from './envelope.ts';
import { typeOfPicture } from '../../core/picture.ts';
import type { MatrixProfileStore, MatrixProfiles, Outbox, UploadedPicture } from './ports-privacy.ts';

/** Somebody's name, picture or audience of these has changed. */
export const MATRIX_PROFILE_TOPIC = 'identity.matrix_profile';
/** An account has ceased to be somebody's, or its owner to have a name. */
export const MATRIX_PROFILE_LEFT_TOPIC = 'identity.matrix_profile_left';

export interface MatrixProfileDeps {
  readonly store: MatrixProfileStore;
  readonly profiles: Pick<MatrixProfiles, 'getProfile' | 'setDisplayName' | 'setAvatar' | 'upload'>;
  readonly vault: Pick<Vault, 'open'>;
}

/** What we wrote into a Matrix profile; null where we wrote nothing. */
export interface ShownInMatrix {
  readonly displayName: string | null;
  readonly avatarUrl: string | null;
}

type Wanted = NonNullable<Awaited<ReturnType<MatrixProfileStore['find']>>>;

export function matrixProfileHandlers(deps: MatrixProfileDeps): ReadonlyMap<string, OutboxHandler> {
  return new Map<string, OutboxHandler>([
    [MATRIX_PROFILE_TOPIC, (payload) => follow(deps, (payload as { personId: PersonId }).personId)],
    [MATRIX_PROFILE_LEFT_TOPIC, (payload) => left(deps, payload as { userId: UserId } & ShownInMatrix)],
  ]);
}

/** In the transaction that takes the account, or her name, from her. */
export async function takeBackLater(
  outbox: Outbox,
  tx: Tx,
  userId: UserId,
  shown: ShownInMatrix,
): Promise<void> {
  if (shown.displayName === null && shown.avatarUrl === null) return;
  await outbox.enqueue(tx, MATRIX_PROFILE_LEFT_TOPIC, { userId, ...shown });
}

async function follow(deps: MatrixProfileDeps, personId: PersonId): Promise<void> {
  const wanted = await deps.store.find(personId);
  if (wanted === null) return;
  const picture =
    wanted.picture === null
      ? null
      : await findOpened(deps.vault, personId, fieldPlace(wanted.picture.fieldId), wanted.picture.envelope);
  for (const account of wanted.accounts) await write(deps, personId, account, wanted.displayName, picture);
}

/** Each write is an event in every room that she is in, so only what differs is written. */
async function write(
  { store, profiles }: MatrixProfileDeps,
  personId: PersonId,
  account: Wanted['accounts'][number],
  displayName: string | null,
  image: Buffer | null,
): Promise<void> {
  const { userId } = account;
  const picture = image === null ? null : await uploaded(profiles, userId, image, account.picture);
  const shown = { displayName, picture };
  if (!(await store.note(personId, userId, shown))) return;
  const avatarUrl = picture?.mxcUrl ?? null;
  const current = await profiles.getProfile(userId);
  if (current.displayName !== displayName) await profiles.setDisplayName(userId, displayName);
  if (current.avatarUrl !== avatarUrl) await profiles.setAvatar(userId, avatarUrl);
  // Detached meanwhile: whoever took it back may have come before these writes.
  if (!(await store.note(personId, userId, shown)))
    await takeBack(profiles, userId, { displayName, avatarUrl });
}

/** The same picture is uploaded once. */
async function uploaded(
  profiles: Pick<MatrixProfiles, 'upload'>,
  userId: UserId,
  image: Buffer,
  known: UploadedPicture | null,
): Promise<UploadedPicture> {
  const digest = createHash('sha256').update(image).digest();
  if (known?.digest.equals(digest)) return known;
  return { digest, mxcUrl: await profiles.upload(userId, image, typeOfPicture(image)) };
}

/** Whoever has the account by now has her own profile written there. */
async function left(deps: MatrixProfileDeps, was: { userId: UserId } & ShownInMatrix): Promise<void> {
  if (await deps.store.isAttached(was.userId)) return;
  await takeBack(deps.profiles, was.userId, was);
}

/** What stands there and is not ours is the account's own: it stays. */
async function takeBack(
  profiles: MatrixProfileDeps['profiles'],
  userId: UserId,
  shown: ShownInMatrix,
): Promise<void> {
  const current = await profiles.getProfile(userId);
  if (shown.displayName !== null && current.displayName === shown.displayName) {
    await profiles.setDisplayName(userId, null);
  }
  if (shown.avatarUrl !== null && current.avatarUrl === shown.avatarUrl)
    await profiles.setAvatar(userId, null);
}
