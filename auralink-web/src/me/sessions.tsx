/** Where she is signed in; each place can be ended, or all but this one. */
import { useState } from 'react';
import type { AccountSession } from '../../../auralink-client/index.ts';
import { AppIcon } from '../call/app-icon.tsx';
import type { PageProps } from '../mount.tsx';
import { Icon } from '../ui/icons.tsx';
import { Confirm, Outcome, Panel, Row, Rows, Waiting } from '../ui/panel.tsx';
import { useAction } from '../ui/use-action.ts';
import { useLoaded } from '../ui/use-loaded.ts';
import { momentWords, sentence } from './words.ts';

const KIND_WORDS: Record<AccountSession['kind'], string> = {
  app: 'App',
  browser: 'Browser at the sign-in page',
  matrix: 'Matrix app',
};

export function SessionsPage({ auralink }: PageProps) {
  const sessions = useLoaded(() => auralink.account.sessions());
  const action = useAction();
  const [all, setAll] = useState(false);
  const here = sessions.value?.sessions.find((one) => one.current)?.device ?? null;
  const others = (sessions.value?.sessions ?? []).filter((one) => !one.current);
  const end = (session: AccountSession): Promise<boolean> =>
    action.run(
      async () => {
        await auralink.account.revokeSession(session.sessionId);
        await sessions.reload();
      },
      `${titleOf(session)} is signed out.`,
    );
  return (
    <Panel
      title="Where you are signed in"
      intro="Something that you do not know? End it, and change your password."
    >
      <Waiting of={sessions} />
      {sessions.value !== null && (
        <Rows label="Sessions">
          {sessions.value.sessions.map((session) => (
            <Row
              key={session.sessionId}
              testId="session"
              lead={session.app === null ? <Icon name="devices" /> : <AppIcon app={session.app} />}
              title={titleOf(session)}
              detail={detailOf(session, here)}
            >
              {session.current ? (
                <span className="chip">This one</span>
              ) : (
                <button
                  type="button"
                  className="button quiet small"
                  aria-disabled={action.busy}
                  aria-label={signOutWords(session, here)}
                  onClick={() => void end(session)}
                >
                  Sign out
                </button>
              )}
            </Row>
          ))}
        </Rows>
      )}
      {sessions.value?.matrixKnown === false && (
        <p className="hint" role="status" data-testid="matrix-unknown">
          Matrix apps cannot be shown at the moment: the Matrix server does not answer.
        </p>
      )}
      <Outcome action={action} testId="sessions-said" />
      {others.length > 0 && (
        <div className="buttons">
          <button
            type="button"
            className="button quiet"
            data-testid="revoke-all"
            aria-disabled={action.busy}
            onClick={() => setAll(true)}
          >
            Sign out everywhere else
          </button>
        </div>
      )}
      {all && (
        <Confirm
          title="Sign out everywhere else?"
          action="Sign out everywhere else"
          testId="revoke-all-confirm"
          onClose={() => setAll(false)}
          onConfirm={async () => {
            await auralink.account.revokeOtherSessions();
            await sessions.reload();
            setAll(false);
          }}
        >
          <p>
            Only this page stays. All other apps, browsers and devices have to sign in again before they ring.
          </p>
        </Confirm>
      )}
    </Panel>
  );
}

/** Two of one app are told apart by their devices. */
function signOutWords(session: AccountSession, here: number | null): string {
  const device = deviceWords(session.device, here);
  return `Sign out ${titleOf(session)}${device === null ? '' : ` on ${device}`}`;
}

function titleOf({ app, label, kind }: AccountSession): string {
  return app?.name ?? label ?? KIND_WORDS[kind];
}

/** `here`: the number of the device on which this page is. */
function detailOf(session: AccountSession, here: number | null): string {
  const { kind, app, label, device, createdAt, lastSeenAt } = session;
  const parts = [
    titleOf(session) === KIND_WORDS[kind] ? null : KIND_WORDS[kind],
    app === null ? null : label,
    deviceWords(device, here),
    seenWords(createdAt, lastSeenAt),
  ];
  return sentence(parts.filter((part) => part !== null).join(' · '));
}

function deviceWords(device: number | null, here: number | null): string | null {
  if (device === null) return null;
  return device === here ? 'this device' : `device ${device}`;
}

function seenWords(createdAt: string | null, lastSeenAt: string | null): string {
  if (lastSeenAt !== null) return `last seen ${momentWords(lastSeenAt)}`;
  return createdAt === null ? 'not seen yet' : `since ${momentWords(createdAt)}`;
}
