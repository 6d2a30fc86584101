/**
 * Makes a person's Matrix profile follow her AuraID profile: name and picture are there while both the profile and the
 * field are public, and gone otherwise, because Matrix knows no friends. Reads what is true at its turn, so that many
 * changes end in one state and a repeat changes nothing.
 */
import type { PersonId, UserId } from '../../core/ids.ts';
import type { OutboxHandler } from '../../core/outbox.ts';
import type { Vault } from './data-keys.ts';
import { fieldPlace } from './envelope.ts';
import { typeOfPicture } from './picture.ts';
import type { MatrixProfileSource, MatrixProfiles } from './ports-privacy.ts';

/** Somebody's name, picture or audience of these has changed. */
export const MATRIX_PROFILE_TOPIC = 'identity.matrix_profile';

export interface MatrixProfileDeps {
  readonly source: MatrixProfileSource;
  readonly profiles: MatrixProfiles;
  readonly vault: Pick<Vault, 'open'>;
}

export function matrixProfileHandler(deps: MatrixProfileDeps): OutboxHandler {
  return (payload) => follow(deps, (payload as { personId: PersonId }).personId);
}

async function follow(deps: MatrixProfileDeps, personId: PersonId): Promise<void> {
  const wanted = await deps.source.find(personId);
  if (wanted === null) return;
  const picture =
    wanted.picture === null
      ? null
      : await deps.vault.open(personId, fieldPlace(wanted.picture.fieldId), wanted.picture.envelope);
  for (const userId of wanted.accounts) await write(deps.profiles, userId, wanted.displayName, picture);
}

/** Each write is an event in every room that she is in, so only what differs is written. */
async function write(
  profiles: MatrixProfiles,
  userId: UserId,
  displayName: string | null,
  picture: Buffer | null,
): Promise<void> {
  const current = await profiles.getProfile(userId);
  if (current.displayName !== displayName) await profiles.setDisplayName(userId, displayName);
  if (picture === null) {
    if (current.avatarUrl !== null) await profiles.setAvatar(userId, null);
    return;
  }
  await profiles.setAvatar(userId, await profiles.upload(userId, picture, typeOfPicture(picture)));
}
