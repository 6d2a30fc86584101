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
import { Confirm, Empty, Outcome, Panel, Row, Rows, Waiting } from '../ui/panel.tsx';
import { useAction } from '../ui/use-action.ts';
import { useLoaded } from '../ui/use-loaded.ts';
import { dayWords, momentWords } from './words.ts';

const NAME_MAX_LENGTH = 60;

type Way = 'replace' | 'revoke';
interface Asking {
  readonly way: Way;
  readonly key: AppKey;
}

export function AppKeys({ auralink, app }: { readonly auralink: AuraLink; readonly app: OwnApp }) {
  const keys = useLoaded(() => auralink.ownApps.keys(app.appId));
  const [fresh, setFresh] = useState<NewAppKey | null>(null);
  const [name, setName] = useState('');
  const [asking, setAsking] = useState<Asking | null>(null);
  const [said, setSaid] = useState('');
  const show = async (key: NewAppKey): Promise<void> => {
    setFresh(key);
    await keys.reload();
  };
  const end = async ({ way, key: { keyId, name: of } }: Asking): Promise<void> => {
    if (way === 'replace') {
      await show(await auralink.ownApps.replaceKey(app.appId, keyId));
      setSaid(`${of} has a successor, shown above; the old key is good for a day yet.`);
    } else {
      await auralink.ownApps.revokeKey(app.appId, keyId);
      if (fresh?.keyId === keyId) setFresh(null);
      await keys.reload();
      setSaid(`${of} opens nothing any more.`);
    }
    setAsking(null);
  };
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
              <KeyRow key={key.keyId} of={key} onAsk={setAsking} />
            ))}
          </Rows>
        )}
        <p className="hint good said" role="status" data-testid="app-keys-said">
          {said}
        </p>
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
      {asking !== null && (
        <KeyQuestion asking={asking} onClose={() => setAsking(null)} onConfirm={() => end(asking)} />
      )}
    </>
  );
}

interface KeyQuestionProps {
  readonly asking: Asking;
  readonly onClose: () => void;
  readonly onConfirm: () => Promise<void>;
}

function KeyQuestion({ asking: { way, key }, onClose, onConfirm }: KeyQuestionProps) {
  const isReplaced = way === 'replace';
  return (
    <Confirm
      title={isReplaced ? `Replace ${key.name}?` : `Revoke ${key.name}?`}
      action={isReplaced ? 'Replace it' : 'Revoke it now'}
      testId={`app-key-${way}-confirm`}
      wordsFor={keyWords}
      onClose={onClose}
      onConfirm={onConfirm}
    >
      <p>
        {isReplaced
          ? `You get a successor for the key ending in ${key.hint}, which is good for a day yet.`
          : `The key ending in ${key.hint} opens nothing any more, at once. A server that uses it is shut out.`}
      </p>
    </Confirm>
  );
}

function KeyRow({ of, onAsk }: { readonly of: AppKey; readonly onAsk: (asking: Asking) => void }) {
  const button = (way: Way, words: string) => (
    <button
      type="button"
      className="button quiet small"
      aria-label={`${words} ${of.name} ending in ${of.hint}`}
      onClick={() => onAsk({ way, key: of })}
    >
      {words}
    </button>
  );
  return (
    <Row testId="app-key" title={of.name} detail={keyUseWords(of)}>
      {of.endsAt === null && button('replace', 'Replace')}
      {button('revoke', 'Revoke')}
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
