/**
 * What a person does with her documents: types the lines, adds pictures, sends them to the reviewers, looks at what
 * became of them, takes them back. One at a time is under way. Locks: her row, then the document's.
 */
import { AuraError, signedOut } from '../../core/errors.ts';
import type { PersonId } from '../../core/ids.ts';
import { type Picture, typeOfPicture } from '../../core/picture.ts';
import type { Tx } from '../../core/unit-of-work.ts';
import { CHIP_BYTES_MAX } from './chip-files.ts';
import {
  AN_HOUR_SECONDS,
  type DocumentDeps,
  faultyLines,
  findLines,
  judge,
  sidesOf,
  tell,
  unknownDocument,
  warm,
} from './deps.ts';
import { takeImage } from './document-image.ts';
import {
  DOCUMENT_IMAGE_MAX_BYTES,
  DOCUMENT_IMAGES_AN_HOUR,
  DOCUMENT_LINES_AN_HOUR,
  DOCUMENTS_LISTED_MAX,
  type DocumentList,
  type DocumentView,
  EDITABLE,
  type Side,
} from './model.ts';
import type { MrzDocument } from './mrz.ts';
import { imagePlace, placeOf, type StoredDocument } from './ports.ts';
import { viewOf } from './views.ts';

export interface Submitting {
  list(personId: PersonId): Promise<DocumentList>;
  /** Throws invalid (mrz_faults), conflict (document_under_way). */
  begin(personId: PersonId, lines: readonly string[]): Promise<DocumentView>;
  /** Throws as `begin`, conflict (not_editable), not_found. */
  setLines(personId: PersonId, documentId: string, lines: readonly string[]): Promise<DocumentView>;
  /** Throws rate_limited; asked before the picture is read. */
  countImage(personId: PersonId): Promise<void>;
  /** Throws invalid (see takeImage), conflict (not_editable), not_found. */
  setImage(personId: PersonId, documentId: string, side: Side, bytes: Buffer): Promise<DocumentView>;
  removeImage(personId: PersonId, documentId: string, side: Side): Promise<DocumentView>;
  image(personId: PersonId, documentId: string, side: Side): Promise<Picture>;
  /** Throws conflict (not_editable, image_missing), invalid (mrz_faults). */
  send(personId: PersonId, documentId: string): Promise<DocumentView>;
  /** Pictures and lines go at once. Throws conflict (already_decided). */
  withdraw(personId: PersonId, documentId: string): Promise<void>;
}

export function createSubmitting(deps: DocumentDeps): Submitting {
  return {
    list: (personId) => list(deps, personId),
    begin: (personId, lines) => begin(deps, personId, lines),
    setLines: async (personId, documentId, typed) => {
      const { lines } = await judged(deps, personId, typed);
      return editing(deps, personId, documentId, async (tx) => {
        const place = placeOf('lines_envelope', documentId);
        const envelope = await deps.vault.seal(tx, personId, place, Buffer.from(lines.join('\n')));
        await deps.store.setLines(tx, documentId, envelope);
      });
    },
    countImage: (personId) =>
      deps.limiter.hit(`document-image:${personId}`, {
        hits: DOCUMENT_IMAGES_AN_HOUR,
        windowSeconds: AN_HOUR_SECONDS,
      }),
    setImage: (personId, documentId, side, bytes) => setImage(deps, personId, documentId, side, bytes),
    removeImage: (personId, documentId, side) =>
      editing(deps, personId, documentId, async (tx) => {
        if (!(await deps.store.removeImage(tx, documentId, side))) throw unknownDocument();
      }),
    image: (personId, documentId, side) => ownImage(deps, personId, documentId, side),
    send: (personId, documentId) => send(deps, personId, documentId),
    withdraw: (personId, documentId) => withdraw(deps, personId, documentId),
  };
}

