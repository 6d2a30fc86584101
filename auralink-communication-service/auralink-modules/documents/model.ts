/** Words, schemas and limits of submitted documents: what she sends, what a reviewer may say, and how long it is kept. */
import { z } from 'zod';
import { isPlainText, NOT_PLAIN } from '../../core/text.ts';
import { MRZ_FAULTS, MRZ_FORMATS } from './mrz.ts';
import { NAME_FITS } from './transliteration.ts';

/** Characters that are taken for one line of a machine readable zone, before spaces go: a line has 44 at the most. */
export const MRZ_LINE_MAX_LENGTH = 64;
/** Lines of one machine readable zone. */
export const MRZ_LINES_MAX = 3;
/** Bytes of one picture of a document; the page sends less. */
export const DOCUMENT_IMAGE_MAX_BYTES = 8_388_608;
/** Pixels of one picture: a decoder needs four bytes for each. */
export const DOCUMENT_IMAGE_MAX_PIXELS = 50_000_000;
/** Pixels of its longer side at least: less cannot be read. */
export const DOCUMENT_IMAGE_MIN_SIDE = 400;
/** Pictures that one person may upload in an hour. */
export const DOCUMENT_IMAGES_AN_HOUR = 30;
/** Documents that one person may begin or whose lines she may change in an hour: lines cannot be guessed at. */
export const DOCUMENT_LINES_AN_HOUR = 60;
/** Uploads of a chip's files by one person in an hour. */
export const DOCUMENT_CHIPS_AN_HOUR = 10;
/** Bytes of a request with a chip's files: base64 of CHIP_BYTES_MAX, and names. */
export const CHIP_BODY_MAX_BYTES = 3_000_000;
/** Files of one upload, archives counted as one. */
export const CHIP_UPLOAD_FILES_MAX = 24;
/** How long a reviewer has what she claimed for herself; claiming again begins anew. */
export const REVIEW_LEASE_SECONDS = 900;
/** Documents that the queue shows at a time, the oldest first. */
export const REVIEWS_LISTED_MAX = 100;
/** Documents that her own page shows, the newest first. */
export const DOCUMENTS_LISTED_MAX = 20;
/** Characters of what a reviewer writes to the person. */
export const REVIEW_NOTE_MAX_LENGTH = 500;
/** Days after which a document that was begun and not sent is thrown away. */
export const DOCUMENT_DRAFT_DAYS = 30;
/** How often pictures are looked for that have been kept long enough. */
export const DOCUMENT_TIDY_SECONDS = 60;
/** Documents that one round of tidying takes. */
export const DOCUMENT_TIDY_BATCH = 100;
/** Reviewers whose open pages are told that the queue has changed. */
export const REVIEWERS_TOLD_MAX = 200;
/** Times in a minute that somebody without the role is written down for asking. */
export const REFUSED_NOTED_A_MINUTE = 10;

export const SIDES = ['front', 'back'] as const;
export type Side = (typeof SIDES)[number];

/** `open`: she is at it; `asked`: a reviewer wants more; `withdrawn`: by herself, or never sent. */
export const DOCUMENT_STATES = ['open', 'pending', 'asked', 'approved', 'rejected', 'withdrawn'] as const;
export type DocumentState = (typeof DOCUMENT_STATES)[number];
/** States in which she may change it. */
export const EDITABLE: ReadonlySet<DocumentState> = new Set(['open', 'asked']);

export const REJECT_REASONS = [
  'not_a_document',
  'unreadable',
  'data_differs',
  'name_differs',
  'not_genuine',
  'other',
] as const;
export const MISSING = ['front', 'back', 'better_pictures', 'lines', 'name'] as const;
export type Missing = (typeof MISSING)[number];

const noteSchema = z
  .string()
  .trim()
  .min(1)
  .max(REVIEW_NOTE_MAX_LENGTH)
  .refine((text) => isPlainText(text.replace(/[\n\t]/g, ' ')), NOT_PLAIN)
  .optional();
