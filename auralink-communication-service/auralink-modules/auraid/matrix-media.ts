/**
 * Pictures in the homeserver's media store. The place of each is reserved there and written down here before its bytes
 * are sent, so that a process that dies in between leaves nothing that nobody knows of; the database marks it for
 * deletion once no account shows it (migration 027), and here it is deleted. What is not written down is the account's
 * own and stays.
 */
import type { UserId } from '../../core/ids.ts';

/** A picture that was reserved and is not shown after so long was forgotten by a process that died. */
export const MATRIX_MEDIA_RESERVED_SECONDS = 3_600;
/** Pictures that one turn deletes. */
export const MATRIX_MEDIA_BATCH = 100;

/** At the homeserver. */
export interface MatrixMedia {
  /** A place for a picture of this account, empty as yet: its mxc: URL. */
  reserve(userId: UserId): Promise<string>;
  fill(userId: UserId, mxcUrl: string, image: Buffer, contentType: string): Promise<void>;
  /** With its thumbnails; one that is gone is gone. */
  delete(mxcUrl: string): Promise<void>;
}

export interface MatrixMediaStore {
  /** To be deleted after so long unless it is shown by then. */
  write(userId: UserId, mxcUrl: string, deleteAfterSeconds: number): Promise<void>;
  /** What is to be deleted by now: of one account, or (null) of all. */
  listDue(userId: UserId | null, limit: number): Promise<readonly string[]>;
  forget(mxcUrl: string): Promise<void>;
}

export interface MatrixMediaDeps {
  readonly media: MatrixMedia;
  readonly mediaStore: MatrixMediaStore;
}

/** Returns its mxc: URL. */
export async function uploadPicture(
  { media, mediaStore }: MatrixMediaDeps,
  userId: UserId,
  image: Buffer,
  contentType: string,
): Promise<string> {
  const mxcUrl = await media.reserve(userId);
  await mediaStore.write(userId, mxcUrl, MATRIX_MEDIA_RESERVED_SECONDS);
  await media.fill(userId, mxcUrl, image, contentType);
  return mxcUrl;
}

/** Deletes what is due, of one account or of all (null). One that cannot be deleted keeps none of the others. */
export async function deleteDuePictures(
  { media, mediaStore }: MatrixMediaDeps,
  userId: UserId | null,
): Promise<void> {
  const failed: unknown[] = [];
  for (const mxcUrl of await mediaStore.listDue(userId, MATRIX_MEDIA_BATCH)) {
    try {
      await media.delete(mxcUrl);
      await mediaStore.forget(mxcUrl);
    } catch (error) {
      failed.push(error);
    }
  }
  if (failed.length > 0) throw failed[0];
}