async function list(deps: DocumentDeps, personId: PersonId): Promise<DocumentList> {
  const [stored, shownName, mayReview] = await Promise.all([
    deps.store.list(personId, DOCUMENTS_LISTED_MAX),
    deps.store.findShownName(personId),
    deps.reviewers.isReviewer(personId),
  ]);
  const { reviewers, keptDays } = deps.terms;
  return {
    documents: await Promise.all(stored.map((one) => viewOf(deps, one, shownName))),
    terms: {
      ...{
        reviewers,
        keptDays,
        mayReview,
        imageMaxBytes: DOCUMENT_IMAGE_MAX_BYTES,
        chipMaxBytes: CHIP_BYTES_MAX,
      },
      chip: deps.trust.current().authorities.length > 0,
    },
  };
}

async function judged(
  deps: DocumentDeps,
  personId: PersonId,
  lines: readonly string[],
): Promise<MrzDocument> {
  const limit = { hits: DOCUMENT_LINES_AN_HOUR, windowSeconds: AN_HOUR_SECONDS };
  await deps.limiter.hit(`document-lines:${personId}`, limit);
  const { document, faults } = judge(deps, lines);
  if (document === null) throw faultyLines(faults);
  return document;
}

async function begin(
  deps: DocumentDeps,
  personId: PersonId,
  typed: readonly string[],
): Promise<DocumentView> {
  const { lines } = await judged(deps, personId, typed);
  const documentId: string = deps.newId();
  const after = await deps.unitOfWork.run(async (tx) => {
    await lockHer(deps, tx, personId);
    const live = await deps.store.findLive(tx, personId);
    if (live !== null) {
      throw new AuraError(
        'conflict',
        'Another document of yours is under way; finish it or take it back first.',
        {
          reason: 'document_under_way',
          documentId: live,
        },
      );
    }
    const place = placeOf('lines_envelope', documentId);
    const envelope = await deps.vault.seal(tx, personId, place, Buffer.from(lines.join('\n')));
    await deps.store.insert(tx, personId, documentId, envelope);
    const now = await afterwards(deps, tx, personId, documentId, false);
    await deps.news.record(tx, { actor: `person:${personId}`, act: 'document.begun', subject: personId });
    return now;
  });
  return shown(deps, after);
}

async function lockHer(deps: DocumentDeps, tx: Tx, personId: PersonId): Promise<string | null> {
  const person = await deps.store.lockPerson(tx, personId);
  if (person === null) throw signedOut();
  return person.displayName;
}

/** Changes one that is hers to change. */
async function editing(
  deps: DocumentDeps,
  personId: PersonId,
  documentId: string,
  work: (tx: Tx, stored: StoredDocument) => Promise<void>,
): Promise<DocumentView> {
  const after = await deps.unitOfWork.run(async (tx) => {
    await work(tx, await getEditable(deps, tx, personId, documentId));
    return afterwards(deps, tx, personId, documentId, false);
  });
  return shown(deps, after);
}

export async function getEditable(
  deps: DocumentDeps,
  tx: Tx,
  personId: PersonId,
  documentId: string,
): Promise<StoredDocument> {
  await lockHer(deps, tx, personId);
  const stored = await deps.store.findOwn(tx, personId, documentId);
  if (stored === null) throw unknownDocument();
  if (!EDITABLE.has(stored.state)) {
    throw new AuraError(
      'conflict',
      'This document is with the reviewers or decided; it cannot be changed now.',
      {
        reason: 'not_editable',
        state: stored.state,
      },
    );
  }
  return stored;
}

/** As it is now, told to her other pages. */
export async function afterwards(
  deps: DocumentDeps,
  tx: Tx,
  personId: PersonId,
  documentId: string,
  queueChanged: boolean,
): Promise<After> {
  const stored = await deps.store.findOwn(tx, personId, documentId);
  if (stored === null) throw unknownDocument();
  await tell(deps, tx, personId, { documentId, state: stored.state }, queueChanged);
  const person = await deps.store.lockPerson(tx, personId);
  return { stored, shownName: person?.displayName ?? null };
}

