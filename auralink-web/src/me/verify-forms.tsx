/** Beginning to prove an address, and giving the code that was sent there. */
import { useState } from 'react';
import { type AuraLink, AuraLinkError, type VerificationView } from '../../../auralink-client/index.ts';
import { ExactField, Form } from '../ui/form.tsx';
import { Empty, Outcome, Panel } from '../ui/panel.tsx';
import { useAction } from '../ui/use-action.ts';
import { momentWords } from './words.ts';

type CodeMethod = 'email' | 'phone';

const METHODS: Readonly<
  Record<CodeMethod, { label: string; type: string; example: string; autoComplete: string }>
> = {
  email: { label: 'E-mail address', type: 'email', example: 'alice@example.com', autoComplete: 'email' },
  phone: { label: 'Phone number', type: 'tel', example: '+49 30 123456', autoComplete: 'tel' },
};

const WORDS: Readonly<Record<string, string>> = {
  wrong_code: 'That is not the code that was sent.',
  code_expired: 'This code has lapsed. Send another one.',
  code_dead: 'Too many wrong codes. Send another one.',
  code_replaced: 'There is a newer code. Look for the last message.',
  already_verified: 'This is confirmed already.',
  sent_often: 'This code was sent often enough. Wait ten minutes, then send another one.',
  resend_pause: 'It has just been sent. Wait half a minute before you send it again.',
  channel_not_configured: 'This server sends no messages of this kind.',
  sending_paused: 'Messages to numbers like this one are paused at the moment. Try again later.',
  too_many_verifications: 'You have too many confirmations already. Withdraw one first.',
  address: 'Too many codes were sent to this address. Try again in an hour.',
  person: 'You have asked for too many codes. Try again in an hour.',
};
const BAD_ADDRESS: Readonly<Record<CodeMethod, string>> = {
  email: 'This is no e-mail address. One looks like alice@example.com.',
  phone: 'This is no phone number. Give it with its country, such as +49 30 1234567.',
};

export function codeWords(error: unknown): string | undefined {
  if (!(error instanceof AuraLinkError)) return undefined;
  const known = WORDS[error.reason ?? ''];
  if (known !== undefined) return known;
  return error.status === 429 ? 'Too many tries. Wait a few minutes, then try again.' : undefined;
}

interface StartProps {
  readonly auralink: AuraLink;
  readonly offered: readonly CodeMethod[];
  readonly onStarted: () => Promise<void>;
}

export function StartForm({ auralink, offered, onStarted }: StartProps) {
  const [method, setMethod] = useState<CodeMethod>(offered[0] ?? 'email');
  const [address, setAddress] = useState('');
  const { label, type, example, autoComplete } = METHODS[method];
  const start = async (): Promise<void> => {
    await auralink.account.verifications.start(method, address);
    setAddress('');
    await onStarted();
  };
  const words = (error: unknown): string | undefined =>
    error instanceof AuraLinkError && error.status === 400 ? BAD_ADDRESS[method] : codeWords(error);
  return (
    <Panel
      title="Confirm an address"
      intro="A confirmed address lets people find you, if you allow it, and lets you back in when you forget your password."
    >
      {offered.length === 0 ? (
        <Empty>This server sends neither e-mails nor text messages, so nothing can be confirmed here.</Empty>
      ) : (
        <Form
          testId="verify-start"
          action="Send code"
          disabled={address.trim() === ''}
          onSubmit={start}
          wordsFor={words}
        >
          <div className={offered.length > 1 ? 'two' : ''}>
            {offered.length > 1 && (
              <div className="field">
                <label htmlFor="verify-method">What</label>
                <select
                  id="verify-method"
                  className="input"
                  data-testid="verify-method"
                  value={method}
                  onChange={(event) => setMethod(event.target.value as CodeMethod)}
                >
                  {offered.map((one) => (
                    <option key={one} value={one}>
                      {METHODS[one].label}
                    </option>
                  ))}
                </select>
              </div>
            )}
            <ExactField
              label={label}
              testId="verify-address"
              type={type}
              value={address}
              onValue={setAddress}
              placeholder={example}
              autoComplete={autoComplete}
              maxLength={320}
            />
          </div>
        </Form>
      )}
    </Panel>
  );
}

interface EntryProps {
  readonly auralink: AuraLink;
  readonly verification: VerificationView;
  readonly onChanged: () => Promise<void>;
}

export function CodeEntry({ auralink, verification, onChanged }: EntryProps) {
  const { verificationId, subject, challenge } = verification;
  const [code, setCode] = useState('');
  const action = useAction(codeWords);
  const { verifications } = auralink.account;
  const shown = subject ?? 'your address';
  const submit = async (): Promise<void> => {
    await verifications.submit(verificationId, code.trim());
    await onChanged();
  };
  const resend = (): Promise<boolean> =>
    action.run(async () => {
      await verifications.resend(verificationId);
      await onChanged();
    }, `Sent to ${shown}.`);
  const giveUp = (): Promise<boolean> =>
    action.run(async () => {
      await verifications.withdraw(verificationId);
      await onChanged();
    });
  return (
    <Panel title={`Confirm ${shown}`} testId="code-entry">
      <p role="status" data-testid="code-status">
        {statusWords(verification)}
      </p>
      {challenge?.isOver === false && (
        <Form
          testId="code-submit"
          action="Confirm"
          disabled={code.replace(/\D/g, '').length !== 6}
          onSubmit={submit}
          wordsFor={codeWords}
          leaves
        >
          <ExactField
            label="Code"
            testId="code-input"
            className="input digits"
            inputMode="numeric"
            autoComplete="one-time-code"
            value={code}
            onValue={setCode}
            placeholder="123456"
            maxLength={9}
          />
        </Form>
      )}
      <div className="buttons">
        <button
          type="button"
          className="button quiet"
          data-testid="code-resend"
          aria-disabled={action.busy}
          onClick={() => void resend()}
        >
          {challenge?.isOver === false ? 'Send it again' : 'Send another code'}
        </button>
        <button
          type="button"
          className="button quiet"
          data-testid="code-give-up"
          aria-disabled={action.busy}
          onClick={() => void giveUp()}
        >
          Give up
        </button>
      </div>
      <Outcome action={action} testId="code-said" />
    </Panel>
  );
}

/** What became of the code. */
function statusWords({ subject, method, challenge }: VerificationView): string {
  if (challenge === null) return 'The code counts no more. Send another one.';
  const { delivery, deliveryReason, expiresAt } = challenge;
  const why = deliveryReason === null ? '' : ` (${deliveryReason})`;
  if (delivery === 'refused')
    return `${subject ?? 'The address'} does not take messages${why}. Is it typed right?`;
  if (delivery === 'failed') return `The message did not arrive${why}. Send it again.`;
  if (delivery === 'expired')
    return 'The message could not be sent before its code lapsed, so it was not sent. Send another one.';
  if (challenge.isOver) return 'The code has lapsed. Send another one.';
  const where = method === 'email' ? 'Look into your mailbox' : 'Look at your messages';
  const until = momentWords(expiresAt);
  const arrived = delivery === 'delivered' ? 'The code has arrived. ' : '';
  const link = method === 'email' ? ', or open the link in the message' : '';
  return `${arrived}${where} and type the code here${link}. It counts until ${until}.`;
}
