/** Takes an invitation: asks first, then makes the two friends. The code stays in this page's fragment. */
import { useState } from 'react';
import { type AuraLink, AuraLinkError, type ProfileView } from '../../../auralink-client/index.ts';
import { Logo } from '../phone/logo.tsx';
import '../phone/phone.css';
import { wordsOf } from '../session.ts';
import '../sign-in/sign-in.css';
import { nameOf } from '../ui/avatar.tsx';
import { ProfileCard } from '../ui/profile-card.tsx';
import { usePicture } from '../ui/use-picture.ts';
import { rememberWayBack } from '../way-back.ts';

export function InvitePage({ auralink, code }: { auralink: AuraLink; code: string }) {
  const [friend, setFriend] = useState<ProfileView | null>(null);
  return (
    <main className="sign-in">
      <div className="sign-in-card">
        <Logo />
        {code === '' ? (
          <p role="alert">This link is not whole: its code is missing. Ask for it again.</p>
        ) : friend === null ? (
          <Offer auralink={auralink} code={code} onFriend={setFriend} />
        ) : (
          <Welcomed auralink={auralink} friend={friend} />
        )}
        <a className="link" href="/">
          To the phone
        </a>
      </div>
    </main>
  );
}

interface OfferProps {
  readonly auralink: AuraLink;
  readonly code: string;
  readonly onFriend: (friend: ProfileView) => void;
}

function Offer({ auralink, code, onFriend }: OfferProps) {
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const take = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      if (!auralink.signedIn) await signIn(auralink, code);
      else onFriend(await auralink.contacts.redeem(code));
    } catch (failure) {
      if (lacksScope(failure)) await signIn(auralink, code);
      else setError(inviteWords(failure));
    }
    setBusy(false);
  };
  return (
    <>
      <h1>You are invited</h1>
      <p className="soft">
        Somebody gave you this link to become your friend on AuraLink. She then sees what you show to friends,
        and you see what she does.
      </p>
      {error !== null && (
        <p className="notice bad" role="alert" data-testid="invite-error">
          {error}
        </p>
      )}
      <button
        type="button"
        className="button primary wide"
        data-testid="invite-accept"
        disabled={busy}
        onClick={() => void take()}
      >
        {auralink.signedIn ? 'Become friends' : 'Sign in and become friends'}
      </button>
    </>
  );
}

async function signIn(auralink: AuraLink, code: string): Promise<void> {
  rememberWayBack(`/i#${code}`);
  await auralink.signIn();
}

/** A phone that was signed in before there were friends. */
function lacksScope(error: unknown): boolean {
  return error instanceof AuraLinkError && error.reason === 'missing_scope';
}

function inviteWords(error: unknown): string {
  if (!(error instanceof AuraLinkError)) return wordsOf(error);
  if (error.status === 404)
    return 'This invitation is used up, over, or was taken back. Ask for another one.';
  if (error.status === 429) return 'Too many tries. Wait a few minutes, then try again.';
  return error.message;
}

function Welcomed({ auralink, friend }: { auralink: AuraLink; friend: ProfileView }) {
  const picture = usePicture(auralink, friend.auraId, friend.pictureUrl);
  return (
    <>
      <h1>You are friends</h1>
      <ProfileCard view={friend} picture={picture} />
      <a className="button primary wide" href={`/?to=${encodeURIComponent(friend.auraId)}`}>
        Call {nameOf(friend)}
      </a>
    </>
  );
}
