/**
 * What a person tells of herself: the name that she shows, a text, a picture, and fields that only she sees. All but the
 * name lie in envelopes. A change reaches her friends, her own pages, Matrix and the caches.
 */
import { AuraError } from '../../core/errors.ts';
import { type AuraId, type NewId, NOBODY, type PersonId } from '../../core/ids.ts';
import type { Tx, UnitOfWork } from '../../core/unit-of-work.ts';
import type { Act, Audit } from './audit.ts';
import type { BlindIndexer, IndexedBy } from './blind-index.ts';
import { findOpened, type Vault } from './data-keys.ts';
import { fieldPlace } from './envelope.ts';
import { MATRIX_PROFILE_TOPIC } from './matrix-profile.ts';
import { cleanPicture, type Picture, typeOfPicture } from '../../core/picture.ts';
import type {
  ContactFanOut,
  ContactStore,
  EventAppender,
  Outbox,
  People,
  PrivacyStore,
} from './ports-privacy.ts';
import { isThere, type Shown, shows } from './privacy.ts';
import type { IdentityCache } from './resolver.ts';

/** Characters of the text about herself. */
export const ABOUT_MAX_LENGTH = 500;
/** Bytes of a picture. */
export const PICTURE_MAX_BYTES = 262_144;
/** Fields of one person. */
export const FIELDS_MAX = 30;
/** Characters of a field. */
export const FIELD_MAX_LENGTH = 2_000;

export const FIELD_KINDS = ['email', 'phone', 'birth_date', 'postal_address', 'document'] as const;
export type FieldKind = (typeof FIELD_KINDS)[number];
type StoredKind = FieldKind | 'about' | 'picture';

export interface StoredField {
  readonly fieldId: string;
  readonly kind: StoredKind;
  readonly envelope: Buffer;
  readonly updatedAt: Date;
}

export interface PersonalDataStore {
  /** Locks her row; null leaves her without a name to show. */
  setDisplayName(tx: Tx, personId: PersonId, displayName: string | null): Promise<void>;
  lockPerson(tx: Tx, personId: PersonId): Promise<void>;
  list(personId: PersonId): Promise<StoredField[]>;
  /** Null also where this viewer does not see it, at the same cost: a quarter of a megabyte is read for no other. */
  findPicture(
    viewer: PersonId,
    personId: PersonId,
  ): Promise<Pick<StoredField, 'fieldId' | 'envelope'> | null>;
  count(tx: Tx, personId: PersonId): Promise<number>;
  /** `index`: by what it is found once it is proved; null for kinds by which nobody is found. */
  insert(
    tx: Tx,
    personId: PersonId,
    field: Omit<StoredField, 'updatedAt'>,
    index: IndexedBy | null,
  ): Promise<void>;
  /** Another value in place, proved by nobody yet; false when she has no such field of this kind. */
  update(
    tx: Tx,
    personId: PersonId,
    field: Omit<StoredField, 'updatedAt'>,
    index: IndexedBy | null,
  ): Promise<boolean>;
  /** Its kind; null when she has no such field. */
  remove(tx: Tx, personId: PersonId, fieldId: string): Promise<FieldKind | null>;
  removeKind(tx: Tx, personId: PersonId, kind: StoredKind): Promise<boolean>;
}

/** Proofs of addresses: what proved a value ends with it. */
export interface FieldProofs {
  fieldGone(
    tx: Tx,
    personId: PersonId,
    fieldId: string,
    reason: 'field_changed' | 'field_removed',
  ): Promise<void>;
}

export interface PersonalDataDeps {
  readonly unitOfWork: UnitOfWork;
  readonly newId: NewId;
  readonly store: PersonalDataStore;
  readonly privacy: Pick<PrivacyStore, 'behold' | 'getRules'>;
  readonly contacts: Pick<ContactStore, 'listEndpoints'>;
  readonly people: People;
  readonly vault: Pick<Vault, 'seal' | 'open'>;
  readonly indexer: Pick<BlindIndexer, 'current'>;
  readonly log: EventAppender;
  readonly proofs: FieldProofs;
  readonly outbox: Outbox;
  readonly fanOut: ContactFanOut;
  readonly cache: IdentityCache;
  readonly audit: Audit;
}

export interface FieldView {
  readonly fieldId: string;
  readonly kind: FieldKind;
  readonly value: string;
  readonly updatedAt: string;
}

