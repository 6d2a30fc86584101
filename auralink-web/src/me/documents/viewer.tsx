/** A picture that a reviewer turns and enlarges, by buttons or by keys: + and −, R, 0, and, as in every box that scrolls, the arrows. */
import { type KeyboardEvent, useState } from 'react';
import { Icon } from '../../ui/icons.tsx';

const ZOOMS = [1, 1.5, 2, 3, 4, 6];

export function Viewer({ src, label }: { src: string; label: string }) {
  const [zoom, setZoom] = useState(0);
  const [turns, setTurns] = useState(0);
  const by = (steps: number): void => setZoom((now) => Math.min(ZOOMS.length - 1, Math.max(0, now + steps)));
  const reset = (): void => {
    setZoom(0);
    setTurns(0);
  };
  const keys: Readonly<Record<string, () => void>> = {
    '+': () => by(1),
    '=': () => by(1),
    '-': () => by(-1),
    '0': reset,
    r: () => setTurns((now) => now + 1),
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
    if (act === undefined) return;
    event.preventDefault();
    act();
  };
  const percent = `${(ZOOMS[zoom] ?? 1) * 100}%`;
  return (
    <div className="viewer">
      <section
        className="viewer-box"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by keyboard
        tabIndex={0}
        aria-label={`${label}; plus and minus enlarge, R turns`}
        onKeyDown={onKeyDown}
        data-testid="viewer"
      >
        <img
          src={src}
          alt={label}
          data-turned={turns % 4}
          style={{ width: percent, rotate: `${(turns % 4) * 90}deg` }}
        />
      </section>
      <div className="viewer-acts">
        <button type="button" className="button quiet small" onClick={() => by(-1)} aria-label="Smaller">
          −
        </button>
        <span role="status" data-testid="viewer-zoom">
          {percent}
        </span>
        <button type="button" className="button quiet small" onClick={() => by(1)} aria-label="Larger">
          <Icon name="plus" />
        </button>
        <button type="button" className="button quiet small" onClick={() => setTurns((now) => now + 1)}>
          Turn
        </button>
        <button type="button" className="button quiet small" onClick={reset}>
          As it was
        </button>
      </div>
    </div>
  );
}
