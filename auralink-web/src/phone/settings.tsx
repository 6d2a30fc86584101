/** Which app rings on this device, and signing out. */
import { useEffect, useState } from 'react';
import type { AppInfo, AuraLink } from '../../../auralink-client/index.ts';
import { AppIcon } from '../call/app-icon.tsx';
import { type SessionStore, wordsOf } from '../session.ts';
import { Icon } from '../ui/icons.tsx';
import { Modal } from '../ui/modal.tsx';
import { SignOutButton } from '../ui/page-parts.tsx';

/** The choice lives at the service; this copy only draws it. */
const CHOICE_KEY = 'auralink-web:ringing-app';

interface SettingsProps {
  readonly auralink: AuraLink;
  readonly session: SessionStore;
  readonly onClose: () => void;
}

export function Settings({ auralink, session, onClose }: SettingsProps) {
  return (
    <Modal label="Settings" className="sheet" onDismiss={onClose}>
      <header className="sheet-head">
        <h2>Settings</h2>
        <button type="button" className="icon-button" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <RingingApp auralink={auralink} />
      <SignOutButton session={session} />
    </Modal>
  );
}

function RingingApp({ auralink }: { auralink: AuraLink }) {
  const [apps, setApps] = useState<readonly AppInfo[]>([]);
  const [chosen, setChosen] = useState(localStorage.getItem(CHOICE_KEY) ?? '');
  const [message, setMessage] = useState('');
  useEffect(() => {
    const load = async (): Promise<void> => {
      try {
        setApps((await auralink.config()).apps);
      } catch (error) {
        setMessage(wordsOf(error));
      }
    };
    void load();
  }, [auralink]);
  const choose = async (appId: string): Promise<void> => {
    const before = chosen;
    setChosen(appId);
    setMessage('');
    try {
      await auralink.setRingingApp(appId === '' ? null : appId);
      localStorage.setItem(CHOICE_KEY, appId);
      setMessage('Saved.');
    } catch (error) {
      setChosen(before);
      setMessage(wordsOf(error));
    }
  };
  const options = [{ appId: '', name: 'Whichever I used last', icon: '✨' }, ...apps];
  return (
    <fieldset className="choices">
      <legend>Which app rings on this device</legend>
      <p className="hint">Several of your apps may be open here. Only one of them rings.</p>
      {options.map((app) => (
        <label key={app.appId} className="choice">
          <input
            type="radio"
            name="ringing-app"
            value={app.appId}
            data-testid={`device-app-${app.appId === '' ? 'automatic' : app.appId}`}
            checked={chosen === app.appId}
            onChange={() => void choose(app.appId)}
          />
          <AppIcon app={app} />
          {app.name}
        </label>
      ))}
      <p className="hint" role="status" data-testid="device-app-status">
        {message}
      </p>
    </fieldset>
  );
}
