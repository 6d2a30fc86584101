/** The apps that may act for her, with what each may do. */
import { useState } from 'react';
import type { ConnectedApp } from '../../../auralink-client/index.ts';
import { AppIcon } from '../call/app-icon.tsx';
import type { PageProps } from '../mount.tsx';
import { Confirm, Empty, Panel, Row, Rows, Waiting } from '../ui/panel.tsx';
import { useLoaded } from '../ui/use-loaded.ts';
import { dayWords, scopeWords } from './words.ts';

export function AppsPage({ auralink }: PageProps) {
  const apps = useLoaded(() => auralink.account.apps());
  const [removing, setRemoving] = useState<ConnectedApp | null>(null);
  return (
    <Panel title="Apps that know your address" intro="Each may do what stands beside it, and no more.">
      <Waiting of={apps} />
      {apps.value?.length === 0 && <Empty>No app yet.</Empty>}
      {apps.value !== null && apps.value.length > 0 && (
        <Rows label="Apps">
          {apps.value.map((app) => (
            <Row
              key={app.appId}
              testId="app"
              lead={<AppIcon app={app} />}
              title={app.name}
              detail={`May ${scopeWords(app.scopes)}. Since ${dayWords(app.since)}.`}
            >
              {app.appId !== auralink.appId && (
                <button
                  type="button"
                  className="button quiet small"
                  aria-label={`Remove ${app.name}`}
                  onClick={() => setRemoving(app)}
                >
                  Remove
                </button>
              )}
            </Row>
          ))}
        </Rows>
      )}
      {removing !== null && (
        <Confirm
          title={`Remove ${removing.name}?`}
          action="Remove it"
          testId="app-remove"
          onClose={() => setRemoving(null)}
          onConfirm={async () => {
            await auralink.account.removeApp(removing.appId);
            await apps.reload();
            setRemoving(null);
          }}
        >
          <p>
            It is signed out on all your devices and does not ring for you any more. You can sign in to it
            again.
          </p>
        </Confirm>
      )}
    </Panel>
  );
}
