/**
 * Confirms an address by the link of an e-mail. Opening it says what would be confirmed, and for whom; only the button
 * confirms, so that a scanner of mails, or who opens it without looking, proves nothing.
 */
import { useState } from 'react';
import { type AuraLink, AuraLinkError, type LinkedProof } from '../../../auralink-client/index.ts';
import { Logo } from '../phone/logo.tsx';
import '../phone/phone.css';
import { wordsOf } from '../session.ts';
import '../sign-in/sign-in.css';
import { useAction } from '../ui/use-action.ts';
import { useLoaded } from '../ui/use-loaded.ts';

const OVER = 'This link has lapsed or was used already. Ask for another code where you began.';

function linkWords(error: unknown): string {
  if (!(error instanceof AuraLinkError)) return wordsOf(error);
  if (error.status === 404 || error.status === 400) return OVER;
  if (error.status === 429) return 'Too many tries. Wait a few minutes, then try again.';
  return error.message;
}

type Looked = { readonly proof: LinkedProof } | { readonly refusal: string };

export function VerifyPage({ auralink, token }: { auralink: AuraLink; token: string }) {
  const link = useLoaded<Looked>(() =>
    auralink.account.verifications.lookAtLink(token).then(
      (proof) => ({ proof }),
      (error: unknown) => ({ refusal: linkWords(error) }),
    ),
  );
  const [done, setDone] = useState(false);
  const looked = link.value;
  return (
    <main className="sign-in">
      <div className="sign-in-card">
        <Logo />
        {looked === null && (
          <p className="soft" role="status">
            One moment…
          </p>
        )}
        {looked !== null && 'refusal' in looked && (
          <>
            <h1>Nothing to confirm</h1>
            <p className="notice bad" role="alert" data-testid="link-refused">
              {looked.refusal}
            </p>
          </>
        )}
        {looked !== null && 'proof' in looked && !done && (
          <Question auralink={auralink} token={token} proof={looked.proof} onDone={() => setDone(true)} />
        )}
        {looked !== null && 'proof' in looked && done && (
          <>
            <h1>Confirmed</h1>
            <p role="status" data-testid="link-done">
              {looked.proof.address} is confirmed for <strong>{looked.proof.auraId}</strong>.
            </p>
          </>
        )}
        <a className="link" href={auralink.signedIn ? '/#/me/verifications' : '/'}>
          {auralink.signedIn ? 'To your confirmations' : 'To the phone'}
        </a>
      </div>
    </main>
  );
}

interface QuestionProps {
  readonly auralink: AuraLink;
  readonly token: string;
  readonly proof: LinkedProof;
  readonly onDone: () => void;
}

function Question({ auralink, token, proof, onDone }: QuestionProps) {
  const action = useAction(linkWords);
  const confirm = async (): Promise<void> => {
    const worked = await action.run(() => auralink.account.verifications.confirmLink(token));
    if (worked) onDone();
  };
  return (
    <>
      <h1>Is this you?</h1>
      <p>
        <strong>{proof.auraId}</strong> says that <strong>{proof.address}</strong> is theirs. Confirm it only
        if {proof.auraId} is your own address.
      </p>
      {action.error !== null && (
        <p className="notice bad" role="alert" data-testid="link-error">
          {action.error}
        </p>
      )}
      <button
        type="button"
        className="button primary wide"
        data-testid="link-confirm"
        aria-disabled={action.busy}
        onClick={() => void confirm()}
      >
        Yes, I am {proof.auraId}
      </button>
      <p className="soft">If you are somebody else, close this page: then nothing happens.</p>
    </>
  );
}