export const verdictSchema = z.discriminatedUnion('verdict', [
  z.strictObject({ verdict: z.literal('approve') }),
  z.strictObject({ verdict: z.literal('reject'), reason: z.enum(REJECT_REASONS), note: noteSchema }),
  z.strictObject({
    verdict: z.literal('ask'),
    missing: z.array(z.enum(MISSING)).min(1).max(MISSING.length),
    note: noteSchema,
  }),
]);
export type Verdict = z.output<typeof verdictSchema>;

export const linesBody = z.strictObject({
  lines: z.array(z.string().max(MRZ_LINE_MAX_LENGTH)).min(1).max(MRZ_LINES_MAX),
});
export const chipBody = z.strictObject({
  files: z
    .array(z.strictObject({ name: z.string().max(255), content: z.base64().min(1) }))
    .min(1)
    .max(CHIP_UPLOAD_FILES_MAX),
});

export const documentFactsSchema = z.object({
  format: z.enum(MRZ_FORMATS),
  lines: z.array(z.string()),
  documentCode: z.string(),
  issuingState: z.string(),
  number: z.string(),
  nationality: z.string(),
  birthDate: z.string(),
  expiresOn: z.string(),
  surname: z.array(z.string()),
  givenNames: z.array(z.string()),
});
const imageSchema = z.object({
  side: z.enum(SIDES),
  width: z.int(),
  height: z.int(),
  bytes: z.int(),
  uploadedAt: z.iso.datetime(),
});
export const documentSchema = z.object({
  documentId: z.uuid(),
  state: z.enum(DOCUMENT_STATES),
  /** How it was decided: by people who looked, or by its chip. */
  by: z.enum(['reviewers', 'chip']).nullable(),
  /** Null once it was deleted, or when it cannot be read any more. */
  document: documentFactsSchema.nullable(),
  nameFit: z.enum(NAME_FITS).nullable(),
  images: z.array(imageSchema),
  /** Sides without which it cannot be sent. */
  needs: z.array(z.enum(SIDES)),
  reason: z.enum(REJECT_REASONS).nullable(),
  missing: z.array(z.enum(MISSING)),
  note: z.string().nullable(),
  createdAt: z.iso.datetime(),
  sentAt: z.iso.datetime().nullable(),
  decidedAt: z.iso.datetime().nullable(),
  /** When pictures and lines go. */
  deletedOn: z.iso.datetime().nullable(),
});
export type DocumentView = z.output<typeof documentSchema>;

export const documentListSchema = z.object({
  documents: z.array(documentSchema),
  terms: z.object({
    chip: z.boolean(),
    reviewers: z.int(),
    keptDays: z.int(),
    imageMaxBytes: z.int(),
    chipMaxBytes: z.int(),
    mayReview: z.boolean(),
  }),
});
export type DocumentList = z.output<typeof documentListSchema>;

export const faultsSchema = z.array(
  z.object({ code: z.enum(MRZ_FAULTS), line: z.int(), from: z.int(), to: z.int(), message: z.string() }),
);

export const reviewRowSchema = z.object({
  documentId: z.uuid(),
  sentAt: z.iso.datetime(),
  round: z.int(),
  /** `other`: a reviewer has it just now. */
  claim: z.enum(['free', 'mine', 'other']),
  verdicts: z.int(),
});
export const reviewListSchema = z.object({ waiting: z.array(reviewRowSchema), reviewers: z.int() });
export type ReviewList = z.output<typeof reviewListSchema>;

export const reviewSchema = z.object({
  documentId: z.uuid(),
  round: z.int(),
  sentAt: z.iso.datetime(),
  claimedUntil: z.iso.datetime(),
  document: documentFactsSchema,
  /** The name that she shows to people, with which the document's is compared. */
  shownName: z.string().nullable(),
  nameFit: z.enum(NAME_FITS),
  /** What does not fit by now: it may have expired while it waited. */
  faults: faultsSchema,
  images: z.array(imageSchema),
  verdicts: z.int(),
});
export type Review = z.output<typeof reviewSchema>;
