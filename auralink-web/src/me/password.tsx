/** Another password. */
import { useState } from 'react';
import { AuraLinkError } from '../../../auralink-client/index.ts';
import type { PageProps } from '../mount.tsx';
import { useStore } from '../store.ts';
import { CurrentPasswordField, Form, NewPasswordField, PASSWORD_MIN_LENGTH } from '../ui/form.tsx';
import { Panel } from '../ui/panel.tsx';

export function passwordWords(error: unknown): string | undefined {
  if (!(error instanceof AuraLinkError)) return undefined;
  if (error.status === 429) return 'Too many tries. Wait a few minutes, then try again.';
  return error.reason === 'wrong_password' ? 'That is not your password.' : undefined;
}

export function PasswordPage({ auralink, session }: PageProps) {
  const { me } = useStore(session);
  const [currentPassword, setCurrent] = useState('');
  const [newPassword, setNew] = useState('');
  const [signOutOthers, setSignOutOthers] = useState(true);
  const change = async (): Promise<void> => {
    await auralink.account.changePassword({ currentPassword, newPassword, signOutOthers });
    setCurrent('');
    setNew('');
  };
  return (
    <Panel title="Change your password" intro="It opens AuraLink and every Matrix app that you use with it.">
      <Form
        testId="password-save"
        action="Change password"
        done="Your new password counts."
        disabled={currentPassword === '' || newPassword.length < PASSWORD_MIN_LENGTH}
        onSubmit={change}
        wordsFor={passwordWords}
      >
        {/* For password managers, which want to know whose password it is. */}
        <input type="text" name="username" autoComplete="username" value={me?.auraId ?? ''} readOnly hidden />
        <CurrentPasswordField
          label="Password now"
          testId="password-now"
          value={currentPassword}
          onValue={setCurrent}
        />
        <NewPasswordField label="New password" testId="password-new" value={newPassword} onValue={setNew} />
        <label className="choice">
          <input
            type="checkbox"
            checked={signOutOthers}
            onChange={(event) => setSignOutOthers(event.target.checked)}
          />
          Sign out everywhere else
        </label>
      </Form>
    </Panel>
  );
}