/** `unreadable`: there is a value, and it cannot be opened any more. */
export type ListedField = FieldView | (Omit<FieldView, 'value'> & { readonly unreadable: true });

export interface PersonalDataService {
  /** What is not named stays; null takes it away. */
  setProfile(
    personId: PersonId,
    patch: { readonly displayName?: string | null; readonly about?: string | null },
  ): Promise<void>;
  /** Throws invalid (not_a_picture). */
  setPicture(personId: PersonId, bytes: Buffer): Promise<void>;
  removePicture(personId: PersonId): Promise<void>;
  /** `viewer`: null while signed out. Throws not_found, whatever the reason. */
  picture(viewer: PersonId | null, auraId: AuraId | null): Promise<Picture>;
  fields(personId: PersonId): Promise<ListedField[]>;
  /** Throws conflict (too_many_fields, already_there). */
  addField(personId: PersonId, kind: FieldKind, value: string): Promise<FieldView>;
  /** Throws not_found also for a field of another kind. */
  changeField(personId: PersonId, fieldId: string, kind: FieldKind, value: string): Promise<FieldView>;
  removeField(personId: PersonId, fieldId: string): Promise<void>;
}

export function createPersonalData(deps: PersonalDataDeps): PersonalDataService {
  return {
    setProfile: (personId, patch) =>
      change(deps, personId, 'profile.changed', async (tx) => {
        if (patch.displayName !== undefined) {
          await deps.store.setDisplayName(tx, personId, patch.displayName);
        }
        if (patch.about !== undefined) {
          await replace(deps, tx, personId, 'about', patch.about === null ? null : Buffer.from(patch.about));
        }
        return [
          ...(patch.displayName === undefined ? [] : (['name'] as const)),
          ...(patch.about === undefined ? [] : (['about'] as const)),
        ];
      }),
    setPicture: async (personId, bytes) => {
      const picture = cleanPicture(bytes);
      if (picture === null) {
        throw new AuraError('invalid', 'This is no PNG, JPEG or WebP picture, or a broken one.', {
          field: 'body',
          reason: 'not_a_picture',
        });
      }
      await changePicture(deps, personId, picture.bytes);
    },
    removePicture: (personId) => changePicture(deps, personId, null),
    picture: (viewer, auraId) => picture(deps, viewer, auraId),
    fields: (personId) => fields(deps, personId),
    addField: (personId, kind, value) => addField(deps, personId, kind, value),
    changeField: (personId, fieldId, kind, value) => changeField(deps, personId, fieldId, kind, value),
    removeField: (personId, fieldId) =>
      change(deps, personId, 'field.removed', async (tx) => {
        await deps.proofs.fieldGone(tx, personId, fieldId, 'field_removed');
        const kind = await deps.store.remove(tx, personId, fieldId);
        if (kind === null) throw unknownField();
        return seenIn(kind);
      }),
  };
}

/** Does `work` under her row's lock, and tells everybody who sees what it says has changed. */
async function change(
  deps: PersonalDataDeps,
  personId: PersonId,
  act: Act,
  work: (tx: Tx) => Promise<readonly Shown[]>,
): Promise<void> {
  await deps.unitOfWork.run(async (tx) => {
    await deps.store.lockPerson(tx, personId);
    const changed = await work(tx);
    const rules = await deps.privacy.getRules(personId, tx);
    if (changed.some((what) => shows(rules, 'friend', what))) await deps.fanOut.changed(tx, personId);
    if (changed.includes('name') || changed.includes('picture')) {
      await deps.outbox.enqueue(tx, MATRIX_PROFILE_TOPIC, { personId });
    }
    const endpoints = await deps.contacts.listEndpoints(tx, [personId], 'account.manage');
    await deps.log.append(
      tx,
      endpoints.map(({ endpointId }) => ({ endpointId, type: 'me.updated', data: {} })),
    );
    await deps.audit.record(tx, { actor: `person:${personId}`, act, subject: personId });
  });
  deps.cache.changed([personId]);
}

async function changePicture(
  deps: PersonalDataDeps,
  personId: PersonId,
  bytes: Buffer | null,
): Promise<void> {
  await change(deps, personId, 'profile.changed', async (tx) => {
    await replace(deps, tx, personId, 'picture', bytes);
    return ['picture'];
  });
}

/** What others may see of a field. */
function seenIn(kind: FieldKind): readonly Shown[] {
  return kind === 'phone' ? ['number'] : [];
}

