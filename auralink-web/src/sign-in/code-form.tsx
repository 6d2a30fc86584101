/** With a one-time code: for an address that was made elsewhere and has no password yet. */
import { useState } from 'react';
import { AuraLinkError } from '../../../auralink-client/index.ts';
import { NewPasswordField, PASSWORD_MIN_LENGTH, TextField } from '../ui/form.tsx';
import type { SignInApi } from './api.ts';
import { SignInForm } from './sign-in-form.tsx';

function wordsFor(error: unknown): string | undefined {
  const wrong = error instanceof AuraLinkError && (error.status === 401 || error.status === 403);
  return wrong ? 'This code is not valid any more, or never was.' : undefined;
}

export function CodeForm({ api }: { api: SignInApi }) {
  const [code, setCode] = useState('');
  const [password, setPassword] = useState('');
  return (
    <SignInForm
      testId="code-submit"
      action="Set password and sign in"
      disabled={code.trim() === '' || password.length < PASSWORD_MIN_LENGTH}
      onSubmit={() => api.code(code.trim(), password)}
      wordsFor={wordsFor}
    >
      <TextField
        label="One-time code"
        testId="code-input"
        value={code}
        onValue={setCode}
        autoComplete="one-time-code"
        autoCapitalize="none"
        spellCheck={false}
        required
        hint={<p className="hint">From whoever made your address. It works once.</p>}
      />
      <NewPasswordField testId="code-password" value={password} onValue={setPassword} />
    </SignInForm>
  );
}
