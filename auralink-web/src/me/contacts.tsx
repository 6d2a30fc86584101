/** Friends: who they are, in which of the person's own lists, and what she noted. */
import { useRef, useState } from 'react';
import type { AuraLink, ContactList, Friend } from '../../../auralink-client/index.ts';
import type { PageProps } from '../mount.tsx';
import { useStore } from '../store.ts';
import { nameOf } from '../ui/avatar.tsx';
import { Icon } from '../ui/icons.tsx';
import { Empty, Outcome, Panel, Row, Rows, Waiting } from '../ui/panel.tsx';
import { PersonAvatar } from '../ui/person-avatar.tsx';
import { useAction } from '../ui/use-action.ts';
import { useLoaded } from '../ui/use-loaded.ts';
import { Find } from './find.tsx';
import { FriendSheet } from './friend-sheet.tsx';
import { Lists, listTitle } from './lists.tsx';
import { mePath } from './route.ts';
import { useEvent } from './use-event.ts';

interface Known {
  readonly friends: readonly Friend[];
  readonly next: string | null;
}

export function ContactsPage({ auralink, controller, session }: PageProps) {
  const { me } = useStore(session);
  // As many as she has seen: what is loaded anew must not take any away.
  const pages = useRef(1);
  const known = useLoaded(() => loadPages(auralink, pages.current));
  const lists = useLoaded(() => auralink.contacts.lists());
  const action = useAction();
  const [list, setList] = useState<string | null>(null);
  const [opened, setOpened] = useState<string | null>(null);
  useEvent(auralink, 'contactUpdated', known.reload);
  const more = async (count: number): Promise<void> => {
    pages.current += count;
    await action.run(known.reload);
  };
  const choose = (listId: string | null): void => {
    setList(listId);
    // Those on it may be on any page.
    if (listId !== null && known.value?.next) void more(Number.POSITIVE_INFINITY);
  };
  const friends = (known.value?.friends ?? []).filter((one) => list === null || one.lists.includes(list));
  const open = known.value?.friends.find(({ auraId }) => auraId === opened);
  return (
    <>
      <Panel title="Your friends" intro="Friendship goes both ways. Only you see your lists and notes.">
        <ListFilter lists={lists.value ?? []} chosen={list} onChoose={choose} />
        <Waiting of={known} />
        {known.value !== null && friends.length === 0 && <NoFriends inList={list !== null} />}
        {friends.length > 0 && (
          <Rows label="Friends">
            {friends.map((friend) => (
              <FriendRow
                key={friend.auraId}
                auralink={auralink}
                friend={friend}
                onCall={() => void controller.dial(friend, 'audio')}
                onMore={() => setOpened(friend.auraId)}
              />
            ))}
          </Rows>
        )}
        {known.value?.next && (
          <button
            type="button"
            className="button quiet wide"
            aria-disabled={action.busy}
            onClick={() => void more(1)}
          >
            More friends
          </button>
        )}
        <Outcome action={action} />
      </Panel>
      <Find
        auralink={auralink}
        ownAddress={me?.auraId ?? null}
        friends={(known.value?.friends ?? []).map(({ auraId }) => auraId)}
      />
      <Lists auralink={auralink} lists={lists} />
      {open !== undefined && (
        <FriendSheet
          auralink={auralink}
          friend={open}
          lists={lists.value ?? []}
          onChange={async () => void (await Promise.all([known.reload(), lists.reload()]))}
          onClose={() => setOpened(null)}
        />
      )}
    </>
  );
}

interface FriendRowProps {
  readonly auralink: AuraLink;
  readonly friend: Friend;
  readonly onCall: () => void;
  readonly onMore: () => void;
}

function FriendRow({ auralink, friend, onCall, onMore }: FriendRowProps) {
  return (
    <Row
      testId="friend"
      lead={<PersonAvatar auralink={auralink} view={friend} />}
      title={nameOf(friend)}
      detail={detailOf(friend)}
    >
      <button type="button" className="icon-button" aria-label={`Call ${nameOf(friend)}`} onClick={onCall}>
        <Icon name="phone" />
      </button>
      <button
        type="button"
        className="icon-button"
        aria-label={`More about ${nameOf(friend)}`}
        data-testid="friend-more"
        onClick={onMore}
      >
        <Icon name="forward" />
      </button>
    </Row>
  );
}

/** The first `count` pages, or all there are. */
async function loadPages(auralink: AuraLink, count: number): Promise<Known> {
  let known: Known = await auralink.contacts.friends();
  for (let page = 1; page < count && known.next !== null; page++) {
    const { friends, next } = await auralink.contacts.friends({ after: known.next });
    known = { friends: [...known.friends, ...friends], next };
  }
  return known;
}

function detailOf({ auraId, displayName, online, note }: Friend): string {
  const parts = [displayName === null ? null : auraId, online ? 'online' : null, note];
  return parts.filter((part) => part !== null).join(' · ');
}

function NoFriends({ inList }: { inList: boolean }) {
  if (inList) return <Empty>Nobody is on this list yet. Open a friend to put them on it.</Empty>;
  return (
    <Empty>
      Nobody yet. <a href={mePath('requests')}>Ask somebody</a> whose address you know, or{' '}
      <a href={mePath('invites')}>make an invitation link</a>.
    </Empty>
  );
}

interface ListFilterProps {
  readonly lists: readonly ContactList[];
  readonly chosen: string | null;
  readonly onChoose: (listId: string | null) => void;
}

function ListFilter({ lists, chosen, onChoose }: ListFilterProps) {
  if (lists.length === 0) return null;
  const choices = [{ listId: null, name: 'All' }, ...lists];
  return (
    <fieldset className="suggestions" aria-label="Lists">
      {choices.map(({ listId, ...list }) => (
        <button
          key={listId ?? ''}
          type="button"
          className="chip"
          aria-pressed={chosen === listId}
          onClick={() => onChoose(listId)}
        >
          {listTitle(list)}
        </button>
      ))}
    </fieldset>
  );
}
