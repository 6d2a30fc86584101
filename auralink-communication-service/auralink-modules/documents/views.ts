/** A document as its owner and its reviewers are shown it. */
import { type DocumentDeps, findLines, readBack, sidesOf } from './deps.ts';
import type { DocumentView, Review } from './model.ts';
import type { MrzDocument } from './mrz.ts';
import { placeOf, type StoredDocument } from './ports.ts';
import { compareNames } from './transliteration.ts';

/** What of the lines is shown. */
export function factsOf(document: MrzDocument): Review['document'] {
  const { nameCut: _, ...facts } = document;
  return {
    ...facts,
    lines: [...facts.lines],
    surname: [...facts.surname],
    givenNames: [...facts.givenNames],
  };
}

export function imagesOf(stored: StoredDocument): Review['images'] {
  return stored.images.map(({ side, width, height, bytes, uploadedAt }) => {
    return { side, width, height, bytes, uploadedAt: uploadedAt.toISOString() };
  });
}

export async function viewOf(
  deps: Pick<DocumentDeps, 'vault'>,
  stored: StoredDocument,
  shownName: string | null,
): Promise<DocumentView> {
  const lines = await findLines(deps, stored);
  const document = lines === null ? null : readBack(lines, stored.createdAt);
  const { personId, documentId, noteEnvelope } = stored;
  const note =
    noteEnvelope === null
      ? null
      : await deps.vault.findOpened(personId, placeOf('note_envelope', documentId), noteEnvelope);
  return {
    documentId,
    state: stored.state,
    by: stored.by,
    document: document === null ? null : factsOf(document),
    nameFit: document === null ? null : compareNames(shownName, document),
    images: imagesOf(stored),
    needs: document === null ? [] : [...sidesOf(document.format)],
    reason: stored.reason as DocumentView['reason'],
    missing: [...stored.missing],
    note: note?.toString('utf8') ?? null,
    createdAt: stored.createdAt.toISOString(),
    sentAt: stored.sentAt?.toISOString() ?? null,
    decidedAt: stored.decidedAt?.toISOString() ?? null,
    deletedOn: stored.deletedOn?.toISOString() ?? null,
  };
}
