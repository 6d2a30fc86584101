/** Taking everything with her, what was done in her name, and leaving for good. */
import { useState } from 'react';
import type { AuraLink, ErasureTerms } from '../../../auralink-client/index.ts';
import type { PageProps } from '../mount.tsx';
import { ExactField } from '../ui/form.tsx';
import { Confirm, Empty, Outcome, Panel, Row, Rows, Waiting } from '../ui/panel.tsx';
import { useAction } from '../ui/use-action.ts';
import { useLoaded } from '../ui/use-loaded.ts';
import { passwordWords } from './password.tsx';
import { actWords, momentWords, sentence } from './words.ts';

export function MyDataPage(props: PageProps) {
  const { auralink } = props;
  return (
    <>
      <Export auralink={auralink} />
      <Acts auralink={auralink} />
      <Erase {...props} />
    </>
  );
}

const FORMS = [
  { form: 'html', looks: 'primary', words: 'Download a page to read' },
  { form: 'json', looks: 'quiet', words: 'Download it for programs (JSON)' },
] as const;

function Export({ auralink }: { auralink: AuraLink }) {
  const action = useAction();
  const take = (form: 'json' | 'html'): Promise<boolean> =>
    action.run(async () => {
      const blob = await auralink.account.export(form);
      save(blob, `auralink-${new Date().toISOString().slice(0, 10)}.${form}`);
    }, 'It is among your downloads.');
  return (
    <Panel
      title="Take it with you"
      intro="Everything that this server has about you. Keep it where only you look."
    >
      <div className="buttons">
        {FORMS.map(({ form, looks, words }) => (
          <button
            key={form}
            type="button"
            className={`button ${looks}`}
            data-testid={`export-${form}`}
            aria-disabled={action.busy}
            onClick={() => void take(form)}
          >
            {words}
          </button>
        ))}
      </div>
      <Outcome action={action} testId="export-said" />
    </Panel>
  );
}

function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  // The download has begun by then; the address is not needed any more.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Before she asks for the rest. */
const ACTS_SHOWN_FIRST = 6;

function Acts({ auralink }: { auralink: AuraLink }) {
  const acts = useLoaded(() => auralink.account.audit());
  const [all, setAll] = useState(false);
  const known = acts.value ?? [];
  const shown = all ? known : known.slice(0, ACTS_SHOWN_FIRST);
  return (
    <Panel
      title="What was done"
      intro="Changes of your identity, as the server’s log has them. It cannot be rewritten."
    >
      <Waiting of={acts} />
      {acts.value?.length === 0 && <Empty>Nothing yet.</Empty>}
      {shown.length > 0 && (
        <Rows label="What was done">
          {shown.map((entry, at) => (
            <Row
              // biome-ignore lint/suspicious/noArrayIndexKey: what was done does not change its place
              key={at}
              testId="act"
              title={actWords(entry.act)}
              detail={`${sentence(momentWords(entry.at))} · ${actorWords(entry.actor)}`}
            />
          ))}
        </Rows>
      )}
      {shown.length < known.length && (
        <div className="buttons">
          <button type="button" className="button quiet" data-testid="acts-all" onClick={() => setAll(true)}>
            Show {known.length - shown.length} more
          </button>
        </div>
      )}
    </Panel>
  );
}

function actorWords(actor: string): string {
  if (actor.startsWith('person:')) return 'by you';
  if (actor === 'reviewer') return 'by a reviewer';
  return actor.startsWith('operator') ? 'by the server’s operator' : 'by the server';
}

function Erase({ auralink, session }: PageProps) {
  const terms = useLoaded(() => auralink.account.erasureTerms());
  const [asking, setAsking] = useState(false);
  return (
    <Panel title="Erase me" intro="Read what goes and what stays. It cannot be undone." testId="erase">
      <Waiting of={terms} />
      {terms.value !== null && (
        <>
          <h3>What goes</h3>
          <ul className="bullets">
            {terms.value.goes.map((one) => (
              <li key={one}>{one}</li>
            ))}
          </ul>
          <h3>What stays, and why</h3>
          <Rows label="What stays">
            {terms.value.stays.map(({ what, why, until }) => (
              <Row key={what} title={what} detail={`${why} ${until}`} />
            ))}
          </Rows>
          <div>
            <button
              type="button"
              className="button danger"
              data-testid="erase-begin"
              onClick={() => setAsking(true)}
            >
              Erase me…
            </button>
          </div>
          {asking && (
            <EraseSheet
              auralink={auralink}
              session={session}
              terms={terms.value}
              onClose={() => setAsking(false)}
            />
          )}
        </>
      )}
    </Panel>
  );
}

interface EraseSheetProps extends Pick<PageProps, 'auralink' | 'session'> {
  readonly terms: ErasureTerms;
  readonly onClose: () => void;
}

function EraseSheet({ auralink, session, terms, onClose }: EraseSheetProps) {
  const [typed, setTyped] = useState('');
  return (
    <Confirm
      title="Erase me"
      action="Erase everything"
      testId="erase-confirm"
      withPassword
      wordsFor={passwordWords}
      ready={typed.trim() === terms.confirmation}
      onClose={onClose}
      onConfirm={async (password) => {
        await auralink.account.erase(terms.confirmation, password);
        await session.part('You are erased: what we knew of you is gone.');
      }}
    >
      <p>
        Your profile, friends, sessions and messages account end now. Nobody can bring them back, not even we.
      </p>
      <ExactField
        label={`Type ${terms.confirmation} to confirm`}
        testId="erase-typed"
        value={typed}
        onValue={setTyped}
      />
    </Confirm>
  );
}
