/** One friend: her profile, the note about her, the lists she is on, and the ways to part. */
import { useState } from 'react';
import type { AuraLink, ContactList, Friend } from '../../../auralink-client/index.ts';
import { nameOf } from '../ui/avatar.tsx';
import { Form, TextArea } from '../ui/form.tsx';
import { Confirm, Outcome, Sheet } from '../ui/panel.tsx';
import { ProfileCard } from '../ui/profile-card.tsx';
import { useAction } from '../ui/use-action.ts';
import { usePicture } from '../ui/use-picture.ts';
import { listTitle } from './lists.tsx';

const NOTE_MAX_LENGTH = 1000;

interface FriendSheetProps {
  readonly auralink: AuraLink;
  readonly friend: Friend;
  readonly lists: readonly ContactList[];
  readonly onChange: () => Promise<void>;
  readonly onClose: () => void;
}

export function FriendSheet(props: FriendSheetProps) {
  const { auralink, friend, onClose } = props;
  const picture = usePicture(auralink, friend.auraId, friend.pictureUrl);
  return (
    <Sheet title={nameOf(friend)} onClose={onClose}>
      <ProfileCard view={friend} picture={picture} />
      <Note {...props} />
      <OnLists {...props} />
      <Parting {...props} />
    </Sheet>
  );
}

function Note({ auralink, friend, onChange }: FriendSheetProps) {
  const [note, setNote] = useState(friend.note ?? '');
  const save = async (): Promise<void> => {
    await auralink.contacts.note(friend.auraId, note.trim() === '' ? null : note.trim());
    await onChange();
  };
  return (
    <Form testId="note-save" action="Save note" done="Saved." onSubmit={save}>
      <TextArea
        label="Your note"
        testId="note"
        value={note}
        onValue={setNote}
        maxLength={NOTE_MAX_LENGTH}
        hint={
          <p className="hint">
            {friend.noteUnreadable
              ? 'What you wrote cannot be read any more; write it anew.'
              : 'Encrypted, and only for you.'}
          </p>
        }
      />
    </Form>
  );
}

function OnLists({ auralink, friend, lists, onChange }: FriendSheetProps) {
  const action = useAction();
  // Shown as she chose while the service is told.
  const [chosen, setChosen] = useState<{ readonly listId: string; readonly on: boolean } | null>(null);
  if (lists.length === 0) return null;
  const toggle = async (listId: string, on: boolean): Promise<void> => {
    if (action.busy) return;
    setChosen({ listId, on });
    await action.run(async () => {
      await (on
        ? auralink.contacts.putOnList(listId, friend.auraId)
        : auralink.contacts.takeOffList(listId, friend.auraId));
      await onChange();
    });
    setChosen(null);
  };
  return (
    <fieldset className="choices">
      <legend>On your lists</legend>
      {lists.map(({ listId, ...list }) => (
        <label key={listId} className="choice">
          <input
            type="checkbox"
            checked={chosen?.listId === listId ? chosen.on : friend.lists.includes(listId)}
            aria-disabled={action.busy}
            onChange={(event) => void toggle(listId, event.target.checked)}
          />
          {listTitle(list)}
        </label>
      ))}
      <Outcome action={action} />
    </fieldset>
  );
}

type Way = 'unfriend' | 'block';

function Parting({ auralink, friend, onChange, onClose }: FriendSheetProps) {
  const [asking, setAsking] = useState<Way | null>(null);
  const name = nameOf(friend);
  const part = async (way: Way): Promise<void> => {
    await (way === 'unfriend'
      ? auralink.contacts.remove(friend.auraId)
      : auralink.privacy.block(friend.auraId));
    await onChange();
    onClose();
  };
  const button = (way: Way, words: string) => (
    <button
      type="button"
      className="button quiet"
      data-testid={`friend-${way}`}
      onClick={() => setAsking(way)}
    >
      {words}
    </button>
  );
  return (
    <div className="sheet-text">
      <div className="buttons">
        {button('unfriend', 'End friendship')}
        {button('block', 'Block')}
      </div>
      <p className="hint">{name} is not told of either.</p>
      {asking !== null && (
        <Confirm
          title={asking === 'unfriend' ? `End the friendship with ${name}?` : `Block ${name}?`}
          action={asking === 'unfriend' ? 'End it' : 'Block'}
          testId={`friend-${asking}-confirm`}
          onClose={() => setAsking(null)}
          onConfirm={() => part(asking)}
        >
          <p>
            {asking === 'block' && 'To them you look as if you were not there, and the friendship ends. '}
            Your note goes, and they are taken off your lists.
          </p>
        </Confirm>
      )}
    </div>
  );
}