export interface After {
  readonly stored: StoredDocument;
  readonly shownName: string | null;
}

/** Behind the commit: opening envelopes may ask the database. */
export const shown = (deps: DocumentDeps, { stored, shownName }: After): Promise<DocumentView> =>
  viewOf(deps, stored, shownName);

async function setImage(
  deps: DocumentDeps,
  personId: PersonId,
  documentId: string,
  side: Side,
  uploaded: Buffer,
): Promise<DocumentView> {
  const { bytes, width, height } = takeImage(uploaded);
  const imageId: string = deps.newId();
  return editing(deps, personId, documentId, async (tx) => {
    const envelope = await deps.vault.seal(tx, personId, imagePlace(imageId), bytes);
    const image = { imageId, side, width, height, bytes: bytes.length, envelope };
    await deps.store.setImage(tx, documentId, personId, image);
  });
}

async function ownImage(
  deps: DocumentDeps,
  personId: PersonId,
  documentId: string,
  side: Side,
): Promise<Picture> {
  const image = await deps.unitOfWork.run(async (tx) => {
    const own = await deps.store.findOwn(tx, personId, documentId);
    const found = own === null ? null : await deps.store.findImage(tx, documentId, side);
    if (found === null) throw unknownDocument();
    const detail = { document: documentId, side };
    await deps.news.record(tx, {
      actor: `person:${personId}`,
      act: 'document.viewed',
      subject: personId,
      detail,
    });
    return found;
  });
  return openImage(deps, personId, image);
}

/** Throws not_found for one that cannot be opened any more. */
export async function openImage(
  deps: Pick<DocumentDeps, 'vault'>,
  personId: PersonId,
  { imageId, envelope }: { readonly imageId: string; readonly envelope: Buffer },
): Promise<Picture> {
  const bytes = await deps.vault.findOpened(personId, imagePlace(imageId), envelope);
  if (bytes === null) throw unknownDocument();
  return { type: typeOfPicture(bytes), bytes };
}

async function send(deps: DocumentDeps, personId: PersonId, documentId: string): Promise<DocumentView> {
  await warm(deps, documentId);
  const after = await deps.unitOfWork.run(async (tx) => {
    const stored = await getEditable(deps, tx, personId, documentId);
    const lines = await findLines(deps, stored);
    const { document, faults } = judge(deps, lines ?? []);
    if (document === null) throw faultyLines(faults);
    const missing = sidesOf(document.format).filter(
      (side) => !stored.images.some((image) => image.side === side),
    );
    if (missing.length > 0) {
      throw new AuraError('conflict', `A picture of the ${missing.join(' and the ')} is missing.`, {
        reason: 'image_missing',
        missing,
      });
    }
    await deps.store.send(tx, documentId);
    const now = await afterwards(deps, tx, personId, documentId, true);
    await deps.news.record(tx, { actor: `person:${personId}`, act: 'document.sent', subject: personId });
    return now;
  });
  return shown(deps, after);
}

async function withdraw(deps: DocumentDeps, personId: PersonId, documentId: string): Promise<void> {
  await deps.unitOfWork.run(async (tx) => {
    await lockHer(deps, tx, personId);
    const stored = await deps.store.findOwn(tx, personId, documentId);
    if (stored === null) throw unknownDocument();
    // Asked once more: it is done.
    if (stored.state === 'withdrawn') return;
    if (stored.state === 'approved' || stored.state === 'rejected') {
      throw new AuraError(
        'conflict',
        'It is decided; what it proved is taken back among your verifications.',
        {
          reason: 'already_decided',
        },
      );
    }
    await deps.store.withdraw(tx, documentId);
    await tell(deps, tx, personId, { documentId, state: 'withdrawn' }, stored.state === 'pending');
    await deps.news.record(tx, { actor: `person:${personId}`, act: 'document.withdrawn', subject: personId });
  });
}
