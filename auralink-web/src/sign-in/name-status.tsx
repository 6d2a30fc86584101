/** What is said of a name while it is typed, and the free ones to take instead. */
import type { NameState } from './use-name.ts';

interface NameStatusProps {
  readonly state: NameState;
  readonly onPick: (name: string) => void;
  readonly testId: string;
}

export function NameStatus({ state, onPick, testId }: NameStatusProps) {
  const check = state.kind === 'checked' ? state.check : null;
  const tone =
    state.kind === 'failed' ? ' bad' : check === null ? '' : check.status === 'free' ? ' good' : ' bad';
  return (
    <>
      <p
        className={`hint${tone}`}
        role="status"
        data-testid={testId}
        data-status={check?.status ?? state.kind}
      >
        {statusWords(state)}
      </p>
      {check?.suggestions !== undefined && check.suggestions.length > 0 && (
        <fieldset className="suggestions" aria-label="Free addresses">
          {check.suggestions.map((suggestion) => (
            <button key={suggestion} type="button" className="chip" onClick={() => onPick(suggestion)}>
              {suggestion}
            </button>
          ))}
        </fieldset>
      )}
    </>
  );
}

function statusWords(state: NameState): string {
  if (state.kind === 'failed') return state.words;
  if (state.kind === 'checking') return 'Looking…';
  if (state.kind !== 'checked') return 'You will be @name.aura. Letters, digits, and . _ - between them.';
  const { auraId, status, detail } = state.check;
  if (status === 'free') return `${auraId} is free.`;
  if (status === 'taken') return `${auraId} is taken.`;
  return detail ?? 'This name is not allowed.';
}
