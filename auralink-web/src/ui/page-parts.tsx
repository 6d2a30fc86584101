/** Small parts that every page has: who is signed in, how the connection is, the way out. */
import type { ConnectionState } from '../../../auralink-client/index.ts';
import type { SessionState, SessionStore } from '../session.ts';
import { Avatar } from './avatar.tsx';

export function SignInButton({
  session,
  error,
  label,
  wayBack = null,
}: {
  session: SessionStore;
  error: string | null;
  label: string;
  /** Where on this origin to go afterwards. */
  wayBack?: string | null;
}) {
  return (
    <div className="sign-in-invite">
      <button
        type="button"
        className="button primary"
        data-testid="sign-in-button"
        onClick={() => void session.signIn(wayBack)}
      >
        {label}
      </button>
      {error !== null && (
        <p className="hint bad" role="alert">
          {error}
        </p>
      )}
    </div>
  );
}

const CONNECTION_WORDS: Record<ConnectionState, string> = {
  online: 'Ready to ring',
  connecting: 'Connecting…',
  offline: 'Offline',
  refused: 'This page may not ring here',
  replaced: 'Too many tabs: this one is silent',
};

export function Account({ state }: { state: SessionState }) {
  const { me, connection } = state;
  return (
    <div className="account">
      {me !== null && <Avatar person={me} />}
      <div className="account-text">
        <strong data-testid="me-address">{me?.auraId ?? '…'}</strong>
        <span className="connection" data-testid="connection" data-state={connection} role="status">
          {CONNECTION_WORDS[connection]}
        </span>
      </div>
    </div>
  );
}

export function SignOutButton({ session }: { session: SessionStore }) {
  return (
    <button
      type="button"
      className="button quiet"
      data-testid="sign-out"
      onClick={() => void session.signOut()}
    >
      Sign out
    </button>
  );
}
