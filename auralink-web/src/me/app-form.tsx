/** What a developer says of her app: its name, icon, web origins, and where sign-in may return to. */
import { useState } from 'react';
import { AuraLinkError, type OwnApp } from '../../../auralink-client/index.ts';
import { ExactField, Form, TextArea, TextField } from '../ui/form.tsx';

const NAME_MAX_LENGTH = 60;

interface Said {
  readonly name: string;
  readonly icon: string;
  readonly origins: string;
  readonly redirects: string;
}

interface AppFormProps {
  /** Null: one is made. */
  readonly app: OwnApp | null;
  readonly onSave: (
    appId: string,
    data: { name: string; icon: string; origins: readonly string[]; redirectUris?: readonly string[] },
  ) => Promise<void>;
}

const linesOf = (text: string): string[] => text.split(/\s+/).filter((line) => line !== '');

/** Redirects at the roots of the origins are the default, and are not shown. */
function ownRedirects(app: OwnApp | null): string {
  if (app === null) return '';
  const roots = app.origins.map((origin) => `${origin}/`);
  const isDefault =
    app.redirectUris.length === roots.length && roots.every((root) => app.redirectUris.includes(root));
  return isDefault ? '' : app.redirectUris.join('\n');
}

const saidOf = (app: OwnApp | null): Said => ({
  name: app?.name ?? '',
  icon: app?.icon ?? '',
  origins: app?.origins.join('\n') ?? '',
  redirects: ownRedirects(app),
});

export function AppForm({ app, onSave }: AppFormProps) {
  const [appId, setAppId] = useState(app?.appId ?? '');
  const [said, setSaid] = useState<Said>(saidOf(app));
  const save = async (): Promise<void> => {
    const redirectUris = linesOf(said.redirects);
    const data = { name: said.name.trim(), icon: said.icon.trim(), origins: linesOf(said.origins) };
    await onSave(appId, redirectUris.length === 0 ? data : { ...data, redirectUris });
    if (app !== null) return;
    setAppId('');
    setSaid(saidOf(null));
  };
  const missing = [appId, said.name.trim(), said.icon.trim(), said.origins.trim()].includes('');
  const testId = app === null ? 'own-app-make' : 'own-app-save';
  return (
    <Form
      testId={testId}
      action={app === null ? 'Make app' : 'Save'}
      done={app === null ? 'Made.' : 'Saved.'}
      leaves={app !== null}
      disabled={missing}
      onSubmit={save}
      wordsFor={takenWords}
    >
      {app === null && (
        <ExactField
          label="Id"
          testId="own-app-id"
          value={appId}
          onValue={(value) => setAppId(value.toLowerCase())}
          maxLength={32}
          placeholder="shop"
          hint={<p className="hint">2 to 32 small letters, digits and hyphens.</p>}
        />
      )}
      <Fields testId={testId} said={said} onSaid={(over) => setSaid({ ...said, ...over })} />
    </Form>
  );
}

interface FieldsProps {
  readonly testId: string;
  readonly said: Said;
  readonly onSaid: (over: Partial<Said>) => void;
}

function Fields({ testId, said, onSaid }: FieldsProps) {
  return (
    <>
      <div className="two">
        <TextField
          label="Name"
          testId={`${testId}-name`}
          value={said.name}
          onValue={(name) => onSaid({ name })}
          maxLength={NAME_MAX_LENGTH}
          placeholder="My shop"
          autoComplete="off"
        />
        <TextField
          label="Icon, an emoji"
          testId={`${testId}-icon`}
          value={said.icon}
          onValue={(icon) => onSaid({ icon })}
          maxLength={16}
          placeholder="🛒"
          autoComplete="off"
        />
      </div>
      <TextArea
        label="Web origins, one a line"
        testId={`${testId}-origins`}
        value={said.origins}
        onValue={(origins) => onSaid({ origins })}
        rows={2}
        placeholder="https://shop.example"
        spellCheck={false}
        hint={<p className="hint">Where the app lives, with https; localhost may do without.</p>}
      />
      <TextArea
        label="Where sign-in may return to, one a line (if not to the root)"
        testId={`${testId}-redirects`}
        value={said.redirects}
        onValue={(redirects) => onSaid({ redirects })}
        rows={2}
        placeholder="https://shop.example/signed-in"
        spellCheck={false}
      />
    </>
  );
}

function takenWords(error: unknown): string | undefined {
  if (error instanceof AuraLinkError && error.reason === 'taken')
    return 'Another app has this id; choose another.';
  return undefined;
}
