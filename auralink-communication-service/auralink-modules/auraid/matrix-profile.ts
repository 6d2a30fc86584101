/**
 * Makes a person's Matrix profile follow her AuraID profile: name and picture are there while both the profile and the
 * field are public, and gone otherwise, because Matrix knows no friends. Reads what is true at its turn, so that many
 * changes end in one state and a repeat changes nothing. An account that is hers no more, or whose owner gave her name
 * back, loses what was written there. A picture that cannot be opened is, as everywhere, as one that is not there. What
 * the homeserver refuses for good (an account that was deactivated there) is told to the log and keeps nobody waiting.
 */
import { createHash } from 'node:crypto';
import type { PersonId, UserId } from '../../core/ids.ts';
import type { OutboxHandler } from '../../core/outbox.ts';
import type { Log } from '../../core/log.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import { findOpened, type Vault } from './data-keys.ts';
import { fieldPlace } from './envelope.ts';
import { typeOfPicture } from '../../core/picture.ts';
import { deleteDuePictures, type MatrixMediaDeps, uploadPicture } from './matrix-media.ts';
import type { MatrixProfileStore, MatrixProfiles, Outbox, UploadedPicture } from './ports-privacy.ts';

/** Somebody's name, picture or audience of these has changed. */
export const MATRIX_PROFILE_TOPIC = 'identity.matrix_profile';
/** An account has ceased to be somebody's, or its owner to have a name. */
export const MATRIX_PROFILE_LEFT_TOPIC = 'identity.matrix_profile_left';

/** The homeserver would refuse it again: the account is gone, or not ours to speak for. */
export class ProfileRefused extends Error {
  override readonly name = 'ProfileRefused';
  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}

export interface MatrixProfileDeps extends MatrixMediaDeps {
  readonly store: MatrixProfileStore;
  readonly profiles: Pick<MatrixProfiles, 'getProfile' | 'setDisplayName' | 'setAvatar'>;
  readonly vault: Pick<Vault, 'open'>;
  readonly log: Pick<Log, 'warn'>;
}

/** What we wrote into a Matrix profile; null where we wrote nothing. */
export interface ShownInMatrix {
  readonly displayName: string | null;
  readonly avatarUrl: string | null;
}

type Wanted = NonNullable<Awaited<ReturnType<MatrixProfileStore['find']>>>;

export function matrixProfileHandlers(deps: MatrixProfileDeps): ReadonlyMap<string, OutboxHandler> {
  return new Map<string, OutboxHandler>([
    [
      MATRIX_PROFILE_TOPIC,
      (payload) => {
        const { personId } = payload as { personId: PersonId };
        return deps.store.alone(personId, () => follow(deps, personId));
      },
    ],
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
  const failed: unknown[] = [];
  for (const account of wanted.accounts) {
    const written = unlessRefused(deps, account.userId, () =>
      write(deps, personId, account, wanted.displayName, picture),
    );
    // One account that cannot be written keeps none of the others waiting.
    await written.catch((error: unknown) => failed.push(error));
  }
  if (failed.length > 0) throw failed[0];
}

async function unlessRefused(
  { log }: MatrixProfileDeps,
  userId: UserId,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof ProfileRefused)) throw error;
    log.warn(
      { err: error, userId },
      'the homeserver refuses to have this profile written; it is left as it is',
    );
  }
}

/** Each write is an event in every room that she is in, so only what differs is written. */
async function write(
  deps: MatrixProfileDeps,
  personId: PersonId,
  account: Wanted['accounts'][number],
  displayName: string | null,
  image: Buffer | null,
): Promise<void> {
  const { store, profiles } = deps;
  const { userId } = account;
  const picture = image === null ? null : await uploaded(deps, userId, image, account.picture);
  const shown = { displayName, picture };
  if (!(await store.note(personId, userId, shown))) return;
  const avatarUrl = picture?.mxcUrl ?? null;
  const current = await profiles.getProfile(userId);
  if (current.displayName !== displayName) await profiles.setDisplayName(userId, displayName);
  if (current.avatarUrl !== avatarUrl) await profiles.setAvatar(userId, avatarUrl);
  // Detached meanwhile: whoever took it back may have come before these writes.
  if (!(await store.note(personId, userId, shown)))
    await takeBack(profiles, userId, { displayName, avatarUrl });
  await deleteDuePictures(deps, userId);
}

/** The same picture is uploaded once. */
async function uploaded(
  deps: MatrixMediaDeps,
  userId: UserId,
  image: Buffer,
  known: UploadedPicture | null,
): Promise<UploadedPicture> {
  const digest = createHash('sha256').update(image).digest();
  if (known?.digest.equals(digest)) return known;
  return { digest, mxcUrl: await uploadPicture(deps, userId, image, typeOfPicture(image)) };
}

/** Whoever has the account by now has her own profile written there. */
async function left(deps: MatrixProfileDeps, was: { userId: UserId } & ShownInMatrix): Promise<void> {
  if (!(await deps.store.isAttached(was.userId)))
    await unlessRefused(deps, was.userId, () => takeBack(deps.profiles, was.userId, was));
  await deleteDuePictures(deps, was.userId);
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
