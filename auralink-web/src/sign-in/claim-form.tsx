/**
 * An address for somebody who came with a Matrix account that has none, or who gave hers back: her password has been found
 * right.
 */
import { useState } from 'react';
import type { SignInApi } from './api.ts';
import { NameFields, takenWords } from './name-fields.tsx';
import { NameStatus } from './name-status.tsx';
import { SignInForm } from './sign-in-form.tsx';
import { useName } from './use-name.ts';

export interface Unclaimed {
  readonly matrixUserId: string;
  readonly password: string;
  /** The address that she gave back; she may take it again. */
  readonly former?: string;
}

/** `@alice:example.org` would like to be `alice`, if that is free. */
function localpartOf(userId: string): string {
  return /^@([^:]+):/.exec(userId)?.[1] ?? '';
}

export function ClaimForm({ api, unclaimed }: { api: SignInApi; unclaimed: Unclaimed }) {
  const { former, ...account } = unclaimed;
  const [name, setName] = useState(former ?? localpartOf(account.matrixUserId));
  const [displayName, setDisplayName] = useState('');
  const state = useName(api, name);
  const checked = state.kind === 'checked' && state.check.status === 'free' ? state.check.auraId : null;
  // To everybody else it is taken.
  const own = former !== undefined && name.trim() === former;
  const free = own ? former : checked;
  const claim = (): Promise<void> =>
    api.claim({
      ...account,
      auraId: free ?? name,
      ...(displayName.trim() === '' ? {} : { displayName: displayName.trim() }),
    });
  return (
    <SignInForm
      testId="claim-submit"
      action={free === null ? 'Claim your address' : `Claim ${free}`}
      disabled={free === null}
      onSubmit={claim}
      wordsFor={takenWords}
    >
      <p className="notice" data-testid="claim-for">
        {former === undefined ? (
          <span>
            <strong>{account.matrixUserId}</strong> has no AuraLink address yet. Choose one: it rings you
            here, and you go on using your Matrix apps as before.
          </span>
        ) : (
          <span>
            You gave <strong>{former}</strong> back. Take it again, or choose another address: your account is
            still there.
          </span>
        )}
      </p>
      <NameFields
        testId="claim"
        name={name}
        onName={setName}
        refused={state.kind === 'checked' && free === null}
        displayName={displayName}
        onDisplayName={setDisplayName}
        status={
          own ? (
            <p className="hint good" role="status" data-testid="claim-status">
              {former} is still kept for you.
            </p>
          ) : (
            <NameStatus state={state} onPick={setName} testId="claim-status" />
          )
        }
      />
    </SignInForm>
  );
}
