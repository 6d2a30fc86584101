/** A person's own lists of friends, and her notes about them: for her eyes only, encrypted at rest. */
import { AuraError } from '../../core/errors.ts';
import type { AuraId, ListId, PersonId } from '../../core/ids.ts';
import { type ContactDeps, getOther } from './contacts.ts';
import { findOpened } from './data-keys.ts';

/** Lists of one person. */
export const LISTS_MAX = 50;
/** Friends on one list. */
export const LIST_MEMBERS_MAX = 500;
/** Characters of a list's name. */
export const LIST_NAME_MAX_LENGTH = 60;
/** Characters of a note. */
export const NOTE_MAX_LENGTH = 1_000;

export interface ContactList {
  readonly listId: ListId;
  readonly name: string;
  /** It has a name that cannot be opened any more; `name` is empty then. */
  readonly unreadable?: true;
  readonly members: AuraId[];
}

/** Everything of other people's is as absent as what never was: not_found. */
export interface ContactListService {
  list(personId: PersonId): Promise<ContactList[]>;
  /** Throws conflict (too_many_lists). */
  make(personId: PersonId, name: string): Promise<ContactList>;
  rename(personId: PersonId, listId: ListId, name: string): Promise<void>;
  remove(personId: PersonId, listId: ListId): Promise<void>;
  addMember(personId: PersonId, listId: ListId, auraId: AuraId): Promise<void>;
  removeMember(personId: PersonId, listId: ListId, auraId: AuraId): Promise<void>;
  /** Null deletes it. */
  setNote(personId: PersonId, about: AuraId, note: string | null): Promise<void>;
}

export function createContactLists(deps: ContactDeps): ContactListService {
  return {
    list: (personId) => list(deps, personId),
    make: (personId, name) => make(deps, personId, name),
    rename: (personId, listId, name) => rename(deps, personId, listId, name),
    remove: async (personId, listId) => {
      if (!(await deps.contacts.deleteList(personId, listId))) throw noSuchList();
    },
    addMember: (personId, listId, auraId) => addMember(deps, personId, listId, auraId),
    removeMember: async (personId, listId, auraId) => {
      const { personId: member } = await getOther(deps, personId, auraId);
      if (!(await deps.contacts.removeMember(personId, listId, member))) {
        throw new AuraError('not_found', 'Nobody of this address is on such a list of yours.', {
          reason: 'unknown_member',
        });
      }
    },
    setNote: (personId, about, note) => setNote(deps, personId, about, note),
  };
}

const placeOf = (listId: ListId) => ({ table: 'contact_lists', column: 'name_envelope', row: listId });

async function list(deps: ContactDeps, personId: PersonId): Promise<ContactList[]> {
  const stored = await deps.contacts.listLists(personId);
  return await Promise.all(
    stored.map(async ({ listId, nameEnvelope, members }) => {
      const name = await findOpened(deps.vault, personId, placeOf(listId), nameEnvelope);
      const shown = name === null ? { name: '', unreadable: true as const } : { name: name.toString('utf8') };
      return { listId, ...shown, members: [...members] };
    }),
  );
}

async function make(deps: ContactDeps, personId: PersonId, name: string): Promise<ContactList> {
  const listId = deps.newId<ListId>();
  await deps.unitOfWork.run(async (tx) => {
    const sealed = await deps.vault.seal(tx, personId, placeOf(listId), Buffer.from(name));
    await deps.contacts.lockOwner(tx, personId);
    if ((await deps.contacts.countLists(tx, personId)) >= LISTS_MAX) {
      throw new AuraError('conflict', `You may have ${LISTS_MAX} lists at most; delete one first.`, {
        reason: 'too_many_lists',
      });
    }
    await deps.contacts.insertList(tx, personId, listId, sealed);
  });
  return { listId, name, members: [] };
}

async function rename(deps: ContactDeps, personId: PersonId, listId: ListId, name: string): Promise<void> {
  const renamed = await deps.unitOfWork.run(async (tx) => {
    const sealed = await deps.vault.seal(tx, personId, placeOf(listId), Buffer.from(name));
    return await deps.contacts.renameList(tx, personId, listId, sealed);
  });
  if (!renamed) throw noSuchList();
}

async function addMember(
  deps: ContactDeps,
  personId: PersonId,
  listId: ListId,
  auraId: AuraId,
): Promise<void> {
  const { personId: member } = await getOther(deps, personId, auraId);
  switch (await deps.contacts.addMember(personId, listId, member, LIST_MEMBERS_MAX)) {
    case 'unknown_list':
      throw noSuchList();
    case 'not_friends':
      throw noContact();
    case 'full':
      throw new AuraError('conflict', `A list may have ${LIST_MEMBERS_MAX} people at most.`, {
        reason: 'list_full',
      });
    default:
  }
}

async function setNote(
  deps: ContactDeps,
  personId: PersonId,
  about: AuraId,
  note: string | null,
): Promise<void> {
  const other = (await getOther(deps, personId, about)).personId;
  await deps.unitOfWork.run(async (tx) => {
    // Two pages at once would each choose an id of their own.
    await deps.store.lockPair(tx, personId, other);
    if (!(await deps.contacts.isFriend(tx, personId, other))) throw noContact();
    if (note === null) return await deps.contacts.deleteNote(tx, personId, other);
    const row = await deps.contacts.getNoteId(tx, personId, other, deps.newId());
    const place = { table: 'contact_notes', column: 'note_envelope', row };
    const sealed = await deps.vault.seal(tx, personId, place, Buffer.from(note));
    await deps.contacts.setNote(tx, row, personId, other, sealed);
  });
}

function noSuchList(): AuraError {
  return new AuraError('not_found', 'There is no such list here.', { reason: 'unknown_list' });
}

function noContact(): AuraError {
  return new AuraError('not_found', 'Nobody of this address is among your contacts.', {
    reason: 'no_contact',
  });
}
