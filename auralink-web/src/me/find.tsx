/** Finding people by the e-mail address or number that she knows of them, and asking them for friendship. */
import { useState } from 'react';
import { type AuraLink, AuraLinkError, type ProfileView } from '../../../auralink-client/index.ts';
import { nameOf } from '../ui/avatar.tsx';
import { Form, TextField } from '../ui/form.tsx';
import { Outcome, Panel, Row, Rows } from '../ui/panel.tsx';
import { PersonAvatar } from '../ui/person-avatar.tsx';
import { useAction } from '../ui/use-action.ts';
import { askWords } from './ask-words.ts';
import { findFault, readSought, textOf } from './find-words.ts';
import { mePath } from './route.ts';

/** Characters: ten long addresses. */
const TYPED_MAX_LENGTH = 1000;

interface Found {
  readonly people: readonly ProfileView[];
  /** By which nobody was found. */
  readonly nobody: readonly string[];
}

function findWords(error: unknown): string | undefined {
  const many = error instanceof AuraLinkError && error.status === 429;
  return many ? 'You have looked for many people. Wait a minute, then try again.' : undefined;
}

interface FindProps {
  readonly auralink: AuraLink;
  readonly ownAddress: string | null;
  /** Addresses of her friends. */
  readonly friends: readonly string[];
}

export function Find({ auralink, ownAddress, friends }: FindProps) {
  const [typed, setTyped] = useState('');
  const [tried, setTried] = useState(false);
  const [found, setFound] = useState<Found | null>(null);
  const fault = findFault(typed);
  const find = async (): Promise<void> => {
    setTried(true);
    setFound(null);
    if (fault !== null) return;
    const people = new Map<string, ProfileView>();
    const nobody: string[] = [];
    for (const sought of readSought(typed)) {
      const some = await auralink.identity.findPeople(sought);
      if (some.length === 0) nobody.push(textOf(sought));
      for (const person of some) people.set(person.auraId, person);
    }
    setFound({ people: [...people.values()], nobody });
  };
  return (
    <Panel
      title="Find people"
      intro="By an e-mail address or number that you know. They are not told that you looked."
      testId="find"
    >
      <Form
        testId="find-submit"
        action="Find"
        disabled={typed.trim() === ''}
        onSubmit={find}
        wordsFor={findWords}
      >
        <TextField
          label="E-mail addresses or phone numbers"
          testId="find-typed"
          value={typed}
          onValue={(text) => {
            setTyped(text);
            setTried(false);
          }}
          maxLength={TYPED_MAX_LENGTH}
          placeholder="carol@example.org"
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          aria-invalid={tried && fault !== null}
          hint={
            tried && fault !== null ? (
              <p className="hint bad" role="alert" data-testid="find-fault">
                {fault}
              </p>
            ) : (
              <p className="hint">
                Numbers with their country, as +49 30 123456. Several with commas between them.
              </p>
            )
          }
        />
      </Form>
      <div className="find-found" aria-live="polite" data-testid="found">
        {found !== null && found.people.length > 0 && (
          <FoundPeople auralink={auralink} ownAddress={ownAddress} friends={friends} people={found.people} />
        )}
        {found !== null && found.nobody.length > 0 && <Nobody texts={found.nobody} />}
      </div>
    </Panel>
  );
}

function FoundPeople({ auralink, ownAddress, friends, people }: FindProps & Pick<Found, 'people'>) {
  const action = useAction(askWords);
  const [asked, setAsked] = useState<ReadonlySet<string>>(new Set());
  const ask = (person: ProfileView): Promise<boolean> =>
    action.run(
      async () => {
        await auralink.contacts.ask(person.auraId);
        setAsked((before) => new Set([...before, person.auraId]));
      },
      `${nameOf(person)} is asked.`,
    );
  const chipOf = ({ auraId }: ProfileView): string | null => {
    if (auraId === ownAddress) return 'You';
    if (friends.includes(auraId)) return 'Your friend';
    return asked.has(auraId) ? 'Asked' : null;
  };
  return (
    <>
      <Rows label="Found">
        {people.map((person) => (
          <Row
            key={person.auraId}
            testId="found-person"
            lead={<PersonAvatar auralink={auralink} view={person} />}
            title={nameOf(person)}
            detail={person.displayName === null ? undefined : person.auraId}
          >
            {chipOf(person) === null ? (
              <button
                type="button"
                className="button quiet small"
                aria-label={`Ask ${nameOf(person)} to be friends`}
                aria-disabled={action.busy}
                onClick={() => void ask(person)}
              >
                Ask<span className="roomy"> to be friends</span>
              </button>
            ) : (
              <span className="chip">{chipOf(person)}</span>
            )}
          </Row>
        ))}
      </Rows>
      <Outcome action={action} testId="found-said" />
    </>
  );
}

function Nobody({ texts }: { texts: readonly string[] }) {
  return (
    <p className="empty" data-testid="found-nobody">
      Nobody was found by <strong>{texts.join(', ')}</strong>. Only people who have confirmed it as theirs and
      let you find them so are found. <a href={mePath('invites')}>Send an invitation link</a> instead.
    </p>
  );
}
