/** What was kept long enough goes: pictures and lines of decided documents, and what was begun and never sent. */
import type { DocumentDeps } from './deps.ts';
import { DOCUMENT_DRAFT_DAYS, DOCUMENT_TIDY_BATCH } from './model.ts';

/** How many documents it emptied; more may be left. */
export async function tidyDocuments(
  deps: Pick<DocumentDeps, 'unitOfWork' | 'store' | 'news'>,
): Promise<number> {
  return deps.unitOfWork.run(async (tx) => {
    const gone = await deps.store.tidy(tx, DOCUMENT_DRAFT_DAYS, DOCUMENT_TIDY_BATCH);
    for (const { documentId, personId } of gone) {
      const detail = { document: documentId };
      await deps.news.record(tx, { actor: 'system', act: 'document.deleted', subject: personId, detail });
    }
    return gone.length;
  });
}