/** The row's id is bound into the envelope, so a new value is a new row. */
async function replace(
  deps: PersonalDataDeps,
  tx: Tx,
  personId: PersonId,
  kind: StoredKind,
  value: Buffer | null,
): Promise<void> {
  await deps.store.removeKind(tx, personId, kind);
  if (value === null) return;
  const fieldId: string = deps.newId();
  const envelope = await deps.vault.seal(tx, personId, fieldPlace(fieldId), value);
  await deps.store.insert(tx, personId, { fieldId, kind, envelope }, null);
}

/** The same questions are asked whether she is there or not; only what is shown is opened. */
async function picture(
  deps: PersonalDataDeps,
  viewer: PersonId | null,
  auraId: AuraId | null,
): Promise<Picture> {
  const personId = (auraId === null ? null : await deps.people.findPerson(auraId))?.personId ?? NOBODY;
  const [beheld, stored] = await Promise.all([
    deps.privacy.behold(viewer ?? NOBODY, [personId]),
    deps.store.findPicture(viewer ?? NOBODY, personId),
  ]);
  const found = beheld.get(personId);
  const as = viewer === null ? 'signed_out' : (found?.viewer ?? 'stranger');
  if (
    found === undefined ||
    stored === null ||
    !isThere(found.facts.rules, as) ||
    !shows(found.facts.rules, as, 'picture')
  ) {
    throw noPicture();
  }
  const bytes = await findOpened(deps.vault, personId, fieldPlace(stored.fieldId), stored.envelope);
  if (bytes === null) throw noPicture();
  return { type: typeOfPicture(bytes), bytes };
}

function noPicture(): AuraError {
  return new AuraError('not_found', 'There is no picture to be seen here.', { reason: 'no_picture' });
}

async function fields(deps: PersonalDataDeps, personId: PersonId): Promise<ListedField[]> {
  const stored = await deps.store.list(personId);
  const views = stored.map(async ({ fieldId, kind, envelope, updatedAt }): Promise<ListedField[]> => {
    if (kind === 'about' || kind === 'picture') return [];
    const value = await findOpened(deps.vault, personId, fieldPlace(fieldId), envelope);
    const field = { fieldId, kind, updatedAt: updatedAt.toISOString() };
    return [value === null ? { ...field, unreadable: true } : { ...field, value: value.toString('utf8') }];
  });
  return (await Promise.all(views)).flat();
}

async function addField(
  deps: PersonalDataDeps,
  personId: PersonId,
  kind: FieldKind,
  value: string,
): Promise<FieldView> {
  const fieldId: string = deps.newId();
  await change(deps, personId, 'field.written', async (tx) => {
    if ((await deps.store.count(tx, personId)) >= FIELDS_MAX) {
      throw new AuraError('conflict', `You may have ${FIELDS_MAX} fields at most; remove one first.`, {
        reason: 'too_many_fields',
      });
    }
    // There is one birthday.
    if (kind === 'birth_date') await deps.store.removeKind(tx, personId, kind);
    const envelope = await deps.vault.seal(tx, personId, fieldPlace(fieldId), Buffer.from(value));
    await deps.store.insert(tx, personId, { fieldId, kind, envelope }, indexOf(deps, kind, value));
    return seenIn(kind);
  });
  return { fieldId, kind, value, updatedAt: new Date().toISOString() };
}

async function changeField(
  deps: PersonalDataDeps,
  personId: PersonId,
  fieldId: string,
  kind: FieldKind,
  value: string,
): Promise<FieldView> {
  await change(deps, personId, 'field.written', async (tx) => {
    const envelope = await deps.vault.seal(tx, personId, fieldPlace(fieldId), Buffer.from(value));
    const index = indexOf(deps, kind, value);
    await deps.proofs.fieldGone(tx, personId, fieldId, 'field_changed');
    if (!(await deps.store.update(tx, personId, { fieldId, kind, envelope }, index))) throw unknownField();
    return seenIn(kind);
  });
  return { fieldId, kind, value, updatedAt: new Date().toISOString() };
}

function indexOf(deps: PersonalDataDeps, kind: FieldKind, value: string): IndexedBy | null {
  return kind === 'email' || kind === 'phone' ? deps.indexer.current(kind, value) : null;
}

function unknownField(): AuraError {
  return new AuraError('not_found', 'There is no such field here.', { reason: 'unknown_field' });
}
