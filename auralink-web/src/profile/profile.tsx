/** A person who shows herself to everybody; or nobody, which looks the same for a free address and a private person. */
import { useEffect, useState } from 'react';
import { type AuraLink, AuraLinkError, auraLink, type ProfileView } from '../../../auralink-client/index.ts';
import { Logo } from '../phone/logo.tsx';
import '../phone/phone.css';
import { wordsOf } from '../session.ts';
import '../sign-in/sign-in.css';
import { nameOf } from '../ui/avatar.tsx';
import { ProfileCard } from '../ui/profile-card.tsx';

type Looked =
  | { readonly kind: 'looking' | 'nobody' }
  | { readonly kind: 'found'; readonly view: ProfileView }
  | { readonly kind: 'failed'; readonly words: string };

async function look(auralink: AuraLink, address: string): Promise<Looked> {
  try {
    return { kind: 'found', view: await auralink.identity.publicProfile(address) };
  } catch (error) {
    const nobody = error instanceof AuraLinkError && error.status === 404;
    return nobody ? { kind: 'nobody' } : { kind: 'failed', words: wordsOf(error) };
  }
}

export function PublicProfile({ auralink, address }: { auralink: AuraLink; address: string | null }) {
  const [looked, setLooked] = useState<Looked>({ kind: address === null ? 'nobody' : 'looking' });
  useEffect(() => {
    if (address === null) return;
    let current = true;
    void look(auralink, address).then((found) => current && setLooked(found));
    return () => {
      current = false;
    };
  }, [auralink, address]);
  useEffect(() => {
    document.title = looked.kind === 'found' ? `${nameOf(looked.view)} – AuraLink` : 'AuraLink';
  }, [looked]);
  return (
    <main className="sign-in">
      <div className="sign-in-card" data-testid="public-profile" data-status={looked.kind}>
        <Logo />
        {looked.kind === 'looking' && <p role="status">One moment…</p>}
        {looked.kind === 'failed' && <p role="alert">{looked.words}</p>}
        {looked.kind === 'nobody' && <Nobody />}
        {looked.kind === 'found' && <Found auralink={auralink} view={looked.view} />}
      </div>
      <p className="sign-in-foot">Who shows what to whom is for each person to say, under Privacy.</p>
    </main>
  );
}

function Nobody() {
  return (
    <>
      <h1>Nothing to see here</h1>
      <p className="soft">
        Nobody shows themselves at this address. If you know them, sign in and call them.
      </p>
      <a className="button primary wide" href="/">
        To the phone
      </a>
    </>
  );
}

function Found({ auralink, view }: { auralink: AuraLink; view: ProfileView }) {
  return (
    <>
      <h1 className="unseen">{nameOf(view)}</h1>
      <ProfileCard view={view} picture={view.pictureUrl} withPresence={false} />
      <div className="qr">
        <img src={auralink.identity.qrUrl(view.auraId)} alt={`QR code of ${view.auraId}`} />
      </div>
      <a className="button primary wide" href={`/?to=${encodeURIComponent(view.auraId)}`}>
        Call {nameOf(view)}
      </a>
      <a className="link" href={`web+${auraLink(view.auraId)}`} data-testid="open-own">
        Open in your AuraLink
      </a>
    </>
  );
}
