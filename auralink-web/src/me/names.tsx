/** Her address: to show, to change, with the names that still lead to her, and giving it back. */
import { useState } from 'react';
import {
  type AuraLink,
  AuraLinkError,
  auraLink,
  type NameHold,
  type OwnNames,
} from '../../../auralink-client/index.ts';
import type { PageProps } from '../mount.tsx';
import { NameStatus } from '../sign-in/name-status.tsx';
import { useName } from '../sign-in/use-name.ts';
import { useStore } from '../store.ts';
import { copyText } from '../ui/copy.ts';
import { ExactField, Form } from '../ui/form.tsx';
import { Icon } from '../ui/icons.tsx';
import { Confirm, Outcome, Panel, Row, Rows, Waiting } from '../ui/panel.tsx';
import '../ui/profile-card.css';
import { useAction } from '../ui/use-action.ts';
import { type Loaded, useLoaded } from '../ui/use-loaded.ts';
import { passwordWords } from './password.tsx';
import { useEvent } from './use-event.ts';
import { dayWords } from './words.ts';

export function NamesPage(props: PageProps) {
  const { auralink, session } = props;
  const { me } = useStore(session);
  const names = useLoaded(() => auralink.identity.names());
  useEvent(auralink, 'meUpdated', names.reload);
  if (me === null) return <p className="hint">One moment…</p>;
  return (
    <>
      <Show auralink={auralink} auraId={me.auraId} />
      <Rename {...props} names={names} />
      <Holds names={names} />
      <Release {...props} auraId={me.auraId} />
    </>
  );
}

function Show({ auralink, auraId }: { auralink: AuraLink; auraId: string }) {
  const action = useAction();
  const page = `${location.origin}/${auraId.replace(/\.aura$/, '')}`;
  const copy = (text: string): Promise<boolean> => action.run(() => copyText(text), `${text} is copied.`);
  const handle = (): Promise<boolean> =>
    action.run(async () => {
      // Not every browser has it, and none on a page without TLS.
      if (typeof navigator.registerProtocolHandler !== 'function') {
        throw new Error('This browser does not let pages open such links.');
      }
      navigator.registerProtocolHandler('web+aura', `${location.origin}/?to=%s`);
    }, 'Your browser asks whether it may.');
  return (
    <Panel title={auraId} intro="Let others scan it, or send them a link." testId="show-name">
      <div className="qr">
        <img src={auralink.identity.qrUrl(auraId)} alt={`QR code of ${auraId}`} data-testid="qr" />
        <div className="buttons">
          <button type="button" className="button quiet small" onClick={() => void copy(auraLink(auraId))}>
            <Icon name="copy" /> Copy {auraLink(auraId)}
          </button>
          <button type="button" className="button quiet small" onClick={() => void copy(page)}>
            <Icon name="copy" /> Copy your page’s link
          </button>
        </div>
        <p className="hint">
          Your page shows something only while your profile is for everybody. <a href={page}>Look at it</a>
        </p>
        <button type="button" className="button quiet small" onClick={() => void handle()}>
          Open AuraLink links in this browser
        </button>
        <p className="hint">Pages of people then lead here by “Open in your AuraLink”.</p>
      </div>
      <Outcome action={action} />
    </Panel>
  );
}

function renameWords(error: unknown): string | undefined {
  if (!(error instanceof AuraLinkError)) return undefined;
  if (error.reason === 'too_many_aliases') {
    return 'Three earlier names still lead to you. Wait until the oldest has rested.';
  }
  if (error.reason === 'too_many_names') {
    return 'Too many names that you gave up are kept for you. Take one of them back, or wait until one is free.';
  }
  return error.errcode === 'M_USER_IN_USE' ? 'Somebody was quicker: this address is taken.' : undefined;
}

function Rename({ auralink, session, names }: PageProps & { names: Loaded<OwnNames> }) {
  const [typed, setTyped] = useState('');
  const state = useName(auralink.identity, typed);
  const free = state.kind === 'checked' && state.check.status === 'free' ? state.check.auraId : null;
  const own = names.value?.holds.find(
    (hold) => state.kind === 'checked' && hold.auraId === state.check.auraId,
  );
  const wanted = free ?? own?.auraId ?? null;
  const rename = async (): Promise<void> => {
    if (wanted === null) return;
    await auralink.identity.rename(wanted);
    setTyped('');
    await Promise.all([session.refresh(), names.reload()]);
  };
  return (
    <Panel
      title="Another address"
      intro="Your address of now goes on to ring you for 90 days, and nobody else gets it for 90 days more. Calls under way go on."
      testId="rename"
    >
      <Form
        testId="rename-submit"
        action={wanted === null ? 'Change address' : `Change to ${wanted}`}
        done="This is your address now."
        disabled={wanted === null}
        onSubmit={rename}
        wordsFor={renameWords}
      >
        <ExactField
          label="New address"
          testId="rename-name"
          value={typed}
          onValue={setTyped}
          placeholder="alice.smith"
          aria-invalid={state.kind === 'checked' && wanted === null}
          hint={
            own === undefined ? (
              <NameStatus state={state} onPick={setTyped} testId="rename-status" />
            ) : (
              <p className="hint good">It was yours: you can have it back.</p>
            )
          }
        />
      </Form>
    </Panel>
  );
}

function Holds({ names }: { names: Loaded<OwnNames> }) {
  const holds = names.value?.holds ?? [];
  return (
    <>
      <Waiting of={names} />
      {holds.length > 0 && (
        <Panel title="Earlier addresses" testId="holds">
          <Rows label="Earlier addresses">
            {holds.map((hold) => (
              <Row key={hold.auraId} title={hold.auraId} detail={holdWords(hold)} />
            ))}
          </Rows>
        </Panel>
      )}
    </>
  );
}

function holdWords({ cause, resolvesUntil, heldUntil }: NameHold): string {
  const leads = Date.parse(resolvesUntil) > Date.now();
  const kept = `nobody else gets it until ${dayWords(heldUntil)}`;
  if (!leads) return `At rest: ${kept}`;
  const until = dayWords(resolvesUntil);
  return cause === 'renamed'
    ? `Rings you until ${until}; ${kept}`
    : `Yours to take back until ${until}; ${kept}`;
}

function Release({ auralink, session, auraId }: PageProps & { auraId: string }) {
  const [asking, setAsking] = useState(false);
  return (
    <Panel title="Give it back" intro="You are signed out everywhere, and nobody can reach you at it.">
      <div>
        <button type="button" className="button quiet" data-testid="release" onClick={() => setAsking(true)}>
          Give {auraId} back
        </button>
      </div>
      {asking && (
        <Confirm
          title={`Give ${auraId} back?`}
          action="Give it back"
          testId="release-confirm"
          withPassword
          wordsFor={passwordWords}
          onClose={() => setAsking(false)}
          onConfirm={async (password) => {
            await auralink.identity.release(password);
            await session.part(`${auraId} is given back. For 90 days you alone can claim it again.`);
          }}
        >
          <p>
            For 90 days you alone can take it back, by signing in with your Matrix id. For 90 days more it
            rests. After that anybody may claim it, and what we keep for you is erased, if you have not
            returned.
          </p>
        </Confirm>
      )}
    </Panel>
  );
}
