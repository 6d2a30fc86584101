/** Claiming an address. */
import { useState } from 'react';
import { AuraLinkError } from '../../../auralink-client/index.ts';
import { NewPasswordField, PASSWORD_MIN_LENGTH, TextField } from '../ui/form.tsx';
import type { SignInApi } from './api.ts';
import { NameStatus } from './name-status.tsx';
import { SignInForm } from './sign-in-form.tsx';
import { useName } from './use-name.ts';

function wordsFor(error: unknown): string | undefined {
  const taken = error instanceof AuraLinkError && error.errcode === 'M_USER_IN_USE';
  return taken ? 'Somebody was quicker: this address has just been taken.' : undefined;
}

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
      wordsFor={wordsFor}
    >
      <TextField
        label="Your address"
        testId="register-name"
        value={name}
        onValue={setName}
        placeholder="alice"
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        required
        aria-invalid={state.kind === 'checked' && free === null}
        hint={<NameStatus state={state} onPick={setName} testId="register-status" />}
      />
      <TextField
        label="Name that others see (if you like)"
        testId="register-display"
        value={displayName}
        onValue={setDisplayName}
        placeholder="Alice"
        autoComplete="name"
        maxLength={60}
      />
      <NewPasswordField testId="register-password" value={password} onValue={setPassword} />
      <TextField
        label="Invitation code"
        testId="register-invite"
        value={invitation}
        onValue={setInvitation}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        required
        hint={<p className="hint">From whoever runs this server.</p>}
      />
    </SignInForm>
  );
}
