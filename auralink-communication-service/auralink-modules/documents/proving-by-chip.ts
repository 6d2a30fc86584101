/** A chip's files decide at once: proven, or a reason that names what does not hold. They are looked at and not kept. */
import { AuraError } from '../../core/errors.ts';
import type { PersonId } from '../../core/ids.ts';
import { unpackChip } from './chip-files.ts';
import {
  AN_HOUR_SECONDS,
  type DocumentDeps,
  endOf,
  faultyLines,
  findLines,
  judge,
  subjectOf,
  warm,
} from './deps.ts';
import { DOCUMENT_CHIPS_AN_HOUR, type DocumentView } from './model.ts';
import { authenticateChip, CHIP_REFUSALS, type ChipEvidence } from './passive-authentication.ts';
import { afterwards, getEditable, shown } from './submitting.ts';
import { compareNames } from './transliteration.ts';

/** Throws conflict (a ChipRefusal, name_differs, not_editable), invalid (bad_archive, mrz_faults), unavailable (no_authorities). */
export type ProveByChip = (
  personId: PersonId,
  documentId: string,
  files: readonly Buffer[],
) => Promise<DocumentView>;

export const createProveByChip =
  (deps: DocumentDeps): ProveByChip =>
  async (personId, documentId, uploaded) => {
    const trust = deps.trust.current();
    if (trust.authorities.length === 0) {
      throw new AuraError(
        'unavailable',
        'This server knows no country’s authority; let a reviewer see the document.',
        {
          reason: 'no_authorities',
        },
      );
    }
    const limit = { hits: DOCUMENT_CHIPS_AN_HOUR, windowSeconds: AN_HOUR_SECONDS };
    await deps.limiter.hit(`document-chip:${personId}`, limit);
    const unpacked = await unpackChip(uploaded);
    if (unpacked.files === null) {
      throw new AuraError('invalid', `The archive is not taken: ${unpacked.why}.`, {
        field: 'files',
        reason: 'bad_archive',
      });
    }
    const { files } = unpacked;
    const changed: PersonId[] = [];
    await warm(deps, documentId);
    const after = await deps.unitOfWork.run(async (tx) => {
      changed.length = 0;
      const stored = await getEditable(deps, tx, personId, documentId);
      const { document, faults } = judge(deps, (await findLines(deps, stored)) ?? []);
      if (document === null) throw faultyLines(faults);
      const { lines, issuingState } = document;
      const judged = authenticateChip(files, { trust, now: deps.now(), lines, issuingState });
      if (judged.refusal !== null) {
        throw new AuraError('conflict', CHIP_REFUSALS[judged.refusal], {
          field: 'files',
          reason: judged.refusal,
          why: judged.why,
        });
      }
      const person = await deps.store.lockPerson(tx, personId);
      assertHerName(compareNames(person?.displayName ?? null, document));
      await deps.store.decide(tx, documentId, {
        ...{ state: 'approved', by: 'chip', reason: null, missing: [], noteEnvelope: null },
        keptDays: 0,
      });
      const now = await afterwards(deps, tx, personId, documentId, false);
      const proved = await deps.proofs.prove(tx, {
        ...{ personId, method: 'document', level: 'document_proven' },
        ...{ subject: subjectOf(document), expiresAt: endOf(document) },
        evidence: evidenceOf(judged.evidence),
      });
      changed.push(...proved.changed);
      const detail = { by: 'chip' };
      await deps.news.record(tx, {
        actor: `person:${personId}`,
        act: 'document.approved',
        subject: personId,
        detail,
      });
      return now;
    });
    deps.proofs.committed(changed);
    return shown(deps, after);
  };

/** Files of a chip can be copied by whoever once read it: without a name that fits, a person has to look. */
function assertHerName(fit: ReturnType<typeof compareNames>): void {
  if (fit === 'fits' || fit === 'partly') return;
  throw new AuraError(
    'conflict',
    'The name that you show is not the one of this document. Show that name, or let a reviewer see the document.',
    { reason: 'name_differs', nameFit: fit },
  );
}

/** Kept for good and readable for the operator: nothing of it tells the country or the holder. */
const evidenceOf = ({ hash, signature, revocation, dataGroups }: ChipEvidence) => ({
  hash,
  signature,
  revocation,
  dataGroups,
});
