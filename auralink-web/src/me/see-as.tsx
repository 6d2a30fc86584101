/** Her own profile through somebody else's eyes: the service answers by the very rules that the other one meets. */
import { useEffect, useState } from 'react';
import type { AuraLink, PrivacyRules, SeenAs, SeenProfile } from '../../../auralink-client/index.ts';
import { wordsOf } from '../session.ts';
import { Failed, Panel } from '../ui/panel.tsx';
import { ProfileCard } from '../ui/profile-card.tsx';
import { Segments } from '../ui/segments.tsx';
import { usePicture } from '../ui/use-picture.ts';

const VIEWERS: readonly { readonly value: SeenAs; readonly label: string }[] = [
  { value: 'stranger', label: 'A stranger' },
  { value: 'friend', label: 'A friend' },
  { value: 'signed-out', label: 'Signed out' },
];

/** Asked again whenever the rules are others. */
export function SeeAs({ auralink, rules }: { auralink: AuraLink; rules: PrivacyRules }) {
  const [viewer, setViewer] = useState<SeenAs>('stranger');
  const [seen, setSeen] = useState<SeenProfile | null>(null);
  const [error, setError] = useState<string | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the rules say when to ask again
  useEffect(() => {
    let current = true;
    const look = async (): Promise<void> => {
      try {
        const answer = await auralink.privacy.seenAs(viewer);
        if (!current) return;
        setSeen(answer);
        setError(null);
      } catch (failure) {
        if (current) setError(wordsOf(failure));
      }
    };
    void look();
    return () => {
      current = false;
    };
  }, [auralink, viewer, rules]);
  return (
    <Panel title="See it as…" intro="What this person would be shown right now." testId="see-as">
      <Segments
        label="See your profile as"
        testId="see-as-viewer"
        options={VIEWERS}
        value={viewer}
        onPick={setViewer}
      />
      {error !== null && <Failed words={error} />}
      <div aria-live="polite" data-testid="seen" data-there={seen?.there}>
        {seen !== null && <Seen auralink={auralink} seen={seen} viewer={viewer} />}
      </div>
    </Panel>
  );
}

function Seen({ auralink, seen, viewer }: { auralink: AuraLink; seen: SeenProfile; viewer: SeenAs }) {
  const picture = usePicture(auralink, seen.view?.auraId ?? null, seen.view?.pictureUrl ?? null);
  if (!seen.there || seen.view === null) {
    return <p className="empty">You are not there: your address looks like one that nobody has.</p>;
  }
  return <ProfileCard view={seen.view} picture={picture} withPresence={viewer !== 'signed-out'} />;
}
