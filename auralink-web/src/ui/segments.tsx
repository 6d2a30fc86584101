/** One choice of a few, side by side: a radio group to keyboards and screen readers. */
import { useId } from 'react';

interface SegmentsProps<T extends string> {
  readonly label: string;
  readonly testId: string;
  readonly options: readonly { readonly value: T; readonly label: string }[];
  /** Null: none is chosen yet. */
  readonly value: T | null;
  readonly onPick: (value: T) => void;
}

export function Segments<T extends string>({ label, testId, options, value, onPick }: SegmentsProps<T>) {
  const name = useId();
  return (
    <fieldset className="segments" aria-label={label} data-testid={testId} data-value={value}>
      {options.map((option) => (
        <label key={option.value} className="segment">
          <input
            type="radio"
            name={name}
            value={option.value}
            checked={option.value === value}
            onChange={() => onPick(option.value)}
          />
          {option.label}
        </label>
      ))}
    </fieldset>
  );
}
