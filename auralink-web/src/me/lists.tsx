/** The person's own lists of friends: made, renamed, removed. Who is on them is said at each friend. */
import { useState } from 'react';
import type { AuraLink, ContactList } from '../../../auralink-client/index.ts';
import { Form, TextField } from '../ui/form.tsx';
import { Outcome, Panel, Row, Rows, Waiting } from '../ui/panel.tsx';
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
      `The list ${titleOf(list)} is gone; your friends are not.`,
    );
  return (
    <Panel title="Your lists" intro="Family, football, work: only you see them.">
      <Waiting of={lists} />
      {lists.value !== null && lists.value.length > 0 && (
        <Rows label="Your lists">
          {lists.value.map((list) => (
            <Row key={list.listId} title={titleOf(list)} detail={sizeWords(list)} testId="list">
              <button
                type="button"
                className="button quiet small"
                aria-disabled={action.busy}
                aria-label={`Remove the list ${titleOf(list)}`}
                onClick={() => void remove(list)}
              >
                Remove
              </button>
            </Row>
          ))}
        </Rows>
      )}
      <Outcome action={action} />
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

function titleOf({ name, unreadable }: ContactList): string {
  return unreadable ? 'A name that cannot be read any more' : name;
}

function sizeWords({ members }: ContactList): string {
  return members.length === 1 ? '1 friend' : `${members.length} friends`;
}
