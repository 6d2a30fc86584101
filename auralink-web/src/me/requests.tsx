/** Who asks to be a friend, whom she has asked, and asking somebody. */
import { useState } from 'react';
import type { FriendRequests } from '../../../auralink-client/index.ts';
import { findAddress } from '../address.ts';
import type { PageProps } from '../mount.tsx';
import { nameOf } from '../ui/avatar.tsx';
import { ExactField, Form } from '../ui/form.tsx';
import { Empty, Outcome, Panel, Row, Rows, Waiting } from '../ui/panel.tsx';
import { PersonAvatar } from '../ui/person-avatar.tsx';
import { useAction } from '../ui/use-action.ts';
import { type Loaded, useLoaded } from '../ui/use-loaded.ts';
import { askWords } from './ask-words.ts';
import { useEvent } from './use-event.ts';
import { dayWords } from './words.ts';

type OfRequests = PageProps & { readonly requests: Loaded<FriendRequests> };

export function RequestsPage(props: PageProps) {
  const requests = useLoaded(() => props.auralink.contacts.requests());
  useEvent(props.auralink, 'contactRequest', requests.reload);
  useEvent(props.auralink, 'contactUpdated', requests.reload);
  return (
    <>
      <Incoming {...props} requests={requests} />
      <Ask {...props} requests={requests} />
      <Outgoing {...props} requests={requests} />
    </>
  );
}

function Incoming({ auralink, requests }: OfRequests) {
  const action = useAction();
  const incoming = requests.value?.incoming ?? [];
  const decide = (work: () => Promise<void>, said: string): Promise<boolean> =>
    action.run(async () => {
      await work();
      await requests.reload();
    }, said);
  return (
    <Panel title="Who asks you" testId="incoming">
      <Waiting of={requests} />
      {requests.value !== null && incoming.length === 0 && <Empty>Nobody asks at the moment.</Empty>}
      {incoming.length > 0 && (
        <Rows label="Who asks you">
          {incoming.map(({ requestId, from, createdAt }) => (
            <Row
              key={requestId}
              testId="request"
              lead={<PersonAvatar auralink={auralink} view={from} />}
              title={nameOf(from)}
              detail={`${from.auraId} · ${dayWords(createdAt)}`}
            >
              <button
                type="button"
                className="button primary small"
                aria-disabled={action.busy}
                aria-label={`Accept ${nameOf(from)}`}
                onClick={() =>
                  void decide(
                    () => auralink.contacts.accept(requestId),
                    `${nameOf(from)} is your friend now.`,
                  )
                }
              >
                Accept
              </button>
              <button
                type="button"
                className="button quiet small"
                aria-disabled={action.busy}
                aria-label={`Decline ${nameOf(from)}`}
                onClick={() =>
                  void decide(() => auralink.contacts.decline(requestId), 'Declined. Nobody was told.')
                }
              >
                Decline
              </button>
            </Row>
          ))}
        </Rows>
      )}
      <Outcome action={action} testId="incoming-said" />
    </Panel>
  );
}

function Ask({ auralink, requests }: OfRequests) {
  const [typed, setTyped] = useState('');
  const address = findAddress(typed);
  const ask = async (): Promise<void> => {
    if (address === null) return;
    await auralink.contacts.ask(address);
    setTyped('');
    await requests.reload();
  };
  return (
    <Panel title="Ask somebody">
      <Form
        testId="ask"
        action="Ask to be friends"
        done="Asked."
        disabled={address === null}
        onSubmit={ask}
        wordsFor={askWords}
      >
        <ExactField
          label="Address"
          testId="ask-address"
          value={typed}
          onValue={setTyped}
          placeholder="@bob.aura"
        />
      </Form>
    </Panel>
  );
}

function Outgoing({ auralink, requests }: OfRequests) {
  const action = useAction();
  const outgoing = requests.value?.outgoing ?? [];
  if (outgoing.length === 0) return null;
  const withdraw = (requestId: string): Promise<boolean> =>
    action.run(async () => {
      await auralink.contacts.withdraw(requestId);
      await requests.reload();
    }, 'Taken back.');
  return (
    <Panel title="Whom you asked" testId="outgoing-requests">
      <Rows label="Whom you asked">
        {outgoing.map(({ requestId, to, createdAt }) => (
          <Row key={requestId} title={to} detail={dayWords(createdAt)}>
            <button
              type="button"
              className="button quiet small"
              aria-disabled={action.busy}
              aria-label={`Take back the request to ${to}`}
              onClick={() => void withdraw(requestId)}
            >
              Take back
            </button>
          </Row>
        ))}
      </Rows>
      <Outcome action={action} />
    </Panel>
  );
}
