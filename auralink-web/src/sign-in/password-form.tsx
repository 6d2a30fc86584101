/** With a password: an AuraLink address, or a Matrix id. */
import { useState } from 'react';
import { AuraLinkError } from '../../../auralink-client/index.ts';
import type { SignInApi } from './api.ts';
import { Form, TextField } from './form.tsx';

function wordsFor(error: unknown): string | undefined {
  const wrong = error instanceof AuraLinkError && (error.status === 401 || error.status === 403);
  return wrong ? 'This address and password do not belong together.' : undefined;
}

export function PasswordForm({ api, loginHint }: { api: SignInApi; loginHint: string }) {
  const [user, setUser] = useState(loginHint);
  const [password, setPassword] = useState('');
  return (
    <Form
      testId="signin-submit"
      action="Sign in"
      onSubmit={() => api.login(user.trim(), password)}
      wordsFor={wordsFor}
    >
      <TextField
        label="Address"
        testId="signin-user"
        value={user}
        onValue={setUser}
        placeholder="@alice.aura"
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        required
        hint={<p className="hint">Or your Matrix id.</p>}
      />
      <TextField
        label="Password"
        testId="signin-password"
        type="password"
        value={password}
        onValue={setPassword}
        autoComplete="current-password"
        required
      />
    </Form>
  );
}
