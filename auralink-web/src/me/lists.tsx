/** The person's own lists of friends: made, renamed, removed. Who is on them is said at each friend. */
import { useState } from 'react';
import type { AuraLink, ContactList } from '../../../auralink-client/index.ts';
import { Form, TextField } from '../ui/form.tsx';
import { Confirm, Outcome, Panel, Row, Rows, Sheet, Waiting } from '../ui/panel.tsx';
import { useAction } from '../ui/use-action.ts';
import type { Loaded } from '../ui/use-loaded.ts';

const NAME_MAX_LENGTH = 60;

interface ListsProps {
  readonly auralink: AuraLink;
  readonly lists: Loaded<readonly ContactList[]>;
}

export function Lists({ auralink, lists }: ListsProps) {
  const action = useAction();
  const [name, setName] = useState('');
  const [removing, setRemoving] = useState<ContactList | null>(null);
  const [renaming, setRenaming] = useState<ContactList | null>(null);
  const make = async (): Promise<void> => {
    await auralink.contacts.makeList(name.trim());
    setName('');
    await lists.reload();
  };
  const remove = (list: ContactList): Promise<boolean> =>
    action.run(
      async () => {
        await auralink.contacts.removeList(list.listId);
        await lists.reload();
      },
      `The list ${listTitle(list)} is gone; your friends are not.`,
    );
  return (
    <Panel title="Your lists" intro="Family, football, work: only you see them.">
      <Waiting of={lists} />
      {lists.value !== null && lists.value.length > 0 && (
        <Rows label="Your lists">
          {lists.value.map((list) => (
            <Row key={list.listId} title={listTitle(list)} detail={sizeWords(list)} testId="list">
              <button
                type="button"
                className="button quiet small"
                aria-label={`Rename the list ${listTitle(list)}`}
                onClick={() => setRenaming(list)}
              >
                Rename
              </button>
              <button
                type="button"
                className="button quiet small"
                aria-disabled={action.busy}
                aria-label={`Remove the list ${listTitle(list)}`}
                onClick={() => setRemoving(list)}
              >
                Remove
              </button>
            </Row>
          ))}
        </Rows>
      )}
      <Outcome action={action} />
      {removing !== null && (
        <Confirm
          title={`Remove the list ${listTitle(removing)}?`}
          action="Remove"
          testId="list-remove-confirm"
          onClose={() => setRemoving(null)}
          onConfirm={async () => {
            await remove(removing);
            setRemoving(null);
          }}
        >
          <p>Your friends stay; who was on it is not kept.</p>
        </Confirm>
      )}
      {renaming !== null && (
        <Renaming
          list={renaming}
          onClose={() => setRenaming(null)}
          onRename={async (to) => {
            await auralink.contacts.renameList(renaming.listId, to);
            await lists.reload();
            setRenaming(null);
          }}
        />
      )}
      <Form testId="list-add" action="Make list" done="Made." disabled={name.trim() === ''} onSubmit={make}>
        <TextField
          label="New list"
          testId="list-name"
          value={name}
          onValue={setName}
          maxLength={NAME_MAX_LENGTH}
          placeholder="Family"
          autoComplete="off"
        />
      </Form>
    </Panel>
  );
}

interface RenamingProps {
  readonly list: ContactList;
  readonly onRename: (name: string) => Promise<void>;
  readonly onClose: () => void;
}

function Renaming({ list, onRename, onClose }: RenamingProps) {
  const [name, setName] = useState(list.name);
  const wanted = name.trim();
  return (
    <Sheet title={`Rename ${listTitle(list)}`} onClose={onClose}>
      <Form
        testId="list-rename"
        action="Rename"
        leaves
        disabled={wanted === '' || wanted === list.name}
        onSubmit={() => onRename(wanted)}
      >
        <TextField
          label="Name of the list"
          testId="list-rename-name"
          value={name}
          onValue={setName}
          maxLength={NAME_MAX_LENGTH}
          autoComplete="off"
        />
      </Form>
    </Sheet>
  );
}

/** Its name, or that it cannot be read. */
export function listTitle({ name, unreadable }: Pick<ContactList, 'name' | 'unreadable'>): string {
  return unreadable ? 'A name that cannot be read any more' : name;
}

function sizeWords({ members }: ContactList): string {
  return members.length === 1 ? '1 friend' : `${members.length} friends`;
}
