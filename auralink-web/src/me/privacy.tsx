/** Who sees what, and who may call, write and find: every choice counts at once. */
import { useRef } from 'react';
import type { Audience, PrivacyRules } from '../../../auralink-client/index.ts';
import type { PageProps } from '../mount.tsx';
import { Outcome, Panel, Waiting } from '../ui/panel.tsx';
import { Segments } from '../ui/segments.tsx';
import { useAction } from '../ui/use-action.ts';
import { useLoaded } from '../ui/use-loaded.ts';
import { Blocked } from './blocked.tsx';
import { SeeAs } from './see-as.tsx';
import { useEvent } from './use-event.ts';

type Rule = keyof PrivacyRules;
interface RuleText {
  readonly rule: Rule;
  readonly label: string;
  readonly hint?: string;
}

const AUDIENCES: readonly { readonly value: Audience; readonly label: string }[] = [
  { value: 'public', label: 'Everybody' },
  { value: 'friends', label: 'Friends' },
  { value: 'private', label: 'Nobody' },
];
const WIDTH: Record<Audience, number> = { private: 0, friends: 1, public: 2 };

const PROFILE: readonly RuleText[] = [
  {
    rule: 'profile',
    label: 'Your profile',
    hint: 'The main switch: nothing below is shown to more people than this.',
  },
];
const SHOWN: readonly RuleText[] = [
  { rule: 'name', label: 'Name' },
  { rule: 'picture', label: 'Picture' },
  { rule: 'about', label: 'About you' },
  { rule: 'verifications', label: 'What you have confirmed' },
  { rule: 'apps', label: 'Your apps' },
  { rule: 'presence', label: 'Whether you are online' },
  { rule: 'number', label: 'Phone number' },
];
const RIGHTS: readonly RuleText[] = [
  { rule: 'call', label: 'May call you', hint: 'To others it rings, and nobody answers.' },
  { rule: 'message', label: 'May write to you' },
  { rule: 'findByEmail', label: 'Find you by e-mail address' },
  { rule: 'findByPhone', label: 'Find you by phone number' },
];

export function PrivacyPage({ auralink }: PageProps) {
  const rules = useLoaded(() => auralink.privacy.rules());
  const action = useAction();
  useEvent(auralink, 'privacyUpdated', rules.reload);
  const saving = useRef<Promise<unknown>>(Promise.resolve());
  /** One after the other, in the order in which she chose; shown at once. */
  const pick = (rule: Rule, audience: Audience): void => {
    if (rules.value === null) return;
    rules.put({ ...rules.value, [rule]: audience });
    const save = async (): Promise<void> => {
      const now = await auralink.privacy.change({ [rule]: audience });
      if (saving.current === mine) rules.put(now);
    };
    const mine: Promise<unknown> = saving.current
      .then(() => action.run(save, 'Saved. It counts from now on.'))
      .then((worked) => (worked ? undefined : rules.reload()));
    saving.current = mine;
  };
  const groups = [
    { title: 'As a whole', texts: PROFILE },
    { title: 'What is shown', texts: SHOWN },
    { title: 'Who reaches you', texts: RIGHTS },
  ];
  return (
    <>
      <Waiting of={rules} />
      {rules.value !== null &&
        groups.map(({ title, texts }) => (
          <Panel key={title} title={title}>
            {texts.map((text) => (
              <RuleChoice key={text.rule} text={text} rules={rules.value as PrivacyRules} onPick={pick} />
            ))}
          </Panel>
        ))}
      <div className="afloat">
        <Outcome action={action} testId="privacy-said" />
      </div>
      {rules.value !== null && <SeeAs auralink={auralink} rules={rules.value} />}
      <Blocked auralink={auralink} />
      <p className="hint">
        Name and picture that people in a Matrix room have already seen stay in that room’s history. What you
        change here counts for all that comes.
      </p>
    </>
  );
}

interface RuleChoiceProps {
  readonly text: RuleText;
  readonly rules: PrivacyRules;
  readonly onPick: (rule: Rule, audience: Audience) => void;
}

function RuleChoice({ text: { rule, label, hint }, rules, onPick }: RuleChoiceProps) {
  const shown = SHOWN.some((one) => one.rule === rule);
  const narrowed = shown && WIDTH[rules[rule]] > WIDTH[rules.profile];
  return (
    <div className="privacy-rule">
      <div>
        <strong>{label}</strong>
        {hint !== undefined && <span className="hint">{hint}</span>}
        {narrowed && (
          <span className="hint">
            {rules.profile === 'private' ? 'Nobody sees it' : 'Friends only'}: your profile is narrower.
          </span>
        )}
      </div>
      <Segments
        label={label}
        testId={`privacy-${rule}`}
        options={AUDIENCES}
        value={rules[rule]}
        onPick={(audience) => onPick(rule, audience)}
      />
    </div>
  );
}
