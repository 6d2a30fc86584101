/** What all forms share: labelled fields, a button that waits, an error that is read out. */
import {
  type FormEvent,
  type InputHTMLAttributes,
  type ReactNode,
  type TextareaHTMLAttributes,
  useId,
  useLayoutEffect,
  useRef,
  useState,
} from 'react';
import { wordsOf } from '../session.ts';

interface FieldProps {
  readonly label: string;
  readonly testId: string;
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly hint?: ReactNode;
}

type TextFieldProps = FieldProps & Omit<InputHTMLAttributes<HTMLInputElement>, 'onChange' | 'value'>;
type TextAreaProps = FieldProps & Omit<TextareaHTMLAttributes<HTMLTextAreaElement>, 'onChange' | 'value'>;

export function TextField({ label, testId, value, onValue, hint, ...input }: TextFieldProps) {
  return (
    <Labelled {...{ label, testId, value, onValue, hint }}>
      {(control) => <input className="input" {...control} {...input} />}
    </Labelled>
  );
}

export function TextArea({ label, testId, value, onValue, hint, ...area }: TextAreaProps) {
  return (
    <Labelled {...{ label, testId, value, onValue, hint }}>
      {(control) => <textarea className="input area" {...control} {...area} />}
    </Labelled>
  );
}

/** For addresses and codes: a phone neither capitalises nor corrects them. */
export function ExactField(props: TextFieldProps) {
  return <TextField autoComplete="off" autoCapitalize="none" spellCheck={false} {...props} />;
}

interface Control {
  readonly id: string;
  readonly 'data-testid': string;
  readonly value: string;
  readonly onChange: (event: { readonly target: { readonly value: string } }) => void;
  readonly 'aria-describedby': string | undefined;
}

/** A control with its label above and its hint below, both said with it. */
function Labelled(props: FieldProps & { readonly children: (control: Control) => ReactNode }) {
  const { label, testId, value, onValue, hint, children } = props;
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({
        ...{ id, value, 'data-testid': testId },
        onChange: (event) => onValue(event.target.value),
        'aria-describedby': hint === undefined ? undefined : `${id}-hint`,
      })}
      {hint !== undefined && <div id={`${id}-hint`}>{hint}</div>}
    </div>
  );
}

export const PASSWORD_MIN_LENGTH = 10;

interface PasswordProps {
  readonly testId: string;
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly label?: string;
}

export function NewPasswordField({ label = 'Password', ...props }: PasswordProps) {
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
      label={label}
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

export function CurrentPasswordField({ label = 'Your password', ...props }: PasswordProps) {
  return <TextField label={label} type="password" autoComplete="current-password" required {...props} />;
}

export interface FormProps {
  readonly testId: string;
  readonly action: string;
  readonly disabled?: boolean;
  readonly onSubmit: () => Promise<void>;
  /** A successful one leaves the page: the button goes on waiting. */
  readonly leaves?: boolean;
  /** What is said when it has worked. */
  readonly done?: string;
  readonly wordsFor?: (error: unknown) => string | undefined;
  readonly danger?: boolean;
  /** Beside the first button there is one that gives up. */
  readonly onCancel?: () => void;
  readonly children: ReactNode;
}

export function Form(props: FormProps) {
  const { testId, action, disabled = false, leaves = false, danger = false } = props;
  const [state, setState] = useState<'idle' | 'busy' | 'done'>('idle');
  const [error, setError] = useState<string | null>(null);
  const ref = useRef<HTMLFormElement>(null);
  // Done, and its button cannot be pressed again as it stands: whoever pressed it goes on where she types.
  useLayoutEffect(() => {
    const button = ref.current?.querySelector<HTMLButtonElement>('button[type=submit]');
    if (state === 'done' && button?.disabled === true && button.matches(':focus-visible')) {
      ref.current?.querySelector<HTMLElement>('input, select, textarea')?.focus();
    }
  }, [state]);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (state === 'busy') return;
    setState('busy');
    setError(null);
    try {
      await props.onSubmit();
      if (!leaves) setState('done');
    } catch (failure) {
      setError(props.wordsFor?.(failure) ?? wordsOf(failure));
      setState('idle');
    }
  };
  return (
    <form
      ref={ref}
      className="form"
      onSubmit={(event) => void submit(event)}
      onChange={() => state === 'done' && setState('idle')}
    >
      {props.children}
      {error !== null && (
        <p className="notice bad" role="alert" data-testid="form-error">
          {error}
        </p>
      )}
      <div className="form-acts">
        <button
          type="submit"
          className={danger ? 'button danger' : 'button primary'}
          data-testid={testId}
          disabled={disabled && state !== 'busy'}
          aria-disabled={state === 'busy'}
        >
          {state === 'busy' ? <span className="spinner" role="img" aria-label="One moment" /> : action}
        </button>
        {props.onCancel !== undefined && (
          <button
            type="button"
            className="button quiet"
            data-testid={`${testId}-cancel`}
            onClick={props.onCancel}
          >
            Cancel
          </button>
        )}
      </div>
      {props.done !== undefined && (
        <p className="hint good said" role="status" data-testid={`${testId}-done`}>
          {state === 'done' ? props.done : ''}
        </p>
      )}
    </form>
  );
}
