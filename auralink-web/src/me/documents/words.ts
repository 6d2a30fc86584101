/** Documents in words. */
import type {
  DocumentMissing,
  DocumentRejection,
  DocumentSide,
  DocumentState,
  NameFit,
} from '../../../../auralink-client/index.ts';

export const SIDE_WORDS: Readonly<Record<DocumentSide, string>> = { front: 'Front', back: 'Back' };

export const STATE_WORDS: Readonly<Record<DocumentState, string>> = {
  open: 'Not sent yet',
  pending: 'With the reviewers',
  asked: 'The reviewers need something more',
  approved: 'Accepted',
  rejected: 'Not accepted',
  withdrawn: 'Taken back',
};

export const REASON_WORDS: Readonly<Record<DocumentRejection, string>> = {
  not_a_document: 'The pictures show no identity document',
  unreadable: 'The pictures cannot be read',
  data_differs: 'The lines are not those on the pictures',
  name_differs: 'The name that is shown is another one',
  not_genuine: 'The document does not look genuine',
  other: 'Another reason',
};

export const MISSING_WORDS: Readonly<Record<DocumentMissing, string>> = {
  front: 'A picture of the front',
  back: 'A picture of the back',
  better_pictures: 'Sharper pictures, without glare',
  lines: 'The right lines',
  name: 'The name of the document on the profile',
};

export const FIT_WORDS: Readonly<Record<NameFit, string>> = {
  fits: 'The name shown is the name of the document.',
  partly: 'The name shown is a part of the document’s name.',
  differs: 'The name shown is not the name of the document.',
  unknown: 'There is no name shown that could be compared.',
};
