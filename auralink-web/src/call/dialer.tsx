/** The field in which an address is typed, and the two buttons that call it. */
import { type FormEvent, useId, useState } from 'react';
import type { AuraLink, Media, Person } from '../../../auralink-client/index.ts';
import { findAddress } from '../address.ts';
import { useStore } from '../store.ts';
import { Icon } from '../ui/icons.tsx';
import type { CallController } from './controller.ts';
import './dialer.css';
import { type Lookup, usePerson } from './use-person.ts';

interface DialerProps {
  readonly auralink: AuraLink;
  readonly controller: CallController;
  readonly label: string;
  readonly placeholder?: string;
  readonly initial?: string;
}

export function Dialer(props: DialerProps) {
  const { auralink, controller, label, placeholder = 'bob or @bob.aura', initial = '' } = props;
  const [typed, setTyped] = useState(initial);
  const { dialError, dialing } = useStore(controller);
  const lookup = usePerson(auralink, typed);
  const id = useId();
  const address = findAddress(typed);
  const callable = address !== null && lookup.kind !== 'unknown' && dialing === null;
  const call = (media: Media): void => {
    if (address === null) return;
    const peer: Person = lookup.kind === 'found' ? lookup.person : { auraId: address, displayName: null };
    void controller.dial(peer, media);
  };
  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    if (callable) call('audio');
  };
  const hint = dialError ?? lookupWords(lookup);
  const bad = dialError !== null || lookup.kind === 'unknown';
  return (
    <form className="dialer" onSubmit={onSubmit}>
      <label htmlFor={id}>{label}</label>
      <div className="dialer-row">
        <input
          id={id}
          className="dialer-input"
          data-testid="dial-input"
          value={typed}
          onChange={(event) => {
            setTyped(event.target.value);
            controller.clearDialError();
          }}
          placeholder={placeholder}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          aria-invalid={bad}
          aria-describedby={`${id}-hint`}
        />
        <button
          type="submit"
          className="icon-button filled"
          data-testid="dial-audio"
          aria-label="Call"
          title="Call"
          disabled={!callable}
        >
          <Icon name="phone" />
        </button>
        <button
          type="button"
          className="icon-button filled"
          data-testid="dial-video"
          aria-label="Call with video"
          title="Call with video"
          disabled={!callable}
          onClick={() => call('video')}
        >
          <Icon name="video" />
        </button>
      </div>
      <p
        id={`${id}-hint`}
        className={bad ? 'hint bad' : lookup.kind === 'found' ? 'hint good' : 'hint'}
        data-testid="dial-status"
        data-status={dialError === null ? lookup.kind : 'error'}
        role="status"
      >
        {hint}
      </p>
    </form>
  );
}

function lookupWords(lookup: Lookup): string {
  switch (lookup.kind) {
    case 'found': {
      const { displayName, auraId } = lookup.person;
      return displayName === null ? auraId : `${displayName} · ${auraId}`;
    }
    case 'unknown':
      return `Nobody has the address ${lookup.address}.`;
    case 'incomplete':
      return 'An address has 3 to 30 letters or digits, such as @bob.aura.';
    case 'looking':
      return 'Looking…';
    default:
      return '';
  }
}
