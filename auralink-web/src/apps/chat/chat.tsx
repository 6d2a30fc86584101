/** Chat: people on the left, what passed between you on the right, a call one tap away. */
import { useState } from 'react';
import type { CallView, Person } from '../../../../auralink-client/index.ts';
import { CallLayer } from '../../call/call-layer.tsx';
import { Dialer } from '../../call/dialer.tsx';
import { useHistory } from '../../call/use-history.ts';
import { endWords } from '../../call/words.ts';
import type { PageProps } from '../../mount.tsx';
import { useStore } from '../../store.ts';
import { Avatar, nameOf } from '../../ui/avatar.tsx';
import { Account, SignInButton, SignOutButton } from '../../ui/page-parts.tsx';
import { ALICE, BOB } from '../people.ts';
import './chat.css';
import { Conversation } from './conversation.tsx';

export function Chat(props: PageProps) {
  const state = useStore(props.session);
  return state.signedIn ? <Conversations {...props} /> : <Hello {...props} />;
}

function Hello({ session }: PageProps) {
  const { error } = useStore(session);
  return (
    <main className="chat-hello">
      <div className="bubbles" aria-hidden="true">
        <p>Are you free for a minute?</p>
        <p>Always. Just call.</p>
      </div>
      <h1>Some things are better said.</h1>
      <p className="soft">Chat keeps the people you talk to at hand, and rings them by their address.</p>
      <SignInButton session={session} error={error} label="Sign in with AuraLink" />
    </main>
  );
}

interface Thread {
  readonly person: Person;
  /** Newest first. */
  readonly calls: readonly CallView[];
}

/** Everyone with whom there were calls, then the people to begin with. */
function threadsOf(calls: readonly CallView[], me: string | undefined): Thread[] {
  const threads = new Map<string, { person: Person; calls: CallView[] }>();
  for (const call of calls) {
    const thread = threads.get(call.peer.auraId) ?? { person: call.peer, calls: [] };
    thread.calls.push(call);
    threads.set(call.peer.auraId, thread);
  }
  for (const person of [ALICE, BOB]) {
    const known = threads.has(person.auraId) || person.auraId === me;
    if (!known) threads.set(person.auraId, { person, calls: [] });
  }
  return [...threads.values()];
}

function Conversations({ auralink, session, controller }: PageProps) {
  const state = useStore(session);
  const { calls } = useHistory(auralink, controller);
  const [open, setOpen] = useState<string | null>(null);
  const threads = threadsOf(calls ?? [], state.me?.auraId);
  const thread = threads.find((one) => one.person.auraId === open);
  return (
    <CallLayer controller={controller}>
      <main className={thread === undefined ? 'chat-page' : 'chat-page reading'}>
        <section className="chat-list" aria-labelledby="people-title">
          <header>
            <Account state={state} />
            <SignOutButton session={session} />
          </header>
          <Dialer auralink={auralink} controller={controller} label="Call somebody" />
          <h1 id="people-title">People</h1>
          <ul>
            {threads.map((one) => (
              <li key={one.person.auraId}>
                <button
                  type="button"
                  className="thread"
                  aria-current={one === thread}
                  data-testid="thread"
                  onClick={() => setOpen(one.person.auraId)}
                >
                  <Avatar person={one.person} size="3rem" />
                  <span className="thread-text">
                    <strong>{nameOf(one.person)}</strong>
                    <span className="soft small">{snippetOf(one)}</span>
                  </span>
                </button>
              </li>
            ))}
          </ul>
        </section>
        {thread === undefined ? (
          <p className="chat-nobody">Choose somebody, or type an address.</p>
        ) : (
          <Conversation
            person={thread.person}
            calls={thread.calls}
            onBack={() => setOpen(null)}
            onCall={(media) => void controller.dial(thread.person, media)}
          />
        )}
      </main>
    </CallLayer>
  );
}

function snippetOf({ person, calls }: Thread): string {
  const last = calls[0];
  return last === undefined ? `Say hello to ${person.auraId}` : endWords(last);
}
