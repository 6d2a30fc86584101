/** What the three forms share: labelled fields, a button that waits, an error that is read out. */
import { type FormEvent, type InputHTMLAttributes, type ReactNode, useId, useState } from 'react';
import { signInWords } from './api.ts';

interface TextFieldProps extends Omit<InputHTMLAttributes<HTMLInputElement>, 'onChange' | 'value'> {
  readonly label: string;
  readonly testId: string;
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly hint?: ReactNode;
}

export function TextField({ label, testId, value, onValue, hint, ...input }: TextFieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        className="input"
        data-testid={testId}
        value={value}
        onChange={(event) => onValue(event.target.value)}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        {...input}
      />
      {hint !== undefined && <div id={`${id}-hint`}>{hint}</div>}
    </div>
  );
}

export const PASSWORD_MIN_LENGTH = 10;

export function NewPasswordField(props: { testId: string; value: string; onValue: (value: string) => void }) {
  const missing = PASSWORD_MIN_LENGTH - props.value.length;
  const hint =
    missing > 0 ? (
      <p className="hint">At least {PASSWORD_MIN_LENGTH} characters. Four random words are a good one.</p>
    ) : (
      <p className="hint good">Long enough.</p>
    );
  const strength = Math.min(1, props.value.length / (PASSWORD_MIN_LENGTH * 1.6));
  return (
    <TextField
      label="Password"
      type="password"
      autoComplete="new-password"
      minLength={PASSWORD_MIN_LENGTH}
      required
      {...props}
      hint={
        <>
          <meter
            className="strength"
            value={strength}
            low={0.62}
            optimum={1}
            high={0.63}
            aria-label="Password length"
          />
          {hint}
        </>
      }
    />
  );
}

interface FormProps {
  readonly testId: string;
  readonly action: string;
  readonly disabled?: boolean;
  /** A successful one leaves the page. */
  readonly onSubmit: () => Promise<void>;
  /** For errors whose words do not fit the form; undefined: the error's own. */
  readonly wordsFor?: (error: unknown) => string | undefined;
  readonly children: ReactNode;
}

export function Form({ testId, action, disabled = false, onSubmit, wordsFor, children }: FormProps) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await onSubmit();
    } catch (failure) {
      setError(wordsFor?.(failure) ?? signInWords(failure));
      setBusy(false);
    }
  };
  return (
    <form className="sign-in-form" onSubmit={(event) => void submit(event)}>
      {children}
      {error !== null && (
        <p className="notice bad" role="alert" data-testid="sign-in-error">
          {error}
        </p>
      )}
      <button type="submit" className="button primary wide" data-testid={testId} disabled={busy || disabled}>
        {busy ? <span className="spinner" role="img" aria-label="One moment" /> : action}
      </button>
    </form>
  );
}
