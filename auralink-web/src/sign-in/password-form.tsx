/** With a password: an AuraLink address, or a Matrix id. */
import { useState } from 'react';
import { AuraLinkError } from '../../../auralink-client/index.ts';
import { TextField } from '../ui/form.tsx';
import type { SignInApi } from './api.ts';
import { ClaimForm, type Unclaimed } from './claim-form.tsx';
import { ForgottenForm } from './forgotten-form.tsx';
import { SignInForm } from './sign-in-form.tsx';

function wordsFor(error: unknown): string | undefined {
  const wrong = error instanceof AuraLinkError && (error.status === 401 || error.status === 403);
  return wrong ? 'This address and password do not belong together.' : undefined;
}

/** `Alice` and `@alice.aura` are one address. */
function addressOf(typed: string): string {
  return `@${typed
    .toLowerCase()
    .replace(/^@/, '')
    .replace(/\.aura$/, '')}.aura`;
}

interface PasswordFormProps {
  readonly api: SignInApi;
  readonly loginHint: string;
}

export function PasswordForm({ api, loginHint }: PasswordFormProps) {
  const [unclaimed, setUnclaimed] = useState<Unclaimed | null>(null);
  const [forgotten, setForgotten] = useState(false);
  const [user, setUser] = useState(loginHint);
  const [password, setPassword] = useState('');
  const login = async (): Promise<void> => {
    try {
      await api.login(user.trim(), password);
    } catch (error) {
      if (!(error instanceof AuraLinkError) || error.reason !== 'no_auraid') throw error;
      const typed = user.trim();
      setUnclaimed(
        error.matrixUserId === undefined || typed.includes(':')
          ? { matrixUserId: typed, password }
          : { matrixUserId: error.matrixUserId, password, former: addressOf(typed) },
      );
    }
  };
  if (unclaimed !== null) return <ClaimForm api={api} unclaimed={unclaimed} />;
  if (forgotten) return <ForgottenForm api={api} user={user} onBack={() => setForgotten(false)} />;
  return (
    <>
      <SignInForm testId="signin-submit" action="Sign in" onSubmit={login} wordsFor={wordsFor}>
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
      </SignInForm>
      <button type="button" className="link" data-testid="forgotten" onClick={() => setForgotten(true)}>
        Forgotten your password?
      </button>
    </>
  );
}
