/** Claiming an address. */
import { useState } from 'react';
import { ExactField, NewPasswordField, PASSWORD_MIN_LENGTH } from '../ui/form.tsx';
import type { SignInApi } from './api.ts';
import { NameFields, takenWords } from './name-fields.tsx';
import { NameStatus } from './name-status.tsx';
import { SignInForm } from './sign-in-form.tsx';
import { useName } from './use-name.ts';

export function RegisterForm({ api }: { api: SignInApi }) {
  const [name, setName] = useState('');
  const [displayName, setDisplayName] = useState('');
  const [password, setPassword] = useState('');
  const [invitation, setInvitation] = useState('');
  const state = useName(api, name);
  const free = state.kind === 'checked' && state.check.status === 'free' ? state.check.auraId : null;
  const submit = (): Promise<void> =>
    api.register({
      auraId: free ?? name,
      password,
      invitationCode: invitation.trim(),
      ...(displayName.trim() === '' ? {} : { displayName: displayName.trim() }),
    });
  return (
    <SignInForm
      testId="register-submit"
      action={free === null ? 'Claim your address' : `Claim ${free}`}
      disabled={free === null || password.length < PASSWORD_MIN_LENGTH || invitation.trim() === ''}
      onSubmit={submit}
      wordsFor={takenWords}
    >
      <NameFields
        testId="register"
        name={name}
        onName={setName}
        refused={state.kind === 'checked' && free === null}
        displayName={displayName}
        onDisplayName={setDisplayName}
        status={<NameStatus state={state} onPick={setName} testId="register-status" />}
      />
      <NewPasswordField testId="register-password" value={password} onValue={setPassword} />
      <ExactField
        label="Invitation code"
        testId="register-invite"
        value={invitation}
        onValue={setInvitation}
        required
        hint={<p className="hint">From whoever runs this server.</p>}
      />
    </SignInForm>
  );
}
