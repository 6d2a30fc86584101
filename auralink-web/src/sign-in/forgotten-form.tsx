/** A new password by a code to a confirmed address. What is said is the same whether it is one or not. */
import { useState } from 'react';
import { AuraLinkError } from '../../../auralink-client/index.ts';
import { ExactField, NewPasswordField, PASSWORD_MIN_LENGTH, TextField } from '../ui/form.tsx';
import type { SignInApi } from './api.ts';
import { SignInForm } from './sign-in-form.tsx';

const WORDS: Readonly<Record<string, string>> = {
  wrong_code: 'This is not the code.',
  code_expired: 'This code has lapsed. Ask for another one.',
  code_dead: 'Too many wrong codes. Ask for another one.',
  code_replaced: 'There is a newer code, or this one does not count any more.',
  already_verified: 'This code was used already.',
  unknown_reset: 'This is over. Ask for another code.',
  bad_address: 'Give an e-mail address, or a phone number with its country, such as +49 30 1234567.',
  channel_not_configured: 'This server sends no messages of this kind. Ask whoever runs it.',
};

function wordsFor(error: unknown): string | undefined {
  return error instanceof AuraLinkError ? WORDS[error.reason ?? ''] : undefined;
}

interface ForgottenProps {
  readonly api: SignInApi;
  readonly user: string;
  readonly onBack: () => void;
}

export function ForgottenForm({ api, user, onBack }: ForgottenProps) {
  const [resetId, setResetId] = useState<string | null>(null);
  return (
    <>
      {resetId === null ? (
        <AskForm api={api} user={user} onAsked={setResetId} />
      ) : (
        <ResetForm api={api} resetId={resetId} onAgain={() => setResetId(null)} />
      )}
      <button type="button" className="link" data-testid="forgotten-back" onClick={onBack}>
        Back to signing in
      </button>
    </>
  );
}

function AskForm({
  api,
  user: known,
  onAsked,
}: Pick<ForgottenProps, 'api' | 'user'> & { onAsked: (id: string) => void }) {
  const [user, setUser] = useState(known);
  const [address, setAddress] = useState('');
  return (
    <SignInForm
      testId="forgotten-ask"
      action="Send a code"
      disabled={user.trim() === '' || address.trim() === ''}
      onSubmit={async () => onAsked(await api.forgotten(user.trim(), address.trim()))}
      wordsFor={wordsFor}
    >
      <p className="soft">
        If you have confirmed an e-mail address or phone number, a code sent there lets you set a new
        password.
      </p>
      <TextField
        label="Your AuraLink address"
        testId="forgotten-user"
        value={user}
        onValue={setUser}
        placeholder="@alice.aura"
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        required
      />
      <ExactField
        label="Confirmed e-mail address or phone number"
        testId="forgotten-address"
        value={address}
        onValue={setAddress}
        placeholder="alice@example.com"
        autoComplete="email"
        maxLength={320}
        required
      />
    </SignInForm>
  );
}

interface ResetProps {
  readonly api: SignInApi;
  readonly resetId: string;
  readonly onAgain: () => void;
}

function ResetForm({ api, resetId, onAgain }: ResetProps) {
  const [code, setCode] = useState('');
  const [password, setPassword] = useState('');
  return (
    <>
      <SignInForm
        testId="forgotten-reset"
        action="Set password and sign in"
        disabled={code.replace(/\D/g, '').length !== 6 || password.length < PASSWORD_MIN_LENGTH}
        onSubmit={() => api.reset(resetId, code, password)}
        wordsFor={wordsFor}
      >
        <p className="notice" role="status" data-testid="forgotten-asked">
          <span>
            If this address is confirmed for that account, a code is on its way. It counts for ten minutes.
          </span>
        </p>
        <ExactField
          label="Code"
          testId="forgotten-code"
          className="input digits"
          inputMode="numeric"
          autoComplete="one-time-code"
          value={code}
          onValue={setCode}
          placeholder="123456"
          maxLength={9}
          required
        />
        <NewPasswordField
          label="New password"
          testId="forgotten-password"
          value={password}
          onValue={setPassword}
        />
        <p className="soft">All your sessions end, in every app and browser.</p>
      </SignInForm>
      <button type="button" className="link" data-testid="forgotten-again" onClick={onAgain}>
        No code? Ask again
      </button>
    </>
  );
}
