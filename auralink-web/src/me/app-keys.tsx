/** The keys of one app: listed by their ends, made, replaced, revoked. A key itself is shown once, when it is made. */
import { useState } from 'react';
import {
  type AppKey,
  type AuraLink,
  AuraLinkError,
  type NewAppKey,
  type OwnApp,
} from '../../../auralink-client/index.ts';
import { copyText } from '../ui/copy.ts';
import { Form, TextField } from '../ui/form.tsx';
import { Icon } from '../ui/icons.tsx';
import { Empty, Outcome, Panel, Row, Rows, Waiting } from '../ui/panel.tsx';
import { useAction } from '../ui/use-action.ts';
import { useLoaded } from '../ui/use-loaded.ts';
import { dayWords, momentWords } from './words.ts';

const NAME_MAX_LENGTH = 60;

export function AppKeys({ auralink, app }: { readonly auralink: AuraLink; readonly app: OwnApp }) {
  const keys = useLoaded(() => auralink.ownApps.keys(app.appId));
  const [fresh, setFresh] = useState<NewAppKey | null>(null);
  const [name, setName] = useState('');
  const action = useAction(keyWords);
  const show = async (key: NewAppKey): Promise<void> => {
    setFresh(key);
    await keys.reload();
  };
  const replace = ({ keyId, name: of }: AppKey) =>
    action.run(
      async () => show(await auralink.ownApps.replaceKey(app.appId, keyId)),
      `${of} has a successor, shown above; the old key is good for a day yet.`,
    );
  const revoke = ({ keyId, name: of }: AppKey) =>
    action.run(async () => {
      await auralink.ownApps.revokeKey(app.appId, keyId);
      if (fresh?.keyId === keyId) setFresh(null);
      await keys.reload();
    }, `${of} opens nothing any more.`);
  return (
    <>
      {fresh !== null && <FreshKey fresh={fresh} />}
      <Panel
        title="Keys"
        intro="With a key your server asks us about its app and its users."
        testId="app-keys"
      >
        <Waiting of={keys} />
        {keys.value?.length === 0 && <Empty>No key yet.</Empty>}
        {keys.value !== null && keys.value.length > 0 && (
          <Rows label={`Keys of ${app.name}`}>
            {keys.value.map((key) => (
              <KeyRow key={key.keyId} of={key} busy={action.busy} onReplace={replace} onRevoke={revoke} />
            ))}
          </Rows>
        )}
        <Outcome action={action} testId="app-keys-said" />
        <Form
          testId="app-key-make"
          action="Make key"
          done="Made: it is shown above, once."
          disabled={name.trim() === ''}
          wordsFor={keyWords}
          onSubmit={async () => {
            await show(await auralink.ownApps.issueKey(app.appId, name.trim()));
            setName('');
          }}
        >
          <TextField
            label="What the key is for"
            testId="app-key-name"
            value={name}
            onValue={setName}
            maxLength={NAME_MAX_LENGTH}
            placeholder="Server"
            autoComplete="off"
          />
        </Form>
      </Panel>
    </>
  );
}

interface KeyRowProps {
  readonly of: AppKey;
  readonly busy: boolean;
  readonly onReplace: (key: AppKey) => Promise<boolean>;
  readonly onRevoke: (key: AppKey) => Promise<boolean>;
}

function KeyRow({ of, busy, onReplace, onRevoke }: KeyRowProps) {
  const button = (words: string, act: (key: AppKey) => Promise<boolean>) => (
    <button
      type="button"
      className="button quiet small"
      aria-disabled={busy}
      aria-label={`${words} ${of.name} ending in ${of.hint}`}
      onClick={() => void act(of)}
    >
      {words}
    </button>
  );
  return (
    <Row testId="app-key" title={of.name} detail={keyUseWords(of)}>
      {of.endsAt === null && button('Replace', onReplace)}
      {button('Revoke', onRevoke)}
    </Row>
  );
}

function keyUseWords({ hint, createdAt, lastUsedAt, endsAt }: AppKey): string {
  const used = lastUsedAt === null ? 'Never used' : `Used ${momentWords(lastUsedAt)}`;
  const ends = endsAt === null ? '' : ` Replaced: good until ${momentWords(endsAt)}.`;
  return `Ends in ${hint}. ${used}. Since ${dayWords(createdAt)}.${ends}`;
}

function keyWords(error: unknown): string | undefined {
  if (error instanceof AuraLinkError && error.reason === 'too_many_keys') {
    return 'This app has as many keys as it may; revoke one first.';
  }
  return undefined;
}

function FreshKey({ fresh }: { readonly fresh: NewAppKey }) {
  const action = useAction();
  return (
    <Panel title={`The key ${fresh.name}`} intro="Copy it now: it is not shown again." testId="app-key-fresh">
      <p className="code" data-testid="app-key-value">
        {fresh.key}
      </p>
      <div className="buttons">
        <button
          type="button"
          className="button primary"
          onClick={() => void action.run(() => copyText(fresh.key), 'Copied.')}
        >
          <Icon name="copy" /> Copy
        </button>
      </div>
      <Outcome action={action} />
    </Panel>
  );
}
