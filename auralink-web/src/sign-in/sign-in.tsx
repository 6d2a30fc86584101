/** Three ways in: a password, a new address, a one-time code. Says which app asks. */
import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { AppIcon } from '../call/app-icon.tsx';
import { Logo } from '../phone/logo.tsx';
import '../phone/phone.css';
import { type Interaction, type SignInApi, signInWords } from './api.ts';
import { CodeForm } from './code-form.tsx';
import { PasswordForm } from './password-form.tsx';
import { RegisterForm } from './register-form.tsx';
import './sign-in.css';

const WAYS = [
  { id: 'sign-in', label: 'Sign in', Form: PasswordForm },
  { id: 'register', label: 'Register', Form: RegisterForm },
  { id: 'code', label: 'One-time code', Form: CodeForm },
] as const;

export function SignInPage({ api }: { api: SignInApi | null }) {
  const [interaction, setInteraction] = useState<Interaction | null>(null);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    const load = async (): Promise<void> => {
      if (api === null) {
        setError('Open an app and choose “Sign in” there: this page finishes what the app begins.');
        return;
      }
      try {
        setInteraction(await api.interaction());
      } catch (failure) {
        setError(signInWords(failure));
      }
    };
    void load();
  }, [api]);
  return (
    <main className="sign-in">
      <div className="sign-in-card">
        <Logo />
        {error !== null && (
          <div className="sign-in-stop" role="alert">
            <p>{error}</p>
            <a className="button quiet" href="/">
              To the phone
            </a>
          </div>
        )}
        {api !== null && interaction !== null && <Ways api={api} interaction={interaction} />}
      </div>
      <p className="sign-in-foot">Your password goes to your AuraLink server only. The app never sees it.</p>
    </main>
  );
}

function Ways({ api, interaction }: { api: SignInApi; interaction: Interaction }) {
  const [chosen, setChosen] = useState(0);
  const tabs = useRef<(HTMLButtonElement | null)[]>([]);
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) return;
    const next = (chosen + step + WAYS.length) % WAYS.length;
    setChosen(next);
    tabs.current[next]?.focus();
  };
  const way = WAYS[chosen] ?? WAYS[0];
  return (
    <>
      <h1>
        Sign in to <AppIcon app={interaction.app} /> {interaction.app.name}
      </h1>
      <div className="tabs" role="tablist" aria-label="Ways to sign in" onKeyDown={onKeyDown}>
        {WAYS.map(({ id, label }, index) => (
          <button
            key={id}
            type="button"
            role="tab"
            id={`tab-${id}`}
            data-testid={`tab-${id}`}
            aria-selected={index === chosen}
            aria-controls={`panel-${id}`}
            tabIndex={index === chosen ? 0 : -1}
            ref={(element) => {
              tabs.current[index] = element;
            }}
            onClick={() => setChosen(index)}
          >
            {label}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`panel-${way.id}`} aria-labelledby={`tab-${way.id}`}>
        <way.Form api={api} loginHint={interaction.loginHint ?? ''} />
      </div>
      <button
        type="button"
        className="link"
        data-testid="abort"
        onClick={() => void api.abort().catch(() => history.back())}
      >
        Cancel and go back to {interaction.app.name}
      </button>
    </>
  );
}
