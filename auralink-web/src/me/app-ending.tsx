/** An app of hers is switched off for a while, or deleted for good: both end where people are signed in to it. */
import { useState } from 'react';
import { type AuraLink, AuraLinkError, type OwnApp } from '../../../auralink-client/index.ts';
import { Confirm, Outcome } from '../ui/panel.tsx';
import { useAction } from '../ui/use-action.ts';

interface AppEndingProps {
  readonly auralink: AuraLink;
  readonly app: OwnApp;
  readonly onDone: () => Promise<void>;
}

type Ending = 'disable' | 'delete';

export function AppEnding({ auralink, app, onDone }: AppEndingProps) {
  const [asking, setAsking] = useState<Ending | null>(null);
  const action = useAction(endingWords);
  const { appId, name, offBy } = app;
  const end = async (how: Ending): Promise<void> => {
    await (how === 'delete' ? auralink.ownApps.delete(appId) : auralink.ownApps.disable(appId));
    await onDone();
  };
  const enable = () =>
    action.run(async () => {
      await auralink.ownApps.enable(appId);
      await onDone();
    });
  const button = (how: string, words: string, act: () => void) => (
    <button
      type="button"
      className="button quiet"
      data-testid={`own-app-${how}`}
      aria-disabled={action.busy}
      onClick={act}
    >
      {words}
    </button>
  );
  return (
    <div className="sheet-text">
      <div className="buttons">
        {offBy === null && button('disable', 'Switch off', () => setAsking('disable'))}
        {offBy === 'owner' && button('enable', 'Switch on', () => void enable())}
        {button('delete', 'Delete app', () => setAsking('delete'))}
      </div>
      {offBy === 'operator' && <p className="hint">The operator has switched it off; ask there.</p>}
      <Outcome action={action} />
      {asking !== null && (
        <Confirm
          title={asking === 'delete' ? `Delete ${name}?` : `Switch ${name} off?`}
          action={asking === 'delete' ? 'Delete it for good' : 'Switch it off'}
          testId={`own-app-${asking}-confirm`}
          wordsFor={endingWords}
          onClose={() => setAsking(null)}
          onConfirm={() => end(asking)}
        >
          <p>Everybody who uses it is signed out of it, and it rings nowhere.</p>
          {asking === 'delete' ? (
            <p>
              Its keys are gone, and its id {appId} is never given again. Calls that it placed keep its name.
            </p>
          ) : (
            <p>Its keys open nothing until you switch it on again. People then have to sign in anew.</p>
          )}
        </Confirm>
      )}
    </div>
  );
}

function endingWords(error: unknown): string | undefined {
  if (error instanceof AuraLinkError && error.reason === 'switched_off_by_operator') {
    return 'The operator has switched it off; ask there.';
  }
  return undefined;
}
