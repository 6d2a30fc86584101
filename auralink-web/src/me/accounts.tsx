/** The Matrix accounts that are hers: one of them carries her password, each was proved by its own. */
import { useState } from 'react';
import { AuraLinkError, type MatrixAccount } from '../../../auralink-client/index.ts';
import type { PageProps } from '../mount.tsx';
import { CurrentPasswordField, Form, TextField } from '../ui/form.tsx';
import { Confirm, Panel, Row, Rows, Sheet, Waiting } from '../ui/panel.tsx';
import { useLoaded } from '../ui/use-loaded.ts';
import { passwordWords } from './password.tsx';
import { dayWords } from './words.ts';

function accountWords(error: unknown): string | undefined {
  if (error instanceof AuraLinkError && error.reason === 'account_taken') {
    return 'This account belongs to somebody’s address already.';
  }
  return passwordWords(error);
}

type Asking = { readonly what: 'primary' | 'detach'; readonly account: MatrixAccount } | null;

export function AccountsPage({ auralink }: PageProps) {
  const accounts = useLoaded(() => auralink.identity.accounts());
  const [asking, setAsking] = useState<Asking>(null);
  const done = async (): Promise<void> => {
    await accounts.reload();
    setAsking(null);
  };
  return (
    <>
      <Panel
        title="Your Matrix accounts"
        intro="Messages run over them. Your password is that of the main one."
      >
        <Waiting of={accounts} />
        {accounts.value !== null && (
          <Rows label="Matrix accounts">
            {accounts.value.map((account) => (
              <AccountRow key={account.userId} account={account} onAsk={setAsking} />
            ))}
          </Rows>
        )}
      </Panel>
      <Attach auralink={auralink} onAttached={accounts.reload} />
      {asking?.what === 'detach' && (
        <Confirm
          title={`Detach ${asking.account.userId}?`}
          action="Detach"
          testId="account-detach"
          withPassword
          wordsFor={accountWords}
          onClose={() => setAsking(null)}
          onConfirm={async (password) => {
            await auralink.identity.detachAccount(asking.account.userId, password);
            await done();
          }}
        >
          <p>The account stays; it does not belong to your address any more.</p>
        </Confirm>
      )}
      {asking?.what === 'primary' && (
        <Sheet title="Make it the main account" onClose={() => setAsking(null)}>
          <Proof
            action="Make it the main one"
            testId="account-primary"
            userId={asking.account.userId}
            onProve={async (proof) => {
              await auralink.identity.makePrimary(proof);
              await done();
            }}
          />
        </Sheet>
      )}
    </>
  );
}

function AccountRow({ account, onAsk }: { account: MatrixAccount; onAsk: (asking: Asking) => void }) {
  const { userId, primary, since } = account;
  return (
    <Row title={userId} detail={`Since ${dayWords(since)}`} testId="account">
      {primary ? (
        <span className="chip">Main</span>
      ) : (
        <>
          <button
            type="button"
            className="button quiet small"
            aria-label={`Make main: ${userId}`}
            onClick={() => onAsk({ what: 'primary', account })}
          >
            Make main
          </button>
          <button
            type="button"
            className="button quiet small"
            aria-label={`Detach ${userId}`}
            onClick={() => onAsk({ what: 'detach', account })}
          >
            Detach
          </button>
        </>
      )}
    </Row>
  );
}

interface ProofProps {
  readonly action: string;
  readonly testId: string;
  /** Null: she says which. */
  readonly userId: string | null;
  readonly onProve: (proof: {
    matrixUserId: string;
    password: string;
    currentPassword: string;
  }) => Promise<void>;
}

function Proof({ action, testId, userId, onProve }: ProofProps) {
  const [typed, setTyped] = useState('');
  const [password, setPassword] = useState('');
  const [currentPassword, setCurrent] = useState('');
  const matrixUserId = userId ?? typed.trim();
  const prove = async (): Promise<void> => {
    await onProve({ matrixUserId, password, currentPassword });
    setTyped('');
    setPassword('');
    setCurrent('');
  };
  return (
    <Form
      testId={testId}
      action={action}
      done="Done."
      disabled={matrixUserId === '' || password === '' || currentPassword === ''}
      onSubmit={prove}
      wordsFor={accountWords}
    >
      {userId === null && (
        <TextField
          label="Matrix id"
          testId={`${testId}-user`}
          value={typed}
          onValue={setTyped}
          placeholder="@alice:example.org"
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
        />
      )}
      <CurrentPasswordField
        label={userId === null ? 'That account’s password' : `Password of ${userId}`}
        testId={`${testId}-its-password`}
        value={password}
        onValue={setPassword}
      />
      <CurrentPasswordField testId={`${testId}-password`} value={currentPassword} onValue={setCurrent} />
    </Form>
  );
}

function Attach({ auralink, onAttached }: Pick<PageProps, 'auralink'> & { onAttached: () => Promise<void> }) {
  return (
    <Panel title="Attach another one" intro="Prove it by its password, which we do not keep.">
      <Proof
        action="Attach"
        testId="account-attach"
        userId={null}
        onProve={async (proof) => {
          await auralink.identity.attachAccount(proof);
          await onAttached();
        }}
      />
    </Panel>
  );
}
